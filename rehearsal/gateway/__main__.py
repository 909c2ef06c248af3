"""The AWS API of a rehearsal: moto behind a gateway, in one process that ends with the one that started it."""

import json
import os
import sys
import threading

from werkzeug.serving import make_server
from werkzeug.test import EnvironBuilder, run_wsgi_app

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from app import Gateway


def serve(application):
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


SERVICES = ["ec2", "rds", "ecs", "elasticloadbalancing", "iam", "logs", "secretsmanager", "sns", "monitoring", "acm", "route53",
            "sts", "ssm", "tagging", "servicequotas"]


def warm(moto):
    """Calls every service once. moto imports a service at its first call, which takes seconds."""
    for service in SERVICES:
        credential = f"Credential=warm/20260101/us-east-1/{service}/aws4_request"
        builder = EnvironBuilder(method="POST", headers={"Authorization": f"AWS4-HMAC-SHA256 {credential}"})
        try:
            run_wsgi_app(moto, builder.get_environ(), buffered=True)
        except Exception:
            pass  # The request is invalid; only the import matters.


def main():
    speed, domain, region = float(sys.argv[1]), sys.argv[2], sys.argv[3]
    moto = DomainDispatcherApplication(create_backend_app)
    gateway = Gateway(moto, speed, domain, region)
    gateway.seed()
    warm(moto)
    ports = {"gateway": serve(gateway), "moto": serve(moto)}
    print(json.dumps(ports), flush=True)
    # The parent holds the other end of standard input. However the parent ends, the read returns and this process ends.
    sys.stdin.read()
    os._exit(0)


main()
