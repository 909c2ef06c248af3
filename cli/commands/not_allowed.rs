//! Warns of what this machine's settings do not allow to programs: `flow check` and `flow run` show it before a state fails.

use serde_json::{Value, json};
use steps::LocalSettings;

use crate::{
    checks::{self, NotAllowed},
    global::{Global, Output},
    ui::json,
};

/// Warns of each program and variable of a definition that the settings do not allow. The state that uses it may not be entered, and a
/// resume may allow it.
pub fn warn(global: &Global, definition: &Value, settings: &LocalSettings) {
    for NotAllowed { state, name: program } in checks::programs_not_allowed(definition, settings) {
        let hint = match program.starts_with('/') {
            true => {
                format!("To allow it, begin the command with   {}", settings.programs_assignment([program.as_str()]))
            }
            false => "Write its absolute path in the definition.".to_owned(),
        };
        warn_of(global, &state, &format!("runs {program}, which FLOW_PROGRAMS does not allow, and will fail. {hint}"));
    }
    for NotAllowed { state, name } in checks::variables_not_allowed(definition, settings) {
        let hint =
            format!("To allow it, begin the command with   {}", settings.program_variables_assignment([name.as_str()]));
        warn_of(
            global,
            &state,
            &format!("sets {name}, which FLOW_PROGRAM_VARIABLES does not allow, and will fail. {hint}"),
        );
    }
}

/// Warns of a state that will fail.
fn warn_of(global: &Global, state: &str, why: &str) {
    let message = format!("\"{state}\" {why}");
    match global.output {
        Output::Json => json::print(json!({ "type": "warning", "state": state, "message": message })),
        Output::Human => report!("flow: warning: {message}"),
    }
}
