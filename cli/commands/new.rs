//! `flow new`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use engine::{asl::Severity, step::Registry};
use serde_json::json;
use workflows::DefinitionText;

use crate::{
    checks,
    definition::asl_schema,
    environments,
    exit::{CliError, Exit},
    global::{Global, Output},
    runbook::{self, Document},
    ui::json,
};

/// The largest document, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
/// The most history events of one execution. Source: Step Functions Developer Guide, "Service quotas".
const EVENTS_MAX: usize = 25_000;
/// The events of a run that are not of its states: ExecutionStarted and ExecutionSucceeded.
const EVENTS_OF_RUN: usize = 2;
/// The events of a section, which is a Parallel: its state is entered and exited, and the Parallel starts and succeeds.
const EVENTS_OF_SECTION: usize = 4;
/// The fewest events of a step, which is a Task: its state is entered and exited, and the Task is scheduled, starts and succeeds.
const EVENTS_OF_STEP: usize = 5;
/// The placeholder in templates for the workflow's name.
const NAME: &str = "NAME";

/// Arguments of `flow new`.
#[derive(Debug, Args)]
pub struct NewArguments {
    /// The workflow's name: NAME.asl.yaml and its companion files are written into the current folder.
    #[arg(value_parser = workflow_name)]
    name: String,
    /// The template.
    #[arg(long, value_enum, default_value = "first", value_name = "TEMPLATE")]
    template: Template,
    /// A written runbook (Markdown, HTML, or text with numbered sections or steps): every section becomes a section of
    /// the workflow and every step an approval.
    #[arg(long, value_name = "FILE", conflicts_with = "template")]
    from: Option<PathBuf>,
    /// With --from: run the commands of a step with /bin/sh, instead of showing them to a person.
    #[arg(long, requires = "from")]
    run_commands: bool,
}

/// The template of a new workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// A program, a wait, an approval, a retry and a parallel.
    First,
    /// Two people approve one after the other.
    Approval,
    /// Build, ask, deploy, wait until it answers, roll back.
    Deploy,
    /// Several folders at the same time, each retried.
    Backup,
    /// Waits until a URL answers as expected.
    WaitForHttp,
}

impl Template {
    /// The definition, the input's schema and the mocked answers.
    fn texts(self) -> [&'static str; 3] {
        macro_rules! texts {
            ($name:literal) => {
                [
                    include_str!(concat!("../templates/", $name, ".asl.yaml")),
                    include_str!(concat!("../templates/", $name, ".schema.json")),
                    include_str!(concat!("../templates/", $name, ".mocks.json")),
                ]
            };
        }
        match self {
            Template::First => texts!("first"),
            Template::Approval => texts!("approval"),
            Template::Deploy => texts!("deploy"),
            Template::Backup => texts!("backup"),
            Template::WaitForHttp => texts!("wait-for-http"),
        }
    }
}

/// Writes the files of a new workflow. Never overwrites an existing file.
pub fn run(global: &Global, arguments: &NewArguments) -> Result<Exit, CliError> {
    let name = &arguments.name;
    let next;
    let mut contingencies = Vec::new();
    let mut files = match &arguments.from {
        Some(file) => {
            let document = read(file)?;
            contingencies = runbook::contingencies(&document);
            let text = runbook::workflow(name, &document, arguments.run_commands);
            next = commands_of_runbook(name, &text);
            vec![(format!("{name}.asl.yaml"), text)]
        }
        None => {
            let [definition, schema, mocks] = arguments.template.texts().map(|text| text.replace(NAME, name));
            next = commands(&definition);
            vec![
                (format!("{name}.asl.yaml"), definition),
                (format!("{name}.input.schema.json"), schema),
                (format!("{name}.mocks.json"), mocks),
            ]
        }
    };
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    files.push((format!("{name}.asl.schema.json"), format!("{:#}\n", asl_schema::schema(steps))));
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".asl.yaml")) {
        refuse_invalid(file, text, steps)?;
    }
    if let Some((file, _)) = files.iter().find(|(file, _)| Path::new(file).exists()) {
        return Err(CliError::refused(format!("{file} exists already: nothing was written")));
    }
    for (file, text) in &files {
        write_new(file, text)?;
    }
    let names: Vec<_> = files.iter().map(|(file, _)| file.as_str()).collect();
    match global.output {
        Output::Json => {
            let message = format!("wrote {}", names.join(", "));
            json::print(json!({ "type": "new", "workflow": name, "files": names, "onRejection": contingencies,
                                "message": message }));
        }
        Output::Human if global.quiet => {}
        Output::Human => {
            names.iter().for_each(|file| say!("wrote {file}"));
            if !contingencies.is_empty() {
                let states: Vec<_> = contingencies.iter().map(|state| format!("\"{state}\"")).collect();
                say!("Only after a step is rejected (flow reject):   {}", states.join(", then "));
            }
            say!("Next:   {}", next.join("\n        "));
        }
    }
    Ok(Exit::Success)
}

/// The name of a workflow, which is a file's name, a word of a command and a text in YAML.
fn workflow_name(word: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    // YAML reads these words as other values than a text.
    let is_value =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&word.to_lowercase().as_str());
    match word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.len() <= 80
        && word.chars().all(plain)
        && !is_value
    {
        true => Ok(word.to_owned()),
        false => {
            Err("a name has 1 to 80 letters, digits, - and _, begins with a letter and is no YAML value such as null"
                .to_owned())
        }
    }
}

/// Refuses to write a definition that `flow check` would refuse.
fn refuse_invalid(file: &str, text: &str, steps: &Registry) -> Result<(), CliError> {
    let refused = |why: String| CliError::refused(format!("{file} would not be valid: {why}; nothing was written"));
    let definition = DefinitionText::of(file, text).definition().map_err(|error| refused(error.to_string()))?;
    let mut problems = checks::problems(&definition, steps).into_iter();
    match problems.find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(refused(format!("{} at {}", problem.message, problem.location))
            .hint("shorten or split the document; its sections and steps become states")),
        None => Ok(()),
    }
}

/// The commands that the first comment of a template proposes, in order.
fn commands(definition: &str) -> Vec<String> {
    let proposed = definition.lines().filter_map(|line| line.strip_prefix("#   "));
    proposed.map(|line| line.split("   ").next().unwrap_or(line).to_owned()).collect()
}

/// The commands to propose for the workflow of a document. Its programs must be allowed before they can run.
fn commands_of_runbook(name: &str, definition: &str) -> Vec<String> {
    let runs_commands = definition.contains("Resource: flow:process:run");
    let allowed = if runs_commands { "FLOW_PROGRAMS=/bin/sh " } else { "" };
    vec![format!("flow check {name}.asl.yaml"), format!("{allowed}flow run {name}.asl.yaml")]
}

/// Creates a file. Fails if another process has created it meanwhile.
fn write_new(file: &str, text: &str) -> Result<(), CliError> {
    let written = fs::File::create_new(file).and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|error| CliError::refused(format!("{file} cannot be written: {error}")))
}

fn read(file: &Path) -> Result<Document, CliError> {
    let shown = file.display();
    let wrong = |error: std::io::Error| CliError::refused(format!("{shown} cannot be read: {error}"));
    let text = workflows::open_text_file(file).and_then(|open| workflows::read_text_up_to(DOCUMENT_BYTES_MAX, open));
    let document = Document::read(&text.map_err(wrong)?);
    if document.sections.is_empty() {
        let message = format!("{shown} has no steps: no numbered item, bullet, code block or table of steps");
        return Err(CliError::refused(message).hint("write the steps as a numbered list, then run the command again"));
    }
    refuse_long(&shown.to_string(), &document)?;
    Ok(document)
}

/// Refuses a document whose workflow could not run to its end.
fn refuse_long(shown: &str, document: &Document) -> Result<(), CliError> {
    let sections = document.sections.len();
    let steps: usize = document.sections.iter().map(|section| section.steps.len()).sum();
    let events = EVENTS_OF_RUN + EVENTS_OF_SECTION * sections + EVENTS_OF_STEP * steps;
    if events <= EVENTS_MAX {
        return Ok(());
    }
    let message = format!(
        "a run of the {steps} steps of {shown} writes at least {events} history events, and an execution has at most {EVENTS_MAX}; \
         nothing was written"
    );
    Err(CliError::refused(message).hint("split the document, and make a workflow of each part"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_name_that_is_an_option_or_another_value_is_refused() {
        for name in ["-", "-x", "123", "null", "Yes", "", "a b", "ä"] {
            assert!(workflow_name(name).is_err(), "{name}");
        }
        assert_eq!(workflow_name("fail-over_2"), Ok("fail-over_2".to_owned()));
    }

    #[test]
    fn a_document_whose_run_would_write_too_many_events_is_refused() {
        let document = |steps: usize| Document::read(&format!("# T\n\n{}", "1. Look\n".repeat(steps)));
        assert!(refuse_long("t.md", &document(4_998)).is_ok());
        let refused = refuse_long("t.md", &document(4_999)).unwrap_err();
        let words = "a run of the 4999 steps of t.md writes at least 25001 history events";
        assert!(refused.message.starts_with(words), "{}", refused.message);
    }

    #[test]
    fn a_definition_that_check_refuses_is_not_written() {
        let steps = environments::described().unwrap();
        let long = "x".repeat(81);
        let text = format!("QueryLanguage: JSONata\nStartAt: {long}\nStates:\n  {long}:\n    Type: Succeed\n");
        let refused = refuse_invalid("a.asl.yaml", &text, steps).unwrap_err();
        assert!(refused.message.contains("would not be valid"), "{}", refused.message);
    }

    #[test]
    fn the_proposed_command_allows_the_shell_only_if_a_step_runs_it() {
        let document = Document::read("# T\n\n1. Stop it:\n\n   ```sh\n   systemctl stop w\n   ```\n");
        let proposed = |run_commands| commands_of_runbook("t", &runbook::workflow("t", &document, run_commands));
        assert_eq!(proposed(true), ["flow check t.asl.yaml", "FLOW_PROGRAMS=/bin/sh flow run t.asl.yaml"]);
        assert_eq!(proposed(false), ["flow check t.asl.yaml", "flow run t.asl.yaml"]);
    }

    #[test]
    fn every_template_can_run_and_has_a_schema_and_mocks() {
        let steps = environments::described().unwrap();
        for template in Template::value_variants() {
            let [definition, schema, mocks] = template.texts().map(|text| text.replace(NAME, "own"));
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("own.asl.yaml");
            fs::write(&file, definition).unwrap();
            let definition = workflows::load_definition(&file).unwrap();
            assert_eq!(checks::problems(&definition, steps), [], "{template:?}");
            let schema: Value = serde_json::from_str(&schema).unwrap();
            assert_eq!(schema["type"], "object");
            let mocks: Value = serde_json::from_str(&mocks).unwrap();
            assert!(mocks["StateMachines"]["own"]["TestCases"].is_object());
        }
    }
}
