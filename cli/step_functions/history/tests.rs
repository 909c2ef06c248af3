#![allow(clippy::unwrap_used)]
use engine::journal::{ErrorAndCause, HistoryEventDetails as Details};
use serde_json::json;

use super::*;

/// The type, the previous event, the name and the index of an event.
type Sketch<'s> = (&'s str, u64, Option<&'s str>, Option<u64>);

/// Builds events from sketches.
fn events(all: &[Sketch<'_>]) -> Vec<RemoteEvent> {
    let event = |(id, (kind, previous_id, name, index)): (u64, &Sketch<'_>)| RemoteEvent {
        id,
        previous_id: *previous_id,
        timestamp_ms: id * 10,
        kind: (*kind).to_owned(),
        name: name.map(str::to_owned),
        index: *index,
        error: kind.ends_with("Failed").then(|| "Lost".to_owned()),
        ..RemoteEvent::default()
    };
    (1..).zip(all).map(event).collect()
}

fn paths(history: &History) -> Vec<String> {
    let entered = |entry: &JournalEntry| {
        let EntryContent::Event(event) = &entry.content else { return None };
        let Details::StateEntered { name, .. } = &event.details else { return None };
        Some(state_path(&event.frame, name))
    };
    history.entries().iter().filter_map(entered).collect()
}

#[test]
fn every_type_of_event_of_the_service_is_read() {
    let types = steps::step_functions::event_types();
    assert!(types.len() > 50, "{types:?}");
    for kind in types {
        let event = RemoteEvent { kind: (*kind).to_owned(), ..RemoteEvent::default() };
        assert_ne!(details(&event, &EventPosition::default()), Details::Unknown, "{kind}: read it in details.rs");
    }
}

#[test]
fn a_state_is_in_the_frame_that_its_branches_and_iterations_make() {
    let leaf = json!({ "StartAt": "Leaf", "States": { "Leaf": { "Type": "Pass", "End": true } } });
    let map = json!({ "StartAt": "Each", "States": { "Each": { "Type": "Map", "ItemProcessor": leaf, "End": true } } });
    let other = json!({ "StartAt": "Other", "States": { "Other": { "Type": "Pass", "End": true } } });
    let both = json!({ "Type": "Parallel", "Branches": [other, map], "End": true });
    let mut history = History::new(&json!({ "StartAt": "Both", "States": { "Both": both } }));
    history.add(&events(&[
        ("ExecutionStarted", 0, None, None),
        ("ParallelStateEntered", 0, Some("Both"), None),
        ("ParallelStateStarted", 2, None, None),
        ("PassStateEntered", 3, Some("Other"), None),
        ("MapStateEntered", 3, Some("Each"), None),
        ("MapStateStarted", 5, None, None),
        ("MapIterationStarted", 6, Some("Each"), Some(1)),
        ("PassStateEntered", 7, Some("Leaf"), None),
    ]));
    assert_eq!(paths(&history), ["Both", "Both[0]/Other", "Both[1]/Each", "Both[1]/Each[1]/Leaf"]);
}

#[test]
fn the_iterations_of_a_map_that_ended_are_counted() {
    let leaf = json!({ "StartAt": "Leaf", "States": { "Leaf": { "Type": "Pass", "End": true } } });
    let map = json!({ "StartAt": "Each", "States": { "Each": { "Type": "Map", "ItemProcessor": leaf, "End": true } } });
    let other = json!({ "StartAt": "Other", "States": { "Other": { "Type": "Pass", "End": true } } });
    let both = json!({ "Type": "Parallel", "Branches": [other, map], "End": true });
    let definition = json!({ "StartAt": "Both", "States": { "Both": both } });
    let mut history = History::new(&definition);
    let mut all = events(&[
        ("ExecutionStarted", 0, None, None),
        ("ParallelStateEntered", 0, Some("Both"), None),
        ("ParallelStateStarted", 2, None, None),
        ("MapStateEntered", 3, Some("Each"), None),
        ("MapStateStarted", 4, None, None),
        ("MapIterationStarted", 5, Some("Each"), Some(0)),
        ("MapIterationStarted", 5, Some("Each"), Some(1)),
        ("PassStateEntered", 6, Some("Leaf"), None),
        ("PassStateExited", 8, Some("Leaf"), None),
        ("MapIterationSucceeded", 9, Some("Each"), Some(0)),
        ("MapIterationFailed", 7, Some("Each"), Some(1)),
    ]);
    all[4].count = Some(2);
    history.add(&all);
    let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), &definition);
    history.entries().iter().for_each(|entry| view.fold(entry));
    let map = view.maps["Both[1]/Each"];
    assert_eq!((map.total, map.succeeded, map.failed), (2, 1, 1));
}

#[test]
fn a_state_that_asks_a_person_is_known_by_its_name_and_its_path() {
    let ask = json!({ "StartAt": "Ask", "States": { "Ask": { "Type": "Task", "Resource": APPROVAL, "End": true } } });
    let both = json!({ "Type": "Parallel", "Branches": [ask], "End": true });
    let history = History::new(&json!({ "StartAt": "Both", "States": { "Both": both } }));
    for (state, expected) in [("Ask", true), ("Both/Ask", true), ("Both", false), ("Task", false), ("", false)] {
        assert_eq!(history.is_approval(state), expected, "{state}");
    }
}

#[test]
fn a_section_whose_failure_was_caught_is_not_done() {
    let ask = json!({ "StartAt": "Ask", "States": { "Ask": { "Type": "Task", "End": true } } });
    let definition = json!({ "StartAt": "Both", "States": { "Both": { "Type": "Parallel", "Branches": [ask] } } });
    let mut history = History::new(&definition);
    history.add(&events(&[
        ("ExecutionStarted", 0, None, None),
        ("ParallelStateEntered", 0, Some("Both"), None),
        ("ParallelStateStarted", 2, None, None),
        ("TaskStateEntered", 3, Some("Ask"), None),
        ("ActivityScheduled", 4, None, None),
        ("ActivityFailed", 5, None, None),
        ("ParallelStateFailed", 6, None, None),
        ("ParallelStateExited", 7, Some("Both"), None),
    ]));
    let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), &definition);
    history.entries().iter().for_each(|entry| view.fold(entry));
    for state in ["Both", "Both/Ask"] {
        assert!(matches!(view.states[state].status, StateStatus::Caught { .. }), "{state}: {:?}", view.states);
    }
}

#[test]
fn a_failed_attempt_is_repeated_or_fails_for_good() {
    let retry = json!([{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }]);
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Retry": retry, "End": true } } });
    let mut history = History::new(&definition);
    let all = events(&[
        ("ExecutionStarted", 0, None, None),
        ("TaskStateEntered", 0, Some("A"), None),
        ("ActivityScheduled", 2, None, None),
        ("ActivityStarted", 3, None, None),
        ("ActivityFailed", 4, None, None),
        ("ActivityScheduled", 5, None, None),
        ("ActivityFailed", 6, None, None),
        ("ExecutionFailed", 7, None, None),
    ]);
    // In two pages: the first ends with an event that the second page resolves.
    history.add(&all[..5]);
    history.add(&all);
    let notes = notes(&history);
    assert!(matches!(notes[0], Note::RetryScheduled { attempt: 2, attempts_max: Some(2), .. }), "{notes:?}");
    assert!(matches!(notes[1], Note::Failure { attempt: 2, .. }), "{notes:?}");
    let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), &definition);
    history.entries().iter().for_each(|entry| view.fold(entry));
    assert!(matches!(view.states["A"].status, StateStatus::Failed { attempt: 2, .. }), "{:?}", view.states);
    assert_eq!(view.failure, Some(ErrorAndCause { error: "Lost".to_owned(), cause: String::new() }));
}

/// The notes of a history.
fn notes<'h>(history: &'h History) -> Vec<&'h Note> {
    let note = |entry: &'h JournalEntry| match &entry.content {
        EntryContent::Note(note) => Some(&**note),
        EntryContent::Event(_) => None,
    };
    history.entries().iter().filter_map(note).collect()
}

#[test]
fn a_caught_failure_continues_at_the_state_of_the_rule_that_matches() {
    let failing = |catch: serde_json::Value| {
        let state = json!({ "Type": "Task", "Catch": catch, "End": true });
        let mut history = History::new(&json!({ "StartAt": "A", "States": { "A": state } }));
        history.add(&events(&[
            ("ExecutionStarted", 0, None, None),
            ("TaskStateEntered", 0, Some("A"), None),
            ("ActivityScheduled", 2, None, None),
            ("ActivityFailed", 3, None, None),
            ("TaskStateExited", 4, Some("A"), None),
        ]));
        match notes(&history).as_slice() {
            [Note::Caught { next, .. }] => next.clone(),
            others => panic!("{others:?}"),
        }
    };
    let rule = |error: &str, next: &str| json!({ "ErrorEquals": [error], "Next": next });
    assert_eq!(failing(json!([rule("States.ALL", "G")])), "G");
    assert_eq!(failing(json!([rule("Other", "F"), rule("Lost", "G"), rule("States.ALL", "H")])), "G");
    assert_eq!(failing(json!([rule("Other", "F"), rule("Another", "G")])), "", "the history does not say");
}

#[test]
fn each_entry_has_a_sequence_of_its_own() {
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "G" }]);
    let state = json!({ "Type": "Task", "Catch": catch, "End": true });
    let mut history = History::new(&json!({ "StartAt": "A", "States": { "A": state } }));
    let all = events(&[
        ("ExecutionStarted", 0, None, None),
        ("TaskStateEntered", 0, Some("A"), None),
        ("ActivityScheduled", 2, None, None),
        ("ActivityFailed", 3, None, None),
        ("TaskStateExited", 4, Some("A"), None),
    ]);
    // The second page overlaps the first.
    history.add(&all[..4]);
    history.add(&all);
    let sequences: Vec<u64> = history.entries().iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
    assert_eq!((history.last_sequence(), history.last_id()), (6, 5));
    let ids = history.entries().iter().filter_map(|entry| match &entry.content {
        EntryContent::Event(event) => Some(event.id),
        EntryContent::Note(_) => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), [1, 2, 3, 4, 5], "an event keeps the id of Step Functions");
}

#[test]
fn a_time_out_names_the_limit_that_has_passed() {
    let retry = json!([{ "ErrorEquals": ["States.Timeout"] }]);
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Retry": retry, "End": true } } });
    let cause = |timeout_seconds, heartbeat_seconds, timed_out_ms| {
        let mut history = History::new(&definition);
        let mut all = events(&[
            ("ExecutionStarted", 0, None, None),
            ("TaskStateEntered", 0, Some("A"), None),
            ("ActivityScheduled", 2, None, None),
            ("ActivityStarted", 3, None, None),
            ("ActivityTimedOut", 4, None, None),
            ("ActivityScheduled", 5, None, None),
        ]);
        (all[2].timeout_seconds, all[2].heartbeat_seconds) = (timeout_seconds, heartbeat_seconds);
        (all[4].error, all[4].timestamp_ms) = (Some("States.Timeout".to_owned()), timed_out_ms);
        history.add(&all);
        match notes(&history).as_slice() {
            [Note::RetryScheduled { failure, .. }] => {
                assert_eq!(failure.error, "States.Timeout", "as in the history");
                failure.cause.clone()
            }
            others => panic!("{others:?}"),
        }
    };
    let heartbeat = "no heartbeat arrived for HeartbeatSeconds, 2 s (States.HeartbeatTimeout)";
    assert_eq!(cause(None, Some(2), 5_000), heartbeat);
    assert_eq!(cause(Some(20), Some(2), 5_000), heartbeat);
    let end = "the call did not end within TimeoutSeconds, 20 s";
    assert_eq!(cause(Some(20), Some(2), 20_030), end);
    assert_eq!(cause(Some(20), None, 20_030), end);
    assert_eq!(cause(None, None, 20_030), "");
}

#[test]
fn a_call_that_a_server_did_not_make_is_no_failed_attempt() {
    let retry = json!([{ "ErrorEquals": ["States.ALL"] }]);
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Retry": retry, "End": true } } });
    let mut history = History::new(&definition);
    let mut all = events(&[
        ("ExecutionStarted", 0, None, None),
        ("TaskStateEntered", 0, Some("A"), None),
        ("TaskScheduled", 2, None, None),
        ("TaskStarted", 3, None, None),
        ("TaskStartFailed", 4, None, None),
        ("TaskStarted", 5, None, None),
        ("TaskFailed", 6, None, None),
        ("TaskStateExited", 7, Some("A"), None),
    ]);
    all[4].error = Some(NOT_CALLED.to_owned());
    history.add(&all);
    let is_withheld = |entry: &&JournalEntry| match &entry.content {
        EntryContent::Event(event) => matches!(event.details, Details::TaskStartFailed { .. }),
        EntryContent::Note(_) => false,
    };
    assert_eq!(history.entries().iter().filter(is_withheld).count(), 1);
    assert!(matches!(notes(&history).as_slice(), [Note::Caught { .. }]), "{:?}", notes(&history));
}

#[test]
fn a_state_that_ends_its_execution_without_an_event_of_its_own_has_failed() {
    let last = |kind: &str, before: &[Sketch<'_>]| {
        let states = json!({ "First": { "Type": "Pass", "Next": "Last" }, "Last": { "Type": kind } });
        let definition = json!({ "StartAt": "First", "States": states });
        let mut history = History::new(&definition);
        let mut all = vec![
            ("ExecutionStarted", 0, None, None),
            ("PassStateEntered", 0, Some("First"), None),
            ("PassStateExited", 2, Some("First"), None),
        ];
        all.extend(before);
        all.push(("ExecutionFailed", all.len() as u64, None, None));
        history.add(&events(&all));
        let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), &definition);
        history.entries().iter().for_each(|entry| view.fold(entry));
        (view.failed_state().map(|state| state.path.clone()), notes(&history).len())
    };
    let failed = (Some("Last".to_owned()), 1);
    assert_eq!(last("Wait", &[("WaitStateEntered", 3, Some("Last"), None)]), failed);
    assert_eq!(last("Fail", &[("FailStateEntered", 3, Some("Last"), None)]), failed);
    let entered = ("TaskStateEntered", 3, Some("Last"), None);
    let scheduled = ("ActivityScheduled", 4, None, None);
    let ended = |kind| last("Task", &[entered, scheduled, (kind, 5, None, None)]);
    assert_eq!(last("Task", &[entered, scheduled]), failed, "its activity does not exist");
    assert_eq!(ended("ActivitySucceeded"), failed, "its output has a wrong path");
    assert_eq!(ended("ActivityFailed"), failed, "one note");
    assert_eq!(last("Wait", &[]), (None, 0), "the state before it was left");
}

#[test]
fn the_entries_are_in_the_order_of_time_although_a_retry_is_known_late() {
    let branch = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Task", "End": true } } });
    let both = json!({ "Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": true });
    let definition = json!({ "StartAt": "Both", "States": { "Both": both } });
    let all = events(&[
        ("ExecutionStarted", 0, None, None),
        ("ParallelStateEntered", 0, Some("Both"), None),
        ("ParallelStateStarted", 2, None, None),
        ("TaskStateEntered", 3, Some("A"), None),
        ("ActivityScheduled", 4, None, None),
        ("ActivityFailed", 5, None, None),
        ("PassStateEntered", 3, Some("B"), None),
        ("PassStateExited", 7, Some("B"), None),
        ("ActivityScheduled", 6, None, None),
    ]);
    for first_page in 0..all.len() {
        let mut history = History::new(&definition);
        history.add(&all[..first_page]);
        history.add(&all);
        assert!(matches!(notes(&history).as_slice(), [Note::RetryScheduled { .. }]), "{:?}", notes(&history));
        assert!(history.entries().is_sorted_by_key(|entry| entry.timestamp_ms), "{:?}", history.entries());
    }
}

/// The paths of the states of the events of this kind, with the error.
fn states_of(history: &History, is_wanted: impl Fn(&Details) -> Option<(String, String)>) -> Vec<(String, String)> {
    let of = |entry: &JournalEntry| {
        let EntryContent::Event(event) = &entry.content else { return None };
        is_wanted(&event.details).map(|(name, error)| (state_path(&event.frame, &name), error))
    };
    history.entries().iter().filter_map(of).collect()
}

fn aborted(history: &History) -> Vec<String> {
    let all = states_of(history, |details| match details {
        Details::StateAborted { name, .. } => Some((name.to_string(), String::new())),
        _ => None,
    });
    all.into_iter().map(|(path, _)| path).collect()
}

fn composites_failed(history: &History) -> Vec<(String, String)> {
    states_of(history, |details| match details {
        Details::MapStateFailed { name, failure } | Details::ParallelStateFailed { name, failure } => {
            Some((name.to_string(), failure.error.clone()))
        }
        _ => None,
    })
}

#[test]
fn a_state_that_was_stopped_is_named_and_only_the_iteration_that_failed_counts_as_failed() {
    let steps = json!({ "StartAt": "Patch", "States": {
        "Patch": { "Type": "Task", "Next": "Verify" }, "Verify": { "Type": "Task", "End": true }
    } });
    let map = json!({ "Type": "Map", "ItemProcessor": steps, "End": true });
    let definition = json!({ "StartAt": "Hosts", "States": { "Hosts": map } });
    let hosts = Some("Hosts");
    let mut all = vec![
        ("ExecutionStarted", 0, None, None),
        ("MapStateEntered", 1, hosts, None),
        ("MapStateStarted", 2, None, None),
    ];
    all.extend((0..4).map(|index| ("MapIterationStarted", 3, hosts, Some(index))));
    all.extend((4..8).map(|started| ("TaskStateEntered", started, Some("Patch"), None)));
    all.extend((8..12).map(|entered| ("ActivityScheduled", entered, None, None)));
    all.extend([
        ("ActivitySucceeded", 15, None, None),
        ("TaskStateExited", 16, Some("Patch"), None),
        ("TaskStateEntered", 17, Some("Verify"), None),
        ("ActivityFailed", 14, None, None),
        // All follow the failure.
        ("MapIterationAborted", 19, hosts, Some(0)),
        ("TaskStateAborted", 19, None, None),
        ("MapIterationAborted", 19, hosts, Some(1)),
        ("TaskStateAborted", 19, None, None),
        ("TaskStateAborted", 19, None, None),
        ("MapIterationAborted", 19, hosts, Some(3)),
        ("TaskStateAborted", 19, None, None),
        ("MapIterationFailed", 19, hosts, Some(2)),
        ("MapStateFailed", 19, None, None),
        ("ExecutionFailed", 28, None, None),
    ]);
    let mut all = events(&all);
    all[2].count = Some(10);
    // These events have no failure of their own.
    (all[26].error, all[27].error) = (None, None);
    let mut history = History::new(&definition);
    history.add(&all);
    assert_eq!(aborted(&history), ["Hosts[0]/Patch", "Hosts[1]/Patch", "Hosts[2]/Patch", "Hosts[3]/Verify"]);
    assert_eq!(composites_failed(&history), [("Hosts".to_owned(), "Lost".to_owned())]);
    let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), &definition);
    history.entries().iter().for_each(|entry| view.fold(entry));
    assert_eq!(view.failed_state().map(|state| state.path.as_str()), Some("Hosts[2]/Patch"));
    let map = view.maps["Hosts"];
    assert_eq!((map.total, map.succeeded, map.failed), (10, 0, 1));
}

#[test]
fn the_branches_that_a_failure_stops_and_what_is_retried_are_named() {
    let branch = |name: &str, kind: &str| json!({ "StartAt": name, "States": { name: { "Type": kind, "End": true } } });
    let branches = [branch("W", "Wait"), branch("T", "Task"), branch("U", "Task")];
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Parallel", "Branches": branches } } });
    let mut all = events(&[
        ("ExecutionStarted", 0, None, None),
        ("ParallelStateEntered", 1, Some("A"), None),
        ("ParallelStateStarted", 2, None, None),
        ("WaitStateEntered", 3, Some("W"), None),
        ("TaskStateEntered", 3, Some("T"), None),
        ("TaskStateEntered", 3, Some("U"), None),
        ("ActivityScheduled", 6, None, None),
        ("ActivityFailed", 7, None, None),
        ("WaitStateAborted", 8, None, None),
        ("TaskStateAborted", 8, None, None),
        ("TaskStateAborted", 8, None, None),
        // A Retry of the Parallel.
        ("ParallelStateStarted", 8, None, None),
        ("TaskStateEntered", 12, Some("U"), None),
        ("ActivityScheduled", 13, None, None),
        ("ActivityFailed", 14, None, None),
        ("TaskStateAborted", 15, None, None),
        ("ParallelStateFailed", 15, None, None),
        ("ExecutionFailed", 17, None, None),
    ]);
    all[16].error = None;
    let mut history = History::new(&definition);
    history.add(&all);
    assert_eq!(aborted(&history), ["A[0]/W", "A[1]/T", "A[2]/U", "A[2]/U"]);
    assert_eq!(composites_failed(&history), [("A".to_owned(), "Lost".to_owned())]);
    let started = states_of(&history, |details| match details {
        Details::ParallelStateStarted { name } => Some((name.to_string(), String::new())),
        _ => None,
    });
    assert_eq!(started.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["A", "A"]);
}

#[test]
fn a_map_whose_items_cannot_be_evaluated_has_failed_and_so_has_a_state_inside_one() {
    let failed = |definition: &Value, sketches: &[Sketch<'_>]| {
        let mut all = events(sketches);
        all.iter_mut().filter(|event| event.kind == "MapStateFailed").for_each(|event| event.error = None);
        let mut history = History::new(definition);
        history.add(&all);
        let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), definition);
        history.entries().iter().for_each(|entry| view.fold(entry));
        let notes = history.entries().iter().filter(
            |entry| matches!(&entry.content, EntryContent::Note(note) if matches!(**note, Note::Failure { .. })),
        );
        (view.failed_state().map(|state| state.path.clone()), notes.count())
    };
    let leaf = json!({ "StartAt": "Leaf", "States": { "Leaf": { "Type": "Pass", "End": true } } });
    let map = json!({ "Type": "Map", "ItemProcessor": leaf, "End": true });
    let definition = json!({ "StartAt": "Hosts", "States": { "Hosts": map } });
    let items = [
        ("ExecutionStarted", 0, None, None),
        ("MapStateEntered", 1, Some("Hosts"), None),
        // It follows what the entry follows.
        ("EvaluationFailed", 1, Some("Hosts"), None),
        ("MapStateFailed", 3, None, None),
        ("ExecutionFailed", 4, None, None),
    ];
    assert_eq!(failed(&definition, &items), (Some("Hosts".to_owned()), 1));
    let inside = [
        ("ExecutionStarted", 0, None, None),
        ("MapStateEntered", 1, Some("Hosts"), None),
        ("MapStateStarted", 2, None, None),
        ("MapIterationStarted", 3, Some("Hosts"), Some(0)),
        ("PassStateEntered", 4, Some("Leaf"), None),
        ("EvaluationFailed", 5, Some("Leaf"), None),
        ("MapIterationFailed", 6, Some("Hosts"), Some(0)),
        ("MapStateFailed", 6, None, None),
        ("ExecutionFailed", 8, None, None),
    ];
    assert_eq!(failed(&definition, &inside), (Some("Hosts[0]/Leaf".to_owned()), 1));
    let pass = json!({ "StartAt": "Leaf", "States": { "Leaf": { "Type": "Pass", "End": true } } });
    let alone = [
        ("ExecutionStarted", 0, None, None),
        ("PassStateEntered", 1, Some("Leaf"), None),
        ("EvaluationFailed", 2, Some("Leaf"), None),
        ("ExecutionFailed", 3, None, None),
    ];
    assert_eq!(failed(&pass, &alone), (Some("Leaf".to_owned()), 1));
}
