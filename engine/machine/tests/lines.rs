//! Each event names the same previous event as AWS does. Sources: recordings of AWS; floci, pull request 3167.

use serde_json::json;

use super::*;

/// The events as `type <- type of the event that it follows`.
fn chain(trial: &Trial) -> Vec<String> {
    let name = |details: &HistoryEventDetails| match details {
        HistoryEventDetails::StateEntered { name, .. } => format!("enter {name}"),
        HistoryEventDetails::StateExited { name, .. } => format!("exit {name}"),
        HistoryEventDetails::StateAborted { name, .. } => format!("abort {name}"),
        other => event_type(other),
    };
    let events: Vec<_> = trial
        .entries
        .iter()
        .filter_map(|entry| match &entry.content {
            EntryContent::Event(event) => Some(event),
            EntryContent::Note(_) => None,
        })
        .collect();
    let before =
        |id: u64| events.iter().find(|event| event.id == id).map_or("0".to_owned(), |event| name(&event.details));
    events.iter().map(|event| format!("{} <- {}", name(&event.details), before(event.previous_event_id))).collect()
}

fn has(trial: &Trial, links: &[&str]) {
    let chain = chain(trial);
    for link in links {
        assert!(chain.iter().any(|found| found == link), "{link} is not in {chain:#?}");
    }
}

fn map(processor: Value, more: Value) -> Value {
    let mut map = json!({ "Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": true });
    map.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "A": map })
}

fn one(state: Value) -> Value {
    json!({ "StartAt": "I", "States": { "I": state } })
}

#[test]
fn an_iteration_follows_the_one_in_whose_place_it_starts() {
    let trial = start(map(one(json!({ "Type": "Pass", "End": true })), json!({})), json!([1, 2]));
    assert_eq!(
        chain(&trial)[3..],
        [
            "MapIterationStarted <- MapStateStarted",
            "enter I <- MapIterationStarted",
            "exit I <- enter I",
            "MapIterationSucceeded <- exit I",
            "MapIterationStarted <- exit I",
            "enter I <- MapIterationStarted",
            "exit I <- enter I",
            "MapIterationSucceeded <- exit I",
            "MapStateSucceeded <- MapIterationSucceeded",
            "exit A <- MapIterationSucceeded",
            "ExecutionSucceeded <- exit A",
        ]
    );
}

#[test]
fn a_failure_leads_from_the_line_that_failed_and_a_retry_too() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }] });
    let mut trial = start(map(one(json!({ "Type": "Fail", "Error": "E" })), retry), json!([1]));
    trial.sleep();
    has(&trial, &["MapIterationFailed <- enter I", "MapStateStarted <- enter I", "MapStateFailed <- enter I"]);
    has(&trial, &["ExecutionFailed <- MapStateFailed"]);
}

#[test]
fn the_end_of_a_parallel_leads_from_the_branch_that_ended_last() {
    let branch = |name: &str| json!({ "StartAt": name, "States": { name: task(None) } });
    let parallel = json!({ "A": { "Type": "Parallel", "End": true, "Branches": [branch("B"), branch("C")] } });
    let mut trial = start(parallel, json!({}));
    trial.done("A[1]/C", json!(1));
    trial.done("A[0]/B", json!(1));
    has(&trial, &["enter C <- ParallelStateStarted", "ParallelStateSucceeded <- exit B", "exit A <- exit B"]);
}

#[test]
fn a_branch_that_fails_cuts_the_others_short_and_its_own_task() {
    let wait = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 9, "End": true } } });
    let failing = json!({ "StartAt": "T", "States": { "T": task(None) } });
    let parallel = json!({ "A": { "Type": "Parallel", "End": true, "Branches": [failing, wait] } });
    let mut trial = start(parallel, json!({}));
    trial.fail("A[0]/T", ErrorClass::Quota);
    has(&trial, &["abort T <- TaskFailed", "abort W <- TaskFailed", "ParallelStateFailed <- TaskFailed"]);
}

#[test]
fn an_iteration_that_fails_cuts_the_others_short() {
    let route = json!({ "StartAt": "R", "States": {
        "R": { "Type": "Choice", "Choices": [{ "Variable": "$", "NumericEquals": 1, "Next": "Boom" }], "Default": "W" },
        "W": { "Type": "Wait", "Seconds": 9, "End": true },
        "Boom": { "Type": "Fail", "Error": "E" }
    } });
    let trial = start(map(route, json!({ "MaxConcurrency": 2 })), json!([0, 1]));
    let chain = chain(&trial);
    assert_eq!(
        chain[chain.len() - 5..],
        [
            "MapIterationAborted <- enter Boom",
            "abort W <- enter Boom",
            "MapIterationFailed <- enter Boom",
            "MapStateFailed <- enter Boom",
            "ExecutionFailed <- MapStateFailed",
        ]
    );
}

#[test]
fn what_nothing_catches_ends_the_execution_without_an_event_between() {
    let broken = one(json!({ "Type": "Pass", "InputPath": "$.none", "End": true }));
    let trial = start(map(broken, json!({})), json!([{}]));
    assert_eq!(chain(&trial)[4..], ["enter I <- MapIterationStarted", "ExecutionFailed <- enter I"]);
}

#[test]
fn a_distributed_map_is_left_from_the_event_of_its_runs_start() {
    let mut processor = one(json!({ "Type": "Pass", "End": true }));
    processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    let trial = start(map(processor, json!({})), json!([1, 2]));
    has(
        &trial,
        &["MapRunSucceeded <- MapRunStarted", "MapStateSucceeded <- MapRunSucceeded", "exit A <- MapRunStarted"],
    );
    let lengths: Vec<_> = trial
        .entries
        .iter()
        .filter_map(|entry| match &entry.content {
            EntryContent::Event(crate::journal::HistoryEvent {
                details: HistoryEventDetails::MapStateStarted { length, .. },
                ..
            }) => Some(*length),
            _ => None,
        })
        .collect();
    assert_eq!(lengths, [2]);
}

#[test]
fn a_map_whose_items_fail_leads_from_what_its_entering_leads_from() {
    let items = json!({ "QueryLanguage": "JSONata", "Items": "{% 1 %}" });
    let trial = start(map(one(json!({ "Type": "Pass", "End": true })), items), json!({}));
    has(&trial, &["EvaluationFailed <- 0", "MapStateFailed <- EvaluationFailed", "ExecutionFailed <- MapStateFailed"]);
}

#[test]
fn what_is_stopped_or_takes_too_long_ends_with_an_event_that_follows_none() {
    let waits = json!({ "A": { "Type": "Wait", "Seconds": 60, "End": true } });
    let mut trial = start(waits.clone(), json!({}));
    trial.give(Input::Cancel { error: String::new(), cause: String::new() });
    has(&trial, &["ExecutionAborted <- 0"]);
    let mut trial = Trial::start_as_it_is(&json!({ "StartAt": "A", "TimeoutSeconds": 1, "States": waits }), json!({}));
    trial.sleep();
    has(&trial, &["ExecutionTimedOut <- 0"]);
    assert_eq!(trial.execution.header.failure.clone().unwrap().cause, "", "AWS gives none");
}
