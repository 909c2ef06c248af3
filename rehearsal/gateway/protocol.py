"""Parses requests and formats errors in each of AWS's protocols."""

import json
import re
import uuid
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

JSON_SERVICES = {"acm", "ecs", "logs", "secretsmanager", "ssm", "tagging"}
ROUTE53_OPERATIONS = [
    ("POST", r"/hostedzone/[^/]+/rrset/?$", "ChangeResourceRecordSets"),
    ("GET", r"/hostedzone/[^/]+/rrset$", "ListResourceRecordSets"),
    ("GET", r"/change/[^/]+$", "GetChange"),
    ("GET", r"/hostedzonesbyname$", "ListHostedZonesByName"),
    ("GET", r"/hostedzone/[^/]+$", "GetHostedZone"),
    ("GET", r"/hostedzone$", "ListHostedZones"),
    ("POST", r"/hostedzone$", "CreateHostedZone"),
]


@dataclass
class Call:
    """A request: `service:operation` as an IAM action, and its parameters in the protocol's form."""

    service: str
    operation: str
    protocol: str
    parameters: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def name(self):
        return f"{self.service}:{self.operation}"

    def all(self, prefix):
        """Every value of a list in the Query protocol, such as `GroupId.1`."""
        return [value for name, value in self.parameters.items() if name == prefix or name.startswith(prefix + ".")]


def parse(environ, body):
    scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    service = scope.group(2) if scope else "unknown"
    service = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}.get(service, service)
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        parameters = json.loads(body or b"{}")
        return Call(service, target.rsplit(".", 1)[-1], "json", parameters, body)
    if service == "route53":
        for method, pattern, operation in ROUTE53_OPERATIONS:
            if environ["REQUEST_METHOD"] == method and re.search(pattern, environ["PATH_INFO"]):
                return Call(service, operation, "rest-xml", {"path": environ["PATH_INFO"]}, body)
        return Call(service, environ["REQUEST_METHOD"], "rest-xml", {"path": environ["PATH_INFO"]}, body)
    parameters = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Call(service, parameters.get("Action", "unknown"), "ec2" if service == "ec2" else "query", parameters, body)


THROTTLED = {"ec2": "RequestLimitExceeded", "json": "ThrottlingException", "query": "Throttling", "rest-xml": "Throttling"}


def error(call, code, message, status=400):
    """The error in the service's form: status, content type, body."""
    request_id = str(uuid.uuid4())
    if call.protocol == "json":
        return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    if call.protocol == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return status, "text/xml", text.encode()
