"""The AWS API of a rehearsal: moto behind a gateway, in one process that ends with the one that started it."""

import json
import os
import sys
import threading

import botocore.loaders

# moto opens a session for each service and region, and each session reads botocore's lists again. This takes a quarter of the start. One
# loader, which keeps what it has read, serves all of them. It is set before moto is imported, because moto imports the function by name.
LOADER = botocore.loaders.create_loader()
botocore.loaders.create_loader = lambda search_path_string=None: LOADER

from werkzeug.serving import make_server  # noqa: E402
from werkzeug.test import EnvironBuilder, run_wsgi_app  # noqa: E402

from moto.backends import get_backend  # noqa: E402
from moto.core import DEFAULT_ACCOUNT_ID  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.utilities.utils import PARTITION_NAMES  # noqa: E402

from app import Gateway  # noqa: E402


def serve(application):
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


SERVICES = ["ec2", "rds", "ecs", "elasticloadbalancing", "iam", "logs", "secretsmanager", "sns", "monitoring", "acm", "route53",
            "sts", "ssm", "tagging", "servicequotas"]


def make_iam():
    """Reads the policies that AWS manages for the partition of the account only. moto would read them for every partition."""
    partitions = get_backend("iam")[DEFAULT_ACCOUNT_ID]
    for partition in PARTITION_NAMES:
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true" if partition == "aws" else "false"
        partitions[partition]
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"


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
    make_iam()
    warm(moto)
    ports = {"gateway": serve(gateway), "moto": serve(moto)}
    print(json.dumps(ports), flush=True)
    # The parent holds the other end of standard input. However the parent ends, the read returns and this process ends.
    sys.stdin.read()
    os._exit(0)


main()
