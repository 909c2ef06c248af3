"""Client tokens, which AWS honours and moto does not: a repeated call with the same token returns the first one's answer."""

import json

from protocol import error

# The parameter that holds the token. Source: the service's API reference, each operation's page.
TOKENS = {
    "ec2:RunInstances": "ClientToken",
    "ec2:CreateRouteTable": "ClientToken",
    "ecs:CreateService": "clientToken",
    "acm:RequestCertificate": "IdempotencyToken",
}
# The most stored answers; the oldest is dropped first.
ANSWERS_MAX = 1_000


class Tokens:
    def __init__(self):
        self.answers = {}

    def key(self, call):
        token = call.parameters.get(TOKENS.get(call.name, ""))
        return (call.name, token) if token else None

    def earlier(self, call):
        """The answer of the first call with this token; an error if that call had other parameters."""
        key = self.key(call)
        if key is None or key not in self.answers:
            return None
        asked, answer = self.answers[key]
        if asked != self.asked(call):
            return error(call, "IdempotentParameterMismatch", "The client token was used with other parameters.")
        return answer

    def keep(self, call, answer):
        key = self.key(call)
        if key is None or answer[0] != 200:
            return
        if len(self.answers) >= ANSWERS_MAX:
            self.answers.pop(next(iter(self.answers)))
        self.answers[key] = (self.asked(call), answer)

    def asked(self, call):
        return json.dumps(call.parameters, sort_keys=True, default=str)
