"""The states of networks, instances and their SSH."""

import durations
import markup
from resources import Resources


class Instances(Resources):
    def networks(self, call, *answer):
        def edit(root):
            for kind in ("vpcId", "subnetId"):
                for item in markup.having(root, kind, "state"):
                    if self.age(kind, markup.text(item, kind)) < durations.NETWORK_PENDING:
                        markup.put(item, "pending", "state")

        return self.edit_xml(*answer, edit)

    ec2_CreateVpc = ec2_DescribeVpcs = ec2_CreateSubnet = ec2_DescribeSubnets = networks

    def instances(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "instanceId", "instanceState"):
                name, state = markup.text(item, "instanceId"), markup.text(item, "instanceState", "name")
                # Read in every state: the age starts with the call that creates the instance, whose answer is not `running`.
                age = self.age("instance", name)
                if state == "running" and age < durations.INSTANCE_PENDING:
                    self.put_state(item, "0", "pending")
                    for address in ("ipAddress", "dnsName"):
                        markup.remove(item, address)
                elif state == "terminated" and self.age("terminated", name) < durations.INSTANCE_SHUTTING_DOWN:
                    self.put_state(item, "32", "shutting-down")

        return self.edit_xml(*answer, edit)

    def put_state(self, item, code, name):
        markup.put(item, code, "instanceState", "code")
        markup.put(item, name, "instanceState", "name")

    ec2_RunInstances = ec2_DescribeInstances = instances

    def ec2_TerminateInstances(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "instanceId"):
                self.renew("terminated", markup.text(item, "instanceId"))

        return self.edit_xml(*answer, edit)

    def ec2_DescribeInstanceStatus(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "instanceId", "instanceStatus"):
                if self.age("instance", markup.text(item, "instanceId")) < self.checks_end():
                    for part in ("instanceStatus", "systemStatus"):
                        markup.put(item, "initializing", part, "status")

        return self.edit_xml(*answer, edit)

    def checks_end(self):
        return durations.INSTANCE_PENDING + durations.INSTANCE_CHECKS

    def ssh_phase(self):
        """`closed`, then `refuses` (the key), then `open`, by the age of the youngest instance."""
        if self.faults.condition("ec2:ssh") == "unreachable":
            return "closed"
        ages = [self.age("instance", name) for kind, name in list(self.born) if kind == "instance"]
        since = min(ages, default=0) - self.checks_end()
        if since < durations.INSTANCE_SSH_CLOSED:
            return "closed"
        return "refuses" if since < durations.INSTANCE_SSH_CLOSED + durations.INSTANCE_SSH_REFUSES_KEY else "open"
