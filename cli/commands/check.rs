//! `flow check`.

use std::path::Path;

use clap::{Args, ValueEnum};
use engine::{
    asl::{self, Diagnostic, Severity},
    step::Registry,
};
use serde_json::{Value, json};

use crate::{
    arguments::{Global, Output},
    environments,
    exit::{CliError, Exit},
    graph::{self, Graph},
    source::Source,
    ui::json as lines,
};

/// Arguments of `flow check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// A workflow's name or a definition file (JSON or YAML).
    workflow: String,
    /// Draw the machine instead, on standard output.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    graph: Option<Drawing>,
}

/// What a drawing is written in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Drawing {
    /// Mermaid's flowcharts.
    Mermaid,
    /// Graphviz.
    Dot,
    /// A picture for a browser.
    Svg,
}

/// Shows every problem of a definition; exit code 3 where it cannot run.
pub fn run(global: &Global, arguments: CheckArguments) -> Result<Exit, CliError> {
    let (definition, source) = read(&arguments.workflow)?;
    if let Some(drawing) = arguments.graph {
        let graph = Graph::of(&definition);
        let drawn = match drawing {
            Drawing::Mermaid => graph::mermaid(&graph),
            Drawing::Dot => graph::dot(&graph),
            Drawing::Svg => graph::svg(&graph),
        };
        say!("{}", drawn.trim_end());
        return Ok(Exit::Success);
    }
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let mut found = asl::check(&definition, &|resource| environments::is_known(&steps, resource));
    found.extend(without_step(&definition, &steps));
    found.sort_by_key(|problem| problem.severity);
    if global.output == Output::Json {
        say!("{}", lines::version());
    }
    for problem in &found {
        match global.output {
            Output::Human => tell(problem, &arguments.workflow, source.as_ref()),
            Output::Json => say!("{}", line(problem, source.as_ref())),
        }
    }
    if found.iter().any(|problem| problem.severity == Severity::Error) {
        return Ok(Exit::Refused);
    }
    if global.output == Output::Human {
        say!("{} can run.", arguments.workflow);
    }
    Ok(Exit::Success)
}

/// The Tasks whose call nothing here makes: such a workflow cannot run to its end.
fn without_step(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = asl::without_step(definition, &|resource| environments::has_step(steps, resource));
    for problem in &mut found {
        problem.severity = Severity::Error;
        problem.message = format!("{} There are steps for {}.", problem.message, integrations(steps));
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

fn read(workflow: &str) -> Result<(Value, Option<Source>), CliError> {
    let refused = |error: workflows::WorkflowError| CliError::refused(error.to_string());
    if let Some(workflow) = workflows::find(workflow) {
        return Ok((workflow.definition().map_err(refused)?, None));
    }
    if !Path::new(workflow).exists() {
        return Err(CliError::not_found(format!("neither a workflow nor a file is named '{workflow}'")));
    }
    let definition = workflows::load_definition(workflow).map_err(refused)?;
    Ok((definition, Some(Source::new(&std::fs::read_to_string(workflow)?))))
}

fn word(problem: &Diagnostic) -> &'static str {
    if problem.severity == Severity::Error { "error" } else { "warning" }
}

/// The problem, and the line of the file that it is about.
fn tell(problem: &Diagnostic, file: &str, source: Option<&Source>) {
    let location = if problem.location.is_empty() { "/" } else { &problem.location };
    say!("{}[{}]: {}", word(problem), problem.code, problem.message);
    let Some((source, position)) = source.and_then(|source| Some((source, source.position(&problem.location)?))) else {
        say!("  at {location}\n");
        return;
    };
    let number = position.line.to_string();
    let margin = " ".repeat(number.len());
    let mark = " ".repeat(position.column - 1);
    say!("{margin}--> {file}:{}:{}  {location}", position.line, position.column);
    say!("{margin} |\n{number} | {}\n{margin} | {mark}^\n", source.line(position.line));
}

fn line(problem: &Diagnostic, source: Option<&Source>) -> Value {
    let mut line = json!({
        "type": "diagnostic", "severity": word(problem), "code": problem.code, "location": problem.location,
        "message": problem.message,
    });
    if let Some(position) = source.and_then(|source| source.position(&problem.location)) {
        line["line"] = position.line.into();
        line["column"] = position.column.into();
    }
    line
}
