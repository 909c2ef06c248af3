//! Starts and watches an execution of a workflow that `flow deploy` deployed to Step Functions.

use super::{Plan, RunArguments, consent};
use crate::{
    clock,
    commands::watch::{Watch, show_end, show_output, watch},
    exit::{CliError, Exit},
    global::{Global, Output},
    ids, interrupt,
    owner::Handle,
    ui::display::Display,
};

/// The longest input of an execution, in bytes (Developer Guide, "Service quotas").
const INPUT_BYTES_MAX: usize = 256 << 10;

/// Starts an execution of a deployed workflow and watches it.
///
/// # Errors
/// The workflow is not deployed, or Step Functions returns an error.
pub async fn run(global: &Global, handle: &Handle, arguments: &RunArguments, plan: &Plan) -> Result<Exit, CliError> {
    if arguments.rehearse {
        return Err(CliError::refused("a rehearsal runs on this machine's engine")
            .hint("leave out --engine, or give workers the world of a rehearsal: flow worker --rehearse"));
    }
    if arguments.plan_file.is_some() {
        return Err(CliError::refused("--plan-file is for this machine's engine: Step Functions makes no plan"));
    }
    let bytes = plan.input.to_string().len();
    if bytes > INPUT_BYTES_MAX {
        return Err(CliError::refused(format!("the input has {bytes} bytes; Step Functions takes {INPUT_BYTES_MAX}")));
    }
    if !arguments.plan {
        consent::can_be_had(arguments)?;
    }
    plan.show(global, None, None);
    if arguments.plan {
        return Ok(Exit::Success);
    }
    consent::ask(plan, arguments).await?;
    let Some(executions) = handle.at_step_functions().await else { return Ok(Exit::Refused) };
    let id = arguments.id.clone().unwrap_or_else(|| ids::new_id("", &plan.name));
    let _orderly = interrupt::Orderly::begin();
    executions.start(&plan.name, &id, &plan.input).await?;
    let mut display = Display::new(global, clock::of(handle.home()));
    let watching = Watch { no_wait: arguments.no_wait, is_one_of_many: false };
    let watched = watch(handle, &id, watching, &mut display).await?;
    show_end(global, handle, &watched, &mut display);
    if global.output == Output::Human && watched.exit == Exit::Success && !global.quiet {
        show_output(&watched.view);
    }
    Ok(watched.exit)
}
