"""Runs LocalStack 4.14 in this process, with two changes without which these tests cannot use it."""

import jsonata
from localstack.runtime.main import main
from localstack.services.stepfunctions.asl.eval.environment import Environment
from localstack.services.stepfunctions.asl.jsonata import jsonata as bridge


def evaluate(expression):
    """Evaluates JSONata without a Java VM: LocalStack would download one and the Java library."""
    try:
        return jsonata.Jsonata(expression).evaluate(None)
    except Exception as error:
        raise bridge.JSONataException("UNKNOWN", str(error)) from error


create_frame = Environment.as_inner_frame_of


def frame_with_map(cls, env, variable_store, event_history_frame_cache=None):
    """Keeps `$$.Map` in the states of an iteration, as AWS does. LocalStack 4.14 drops it."""
    frame = create_frame(env, variable_store, event_history_frame_cache)
    context = env.states.context_object.context_object_data
    if "Map" in context:
        frame.states.context_object.context_object_data["Map"] = context["Map"]
    return frame


bridge._eval_jsonata = evaluate
Environment.as_inner_frame_of = classmethod(frame_with_map)

if __name__ == "__main__":
    main()
