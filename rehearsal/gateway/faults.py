"""Faults: an error before or after the call took effect, a dropped answer, a delay, throttling.

An order is `{"operation": "ec2:CreateVpc" or "*", "kind": ..., "times": 1, "each": false, "mutations": false}`: with `each` every
operation meets the fault `times` times; with `mutations` only operations that change something do.
"""

import fnmatch
import re
import threading
import time

from protocol import THROTTLED, error

AFTER = {"error_after", "drop_after"}
CHANGED = {"delay", "one_zone"}
# Kinds that are not the answer of one call, but a condition of the world until it is cleared.
CONDITIONS = {"condition"}
READS = ("Describe", "List", "Get", "Lookup", "Search")


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.orders = []
        self.conditions = {}

    def order(self, orders):
        with self.lock:
            for order in orders:
                if order["kind"] in CONDITIONS:
                    self.conditions[order["operation"]] = order["value"]
                else:
                    self.orders.append(dict(order, left={}))

    def clear(self):
        with self.lock:
            self.orders.clear()
            self.conditions.clear()

    def condition(self, name):
        """The value of a condition of the world, such as `rollback` of `ecs:service`; `None` if it is not set."""
        service, what = name.split(":")
        return self.conditions.get(name) or self.conditions.get(f"*:{what}")

    def take(self, call):
        """The fault of this call, if any. With `each`, every operation meets it `times` times."""
        with self.lock:
            for order in self.orders:
                if not fnmatch.fnmatchcase(call.name, order["operation"]):
                    continue
                if order.get("mutations") and call.operation.startswith(READS):
                    continue
                key = call.name if order.get("each") else ""
                left = order["left"].setdefault(key, order.get("times", 1))
                if left > 0:
                    order["left"][key] = left - 1
                    return order
        return None


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
    if fault["kind"] == "denied":
        code = {"ec2": "UnauthorizedOperation", "json": "AccessDeniedException"}.get(call.protocol, "AccessDenied")
        service = {"elbv2": "elasticloadbalancing"}.get(call.service, call.service)
        who = "User: arn:aws:iam::123456789012:user/rehearsal"
        return error(call, code, f"{who} is not authorized to perform: {service}:{call.operation} because no identity-based "
                     f"policy allows the {service}:{call.operation} action", 400 if call.protocol == "json" else 403)
    code = fault.get("code", "InternalError" if call.protocol != "json" else "InternalServerError")
    return error(call, code, "ordered by the rehearsal", fault.get("status", 500))


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
