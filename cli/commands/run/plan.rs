//! The plan of a run: definition, input and caller.

use std::path::{Path, PathBuf};

use api::CheckedDefinition;
use engine::asl::{Diagnostic, Severity};
use serde_json::{Value, json};
use workflows::Workflow;

use super::{RunArguments, again::Earlier, planned::MadePlan};
use crate::{
    checks::{self, DefinitionFile, cannot_run},
    environments::{self, Account},
    execution::input,
    exit::CliError,
    global::{Global, Output},
    target::Engine,
    ui::{json, text::visible},
};

/// The identity that will act, and its environment.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account, which is pinned.
    pub account: Account,
    /// The identity's ARN.
    pub arn: String,
    /// The region, which is pinned.
    pub region: String,
    /// The profile, if one is given.
    pub profile: Option<String>,
}

/// A definition and its input, both checked.
pub struct Plan {
    /// The workflow's name, or the file's.
    pub name: String,
    /// The definition.
    pub definition: CheckedDefinition,
    /// The input, with its defaults.
    pub input: Value,
    /// The subject of the execution.
    pub subject: Option<String>,
    /// The file of the definition, absolute; `None` for a shipped workflow and for standard input.
    pub definition_file: Option<PathBuf>,
    shipped: Option<&'static Workflow>,
}

impl Plan {
    /// Reads definition and input.
    ///
    /// # Errors
    /// No workflow or file has this name, or the input is wrong. All problems are reported at once.
    pub fn make(arguments: &RunArguments) -> Result<Self, CliError> {
        match workflows::find(&arguments.workflow) {
            Some(workflow) => Plan::shipped(workflow, arguments),
            None => Plan::file(arguments),
        }
    }

    fn shipped(workflow: &'static Workflow, arguments: &RunArguments) -> Result<Self, CliError> {
        let definition = workflow.definition().map_err(|error| CliError::refused(error.to_string()))?;
        let default = || if arguments.rehearse { workflow.rehearsal_input() } else { json!({}) };
        let mut input = read_input(arguments, None)?.unwrap_or_else(default);
        // A teardown's input repeats the deployment's name as confirmation. `--yes`, a rehearsal and a plan do not
        // require it.
        if (arguments.yes || arguments.rehearse || arguments.plan)
            && workflow.input_schema()["properties"].get("confirm").is_some()
        {
            input["confirm"] = input["deployment"].clone();
        }
        let hint = || {
            format!(
                "flow init {} writes a commented input file. After these are corrected, the run checks the rest at AWS",
                workflow.name
            )
        };
        let input = workflow.prepare_input(input).map_err(|problems| input::wrong(&problems).hint(hint()))?;
        let subject = Some(workflow.subject(&input));
        let definition = checked(definition, arguments.target.engine)?;
        Ok(Plan {
            name: workflow.name.to_owned(),
            definition,
            input,
            subject,
            definition_file: None,
            shipped: Some(workflow),
        })
    }

    fn file(arguments: &RunArguments) -> Result<Self, CliError> {
        let file = DefinitionFile::read(&arguments.workflow, &arguments.substitute)?;
        let name = file.name.clone();
        let definition = file.definition()?;
        let is_file = arguments.workflow != "-";
        let definition_file = is_file.then(|| std::path::absolute(&arguments.workflow)).transpose()?;
        let input = fitted_input(arguments, definition_file.as_deref())?;
        let definition = checked(definition, arguments.target.engine)?;
        Ok(Plan { name, definition, input, subject: None, definition_file, shipped: None })
    }

    /// The definition of an earlier execution with the input of the arguments, which must fit the schema beside the
    /// definition's file.
    ///
    /// # Errors
    /// The definition or the input is wrong.
    pub fn again(earlier: Earlier, arguments: &RunArguments) -> Result<Self, CliError> {
        let Earlier { workflow, definition, definition_file } = earlier;
        let input = fitted_input(arguments, definition_file.as_deref())?;
        let definition = checked(definition, arguments.target.engine)?;
        Ok(Plan { name: workflow, definition, input, subject: None, definition_file, shipped: None })
    }

    /// Whether it makes calls in an AWS account.
    pub fn needs_account(&self) -> bool {
        self.definition.resources().iter().any(|resource| steps::needs_account(resource))
    }

    /// Whether the input allows some accounts only.
    pub fn restricts_accounts(&self) -> bool {
        self.input["allowedAccountIds"].as_array().is_some_and(|allowed| !allowed.is_empty())
    }

    /// Refuses an account that the input does not allow (`allowedAccountIds`).
    ///
    /// # Errors
    /// The account is not allowed. The message names it and the allowed ones.
    pub fn refuse_other_accounts(&self, account: &Account) -> Result<(), CliError> {
        let Some(allowed) = self.input["allowedAccountIds"].as_array().filter(|allowed| !allowed.is_empty()) else {
            return Ok(());
        };
        let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        if allowed.contains(&account.account_id.as_str()) {
            return Ok(());
        }
        let message = format!(
            "the credentials are of AWS account {}, and allowedAccountIds of the input allows {}: nothing was changed",
            account.account_id,
            allowed.join(", ")
        );
        Err(CliError::refused(message).hint("use credentials of an allowed account: --profile NAME"))
    }

    /// The changes that a shipped workflow will make, and its warnings.
    fn lines_and_warnings(&self) -> (Vec<String>, Vec<String>) {
        self.shipped.map_or_else(Default::default, |workflow| {
            (workflow.plan_lines(&self.input), workflow.warnings(&self.input))
        })
    }

    /// The JSON line of the plan.
    pub fn line(&self, caller: Option<&Caller>, made: Option<&MadePlan>) -> Value {
        let (lines, warnings) = self.lines_and_warnings();
        let caller = caller.map(|caller| {
            json!({ "account": caller.account.account_id, "partition": caller.account.partition, "arn": caller.arn,
                    "region": caller.region, "profile": caller.profile })
        });
        let mut line = json!({ "type": "plan", "workflow": self.name, "input": self.input, "caller": caller,
                               "plan": lines, "warnings": warnings,
                               "message": format!("the plan of {}", self.name) });
        if let Some(made) = made {
            made.add_to(&mut line);
        }
        line
    }

    /// Shows the plan: what will be done, by which identity and in which environment; resource by resource if the steps
    /// can plan.
    pub fn show(&self, global: &Global, caller: Option<&Caller>, made: Option<&MadePlan>) {
        if global.output == Output::Json {
            json::print(self.line(caller, made));
            return;
        }
        if global.quiet {
            // Nothing is said if nothing changes.
            let made = made.filter(|made| made.plan.refusal.is_some() || !made.plan.changes_nothing());
            made.iter().flat_map(|made| made.plan.lines()).for_each(|line| say!("{line}"));
            return;
        }
        let (lines, warnings) = self.lines_and_warnings();
        match caller {
            Some(Caller { account, arn, region, profile }) => {
                let profile = profile.as_ref().map_or_else(String::new, |profile| format!("   profile {profile}"));
                let partition =
                    if account.partition == "aws" { String::new() } else { format!(" ({})", account.partition) };
                let (name, account_id) = (visible(&self.name), &account.account_id);
                say!("{name}   account {account_id}{partition}   region {region}{profile}   as {arn}");
            }
            None => say!("{}", visible(&self.name)),
        }
        match made {
            Some(made) => made.plan.lines().iter().for_each(|line| say!("{line}")),
            None => lines.iter().for_each(|line| say!("  {}", visible(line))),
        }
        warnings.iter().for_each(|warning| say!("  warning: {}", visible(warning)));
    }
}

/// Reads and checks a definition for the engine that runs it.
///
/// # Errors
/// It cannot run there. All problems are reported at once.
fn checked(definition: Value, engine: Engine) -> Result<CheckedDefinition, CliError> {
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let is_wrong = |problem: &&Diagnostic| match engine {
        Engine::Local => problem.severity == Severity::Error,
        Engine::Sfn => checks::is_wrong_at_step_functions(problem),
    };
    let found = checks::problems(&definition, steps);
    let errors: Vec<_> = found
        .iter()
        .filter(is_wrong)
        .map(|problem| format!("  {}: {} [{}]", problem.location, problem.message, problem.code))
        .collect();
    let known = |resource: &str| environments::is_known(steps, resource);
    let checked = CheckedDefinition::read(definition, false, &known).0.filter(|_| errors.is_empty());
    checked.ok_or_else(|| cannot_run(&errors))
}

/// The input of the arguments, with the defaults of the schema beside a definition's file.
fn fitted_input(arguments: &RunArguments, definition_file: Option<&Path>) -> Result<Value, CliError> {
    let input = read_input(arguments, definition_file)?.unwrap_or_else(|| json!({}));
    match definition_file {
        Some(file) => input::fitted(file, input),
        None => Ok(input),
    }
}

fn read_input(arguments: &RunArguments, definition_file: Option<&Path>) -> Result<Option<Value>, CliError> {
    let refused = |error: workflows::InputError| CliError::refused(error.to_string());
    let mut input = match arguments.input.as_deref() {
        None if arguments.set.is_empty() || arguments.rehearse => None,
        None => Some(json!({})),
        Some(given) => Some(input::read(given)?),
    };
    if !arguments.set.is_empty() {
        let base = || workflows::find(&arguments.workflow).map_or_else(|| json!({}), Workflow::rehearsal_input);
        let mut value = input.take().unwrap_or_else(base);
        let schema = match workflows::find(&arguments.workflow) {
            Some(workflow) => Some(workflow.input_schema()),
            None => definition_file.map(input::schema).transpose()?.flatten(),
        };
        for assignment in &arguments.set {
            workflows::set_key(&mut value, schema.as_ref(), assignment).map_err(refused)?;
        }
        input = Some(value);
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_that_only_step_functions_calls_is_a_problem_of_the_local_engine_only() {
        let definition = |resource: &str| {
            let task = json!({ "Type": "Task", "Resource": resource, "Arguments": {}, "End": true });
            json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": task } })
        };
        for resource in ["arn:aws:states:::sqs:sendMessage.waitForTaskToken", "arn:aws:states:::ecs:runTask.sync"] {
            let refused = checked(definition(resource), Engine::Local).err().map(|error| error.message);
            assert!(refused.is_some_and(|message| message.contains("INTEGRATION_WITHOUT_STEP")), "{resource}");
            assert!(checked(definition(resource), Engine::Sfn).is_ok(), "{resource}");
        }
        assert!(checked(definition("flow:none:none"), Engine::Sfn).is_err(), "no worker has the step");
    }
}
