//! Selects the running executions that may ask a person: histories are read of no others. An execution may ask if its definition has a Task
//! with a task token, or an approval of a `flow serve`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api::flow::{APPROVAL, SearchedPart};
use engine::{asl::each_state, step::waits_for_token};
use futures::future::try_join_all;
use serde_json::Value;
use steps::step_functions::{NamedArn, RemoteExecution};

use super::{
    Executions, internal,
    listing::{CALLS_AT_ONCE, FoundList, ListLimits, MACHINES_MAX},
};
use crate::exit::{CliError, Exit};

/// The running executions that are listed. The bound counts those of which no history is read, too.
const RUNNING: ListLimits = ListLimits { running: true, each_max: usize::MAX, all_max: 10_000 };
/// The most executions whose definitions or histories are read.
const READ_MAX: usize = 1_000;

/// A running execution that may ask.
pub(super) struct Candidate {
    pub arn: String,
    /// Its definition; `None` if only a call for this execution returns it.
    pub definition: Option<Arc<Value>>,
}

/// The running executions that may ask, as far as they are searched.
pub(super) struct Candidates {
    /// Those to read.
    pub executions: Vec<Candidate>,
    /// The part of the running executions that is searched once these are read, if not all are.
    pub searched: Option<SearchedPart>,
}

/// The definition of a state machine or of one of its versions.
struct Described {
    definition: Arc<Value>,
    /// Whether executions that have no version may have started with an earlier definition.
    was_updated: bool,
}

impl Described {
    fn may_ask(&self) -> bool {
        may_ask(&self.definition)
    }
}

/// Whether an execution of a definition may ask a person: a Task of it has a task token, or is an approval.
pub(super) fn may_ask(definition: &Value) -> bool {
    let mut found = false;
    each_state(definition, &mut |state| {
        let resource = state.json["Resource"].as_str();
        found |= resource.is_some_and(|resource| waits_for_token(resource) || resource == APPROVAL);
    });
    found
}

impl Executions {
    /// The running executions that may ask a person.
    pub(super) async fn candidates(&self) -> Result<Candidates, CliError> {
        let (machines, are_all) = self.machines(MACHINES_MAX).await?;
        let mut definitions = self.definitions(machines.iter().map(|machine| machine.arn.clone()).collect()).await?;
        // The running executions of an updated state machine may have an earlier definition.
        let may_have = |machine: &NamedArn| {
            definitions.get(&machine.arn).is_some_and(|found| found.may_ask() || found.was_updated)
        };
        let machines: Vec<NamedArn> = machines.iter().filter(|machine| may_have(machine)).cloned().collect();
        let FoundList { executions: running, is_complete } = self.newest(&machines, RUNNING).await?;
        let versions: BTreeSet<String> = running.iter().filter_map(|execution| execution.version.clone()).collect();
        definitions.extend(self.definitions(versions.into_iter().collect()).await?);
        Ok(select(running, &definitions, is_complete && are_all))
    }

    /// The definitions of state machines and versions, by their ARNs. One that was deleted has none.
    async fn definitions(&self, arns: Vec<String>) -> Result<BTreeMap<String, Described>, CliError> {
        let mut found = BTreeMap::new();
        for some in arns.chunks(CALLS_AT_ONCE) {
            let calls: Vec<_> = some.iter().map(|arn| self.described(arn)).collect();
            let described = some.iter().cloned().zip(try_join_all(calls).await?);
            found.extend(described.filter_map(|(arn, described)| Some((arn, described?))));
        }
        Ok(found)
    }

    async fn described(&self, arn: &str) -> Result<Option<Described>, CliError> {
        let found = match self.paced(&self.definition, || self.api.state_machine(arn)).await {
            Ok(found) => found,
            Err(error) if error.exit == Exit::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let definition = Arc::new(serde_json::from_str(&found.definition).map_err(internal)?);
        Ok(Some(Described { definition, was_updated: found.revision.is_some() }))
    }
}

/// Selects the executions to read. `are_all`: whether no others run.
fn select(running: Vec<RemoteExecution>, definitions: &BTreeMap<String, Described>, are_all: bool) -> Candidates {
    let total = running.len();
    let asking = running.into_iter().filter_map(|execution| {
        let described = match &execution.version {
            Some(version) => definitions.get(version),
            None => definitions.get(&execution.state_machine_arn).filter(|found| !found.was_updated),
        };
        match described {
            Some(found) if !found.may_ask() => None,
            found => {
                let definition = found.map(|found| found.definition.clone());
                Some((execution.state_machine_arn, Candidate { arn: execution.arn, definition }))
            }
        }
    });
    let mut executions = in_turn(asking);
    let unread = executions.len().saturating_sub(READ_MAX);
    executions.truncate(READ_MAX);
    let searched =
        (unread > 0 || !are_all).then(|| SearchedPart { read: total - unread, running: total, more: !are_all });
    Candidates { executions, searched }
}

/// One execution of each state machine in turn, so that many executions of one do not displace those of another.
fn in_turn(executions: impl Iterator<Item = (String, Candidate)>) -> Vec<Candidate> {
    let mut of_machine: BTreeMap<String, usize> = BTreeMap::new();
    let ranked = executions.map(|(machine, candidate)| {
        let before = of_machine.entry(machine).or_default();
        *before += 1;
        (*before, candidate)
    });
    let mut ranked: Vec<(usize, Candidate)> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described(resource: &str, was_updated: bool) -> Described {
        let task = json!({ "Type": "Task", "Resource": resource, "End": true });
        let definition = Arc::new(json!({ "StartAt": "A", "States": { "A": task } }));
        Described { definition, was_updated }
    }

    /// Running executions of a state machine, newest first.
    fn running(machine: &str, version: Option<&str>, count: usize) -> Vec<RemoteExecution> {
        let execution = |number: usize| RemoteExecution {
            arn: format!("{machine}:{number}"),
            state_machine_arn: machine.to_owned(),
            version: version.map(str::to_owned),
            ..RemoteExecution::default()
        };
        (0..count).map(execution).collect()
    }

    #[test]
    fn a_task_with_a_token_or_an_approval_anywhere_in_a_definition_may_ask() {
        let inner = |resource: &str| {
            let task = json!({ "Type": "Task", "Resource": resource });
            json!({ "States": { "M": { "Type": "Map", "ItemProcessor": { "States": { "A": task } } } } })
        };
        for (resource, expected) in [
            ("arn:aws:states:::lambda:invoke.waitForTaskToken", true),
            (APPROVAL, true),
            ("arn:aws:states:::lambda:invoke", false),
            ("arn:aws:states:::states:startExecution.sync:2", false),
        ] {
            assert_eq!(may_ask(&inner(resource)), expected, "{resource}");
        }
        let branches = [inner("arn:aws:states:::sns:publish"), inner(APPROVAL)];
        assert!(may_ask(&json!({ "States": { "P": { "Type": "Parallel", "Branches": branches } } })));
    }

    #[test]
    fn only_executions_whose_definition_may_ask_are_read() {
        let token = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        let definitions = BTreeMap::from([
            ("asks".to_owned(), described(token, false)),
            ("asked".to_owned(), described("arn:aws:states:::lambda:invoke", true)),
            ("asked:1".to_owned(), described(token, true)),
            ("asked:2".to_owned(), described("arn:aws:states:::lambda:invoke", true)),
        ]);
        let all = [
            running("asks", None, 1),
            running("asked", Some("asked:1"), 1),
            running("asked", Some("asked:2"), 5),
            // Their definition is not known: it was updated since, or the version was deleted.
            running("asked", None, 1),
            running("asked", Some("asked:0"), 1),
        ];
        let Candidates { executions, searched } = select(all.concat(), &definitions, true);
        let known: Vec<_> = executions.iter().map(|found| (found.arn.as_str(), found.definition.is_some())).collect();
        assert_eq!(known, [("asks:0", true), ("asked:0", true), ("asked:0", false), ("asked:0", false)]);
        assert_eq!(searched, None);
    }

    #[test]
    fn a_busy_state_machine_does_not_hide_the_questions_of_another() {
        let token = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        let definitions = ["busy", "dba"].map(|name| (name.to_owned(), described(token, false)));
        let all = [running("busy", None, READ_MAX + 400), running("dba", None, 1)].concat();
        let Candidates { executions, searched } = select(all, &BTreeMap::from(definitions), true);
        assert_eq!((executions.len(), executions[1].arn.as_str()), (READ_MAX, "dba:0"));
        let all = READ_MAX + 401;
        assert_eq!(searched, Some(SearchedPart { read: READ_MAX, running: all, more: false }));
    }
}
