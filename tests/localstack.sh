#!/bin/sh
# Runs the differential tests and the campaign of the workers against LocalStack's Step Functions, in host mode, on
# 127.0.0.1 only. Opt-in: it installs LocalStack 4.14 with Python 3.13 into a separate folder, which takes a minute and
# half a gigabyte.
#
#   tests/localstack.sh [FOLDER]
#
# PYTHON names another Python 3.13. FLOW_TEST_WORKERS=1 runs the complete campaign of 300 executions. Without it the script
# takes about three minutes after the build, with it about six; on a machine whose processors are busy, several times as long.
set -eu
tests="$(cd "$(dirname "$0")" && pwd)"
folder="${1:-${XDG_CACHE_HOME:-$HOME/.cache}/flow/localstack}"
# Not `.complete`, which marks the Python environment of a rehearsal.
if [ ! -e "$folder/.installed" ]; then
    # LocalStack 4.14 starts with older versions of Python, and then fails at its first call.
    "${PYTHON:-python3.13}" -m venv "$folder"
    timeout 900 "$folder/bin/pip" install --quiet 'localstack-core[runtime]==4.14.0' 'localstack==4.14.0' 'pyopenssl<26' \
        'cryptography<47' 'cbor2<5.8' service_identity 'jsonata-python==0.7.1'
    touch "$folder/.installed"
fi
# Another server on this address would be tested instead.
if curl --silent --output /dev/null http://127.0.0.1:4566/; then
    echo "127.0.0.1:4566 is in use" >&2
    exit 1
fi
# Without GATEWAY_SERVER and GATEWAY_LISTEN LocalStack would listen on every address. Its `localstack` command is not
# used: without a network, it waits for minutes.
mkdir -p "$folder/home"
HOME="$folder/home" GATEWAY_SERVER=hypercorn GATEWAY_LISTEN=127.0.0.1:4566 SERVICES=stepfunctions,sts,iam,sqs,lambda \
    DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0 LS_LOG=error \
    timeout --kill-after=5 3600 "$folder/bin/python" "$tests/localstack_host.py" > "$folder/log" 2>&1 &
started=$!
# LocalStack may ignore SIGTERM while polls are open, so `timeout` kills it. Its end frees the address for the next start.
trap 'kill $started 2>/dev/null || true; wait $started 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# The first call loads the service, which takes some seconds.
tries=0
until curl --silent --fail --output /dev/null --header 'X-Amz-Target: AWSStepFunctions.ListActivities' \
    --header 'Content-Type: application/x-amz-json-1.0' --data '{}' --max-time 90 http://127.0.0.1:4566/; do
    tries=$((tries + 1))
    kill -0 "$started" && [ "$tries" -lt 120 ] || { echo "LocalStack did not start; see $folder/log" >&2; exit 1; }
    sleep 1
done
# The campaign is last: LocalStack gives a task to each poll of a killed worker for up to 60 s, which the differential tests
# would wait for.
for filter in differential:: campaign::every; do
    FLOW_TEST_STEP_FUNCTIONS=http://127.0.0.1:4566 cargo test --locked --test main -- --nocapture --test-threads 1 "$filter"
done
