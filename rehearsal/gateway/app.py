"""The gateway. Logs every call, injects faults, refuses the calls that AWS refuses, and adds the states that moto skips."""

import hashlib
import json
import socket
import threading
import time

from werkzeug.test import run_wsgi_app

from faults import AFTER, CHANGED, Faults, answer, delay, one_zone
from policy import Policy
from protocol import parse
from rules import Rules
from states import States
from tokens import Tokens


def fingerprint(environ, body):
    """A hash of the request. It is the same for a repeated request and reveals none of its content."""
    request = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}".encode() + b"\0" + body
    return hashlib.sha256(request).hexdigest()[:16]


class Gateway:
    def __init__(self, moto, speed, domain, region):
        self.moto, self.speed, self.domain, self.region = moto, speed, domain, region
        self.faults, self.calls, self.lock = Faults(), [], threading.Lock()
        self.states = States(speed, region, self.faults)
        self.rules = Rules(self.states)
        self.tokens, self.policy = Tokens(), Policy(self.states)
        self.last_request = time.time()

    def seed(self):
        """Creates what the account has at the start: a public hosted zone."""
        self.states.backend("route53").create_hosted_zone(
            name=self.domain + ".", private_zone=False, caller_reference="rehearsal", vpcid=None, vpcregion=None,
            delegation_set_id=None, comment="",
        )

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["PATH_INFO"].startswith("/world/"):
            return self.control(environ, body, start_response)
        self.last_request = time.time()
        call = parse(environ, body)
        fault = self.faults.take(call)
        entry = self.log(call, fault, fingerprint(environ, body))
        policy = self.faults.condition("iam:policy")
        if policy and not self.policy.allows(policy, call):
            return self.send(answer({"kind": "denied"}, call), environ, start_response, entry)
        delay(fault)
        if fault and fault["kind"] not in AFTER | CHANGED:
            return self.send(answer(fault, call), environ, start_response, entry)
        result = self.perform(call, environ, body)
        if fault and fault["kind"] == "one_zone":
            result = one_zone(result)
        if fault and fault["kind"] in AFTER:
            entry["applied"] = result[0]
            return self.send(answer(fault, call), environ, start_response, entry)
        return self.send(result, environ, start_response, entry)

    def perform(self, call, environ, body):
        """The answer of AWS at this time: status, content type and body."""
        with self.lock:
            refusal = self.rules.refuse(call)
            if refusal:
                return refusal
            if call.name == "ecs:UpdateService":
                self.states.earlier_revision(call)
            if call.name == "rds:ModifyDBSubnetGroup":
                self.states.keep_subnet_group(call)
            answer = self.tokens.earlier(call) or self.forward(environ, body)
            self.tokens.keep(call, answer)
            return self.states.see(call, *answer)

    def forward(self, environ, body):
        import io

        environ = dict(environ, **{"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        chunks, status, headers = run_wsgi_app(self.moto, environ, buffered=True)
        return int(status.split()[0]), headers.get("Content-Type", "text/xml"), b"".join(chunks)

    def send(self, result, environ, start_response, entry):
        if result is None:
            entry["status"] = "dropped"
            try:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            return []
        status, content_type, out = result
        entry["status"] = status
        start_response(f"{status} X", [
            ("Content-Type", content_type), ("Content-Length", str(len(out))),
            ("x-amzn-requestid", f"rehearsal-{entry['sequence']}"),
        ])
        return [out]

    def log(self, call, fault, asked):
        with self.lock:
            entry = {"sequence": len(self.calls) + 1, "time": time.time(), "call": call.name, "asked": asked,
                     "fault": fault["kind"] if fault else None}
            self.calls.append(entry)
            return entry

    def control(self, environ, body, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/world/")
        result = {}
        if path == "idle":
            result = {"idle_seconds": time.time() - self.last_request}
        elif path == "calls":
            result = self.calls
        elif path == "faults" and method == "POST":
            self.faults.order(json.loads(body))
        elif path == "faults":
            self.faults.clear()
        elif path == "disarm":
            self.faults.disarm(json.loads(body)["pid"])
        elif path == "never-occurred":
            result = self.faults.never_occurred()
        elif path == "ssh":
            result = {"phase": self.states.ssh_phase()}
        elif path == "https":
            result = {"healthy": self.states.application_is_healthy()}
        elif path.startswith("dns/"):
            result = self.states.resolve(path.removeprefix("dns/"))
        elif path != "health":
            start_response("404 Not Found", [])
            return []
        out = json.dumps(result).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(out)))])
        return [out]
