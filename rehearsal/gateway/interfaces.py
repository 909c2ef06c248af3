"""The network interfaces of load balancers, which moto does not create. They exist for some time after their load balancer is deleted, and
prevent the deletion of what they use."""

import durations
import markup


class Interfaces:
    def __init__(self, states):
        self.states = states
        # Keyed by the end of the load balancer's ARN: its subnets, its security groups, and when it was last seen.
        self.used = {}

    def refresh(self):
        for arn, balancer in self.states.backend("elbv2").load_balancers.items():
            part = arn.split(":loadbalancer/")[-1]
            subnets = [subnet.id for subnet in balancer.subnets]
            self.used[part] = (balancer.vpc_id, subnets, list(balancer.security_groups or []))
            self.states.renew("interfaces", part)

    def living(self):
        """Each interface: the load balancer, the VPC, the subnet, the security groups."""
        self.refresh()
        for part, (vpc, subnets, groups) in list(self.used.items()):
            if self.states.age("interfaces", part) >= durations.LOAD_BALANCER_INTERFACES:
                del self.used[part]
                continue
            for subnet in subnets:
                yield part, vpc, subnet, groups

    def holds(self, kind, wanted):
        """Whether an interface uses a security group, a subnet, or any part of a VPC."""
        for _, vpc, subnet, groups in self.living():
            if wanted in {"group": groups, "subnet": [subnet], "vpc": [vpc]}[kind]:
                return True
        return False

    def add_to(self, call, root):
        """Adds the interfaces that match the filters to an answer of DescribeNetworkInterfaces."""
        for list_ in [e for e in root.iter() if markup.local(e) == "networkInterfaceSet"]:
            for number, (part, vpc, subnet, groups) in enumerate(self.living()):
                values = {"description": [f"ELB {part}"], "vpc-id": [vpc], "subnet-id": [subnet], "group-id": groups}
                if self.matches(call, values):
                    self.add(list_, number, part, vpc, subnet, groups)

    def matches(self, call, values):
        for name, wanted in call.parameters.items():
            if not name.endswith(".Name") or not name.startswith("Filter."):
                continue
            prefix = name.removesuffix("Name") + "Value."
            asked = [value for key, value in call.parameters.items() if key.startswith(prefix)]
            if not set(asked) & set(values.get(wanted, [])):
                return False
        return True

    def add(self, list_, number, part, vpc, subnet, groups):
        item = markup.add(list_, "item")
        markup.add(item, "networkInterfaceId", f"eni-{number:017x}")
        markup.add(item, "description", f"ELB {part}")
        markup.add(item, "vpcId", vpc)
        markup.add(item, "subnetId", subnet)
        markup.add(item, "status", "in-use")
        markup.add(item, "requesterId", "amazon-elb")
        set_ = markup.add(item, "groupSet")
        for group in groups:
            markup.add(markup.add(set_, "item"), "groupId", group)
