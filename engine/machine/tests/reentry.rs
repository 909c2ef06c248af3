//! An execution that is resumed from a state computes the same result as one that never failed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::journal::{self, Recorded};

/// A chain of Tasks, some of them in sections. Each adds its result to a variable and to its output.
fn chain(sections: &[u8]) -> Value {
    let step = |number: usize, next: Option<&str>| {
        let mut state = task(next);
        state["Assign"] = json!({ "total": "{% $exists($total) ? $total + $states.result : $states.result %}" });
        state["Output"] = json!({ "last": number, "total": "{% ($exists($total) ? $total : 0) + $states.result %}" });
        state
    };
    let mut states = serde_json::Map::new();
    for (at, inside) in sections.iter().enumerate() {
        let next = (at + 1 < sections.len()).then(|| format!("S{}", at + 1));
        let mut state = match inside {
            0 => step(at, next.as_deref()),
            many => {
                let names: Vec<String> = (0..*many).map(|number| format!("T{number}")).collect();
                let inner = |number: usize| step(number, names.get(number + 1).map(String::as_str));
                let states: serde_json::Map<String, Value> =
                    names.iter().enumerate().map(|(number, name)| (name.clone(), inner(number))).collect();
                json!({ "Type": "Parallel", "Branches": [{ "StartAt": "T0", "States": states }],
                        "Output": "{% $states.result[0] %}" })
            }
        };
        match &next {
            Some(next) => state["Next"] = json!(next),
            None => state["End"] = json!(true),
        }
        states.insert(format!("S{at}"), state);
    }
    json!({ "StartAt": "S0", "States": states })
}

/// Answers every call until the execution ends or `calls_max` calls have been answered.
fn answer(trial: &mut Trial, calls_max: usize) {
    for _ in 0..calls_max {
        let Some((.., path)) = trial.polls().into_iter().next() else { return };
        let length = path.len() as u64;
        trial.done(&path, json!(length));
    }
}

fn tokens(trial: &Trial) -> Vec<(String, String)> {
    let poll = |command: &Command| match command {
        Command::CallStep(call) => Some((call.state_path.clone(), call.token.clone())),
        _ => None,
    };
    trial.commands.iter().filter_map(poll).collect()
}

fn recorded(trial: &Trial) -> Recorded {
    let mut recorded = Recorded::default();
    trial.entries.iter().for_each(|entry| recorded.fold(entry));
    recorded
}

fn path_to(trial: &Trial, state_path: &str) -> Vec<Reentry> {
    let recorded = recorded(trial);
    let entered = recorded.entered(state_path).unwrap();
    let steps = reentry_path(&trial.execution.machine, &entered.frame, &entered.name).unwrap();
    let level = |(frame, name): (String, std::sync::Arc<str>)| {
        let entered = recorded.entered(&journal::state_path(&frame, &name)).unwrap();
        Reentry { state: name, input: entered.input.clone(), variables: entered.variables.clone() }
    };
    steps.into_iter().map(level).collect()
}

fn entered_states(trial: &Trial) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in &trial.entries {
        let EntryContent::Event(event) = &entry.content else { continue };
        let HistoryEventDetails::StateEntered { name, .. } = &event.details else { continue };
        paths.push(journal::state_path(&event.frame, name));
    }
    paths
}

fn assert_dense(trial: &Trial) {
    let ids = trial.entries.iter().filter_map(|entry| match &entry.content {
        EntryContent::Event(event) => Some((event.id, event.previous_event_id)),
        EntryContent::Note(_) => None,
    });
    for (at, (id, previous)) in ids.enumerate() {
        assert_eq!(id, at as u64 + 1);
        assert!(previous < id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn resumed_from_any_state_it_ends_as_if_it_had_never_failed(
        sections in prop::collection::vec(0_u8..4, 1..5),
        failures in prop::collection::vec((0_usize..8, any::<prop::sample::Index>()), 1..4),
    ) {
        let mut uninterrupted = Trial::start(chain(&sections), json!({}));
        answer(&mut uninterrupted, usize::MAX);
        prop_assert_eq!(uninterrupted.status(), ExecutionStatus::Succeeded);
        let mut trial = Trial::start(chain(&sections), json!({}));
        for (calls, at) in failures {
            answer(&mut trial, calls);
            let Some((.., path)) = trial.polls().into_iter().next() else { break };
            trial.fail(&path, ErrorClass::Quota);
            prop_assert_eq!(trial.status(), ExecutionStatus::Failed);
            let states = entered_states(&trial);
            let state: &String = at.get(&states);
            let path = path_to(&trial, state);
            trial.give(Input::ResumeFrom { path, environment: None });
            prop_assert_eq!(trial.status(), ExecutionStatus::Running);
        }
        answer(&mut trial, usize::MAX);
        prop_assert_eq!(trial.status(), ExecutionStatus::Succeeded);
        prop_assert_eq!(trial.output(), uninterrupted.output());
        assert_dense(&trial);
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (path, token) in tokens(&trial) {
            prop_assert!(seen.entry(path).or_default().insert(token), "each visit has a token of its own");
        }
    }

    #[test]
    fn another_execution_that_starts_from_a_state_ends_alike(sections in prop::collection::vec(0_u8..4, 1..5), at in any::<prop::sample::Index>()) {
        let mut uninterrupted = Trial::start(chain(&sections), json!({}));
        answer(&mut uninterrupted, usize::MAX);
        let states = entered_states(&uninterrupted);
        let state: &String = at.get(&states);
        let path = path_to(&uninterrupted, state);
        let mut trial = Trial::start_from(chain(&sections), json!({}), path);
        answer(&mut trial, usize::MAX);
        prop_assert_eq!(trial.output(), uninterrupted.output());
        assert_dense(&trial);
    }
}

#[test]
fn the_history_reads_as_a_redrive_whose_first_event_enters_the_state() {
    let mut trial = Trial::start(chain(&[0, 2, 0]), json!({}));
    answer(&mut trial, 2);
    trial.fail("S1/T1", ErrorClass::Quota);
    let before = trial.types().len();
    let path = path_to(&trial, "S1/T0");
    trial.give(Input::ResumeFrom { path, environment: None });
    let types = trial.types().split_off(before);
    assert_eq!(
        types,
        ["ExecutionRedriven", "StateEntered", "ParallelStateStarted", "StateEntered", "TaskScheduled", "TaskStarted"]
    );
    assert_eq!(trial.execution.header.redrive_count, 1);
    assert_eq!(trial.polls()[0].3, "S1/T0");
}

#[test]
fn what_cannot_be_entered_by_itself_is_refused_and_changes_nothing() {
    let branches =
        json!([{ "StartAt": "A", "States": { "A": task(None) } }, { "StartAt": "B", "States": { "B": task(None) } }]);
    let map = json!({ "Type": "Map", "Items": [1], "End": true,
                      "ItemProcessor": { "StartAt": "M", "States": { "M": task(None) } } });
    let definition = json!({ "StartAt": "P", "States": {
        "P": { "Type": "Parallel", "Branches": branches, "Next": "Each" }, "Each": map } });
    let mut trial = Trial::start(definition, json!({}));
    let machine = trial.execution.machine.clone();
    let refused = |frame: &str, name: &str| reentry_path(&machine, frame, name).unwrap_err().to_string();
    assert!(refused("P[1]", "B").contains("one of the 2 branches of the Parallel 'P'"));
    assert!(refused("Each[0]", "M").contains("an iteration of the Map 'Each'"));
    assert!(refused("", "Nowhere").contains("no state named 'Nowhere'"));
    let entry = |state: &str| Reentry { state: state.into(), input: Default::default(), variables: Default::default() };
    trial.give(Input::ResumeFrom { path: vec![entry("P")], environment: None });
    assert_eq!(trial.execution.header.redrive_count, 0, "it has not ended");
    trial.fail("P[0]/A", ErrorClass::Quota);
    let events = trial.types().len();
    for path in [vec![], vec![entry("Nowhere")], vec![entry("P"), entry("A")], vec![entry("Each"), entry("M")]] {
        trial.give(Input::ResumeFrom { path, environment: None });
        assert_eq!((trial.status(), trial.types().len()), (ExecutionStatus::Failed, events));
    }
    trial.give(Input::ResumeFrom { path: vec![entry("P")], environment: None });
    assert_eq!(trial.polls().len(), 2, "both branches begin again");
}

#[test]
fn a_section_that_a_loop_enters_again_calls_with_new_tokens_and_its_retries_with_the_same() {
    let section = json!({ "Type": "Parallel", "Branches": [{ "StartAt": "T", "States": { "T": task(None) } }], "Next": "Again",
        "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 1 }] });
    let again = json!({ "Type": "Choice", "Choices": [{ "Condition": "{% $states.input[0] = 'again' %}", "Next": "S" }], "Default": "Done" });
    let definition =
        json!({ "StartAt": "S", "States": { "S": section, "Again": again, "Done": { "Type": "Succeed" } } });
    let mut trial = Trial::start(definition, json!({}));
    trial.done("S/T", json!("again"));
    trial.fail("S/T", ErrorClass::Quota);
    trial.sleep();
    trial.done("S/T", json!("end"));
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
    let tokens: Vec<String> = tokens(&trial).into_iter().map(|(_, token)| token).collect();
    assert_eq!(tokens.len(), 3);
    assert_ne!(tokens[0], tokens[1], "another visit");
    assert_eq!(tokens[1], tokens[2], "the same visit, attempted again");
}

/// The events of each child execution have ids of their own, so that equal ones occur in every run of a Map.
#[test]
fn a_distributed_map_that_a_loop_enters_again_calls_with_new_tokens_at_any_depth() {
    let distributed = |inner: Value| {
        let processor = json!({ "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "A", "States": { "A": inner } });
        json!({ "Type": "Map", "Items": [1, 2], "ItemProcessor": processor, "End": true })
    };
    let inline = |inner: Value| {
        let processor = json!({ "StartAt": "I", "States": { "I": inner } });
        json!({ "Type": "Map", "Items": [1, 2], "ItemProcessor": processor, "End": true })
    };
    let parallel =
        json!({ "Type": "Parallel", "Branches": [{ "StartAt": "Q", "States": { "Q": task(None) } }], "End": true });
    for (map, calls) in [
        (distributed(parallel.clone()), 2),
        (distributed(inline(task(None))), 4),
        (distributed(distributed(parallel)), 4),
        (distributed(task(None)), 2),
    ] {
        let mut map = map;
        map.as_object_mut().unwrap().remove("End");
        map["Assign"] = json!({ "n": "{% $n + 1 %}" });
        map["Next"] = json!("C");
        let rounds = json!([{ "Condition": "{% $n < 3 %}", "Next": "M" }]);
        let definition = json!({ "StartAt": "Z", "States": {
            "Z": { "Type": "Pass", "Assign": { "n": 0 }, "Next": "M" }, "M": map,
            "C": { "Type": "Choice", "Choices": rounds, "Default": "E" }, "E": { "Type": "Succeed" } } });
        let mut trial = Trial::start(definition, json!({}));
        answer(&mut trial, 100);
        assert_eq!(trial.status(), ExecutionStatus::Succeeded);
        let tokens = tokens(&trial);
        let distinct: BTreeSet<_> = tokens.iter().map(|(_, token)| token).collect();
        assert_eq!((tokens.len(), distinct.len()), (3 * calls, 3 * calls), "{tokens:?}");
    }
}
