#![allow(clippy::unwrap_used)]
use engine::journal::HistoryEventDetails as Details;
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
        assert!(matches!(view.states[state].doing, Doing::Caught { .. }), "{state}: {:?}", view.states);
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
    let notes: Vec<&Note> = history
        .entries()
        .iter()
        .filter_map(|entry| match &entry.content {
            EntryContent::Note(note) => Some(&**note),
            EntryContent::Event(_) => None,
        })
        .collect();
    assert!(matches!(notes[0], Note::RetryScheduled { attempt: 2, attempts_max: Some(2), .. }), "{notes:?}");
    assert!(matches!(notes[1], Note::Failure { attempt: 2, .. }), "{notes:?}");
    let mut view = View::new(&super::super::header("arn:a:b:c:d:execution:m:e", &Default::default()), &definition);
    history.entries().iter().for_each(|entry| view.fold(entry));
    assert!(matches!(view.states["A"].doing, Doing::Failed { attempt: 2, .. }), "{:?}", view.states);
    assert_eq!(view.failure, Some(("Lost".to_owned(), String::new())));
}
