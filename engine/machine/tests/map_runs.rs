//! A map run's counts and its child executions' histories match what happened.

use crate::machine::limits::HISTORY_EVENTS_MAX;
use serde_json::json;

use super::*;

/// The records of map runs after all turns.
#[derive(Default)]
struct Kept {
    runs: std::collections::BTreeMap<u64, MapRun>,
    children: std::collections::BTreeMap<ChildId, Child>,
}

impl Kept {
    fn of(trial: &Trial) -> Self {
        let mut kept = Kept::default();
        for changes in &trial.map_runs {
            kept.runs.extend(changes.runs.iter().map(|run| (run.number, run.clone())));
            kept.children.extend(changes.children.iter().map(|child| (child.id, child.clone())));
        }
        kept
    }

    fn run(&self) -> &MapRun {
        self.runs.values().next_back().unwrap()
    }

    fn statuses(&self) -> Vec<ChildStatus> {
        self.children.values().map(|child| child.status).collect()
    }
}

fn each(processor: Value, fields: Value) -> Value {
    let mut processor = processor;
    processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED" });
    let mut state = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
    state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    state
}

fn only(state: Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": state } })
}

fn call() -> Value {
    json!({ "StartAt": "T", "States": { "T": task(None) } })
}

/// Stores of earlier versions have these names.
#[test]
fn a_frame_in_a_child_execution_is_stored_as_silent() {
    let trial = Trial::start(only(each(call(), json!({ "Items": [1] }))), json!({}));
    let rows = trial.execution.frames.in_order().map(|frame| serde_json::to_value(&frame.row).unwrap());
    let rows: Vec<Value> = rows.collect();
    assert_eq!(rows.iter().map(|row| row["silent"] == json!(true)).collect::<Vec<_>>(), [false, true], "{rows:?}");
}

#[test]
fn a_branch_that_fails_beside_a_map_run_aborts_it() {
    let map = only(each(call(), json!({ "Items": [1, 2, 3], "MaxConcurrency": 2 })));
    let fails = only(json!({ "Type": "Wait", "Seconds": 5, "Next": "F" }));
    let mut fails = fails;
    fails["States"]["F"] = json!({ "Type": "Fail", "Error": "Bad" });
    let catch = json!([{ "ErrorEquals": ["Bad"], "Next": "E" }]);
    let mut both = only(json!({ "Type": "Parallel", "Branches": [map, fails], "Catch": catch, "End": true }));
    both["States"]["E"] = json!({ "Type": "Succeed" });
    let mut trial = Trial::start(both, json!({}));
    trial.done("A[0]/A[0]/T", json!(1));
    trial.sleep();
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
    let kept = Kept::of(&trial);
    assert_eq!((kept.run().status, kept.run().stopped_ms), (MapRunStatus::Aborted, Some(trial.now_ms)));
    let expected = Counts { succeeded: 1, aborted: 2, total: 3, ..Counts::default() };
    assert_eq!((kept.run().executions, kept.run().items), (expected, expected));
}

#[test]
fn a_redrive_keeps_to_the_concurrency_and_begins_what_had_not_begun_last() {
    let fields = json!({ "Items": [1, 2, 3, 4], "MaxConcurrency": 2, "ToleratedFailureCount": 1 });
    let mut trial = Trial::start(only(each(call(), fields)), json!({}));
    trial.fail("A[0]/T", ErrorClass::Failed);
    trial.fail("A[1]/T", ErrorClass::Failed);
    assert_eq!(trial.error(), "States.ExceedToleratedFailureThreshold");
    let expected = Counts { failed: 2, aborted: 1, pending: 1, total: 4, ..Counts::default() };
    assert_eq!(Kept::of(&trial).run().executions, expected);
    trial.give(Input::Resume { environment: None, recover: false });
    let paths = |trial: &Trial| trial.polls().into_iter().map(|(.., path)| path).collect::<Vec<_>>();
    assert_eq!(paths(&trial), ["A[0]/T", "A[1]/T"]);
    let expected = Counts { running: 2, pending_redrive: 1, pending: 1, total: 4, ..Counts::default() };
    assert_eq!(Kept::of(&trial).run().executions, expected);
    for path in ["A[1]/T", "A[0]/T", "A[2]/T", "A[3]/T"] {
        trial.done(path, json!(path));
    }
    assert_eq!(trial.output(), json!(["A[0]/T", "A[1]/T", "A[2]/T", "A[3]/T"]));
    let kept = Kept::of(&trial);
    assert_eq!((kept.runs.len(), kept.run().status, kept.run().redrive_count), (1, MapRunStatus::Succeeded, 1));
    assert_eq!(kept.run().executions, Counts { succeeded: 4, results_written: 4, total: 4, ..Counts::default() });
}

#[test]
fn results_that_could_not_be_written_do_not_cost_what_had_ended_well() {
    let writer = json!({ "Resource": "flow:file:write", "Arguments": { "Path": "out.json" } });
    let fields = json!({ "Items": [1, 2], "ToleratedFailureCount": 1, "ResultWriter": writer });
    let mut trial = Trial::start(only(each(call(), fields)), json!({}));
    trial.done("A[0]/T", json!("one"));
    trial.fail("A[1]/T", ErrorClass::Failed);
    trial.fail("A", ErrorClass::Failed);
    assert_eq!(Kept::of(&trial).run().status, MapRunStatus::Failed);
    trial.give(Input::Resume { environment: None, recover: false });
    assert_eq!(trial.polls().into_iter().map(|(.., path)| path).collect::<Vec<_>>(), ["A[1]/T"]);
    trial.done("A[1]/T", json!("two"));
    trial.done("A", json!({ "Path": "out.json" }));
    let kept = Kept::of(&trial);
    let name = format!("mapRun:trial/A:{}", kept.run().uuid);
    assert_eq!(trial.output(), json!({ "MapRunArn": name, "ResultWriterDetails": { "Path": "out.json" } }));
    let expected = Counts { succeeded: 2, results_written: 2, total: 2, ..Counts::default() };
    assert_eq!((kept.run().executions, kept.statuses()), (expected, vec![ChildStatus::Succeeded; 2]));
}

#[test]
fn every_attempt_of_a_map_is_a_run_of_its_own() {
    let retry = json!([{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }]);
    let mut trial = Trial::start(only(each(call(), json!({ "Items": [1], "Retry": retry }))), json!({}));
    trial.fail("A[0]/T", ErrorClass::Failed);
    trial.sleep();
    trial.done("A[0]/T", json!(1));
    let kept = Kept::of(&trial);
    let reported: Vec<_> = kept.runs.values().map(|run| (run.status, run.redrive_count)).collect();
    assert_eq!(reported, [(MapRunStatus::Failed, 0), (MapRunStatus::Succeeded, 0)]);
    let uuids: std::collections::BTreeSet<_> = kept.runs.values().map(|run| &run.uuid).collect();
    assert_eq!(uuids.len(), 2);
}

#[test]
fn an_endless_child_fails_at_its_own_limit_and_no_rule_keeps_it_alive() {
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "P" }]);
    let inner = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } });
    let loops = json!({ "StartAt": "P", "States": {
        "P": { "Type": "Parallel", "Branches": [inner], "Catch": catch, "Next": "Q" },
        "Q": { "Type": "Pass", "Output": {}, "Next": "P" },
    } });
    let trial = Trial::start(only(each(loops, json!({ "Items": [1], "ToleratedFailureCount": 1 }))), json!({}));
    assert_eq!((trial.status(), trial.output()), (ExecutionStatus::Succeeded, json!([])));
    assert!(trial.execution.header.last_event_id < 20, "the parent's limit does not count them");
    let kept = Kept::of(&trial);
    let child = kept.children.values().next().unwrap();
    assert_eq!(child.status, ChildStatus::Failed);
    assert_eq!(child.last_event_id, HISTORY_EVENTS_MAX, "the last event is that of its end");
}

#[test]
fn a_call_whose_scheduling_has_no_room_in_the_history_of_its_child_is_not_made() {
    // A round has five events. The passes before it determine which of them reaches the limit.
    for passes in 0..3 {
        let mut states = json!({ "C": { "Type": "Task", "Resource": "flow:test:step", "Next": "C" } });
        for number in 0..passes {
            let next = if number == 0 { "C".to_owned() } else { format!("P{}", number - 1) };
            states[format!("P{number}")] = json!({ "Type": "Pass", "Next": next });
        }
        let start_at = if passes == 0 { "C".to_owned() } else { format!("P{}", passes - 1) };
        let loops = json!({ "StartAt": start_at, "States": states });
        let map = each(loops, json!({ "Items": [1], "ToleratedFailureCount": 1 }));
        let mut trial = Trial::start(only(map), json!({}));
        while trial.status() == ExecutionStatus::Running {
            trial.done("A[0]/C", json!({}));
        }
        let kept = Kept::of(&trial);
        let child = kept.children.values().next().unwrap();
        assert_eq!((child.status, child.last_event_id), (ChildStatus::Failed, HISTORY_EVENTS_MAX));
        let entries = trial.map_runs.iter().flat_map(|changes| &changes.entries).flat_map(|child| &child.entries);
        let is_scheduled = |entry: &&crate::journal::JournalEntry| match &entry.content {
            EntryContent::Event(event) => event_type(&event.details) == "TaskScheduled",
            EntryContent::Note(_) => false,
        };
        let calls = trial.commands.iter().filter(|command| matches!(command, Command::CallStep(_))).count();
        assert_eq!(calls, entries.filter(is_scheduled).count(), "the history has each call");
    }
}

#[test]
fn an_iteration_without_an_input_fails_the_run_and_is_begun_by_the_redrive() {
    let fields = json!({ "Items": [1, 2], "MaxConcurrency": 1, "ItemSelector": "{% $states.context.Map.Item.Value = 2 ? $error('no') : 1 %}" });
    let mut trial = Trial::start(only(each(call(), fields)), json!({}));
    trial.done("A[0]/T", json!(1));
    assert_eq!(trial.error(), "States.QueryEvaluationError");
    trial.give(Input::Resume { environment: None, recover: false });
    assert_eq!(trial.error(), "States.QueryEvaluationError", "again, and nothing else");
    let kept = Kept::of(&trial);
    let expected = Counts { succeeded: 1, pending: 1, total: 2, ..Counts::default() };
    assert_eq!((kept.run().executions, kept.run().status), (expected, MapRunStatus::Failed));
}
