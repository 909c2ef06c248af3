//! The activities that a removal may delete: those that the deployment used and no other definition needs.

use std::collections::BTreeMap;

use deploy::plan::{ExistingMachine, STANDARD, STEP_TAG};
use engine::step::{ErrorClass, StepError};
use steps::step_functions::{NamedArn, RemoteStateMachine, RunningExecution};

use super::Cloud;

/// The most state machines that are read to find those that name an activity.
const MACHINES_READ_MAX: usize = 2_000;
/// The most running executions of a state machine that are read.
const EXECUTIONS_READ_MAX: usize = 100;

/// Activities: the ARN or the reason, by name.
type ByName = BTreeMap<String, String>;

impl Cloud {
    /// The other activities that a version of the state machine names, with their ARNs. They are of earlier deployments under the same
    /// name.
    ///
    /// # Errors
    /// Step Functions' error.
    pub async fn former_activities(&self, machine: &ExistingMachine, others: &ByName) -> Result<ByName, StepError> {
        let mut definitions = vec![machine.definition.clone()];
        for version in self.states.versions(&machine.arn).await? {
            definitions.push(self.states.state_machine(&version).await?.definition);
        }
        let mut former = ByName::new();
        for (name, arn) in others {
            let is_named = definitions.iter().any(|definition| names(definition, arn));
            // An author's own activity has no such tag.
            if is_named && self.states.tags(arn).await?.contains_key(STEP_TAG) {
                former.insert(name.clone(), arn.clone());
            }
        }
        Ok(former)
    }

    /// The given activities that others than the state machine `except` need, each with the reason: a state machine names it, or a
    /// running execution of an earlier version does. What cannot be read within the limits counts as needed.
    ///
    /// # Errors
    /// Step Functions' error.
    pub async fn needed_activities(&self, activities: &ByName, except: &str) -> Result<ByName, StepError> {
        let mut needed = ByName::new();
        let machines = match activities.is_empty() {
            true => Vec::new(),
            false => self.states.state_machines(MACHINES_READ_MAX + 1).await?,
        };
        if machines.len() > MACHINES_READ_MAX {
            note(&mut needed, activities, None, &format!("more than {MACHINES_READ_MAX} state machines may name it"));
        }
        for NamedArn { name: machine, arn } in machines.iter().filter(|machine| machine.name != except) {
            if needed.len() == activities.len() {
                break;
            }
            let found = match self.states.state_machine(arn).await {
                Ok(found) => found,
                Err(error) if error.class == ErrorClass::NotFound => continue,
                Err(error) => return Err(error),
            };
            note(&mut needed, activities, Some(&found.definition), &format!("the state machine {machine} names it"));
            if may_run_another_definition(&found) {
                self.note_running(&mut needed, activities, machine, arn).await?;
            }
        }
        Ok(needed)
    }

    /// Notes the activities that running executions of a state machine name. One execution of each version is read.
    async fn note_running(
        &self,
        needed: &mut ByName,
        activities: &ByName,
        machine: &str,
        arn: &str,
    ) -> Result<(), StepError> {
        let running = self.states.running_executions(arn, EXECUTIONS_READ_MAX + 1).await?;
        if running.len() > EXECUTIONS_READ_MAX {
            note(
                needed,
                activities,
                None,
                &format!("more than {EXECUTIONS_READ_MAX} executions of {machine} are running, which may wait for it"),
            );
        }
        let mut read = Vec::new();
        for RunningExecution { arn, version } in running {
            if needed.len() == activities.len() {
                break;
            }
            if version.as_ref().is_some_and(|version| read.contains(version)) {
                continue;
            }
            read.extend(version);
            match self.states.definition_of(&arn).await {
                Ok(definition) => {
                    note(needed, activities, Some(&definition), &format!("{arn} is running and may wait for it"));
                }
                // It has ended.
                Err(error) if error.class == ErrorClass::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether running executions of a state machine may have another definition than its current one: it was updated. An execution of type
/// EXPRESS ends within minutes.
fn may_run_another_definition(machine: &RemoteStateMachine) -> bool {
    machine.kind == STANDARD && machine.revision.is_some()
}

/// Whether a definition names an ARN.
fn names(definition: &str, arn: &str) -> bool {
    definition.contains(&format!("\"{arn}\""))
}

/// Notes the reason for those activities that a definition names; for all without a definition. An earlier reason stays.
fn note(needed: &mut ByName, activities: &ByName, definition: Option<&str>, reason: &str) {
    let named = activities.iter().filter(|(_, arn)| definition.is_none_or(|definition| names(definition, arn)));
    for (name, _) in named {
        needed.entry(name.clone()).or_insert_with(|| reason.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executions_of_a_state_machine_that_was_never_updated_need_not_be_read() {
        let machine = |kind: &str, revision: Option<&str>| RemoteStateMachine {
            arn: String::new(),
            definition: String::new(),
            role_arn: String::new(),
            kind: kind.to_owned(),
            status: "ACTIVE".to_owned(),
            log_level: "OFF".to_owned(),
            revision: revision.map(str::to_owned),
        };
        assert!(!may_run_another_definition(&machine(STANDARD, None)));
        assert!(may_run_another_definition(&machine(STANDARD, Some("r-2"))));
        assert!(!may_run_another_definition(&machine("EXPRESS", Some("r-2"))));
    }

    #[test]
    fn an_activity_is_needed_by_those_that_name_exactly_its_arn() {
        let arn = |name: &str| format!("arn:aws:states:us-east-1:111111111111:activity:{name}");
        let activities: ByName = ["flow-a", "flow-a-b"].map(|name| (name.to_owned(), arn(name))).into();
        let mut needed = ByName::new();
        note(&mut needed, &activities, Some(&format!(r#"{{"Resource":"{}"}}"#, arn("flow-a-b"))), "one names it");
        assert_eq!(needed.keys().collect::<Vec<_>>(), ["flow-a-b"]);
        note(&mut needed, &activities, None, "too many");
        assert_eq!(needed.values().collect::<Vec<_>>(), ["too many", "one names it"]);
    }
}
