//! What is to be done, before anything is.

use std::{io::Read, path::Path};

use engine::{
    asl::{self, Severity},
    step::Resource,
};
use serde_json::{Value, json};
use workflows::{InputFormat, Workflow};

use super::RunArguments;
use crate::{
    arguments::{Global, Output},
    environments,
    exit::CliError,
};

/// A definition and its input, both checked.
pub struct Plan {
    /// The workflow's name, or the file's.
    pub name: String,
    /// The definition.
    pub definition: Value,
    /// The input, with its defaults.
    pub input: Value,
    /// What it works on.
    pub subject: Option<String>,
    shipped: Option<&'static Workflow>,
}

impl Plan {
    /// Reads definition and input.
    ///
    /// # Errors
    /// Neither a workflow nor a file is named so, or the input is wrong: every problem at once.
    pub fn make(arguments: &RunArguments) -> Result<Self, CliError> {
        match workflows::find(&arguments.workflow) {
            Some(workflow) => Plan::shipped(workflow, arguments),
            None => Plan::file(arguments),
        }
    }

    fn shipped(workflow: &'static Workflow, arguments: &RunArguments) -> Result<Self, CliError> {
        let definition = workflow.definition().map_err(|error| CliError::refused(error.to_string()))?;
        let default = || if arguments.rehearse { workflow.rehearsal_input() } else { json!({}) };
        let mut input = read_input(arguments)?.unwrap_or_else(default);
        // Teardown wants the deployment's name typed; --yes and a rehearsal stand for that.
        if (arguments.yes || arguments.rehearse) && workflow.input_schema()["properties"].get("confirm").is_some() {
            input["confirm"] = input["deployment"].clone();
        }
        let problems = |problems: Vec<workflows::InputProblem>| {
            let lines: Vec<_> = problems.iter().map(|problem| format!("  {problem}")).collect();
            CliError::refused(format!("the input is not right; nothing was changed\n{}", lines.join("\n")))
                .hint(format!("flow init {} writes a commented input file", workflow.name))
        };
        let input = workflow.prepare_input(input).map_err(problems)?;
        let subject = Some(workflow.subject(&input));
        Ok(Plan { name: workflow.name.to_owned(), definition, input, subject, shipped: Some(workflow) })
    }

    fn file(arguments: &RunArguments) -> Result<Self, CliError> {
        let path = Path::new(&arguments.workflow);
        if !path.exists() {
            return Err(CliError::not_found(format!(
                "neither a workflow nor a file is named '{}'",
                arguments.workflow
            ))
            .hint("flow workflows lists what is shipped"));
        }
        let definition = workflows::load_definition(path).map_err(|error| CliError::refused(error.to_string()))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("workflow");
        let name = name.split('.').next().unwrap_or(name).to_owned();
        let input = read_input(arguments)?.unwrap_or_else(|| json!({}));
        Ok(Plan { name, definition, input, subject: None, shipped: None })
    }

    /// Checks the definition.
    ///
    /// # Errors
    /// It cannot run: every problem at once.
    pub fn check(&self) -> Result<(), CliError> {
        let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
        let found = asl::check(&self.definition, &|resource| environments::is_known(&steps, resource));
        let errors: Vec<_> = found
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| format!("  {}: {} [{}]", problem.location, problem.message, problem.code))
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        Err(CliError::refused(format!("the definition cannot run; nothing was changed\n{}", errors.join("\n"))))
    }

    /// Whether it names steps that need an AWS account.
    pub fn acts_on_aws(&self) -> bool {
        calls_aws(&self.definition)
    }

    /// Shows what will be done, by whom and where.
    pub fn show(&self, global: &Global, caller: Option<&Value>) {
        let (lines, warnings) = match self.shipped {
            Some(workflow) => (workflow.plan_lines(&self.input), workflow.warnings(&self.input)),
            None => (Vec::new(), Vec::new()),
        };
        if global.output == Output::Json {
            let line = json!({ "type": "plan", "workflow": self.name, "input": self.input, "caller": caller, "plan": lines, "warnings": warnings });
            say!("{line}");
            return;
        }
        match caller {
            Some(caller) => {
                let text = |name: &str| caller[name].as_str().unwrap_or("unknown").to_owned();
                say!("{}   account {}   region {}   as {}", self.name, text("account"), text("region"), text("arn"));
            }
            None => say!("{}", self.name),
        }
        lines.iter().for_each(|line| say!("  {line}"));
        warnings.iter().for_each(|warning| say!("  warning: {warning}"));
    }
}

/// Whether a Task calls something of AWS's. What this machine does by itself needs no credentials.
fn calls_aws(definition: &Value) -> bool {
    const LOCAL: [&str; 3] = ["flow:file:", "flow:process:", "arn:aws:states:::states:startExecution"];
    match definition {
        Value::Object(fields) => {
            let named = fields.get("Resource").and_then(Value::as_str);
            let called = named.is_some_and(|resource| !LOCAL.iter().any(|local| resource.starts_with(local)));
            let activity = named.is_some_and(|resource| Resource::parse(resource) == Resource::Activity);
            (called && !activity) || fields.values().any(calls_aws)
        }
        Value::Array(items) => items.iter().any(calls_aws),
        _ => false,
    }
}

fn read_input(arguments: &RunArguments) -> Result<Option<Value>, CliError> {
    let refused = |error: workflows::InputError| CliError::refused(error.to_string());
    let mut input = match arguments.input.as_deref() {
        None if arguments.set.is_empty() || arguments.rehearse => None,
        None => Some(json!({})),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            Some(workflows::parse_input(&text, None).map_err(refused)?)
        }
        Some(text) if text.trim_start().starts_with('{') => Some(workflows::parse_input(text, None).map_err(refused)?),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| CliError::refused(format!("the input file {file} cannot be read: {error}")))?;
            Some(workflows::parse_input(&text, InputFormat::of_file(file)).map_err(refused)?)
        }
    };
    if !arguments.set.is_empty() {
        let base = || workflows::find(&arguments.workflow).map_or_else(|| json!({}), Workflow::rehearsal_input);
        let mut value = input.take().unwrap_or_else(base);
        for assignment in &arguments.set {
            workflows::set_key(&mut value, assignment).map_err(refused)?;
        }
        input = Some(value);
    }
    Ok(input)
}
