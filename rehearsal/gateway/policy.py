"""IAM with one policy: a call that it does not allow is denied.

Actions are compared exactly. Names are compared if the steps choose them, EC2's resources and certificates by their tags.
"""

import fnmatch
import re

SERVICES = {"elbv2": "elasticloadbalancing"}
# EC2 ids of resources with tags.
TAGGED = re.compile(r"^(vpc|subnet|igw|rtb|sg|i|key)-[0-9a-f]+$")


class Policy:
    def __init__(self, states):
        self.states = states

    def allows(self, document, call):
        action = f"{SERVICES.get(call.service, call.service)}:{call.operation}"
        statements = [statement for statement in document["Statement"] if action in statement["Action"]]
        # EC2 requires permission for every resource of a call: created ones are in one statement, used ones in another.
        enough = all if call.service == "ec2" and statements else any
        return enough(self.covers(statement, call) for statement in statements)

    def covers(self, statement, call):
        resources = statement["Resource"]
        resources = [resources] if isinstance(resources, str) else resources
        conditions = statement.get("Condition", {}).get("StringLike", {})
        without_name = "*" in resources or call.service == "ec2" or "iam:AWSServiceName" in conditions
        named = without_name or any(self.names(arn, call) for arn in resources)
        return named and all(self.holds(key, value, call) for key, value in conditions.items())

    def names(self, arn, call):
        """Whether a parameter is the ARN, or the name that the ARN ends with."""
        resource = arn.split(":", 5)[5]
        without_kind = re.split("[:/]", resource, maxsplit=1)[-1]
        pieces = [piece for piece in re.split("[:/]", resource)[1:] if piece not in ("", "*")]
        patterns = [pattern for pattern in (arn, resource, without_kind, *pieces) if pattern != "*"]
        return any(fnmatch.fnmatchcase(value, pattern) for value in texts(self.parameters(call)) for pattern in patterns)

    def parameters(self, call):
        return call.parameters if call.protocol != "rest-xml" else {"path": call.parameters["path"].replace("/2013-04-01/", "")}

    def holds(self, key, wanted, call):
        wanted = [wanted] if isinstance(wanted, str) else wanted
        matches = lambda value: any(fnmatch.fnmatchcase(value or "", pattern) for pattern in wanted)
        name = key.partition("/")[2]
        if key.startswith("aws:RequestTag/"):
            # Resources that EC2 uses and does not create have no tags in the request.
            return matches(request_tags(call).get(name))
        if key.startswith("aws:ResourceTag/") and call.service == "ec2":
            ids = [value for value in texts(call.parameters) if TAGGED.match(value)]
            tags = self.states.backend("ec2").tags
            return all(matches(tags.get(id, {}).get(name)) for id in ids)
        if key.startswith("aws:ResourceTag/") and call.service == "acm":
            certificate = self.states.backend("acm")._certificates.get(call.parameters.get("CertificateArn"))
            return certificate is None or matches(certificate.tags.get(name))
        if key == "iam:AWSServiceName":
            return matches(call.parameters.get("AWSServiceName"))
        return True


def texts(value):
    """Every text in the parameters."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def request_tags(call):
    """The tags in a call that creates a resource."""
    if call.protocol == "json":
        listed = call.parameters.get("tags") or call.parameters.get("Tags") or []
        return {tag.get("key") or tag.get("Key"): tag.get("value") or tag.get("Value") for tag in listed}
    tags = {}
    for name, value in call.parameters.items():
        if name.endswith(".Key"):
            tags[value] = call.parameters.get(name.removesuffix("Key") + "Value")
    return tags
