//! Finds the programs that an execution can still run and that the process that would drive it does not allow: their Tasks would fail.

use std::path::absolute;

use api::flow::{DescribeExecutionResponse, can_execute};
use engine::machine::{ExecutionHeader, ExecutionStatus, FrameRow, FrameState, Reentry};
use steps::LocalSettings;

use super::programs::{NotAllowed, programs_not_allowed_in, variables_not_allowed_in};
use crate::{
    environments::Pinned,
    exit::{CliError, Exit},
    proposed::OPTIONS,
    shell::quote_name,
};

/// The programs that an execution can still run and that are not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingPrograms {
    /// Their paths, each once.
    programs: Vec<String>,
    /// The environment variables that allow them, as they precede a command.
    pub variables: String,
}

impl LackingPrograms {
    /// The refusal to continue an execution. `more`: the options of the command that continues it, with a space before each.
    pub fn refusal(&self, id: &str, more: &str) -> CliError {
        let hint = format!("{}flow resume {}{more}{OPTIONS}", self.variables, quote_name(id));
        CliError::refused(format!("{id} {}: nothing was changed", self.reason())).hint(hint)
    }

    /// The refusal among several executions, whose line begins with the id.
    pub fn refusal_among_all(&self) -> CliError {
        let hint = format!("{}flow resume --all{OPTIONS}", self.variables);
        CliError::refused(format!("{}: nothing was changed", self.reason())).hint(hint)
    }

    /// The error of a command that watches an execution whose owner has ended.
    pub fn interruption(&self, id: &str) -> CliError {
        let message = format!("{id} is interrupted: it {}", self.reason());
        CliError::new(Exit::Refused, message).hint(format!("{}flow resume {}{OPTIONS}", self.variables, quote_name(id)))
    }

    fn reason(&self) -> String {
        format!("runs {}, which FLOW_PROGRAMS of this command does not allow", self.programs.join(" and "))
    }
}

/// The programs that are not allowed if this process resumes an execution: the process's settings replace those of the execution. `from`:
/// the state that the execution enters again; empty if it continues where it is.
pub fn lacking_when_resumed(
    described: &DescribeExecutionResponse,
    from: &[Reentry],
    own: &LocalSettings,
) -> Option<LackingPrograms> {
    let settings = pinned_without_own_settings(&described.execution)?.with_settings(own).settings_or(own);
    lacking(described, from, &settings)
}

/// The programs that are not allowed if this process drives an execution that has not ended, without a resume.
pub fn lacking_when_recovered(described: &DescribeExecutionResponse, own: &LocalSettings) -> Option<LackingPrograms> {
    if described.execution.recovers_without_calls() {
        return None;
    }
    let settings = pinned_without_own_settings(&described.execution)?.settings_or(own);
    lacking(described, &[], &settings)
}

/// The environment of an execution that a client started: the process that drives it decides which programs are allowed. The execution of a
/// person's `flow run` has the allowed programs pinned: a Task that fails because of them fails in every process.
fn pinned_without_own_settings(header: &ExecutionHeader) -> Option<Pinned> {
    let pinned: Pinned = serde_json::from_value((*header.environment).clone()).ok()?;
    (!pinned.has_own_settings).then_some(pinned)
}

/// Programs that an expression selects are not judged, and neither are paths that FLOW_PROGRAMS cannot name.
fn lacking(
    described: &DescribeExecutionResponse,
    from: &[Reentry],
    settings: &LocalSettings,
) -> Option<LackingPrograms> {
    let DescribeExecutionResponse { execution, definition, .. } = described;
    if execution.status == ExecutionStatus::Succeeded || execution.cancels_with.is_some() {
        return None;
    }
    let frames = frames_to_continue(described, from);
    let is_ahead = |state: &str| can_execute(definition, &frames, state);
    let names = |found: Vec<NotAllowed>| found.into_iter().map(|found| found.name);
    let programs = names(programs_not_allowed_in(definition, settings, &is_ahead));
    let programs: Vec<String> = programs.filter(|program| can_be_allowed(program)).collect();
    if programs.is_empty() {
        return None;
    }
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let variables = names(variables_not_allowed_in(definition, settings, &is_ahead));
    let variables: Vec<String> = variables.filter(|name| is_plain(name)).collect();
    let program_variables_assignment = match variables.is_empty() {
        true => String::new(),
        false => format!("{} ", settings.program_variables_assignment(variables.iter().map(String::as_str))),
    };
    let programs_assignment = settings.programs_assignment(programs.iter().map(String::as_str));
    Some(LackingPrograms { variables: format!("{programs_assignment} {program_variables_assignment}"), programs })
}

/// Whether FLOW_PROGRAMS can name a program with this spelling.
fn can_be_allowed(program: &str) -> bool {
    !program.contains(':') && absolute(program).is_ok_and(|path| path.as_os_str() == program)
}

/// The frames from which an execution continues: a resume of one that has ended enters its failed and stopped states again, or the state
/// that it names.
fn frames_to_continue(described: &DescribeExecutionResponse, from: &[Reentry]) -> Vec<FrameRow> {
    let DescribeExecutionResponse { execution, frames, .. } = described;
    if let (Some((entered, parents)), Some(first)) = (from.split_last(), frames.first()) {
        let row =
            |reentry: &Reentry, frame_state| FrameRow { state: reentry.state.clone(), frame_state, ..first.clone() };
        let parents = parents.iter().map(|parent| row(parent, FrameState::Parallel { running: 1 }));
        return parents.chain([row(entered, FrameState::Entering)]).collect();
    }
    let has_ended = execution.status != ExecutionStatus::Running;
    let continued = |row: &FrameRow| match row.frame_state {
        FrameState::Failed { .. } | FrameState::Stopped if has_ended => {
            FrameRow { frame_state: FrameState::Entering, ..row.clone() }
        }
        _ => row.clone(),
    };
    frames.iter().map(continued).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use api::view::View;
    use serde_json::{Value, json};

    use super::*;

    /// An execution of a client that is in a state.
    fn described(state: &str, doing: &Value) -> DescribeExecutionResponse {
        let run = |arguments: Value, next: &str| {
            let resource = "flow:process:run";
            json!({ "Type": "Task", "Resource": resource, "Parameters": arguments, "Next": next })
        };
        let definition = json!({ "StartAt": "First", "States": {
            "First": run(json!({ "Program": "/bin/first" }), "Rest"),
            "Rest": { "Type": "Wait", "Seconds": 9, "Next": "Second" },
            "Second": run(json!({ "Program": "/bin/se cond", "Environment": { "LEVEL": "7" } }), "Computed"),
            "Computed": run(json!({ "Program.$": "$.program" }), "Relative"),
            "Relative": run(json!({ "Program": "bin/relative" }), "Doubled"),
            "Doubled": run(json!({ "Program": "/bin//date" }), "End"),
            "End": { "Type": "Succeed" } } });
        let row = json!({ "id": 1, "parent": null, "index": 0, "path": "", "state": state, "visit": 1, "input": {}, "variables": {},
                          "activity": doing, "retries": [], "attempt": 1, "enteredMs": 1, "lastEventId": 1 });
        let mut execution = ExecutionHeader::new("one", "w", Arc::default());
        execution.environment = Arc::new(json!({ "kind": "aws", "profile": null, "region": null }));
        let view = View::new(&execution, &definition);
        let frames = vec![serde_json::from_value(row).unwrap()];
        DescribeExecutionResponse { execution, frames, definition, view, driven: false }
    }

    fn waits() -> DescribeExecutionResponse {
        described("Rest", &json!({ "doing": "waiting", "dueMs": 1 }))
    }

    fn allowing(programs: &[&str]) -> LocalSettings {
        LocalSettings { programs: programs.iter().map(Into::into).collect(), ..LocalSettings::default() }
    }

    #[test]
    fn a_program_that_can_still_run_and_is_not_allowed_is_named_with_the_command_that_allows_it() {
        let lacking = lacking_when_recovered(&waits(), &allowing(&["/bin/sh"])).unwrap();
        let refusal = lacking.refusal("one", " --from A");
        let reason = "runs /bin/se cond, which FLOW_PROGRAMS of this command does not allow";
        assert_eq!((refusal.exit, refusal.message), (Exit::Refused, format!("one {reason}: nothing was changed")));
        let variables = "FLOW_PROGRAMS='/bin/sh:/bin/se cond' FLOW_PROGRAM_VARIABLES=LEVEL ";
        assert_eq!(refusal.hint, Some(format!("{variables}flow resume one --from A")));
        assert_eq!(lacking.refusal_among_all().hint, Some(format!("{variables}flow resume --all")));
        assert_eq!(lacking.interruption("one").message, format!("one is interrupted: it {reason}"));
        assert_eq!(lacking_when_resumed(&waits(), &[], &allowing(&["/bin/sh"])), Some(lacking));
        assert_eq!(lacking_when_recovered(&waits(), &allowing(&["/bin/se cond"])), None, "the first one was left");
    }

    #[test]
    fn what_a_person_pinned_and_what_makes_no_calls_is_not_judged() {
        let none = LocalSettings::default();
        let mut own = waits();
        own.execution.environment =
            Arc::new(json!({ "kind": "aws", "profile": null, "region": null, "has_own_settings": true }));
        assert_eq!(lacking_when_resumed(&own, &[], &none), None, "it fails in every process");
        let mut paused = waits();
        paused.execution.paused = true;
        assert_eq!(lacking_when_recovered(&paused, &none), None);
        assert!(lacking_when_resumed(&paused, &[], &none).is_some());
        let mut resumed_before = waits();
        resumed_before.execution.environment =
            Arc::new(json!({ "kind": "aws", "profile": null, "region": null, "programs": ["/bin/se cond"] }));
        assert_eq!(lacking_when_resumed(&resumed_before, &[], &none), None, "its last resume allowed it");
        let mut succeeded = waits();
        succeeded.execution.status = ExecutionStatus::Succeeded;
        assert_eq!(lacking_when_resumed(&succeeded, &[], &none), None);
    }

    #[test]
    fn a_resume_of_one_that_has_ended_enters_its_stopped_state_or_the_named_one() {
        let mut stopped = described("Second", &json!({ "doing": "stopped" }));
        stopped.execution.status = ExecutionStatus::Aborted;
        let programs = |from: &[Reentry]| {
            lacking_when_resumed(&stopped, from, &LocalSettings::default()).map(|lacking| lacking.programs)
        };
        assert_eq!(programs(&[]), Some(vec!["/bin/se cond".to_owned()]));
        let from = |state: &str| [Reentry { state: state.into(), input: Arc::default(), variables: Arc::default() }];
        assert_eq!(programs(&from("First")).map(|programs| programs.len()), Some(2));
        assert_eq!(programs(&from("Computed")), None);
    }
}
