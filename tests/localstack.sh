#!/bin/sh
# Runs the differential tests against LocalStack's Step Functions, in host mode, on 127.0.0.1 only. Opt-in: it installs
# LocalStack 4.14 with Python 3.13 into a separate folder, which takes some minutes and half a gigabyte.
#
#   tests/localstack.sh [FOLDER]
set -eu
folder="${1:-${XDG_CACHE_HOME:-$HOME/.cache}/flow/localstack}"
if [ ! -e "$folder/.complete" ]; then
    python3.13 -m venv "$folder"
    "$folder/bin/pip" install --quiet 'localstack-core[runtime]==4.14.0' 'localstack==4.14.0' 'pyopenssl<26' \
        'cryptography<47' 'cbor2<5.8' service_identity
    touch "$folder/.complete"
fi
# Without GATEWAY_SERVER and GATEWAY_LISTEN LocalStack would listen on every address.
GATEWAY_SERVER=hypercorn GATEWAY_LISTEN=127.0.0.1:4566 SERVICES=stepfunctions,sts,iam,sqs,lambda DISABLE_EVENTS=1 \
    SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0 "$folder/bin/localstack" start --host --no-banner &
started=$!
trap 'kill $started 2>/dev/null' EXIT
tries=0
until curl --silent --fail --output /dev/null http://127.0.0.1:4566/_localstack/health; do
    tries=$((tries + 1))
    [ "$tries" -lt 120 ] || { echo "LocalStack did not start within 120 s" >&2; exit 1; }
    sleep 1
done
FLOW_TEST_STEP_FUNCTIONS=http://127.0.0.1:4566 cargo test --locked --test main differential::every -- --nocapture
