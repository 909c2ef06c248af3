#![allow(clippy::unwrap_used)]
use api::view::MapProgress;
use engine::journal::Note;
use serde_json::{Value, json};
use steps::step_functions::{RemoteEvent, RemoteExecution};

use super::*;
use crate::step_functions::{CachedExecution, header, waiting_states};

const RUN: &str = "arn:aws:states:us-east-1:111111111111:mapRun:job/M:1f";

/// An event that follows the one before it.
fn event(id: u64, kind: &str) -> RemoteEvent {
    let (previous_id, timestamp_ms) = (id - 1, id * 1_000);
    let name = if kind.contains("StateE") { Some("M".to_owned()) } else { None };
    let map_run = matches!(kind, "MapRunStarted" | "MapRunRedriven").then(|| RUN.to_owned());
    let error = kind.ends_with("Failed").then(|| "Lost".to_owned());
    RemoteEvent { id, previous_id, timestamp_ms, kind: kind.to_owned(), name, map_run, error, ..Default::default() }
}

/// The processor of the Map M, whose items go through the Task A.
fn processor() -> Value {
    let payload = json!({ "token.$": "$$.Task.Token", "Prompt": "Go?" });
    let task = json!({ "Type": "Task", "Parameters": { "Payload": payload }, "End": true });
    json!({ "ProcessorConfig": { "Mode": "DISTRIBUTED" }, "StartAt": "A", "States": { "A": task } })
}

/// An execution of a distributed Map of three items after these events.
fn cached(kinds: &[&str]) -> CachedExecution {
    let map = json!({ "Type": "Map", "ItemProcessor": processor(), "End": true });
    let definition = json!({ "StartAt": "M", "States": { "M": map } });
    let mut history = History::new(&definition);
    history.add(&events(kinds));
    let arn = "arn:aws:states:us-east-1:111111111111:execution:job:r-1".to_owned();
    CachedExecution { arn, definition, history, shown: 0 }
}

fn events(kinds: &[&str]) -> Vec<RemoteEvent> {
    let begun = ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted"];
    let mut all: Vec<RemoteEvent> = (1..).zip(begun.iter().chain(kinds)).map(|(id, kind)| event(id, kind)).collect();
    all[2].count = Some(3);
    all
}

/// A child execution whose Task A got these events.
fn child(index: u64, kinds: &[&str]) -> Child {
    let begun = ["ExecutionStarted", "TaskStateEntered"];
    let in_task = |(id, kind): (u64, &&str)| {
        let data = match id {
            1 => json!({ "host": "a" }),
            _ => json!({ "Payload": { "token": "T", "Prompt": "Go?" } }),
        };
        RemoteEvent { name: Some("A".to_owned()), data: Some(data.to_string()), ..event(id, kind) }
    };
    let all: Vec<RemoteEvent> = (1..).zip(begun.iter().chain(kinds)).map(in_task).collect();
    let mut history = History::new(&processor());
    history.add(&all);
    let arn = format!("arn:aws:states:us-east-1:111111111111:execution:job/M:{index}");
    Child { frame: format!("M[{index}]"), arn, definition: processor(), history }
}

fn view(cached: &CachedExecution) -> View {
    let mut view = View::new(&header(&cached.arn, &RemoteExecution::default()), &cached.definition);
    cached.history.entries().iter().for_each(|entry| view.fold(entry));
    view
}

/// The view with what was read of the map run, and whether a child execution waits for a worker and may proceed unseen.
fn shown(cached: &CachedExecution) -> (View, bool, bool) {
    let mut view = view(cached);
    let waits_for_worker = waiting_states::mark(cached, &mut view);
    let unseen = may_proceed_unseen(&cached.history, &view);
    (view, waits_for_worker, unseen)
}

fn set(cached: &mut CachedExecution, running: u64, children: Vec<Child>) {
    let run = cached.history.map_runs_mut().of_mut("M").unwrap();
    run.progress = Some(MapProgress { total: 3, succeeded: 3 - running, failed: 0 });
    (run.running, run.children) = (running, children);
}

fn types(history: &History) -> Vec<&'static str> {
    let kind = |entry: &engine::journal::JournalEntry| match &entry.content {
        EntryContent::Note(note) => matches!(**note, Note::Failure { .. }).then_some("failure"),
        EntryContent::Event(event) => match &event.details {
            Details::MapRunStarted { map_run } if map_run == "mapRun:job/M:1f" => Some("started"),
            Details::MapRunRedriven { map_run, .. } if map_run == "mapRun:job/M:1f" => Some("redriven"),
            Details::MapRunSucceeded => Some("succeeded"),
            Details::MapRunFailed(_) => Some("failed"),
            Details::MapRunAborted => Some("aborted"),
            Details::Unknown => Some("unknown"),
            _ => None,
        },
    };
    history.entries().iter().filter_map(kind).collect()
}

#[test]
fn a_map_run_that_succeeded_is_done_with_every_item() {
    let cached = cached(&["MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"]);
    assert_eq!(types(&cached.history), ["started", "succeeded"]);
    let (view, ..) = shown(&cached);
    assert_eq!(view.maps["M"], MapProgress { total: 3, succeeded: 3, failed: 0 });
}

#[test]
fn a_map_run_is_work_until_every_child_execution_waits() {
    let mut cached = cached(&[]);
    let unseen = |cached: &CachedExecution| shown(cached).2;
    assert!(unseen(&cached), "it was not read");
    set(&mut cached, 0, Vec::new());
    assert!(unseen(&cached), "the next child execution begins, or the run ends");
    let asking = |index: u64| child(index, &["TaskScheduled", "TaskSubmitted"]);
    set(&mut cached, 2, vec![asking(0)]);
    assert!(unseen(&cached), "one was not read");
    set(&mut cached, 2, vec![asking(0), child(1, &["ActivityScheduled"])]);
    let (view, waits_for_worker, unseen) = shown(&cached);
    assert!(waits_for_worker && !unseen);
    assert!(view.needs_person(), "{:?}", view.states);
    let StateStatus::Waiting(wait) = &view.states["M[1]/A"].status else { panic!("{:?}", view.states) };
    assert_eq!(wait.for_worker_since_ms(), Some(3_000));
    assert_eq!(view.maps["M"].ended(), 1);
    let mut watched = self::view(&cached);
    assert!(watched.apply_children_of(&view), "the watch has it for the first time");
    assert_eq!(watched.states["M[1]/A"], view.states["M[1]/A"]);
    assert!(!watched.apply_children_of(&view), "nothing has proceeded");
}

#[test]
fn a_question_of_a_child_execution_has_the_path_of_its_item() {
    let mut cached = cached(&[]);
    set(&mut cached, 1, vec![child(2, &["TaskScheduled", "TaskSubmitted"])]);
    let (view, ..) = shown(&cached);
    let StateStatus::Waiting(wait) = &view.states["M[2]/A"].status else { panic!("{:?}", view.states) };
    assert_eq!(wait.instructions.as_ref().unwrap().sentence, "Go?");
    let lines = crate::ui::summary::needs(&view, true, 0).join("\n");
    assert!(lines.contains("flow approve r-1 'M[2]/A'"), "{lines}");
    let refused = |cached: &CachedExecution| crate::step_functions::unanswerable::refusal(cached, Some("M[0]/A"), &[]);
    assert_eq!(refused(&cached).hint, None);
    set(&mut cached, 3, vec![child(2, &["TaskScheduled", "TaskSubmitted"])]);
    let refused = refused(&cached);
    assert!(refused.message.contains("waits in r-1, as far as it was read"), "{}", refused.message);
    assert!(refused.hint.unwrap().starts_with("2 more child executions of distributed Maps run"));
}

#[test]
fn the_first_item_that_failed_is_shown_with_its_failure() {
    let mut cached = cached(&[]);
    let lost = child(1, &["ActivityScheduled", "ActivityStarted", "ActivityFailed", "ExecutionFailed"]);
    let first = failed(&lost, false).unwrap();
    assert_eq!((first.path.as_str(), first.attempt, first.failure.error.as_str()), ("M[1]/A", 1, "Lost"));
    assert_eq!(failed(&lost, true).unwrap().failure.cause, "(item: {\"host\":\"a\"})");
    let run = cached.history.map_runs_mut().of_mut("M").unwrap();
    (run.progress, run.failed) = (Some(MapProgress { total: 3, succeeded: 0, failed: 1 }), Some(first));
    cached.history.add(&events(&["MapRunFailed", "MapStateFailed", "ExecutionFailed"]));
    assert_eq!(types(&cached.history), ["started", "failure", "failed"]);
    let (view, ..) = shown(&cached);
    assert_eq!(view.failed_state().map(|state| state.path.as_str()), Some("M"));
    assert_eq!(view.states["M[1]/A"].failure().map(|failure| failure.error.as_str()), Some("Lost"));
    assert_eq!((view.maps["M"].ended(), view.maps["M"].failed), (1, 1));
}

#[test]
fn a_run_that_is_redriven_is_in_progress_again() {
    let failed = ["MapRunFailed", "MapStateFailed", "ExecutionFailed"];
    let mut cached = cached(&failed);
    assert!(cached.history.map_runs().not_read_since(0).is_empty(), "it has ended");
    cached.history.add(&events(&[&failed[..], &["ExecutionRedriven", "MapRunRedriven"]].concat()));
    assert_eq!(types(&cached.history), ["started", "failed", "redriven"]);
    assert_eq!(cached.history.map_runs().not_read_since(0), [("M".to_owned(), RUN.to_owned())]);
    let ends = event(10, "MapRunSucceeded");
    assert_eq!(cached.history.map_run_that_ends(&ends), Some(("M".to_owned(), RUN.to_owned())));
}
