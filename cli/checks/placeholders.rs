//! Placeholders such as `${FunctionArn}`, which a template's tool replaces before Step Functions receives the
//! definition.
//! Source: AWS SAM Developer Guide, "AWS::Serverless::StateMachine", DefinitionSubstitutions.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use engine::asl::{Diagnostic, each_state};
use serde_json::Value;

use super::{run_programs::RUN_PROGRAMS, texts::each_text};

const NAME_CHARACTERS_MAX: usize = 128;

/// Programs whose arguments are commands with variables such as `${HOME}`.
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ksh", "zsh"];

/// Whether a Task's `Resource` contains a placeholder.
pub fn is_placeholder(resource: &str) -> bool {
    in_text(resource).next().is_some()
}

/// The names of all placeholders in a value, each once, in order.
pub fn names(value: &Value) -> Vec<String> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    each_text(value, "", &mut |text, _| {
        found.extend(in_text(text).filter(|name| known.insert(*name)).map(str::to_owned));
    });
    found
}

/// Reports each placeholder at its first position: as an error in a `Resource`, elsewhere as a warning, because such a text may be
/// intended. In what a shell of this machine runs, in the commands that an approval shows, and in comments, it is intended.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut index_by_name: HashMap<&str, usize> = HashMap::new();
    let of_shells = texts_of_shells(definition);
    each_text(definition, "", &mut |text, pointer| {
        let is_comment = pointer.ends_with("/Comment") && !pointer.contains("/Arguments/");
        if is_comment || pointer.rsplit_once('[').is_some_and(|(list, _)| of_shells.contains(list)) {
            return;
        }
        let is_resource = pointer.ends_with("/Resource");
        for name in in_text(text) {
            match index_by_name.get(name).and_then(|index| found.get_mut(*index)) {
                Some(first) if is_resource => *first = problem(name, pointer, is_resource),
                Some(_) => {}
                None => {
                    index_by_name.insert(name, found.len());
                    found.push(problem(name, pointer, is_resource));
                }
            }
        }
    });
    found
}

/// The JSON pointers of the lists of commands that a shell runs, or that an approval shows to a person.
fn texts_of_shells(definition: &Value) -> HashSet<String> {
    let mut found = HashSet::new();
    each_state(definition, &mut |state| {
        let field = state.arguments_field();
        let program =
            state.json[field]["Program"].as_str().and_then(|program| Path::new(program).file_name()?.to_str());
        let list = match state.json["Resource"].as_str().unwrap_or_default() {
            resource if RUN_PROGRAMS.contains(&resource) => {
                if program.is_none_or(|program| !SHELLS.contains(&program)) {
                    return;
                }
                "Arguments"
            }
            resource if resource.starts_with("flow:approval:request") => "Commands",
            _ => return,
        };
        found.insert(format!("{}/{field}/{list}", state.pointer));
    });
    found
}

fn problem(name: &str, pointer: &str, is_resource: bool) -> Diagnostic {
    let give = format!("give its value with --substitute {name}=VALUE");
    match is_resource {
        true => {
            Diagnostic::error("PLACEHOLDER", pointer, format!("${{{name}}} is a placeholder of a template: {give}."))
        }
        false => {
            let message =
                format!("${{{name}}} is a placeholder of a template and is used as it is written, or {give}.");
            Diagnostic::warning("PLACEHOLDER", pointer, message)
        }
    }
}

fn in_text(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &str| {
        let mut characters = name.chars();
        name.len() <= NAME_CHARACTERS_MAX
            && characters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c))
    };
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(move |name| is_name(name))
}

#[cfg(test)]
mod tests {
    use engine::asl::Severity;
    use serde_json::json;

    use super::{names, problems};

    #[test]
    fn every_placeholder_is_named_once_and_only_one_in_a_resource_is_an_error() {
        let definition = json!({ "States": {
            "A": { "Parameters": { "x": "${Fn} ${Table}", "y": ["${Table}", "$states", "${1}", "${", "${ a }"] }, "Resource": "${Fn}" },
        } });
        assert_eq!(names(&definition), ["Fn", "Table"]);
        let found: Vec<_> = problems(&definition).into_iter().map(|one| (one.severity, one.location)).collect();
        let expected = [
            (Severity::Error, "/States/A/Resource".to_owned()),
            (Severity::Warning, "/States/A/Parameters/x".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn in_commands_and_comments_it_is_no_placeholder() {
        let task =
            |resource: &str, arguments: serde_json::Value| json!({ "Resource": resource, "Arguments": arguments });
        let definition = json!({ "QueryLanguage": "JSONata", "Comment": "${A}", "States": {
            "Run": task("flow:process:run", json!({ "Program": "/bin/sh", "Arguments": ["-c", "ls ${B}"], "Stdin": "${C}" })),
            "Other": task("flow:process:run", json!({ "Program": "/bin/deploy", "Arguments": ["${D}"] })),
            "Wait": task("flow:wait:program", json!({ "Program": "/bin/sh", "Arguments": ["-c", "test ${G}"] })),
            "Ask": task("flow:approval:request", json!({ "Prompt": "${E}", "Commands": ["ls ${F}"] })),
        } });
        let mut found: Vec<_> = problems(&definition).into_iter().map(|one| one.message).collect();
        found.sort();
        let names: Vec<&str> = found.iter().map(|message| &message[..4]).collect();
        assert_eq!(names, ["${C}", "${D}", "${E}"]);
    }
}
