//! `flow explain`.

use clap::Args;
use engine::spelling::{did_you_mean, nearest};
use serde_json::json;

use crate::{
    checks::explanations::{self, Explanation},
    exit::{CliError, Exit},
    global::{Global, Output},
    ui::json,
};

/// Arguments of `flow explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// A code of flow check, such as PLACEHOLDER, or an error name, such as States.Timeout; without one, all are
    /// listed.
    code: Option<String>,
}

/// Shows the meaning of a code and the repair.
pub fn run(global: &Global, arguments: &ExplainArguments) -> Result<Exit, CliError> {
    let Some(code) = &arguments.code else {
        explanations::ALL.iter().for_each(|page| show(global, page, false));
        return Ok(Exit::Success);
    };
    let missing = || {
        let near = nearest(code, explanations::ALL.iter().map(|page| page.code));
        CliError::not_found(format!("there is no code '{code}'{}", did_you_mean(near))).hint("flow explain lists all")
    };
    show(global, explanations::find(code).ok_or_else(missing)?, true);
    Ok(Exit::Success)
}

fn show(global: &Global, page: &Explanation, in_full: bool) {
    let Explanation { code, meaning, remedy } = page;
    match global.output {
        Output::Json => {
            json::print(
                json!({ "type": "explanation", "code": code, "meaning": meaning, "remedy": remedy, "message": meaning }),
            );
        }
        Output::Human if in_full => say!("{code}\n\n{meaning}\n\n{remedy}"),
        Output::Human => say!("{code:<40} {meaning}"),
    }
}
