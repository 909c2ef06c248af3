"""Lists by tag that do not contain new resources yet."""

import re

import durations
import markup
from resources import Resources

# The pattern of the created resource's id in the answer of a call.
LISTED = {
    "CreateVpc": rb"<vpcId>([^<]+)<", "CreateSubnet": rb"<subnetId>([^<]+)<", "CreateInternetGateway": rb"<internetGatewayId>([^<]+)<",
    "CreateRouteTable": rb"<routeTableId>([^<]+)<", "CreateSecurityGroup": rb"<groupId>([^<]+)<", "RunInstances": rb"<instanceId>([^<]+)<",
}
# The field with the id of a list's items.
LISTED_IDS = {
    "DescribeVpcs": "vpcId", "DescribeSubnets": "subnetId", "DescribeInternetGateways": "internetGatewayId",
    "DescribeRouteTables": "routeTableId", "DescribeSecurityGroups": "groupId", "DescribeInstances": "instanceId",
}
# Lists of other services by tag: the path of the items, and the field with their id.
LISTED_JSON = {"secretsmanager:ListSecrets": ("SecretList", "ARN"), "tagging:GetResources": ("ResourceTagMappingList", "ResourceARN")}


class StaleLists(Resources):
    def stale_list(self, call, status, content_type, out):
        """With `*:lists=stale`, a list that is filtered by tag does not contain resources that are only some seconds old."""
        if status == 200 and call.name in LISTED_JSON and self.faults.condition(f"{call.service}:lists") == "stale":
            return self.stale_json(call, status, content_type, out)
        if call.service != "ec2" or status != 200:
            return status, content_type, out
        if call.operation in LISTED:
            self.renew("listed", re.search(LISTED[call.operation], out).group(1).decode())
        filtered = any(name.startswith("Filter.") for name in call.parameters)
        if not filtered or call.operation not in LISTED_IDS or self.faults.condition("ec2:lists") != "stale":
            return status, content_type, out

        def edit(root):
            for parent in list(root.iter()):
                for item in [child for child in parent if markup.local(child) == "item"]:
                    name = markup.text(item, LISTED_IDS[call.operation])
                    if ("listed", name) in self.born and self.age("listed", name) < durations.LISTS_LAG:
                        parent.remove(item)

        return self.edit_xml(status, content_type, out, edit)

    def stale_json(self, call, *answer):
        items, name = LISTED_JSON[call.name]

        def edit(answer):
            answer[items] = [item for item in answer.get(items, []) if self.age("listed", item[name]) >= durations.LISTS_LAG]

        return self.edit_json(*answer, edit)
