//! `flow check`.

use api::flow::{FindMissingActivities, MissingActivitiesRequest};
use clap::{Args, ValueEnum};
use engine::asl::{Diagnostic, Severity, pointer::below};
use serde_json::{Value, json};
use steps::LocalSettings;
use workflows::{LostKind, LostPart};

use super::not_allowed;
use crate::{
    checks::{self, DefinitionFile, Inside, Unreadable, activities, inside, is_about_a_name, named_field},
    definition::{
        graph::{self, Graph},
        source::{Position, Source},
    },
    environments,
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    out,
    owner::Handle,
    ui::{
        json,
        screen::Screen,
        text::{one_line, visible},
    },
};

/// The most cells of a shown line of the file where the screen has no width. A definition may be one line.
const EXCERPT_CELLS_MAX: usize = 160;

/// Arguments of `flow check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// A workflow's name, a definition file (JSON or YAML), or `-` for standard input.
    workflow: String,
    /// Replace a placeholder `${NAME}` in the text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    substitute: Vec<String>,
    /// Print the state machine as a graph instead, for a program that draws it.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    graph: Option<Drawing>,
}

impl CheckArguments {
    /// Whether standard output is a file for another program, and nothing else.
    pub fn prints_file(&self) -> bool {
        self.graph.is_some()
    }
}

/// The language of a graph.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Drawing {
    /// Mermaid: drawn by GitHub, GitLab and editors.
    Mermaid,
    /// Graphviz: `dot -Tsvg` makes a picture.
    Dot,
}

/// Shows every problem of a definition. The exit code is 3 if it cannot run.
pub async fn run(global: &Global, arguments: CheckArguments) -> Result<Exit, CliError> {
    let (definition, source) = read(&arguments.workflow, &arguments.substitute)?;
    if let (Some(drawing), Ok(definition)) = (arguments.graph, &definition) {
        let graph = Graph::of(definition);
        let drawn = match drawing {
            Drawing::Mermaid => graph::mermaid(&graph),
            Drawing::Dot => graph::dot(&graph),
        };
        out::text(&format!("{}\n", visible(drawn.trim_end())));
        return Ok(Exit::Success);
    }
    let found = match definition {
        Ok(definition) => {
            let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
            let mut found = checks::problems(&definition, steps);
            let named = activities::warned_of(&found, &definition);
            if !named.is_empty() {
                let missing = missing_activities(global, named).await;
                activities::compare_with_store(&mut found, &definition, missing.as_deref());
            }
            not_allowed::warn(global, &definition, &LocalSettings::from_environment());
            found
        }
        Err(repeated) => repeated,
    };
    let exit = show(global, &found, &arguments.workflow, source.as_ref());
    if exit == Exit::Success && global.output == Output::Human {
        say!("{} can run.", arguments.workflow);
    }
    Ok(exit)
}

/// The activities that do not exist in the home; `None` if it has no store, or if the store does not answer: a check needs none.
async fn missing_activities(global: &Global, arns: Vec<String>) -> Option<Vec<String>> {
    let home = Home::real(global).ok()?;
    if !home.has_store().ok()? {
        return None;
    }
    let handle = Handle::read(&home).await.ok()?;
    let found = handle.call::<FindMissingActivities>(MissingActivitiesRequest { arns }).await;
    handle.leave();
    Some(found.ok()?.missing)
}

/// Shows problems, each with its line of the file. A line with a secret is not shown. Returns [`Exit::Refused`] if one of them is an error.
pub(super) fn show(global: &Global, found: &[Diagnostic], file: &str, source: Option<&Source>) -> Exit {
    let secret = lines_with_secrets(found, source);
    for problem in found {
        match global.output {
            Output::Human => print(problem, file, source, &secret, &Screen::of_stdout(global.color())),
            Output::Json => json::print(line(problem, source)),
        }
    }
    match found.iter().any(|problem| problem.severity == Severity::Error) {
        true => Exit::Refused,
        false => Exit::Success,
    }
}

/// A definition, or the problems that prevent parsing it.
pub(super) type Readable = Result<Value, Vec<Diagnostic>>;

/// Reads a definition, and its text if it is a file.
pub(super) fn read(workflow: &str, substitute: &[String]) -> Result<(Readable, Option<Source>), CliError> {
    if let Some(workflow) = workflows::find(workflow) {
        return Ok((Ok(workflow.definition().map_err(|error| CliError::refused(error.to_string()))?), None));
    }
    let (definition, source) = read_file(workflow, substitute)?;
    Ok((definition, Some(source)))
}

/// Reads a definition file. A text that cannot be parsed is a problem with a position, like every other.
///
/// # Errors
/// The file does not exist, or cannot be read.
pub(super) fn read_file(path: &str, substitutions: &[String]) -> Result<(Readable, Source), CliError> {
    let file = DefinitionFile::read(path, substitutions)?;
    let mut source = Source::new(&file.text).of_definition_at(&file.pointer);
    let location = |part: &LostPart| part.pointer.strip_prefix(&file.pointer).unwrap_or(&part.pointer).to_owned();
    let lost = |part: &LostPart| {
        let code = match part.kind {
            LostKind::RepeatedKey { .. } => "DUPLICATE_KEY",
            LostKind::Tag { .. } => "YAML_TAG",
        };
        Diagnostic::error(code, &location(part), sentence(&part.to_string()))
    };
    let definition = match file.definition {
        Ok(definition) => Ok(definition),
        Err(Unreadable::LostParts { parts, definition, unassembled }) => {
            let mut found: Vec<Diagnostic> = parts.iter().map(lost).collect();
            found.extend(unassembled.map(|why| Diagnostic::error("SCHEMA_VALIDATION_FAILED", "", format!("{why}."))));
            if let Some(definition) = definition {
                let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
                // The value that a tag leaves is not the one that is meant.
                let tags = parts.iter().filter(|part| matches!(part.kind, LostKind::Tag { .. }));
                let tagged: Vec<String> = tags.map(location).collect();
                let others = checks::problems(&definition, steps).into_iter();
                found.extend(others.filter(|problem| !tagged.contains(&problem.location)));
            }
            Err(found)
        }
        Err(Unreadable::NotParsed { message, position: (line, column), parts, error }) => {
            source.failed_at(Position { line, column });
            let hint = error.hint.map_or_else(String::new, |hint| format!("; {hint}"));
            let mut found: Vec<Diagnostic> = parts.iter().map(lost).collect();
            found.push(Diagnostic::error("NOT_PARSED", "", format!("{path} cannot be parsed: {message}{hint}")));
            Err(found)
        }
    };
    Ok((definition, source))
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

fn severity_name(problem: &Diagnostic) -> &'static str {
    if problem.severity == Severity::Error { "error" } else { "warning" }
}

/// The position of a problem in the file: inside an expression if it is known, with a reason.
fn position_of(problem: &Diagnostic, source: &Source) -> Option<(Position, Option<String>)> {
    let mut location = problem.location.clone();
    if let Some(field) = named_field(problem) {
        location = below(location.trim_end_matches('/'), field);
    }
    let text = source.text(&location).filter(|_| !is_about_a_name(problem));
    let within = text.and_then(|text| inside(problem, text));
    let exact = within.and_then(|Inside { offset, reason }| Some((source.position_in(&location, offset)?, reason)));
    exact.or_else(|| Some((source.position(&location)?, None)))
}

/// The lines of the file with a problem that is a secret. The screen may be a log that other people read.
fn lines_with_secrets(found: &[Diagnostic], source: Option<&Source>) -> Vec<usize> {
    let secrets = found.iter().filter(|problem| problem.code == deploy::SECRET_IN_DEFINITION);
    let lines = secrets.filter_map(|problem| {
        let source = source?;
        let at = source.position(&problem.location)?.line;
        // The value may begin after the line of its key, and span several lines.
        Some(source.lines_of(&problem.location).into_iter().flatten().chain([at]))
    });
    lines.flatten().collect()
}

/// Prints a problem and its line of the file, unless the line is one of `secret`.
fn print(problem: &Diagnostic, file: &str, source: Option<&Source>, secret: &[usize], screen: &Screen) {
    let (location, file) = (location_of(problem), one_line(file));
    say!("{}[{}]: {}", severity_name(problem), problem.code, problem.message);
    let Some((source, (position, reason))) = source.and_then(|source| Some((source, position_of(problem, source)?)))
    else {
        say!("  at {location}\n");
        return;
    };
    let margin = " ".repeat(position.line.to_string().len());
    say!("{margin}--> {file}:{}:{}  {location}", position.line, position.column);
    if secret.contains(&position.line) {
        say!("{margin} | (this line is not shown: it has a secret)\n");
        return;
    }
    say!("{}\n", excerpt(source.line(position.line), position, reason.as_deref(), screen));
}

/// The JSON pointer of a problem within a line: a name in it may have a line feed or a tab.
fn location_of(problem: &Diagnostic) -> String {
    match problem.location.is_empty() {
        true => "/".to_owned(),
        false => one_line(&problem.location).replace('\t', "\\t"),
    }
}

/// The line of a position, cut to the screen's width around it, with a mark at the position and the reason beside the mark.
fn excerpt(line: &str, position: Position, reason: Option<&str>, screen: &Screen) -> String {
    let number = position.line.to_string();
    let margin = " ".repeat(number.len());
    let columns = if screen.columns == usize::MAX { EXCERPT_CELLS_MAX } else { screen.columns };
    let cells = columns.saturating_sub(number.len() + " | ".len());
    let (shown, column) = screen.around(line, position.column.saturating_sub(1), cells);
    let mark = " ".repeat(column);
    let reason = reason.map_or_else(String::new, |reason| format!(" {reason}"));
    format!("{margin} |\n{number} | {shown}\n{margin} | {mark}^{reason}")
}

fn line(problem: &Diagnostic, source: Option<&Source>) -> Value {
    let mut line = json!({
        "type": "diagnostic", "severity": severity_name(problem), "code": problem.code, "location": problem.location,
        "message": problem.message,
    });
    if let Some((position, reason)) = source.and_then(|source| position_of(problem, source)) {
        line["line"] = position.line.into();
        line["column"] = position.column.into();
        if let Some(reason) = reason {
            line["reason"] = reason.into();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_feed_or_a_tab_does_not_break_the_line_of_a_problem() {
        let at = |pointer: &str| location_of(&Diagnostic::error("INVALID_ARGUMENT", pointer, "wrong".to_owned()));
        assert_eq!(at("/States/ask\nline\tend\u{1b}"), r"/States/ask\nline\tend\u{1b}");
        assert_eq!((at(""), at("/States/a")), ("/".to_owned(), "/States/a".to_owned()));
    }

    #[test]
    fn the_lines_of_a_secret_are_not_shown() {
        let text = "States:\n  A:\n    Result:\n      Stdin: |\n        [client]\n        password = hunter22\n      Next: 1\n";
        let source = Source::new(text);
        let at = |pointer: &str| {
            lines_with_secrets(&[Diagnostic::error("SECRET_IN_DEFINITION", pointer, "")], Some(&source))
        };
        let lines = at("/States/A/Result/Stdin");
        assert!([4, 5, 6].iter().all(|line| lines.contains(line)) && !lines.contains(&3), "{lines:?}");
        assert_eq!(at("/States/A/Result/Next"), [7, 7]);
        let other = Diagnostic::error("MISSING_TRANSITION_TARGET", "/States/A/Result/Next", "");
        assert_eq!(lines_with_secrets(&[other], Some(&source)), [0; 0]);
        assert_eq!(lines_with_secrets(&[Diagnostic::error("SECRET_IN_DEFINITION", "/A", "")], None), [0; 0]);
    }

    #[test]
    fn a_long_line_is_cut_to_the_screen_around_the_position() {
        let line = format!("{{\"StartAt\":\"A\",{}\"Next\":\"B\"{}}}", " ".repeat(5_000), " ".repeat(5_000));
        let column = line.find("\"Next\"").unwrap_or_default() + 1;
        let shown = |columns: usize| {
            let screen = Screen { columns, rows: 40, color: false, ascii: true };
            excerpt(&line, Position { line: 1, column }, Some("no such state"), &screen)
        };
        for (columns, cells) in [(60, 60), (usize::MAX, EXCERPT_CELLS_MAX)] {
            let shown = shown(columns);
            let lines: Vec<&str> = shown.lines().collect();
            let [margin, excerpt, mark] = lines[..] else { panic!("{shown}") };
            assert_eq!((margin, excerpt.len()), ("  |", cells), "{shown}");
            assert!(excerpt.starts_with("1 | ...") && excerpt.ends_with("..."), "{shown}");
            assert_eq!(excerpt.find("\"Next\""), mark.find('^'), "{shown}");
            assert!(mark.ends_with("^ no such state"), "{shown}");
        }
    }
}
