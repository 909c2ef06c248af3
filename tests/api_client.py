"""Calls the Step Functions API with boto3, a third-party client. `python api_client.py ENDPOINT PHASE`."""

import json
import sys
import time

import boto3
from botocore.config import Config

endpoint, phase = sys.argv[1:3]
client = boto3.client(
    "stepfunctions", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
    config=Config(inject_host_prefix=False, read_timeout=70, retries={"max_attempts": 0}),
)
ROLE = "arn:aws:iam::111111111111:role/flow"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def machine(name, states, start="A", **more):
    definition = json.dumps({"StartAt": start, "States": states})
    return client.create_state_machine(name=name, definition=definition, roleArn=ROLE, **more)["stateMachineArn"]


def ended(arn):
    deadline = time.time() + 30
    while time.time() < deadline:
        found = client.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.02)
    raise AssertionError(f"{arn} does not end")


def types(arn, **more):
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, **more)
    return [event["type"] for page in pages for event in page["events"]]


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except client.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"{code} was not raised")


def executions():
    arn = machine("passes", PASS["States"], "P")
    assert machine("passes", PASS["States"], "P") == arn, "the same create again is the same state machine"
    refused("StateMachineAlreadyExists", machine, name="passes", states=PASS["States"], start="P", type="EXPRESS")
    refused("InvalidName", machine, name="not a name", states=PASS["States"], start="P")
    refused("InvalidDefinition", machine, name="broken", states={"A": {"Type": "Pass"}})
    refused("StateMachineDoesNotExist", client.start_execution, stateMachineArn=arn + "x")
    refused("InvalidExecutionInput", client.start_execution, stateMachineArn=arn, input="{")
    started = client.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')["executionArn"]
    found = ended(started)
    assert (found["status"], found["input"], json.loads(found["output"])) == ("SUCCEEDED", '{"a": 1}', {"a": 1}), found
    refused("ExecutionAlreadyExists", client.start_execution, stateMachineArn=arn, name="one", input='{"a": 1}')
    expected = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert types(started) == expected
    assert types(started, PaginationConfig={"PageSize": 1}) == expected
    assert types(started, reverseOrder=True, PaginationConfig={"PageSize": 3}) == expected[::-1]
    for number in range(4):
        client.start_execution(stateMachineArn=arn, name=f"more-{number}")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 2})
    assert [len(page["executions"]) for page in pages] == [2, 2, 1]
    waits = machine("waits", {"A": {"Type": "Wait", "Seconds": 3600, "End": True}})
    first = client.start_execution(stateMachineArn=waits, name="w", input="{}")["executionArn"]
    assert client.start_execution(stateMachineArn=waits, name="w", input="{}")["executionArn"] == first
    refused("ExecutionAlreadyExists", client.start_execution, stateMachineArn=waits, name="w", input="[]")
    client.stop_execution(executionArn=first, error="Enough", cause="by a test")
    found = ended(first)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "by a test"), found
    client.redrive_execution(executionArn=first)
    assert client.describe_execution(executionArn=first)["redriveCount"] == 1
    refused("ExecutionNotRedrivable", client.redrive_execution, executionArn=started)


def versions():
    arn = machine("versioned", PASS["States"], "P", tags=[{"key": "team", "value": "one"}])
    version = client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    changed = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 2, "End": True}}})
    second = client.update_state_machine(stateMachineArn=arn, definition=changed, publish=True)["stateMachineVersionArn"]
    assert (version[-2:], second[-2:]) == (":1", ":2")
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = client.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    found = ended(client.start_execution(stateMachineArn=alias, input="1")["executionArn"])
    assert (found["output"], found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == ("1", version, alias)
    assert ended(client.start_execution(stateMachineArn=arn, input="1")["executionArn"])["output"] == "2"
    assert refused("ConflictException", client.delete_state_machine_version, stateMachineVersionArn=version) == 409
    client.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == []
    client.delete_state_machine(stateMachineArn=arn)
    refused("StateMachineDoesNotExist", client.describe_state_machine, stateMachineArn=arn)


def nested():
    child = machine("child", PASS["States"], "P")
    for pattern, submitted in (("", False), (".sync", True), (".sync:2", True)):
        task = {
            "Type": "Task", "Resource": f"arn:aws:states:::states:startExecution{pattern}", "End": True,
            "Parameters": {"StateMachineArn": child, "Input": {"a": 1}},
        }
        arn = machine("parent" + pattern.replace(".", "-").replace(":", ""), {"A": task})
        found = ended(client.start_execution(stateMachineArn=arn)["executionArn"])
        assert found["status"] == "SUCCEEDED", found
        assert ("TaskSubmitted" in types(found["executionArn"])) == submitted
        if pattern == ".sync:2":
            assert json.loads(found["output"])["Output"] == {"a": 1}, found
    express = machine("express", PASS["States"], "P", type="EXPRESS")
    assert client.start_sync_execution(stateMachineArn=express, input='{"q": 1}')["status"] == "SUCCEEDED"
    refused("StateMachineTypeNotSupported", client.start_sync_execution, stateMachineArn=child)


def functions():
    arn = "arn:aws:lambda:us-east-1:111111111111:function:"
    found = ended(client.start_execution(
        stateMachineArn=machine("by-arn", {"A": {"Type": "Task", "Resource": arn + "echo", "End": True}}), input='{"a": 1}',
    )["executionArn"])
    assert json.loads(found["output"]) == {"a": 1}, found
    expected = ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]
    assert types(found["executionArn"])[2:5] == expected
    invoke = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}

    def invoked(name, function, **more):
        states = {"A": {**invoke, "Parameters": {"FunctionName": function, "Payload.$": "$"}, **more},
                  "B": {"Type": "Pass", "Parameters": {"caught.$": "$.Error"}, "End": True}}
        if "Catch" not in more:
            del states["B"]
        return ended(client.start_execution(stateMachineArn=machine(name, states), input='"in"')["executionArn"])

    output = json.loads(invoked("echoes", "echo")["output"])
    assert (output["Payload"], output["StatusCode"], output["ExecutedVersion"]) == ("in", 200, "$LATEST"), output
    assert output["SdkHttpMetadata"]["HttpHeaders"]["x-amzn-RequestId"] == "r-1", output
    caught = invoked("caught", "fails", Catch=[{"ErrorEquals": ["Exception"], "Next": "B"}])
    assert json.loads(caught["output"]) == {"caught": "Exception"}, caught
    gone = invoked("gone", "gone")
    assert gone["error"] == "Lambda.ResourceNotFoundException", gone
    assert "Error Code: ResourceNotFoundException; Request ID: r-2" in gone["cause"], gone
    tried = client.test_state(
        definition=json.dumps({**invoke, "Parameters": {"FunctionName": "echo", "Payload.$": "$"}, "OutputPath": "$.Payload"}),
        roleArn=ROLE, input='{"b": 2}',
    )
    assert (tried["status"], json.loads(tried["output"])) == ("SUCCEEDED", {"b": 2}), tried
    retry = [{"ErrorEquals": ["Exception"], "IntervalSeconds": 600}]
    tried = client.test_state(definition=json.dumps({**invoke, "Parameters": {"FunctionName": "fails"}, "Retry": retry}), roleArn=ROLE)
    assert (tried["status"], tried["error"]) == ("RETRIABLE", "Exception"), tried
    token = {**invoke, "Resource": invoke["Resource"] + ".waitForTaskToken",
             "Parameters": {"FunctionName": "echo", "Payload": {"token.$": "$$.Task.Token"}}}
    execution = client.start_execution(stateMachineArn=machine("token", {"A": token}))["executionArn"]
    submitted = []
    while not submitted:
        events = client.get_execution_history(executionArn=execution)["events"]
        submitted = [event for event in events if event["type"] == "TaskSubmitted"]
    payload = json.loads(submitted[0]["taskSubmittedEventDetails"]["output"])["Payload"]
    client.send_task_success(taskToken=payload["token"], output='"back"')
    assert ended(execution)["output"] == '"back"'


def before_the_kill():
    work = client.create_activity(name="work")["activityArn"]
    arn = machine("works", {"A": {"Type": "Task", "Resource": work, "TimeoutSeconds": 600, "HeartbeatSeconds": 300, "End": True}})
    fetched = client.start_execution(stateMachineArn=arn, name="fetched", input='{"job": 1}')
    task = client.get_activity_task(activityArn=work, workerName="w")
    assert json.loads(task["input"]) == {"job": 1}
    offered = client.start_execution(stateMachineArn=arn, name="offered", input='{"job": 2}')
    waits = machine("soon", {"A": {"Type": "Wait", "Seconds": 2, "End": True}})
    waiting = client.start_execution(stateMachineArn=waits, name="waiting")
    print(json.dumps([task["taskToken"], work] + [e["executionArn"] for e in (fetched, offered, waiting)]))


def after_the_kill(token, work, fetched, offered, waiting):
    client.send_task_heartbeat(taskToken=token)
    client.send_task_success(taskToken=token, output='"kept"')
    assert ended(fetched)["output"] == '"kept"'
    task = client.get_activity_task(activityArn=work)
    assert json.loads(task["input"]) == {"job": 2}, "what nobody had fetched is offered again"
    client.send_task_failure(taskToken=task["taskToken"], error="E", cause="C")
    found = ended(offered)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "E", "C")
    assert ended(waiting)["status"] == "SUCCEEDED"
    refused("TaskTimedOut", client.send_task_success, taskToken=token, output="1")
    refused("InvalidToken", client.send_task_success, taskToken="none", output="1")
    expected = ["ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded",
                "TaskStateExited", "ExecutionSucceeded"]
    assert types(fetched) == expected


if phase == "after_the_kill":
    after_the_kill(*json.loads(sys.argv[3]))
else:
    {"executions": executions, "versions": versions, "nested": nested, "functions": functions, "before_the_kill": before_the_kill}[phase]()
