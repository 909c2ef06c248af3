#![allow(clippy::unwrap_used)]
use engine::{asl, journal::HistoryEvent, machine::Execution};
use serde_json::json;

use super::*;

fn event(at_ms: u64, frame: &str, details: HistoryEventDetails) -> JournalEntry {
    let event = HistoryEvent { id: 1, previous_event_id: 0, frame: frame.into(), details };
    JournalEntry { sequence: 1, timestamp_ms: at_ms, content: EntryContent::Event(event) }
}

fn entered(at_ms: u64, frame: &str, state_type: StateType, name: &str) -> JournalEntry {
    event(at_ms, frame, HistoryEventDetails::StateEntered { state_type, name: name.into(), input: Default::default() })
}

fn exited(at_ms: u64, frame: &str, name: &str) -> JournalEntry {
    let (state_type, output, assigned_variables) = (StateType::Task, Default::default(), None);
    event(at_ms, frame, HistoryEventDetails::StateExited { state_type, name: name.into(), output, assigned_variables })
}

/// First for 10 s, then two branches of 20 s and 60 s, scaled.
fn earlier(scale: u64) -> Durations {
    let at = |seconds: u64| seconds * 1_000 * scale;
    let mut durations = Durations::default();
    for entry in [
        entered(0, "", StateType::Task, "First"),
        exited(at(10), "", "First"),
        entered(at(10), "", StateType::Parallel, "Both"),
        entered(at(10), "Both[0]", StateType::Task, "Short"),
        entered(at(10), "Both[1]", StateType::Task, "Long"),
        exited(at(30), "Both[0]", "Short"),
        exited(at(70), "Both[1]", "Long"),
        exited(at(70), "", "Both"),
    ] {
        durations.fold(&entry);
    }
    durations
}

fn view() -> View {
    let definition = json!({ "StartAt": "First", "States": { "First": { "Type": "Succeed" } } });
    View::new(&Execution::new("x-1", "x", asl::parse(&definition).unwrap(), json!({})).header, &definition)
}

#[test]
fn branches_take_as_long_as_the_longest_and_states_add_up() {
    let typical = Typical::of(&[earlier(1), earlier(1), earlier(2), earlier(1)]);
    let mut view = view();
    view.fold(&entered(0, "", StateType::Task, "First"));
    let left = view.time_left(&typical, 4_000).unwrap();
    assert_eq!((left.low_ms, left.executions, left.needs_person), (66_000, 4, false));
    view.fold(&exited(10_000, "", "First"));
    view.fold(&entered(10_000, "", StateType::Parallel, "Both"));
    view.fold(&entered(10_000, "Both[1]", StateType::Task, "Long"));
    assert_eq!(view.time_left(&typical, 50_000).unwrap().low_ms, 20_000);
    view.fold(&exited(70_000, "Both[1]", "Long"));
    view.fold(&exited(70_000, "", "Both"));
    assert_eq!(view.time_left(&typical, 70_000), None, "nothing is left");
    assert_eq!(view.time_left(&Typical::default(), 0), None, "nothing is known");
}

#[test]
fn a_state_that_is_redriven_took_no_longer_for_the_time_in_between() {
    let mut durations = Durations::default();
    let failure = engine::journal::ErrorAndCause { error: "Broken".to_owned(), cause: String::new() };
    for entry in [
        entered(0, "", StateType::Task, "First"),
        event(4_000, "", HistoryEventDetails::ExecutionFailed(failure)),
        event(900_000, "", HistoryEventDetails::ExecutionRedriven { redrive_count: 1 }),
        exited(906_000, "", "First"),
    ] {
        durations.fold(&entry);
    }
    let typical = Typical::of(&[durations]);
    assert_eq!(typical.states[0].median_ms, 10_000);
}

#[test]
fn one_earlier_execution_gives_a_range_and_a_person_is_not_estimated() {
    let mut durations = earlier(1);
    durations.needed_person.insert("First".to_owned());
    let left = view().time_left(&Typical::of(&[durations]), 0).unwrap();
    assert_eq!((left.low_ms, left.high_ms, left.needs_person), (48_000, 75_000, true));
}

/// The entries of a Map of `items` items until `at_ms`. `beside` items run concurrently, for 10 s each.
fn map_entries(items: u64, beside: u64, at_ms: u64) -> Vec<JournalEntry> {
    let (name, ten) = ("Copy all", 10_000);
    let mut entries = vec![
        entered(0, "", StateType::Map, name),
        event(0, "", HistoryEventDetails::MapStateStarted { name: name.into(), length: items }),
    ];
    for index in 0..items {
        let (frame, begun_ms) = (format!("{name}[{index}]"), index / beside * ten);
        entries.push(entered(begun_ms, &frame, StateType::Task, "Copy"));
        entries.push(exited(begun_ms + ten, &frame, "Copy"));
        let done = HistoryEventDetails::MapIterationSucceeded { name: name.into(), index };
        entries.push(event(begun_ms + ten, &frame, done));
    }
    entries.push(exited(items.div_ceil(beside) * ten, "", name));
    entries.retain(|entry| entry.timestamp_ms <= at_ms);
    entries.sort_by_key(|entry| entry.timestamp_ms);
    entries
}

/// Earlier: 20 items, 5 beside each other: 40 s, so 2 s an item.
fn earlier_maps() -> Typical {
    let earlier = || {
        let mut durations = Durations::default();
        map_entries(20, 5, u64::MAX).iter().for_each(|entry| durations.fold(entry));
        durations
    };
    Typical::of(&[earlier(), earlier(), earlier()])
}

#[test]
fn a_map_has_left_what_its_items_take_at_the_rate_of_earlier_executions() {
    let typical = earlier_maps();
    assert_eq!(typical.states.iter().map(|state| state.path.as_str()).collect::<Vec<_>>(), ["Copy all"]);
    // (items, time, what is left): the iterations that run are done in part, as far as the time says.
    for (items, at_ms, left_ms) in [
        (20, 0, 40_000),
        (20, 9_000, 31_000),
        (20, 15_000, 25_000),
        (20, 29_000, 11_000),
        (40, 15_000, 65_000),
        (10, 15_000, 5_000),
    ] {
        let mut view = view();
        map_entries(items, 5, at_ms).iter().for_each(|entry| view.fold(entry));
        let left = view.time_left(&typical, at_ms).unwrap();
        assert_eq!((left.low_ms, left.high_ms), (left_ms, left_ms), "{items} items after {at_ms} ms");
    }
}

#[test]
fn a_map_that_is_slower_than_usual_has_its_items_left() {
    let typical = earlier_maps();
    let mut view = view();
    // The second five have begun, and take longer than usual: the ten after them are still left.
    map_entries(20, 5, 15_000).iter().for_each(|entry| view.fold(entry));
    assert_eq!(view.time_left(&typical, 300_000).unwrap().low_ms, 20_000);
}
