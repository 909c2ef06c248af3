//! Plans to enter a state again: its recorded input and variables, and the calls made since.

use std::collections::BTreeSet;

use engine::{
    asl::{InnerKind, StateMachine},
    journal::{self, Entered, Recorded},
    machine::{Reentry, reentry_path},
    spelling::{did_you_mean, nearest},
    store::RECORD_ENTRIES_MAX,
};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, STATE_DOES_NOT_EXIST, view::StepChange};

/// The most paths that a fault proposes.
const PATHS_MAX: usize = 3;

/// Returns the data that an execution recorded when it entered a state. With this data, the same or another execution can enter the state
/// again. Changes nothing.
pub struct PlanReentry;

/// A request of [`PlanReentry`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReentryRequest {
    /// The execution's id.
    pub id: String,
    /// The state's name or path.
    pub state: String,
}

/// The response of [`PlanReentry`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReentryResponse {
    /// The state's path.
    pub state_path: String,
    /// The time of the last entry, in milliseconds since the Unix epoch.
    pub entered_ms: u64,
    /// The Parallels that contain the state and then the state, with recorded inputs and variables.
    pub path: Vec<Reentry>,
    /// The Tasks that were called since, by their last call: entering the state may call them again.
    pub calls: Vec<RepeatedCall>,
    /// The resources that steps changed since.
    #[serde(rename = "made")]
    pub changes: Vec<StepChange>,
}

/// A Task that was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepeatedCall {
    /// The state's path.
    pub state_path: String,
    /// The resource that was called.
    pub resource: String,
    /// Whether the last call succeeded; `None` where no answer is recorded.
    pub succeeded: Option<bool>,
}

impl Operation for PlanReentry {
    const NAME: &'static str = "Flow.PlanReentry";
    type Request = PlanReentryRequest;
    type Response = PlanReentryResponse;

    async fn answer(api: &Api, PlanReentryRequest { id, state }: PlanReentryRequest) -> Result<Self::Response, Fault> {
        let store = api.runner.store();
        let missing = || Fault::no_execution(&id);
        let last = store.summary(&id)?.ok_or_else(missing)?.last_sequence;
        let (_, definition) = store.definition(&id)?.ok_or_else(missing)?;
        let machine = engine::asl::parse(&definition).map_err(|problems| {
            let messages: Vec<String> =
                problems.iter().map(|p| format!("{}: {} [{}]", p.location, p.message, p.code)).collect();
            Fault::new("InvalidDefinition", format!("the pinned definition cannot run: {}", messages.join("; ")))
        })?;
        let (mut recorded, mut next) = (Recorded::default(), 1);
        while next <= last {
            let entries = store.entries(&id, next, RECORD_ENTRIES_MAX)?;
            let Some(read) = entries.last() else { break };
            next = read.sequence + 1;
            entries.iter().for_each(|entry| recorded.fold(entry));
        }
        plan(&recorded, &machine, &id, &state)
    }
}

/// Plans the re-entry.
///
/// # Errors
/// The state was never entered, several states have that name, or it cannot be entered on its own.
fn plan(recorded: &Recorded, machine: &StateMachine, id: &str, wanted: &str) -> Result<PlanReentryResponse, Fault> {
    let found = recorded.named(wanted);
    let entered = match found.as_slice() {
        [] => return Err(never_entered(recorded, machine, id, wanted)),
        [only] => *only,
        several => {
            let paths: Vec<String> = several.iter().map(|entered| format!("'{}'", path_of(entered))).collect();
            let paths = paths.join(", ");
            return Err(Fault::validation(format!(
                "several states are named '{wanted}': name one by its path: {paths}"
            )));
        }
    };
    let state_path = path_of(entered);
    let refused = |reason: &dyn std::fmt::Display| {
        Fault::validation(format!("'{state_path}' cannot be entered on its own: {reason}"))
    };
    let steps = reentry_path(machine, &entered.frame, &entered.name).map_err(|error| refused(&error))?;
    let mut path = Vec::with_capacity(steps.len());
    for (frame, name) in steps {
        let at = journal::state_path(&frame, &name);
        let not_recorded = || refused(&format_args!("the entering of '{at}' is not recorded"));
        let level = recorded.entered(&at).ok_or_else(not_recorded)?;
        let (input, variables) = (level.input.clone(), level.variables.clone());
        path.push(Reentry { state: name, input, variables });
    }
    let changes = recorded.changes_after(entered.sequence);
    let changes =
        changes.map(|(path, change)| StepChange { state_path: path.to_owned(), change: change.clone() }).collect();
    let calls = repeated(recorded, entered.sequence);
    Ok(PlanReentryResponse { state_path, entered_ms: entered.entered_ms, path, calls, changes })
}

fn path_of(entered: &Entered) -> String {
    journal::state_path(&entered.frame, &entered.name)
}

/// The last call of each Task that was called after an entry of the journal.
fn repeated(recorded: &Recorded, sequence: u64) -> Vec<RepeatedCall> {
    let mut calls: Vec<RepeatedCall> = Vec::new();
    for call in recorded.calls_after(sequence) {
        calls.retain(|earlier| earlier.state_path != call.state_path);
        let (state_path, resource) = (call.state_path.clone(), call.resource.to_string());
        calls.push(RepeatedCall { state_path, resource, succeeded: call.succeeded });
    }
    calls
}

/// The fault for a state that was never entered, or that the execution does not have: neither its definition nor one of its iterations.
fn never_entered(recorded: &Recorded, machine: &StateMachine, id: &str, wanted: &str) -> Fault {
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    state_names(machine, &mut names);
    state_paths(machine, "", &mut paths);
    if names.contains(&wanted) || paths.iter().any(|path| path == wanted) {
        let message = format!("{id} never entered '{wanted}': only a state that was entered has a recorded input");
        return Fault::validation(message);
    }
    // A state's name may contain a slash: the longest name at the end of the path is meant.
    let ends = |path: &str, name: &str| path.strip_suffix(name).is_some_and(|above| above.ends_with('/'));
    let last = names.iter().copied().filter(|name| ends(wanted, name)).max_by_key(|name| name.len());
    let Some(last) = last else {
        let last = wanted.rsplit('/').next().unwrap_or(wanted);
        let plain = last.split('[').next().unwrap_or(last);
        let named = names.iter().copied().find(|name| *name == plain);
        let meant = did_you_mean(named.or_else(|| nearest(plain, names.iter().copied())));
        return Fault::new(
            STATE_DOES_NOT_EXIST,
            format!("the definition of {id} has no state named '{wanted}'{meant}"),
        );
    };
    let entered = recorded.named(last).into_iter().map(path_of);
    let defined = paths.into_iter().filter(|path| path == last || ends(path, last));
    let existing: BTreeSet<String> = entered.chain(defined).collect();
    let existing: Vec<String> = existing.iter().take(PATHS_MAX).map(|path| format!("'{path}'")).collect();
    let meant = if existing.is_empty() { String::new() } else { format!("; it has {}", existing.join(", ")) };
    Fault::new(STATE_DOES_NOT_EXIST, format!("{id} has no state named '{wanted}'{meant}"))
}

/// The paths of all states, except those inside a Map: their number is known at run time only.
fn state_paths(machine: &StateMachine, above: &str, paths: &mut Vec<String>) {
    for state in machine.states.values() {
        let path = journal::state_path(above, &state.name);
        for (kind, inner) in state.machines() {
            if let InnerKind::Branch { .. } = kind {
                state_paths(inner, &kind.frame(&path), paths);
            }
        }
        paths.push(path);
    }
}

fn state_names<'m>(machine: &'m StateMachine, names: &mut Vec<&'m str>) {
    for state in machine.states.values() {
        names.push(&state.name);
        state.machines().into_iter().for_each(|(_, inner)| state_names(inner, names));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_that_the_definition_does_not_have_is_not_found_and_one_that_was_never_entered_is_refused() {
        let definition = json!({ "StartAt": "Verify", "States": {
            "Verify": { "Type": "Pass", "Next": "Publish" }, "Publish": { "Type": "Pass", "End": true } } });
        let Ok(machine) = engine::asl::parse(&definition) else { panic!("{definition}") };
        let fault =
            |wanted: &str| plan(&Recorded::default(), &machine, "r-1", wanted).map_err(|fault| fault.to_string());
        let mistyped = fault("Verfiy");
        assert_eq!(
            mistyped,
            Err("StateDoesNotExist: the definition of r-1 has no state named 'Verfiy'; did you mean 'Verify'?"
                .to_owned())
        );
        assert!(fault("Publish").is_err_and(|fault| fault.starts_with("ValidationException: r-1 never entered")));
    }

    #[test]
    fn a_path_that_the_execution_does_not_have_is_not_found_and_the_existing_ones_are_named() {
        let end = || json!({ "Type": "Pass", "End": true });
        let branch = |name: &str| json!({ "StartAt": name, "States": { name: end() } });
        let definition = json!({ "StartAt": "Sec", "States": {
            "Sec": { "Type": "Parallel", "Branches": [branch("Y")], "Next": "Both" },
            "Both": { "Type": "Parallel", "Branches": [branch("L"), branch("R/1")], "Next": "Each" },
            "Each": { "Type": "Map", "ItemProcessor": branch("Z"), "End": true } } });
        let Ok(machine) = engine::asl::parse(&definition) else { panic!("{definition}") };
        for (wanted, kind, words) in [
            ("Sec[9]/Y", "StateDoesNotExist", "r-1 has no state named 'Sec[9]/Y'; it has 'Sec/Y'"),
            ("Both[2]/L", "StateDoesNotExist", "it has 'Both[0]/L'"),
            ("Both[0]/R/1", "StateDoesNotExist", "it has 'Both[1]/R/1'"),
            ("Each[7]/Z", "StateDoesNotExist", "r-1 has no state named 'Each[7]/Z'"),
            ("Each[7]", "StateDoesNotExist", "did you mean"),
            ("Sec/Y", "ValidationException", "never entered"),
            ("Both[1]/R/1", "ValidationException", "never entered"),
            ("R/1", "ValidationException", "never entered"),
            ("Z", "ValidationException", "never entered"),
        ] {
            let Err(fault) = plan(&Recorded::default(), &machine, "r-1", wanted) else { panic!("{wanted}") };
            let said = fault.to_string();
            assert!(said.starts_with(kind) && said.contains(words), "{wanted}: {said}");
        }
    }
}
