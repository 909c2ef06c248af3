//! Definitions from files, from standard input and from templates.

use std::path::Path;

use engine::spelling::{did_you_mean, nearest};
use serde_json::Value;
use workflows::{DefinitionText, LostPart, MachineSource, TemplateMachine, WorkflowError};

use super::{placeholders, substitutions};
use crate::{exit::CliError, proposed::OPTIONS, shell::quote_word};

/// A definition from a file or from standard input, with its text.
pub struct DefinitionFile {
    /// The file's name without its extensions, or the state machine's in a template.
    pub name: String,
    /// The text, after substitution.
    pub text: String,
    /// The JSON pointer of the definition in the text; empty unless the text is a template.
    pub pointer: String,
    /// The definition.
    pub definition: Result<Value, Unreadable>,
}

/// Why a text is not a definition.
pub enum Unreadable {
    /// A parser would drop parts of it: repeated keys and tags.
    LostParts {
        /// Every such part.
        parts: Vec<LostPart>,
        /// The definition without them, to find its other problems.
        definition: Option<Box<Value>>,
        /// Why the definition cannot be assembled, if it cannot.
        unassembled: Option<String>,
    },
    /// It is neither JSON nor YAML.
    NotParsed {
        /// The parser's message, with line and column.
        message: String,
        /// Line and column, counted from 1.
        position: (usize, usize),
        /// The repeated keys and tags that precede it.
        parts: Vec<LostPart>,
        /// The error for commands that need the definition.
        error: CliError,
    },
}

/// The error for a name that neither a workflow nor a file has.
pub fn no_file(name: &str) -> CliError {
    CliError::not_found(format!("neither a workflow nor a file is named '{name}'"))
}

/// The refusal of a definition, with a line for each problem.
pub fn cannot_run(lines: &[String]) -> CliError {
    CliError::refused(format!("the definition cannot run; nothing was changed\n{}", lines.join("\n")))
}

impl DefinitionFile {
    /// Reads the file at `path` (`-` for standard input; `TEMPLATE#NAME` for a state machine inside a template). Each of
    /// `substitutions` is `NAME=VALUE` or a file of names with values.
    ///
    /// # Errors
    /// The file does not exist, its text is not a definition, or a substitution has no placeholder.
    pub fn read(path: &str, substitutions: &[String]) -> Result<Self, CliError> {
        let (file, machine) = Self::parts_of(path);
        if file != "-" && !Path::new(file).exists() {
            return Err(
                no_file(file).hint("flow workflows lists what is shipped; flow new NAME writes a workflow of your own")
            );
        }
        let mut text = DefinitionText::read(file).map_err(workflow_error)?;
        if let Some(machine) = machine {
            text.select(machine);
            // Said first: the placeholders in the template's text are those of other machines.
            if let Err(WorkflowError::Template { name, machines }) = text.definition() {
                return Err(not_inside(&name, machine, &machines));
            }
        }
        text.substitute(&substitutions::read(substitutions, text.text())?);
        let definition = match text.definition() {
            Ok(definition) => Ok(definition),
            Err(WorkflowError::LostParts { parts, name, definition, unassembled }) if name == file => {
                Err(Unreadable::LostParts { parts, definition, unassembled })
            }
            Err(WorkflowError::Parse { name, message, position: Some(position) }) if name == file => {
                let error = WorkflowError::Parse { name, message: message.clone(), position: Some(position) };
                let parts = text.lost_parts();
                Err(Unreadable::NotParsed { message, position, parts, error: with_hint(error, text.text()) })
            }
            Err(WorkflowError::Template { name, machines }) if machine.is_some() => {
                return Err(not_inside(&name, machine.unwrap_or_default(), &machines));
            }
            Err(error) => return Err(with_hint(error, text.text())),
        };
        let pointer = text.pointer();
        if let (Some(machine), true, Ok(_)) = (machine, pointer.is_empty(), &definition) {
            return Err(CliError::refused(format!(
                "{file} is not a template, so it contains no state machine '{machine}'"
            ))
            .hint(format!("run the file itself: flow run {}{OPTIONS}", quote_word(file))));
        }
        let name =
            machine.unwrap_or_else(|| Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or_default());
        let name = name.split('.').next().filter(|name| !name.is_empty() && *name != "-").unwrap_or("workflow");
        Ok(DefinitionFile { name: name.to_owned(), text: text.text().to_owned(), pointer, definition })
    }

    /// The file and the name of the state machine in `template.yaml#NAME`; of another path the file alone.
    pub fn parts_of(path: &str) -> (&str, Option<&str>) {
        match path.rsplit_once('#').filter(|_| !Path::new(path).exists()) {
            Some((file, machine)) => (file, Some(machine)),
            None => (path, None),
        }
    }

    /// Returns the definition.
    ///
    /// # Errors
    /// The text repeats keys, has tags, or is neither JSON nor YAML.
    pub fn definition(self) -> Result<Value, CliError> {
        self.definition.map_err(|unreadable| match unreadable {
            Unreadable::LostParts { parts, .. } => {
                let lines: Vec<_> = parts.iter().map(|part| format!("  {}: {part}", part.pointer)).collect();
                cannot_run(&lines)
            }
            Unreadable::NotParsed { error, .. } => error,
        })
    }
}

fn workflow_error(error: WorkflowError) -> CliError {
    CliError::refused(error.to_string())
}

fn with_hint(error: WorkflowError, text: &str) -> CliError {
    let placeholders = placeholders::names(&Value::String(text.to_owned()));
    let is_parse = matches!(error, WorkflowError::Parse { .. });
    let hint = match (&error, placeholders.as_slice()) {
        (WorkflowError::Template { name, machines }, _) => of_template(name, machines),
        (_, [_, ..]) if is_parse => {
            format!("the text has placeholders; give their values: {}", flags(&placeholders))
        }
        _ => return workflow_error(error),
    };
    workflow_error(error).hint(hint)
}

/// The error of `TEMPLATE#NAME` where the template has no definition of that name: it has no such state machine, or the definition is
/// in another file.
fn not_inside(template: &str, wanted: &str, machines: &[TemplateMachine]) -> CliError {
    if let Some(machine) = machines.iter().find(|machine| machine.name == wanted) {
        let error = CliError::refused(format!("the definition of {machine} is not inside {template}"));
        return match machine.source {
            MachineSource::Bucket => error,
            _ => error.hint(of_template(template, std::slice::from_ref(machine))),
        };
    }
    let meant = did_you_mean(nearest(wanted, machines.iter().map(|machine| machine.name.as_str())));
    let message = format!("{template} has no state machine '{wanted}'{meant}");
    let names: Vec<String> = machines.iter().map(ToString::to_string).collect();
    let has = if names.is_empty() { "none".to_owned() } else { names.join("; ") };
    let message = format!("{}\nState machines in it: {has}", message.trim_end_matches('.'));
    CliError::not_found(message).hint(of_template(template, machines))
}

/// The commands that run the state machines of a template.
fn of_template(template: &str, machines: &[TemplateMachine]) -> String {
    let commands = machines.iter().filter_map(|machine| {
        let TemplateMachine { name, source, substitutions } = machine;
        let run = match source {
            MachineSource::Inside => format!("flow run {}", quote_word(&format!("{template}#{name}"))),
            MachineSource::File(file) => {
                let beside = Path::new(template).with_file_name(file);
                format!("flow run {}", quote_word(&beside.display().to_string()))
            }
            MachineSource::Bucket => return None,
        };
        Some(format!("{}{OPTIONS}", [run, flags(substitutions)].join(" ").trim_end()))
    });
    let commands: Vec<String> = commands.collect();
    match commands.as_slice() {
        [] => "run the file that holds the definition: flow run FILE --substitute NAME=VALUE".to_owned(),
        all => format!("run one of them: {}", all.join("   or   ")),
    }
}

/// The options that replace these placeholders.
fn flags(names: &[String]) -> String {
    names.iter().map(|name| format!("--substitute {name}=VALUE")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_a_template_runs_each_of_its_state_machines() {
        let machine = |name: &str, source: MachineSource, names: &[&str]| TemplateMachine {
            name: name.to_owned(),
            source,
            substitutions: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let machines = [
            machine("Orders", MachineSource::File("sf/orders.asl.json".to_owned()), &["Fn"]),
            machine("Inline", MachineSource::Inside, &[]),
            machine("Far", MachineSource::Bucket, &[]),
        ];
        let hint = of_template("app/template.yaml", &machines);
        assert!(hint.contains("flow run app/sf/orders.asl.json --substitute Fn=VALUE   or   flow run "), "{hint}");
        assert!(hint.contains("app/template.yaml#Inline") && !hint.contains("Far"), "{hint}");
        let wrong = not_inside("app/template.yaml", "Ordrs", &machines);
        for words in [
            "has no state machine 'Ordrs'; did you mean 'Orders'?\n",
            "Orders (in sf/orders.asl.json;",
            "; Inline (inside",
        ] {
            assert!(wrong.message.contains(words), "{words:?} is not in: {}", wrong.message);
        }
        let elsewhere = not_inside("app/template.yaml", "Orders", &machines);
        assert!(
            elsewhere.message.starts_with("the definition of Orders (in sf/orders.asl.json"),
            "{}",
            elsewhere.message
        );
        assert_eq!(
            elsewhere.hint.as_deref(),
            Some("run one of them: flow run app/sf/orders.asl.json --substitute Fn=VALUE")
        );
        assert_eq!(not_inside("t", "Far", &machines).hint, None);
    }
}
