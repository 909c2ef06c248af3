//! Starts and watches an execution of a workflow that `flow deploy` deployed to Step Functions.

use std::{collections::BTreeSet, path::Path};

use deploy::{CompileOptions, RunSize};
use engine::{
    machine::{ExecutionStatus, PAYLOAD_BYTES_MAX},
    step::Registry,
};
use serde_json::Value;

use super::{Plan, RunArguments, again::Earlier, consent, existing};
use crate::{
    checks,
    commands::{
        deploy::{
            HEARTBEAT_SECONDS_DEFAULT,
            size::{map_text, size_fields, size_text},
        },
        watch::{Watch, show_end, show_output, watch},
    },
    deployment::DeploymentSource,
    environments,
    exit::{CliError, Exit},
    global::{Global, Output},
    ids, interrupt,
    owner::Handle,
    planning,
    proposed::{self, OPTIONS, quote_id},
    shell::{option, quote_name, quote_word},
    step_functions::{Deployed, Executions, MachineReference, is_arn, service_error},
    this_process,
    ui::json,
};

/// Starts an execution of a deployed workflow and watches it.
///
/// # Errors
/// The workflow is not deployed, or Step Functions returns an error.
pub async fn run(global: &Global, handle: &Handle, arguments: &RunArguments, plan: &Plan) -> Result<Exit, CliError> {
    if arguments.rehearse {
        return Err(CliError::refused("a rehearsal runs on this machine's engine")
            .hint("leave out --engine, or let workers act in a rehearsal: flow worker --rehearse --endpoint URL"));
    }
    if arguments.plan_file.is_some() {
        return Err(CliError::refused("--plan-file is for this machine's engine: Step Functions makes no plan"));
    }
    let bytes = plan.input.to_string().len();
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(CliError::refused(format!(
            "the input has {bytes} bytes; Step Functions takes {PAYLOAD_BYTES_MAX}"
        )));
    }
    if !arguments.plan {
        consent::can_be_had(arguments)?;
    }
    // The JSON line of a plan also has what is deployed.
    let is_json_plan = arguments.plan && global.output == Output::Json;
    if !is_json_plan {
        plan.show(global, None, None);
    }
    let Some(executions) = handle.at_step_functions().await else { return Ok(Exit::Refused) };
    let deployed = deployed(&executions, arguments, plan).await?;
    if arguments.plan {
        let size = size_of(plan, &deployed);
        if is_json_plan {
            json::print(plan_line(plan.line(None, None), &deployed.target, size.as_ref()));
        } else if !global.quiet {
            plan_lines(&deployed.target, size.as_ref()).iter().for_each(|line| say!("  {line}"));
        }
        return Ok(planning::exit_without_plan(arguments.detailed_exitcode));
    }
    proposed::remember_worker_variables(|| checks::worker_variables(plan.definition.value()));
    consent::ask(plan, arguments).await?;
    // `Executions` finds an execution fastest if its name begins with that of its state machine.
    let machine = machine_of(arguments, plan).name;
    let id = arguments.id.clone().unwrap_or_else(|| ids::new_id("", &machine));
    proposed::remember_machine(&id, &machine);
    let _orderly = interrupt::Orderly::begin();
    interrupt::check()?;
    let unconfirmed = |exit| {
        let message = format!("stopped; no answer has confirmed that {id} is started");
        CliError::new(exit, message).hint(format!("flow status {}{OPTIONS}   shows whether it is", quote_id(&id)))
    };
    let existing = interrupt::confirmed(executions.start(&deployed, &id, &plan.input), unconfirmed).await?;
    let ended = existing.filter(|status| *status != ExecutionStatus::Running);
    this_process::is_about(&id);
    let mut display = existing::display(global, handle, &id, ended);
    let watching = Watch { no_wait: arguments.no_wait, is_one_of_many: false };
    let watched = watch(handle, &id, watching, &mut display).await?;
    if watched.exit != Exit::Success || ended.is_none() || global.output == Output::Json {
        show_end(global, handle, &watched, &mut display);
    }
    say_how_to_watch(global, &executions, &id, watched.exit);
    if global.output == Output::Human && watched.exit == Exit::Success && !global.quiet {
        show_output(&watched.view);
    }
    Ok(watched.exit)
}

/// The transitions of a run of a deployed workflow.
fn size_of(plan: &Plan, deployed: &Deployed) -> Option<RunSize> {
    let options = CompileOptions { heartbeat_seconds: HEARTBEAT_SECONDS_DEFAULT, server_asks: true };
    let steps = environments::described().ok()?;
    let source = DeploymentSource { definition: plan.definition.value(), steps, options };
    source.compile(&deployed.activities).ok().map(|compiled| compiled.size)
}

/// The plan of a deployed workflow: what is started, and the transitions of a run with their price.
fn plan_lines(target: &str, size: Option<&RunSize>) -> Vec<String> {
    let mut lines = vec![format!("starts {target}, which is deployed from this definition")];
    if let Some(size) = size {
        lines.push(size_text(size));
        lines.extend(size.maps.iter().map(map_text));
    }
    lines
}

/// The same in the JSON line of the plan: as text, and as fields.
fn plan_line(mut line: Value, target: &str, size: Option<&RunSize>) -> Value {
    if let Some(lines) = line["plan"].as_array_mut() {
        lines.extend(plan_lines(target, size).into_iter().map(Value::from));
    }
    line["target"] = target.into();
    match size {
        Some(size) => json::with(line, size_fields(size)),
        None => line,
    }
}

/// After a watch that stopped because nothing proceeds: what drives the execution, and how to watch it.
pub fn say_how_to_watch(global: &Global, executions: &Executions, id: &str, exit: Exit) {
    if exit == Exit::Waiting && global.output == Output::Human && !global.quiet {
        let (service, quoted_id) = (executions.service(), quote_id(id));
        say!("Nothing is lost. {id} continues in {service}:   flow status {quoted_id} --watch{OPTIONS}");
    }
}

/// The workflow of the state machine that a name means. `None` for a path, a shipped workflow, and a file whose name no state
/// machine has; with `--name`, for every file.
///
/// # Errors
/// Step Functions' error, or nothing has this name.
pub async fn named(handle: &Handle, arguments: &RunArguments) -> Result<Option<Earlier>, CliError> {
    let name = &arguments.workflow;
    // A mistyped path is no name, and needs no call to be refused.
    let is_path = !is_arn(name) && (name.is_empty() || name == "-" || name.contains(['/', '.']));
    let is_file = || Path::new(name).exists();
    let is_local = is_path || workflows::find(name).is_some() || (arguments.name.is_some() && is_file());
    let Some(executions) = handle.at_step_functions().await.filter(|_| !is_local) else { return Ok(None) };
    let reference = MachineReference::read(name);
    if let Err(wrong) = reference.check() {
        return if is_file() || name.contains('#') { Ok(None) } else { Err(wrong) };
    }
    let Some(deployed) = executions.deployed(&reference).await? else {
        // A template with the name of a state machine in it.
        if is_file() || name.contains('#') {
            return Ok(None);
        }
        let message = format!("neither a state machine, a workflow nor a file is named '{name}'");
        let hint = format!(
            "flow deploy FILE{OPTIONS}   deploys a workflow; flow status{OPTIONS}   lists executions of those that are deployed"
        );
        return Err(CliError::not_found(message).hint(hint));
    };
    let definition = deployed.definitions.into_iter().next();
    Ok(definition.map(|definition| Earlier { workflow: reference.name, definition, definition_file: None }))
}

/// The state machine that the command names, or that of its workflow.
fn machine_of(arguments: &RunArguments, plan: &Plan) -> MachineReference {
    let named = MachineReference::read(arguments.name.as_ref().unwrap_or(&arguments.workflow));
    // The workflow may be a file `a:b.asl.json`, or that of an earlier execution.
    let is_named = arguments.name.is_some() || (named.is_exact() && named.name == plan.name);
    if is_named { named } else { MachineReference::of_workflow(&plan.name) }
}

/// The argument of `flow deploy` in a proposed command: the file or the shipped workflow of the command line, if it names one.
fn definition_of(arguments: &RunArguments) -> String {
    let name = &arguments.workflow;
    let is_known = workflows::find(name).is_some() || Path::new(name).is_file();
    if is_known { quote_word(name) } else { "FILE".to_owned() }
}

/// Finds the deployed workflow, and refuses another one than the definition compiles to.
async fn deployed(executions: &Executions, arguments: &RunArguments, plan: &Plan) -> Result<Deployed, CliError> {
    let file = definition_of(arguments);
    let substitute: String = arguments.substitute.iter().map(|text| option("substitute", text)).collect();
    let reference = machine_of(arguments, plan);
    reference.check()?;
    let name = reference.name.as_str();
    let given = arguments.name.as_ref().map_or_else(String::new, |_| option("name", name));
    let deploy = format!("flow deploy {file}{substitute}{given}{OPTIONS}");
    let Some(deployed) = executions.deployed(&reference).await? else {
        let qualifier = reference.qualifier.as_ref().map_or_else(String::new, |qualifier| format!(":{qualifier}"));
        let message = format!("there is no state machine named {name}{qualifier}");
        let hint = format!("{deploy}   makes it; --name NAME, if flow deploy gave it another name");
        return Err(CliError::not_found(message).hint(hint));
    };
    let steps = environments::described().map_err(service_error)?;
    let definition = plan.definition.value();
    // A deployment compiles every step of flow to an activity, except approvals.
    let is_compiled = |resource: &String| resource.starts_with("flow:") && !resource.starts_with("flow:approval:");
    let names_steps = plan.definition.resources().iter().any(is_compiled);
    if names_steps && deployed.definitions.iter().any(|found| found == definition) {
        let message = format!("flow deploy did not create the state machine {name}: nothing was started");
        let hint =
            format!("{deploy} --name NAME   deploys it under another name; flow run without --engine runs it here");
        return Err(CliError::refused(message).hint(hint));
    }
    if deployed.definitions.iter().all(|found| is_compiled_from(found, definition, steps, &deployed)) {
        return Ok(deployed);
    }
    if let Some(again) = arguments.again.as_ref().filter(|_| arguments.workflow.is_empty()) {
        let message = format!("{name} is deployed from another definition than that of {again}: nothing was started");
        let hint = format!(
            "flow run {} --again {}{OPTIONS}   runs its input with what is deployed now",
            quote_word(name),
            quote_name(again)
        );
        return Err(CliError::refused(message).hint(hint));
    }
    let message = format!("{name} is deployed from another definition than {file}: nothing was started");
    Err(CliError::refused(message).hint(format!("{deploy}   updates it; with --plan it shows what it would change")))
}

/// Whether a definition at Step Functions is compiled from this one. HeartbeatSeconds is an option of the deployment, so the comparison
/// tries each value in the compiled definition.
fn is_compiled_from(found: &Value, definition: &Value, steps: &Registry, deployed: &Deployed) -> bool {
    let mut heartbeats = BTreeSet::from([HEARTBEAT_SECONDS_DEFAULT]);
    collect_heartbeats(found, &mut heartbeats);
    let compiles_to = |heartbeat_seconds: u64| {
        // A flow serve asks people itself. Elsewhere, no definition with an approval can be deployed.
        let options = CompileOptions { heartbeat_seconds, server_asks: true };
        let source = DeploymentSource { definition, steps, options };
        source.compile(&deployed.activities).is_ok_and(|compiled| compiled.definition == *found)
    };
    found == definition || heartbeats.into_iter().any(compiles_to)
}

fn collect_heartbeats(value: &Value, heartbeats: &mut BTreeSet<u64>) {
    match value {
        Value::Object(fields) => {
            heartbeats.extend(fields.get("HeartbeatSeconds").and_then(Value::as_u64));
            fields.values().for_each(|value| collect_heartbeats(value, heartbeats));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_heartbeats(value, heartbeats)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use deploy::Size;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_as_json_has_what_is_started_and_what_a_run_costs() {
        let size = |transitions| Size { transitions, events: 9 };
        let run = RunSize { fewest: size(3), each_once: size(4), with_retries: size(40), maps: Vec::new() };
        let line = plan_line(json!({ "type": "plan", "plan": [] }), "arn:x:deployed", Some(&run));
        assert_eq!((&line["target"], &line["transitionsMin"]), (&json!("arn:x:deployed"), &json!(3)));
        assert_eq!((&line["transitionsMax"], &line["dollarsPerRun"]), (&json!(40), &json!(0.0001)));
        assert_eq!(line["plan"], json!(plan_lines("arn:x:deployed", Some(&run))));
    }
}
