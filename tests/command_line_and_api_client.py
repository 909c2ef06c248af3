"""A Step Functions client that runs concurrently with `flow run`. `ENDPOINT PHASE [ARGUMENT]`."""

import json
import sys
import time

import boto3
from botocore.config import Config

endpoint, phase = sys.argv[1:3]
client = boto3.client(
    "stepfunctions", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
    config=Config(inject_host_prefix=False, retries={"max_attempts": 0}),
)
ROLE = "arn:aws:iam::111111111111:role/flow"
PREFIX = "arn:aws:states:us-east-1:111111111111"
RUN = f"{PREFIX}:execution:waits:w-1"


def expect(found, wanted):
    assert found == wanted, (found, wanted)


def stop_what_flow_run_began():
    machines = client.list_state_machines()["stateMachines"]
    expect([machine["name"] for machine in machines], ["waits"])
    machine = client.describe_state_machine(stateMachineArn=machines[0]["stateMachineArn"])
    expect((machine["status"], json.loads(machine["definition"])["StartAt"]), ("ACTIVE", "First"))
    executions = client.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    expect([execution["executionArn"] for execution in executions], [RUN])
    found = client.describe_execution(executionArn=RUN)
    expect((found["name"], found["status"], json.loads(found["input"])), ("w-1", "RUNNING", {"a": 1}))
    history = client.get_execution_history(executionArn=RUN)["events"]
    expect([event["type"] for event in history][:2], ["ExecutionStarted", "PassStateEntered"])
    again = client.start_execution(stateMachineArn=machine["stateMachineArn"], name="w-1", input=found["input"])
    expect(again["executionArn"], RUN)
    client.stop_execution(executionArn=RUN, error="Enough", cause="by boto3")


def is_redriven():
    found = client.describe_execution(executionArn=RUN)
    expect((found["status"], found["redriveCount"]), ("RUNNING", 1))


def start():
    """A Task for a person and a long wait, in state machines with the names of a rehearsal's executions."""
    activity = client.create_activity(name="person")["activityArn"]
    states = {"A": {"Type": "Task", "Resource": activity, "End": True}}, {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}
    for name, state in zip(("rehearsal-task", "rehearsal-wait"), states):
        definition = json.dumps({"StartAt": "A", "States": state})
        machine = client.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
        client.start_execution(stateMachineArn=machine, name="e-1")


def status(execution):
    arn = f"{PREFIX}:execution:{execution}"
    deadline = time.time() + 20
    while time.time() < deadline:
        found = client.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING" or execution.startswith("rehearsal-wait"):
            break
        time.sleep(0.02)
    print(json.dumps([found["status"], found.get("output"), found.get("error"), found["redriveCount"]]))


globals()[phase](*sys.argv[3:])
