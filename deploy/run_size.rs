//! The size of a run at Step Functions: its state transitions, which are charged, and the events of its history, which are limited.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::{
    asl::{
        Diagnostic, each_machine, has_express_children, is_distributed, machines_inside, next_states, pointer::below,
        retriers, states_of,
    },
    step::waits_for_token,
};
use serde_json::Value;

/// The most events of one execution (Developer Guide, "Service quotas").
pub const EVENTS_MAX: u64 = 25_000;
/// ExecutionStarted and ExecutionSucceeded.
const EVENTS_OF_EXECUTION: u64 = 2;
/// MapIterationStarted and MapIterationSucceeded.
const EVENTS_OF_ITERATION: u64 = 2;
/// The scheduling, the start and the failure of an attempt of a Task.
const EVENTS_OF_FAILED_ATTEMPT: u64 = 3;
/// The start and the failure of an attempt of a Map or a Parallel, without the states inside it.
const EVENTS_OF_FAILED_ROUND: u64 = 2;

/// An amount of state transitions and of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// State transitions.
    pub transitions: u64,
    /// Events in the history of the execution, without those of its child executions.
    pub events: u64,
}

impl Size {
    fn plus(self, other: Size) -> Size {
        Size {
            transitions: self.transitions.saturating_add(other.transitions),
            events: self.events.saturating_add(other.events),
        }
    }

    fn times(self, factor: u64) -> Size {
        Size { transitions: self.transitions.saturating_mul(factor), events: self.events.saturating_mul(factor) }
    }

    fn least(self, other: Size) -> Size {
        Size { transitions: self.transitions.min(other.transitions), events: self.events.min(other.events) }
    }
}

/// A Map whose number of items is known only when it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapSize {
    /// The name of its state.
    pub name: String,
    /// The events that each item adds. A distributed Map adds no events: its child executions have histories of their own.
    pub item: Size,
}

impl MapSize {
    /// The most items for which one execution has events.
    pub fn items_max(&self) -> Option<u64> {
        EVENTS_MAX.checked_div(self.item.events)
    }
}

/// The size of a run, as far as the definition shows it. Loops count once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunSize {
    /// The shortest way to an end without an error. A Map of unknown items has none.
    pub fewest: Size,
    /// Each state once. A Map of unknown items has one.
    pub each_once: Size,
    /// Each state once, with every attempt that its Retry allows.
    pub with_retries: Size,
    /// The Maps whose number of items is known only when they run.
    pub maps: Vec<MapSize>,
}

/// The counted paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    Fewest,
    EachOnce,
    WithRetries,
}

/// Counts the transitions and events of a compiled definition.
pub(crate) fn run_size(definition: &Value) -> RunSize {
    // The first transition leads into the first state.
    let begin = Size { transitions: 1, events: EVENTS_OF_EXECUTION };
    let count = |counting| begin.plus(machine_size(definition, counting));
    let mut maps = Vec::new();
    each_machine(definition, &mut |machine| {
        let unknown =
            states_of(machine.json).filter(|(_, state)| state["Type"] == "Map" && literal_items(state).is_none());
        maps.extend(unknown.map(|(name, state)| MapSize { name: name.clone(), item: item(state, Counting::EachOnce) }));
    });
    RunSize {
        fewest: count(Counting::Fewest),
        each_once: count(Counting::EachOnce),
        with_retries: count(Counting::WithRetries),
        maps,
    }
}

/// Refuses a definition of which no run fits into the history of an execution. Warns if a run that executes every state once may exceed it,
/// and of loops.
pub(crate) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_machine(definition, &mut |machine| {
        // An execution of its own runs it.
        if machine.kind.is_none() || machine.is_distributed() {
            found.extend(too_many_events(machine.json, &machine.pointer));
        }
        found.extend(loops(machine.json, &machine.pointer));
    });
    found
}

fn too_many_events(machine: &Value, pointer: &str) -> Option<Diagnostic> {
    let events = |counting| EVENTS_OF_EXECUTION.saturating_add(machine_size(machine, counting).events);
    let largest = states_of(machine).max_by_key(|(_, state)| state_size(state, Counting::EachOnce).events)?;
    let location = below(&below(pointer, "States"), largest.0);
    let (fewest, each_once) = (events(Counting::Fewest), events(Counting::EachOnce));
    if fewest > EVENTS_MAX {
        let message = format!(
            "Every run writes at least {fewest} events, most of them here; an execution may have at most {EVENTS_MAX}."
        );
        return Some(Diagnostic::error("TOO_MANY_EVENTS", &location, message));
    }
    let message = format!(
        "A run that enters each state once writes {each_once} events, most of them here; an execution has at most \
         {EVENTS_MAX}."
    );
    (each_once > EVENTS_MAX).then(|| Diagnostic::warning("TOO_MANY_EVENTS", &location, message))
}

fn machine_size(machine: &Value, counting: Counting) -> Size {
    if counting != Counting::Fewest {
        return states_of(machine).fold(Size::default(), |sum, (_, state)| sum.plus(state_size(state, counting)));
    }
    let start = machine["StartAt"].as_str().unwrap_or_default();
    let reached = reached(machine, start, false);
    let ends = |is_end: fn(&Value) -> bool| {
        let ends = states_of(machine).filter(|(_, state)| is_end(state));
        ends.filter_map(|(name, _)| reached.get(name.as_str()).copied()).reduce(Size::least)
    };
    // A definition may have no end but a failure.
    let success = ends(|state| state["End"] == true || state["Type"] == "Succeed");
    success.or_else(|| ends(|state| state["Type"] == "Fail")).unwrap_or_default()
}

/// The size of the shortest way from one state to each other state, both included.
fn reached<'d>(machine: &'d Value, start: &'d str, with_catch: bool) -> BTreeMap<&'d str, Size> {
    let sizes: BTreeMap<&str, (Size, Vec<&str>)> = states_of(machine)
        .map(|(name, state)| (name.as_str(), (state_size(state, Counting::Fewest), next_states(state, with_catch))))
        .collect();
    let mut reached = BTreeMap::new();
    let Some((own, _)) = sizes.get(start) else { return reached };
    reached.insert(start, *own);
    // In the order of discovery: each state is then improved at most once for each other state.
    let mut open = VecDeque::from([start]);
    while let Some(name) = open.pop_front() {
        let (Some(until_here), Some((_, next))) = (reached.get(name).copied(), sizes.get(name)) else { continue };
        for &next in next {
            let Some((own, _)) = sizes.get(next) else { continue };
            let way = until_here.plus(*own);
            let known = reached.get(next).copied();
            let least = known.map_or(way, |known| known.least(way));
            if known != Some(least) {
                reached.insert(next, least);
                open.push_back(next);
            }
        }
    }
    reached
}

/// A warning for each transition that closes a loop.
fn loops(machine: &Value, pointer: &str) -> Vec<Diagnostic> {
    let states: BTreeMap<&str, Vec<&str>> =
        states_of(machine).map(|(name, state)| (name.as_str(), next_states(state, true))).collect();
    let (mut done, mut open) = (BTreeSet::new(), BTreeSet::new());
    let mut found = Vec::new();
    // A path of states, each with the number of its transitions that were followed.
    let mut path: Vec<(&str, usize)> = machine["StartAt"].as_str().map(|start| (start, 0)).into_iter().collect();
    while let Some((name, followed)) = path.last_mut() {
        let name = *name;
        open.insert(name);
        let next = states.get(name).and_then(|next| next.get(*followed)).copied();
        *followed += 1;
        match next {
            Some(next) if open.contains(next) => found.extend(round(machine, pointer, name, next)),
            Some(next) if !done.contains(next) && states.contains_key(next) => path.push((next, 0)),
            Some(_) => {}
            None => {
                open.remove(name);
                done.insert(name);
                path.pop();
            }
        }
    }
    found
}

/// The warning for a transition of the state `last` back to the state `first`.
fn round(machine: &Value, pointer: &str, last: &str, first: &str) -> Option<Diagnostic> {
    let events = reached(machine, first, true).get(last)?.events;
    let rounds = EVENTS_MAX.checked_div(events)?;
    let message = format!(
        "'{last}' leads back to '{first}': each round writes at least {events} events, so an execution has at most {rounds} \
         rounds."
    );
    Some(Diagnostic::warning("LOOP_EVENTS", &below(&below(pointer, "States"), last), message))
}

fn state_size(state: &Value, counting: Counting) -> Size {
    let own = Size { transitions: 1, events: own_events(state) };
    let inside = match state["Type"].as_str() {
        Some("Map") => {
            let items = literal_items(state).unwrap_or(u64::from(counting != Counting::Fewest));
            item(state, counting).times(items)
        }
        _ => machines_inside(state)
            .into_iter()
            .fold(Size::default(), |sum, inner| sum.plus(machine_size(inner.json, counting))),
    };
    let retries = if counting == Counting::WithRetries { retries_max(state) } else { 0 };
    let is_task = state["Type"] == "Task";
    let events = if is_task { EVENTS_OF_FAILED_ATTEMPT } else { EVENTS_OF_FAILED_ROUND };
    own.plus(inside.times(retries.saturating_add(1))).plus(Size { transitions: 1, events }.times(retries))
}

/// The events of a state that succeeds, without those of the states inside it.
fn own_events(state: &Value) -> u64 {
    let runs_job = |resource: &str| [".sync", ".sync:2"].iter().any(|end| resource.ends_with(end));
    let waits = |resource: &str| runs_job(resource) || waits_for_token(resource);
    match state["Type"].as_str() {
        // Entered, scheduled, started, submitted, succeeded, exited.
        Some("Task") if state["Resource"].as_str().is_some_and(waits) => 6,
        Some("Task") => 5,
        // With MapRunStarted and MapRunSucceeded.
        Some("Map") if is_distributed(state) => 6,
        Some("Map" | "Parallel") => 4,
        Some("Fail") => 1,
        _ => 2,
    }
}

/// The size of one item of a Map.
fn item(state: &Value, counting: Counting) -> Size {
    let inside = machines_inside(state).into_iter();
    let inside = inside.fold(Size::default(), |sum, inner| sum.plus(machine_size(inner.json, counting)));
    match is_distributed(state) {
        // Executions of type EXPRESS are charged for their duration.
        true if has_express_children(state) => Size::default(),
        true => Size { transitions: inside.transitions.saturating_add(1), events: 0 },
        false => inside.plus(Size { transitions: 0, events: EVENTS_OF_ITERATION }),
    }
}

/// The number of items of a Map, if the definition has them.
fn literal_items(state: &Value) -> Option<u64> {
    state["Items"].as_array().and_then(|items| u64::try_from(items.len()).ok())
}

/// The most retries of a state: each rule has a counter of its own.
fn retries_max(state: &Value) -> u64 {
    let rules = state["Retry"].as_array().map(Vec::as_slice).unwrap_or_default();
    retriers(rules).iter().map(|rule| u64::from(rule.max_attempts)).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn machine(state: Value) -> Value {
        json!({ "StartAt": "A", "States": { "A": state } })
    }

    fn codes(definition: &Value) -> Vec<(&'static str, bool, String)> {
        let is_error = |problem: &Diagnostic| problem.severity == engine::asl::Severity::Error;
        problems(definition).into_iter().map(|problem| (problem.code, is_error(&problem), problem.location)).collect()
    }

    fn map(items: Value, inner: Value) -> Value {
        json!({ "Type": "Map", "End": true, "Items": items, "ItemProcessor": machine(inner) })
    }

    fn task(more: Value) -> Value {
        let mut task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    }

    #[test]
    fn the_fewest_transitions_are_those_of_the_shortest_way_that_succeeds() {
        let definition = json!({ "StartAt": "A", "States": {
            "A": { "Type": "Choice", "Choices": [{ "Next": "B" }, { "Next": "D" }], "Default": "F" },
            "B": { "Type": "Pass", "Next": "C" }, "C": { "Type": "Pass", "Next": "D" },
            "D": { "Type": "Succeed" }, "F": { "Type": "Fail" } } });
        let size = run_size(&definition);
        assert_eq!(size.fewest, Size { transitions: 3, events: 2 + 2 + 2 });
        assert_eq!((size.each_once.transitions, size.maps), (6, Vec::new()));
    }

    #[test]
    fn retries_and_items_make_the_range() {
        let retry = json!({ "Retry": [{ "MaxAttempts": 2 }, {}] });
        let size = run_size(&machine(task(retry)));
        assert_eq!(size.each_once, Size { transitions: 2, events: 7 });
        assert_eq!(size.with_retries, Size { transitions: 2 + 5, events: 7 + 15 });
        let size = run_size(&machine(map(json!([1, 2, 3]), json!({ "Type": "Pass", "End": true }))));
        assert_eq!((size.fewest, size.each_once.transitions), (Size { transitions: 5, events: 2 + 4 + 12 }, 5));
        let size = run_size(&machine(map(json!("{% $states.input %}"), task(json!({})))));
        assert_eq!((size.fewest.transitions, size.each_once.transitions), (2, 3));
        let item = Size { transitions: 1, events: 7 };
        assert_eq!(size.maps, [MapSize { name: "A".to_owned(), item }]);
        assert_eq!(size.maps[0].items_max(), Some(3_571));
        let without_end = json!({ "Retry": [{ "MaxAttempts": 99_999_999 }], "Type": "Parallel", "End": true });
        let mut nested = without_end.clone();
        for _ in 0..4 {
            let mut outer = without_end.clone();
            outer["Branches"] = json!([machine(nested)]);
            nested = outer;
        }
        assert_eq!(run_size(&machine(nested)).with_retries.events, u64::MAX);
    }

    #[test]
    fn a_definition_of_which_no_run_fits_is_refused_and_one_of_which_some_do_is_not() {
        let inner = |items: usize| map(json!(vec![0; items]), json!({ "Type": "Pass", "End": true }));
        let too_many = |items: usize| machine(map(json!(vec![0; 100]), inner(items)));
        assert_eq!(codes(&too_many(60)), []);
        assert_eq!(codes(&too_many(63)), [("TOO_MANY_EVENTS", true, "/States/A".to_owned())]);
        let way_around = json!({ "StartAt": "C", "States": {
            "C": { "Type": "Choice", "Choices": [{ "Next": "A" }], "Default": "B" },
            "A": map(json!(vec![0; 100]), inner(63)), "B": { "Type": "Succeed" } } });
        assert_eq!(codes(&way_around), [("TOO_MANY_EVENTS", false, "/States/A".to_owned())]);
        let mut distributed = machine(map(json!([1]), inner(10_000)));
        distributed["States"]["A"]["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED" });
        assert_eq!(codes(&distributed), [("TOO_MANY_EVENTS", true, "/States/A/ItemProcessor/States/A".to_owned())]);
    }

    #[test]
    fn each_loop_is_reported_with_the_most_rounds() {
        let definition = json!({ "StartAt": "Ask", "States": {
            "Ask": task(json!({ "Next": "Is it done", "Catch": [{ "Next": "Rest" }] })),
            "Is it done": { "Type": "Choice", "Choices": [{ "Next": "End" }], "Default": "Rest" },
            "Rest": { "Type": "Wait", "Seconds": 5, "Next": "Ask" },
            "End": { "Type": "Succeed" } } });
        let found = problems(&definition);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].code, found[0].location.as_str()), ("LOOP_EVENTS", "/States/Rest"));
        // Through the Catch: Ask and Rest.
        assert!(found[0].message.contains("7 events") && found[0].message.contains("3571 rounds"), "{found:?}");
        let alone = machine(json!({ "Type": "Wait", "Seconds": 1, "Next": "A" }));
        assert_eq!(codes(&alone), [("LOOP_EVENTS", false, "/States/A".to_owned())]);
    }
}
