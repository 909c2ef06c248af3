//! Plans to enter a state again, and shows the plan.

use api::flow::{PlanReentry, PlanReentryRequest, PlanReentryResponse, RepeatedCall};
use serde_json::json;

use crate::{
    exit::CliError,
    global::{Global, Output},
    owner::Handle,
    this_process,
    ui::{json, text},
};

/// The longest input that is shown, in characters.
const INPUT_CHARACTERS_MAX: usize = 200;

/// Plans to enter a state of an execution again.
///
/// # Errors
/// The execution never entered the state, or the state cannot be entered on its own.
pub async fn plan(handle: &Handle, id: &str, state: &str) -> Result<PlanReentryResponse, CliError> {
    let request = PlanReentryRequest { id: id.to_owned(), state: state.to_owned() };
    let planned = handle.call::<PlanReentry>(request).await;
    planned.map_err(|error| CliError {
        message: format!("{}; nothing was changed", error.message.trim_end_matches('.')),
        ..error
    })
}

/// Shows the state's recorded input, and the calls that may be repeated.
pub fn show(global: &Global, planned: &PlanReentryResponse) {
    let PlanReentryResponse { state_path, entered_ms, path, calls, changes } = planned;
    let input = path.last().map(|last| last.input.clone()).unwrap_or_default();
    if global.output == Output::Json {
        let message = format!("continues at {state_path}");
        return json::print(
            json!({ "type": "reentry", "execution": this_process::execution(), "state": state_path, "enteredMs": entered_ms,
                    "input": *input, "calls": calls, "made": changes, "message": message }),
        );
    }
    if global.quiet {
        return;
    }
    say!("Enters \"{state_path}\" as at {}, with the input", text::clock(*entered_ms));
    say!("  {}", text::shortened(&input.to_string(), INPUT_CHARACTERS_MAX));
    if calls.is_empty() {
        return say!("No step was called since: nothing is done twice.");
    }
    say!("Steps called since may be called again:");
    calls.iter().for_each(|call| say!("  {}", line(call)));
    if !changes.is_empty() {
        say!("What they did remains; a step that finds its own resource adopts it:");
        changes.iter().for_each(|step| say!("  {}   {}", step.state_path, step.change.id));
    }
}

fn line(call: &RepeatedCall) -> String {
    let RepeatedCall { state_path, resource, succeeded } = call;
    let outcome = match succeeded {
        Some(true) => "succeeded",
        Some(false) => "failed",
        None => "its outcome is not recorded",
    };
    format!("{state_path}   {resource}   {outcome}")
}
