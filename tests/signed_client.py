"""Signs requests to the Step Functions API as boto3 does, with valid and invalid signatures. `ENDPOINT ACCESS_KEY_ID SECRET_ACCESS_KEY`."""

import datetime
import json
import sys
import urllib.error
import urllib.request

import boto3
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

endpoint, access_key_id, secret_access_key = sys.argv[1:4]


def listed(key=access_key_id, secret=secret_access_key, region="us-east-1", **more):
    client = boto3.client(
        "stepfunctions", endpoint_url=endpoint, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}), **more,
    )
    try:
        return client.list_state_machines(maxResults=10)["stateMachines"]
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def sent(body, headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(endpoint, body, headers)).status
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["__type"], error.code


def expect(found, wanted):
    assert found == wanted, (found, wanted)


expect(listed(), [])
expect(listed(secret="another"), ("InvalidSignatureException", 400))
expect(listed(key="AKIDOTHER"), ("UnrecognizedClientException", 400))
expect(listed(aws_session_token="session"), ("UnrecognizedClientException", 400))
expect(listed(region="eu-west-1"), ("InvalidSignatureException", 400))

now = botocore.auth.get_current_datetime
for minutes, wanted in ((-6, ("InvalidSignatureException", 400)), (6, ("InvalidSignatureException", 400)), (-4, []), (4, [])):
    botocore.auth.get_current_datetime = lambda: now() + datetime.timedelta(minutes=minutes)
    expect(listed(), wanted)
botocore.auth.get_current_datetime = now

headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions.ListStateMachines"}
expect(sent(b"{}", headers), ("MissingAuthenticationTokenException", 400))
expect(sent(b"{}", {**headers, "Authorization": "AWS4-HMAC-SHA256 Credential=a"}), ("IncompleteSignatureException", 400))


def signed(service="states"):
    request = AWSRequest("POST", endpoint + "/", headers, b"{}")
    botocore.auth.SigV4Auth(Credentials(access_key_id, secret_access_key), service, "us-east-1").add_auth(request)
    return dict(request.headers)


expect(sent(b"{}", signed()), 200)
expect(sent(b"{ }", signed()), ("InvalidSignatureException", 400))
expect(sent(b"{}", signed("sqs")), ("InvalidSignatureException", 400))
expect(sent(b"{}", {**signed(), "X-Amz-Target": "AWSStepFunctions.ListActivities"}), ("InvalidSignatureException", 400))
