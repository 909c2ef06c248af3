//! Random definitions and inputs: the machine never panics, and each execution ends or waits for something.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::asl;

/// The most inputs before an execution must have ended: every chain here is short, and loops end by the limit on history events.
const INPUTS_MAX: usize = 2_000;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(u64::MAX)),
        "[ -~]{0,12}".prop_map(Value::from),
        Just(json!("2030-01-01T00:00:00Z")),
        Just(json!("x".repeat(2_000))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-d]", inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Strings that may be expressions, paths or neither.
fn query() -> impl Strategy<Value = Value> {
    let known = [
        "$",
        "$.a",
        "$$",
        "$$.State.Name",
        "$.a[0]",
        "$..b",
        "$.a[?(@.b == 1)]",
        "$v",
        "$v.a",
        "States.UUID()",
        "States.Array($.a, 1)",
        "States.Format('{}', $.a)",
        "{% $states.input %}",
        "{% $v %}",
        "{% [1..5] %}",
        "{% $states.input.a + 1 %}",
        "{% $undefined %}",
        "{% $error('no') %}",
        "{% ($f := function($x){ $f($x) }; $f(1)) %}",
        "{% $states.input.a > 1 %}",
        "{% true %}",
        "{%",
        "$.",
        "$[",
        "",
        "é{}",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(Value::from), 1 => value()]
}

fn field() -> impl Strategy<Value = (String, Value)> {
    let queries = [
        "InputPath",
        "OutputPath",
        "ResultPath",
        "Output",
        "Items",
        "ItemsPath",
        "SecondsPath",
        "TimestampPath",
        "Error",
        "Cause",
        "ErrorPath",
        "CausePath",
        "MaxConcurrencyPath",
        "ToleratedFailureCountPath",
        "Timestamp",
        "TimeoutSecondsPath",
    ];
    let templates = ["Parameters", "Arguments", "Assign", "ItemSelector", "ResultSelector", "Result"];
    let template = ("[a-dv]{1}(\\.\\$)?", query()).prop_map(|(name, query)| json!({ name: query }));
    prop_oneof![
        (prop::sample::select(queries.to_vec()), query()).prop_map(|(name, query)| (name.to_owned(), query)),
        (prop::sample::select(templates.to_vec()), template).prop_map(|(name, value)| (name.to_owned(), value)),
        (0_u64..4).prop_map(|seconds| ("Seconds".to_owned(), json!(seconds))),
        Just(("Retry".to_owned(), json!([{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2 }]))),
        Just(("Catch".to_owned(), json!([{ "ErrorEquals": ["States.ALL"], "Next": "B", "ResultPath": "$.e" }]))),
        Just(("Catch".to_owned(), json!([{ "ErrorEquals": ["States.ALL"], "Next": "B" }]))),
        Just(("QueryLanguage".to_owned(), json!("JSONata"))),
        ("[A-Z][a-z]{1,8}", value()),
    ]
}

fn state() -> impl Strategy<Value = Value> {
    let types = ["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"];
    let next = prop_oneof![Just("A"), Just("B"), Just("C"), Just("D")];
    (prop::sample::select(types.to_vec()), prop::collection::vec(field(), 0..2), next, any::<bool>(), any::<bool>())
        .prop_map(|(kind, fields, next, end, distributed)| {
            let mut state = json!({ "Type": kind });
            match kind {
                "Succeed" | "Fail" => {}
                "Choice" => {
                    state["Choices"] = json!([
                        { "Variable": "$.a", "NumericGreaterThan": 1, "Next": next },
                        { "Not": { "Variable": "$.b", "IsPresent": true }, "Next": "C" }
                    ]);
                    state["Default"] = json!("D");
                }
                _ if end => state["End"] = json!(true),
                _ => state["Next"] = json!(next),
            }
            let inner = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } });
            match kind {
                "Task" => state["Resource"] = json!("flow:test:any"),
                "Wait" => state["Seconds"] = json!(1),
                "Parallel" => state["Branches"] = json!([inner, inner]),
                "Map" => {
                    state["ItemProcessor"] = inner;
                    if distributed {
                        state["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED" });
                    }
                }
                _ => {}
            }
            for (name, value) in fields {
                state[name] = value;
            }
            state
        })
}

/// Feeds the execution the inputs it waits for until it has ended.
fn drive(definition: &Value, input: Value, answers: &[Value]) {
    asl::check(definition, &|_| true);
    let Ok(machine) = asl::parse(definition) else { return };
    let mut execution = Execution::new("any", "any", machine, input);
    let mut now_ms = 1_000_000;
    let mut commands = advance(&mut execution, Input::Start, &Moment { now_ms, entropy: 1 }, &InThisThread).commands;
    for turn in 0..INPUTS_MAX {
        if execution.header.status != ExecutionStatus::Running {
            return;
        }
        let poll = commands.iter().find_map(|command| match command {
            Command::CallStep(call) => Some((call.frame, call.visit, call.attempt)),
            _ => None,
        });
        let input = match poll.filter(|_| execution.in_flight()) {
            Some((frame, visit, attempt)) => {
                let output = answers[turn % answers.len()].clone();
                let answer = match turn % 3 {
                    0 => StepAnswer::Failed(StepError::new(ErrorClass::Unknown, "lost")),
                    _ => StepAnswer::Done { output, changes: Vec::new() },
                };
                Input::Answered { frame, visit, attempt, answer }
            }
            None => {
                let due = execution.header.next_wake_ms;
                assert!(
                    due.is_some() || execution.in_flight(),
                    "it neither ended nor waits for anything: {definition}"
                );
                now_ms = now_ms.max(due.unwrap_or(now_ms));
                Input::TimerFired
            }
        };
        commands.retain(|command| !matches!((command, poll), (Command::CallStep(call), Some(done)) if (call.frame, call.visit, call.attempt) == done));
        let transition = advance(&mut execution, input, &Moment { now_ms, entropy: turn as u64 }, &InThisThread);
        commands.extend(transition.commands);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_definition_and_no_input_panics_or_rests_without_end(
        states in prop::collection::vec(state(), 1..5),
        input in value(),
        answers in prop::collection::vec(value(), 1..3),
        jsonata in any::<bool>(),
    ) {
        let names = ["A", "B", "C", "D"];
        let mut states: serde_json::Map<String, Value> =
            names.iter().zip(states).map(|(name, state)| ((*name).to_owned(), state)).collect();
        for name in names {
            states.entry(name).or_insert_with(|| json!({ "Type": "Succeed" }));
        }
        let mut definition = json!({ "StartAt": "A", "States": states });
        if jsonata {
            definition["QueryLanguage"] = json!("JSONata");
        }
        drive(&definition, input, &answers);
    }

    #[test]
    fn no_json_at_all_makes_parsing_panic(definition in value()) {
        asl::check(&definition, &|_| false);
    }
}

#[test]
fn a_loop_without_end_is_ended_by_the_limit_on_history() {
    for mode in [json!({}), json!({ "Mode": "DISTRIBUTED" })] {
        let endless = json!({
            "StartAt": "I", "States": { "I": { "Type": "Pass", "Next": "I" } }, "ProcessorConfig": mode
        });
        let map = json!({ "Type": "Map", "ItemProcessor": endless, "End": true });
        let machine = asl::parse(&json!({ "StartAt": "A", "States": { "A": map } })).unwrap();
        let mut execution = Execution::new("loop", "loop", machine, json!([1]));
        advance(&mut execution, Input::Start, &Moment { now_ms: 1, entropy: 1 }, &InThisThread);
        while execution.has_more_to_do() {
            advance(&mut execution, Input::TimerFired, &Moment { now_ms: 1, entropy: 1 }, &InThisThread);
        }
        assert_eq!(execution.header.status, ExecutionStatus::Failed);
    }
}
