//! Writes the workflow of a document as YAML for people to edit.

use std::fmt::Write;

use super::{Document, Section, Step, waits::suggestions};

/// The longest name of a step, in characters: names are shown in lists.
const NAME_CHARACTERS_MAX: usize = 48;

/// The workflow in YAML. With `run_commands`, a shell runs a step's commands; otherwise they are shown to a person.
pub fn workflow(name: &str, document: &Document, run_commands: bool) -> String {
    let mut text = format!("# yaml-language-server: $schema={name}.asl.schema.json\n");
    comment(&mut text, 0, &document.introduction);
    let title = if document.title.is_empty() { name } else { &document.title };
    let _ = writeln!(text, "Comment: {}", scalar(title));
    text.push_str("QueryLanguage: JSONata\n");
    let names: Vec<String> =
        document.sections.iter().enumerate().map(|(index, section)| section_name(index, section)).collect();
    let _ = writeln!(text, "StartAt: {}\nStates:", scalar(names.first().map_or("", String::as_str)));
    for (index, section) in document.sections.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        write_section(&mut text, index, section, names.get(index + 1), run_commands);
    }
    text
}

fn section_name(index: usize, section: &Section) -> String {
    numbered(&format!("{}.", index + 1), &section.title)
}

/// A name that starts with its number, so that it is unique and sorts in the document's order.
fn numbered(number: &str, title: &str) -> String {
    let title = title.lines().next().unwrap_or_default();
    let title = without_step(title);
    let title = title.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ')').trim();
    let sentence = title.split(". ").next().unwrap_or(title).trim_end_matches(['.', ':', ',']);
    let plain: String = sentence.chars().filter(|c| !"`*\"<>{}[]?*#%\\^|~$&,;:/".contains(*c)).collect();
    let mut name = String::new();
    for word in plain.split_whitespace() {
        if name.chars().count() + word.chars().count() >= NAME_CHARACTERS_MAX {
            break;
        }
        name = if name.is_empty() { word.to_owned() } else { format!("{name} {word}") };
    }
    if name.is_empty() { number.trim_end_matches('.').to_owned() } else { format!("{number} {name}") }
}

/// A title without the prefix `Step 3:`, which the number replaces.
fn without_step(title: &str) -> &str {
    let is_step = title.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("step "));
    if !is_step {
        return title;
    }
    let rest =
        title[5..].trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([':', '.', ')', '-', ' ']);
    if rest.is_empty() { title } else { rest }
}

fn write_section(text: &mut String, index: usize, section: &Section, next: Option<&String>, run_commands: bool) {
    comment(text, 2, &section.introduction);
    let names: Vec<String> = section
        .steps
        .iter()
        .enumerate()
        .map(|(step, one)| numbered(&format!("{}.{}", index + 1, step + 1), &one.text))
        .collect();
    let _ = writeln!(text, "  {}:\n    Type: Parallel\n    Branches:", scalar(&section_name(index, section)));
    let _ = writeln!(text, "      - StartAt: {}\n        States:", scalar(names.first().map_or("", String::as_str)));
    for (step, one) in section.steps.iter().enumerate() {
        write_step(text, &names[step], one, names.get(step + 1), run_commands);
    }
    text.push_str("    Output: \"{% $states.input %}\"\n");
    match next {
        Some(next) => drop(writeln!(text, "    Next: {}", scalar(next))),
        None => text.push_str("    End: true\n"),
    }
}

fn write_step(text: &mut String, name: &str, step: &Step, next: Option<&String>, run_commands: bool) {
    comment(text, 10, &suggestions(&step.text));
    let _ = writeln!(text, "          {}:\n            Type: Task", scalar(name));
    if run_commands && !step.commands.is_empty() {
        text.push_str("            Resource: flow:process:run\n            TimeoutSeconds: 3600\n");
        comment(text, 12, &step.text.lines().map(str::to_owned).collect::<Vec<_>>());
        text.push_str("            Arguments:\n              Program: /bin/sh\n              Arguments:\n                - -euc\n");
        let _ = writeln!(text, "                - {}", block(&step.commands.join("\n"), 18));
    } else {
        text.push_str("            Resource: flow:approval:request\n            Arguments:\n");
        let (prompt, rest) = step.text.split_once('\n').unwrap_or((&step.text, ""));
        let _ = writeln!(text, "              Prompt: {}", scalar(prompt));
        if !rest.is_empty() {
            let _ = writeln!(text, "              Text: {}", block(rest, 16));
        }
        if !step.commands.is_empty() {
            text.push_str("              Commands:\n");
            for command in &step.commands {
                let _ = writeln!(text, "                - {}", block(command, 18));
            }
        }
    }
    match next {
        Some(next) => drop(writeln!(text, "            Next: {}", scalar(next))),
        None => text.push_str("            End: true\n"),
    }
}

fn comment(text: &mut String, indent: usize, lines: &[String]) {
    for line in lines.iter().flat_map(|paragraph| paragraph.lines()) {
        let mut current = String::new();
        for word in line.split_whitespace() {
            if !current.is_empty() && indent + current.len() + word.len() > 110 {
                let _ = writeln!(text, "{:indent$}# {current}", "");
                current.clear();
            }
            current = if current.is_empty() { word.to_owned() } else { format!("{current} {word}") };
        }
        let _ = writeln!(text, "{:indent$}# {current}", "");
    }
}

/// A text on one line of YAML: plain if YAML parses it as the same text, else quoted.
pub fn scalar(value: &str) -> String {
    let plain = value.chars().next().is_some_and(char::is_alphabetic)
        && value.chars().all(|c| c.is_alphanumeric() || " -_./()".contains(c))
        && !value.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&value.to_lowercase().as_str());
    // A JSON string is valid YAML.
    if plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

/// A text of several lines, indented.
fn block(value: &str, indent: usize) -> String {
    let fits = value.contains('\n')
        && !value.starts_with([' ', '\n', '\t'])
        && !value.ends_with([' ', '\n'])
        && value.chars().all(|c| c == '\n' || c == '\t' || !c.is_control());
    if !fits {
        return scalar(value);
    }
    let lines = value.lines().map(|line| format!("{:indent$}{line}", "").trim_end().to_owned());
    format!("|-\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;
    use crate::{checks, environments};

    const DOCUMENT: &str = "# Fail over: the database\n\nOnly at night.\n\n## Drain\n\n1. Stop the \"writer\": now\n\n   ```sh\n   \
        systemctl stop w\n   # twice\n   ```\n2. Wait about 5 minutes\n\n## Check\n\n1. Open {% x %}\n1. Open {% x %}\n";

    fn written(run_commands: bool) -> (String, Value) {
        let text = workflow("fail-over", &Document::read(DOCUMENT), run_commands);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.asl.yaml");
        std::fs::write(&file, &text).unwrap();
        let definition = workflows::load_definition(&file).unwrap_or_else(|error| unreachable!("{error}\n{text}"));
        (text, definition)
    }

    #[test]
    fn what_is_written_can_run_and_shows_texts_and_commands_as_they_were() {
        for run_commands in [false, true] {
            let (text, definition) = written(run_commands);
            let found = checks::problems(&definition, &environments::described().unwrap());
            assert_eq!(found, [], "{text}");
        }
        let (text, definition) = written(false);
        assert!(text.contains("# Only at night."), "{text}");
        assert!(text.contains("# The text says \"Wait about 5 minutes\"."), "{text}");
        let branch = &definition["States"]["1. Drain"]["Branches"][0];
        let step = &branch["States"]["1.1 Stop the writer now"]["Arguments"];
        assert_eq!(step["Prompt"], "Stop the \"writer\": now");
        assert_eq!(step["Commands"][0], "systemctl stop w\n# twice");
        assert_eq!(definition["States"]["1. Drain"]["Next"], "2. Check");
    }

    #[test]
    fn commands_are_run_where_that_was_asked_for() {
        let (_, definition) = written(true);
        let step = &definition["States"]["1. Drain"]["Branches"][0]["States"]["1.1 Stop the writer now"];
        assert_eq!(step["Resource"], "flow:process:run");
        assert_eq!(step["Arguments"]["Arguments"][1], "systemctl stop w\n# twice");
    }
}
