//! Finds every problem of a definition that is detectable without running it: the problems that Step Functions reports, and those that only
//! the steps' schemas and this machine show.

pub mod activities;
mod approvals;
mod arguments;
mod consequences;
mod deadlines;
mod definition_file;
mod error_names;
pub mod explanations;
mod inside;
mod lacking_programs;
mod name_characters;
mod patterns;
mod placeholders;
mod process_arguments;
mod programs;
mod run_programs;
mod substitutions;
mod suggestions;
mod texts;
mod vocabulary;

use engine::{
    asl::{self, Diagnostic, Severity},
    step::{Registry, error_names::INTEGRATION_WITHOUT_STEP},
};
use serde_json::Value;

use crate::environments;

pub use definition_file::{DefinitionFile, Unreadable, cannot_run, no_file};
pub use inside::{Inside, inside, is_about_a_name, named_field};
pub use lacking_programs::{lacking_when_recovered, lacking_when_resumed};
pub use placeholders::is_placeholder;
pub use programs::{NotAllowed, programs_not_allowed, variables_not_allowed, worker_variables};
pub use run_programs::{LOG_IN, RUN_PROGRAMS, USE_FILES};
pub use suggestions::state_names;

/// Finds every problem of a definition, errors first. A Task without a step or integration is an error: the workflow
/// could not finish.
pub fn problems(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let known = |resource: &str| is_placeholder(resource) || environments::is_known(steps, resource);
    let mut found = asl::check(definition, &known);
    found.extend(beyond_step_functions(definition, steps));
    suggestions::add(&mut found, definition, steps);
    if let Some(cause) = consequences::missing_language(definition, &found) {
        // It replaces a problem of each field.
        found.retain(|problem| !consequences::needs_jsonata(problem));
        found.insert(0, cause);
    }
    consequences::leave_out(&mut found);
    found.sort_by_key(|problem| problem.severity);
    found
}

/// Whether Step Functions cannot run a definition with this problem. Step Functions makes the calls of integrations itself, so it needs no
/// step of flow for them. If a deployment accepts a definition, so does a run at Step Functions.
pub fn is_wrong_at_step_functions(problem: &Diagnostic) -> bool {
    problem.severity == Severity::Error && problem.code != INTEGRATION_WITHOUT_STEP
}

/// Finds the problems that Step Functions does not report.
pub fn beyond_step_functions(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = without_step(definition, steps);
    found.extend(arguments::problems(definition, steps));
    found.extend(placeholders::problems(definition));
    found.extend(asl::unknown_names(definition));
    found.extend(activities::problems(definition));
    found.extend(approvals::problems(definition, steps));
    found.extend(process_arguments::problems(definition));
    found.extend(patterns::problems(definition));
    found.extend(vocabulary::problems(definition));
    found.extend(error_names::problems(definition));
    found.extend(deadlines::problems(definition));
    found.extend(name_characters::problems(definition));
    found
}

fn without_step(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = asl::without_step(definition, &|resource| environments::has_step(steps, resource));
    for problem in &mut found {
        problem.severity = Severity::Error;
        problem.message = format!(
            "{} There are steps for {}. A Resource has the prefix arn:aws:states:::, and `flow steps NAME` shows each.",
            problem.message,
            integrations(steps)
        );
    }
    found
}

fn integrations(steps: &Registry) -> String {
    let names = steps.descriptions().map(|step| step.name);
    let mut names: Vec<String> = names.filter_map(|name| name.strip_prefix("aws:").map(str::to_owned)).collect();
    names.extend(api::INTEGRATIONS.map(str::to_owned));
    names.sort();
    names.join(", ")
}
