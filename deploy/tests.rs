#![allow(clippy::unwrap_used)]

use engine::{
    asl::{self, Severity},
    step::{Answer, Registry, Resource, StepContext, StepResult},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    CompileOptions, TaskInput, WORKER_STOPPED, activity_name, activity_placeholder, compile, is_added_state,
    retried_after,
};

fn steps() -> Registry {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Anything {}
    async fn step(_: StepContext, _: Anything) -> StepResult<u8> {
        Ok(Answer::done(1))
    }
    let mut registry = Registry::new();
    registry.register("test:make", "Makes.", &["ec2:CreateVpc"], step);
    registry.register("file:read", "Reads.", &[], step);
    registry.register("approval:request", "Asks.", &[], step);
    registry
}

const OPTIONS: CompileOptions = CompileOptions { heartbeat_seconds: 60, server_asks: false };

fn compiled(definition: &Value) -> Result<crate::Compiled, Vec<asl::Diagnostic>> {
    compile(definition, &steps(), &OPTIONS, &activity_placeholder)
}

fn task(more: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": "flow:test:make", "End": true });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

fn machine(state: Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": state } })
}

/// The errors of Step Functions' own check.
fn errors(definition: &Value) -> Vec<asl::Diagnostic> {
    let mut found =
        asl::check(definition, &|resource| Resource::parse(resource).is_recognized() && !resource.starts_with("flow:"));
    found.retain(|problem| problem.severity == Severity::Error);
    found
}

#[test]
fn a_jsonpath_task_gets_its_visit_and_keeps_its_parameters() {
    let found = compiled(&machine(task(json!({ "Parameters": { "a.$": "$.b" } })))).unwrap();
    let state = &found.definition["States"]["A"];
    assert_eq!(errors(&found.definition), []);
    assert_eq!(state["Resource"], activity_placeholder(&found.activities[0].name));
    assert_eq!(state["Parameters"]["input"], json!({ "a.$": "$.b" }));
    assert_eq!(state["Parameters"]["flow"]["execution.$"], "$$.Execution.Id");
    assert_eq!(state["Parameters"]["flow"]["heartbeatSeconds"], 60);
    assert_eq!(state["HeartbeatSeconds"], 60);
    let whole = compiled(&machine(task(json!({})))).unwrap();
    assert_eq!(whole.definition["States"]["A"]["Parameters"]["input.$"], "$");
}

#[test]
fn a_jsonata_task_gets_its_visit_and_keeps_its_arguments() {
    for (arguments, expected) in [
        (json!({ "QueryLanguage": "JSONata", "Arguments": "{% $x %}" }), json!("{% $x %}")),
        (json!({ "QueryLanguage": "JSONata" }), json!("{% $states.input %}")),
    ] {
        let found = compiled(&machine(task(arguments))).unwrap();
        let arguments = &found.definition["States"]["A"]["Arguments"];
        assert_eq!(arguments["input"], expected);
        assert_eq!(arguments["flow"]["enteredAt"], "{% $states.context.State.EnteredTime %}");
        assert_eq!(errors(&found.definition), []);
    }
}

#[test]
fn a_heartbeat_is_shorter_than_the_timeout_and_the_authors_own_stays() {
    for (given, expected) in [
        (json!({ "TimeoutSeconds": 30 }), json!(29)),
        (json!({ "TimeoutSeconds": 1 }), Value::Null),
        (json!({ "TimeoutSeconds": 600, "HeartbeatSeconds": 7 }), json!(7)),
        (
            json!({ "QueryLanguage": "JSONata", "TimeoutSeconds": "{% $states.input.limit %}" }),
            json!("{% $min([60, ($states.input.limit) - 1]) %}"),
        ),
    ] {
        let found = compiled(&machine(task(given))).unwrap();
        assert_eq!(found.definition["States"]["A"]["HeartbeatSeconds"], expected);
        assert_eq!(errors(&found.definition), []);
    }
}

#[test]
fn the_rule_for_workers_comes_first_and_leaves_time_outs_to_the_author() {
    let rules = |more: Value| {
        let found = compiled(&machine(task(more))).unwrap();
        found.definition["States"]["A"]["Retry"].as_array().unwrap().clone()
    };
    let own = |error: &str| json!({ "Retry": [{ "ErrorEquals": [error] }] });
    let for_workers = json!([WORKER_STOPPED, "States.HeartbeatTimeout"]);
    for more in [json!({}), json!({ "TimeoutSeconds": 30 }), json!({ "TimeoutSecondsPath": "$.seconds" })] {
        let rules = rules(more);
        assert_eq!((rules.len(), &rules[0]["ErrorEquals"]), (1, &for_workers), "a time-out is not retried");
    }
    for error in ["States.ALL", "States.Timeout"] {
        let rules = rules(own(error));
        assert_eq!((&rules[0]["ErrorEquals"], &rules[1]["ErrorEquals"]), (&for_workers, &json!([error])));
    }
    let rules = rules(own("States.HeartbeatTimeout"));
    assert_eq!(rules[0]["ErrorEquals"], json!([WORKER_STOPPED]), "the author's own rule for missed heartbeats decides");
}

#[test]
fn a_visit_has_the_number_of_redrives_if_each_retry_follows_the_end_of_a_worker() {
    let visit = |more: Value| {
        let state = compiled(&machine(task(more))).unwrap().definition["States"]["A"].clone();
        let arguments = if state.get("Arguments").is_some() { &state["Arguments"] } else { &state["Parameters"] };
        arguments["flow"].clone()
    };
    let own = json!([{ "ErrorEquals": ["Other"] }]);
    assert_eq!(visit(json!({ "TimeoutSeconds": 60 }))["redriveCount.$"], "$$.Execution.RedriveCount");
    assert_eq!(visit(json!({ "TimeoutSecondsPath": "$.s" }))["redriveCount.$"], "$$.Execution.RedriveCount");
    let jsonata = json!({ "QueryLanguage": "JSONata", "TimeoutSeconds": "{% $states.input.s %}" });
    assert_eq!(visit(jsonata)["redriveCount"], "{% $states.context.Execution.RedriveCount %}");
    for without in [json!({}), json!({ "TimeoutSeconds": 60, "Retry": own })] {
        assert_eq!(visit(without.clone())["redriveCount.$"], Value::Null, "{without}");
    }
}

#[test]
fn the_rule_for_workers_allows_as_many_attempts_as_the_author_allows_for_every_error() {
    let attempts = |own: Value| {
        let found = compiled(&machine(task(json!({ "Retry": own })))).unwrap();
        found.definition["States"]["A"]["Retry"][0]["MaxAttempts"].clone()
    };
    let rule = |error: &str, most: u32| json!({ "ErrorEquals": [error], "MaxAttempts": most });
    assert_eq!(attempts(json!([rule("States.ALL", 20)])), 20);
    assert_eq!(attempts(json!([rule("Other", 30), rule("States.ALL", 2)])), 6);
    assert_eq!(attempts(json!([{ "ErrorEquals": ["States.ALL"] }])), 6);
    assert_eq!(attempts(json!([])), 6);
}

#[test]
fn the_index_of_an_outer_map_reaches_the_inner_one() {
    for jsonata in [false, true] {
        let inner = json!({ "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "T", "States": { "T": task(json!({})) } } });
        let outer =
            json!({ "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "M", "States": { "M": inner } } });
        let mut definition = machine(outer);
        if jsonata {
            definition["QueryLanguage"] = json!("JSONata");
        }
        let found = compiled(&definition).unwrap();
        assert_eq!(errors(&found.definition), [], "{}", found.definition);
        let text = found.definition.to_string();
        assert!(text.contains("$flowIndex0, "), "{text}");
        assert!(text.contains(r#""statePath":"A/M/T""#), "{text}");
    }
}

#[test]
fn a_task_inside_a_jsonata_state_has_the_query_language_of_the_definition() {
    let inner = json!({ "StartAt": "T", "States": { "T": task(json!({})) } });
    for (kind, field, inside) in [("Map", "ItemProcessor", inner.clone()), ("Parallel", "Branches", json!([inner]))] {
        let outer = json!({ "Type": kind, "QueryLanguage": "JSONata", field: inside, "End": true });
        let found = compiled(&machine(outer)).unwrap();
        assert_eq!(errors(&found.definition), [], "{}", found.definition);
        let text = found.definition.to_string();
        assert!(text.contains("$$.Execution.Id") && !text.contains("$states"), "{text}");
    }
}

#[test]
fn the_states_that_are_added_have_names_of_their_own() {
    let outer = |number: u32| {
        let (map, step) = (format!("M{number}"), format!("T{number}"));
        let steps = json!({ "StartAt": step, "States": { step.clone(): task(json!({})) } });
        let inner = json!({ "Type": "Map", "End": true, "ItemProcessor": steps });
        json!({ "Type": "Map", "ItemProcessor": { "StartAt": map, "States": { map.clone(): inner } } })
    };
    let (mut first, mut second) = (outer(1), outer(2));
    let names = ["1", "2"].map(|number| format!("{}{number}", "x".repeat(60)));
    first["Next"] = json!(names[1]);
    second["End"] = json!(true);
    let definition = json!({ "StartAt": names[0], "States": { names[0].clone(): first, names[1].clone(): second } });
    let found = compiled(&definition).unwrap();
    assert_eq!(errors(&found.definition), [], "{}", found.definition);
    let mut added = Vec::new();
    asl::each_state(&found.definition, &mut |state| {
        added.extend(is_added_state(state.name).then(|| state.name.to_owned()));
    });
    assert_eq!(added.len(), 2, "{added:?}");
    assert_ne!(added[0], added[1]);
}

#[test]
fn what_step_functions_cannot_do_is_refused_where_it_is() {
    let codes = |definition: &Value| -> Vec<(&'static str, String)> {
        compiled(definition).unwrap_err().into_iter().map(|problem| (problem.code, problem.location)).collect()
    };
    let distributed = |kind: &str, reader: Value| {
        json!({ "Type": "Map", "End": true, "ItemReader": reader, "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": kind },
            "StartAt": "T", "States": { "T": task(json!({})) } } })
    };
    let s3 = json!({ "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": { "InputType": "JSON" },
        "Parameters": { "Bucket": "b", "Key": "k" } });
    let expected = ("ACTIVITY_IN_EXPRESS", "/States/A/ItemProcessor/States/T".to_owned());
    assert_eq!(codes(&machine(distributed("EXPRESS", s3.clone()))), [expected]);
    assert!(compiled(&machine(distributed("STANDARD", s3))).is_ok());
    let token = task(json!({ "Parameters": { "token.$": "$$.Task.Token" } }));
    assert_eq!(codes(&machine(token)), [("TOKEN_OF_ACTIVITY", "/States/A/Parameters".to_owned())]);
    let long = json!({ "Type": "Pass", "Result": "x".repeat(1 << 20), "End": true });
    assert!(codes(&machine(long)).contains(&("DEFINITION_TOO_LARGE", String::new())));
    let large = json!({ "Type": "Pass", "Result": "x".repeat(257 << 10), "End": true });
    assert_eq!(codes(&machine(large)), [("PAYLOAD_TOO_LARGE", "/States/A/Result".to_owned())]);
    // A worker receives the visit beside the arguments.
    let literal = |bytes: usize| machine(task(json!({ "Parameters": { "a": "x".repeat(bytes - 8) } })));
    let too_large = [("PAYLOAD_TOO_LARGE", "/States/A/Parameters".to_owned())];
    assert_eq!(codes(&literal((256 << 10) - 350)), too_large);
    assert_eq!(codes(&literal((256 << 10) + 1)), too_large, "reported once");
    assert!(compiled(&literal(255 << 10)).is_ok());
    let approval = json!({ "Type": "Task", "Resource": "flow:approval:request", "End": true });
    assert_eq!(codes(&machine(approval)), [("APPROVAL_ON_WORKER", "/States/A".to_owned())]);
    let unknown = json!({ "Type": "Task", "Resource": "flow:none:none", "Parameters": { "Password": "hunter2hunter2" }, "End": true });
    let reported: Vec<_> = codes(&machine(unknown)).into_iter().map(|(code, _)| code).collect();
    assert!(reported.len() > 1 && reported.contains(&"SECRET_IN_DEFINITION"), "all at once: {reported:?}");
}

#[test]
fn a_value_that_is_not_a_definition_is_refused_without_a_panic() {
    let wrong = [
        json!(5),
        json!({ "States": { "A": 5, "B": [], "C": { "Type": "Map", "ItemProcessor": [] } } }),
        json!({ "StartAt": 1, "States": { "A": { "Type": "Parallel", "Branches": [1, { "States": 2 }] } } }),
        json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": "flow:test:make", "Retry": [1, {}], "Parameters": 1 } } }),
    ];
    for definition in wrong {
        assert!(compiled(&definition).is_err(), "{definition}");
    }
}

#[test]
fn an_approval_stays_as_it_is_for_a_server_that_asks_itself() {
    let approval = json!({ "Type": "Task", "Resource": "flow:approval:request", "Next": "B" });
    let definition = json!({ "StartAt": "A", "States": { "A": approval.clone(), "B": task(json!({})) } });
    let options = CompileOptions { server_asks: true, ..OPTIONS };
    let found = compile(&definition, &steps(), &options, &activity_placeholder).unwrap();
    assert_eq!(found.definition["States"]["A"], approval);
    assert_eq!(found.activities.len(), 1, "the approval needs no worker: {:?}", found.activities);
}

#[test]
fn a_token_is_the_same_for_every_attempt_and_another_for_every_visit() {
    let input = |time: &str, retries: u32, index: &[u64]| {
        let flow = json!({ "execution": "arn:e", "startedAt": "2026-01-01T00:00:00.000Z", "statePath": "A", "enteredAt": time,
            "retryCount": retries, "index": index, "timeoutSeconds": 5 });
        TaskInput::read(&json!({ "flow": flow, "input": 1 }).to_string()).unwrap().flow
    };
    let first = input("2026-01-01T00:00:00.001Z", 0, &[1]);
    assert_eq!(first.token(), input("2026-01-01T00:00:00.001Z", 3, &[1]).token());
    assert_ne!(first.token(), input("2026-01-01T00:00:00.002Z", 0, &[1]).token());
    assert_ne!(first.token(), input("2026-01-01T00:00:00.001Z", 0, &[1, 0]).token());
    assert!(TaskInput::read(r#"{"a": 1}"#).is_err());
}

#[test]
fn an_activity_is_named_after_its_step_and_the_steps_schemas() {
    let description = steps().find("flow:test:make").unwrap().description();
    let name = activity_name(&description);
    assert!(name.starts_with("flow-test-make-") && name.len() <= 80, "{name}");
    let mut other = description.clone();
    other.input_schema = json!({ "type": "string" });
    assert_ne!(activity_name(&other), name);
    other.name = "x".repeat(200);
    assert_eq!(activity_name(&other).len(), 80);
}

/// Definitions with steps at any depth of Parallel and Map, in both query languages.
fn any_machine() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(task(json!({}))),
        (2_u64..100).prop_map(|seconds| task(json!({ "TimeoutSeconds": seconds }))),
        Just(json!({ "Type": "Pass", "End": true })),
    ];
    let state = leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|state| json!({ "Type": "Map", "End": true, "ItemProcessor": machine(state) })),
            inner.prop_map(|state| json!({ "Type": "Parallel", "End": true, "Branches": [machine(state)] })),
        ]
    });
    (state, any::<bool>()).prop_map(|(state, jsonata)| {
        let mut definition = machine(state);
        let mut next = 0;
        rename(&mut definition, &mut next);
        if jsonata {
            definition["QueryLanguage"] = json!("JSONata");
        }
        definition
    })
}

/// Gives every state a unique name, as Step Functions requires.
fn rename(machine: &mut Value, next: &mut u32) {
    let mut state = machine["States"]["A"].take();
    let name = format!("S{next}");
    *next += 1;
    for branch in state.get_mut("Branches").and_then(Value::as_array_mut).into_iter().flatten() {
        rename(branch, next);
    }
    if let Some(processor) = state.get_mut("ItemProcessor") {
        rename(processor, next);
    }
    *machine = json!({ "StartAt": name, "States": { name.clone(): state } });
}

proptest! {
    #[test]
    fn every_definition_that_runs_here_compiles_to_one_that_step_functions_accepts(definition in any_machine()) {
        let found = compiled(&definition).unwrap();
        prop_assert_eq!(errors(&found.definition), []);
        prop_assert!(!found.definition.to_string().contains("flow:test"));
    }
}

#[test]
fn a_task_that_is_given_back_is_retried_when_the_added_rule_says() {
    let found = compiled(&machine(task(json!({})))).unwrap();
    let rule = &found.definition["States"]["A"]["Retry"][0];
    let seconds = |retry_count: u32| retried_after(retry_count).as_secs();
    let interval = rule["IntervalSeconds"].as_u64().unwrap();
    let rate = rule["BackoffRate"].as_u64().unwrap();
    assert_eq!((seconds(0), seconds(1), seconds(2)), (interval, interval * rate, interval * rate * rate));
    assert_eq!(seconds(u32::MAX), rule["MaxDelaySeconds"].as_u64().unwrap());
}
