"""The states of resources on AWS that moto skips, derived from a resource's age."""

import durations
import markup
from certificates import Certificates
from databases import Databases
from instances import Instances
from offers import Offers
from stale_lists import StaleLists
from tasks import Tasks


class States(StaleLists, Offers, Instances, Certificates, Databases, Tasks):
    def see(self, call, status, content_type, out):
        """The answer of AWS at this age of the resources."""
        status, content_type, out = self.stale_list(call, status, content_type, out)
        handler = getattr(self, f"{call.service}_{call.operation}", None)
        if handler is None:
            return status, content_type, out
        return handler(call, status, content_type, out)

    def ec2_DescribeNetworkInterfaces(self, call, *answer):
        return self.edit_xml(*answer, lambda root: self.interfaces.add_to(call, root))

    def load_balancers(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "LoadBalancerArn", "State"):
                age = self.age("balancer", markup.text(item, "LoadBalancerArn"))
                if age < durations.LOAD_BALANCER_PROVISIONING:
                    markup.put(item, "provisioning", "State", "Code")

        return self.edit_xml(*answer, edit)

    elbv2_CreateLoadBalancer = elbv2_DescribeLoadBalancers = load_balancers

    def sns_Subscribe(self, call, *answer):
        if call.parameters.get("Protocol") != "email":
            return answer
        return self.edit_xml(*answer, lambda root: [
            setattr(element, "text", "pending confirmation") for element in root.iter() if markup.local(element) == "SubscriptionArn"
        ])

    def sns_ListSubscriptionsByTopic(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "SubscriptionArn", "Protocol"):
                if markup.text(item, "Protocol") == "email":
                    markup.put(item, "PendingConfirmation", "SubscriptionArn")

        return self.edit_xml(*answer, edit)

    def cloudwatch_DescribeAlarms(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "AlarmName", "StateValue"):
                if self.age("alarm", markup.text(item, "AlarmName")) < durations.ALARM_WITHOUT_DATA:
                    markup.put(item, "INSUFFICIENT_DATA", "StateValue")

        return self.edit_xml(*answer, edit)
