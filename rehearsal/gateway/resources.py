"""What all resources have: an age on AWS's scale, the faults that broke them, and moto's backends."""

import json
import time

import markup
from interfaces import Interfaces
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

# The services of AWS without regions.
GLOBAL_SERVICES = {"route53", "iam"}


class Resources:
    def __init__(self, speed, region, faults):
        self.speed, self.region, self.faults = speed, region, faults
        self.rolled_back = {}
        # What a fault broke, by kind and name: the order of the fault. It stays broken after the command that ordered the fault.
        self.broken = {}
        self.born, self.deleting, self.last_change = {}, {}, 0.0
        self.interfaces = Interfaces(self)

    def backend(self, service):
        where = "aws" if service in GLOBAL_SERVICES else self.region
        return get_backend(service)[DEFAULT_ACCOUNT_ID][where]

    def age(self, kind, name):
        """Seconds on AWS's scale since the resource was first seen."""
        return (time.time() - self.born.setdefault((kind, name), time.time())) * self.speed

    def renew(self, kind, name):
        self.born[(kind, name)] = time.time()

    def break_down(self, kind, name, condition, healthy, lasting=lambda value: True):
        """The fault of a resource: that of an earlier command, or that of a condition which is ordered now; `None` if it is healthy. The
        value `healthy` repairs it."""
        order = self.faults.armed(condition)
        if order and order["value"] == healthy:
            self.broken.pop((kind, name), None)
            return None
        if order and lasting(order["value"]):
            if self.broken.get((kind, name)) is not order:
                self.broken[(kind, name)] = order
                self.born.pop(("grown", name), None)
        elif order:
            return order["value"]
        broken = self.broken.get((kind, name))
        return broken and broken["value"]

    def edit_xml(self, status, content_type, out, edit):
        return status, content_type, markup.change(out, edit) if status == 200 else out

    def edit_json(self, status, content_type, out, edit):
        if status != 200:
            return status, content_type, out
        answer = json.loads(out)
        edit(answer)
        return status, content_type, json.dumps(answer).encode()
