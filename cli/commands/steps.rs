//! `flow steps`.

use clap::Args;
use engine::{
    spelling::{did_you_mean, nearest},
    step::{Registry, StepDescription},
};
use serde_json::{Value, json};

use crate::{
    environments,
    exit::{CliError, Exit},
    global::{Global, Output},
    step_manual::{example, fields, repeated, resource, takes, yaml},
    ui::json,
};

/// Arguments of `flow steps`.
#[derive(Debug, Args)]
pub struct StepsArguments {
    /// A step's name, such as ec2:createVpc, or the beginning of several, such as wait:.
    name: Option<String>,
}

/// Lists the steps, or shows one: its fields, permissions, what a repeated call does, how long it takes, an example.
pub fn run(global: &Global, arguments: StepsArguments) -> Result<Exit, CliError> {
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let wanted = arguments
        .name
        .as_deref()
        .map(|name| name.strip_prefix("flow:").or_else(|| name.strip_prefix("arn:aws:states:::")).unwrap_or(name));
    if let Some(prefix) = wanted.filter(|wanted| wanted.ends_with(':')) {
        return list(global, steps, prefix);
    }
    // An integration's name is also accepted as its Resource has it.
    let is_wanted = |name: &str, wanted: &str| name == wanted || name.strip_prefix("aws:") == Some(wanted);
    let mut found = false;
    for step in steps.descriptions().filter(|step| wanted.is_none_or(|wanted| is_wanted(&step.name, wanted))) {
        found = true;
        match (global.output, wanted) {
            (_, None) => show_in_list(global, &step),
            (Output::Json, Some(_)) => json::print(line(&step)),
            (Output::Human, Some(_)) => show(&step),
        }
    }
    if let Some(nested) = wanted.filter(|wanted| !found && api::INTEGRATIONS.contains(wanted)) {
        let summary = "starts an execution of a state machine of the same engine";
        let resource = format!("arn:aws:states:::{nested}");
        match global.output {
            Output::Json => {
                json::print(json!({ "type": "integration", "name": nested, "resource": resource, "message": summary }));
            }
            Output::Human => say!("{resource}\n  {summary}; flow serve has the state machines"),
        }
        return Ok(Exit::Success);
    }
    match wanted.filter(|_| !found) {
        None => Ok(Exit::Success),
        Some(wanted) => not_a_step(global, steps, wanted),
    }
}

/// Lists the steps of a service that is named without its colon; otherwise the name does not exist.
fn not_a_step(global: &Global, steps: &Registry, wanted: &str) -> Result<Exit, CliError> {
    let service = format!("{wanted}:");
    let names: Vec<String> = steps.descriptions().map(|step| step.name).collect();
    let plain = |name: &str| name.strip_prefix("aws:").unwrap_or(name).to_owned();
    if names.iter().any(|name| name.starts_with(&service) || plain(name).starts_with(&service)) {
        return list(global, steps, &service);
    }
    let services = names.iter().filter_map(|name| Some(plain(name).split_once(':')?.0.to_owned()));
    let known: Vec<String> = names.iter().map(|name| plain(name)).chain(services).collect();
    let meant = did_you_mean(nearest(wanted, known.iter().map(String::as_str)));
    let message = format!("no step is named '{wanted}'{meant}");
    Err(CliError::not_found(message.trim_end_matches('.')).hint("flow steps lists all"))
}

/// Lists the steps whose names begin with a prefix.
fn list(global: &Global, steps: &Registry, prefix: &str) -> Result<Exit, CliError> {
    let begins =
        |name: &str| name.starts_with(prefix) || name.strip_prefix("aws:").is_some_and(|name| name.starts_with(prefix));
    let found: Vec<StepDescription> = steps.descriptions().filter(|step| begins(&step.name)).collect();
    if found.is_empty() {
        return Err(CliError::not_found(format!("no step's name begins with '{prefix}'")).hint("flow steps lists all"));
    }
    for step in found {
        show_in_list(global, &step);
    }
    Ok(Exit::Success)
}

fn show_in_list(global: &Global, step: &StepDescription) {
    match global.output {
        Output::Json => json::print(json!({ "type": "step", "step": step, "message": step.summary })),
        Output::Human => say!("{:<40} {}", step.name, step.summary),
    }
}

fn line(step: &StepDescription) -> Value {
    let (name, state) = example(step);
    json!({ "type": "step", "step": step, "repeated": repeated(&step.name), "takes": takes(&step.name),
            "example": { name: state }, "message": step.summary })
}

fn show(step: &StepDescription) {
    say!("{}\n  {}", resource(&step.name), step.summary);
    show_fields("Input", &step.input_schema);
    show_fields("Output", &step.output_schema);
    let actions = if step.actions.is_empty() { "none".to_owned() } else { step.actions.join(", ") };
    say!("\nIAM actions\n  {actions}");
    say!("\nWhen it is called again\n  {}", repeated(&step.name));
    say!("\nTakes\n  {}", takes(&step.name));
    let (name, state) = example(step);
    say!("\nExample");
    yaml(&json!({ name: state }), 2).iter().for_each(|line| say!("{line}"));
}

fn show_fields(title: &str, schema: &Value) {
    let fields = fields(schema);
    say!("\n{title}");
    if fields.is_empty() {
        return say!("  {}", if schema["type"] == "object" { "no fields" } else { "any value" });
    }
    let width = |column: usize| fields.iter().map(|field| field[column].chars().count()).max().unwrap_or(0);
    let (names, kinds) = (width(0), width(1));
    for [name, kind, required, described] in &fields {
        say!("{}", format!("  {name:<names$}  {kind:<kinds$}  {required:<8}  {described}").trim_end());
    }
}
