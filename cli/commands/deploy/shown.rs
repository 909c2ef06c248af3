//! The output of `flow deploy`: the target, the price of a run, the changes and the outcome.

use std::collections::BTreeMap;

use api::view::action_name;
use deploy::plan::{ALIAS, DeploymentChange, FieldDifference, Wanted, action_word};
use engine::step::ChangeAction;
use serde_json::{Value, json};

use super::{
    HEARTBEAT_SECONDS_DEFAULT, ROLE_OF_SERVER,
    removal::{EXECUTIONS_ARE_LOST, loses_executions},
    size::{map_text, size_fields, size_text},
};
use crate::{
    exit::Exit,
    global::{Global, Output},
    proposed::OPTIONS,
    shell::quote_word,
    ui::json,
};

/// The outcome of a command that ends without an error.
#[derive(Clone, Copy)]
pub(super) enum DeployOutcome {
    /// The changes were only shown.
    Plan,
    /// Nothing differed.
    Kept,
    /// The deployment was removed.
    Removed,
    /// The changes were made.
    Deployed,
}

impl DeployOutcome {
    /// The word in JSON.
    fn word(self) -> &'static str {
        match self {
            DeployOutcome::Plan => "plan",
            DeployOutcome::Kept => "kept",
            DeployOutcome::Removed => "removed",
            DeployOutcome::Deployed => "deployed",
        }
    }
}

/// Whether a change that is shown was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeProgress {
    /// It is planned.
    Planned,
    /// It was made.
    Made,
}

/// Shows the target, the price of a run, and the changes.
pub(super) fn show(
    global: &Global,
    wanted: &Wanted,
    caller: &Value,
    changes: &[DeploymentChange],
    kept: &BTreeMap<String, String>,
    kept_heartbeat: Option<u64>,
    removes: bool,
) {
    let loses_executions = loses_executions(changes);
    if global.output == Output::Json {
        json::print(line(wanted, caller, kept_heartbeat, removes, loses_executions));
    } else if !global.quiet {
        heading(wanted, caller, removes).iter().for_each(|line| say!("{line}"));
        kept_heartbeat.into_iter().for_each(|seconds| say!("  {}", heartbeat_line(seconds)));
    }
    changes.iter().for_each(|change| print(global, ChangeProgress::Planned, change));
    if global.output == Output::Human && !global.quiet {
        kept.iter().for_each(|(name, why)| say!("{}", keep_line(name, why)));
    }
    if global.output == Output::Human && loses_executions {
        say!("{EXECUTIONS_ARE_LOST}");
    }
}

/// The JSON line of a deployment. A removal runs no definition: it has neither a size nor a price.
fn line(wanted: &Wanted, caller: &Value, kept_heartbeat: Option<u64>, removes: bool, loses_executions: bool) -> Value {
    let Wanted { name, compiled, role_arn, .. } = wanted;
    let message = match removes {
        true if loses_executions => EXECUTIONS_ARE_LOST.to_owned(),
        true => format!("the removal of {name}"),
        false => size_text(&compiled.size),
    };
    let line = json!({ "type": "deployment", "name": name, "caller": caller, "roleArn": role_arn, "removes": removes,
                       "keptHeartbeatSeconds": kept_heartbeat, "message": message });
    if removes {
        return line;
    }
    let bytes = compiled.definition.to_string().len();
    json::with(json::with(line, json!({ "definitionBytes": bytes })), size_fields(&compiled.size))
}

/// The lines above the changes: the target, the role, and the price of a run.
pub(super) fn heading(wanted: &Wanted, caller: &Value, removes: bool) -> Vec<String> {
    let mut lines = vec![match caller["account"].as_str() {
        Some(account) => {
            let text = |field: &str| caller[field].as_str().unwrap_or_default();
            format!("{}   account {account}   region {}   as {}", wanted.name, text("region"), text("arn"))
        }
        None => wanted.name.clone(),
    }];
    if removes {
        return lines;
    }
    lines.extend(wanted.role_arn.as_deref().map(|role_arn| match role_arn {
        ROLE_OF_SERVER => format!("  role {ROLE_OF_SERVER}: a name that a flow serve stores and does not use"),
        role_arn => format!("  role {role_arn}"),
    }));
    let size = &wanted.compiled.size;
    lines.push(format!("  {}", size_text(size)));
    lines.extend(size.maps.iter().map(|map| format!("  {}", map_text(map))));
    lines
}

/// The line of HeartbeatSeconds that are kept.
pub(super) fn heartbeat_line(seconds: u64) -> String {
    format!("HeartbeatSeconds {seconds}, as deployed; --heartbeat {HEARTBEAT_SECONDS_DEFAULT} sets the default")
}

/// The lines of a change in a plan: the resource and its differences.
pub(super) fn change_lines(change: &DeploymentChange) -> Vec<String> {
    let DeploymentChange { action, kind, name, differences } = change;
    let line = format!("  {:<11}{name}   {}", action_word(*action), kind.type_name());
    let differences = differences.iter().map(|difference| format!("  {:<11}{difference}", ""));
    std::iter::once(line).chain(differences).collect()
}

/// The differences of a resource, for a JSON line.
pub(super) fn differences_json(change: &DeploymentChange) -> Vec<Value> {
    let line = |difference: &FieldDifference| {
        let mut line = json!({ "action": action_word(difference.action), "field": difference.field });
        if let Some((before, after)) = &difference.values {
            (line["before"], line["after"]) = (json!(before), json!(after));
        }
        line
    };
    change.differences.iter().map(line).collect()
}

/// The line of an activity that is not deleted.
pub(super) fn keep_line(name: &str, why: &str) -> String {
    format!("  {:<11}{name}   {why}", "keep")
}

/// Whether a person sees only what is changed. A program reads every line.
pub(super) fn is_quiet(global: &Global) -> bool {
    global.quiet && global.output == Output::Human
}

pub(super) fn print(global: &Global, progress: ChangeProgress, change: &DeploymentChange) {
    let DeploymentChange { action, kind: resource, name, .. } = change;
    match global.output {
        Output::Json => {
            let message = format!("{} {name} ({})", action_word(*action), resource.type_name());
            let (action, resource) = (action_word(*action), resource.type_name());
            let kind = match progress {
                ChangeProgress::Planned => "change",
                ChangeProgress::Made => "changed",
            };
            json::print(json!({ "type": kind, "action": action, "kind": resource, "name": name, "message": message,
                "differences": differences_json(change) }));
        }
        Output::Human if progress == ChangeProgress::Made => {
            say!("{} {name}   {}", action_name(*action), resource.type_name())
        }
        Output::Human if global.quiet && *action == ChangeAction::Unchanged => {}
        Output::Human => change_lines(change).iter().for_each(|line| say!("{line}")),
    }
}

/// Shows the outcome of the deployment `name`, and the command that starts the worker that it needs.
pub(super) fn finish(
    global: &Global,
    arn: Option<String>,
    outcome: DeployOutcome,
    name: &str,
    worker: Option<String>,
) -> Exit {
    let alias = arn.as_ref().map(|arn| format!("{arn}:{ALIAS}"));
    match (global.output, outcome, alias) {
        (Output::Json, ..) => {
            let outcome = outcome.word();
            json::print(json!({ "type": "end", "outcome": outcome, "stateMachineArn": arn, "message": outcome }));
        }
        _ if global.quiet => {}
        (_, DeployOutcome::Plan, _) => say!("Nothing was changed."),
        (_, DeployOutcome::Kept, None) => say!("No changes."),
        (_, DeployOutcome::Kept, Some(alias)) => say!("No changes. {alias} is up to date."),
        (_, DeployOutcome::Deployed, Some(alias)) => {
            say!("{alias} is deployed. Start it with   flow run {}{OPTIONS}", quote_word(name));
            if let Some(worker) = worker {
                say!("A worker runs its steps. If none does yet:   {worker}");
            }
        }
        (_, DeployOutcome::Removed, _) | (_, DeployOutcome::Deployed, None) => {}
    }
    Exit::Success
}
