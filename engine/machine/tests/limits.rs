//! A value that grows or nests without end fails its execution before it fills the memory, overflows a stack, or is stored in a record
//! that cannot be read back.

use super::*;
use crate::{
    query::{Evaluator, SandboxAnswer, SandboxRequest},
    step::ErrorClass,
};

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("core"), |inner, _| json!([inner]))
}

/// Asserts that a limit ended the execution and that all its entries can be read back.
fn assert_ended_by_a_limit(trial: &Trial) {
    assert_eq!((trial.status(), trial.error().as_str()), (ExecutionStatus::Failed, "States.DataLimitExceeded"));
    for entry in &trial.entries {
        let text = serde_json::to_string(entry).unwrap();
        serde_json::from_str::<crate::journal::JournalEntry>(&text).expect("what is written reads back");
    }
}

#[test]
fn a_loop_that_nests_its_input_ends_before_the_record_is_unreadable() {
    let object = json!({ "a": 1 });
    let array = json!([1]);
    let states = [
        json!({ "Type": "Pass", "Parameters": { "a.$": "$" }, "Next": "A" }),
        json!({ "Type": "Pass", "ResultPath": "$.a", "Parameters": { "b.$": "$" }, "Next": "A" }),
        json!({ "Type": "Pass", "Parameters": { "a.$": "States.Array($)" }, "OutputPath": "$.a", "Next": "A" }),
        json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% [[$states.input]] %}", "Next": "A" }),
        json!({ "Type": "Parallel", "Next": "A", "Branches": [
            { "StartAt": "B", "States": { "B": { "Type": "Pass", "End": true } } }
        ] }),
        json!({ "Type": "Map", "ItemsPath": "$", "Next": "A", "ItemProcessor":
            { "StartAt": "B", "States": { "B": { "Type": "Pass", "Parameters": { "c.$": "$" }, "End": true } } }
        }),
    ];
    for state in states {
        let input = if state["Type"] == "Map" { array.clone() } else { object.clone() };
        assert_ended_by_a_limit(&start(json!({ "A": state }), input));
    }
}

#[test]
fn a_variable_that_holds_itself_ends_before_the_record_is_unreadable() {
    for assign in [json!({ "v.$": "States.Array($v)" }), json!({ "v": { "w.$": "$v" } })] {
        let states = json!({
            "A": { "Type": "Pass", "Assign": { "v": 1 }, "Next": "B" },
            "B": { "Type": "Pass", "Assign": assign, "Next": "B" },
        });
        assert_ended_by_a_limit(&start(states, json!({})));
    }
}

#[test]
fn a_variable_that_doubles_and_variables_that_become_many_are_refused() {
    let doubles = json!({
        "A": { "Type": "Pass", "Assign": { "v": "0123456789" }, "Next": "B" },
        "B": { "Type": "Pass", "Assign": { "v.$": "States.Format('{}{}', $v, $v)" }, "Next": "B" },
    });
    assert_ended_by_a_limit(&start(doubles, json!({})));

    let names: Vec<String> = (0..60).map(|number| format!("S{number}")).collect();
    let states: serde_json::Map<String, Value> = (0..60)
        .map(|number| {
            let next = names.get(number + 1).cloned().unwrap_or_else(|| "Z".to_owned());
            let assign = json!({ format!("v{number}.$"): "$" });
            (names[number].clone(), json!({ "Type": "Pass", "Assign": assign, "Next": next }))
        })
        .chain([
            ("A".to_owned(), json!({ "Type": "Pass", "Next": "S0" })),
            ("Z".to_owned(), json!({ "Type": "Succeed" })),
        ])
        .collect();
    let trial = start(Value::Object(states), json!("x".repeat(250_000)));
    assert_ended_by_a_limit(&trial);
    assert!(trial.execution.header.failure.as_ref().unwrap().cause.contains("10485760"));
}

#[test]
fn a_task_is_not_called_with_more_than_it_may_get_nor_believed_with_more_than_it_may_answer() {
    let task = json!({ "A": { "Type": "Task", "Resource": "flow:test:step", "Parameters": { "a.$": "$", "b.$": "$" }, "End": true } });
    let trial = start(task, json!("x".repeat(200_000)));
    assert!(!trial.commands.iter().any(|command| matches!(command, Command::CallStep(_))));
    assert_ended_by_a_limit(&trial);

    let task = || start(json!({ "A": { "Type": "Task", "Resource": "flow:test:step", "End": true } }), json!({}));
    for output in [nested(101), nested(5_000), json!("x".repeat(PAYLOAD_BYTES_MAX)), json!("x".repeat(10_000_000))] {
        let mut trial = task();
        trial.done("A", output);
        assert_ended_by_a_limit(&trial);
        assert!(
            trial.types().contains(&"TaskFailed".to_owned()) && !trial.types().contains(&"TaskSucceeded".to_owned())
        );
    }
    let mut trial = task();
    trial.done("A", nested(100));
    assert_eq!(trial.output(), nested(100));
}

#[test]
fn an_answer_of_a_call_that_is_too_long_is_refused_while_the_call_is_awaited() {
    let resource = "flow:test:step.waitForTaskToken";
    let mut trial = start(
        json!({ "A": { "Type": "Task", "Resource": resource, "Parameters": { "t.$": "$$.Task.Token" }, "End": true } }),
        json!({}),
    );
    trial.done("A", nested(1_000));
    assert_ended_by_a_limit(&trial);

    let mut trial = start(json!({ "A": { "Type": "Task", "Resource": "flow:test:step", "End": true } }), json!({}));
    let next_poll_ms = trial.now_ms + 1;
    let submitted = Some(nested(1_000));
    trial.answer(
        "A",
        StepAnswer::Pending {
            reason: "creating".to_owned(),
            next_poll_ms,
            instructions: None,
            submitted,
            execution: None,
        },
    );
    assert_ended_by_a_limit(&trial);
}

#[test]
fn items_that_are_nested_too_deep_start_no_iteration() {
    let processor = json!({ "StartAt": "B", "States": { "B": { "Type": "Pass", "End": true } } });
    let map = json!({ "Type": "Map", "QueryLanguage": "JSONata", "Items": [nested(110)], "ItemProcessor": processor, "End": true });
    let mut map = map;
    map["ItemProcessor"]["States"]["B"]["QueryLanguage"] = json!("JSONata");
    assert_ended_by_a_limit(&start(json!({ "A": map }), json!({})));
}

#[test]
fn texts_of_an_error_are_cut_where_aws_cuts_them() {
    let long = json!({ "e": "é".repeat(1_000), "c": "é".repeat(100_000) });
    let fail = json!({ "A": { "Type": "Fail", "ErrorPath": "$.e", "CausePath": "$.c" } });
    let trial = start(fail, long);
    let failure = trial.execution.header.failure.as_ref().unwrap();
    assert_eq!((failure.error.chars().count(), failure.cause.chars().count()), (256, 32_768));

    let mut trial = start(json!({ "A": { "Type": "Task", "Resource": "flow:test:step", "End": true } }), json!({}));
    trial.answer("A", StepAnswer::Failed(StepError::new(ErrorClass::Unknown, "x".repeat(10_000_000))));
    assert!(serde_json::to_string(&trial.entries).unwrap().len() < 200_000);
}

/// An execution that never waits yields to other executions and can be cancelled.
#[test]
fn what_runs_without_a_pause_lets_others_in_between() {
    let states = json!({
        "A": { "Type": "Pass", "Next": "B" },
        "B": { "Type": "Choice", "Choices": [{ "Variable": "$.a", "NumericEquals": 1, "Next": "A" }], "Default": "A" },
    });
    let machine = asl::parse(&json!({ "StartAt": "A", "States": states })).unwrap();
    let mut execution = Execution::new("trial-0001", "trial", machine, json!({ "a": 1 }));
    let moment = Moment { now_ms: 1_000, entropy: 1 };
    let begun = advance(&mut execution, Input::Start, &moment, &InThisThread);
    assert!(execution.has_more_to_do());
    assert!(
        begun.commands.contains(&Command::WakeAt { due_ms: 0 }),
        "the next turn comes at once: {:?}",
        begun.commands
    );
    let events = execution.header.last_event_id;
    advance(&mut execution, Input::TimerFired, &moment, &InThisThread);
    assert!(execution.has_more_to_do() && execution.header.last_event_id > events);
    advance(&mut execution, Input::Cancel { error: "Stop".to_owned(), cause: String::new() }, &moment, &InThisThread);
    assert_eq!(execution.header.status, ExecutionStatus::Aborted);
    assert!(!execution.has_more_to_do());
}

#[test]
fn an_expression_without_a_bound_ends_the_turn() {
    let states: serde_json::Map<String, Value> = (0..20)
        .map(|number| {
            let next =
                if number == 19 { json!({ "End": true }) } else { json!({ "Next": format!("S{}", number + 1) }) };
            let mut state =
                json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $replace('a', /a/, 'b') %}" });
            state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
            (format!("S{number}"), state)
        })
        .collect();
    let machine = asl::parse(&json!({ "StartAt": "S0", "States": states })).unwrap();
    let mut execution = Execution::new("trial-0001", "trial", machine, json!({}));
    let moment = Moment { now_ms: 1_000, entropy: 1 };
    advance(&mut execution, Input::Start, &moment, &InThisThread);
    let mut turns = 1;
    while execution.has_more_to_do() {
        advance(&mut execution, Input::TimerFired, &moment, &InThisThread);
        turns += 1;
    }
    assert_eq!(execution.header.status, ExecutionStatus::Succeeded);
    assert!((20..=21).contains(&turns), "{turns} turns");
}

/// An evaluator whose clock advances at every reading, and which can interrupt.
struct SlowEvaluator {
    elapsed_ms: std::sync::atomic::AtomicU64,
    is_interrupted: bool,
}

impl Evaluator for SlowEvaluator {
    fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms.fetch_add(600, std::sync::atomic::Ordering::Relaxed)
    }

    fn sandboxed(&self, _: &SandboxRequest<'_>) -> Option<SandboxAnswer> {
        None
    }

    fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }
}

/// The status and the events of a Map of ten evaluations after its first turn and after all turns.
fn ends_of_evaluations(is_interrupted: bool) -> (ExecutionStatus, u64, ExecutionStatus) {
    let pass = json!({ "Type": "Pass", "Output": "{% $states.input %}", "End": true });
    let processor = json!({ "StartAt": "P", "States": { "P": pass } });
    let map =
        json!({ "Type": "Map", "Items": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "ItemProcessor": processor, "End": true });
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "M", "States": { "M": map } });
    let mut execution = Execution::new("trial-0001", "trial", asl::parse(&definition).unwrap(), json!({}));
    let moment = Moment { now_ms: 1_000, entropy: 1 };
    let evaluator = SlowEvaluator { elapsed_ms: 0.into(), is_interrupted };
    advance(&mut execution, Input::Start, &moment, &evaluator);
    let (status, events) = (execution.header.status, execution.header.last_event_id);
    while execution.has_more_to_do() {
        advance(&mut execution, Input::TimerFired, &moment, &InThisThread);
    }
    (status, events, execution.header.status)
}

#[test]
fn a_turn_that_evaluates_for_long_ends_and_the_next_one_continues() {
    let (status, events, end) = ends_of_evaluations(false);
    assert!(status == ExecutionStatus::Running && events < 40, "{events} events");
    assert_eq!(end, ExecutionStatus::Succeeded);
}

#[test]
fn an_interrupted_turn_executes_no_further_state_and_the_next_one_continues() {
    let (status, events, end) = ends_of_evaluations(true);
    assert!(status == ExecutionStatus::Running && events <= 2, "{events} events");
    assert_eq!(end, ExecutionStatus::Succeeded);
}
