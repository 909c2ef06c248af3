//! `flow steps`.

use clap::Args;
use engine::step::StepDescription;
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
    /// A step's name, such as ec2:createVpc.
    name: Option<String>,
}

/// Lists the steps, or shows one: its fields, permissions, what a repeated call does, how long it takes, an example.
pub fn run(global: &Global, arguments: StepsArguments) -> Result<Exit, CliError> {
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let wanted = arguments
        .name
        .as_deref()
        .map(|name| name.strip_prefix("flow:").or_else(|| name.strip_prefix("arn:aws:states:::")).unwrap_or(name));
    // An integration's name is also accepted as its Resource has it.
    let is_wanted = |name: &str, wanted: &str| name == wanted || name.strip_prefix("aws:") == Some(wanted);
    let mut found = false;
    for step in steps.descriptions().filter(|step| wanted.is_none_or(|wanted| is_wanted(&step.name, wanted))) {
        found = true;
        match (global.output, wanted) {
            (Output::Json, None) => json::print(json!({ "type": "step", "step": step, "message": step.summary })),
            (Output::Json, Some(_)) => json::print(line(&step)),
            (Output::Human, None) => say!("{:<40} {}", step.name, step.summary),
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
    if !found {
        return Err(CliError::not_found(format!("no step is named '{}'", wanted.unwrap_or_default()))
            .hint("flow steps lists all"));
    }
    Ok(Exit::Success)
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
