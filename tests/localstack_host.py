"""Runs LocalStack 4.14 in this process, with the changes without which these tests cannot use it."""

import json

import jsonata
from localstack.aws.api.stepfunctions import ActivityDoesNotExist
from localstack.runtime.main import main
from localstack.services.stepfunctions.asl.component.common.error_name.states_error_name import StatesErrorName
from localstack.services.stepfunctions.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from localstack.services.stepfunctions.asl.component.state.state_execution.state_task.state_task_activitiy import (
    StateTaskActivity,
)
from localstack.services.stepfunctions.asl.eval import states, variable_store
from localstack.services.stepfunctions.asl.eval.callback import callback
from localstack.services.stepfunctions.asl.eval.environment import Environment
from localstack.services.stepfunctions.asl.jsonata import jsonata as bridge
from localstack.services.stepfunctions.backend import execution_worker
from localstack.services.stepfunctions.backend.activity import ActivityTask
from localstack.services.stepfunctions.provider import StepFunctionsProvider


def evaluate(expression):
    """Evaluates JSONata without a Java VM: LocalStack would download one and the Java library."""
    try:
        return jsonata.Jsonata(expression).evaluate(None)
    except Exception as error:
        raise bridge.JSONataException("UNKNOWN", str(error)) from error


def declarations(bindings):
    """Writes variables in front of an expression. LocalStack 4.14 writes texts without escapes, so a quotation mark in a
    variable ends it."""
    return "".join(f"{name}:={json.dumps(value, ensure_ascii=False)};" for name, value in bindings.items())


create_frame = Environment.as_inner_frame_of


def frame_with_map(cls, env, variable_store, event_history_frame_cache=None):
    """Keeps `$$.Map` in the states of an iteration, as AWS does. LocalStack 4.14 drops it."""
    frame = create_frame(env, variable_store, event_history_frame_cache)
    context = env.states.context_object.context_object_data
    if "Map" in context:
        frame.states.context_object.context_object_data["Map"] = context["Map"]
    return frame


def add_activity_task(self, callback_id, activity_arn, activity_input):
    """Stores the token of a task before a poll can return the task. LocalStack 4.14 queues the task first: a poll that
    takes it in between fails with InvalidToken, and the task is lost for the 60 s of its time-out."""
    activity = self._activity_store.get(activity_arn)
    if activity is None:
        raise ActivityDoesNotExist()
    endpoint = callback.ActivityCallbackEndpoint(callback_id=callback_id, activity_input=activity_input)
    self._pool[callback_id] = endpoint
    activity.add_task(ActivityTask(task_token=callback_id, task_input=activity_input))
    return endpoint


set_up_heartbeat = callback.CallbackEndpoint.setup_heartbeat_endpoint


def heartbeat_after_answer(self, heartbeat_seconds):
    """Accepts an answer that arrives before LocalStack 4.14 waits for heartbeats: it would accept the answer from the
    worker and then let the attempt end with a time-out."""
    endpoint = set_up_heartbeat(self, heartbeat_seconds)
    if self.get_outcome() is not None:
        endpoint.notify()
    return endpoint


failure_of = StateTaskActivity._from_error


def failure_with_name(self, env, ex):
    """Lets rules for States.HeartbeatTimeout match a missed heartbeat, which LocalStack 4.14 names States.Timeout, and the
    end of the 60 s that it gives a task without TimeoutSeconds."""
    failure = failure_of(self, env, ex)
    is_of_worker = isinstance(ex, callback.HeartbeatTimeoutError) or self.timeout.is_default_value()
    if isinstance(ex, TimeoutError) and is_of_worker:
        failure.error_name = StatesErrorName(typ=StatesErrorNameType.StatesHeartbeatTimeout)
    return failure


all_executions = StepFunctionsProvider._get_executions


def begun_executions(self, context, execution_status=None):
    """Leaves out executions whose definition is still being parsed. While one is, LocalStack 4.14 answers GetActivityTask
    and SendTask* with an internal error, and loses the task that it was about to return."""
    found = all_executions(self, context, execution_status)
    return [execution for execution in found if execution.exec_worker and execution.exec_worker.env]


def execution_data(**fields):
    """Adds `$$.Execution.RedriveCount`, which AWS always has and LocalStack 4.14 does not."""
    return {**fields, "RedriveCount": 0}


bridge._eval_jsonata = evaluate
execution_worker.ExecutionData = execution_data
for user in (states, variable_store):
    user.encode_jsonata_variable_declarations = declarations
Environment.as_inner_frame_of = classmethod(frame_with_map)
callback.CallbackPoolManager.add_activity_task = add_activity_task
callback.CallbackEndpoint.setup_heartbeat_endpoint = heartbeat_after_answer
StateTaskActivity._from_error = failure_with_name
StepFunctionsProvider._get_executions = begun_executions

if __name__ == "__main__":
    main()
