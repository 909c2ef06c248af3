"""Faults: an error before or after the call took effect, a dropped answer, a delay, throttling.

An order is `{"operation": "ec2:CreateVpc" or "*", "kind": ..., "times": 1, "each": false, "mutations": false}`: with `each` every
operation meets the fault `times` times; with `mutations` only operations that change something do. With `pid` it belongs to the command
that runs in this process: it ends with the process, however that ends.
"""

import fnmatch
import os
import re
import threading
import time

from protocol import THROTTLED, error

AFTER = {"error_after", "drop_after"}
CHANGED = {"delay", "one_zone"}
# Kinds that are not the answer of one call, but a condition of the world until it is cleared.
CONDITIONS = {"condition"}
# A permission that AWS checks in calls of other services.
PASS_ROLE = "iam:PassRole"
READS = ("Describe", "List", "Get", "Lookup", "Search")
# AWS's own texts of refusals, by call and code, then by code.
TEXTS = {
    "elbv2:CreateLoadBalancer=OperationNotPermitted": "This AWS account currently does not support creating load balancers. For more "
    "information, please contact AWS Support.",
    "elbv2:DeleteLoadBalancer=OperationNotPermitted": "Load balancer cannot be deleted because deletion protection is enabled",
    "ec2:TerminateInstances=OperationNotPermitted": "The instance may not be terminated. Modify its 'disableApiTermination' instance "
    "attribute and try again.",
    "ec2:RunInstances=InvalidParameterCombination": "The specified instance type is not eligible for Free Tier. For a list of Free Tier "
    "instance types, run 'describe-instance-types' with the filter 'free-tier-eligible=true'.",
    "FreeTierRestrictionError": "The specified backup retention period exceeds the maximum available to free tier customers. To remove "
    "all limitations, upgrade your account plan.",
    "PendingVerification": "Your request for accessing resources in this region is being validated, and you will not be able to launch "
    "additional resources in this region until the validation is complete. We will notify you by email once your request has been "
    "validated.",
    "Blocked": "This account is currently blocked and not recognized as a valid account. Please contact aws-verification@amazon.com if "
    "you have questions.",
    "OptInRequired": "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.",
    "SubscriptionRequiredException": "The AWS Access Key Id needs a subscription for the service",
    "VcpuLimitExceeded": "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the "
    "specified instance type belongs to.",
    "VpcLimitExceeded": "The maximum number of VPCs has been reached.",
}


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.orders = []
        self.conditions = {}
        # The texts of ordered faults that have occurred.
        self.occurred = set()

    def order(self, orders):
        with self.lock:
            for order in orders:
                self.occurred.discard(order.get("fault"))
                order["started"] = started(order.get("pid"))
                if order["kind"] in CONDITIONS:
                    self.conditions[order["operation"]] = order
                else:
                    self.orders.append(dict(order, left={}))

    def clear(self):
        with self.lock:
            self.orders.clear()
            self.conditions.clear()
            self.occurred.clear()

    def disarm(self, pid):
        """Ends the faults of a command."""
        with self.lock:
            self.keep(lambda order: order.get("pid") != pid)

    def keep(self, wanted):
        self.orders = [order for order in self.orders if wanted(order)]
        self.conditions = {name: order for name, order in self.conditions.items() if wanted(order)}

    def armed(self, name, among=None):
        """The order of a condition of the world, such as `ecs:service`; `None` if it is not set, or not `among` some values."""
        service, what = name.split(":")
        order = self.conditions.get(name) or self.conditions.get(f"*:{what}")
        if order is None or not lives(order) or (among and order["value"] not in among):
            return None
        self.occurred.add(order.get("fault"))
        return order

    def condition(self, name, among=None):
        """The value of a condition of the world, such as `rollback` of `ecs:service`; `None` if it is not set, or not `among` some."""
        order = self.armed(name, among)
        return order and order["value"]

    def never_occurred(self):
        """The texts of the ordered faults that no call has met."""
        with self.lock:
            ordered = [order.get("fault") for order in [*self.orders, *self.conditions.values()]]
            return [fault for fault in ordered if fault and fault not in self.occurred]

    def take(self, call):
        """The fault of this call, if any. With `each`, every operation meets it `times` times."""
        with self.lock:
            self.keep(lives)
            for order in self.orders:
                passes = order["operation"] == PASS_ROLE and passed_role(call)
                if not passes and not fnmatch.fnmatchcase(call.name, order["operation"]):
                    continue
                if order.get("mutations") and call.operation.startswith(READS):
                    continue
                key = call.name if order.get("each") else ""
                left = order["left"].setdefault(key, order.get("times", 1))
                if left > 0:
                    order["left"][key] = left - 1
                    self.occurred.add(order.get("fault"))
                    return order
        return None


def started(pid):
    """When a process was started, in the kernel's ticks; `None` if it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    # A process that has ended and whose parent has not noticed it is a zombie.
    return None if fields[0] in "ZX" else fields[19]


def lives(order):
    """Whether the command that ordered a fault runs. A fault without a command stays until it is cleared."""
    pid = order.get("pid")
    return pid is None or (order["started"] is not None and started(pid) == order["started"])


def passed_role(call):
    """The role that a call passes to a service, for which AWS checks the permission `iam:PassRole`; `None` if it passes none."""
    names = {"ecs:RegisterTaskDefinition": ("executionRoleArn", "taskRoleArn"), "ecs:CreateService": ("role",),
             "ec2:RunInstances": ("IamInstanceProfile.Arn", "IamInstanceProfile.Name")}.get(call.name, ())
    return next((call.parameters[name] for name in names if call.parameters.get(name)), None)


def answer(fault, call):
    """The answer of a fault in place of the service's; `None` drops the connection."""
    if fault["kind"].startswith("drop"):
        return None
    if fault["kind"] == "throttle":
        status = 503 if call.protocol == "ec2" else 400
        return error(call, THROTTLED[call.protocol], "Rate exceeded", status)
    if fault["kind"] == "expired":
        code = {"ec2": "RequestExpired", "json": "ExpiredTokenException"}.get(call.protocol, "ExpiredToken")
        return error(call, code, "The security token included in the request is expired", 400)
    if fault["kind"] in ("denied", "denied-scp"):
        code = {"ec2": "UnauthorizedOperation", "json": "AccessDeniedException"}.get(call.protocol, "AccessDenied")
        service = {"elbv2": "elasticloadbalancing"}.get(call.service, call.service)
        action, resource = f"{service}:{call.operation}", ""
        if fault.get("operation") == PASS_ROLE:
            action, resource = PASS_ROLE, f" on resource: {passed_role(call)}"
        who = "User: arn:aws:iam::123456789012:user/rehearsal"
        why = f"because no identity-based policy allows the {action} action"
        if fault["kind"] == "denied-scp":
            why = "with an explicit deny in a service control policy"
        return error(call, code, f"{who} is not authorized to perform: {action}{resource} {why}",
                     400 if call.protocol == "json" else 403)
    code = fault.get("code", "InternalError" if call.protocol != "json" else "InternalServerError")
    text = TEXTS.get(f"{call.name}={code}") or TEXTS.get(code, "ordered by the rehearsal")
    return error(call, code, text, fault.get("status", 500))


def delay(fault):
    if fault and fault["kind"] == "delay":
        time.sleep(fault.get("delay_ms", 100) / 1000)


def one_zone(result):
    """A region with a single Availability Zone: keeps only the first item of the answer."""
    status, content_type, out = result
    first = re.search(rb"<item>.*?<zoneName>.*?</zoneName>.*?</item>", out, re.DOTALL)
    items = re.compile(rb"<availabilityZoneInfo>.*</availabilityZoneInfo>", re.DOTALL)
    only = b"<availabilityZoneInfo>" + (first.group(0) if first else b"") + b"</availabilityZoneInfo>"
    return status, content_type, items.sub(lambda _: only, out)
