"""Faults to order: an error before or after the call took effect, a dropped answer, a delay, throttling."""

import threading
import time

from protocol import THROTTLED, error

AFTER = {"error_after", "drop_after"}


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.orders = []

    def order(self, orders):
        with self.lock:
            self.orders.extend(dict(order, left={}) for order in orders)

    def clear(self):
        with self.lock:
            self.orders.clear()

    def take(self, call):
        """The fault that this call meets, if any. With `each`, every operation meets it `times` times."""
        with self.lock:
            for order in self.orders:
                if order["operation"] not in ("*", call.name):
                    continue
                if call.operation in order.get("except", []):
                    continue
                key = call.name if order.get("each") else ""
                left = order["left"].setdefault(key, order.get("times", 1))
                if left > 0:
                    order["left"][key] = left - 1
                    return order
        return None


def answer(fault, call):
    """What a fault answers instead of the service; `None` drops the connection."""
    if fault["kind"].startswith("drop"):
        return None
    if fault["kind"] == "throttle":
        status = 503 if call.protocol == "ec2" else 400
        return error(call, THROTTLED[call.protocol], "Rate exceeded", status)
    code = fault.get("code", "InternalError" if call.protocol != "json" else "InternalServerError")
    return error(call, code, "ordered by the rehearsal", fault.get("status", 500))


def delay(fault):
    if fault and fault["kind"] == "delay":
        time.sleep(fault.get("delay_ms", 100) / 1000)
