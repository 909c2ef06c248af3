//! Writes the workflow of a document as YAML for people to edit.

use std::fmt::Write;

use api::RUNBOOK_NOT_COMPLETED;

use super::{
    decisions,
    document::Document,
    headings::split_number,
    literal,
    names::numbered,
    numbers::assigned,
    step::{RunbookSection, RunbookStep},
    waits::suggestions,
};

/// The state that ends an execution after the steps for a failure.
const NOT_COMPLETED: &str = "Not completed";
/// The report of that state: who rejected which step and why, and the command that continues.
const NOT_COMPLETED_CAUSE: &str = "$rejected & '. The steps for that case are done. To continue at a step: flow resume ' \
                                   & $states.context.Execution.Name & ' --from STATE'";
/// The value of the variable `rejected` after a rejection: the cause names the step, the person and the comment.
const REJECTED: &str = "$states.errorOutput.Cause";

/// Characters that a parser of YAML may take for a line break or for a byte order mark.
const OF_NO_BLOCK: [char; 3] = ['\u{2028}', '\u{2029}', '\u{feff}'];

/// The workflow in YAML. With `run_commands`, a shell runs a step's commands; otherwise they are shown to a person.
pub fn workflow(name: &str, document: &Document, run_commands: bool) -> String {
    let mut text = format!("# yaml-language-server: $schema={name}.asl.schema.json\n");
    comment(&mut text, 0, &document.introduction);
    let (main, contingencies): (Vec<&RunbookSection>, Vec<&RunbookSection>) =
        document.sections.iter().partition(|section| !section.is_contingency);
    let mut notices = Some(&document.notices).filter(|notices| !notices.is_empty());
    if !main.iter().flat_map(|section| &section.steps).any(|step| is_approval(step, run_commands)) {
        comment(&mut text, 0, notices.take().map_or(&[][..], Vec::as_slice));
    }
    let title = if document.title.is_empty() { name } else { &document.title };
    let _ = writeln!(text, "Comment: {}", scalar(&literal::comment(name, title)));
    text.push_str("QueryLanguage: JSONata\n");
    let sections: Vec<&RunbookSection> = main.iter().chain(&contingencies).copied().collect();
    let numbers = section_numbers(&sections);
    let names: Vec<String> =
        sections.iter().zip(&numbers).map(|(section, number)| section_name(number, section)).collect();
    let _ = writeln!(text, "StartAt: {}\nStates:", scalar(names.first().map_or("", String::as_str)));
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        // A rejected step leads to the first section for failures, and a rejected step of that section to the next one.
        let rejected = names.get(if index < main.len() { main.len() } else { index + 1 }).map(String::as_str);
        let next = match index + 1 {
            next if next < main.len() => names.get(next).map(String::as_str),
            next if next == main.len() => None,
            _ => Some(NOT_COMPLETED),
        };
        if index == main.len() {
            comment(&mut text, 2, &contingency_lines());
        }
        let is_asking = section.steps.iter().any(|step| is_approval(step, run_commands));
        let notices = if is_asking { notices.take() } else { None };
        let mut preamble: Vec<&str> = notices.into_iter().flatten().map(String::as_str).collect();
        preamble.extend(section.introduction.iter().map(String::as_str));
        let is_contingency = index >= main.len();
        let (number, name) = (numbers[index].as_str(), names[index].as_str());
        let section = Written { number, section, name, next, rejected, is_contingency, run_commands };
        section.write(&mut text, &preamble);
    }
    if !contingencies.is_empty() {
        let _ = writeln!(
            text,
            "\n  {NOT_COMPLETED}:\n    Type: Fail\n    Error: {}\n    Cause: \"{{% {NOT_COMPLETED_CAUSE} %}}\"",
            RUNBOOK_NOT_COMPLETED
        );
    }
    text
}

/// The lines of the file about the sections for failures.
fn contingency_lines() -> Vec<String> {
    let lines = [
        "Only for the case that the procedure does not work: flow reject ID leads from any step above to the next section.",
        "The execution fails after it. flow resume ID --from STATE then continues at a step above.",
        "For failed commands too, add States.TaskFailed to the ErrorEquals above.",
    ];
    lines.map(str::to_owned).into()
}

/// The number of each section. If one number contains another, as 3.1 does 3, the sections are counted: a step may be 3.1 too.
fn section_numbers(sections: &[&RunbookSection]) -> Vec<String> {
    let documented: Vec<Option<String>> =
        sections.iter().map(|section| split_number(&section.title).0.map(str::to_owned)).collect();
    let contains = |number: &String| {
        let outer = number.split_once('.').map(|(outer, _)| outer.to_owned());
        outer.is_some() && documented.contains(&outer)
    };
    match documented.iter().flatten().any(contains) {
        true => assigned(&vec![None; sections.len()]),
        false => assigned(&documented),
    }
}

/// The names of the states that are entered only after a step is rejected, in order.
pub fn contingencies(document: &Document) -> Vec<String> {
    let (main, others): (Vec<&RunbookSection>, Vec<&RunbookSection>) =
        document.sections.iter().partition(|section| !section.is_contingency);
    let sections: Vec<&RunbookSection> = main.iter().chain(&others).copied().collect();
    let numbers = section_numbers(&sections).into_iter().skip(main.len());
    numbers.zip(others).map(|(number, section)| section_name(&number, section)).collect()
}

fn section_name(number: &str, section: &RunbookSection) -> String {
    let end = if number.contains('.') { "" } else { "." };
    numbered(&format!("{number}{end}"), &section.title)
}

/// Whether a person answers a step.
fn is_approval(step: &RunbookStep, run_commands: bool) -> bool {
    !run_commands || step.commands.is_empty() || decisions::reason(step).is_some()
}

/// A section as a state.
struct Written<'s> {
    number: &'s str,
    section: &'s RunbookSection,
    name: &'s str,
    /// The state that follows it.
    next: Option<&'s str>,
    /// The state that follows it if a step is rejected.
    rejected: Option<&'s str>,
    /// Whether an earlier section has assigned the variable `rejected`.
    is_contingency: bool,
    run_commands: bool,
}

impl Written<'_> {
    /// Writes the section. The first approval shows the preamble.
    fn write(&self, text: &mut String, preamble: &[&str]) {
        let steps = &self.section.steps;
        comment(text, 2, &self.section.remarks);
        let asks = steps.iter().position(|step| is_approval(step, self.run_commands));
        if asks.is_none() {
            comment(text, 2, &preamble.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        }
        let documented: Vec<Option<String>> = steps.iter().map(|step| step.number.clone()).collect();
        let numbers = assigned(&documented).into_iter().map(|number| format!("{}.{number}", self.number));
        let names: Vec<String> = numbers.zip(steps).map(|(number, step)| numbered(&number, &step.text)).collect();
        let _ = writeln!(text, "  {}:\n    Type: Parallel\n    Branches:", scalar(self.name));
        let _ =
            writeln!(text, "      - StartAt: {}\n        States:", scalar(names.first().map_or("", String::as_str)));
        for (step, one) in steps.iter().enumerate() {
            let preamble = if asks == Some(step) { preamble } else { &[] };
            write_step(text, (names[step].as_str(), one), names.get(step + 1), self.run_commands, preamble);
        }
        if let Some(rejected) = self.rejected {
            let earlier = if self.is_contingency { "$rejected & '. ' & " } else { "" };
            let _ = writeln!(
                text,
                "    Catch:\n      - ErrorEquals: [Approval.Rejected]\n        Assign:\n          rejected: \"{{% {earlier}{REJECTED} %}}\"\n        \
                 Output: \"{{% $states.input %}}\"\n        Next: {}",
                scalar(rejected)
            );
        }
        text.push_str("    Output: \"{% $states.input %}\"\n");
        match self.next {
            Some(next) => drop(writeln!(text, "    Next: {}", scalar(next))),
            None => text.push_str("    End: true\n"),
        }
    }
}

fn write_step(
    text: &mut String,
    (name, step): (&str, &RunbookStep),
    next: Option<&String>,
    run_commands: bool,
    preamble: &[&str],
) {
    comment(text, 10, &suggestions(&step.text));
    let reason = decisions::reason(step).filter(|_| run_commands && (step.is_conditional || !step.commands.is_empty()));
    if let Some(reason) = reason {
        comment(text, 10, &[format!("A person decides: {reason}.")]);
    }
    let _ = writeln!(text, "          {}:\n            Type: Task", scalar(name));
    if is_approval(step, run_commands) {
        write_approval(text, step, preamble);
    } else {
        text.push_str("            Resource: flow:process:run\n            TimeoutSeconds: 3600\n");
        comment(text, 12, &step.text.lines().map(str::to_owned).collect::<Vec<_>>());
        text.push_str("            Arguments:\n              Program: /bin/sh\n              Arguments:\n                - -euc\n");
        let _ = writeln!(text, "                - {}", block(&literal::commands(&step.commands.join("\n")), 18));
    }
    match next {
        Some(next) => drop(writeln!(text, "            Next: {}", scalar(next))),
        None => text.push_str("            End: true\n"),
    }
}

fn write_approval(text: &mut String, step: &RunbookStep, preamble: &[&str]) {
    text.push_str("            Resource: flow:approval:request\n            Arguments:\n");
    let (prompt, rest) = step.text.split_once('\n').unwrap_or((&step.text, ""));
    let _ = writeln!(text, "              Prompt: {}", line(&literal::text(prompt), 16));
    let lines: Vec<&str> = preamble.iter().copied().chain(Some(rest)).filter(|lines| !lines.is_empty()).collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "              Text: {}", block(&literal::text(&lines.join("\n")), 16));
    }
    if !step.commands.is_empty() {
        text.push_str("              Commands:\n");
        for command in &step.commands {
            let _ = writeln!(text, "                - {}", block(&literal::commands(command), 18));
        }
    }
}

fn comment(text: &mut String, indent: usize, lines: &[String]) {
    for line in lines.iter().flat_map(|paragraph| paragraph.lines()) {
        let mut current = String::new();
        // YAML has no control characters in a comment.
        let words = line.split(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
        for word in words.filter(|word| !word.is_empty()) {
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
    if plain {
        return value.to_owned();
    }
    // A JSON string is valid YAML.
    let json = serde_json::Value::from(value).to_string();
    let escaped = |c: char| c.is_control() || OF_NO_BLOCK.contains(&c);
    json.chars().map(|c| if escaped(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// A text of one line, in a block if quotation marks would need escapes.
fn line(value: &str, indent: usize) -> String {
    if value.contains(['"', '\\']) && value.starts_with("{%") { indented(value, indent) } else { scalar(value) }
}

/// A text of several lines, indented.
fn block(value: &str, indent: usize) -> String {
    if value.contains('\n') { indented(value, indent) } else { line(value, indent) }
}

/// A text as an indented block of YAML, if a block can have it.
fn indented(value: &str, indent: usize) -> String {
    let fits = !value.starts_with(['\n', '\t'])
        && !value.ends_with([' ', '\n'])
        && value.chars().all(|c| c == '\n' || c == '\t' || !(c.is_control() || OF_NO_BLOCK.contains(&c)));
    if !fits {
        return scalar(value);
    }
    let lines = value.lines().map(|line| if line.is_empty() { String::new() } else { format!("{:indent$}{line}", "") });
    // YAML takes the indentation from the first line, unless a number gives it.
    let start = if value.starts_with(' ') { "|2-" } else { "|-" };
    format!("{start}\n{}", lines.collect::<Vec<_>>().join("\n"))
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
            let found = checks::problems(&definition, environments::described().unwrap());
            assert_eq!(found, [], "{text}");
        }
        let (text, definition) = written(false);
        assert!(text.contains("Text: Only at night."), "{text}");
        assert!(text.contains("# The text says \"Wait about 5 minutes\"."), "{text}");
        let branch = &definition["States"]["1. Drain"]["Branches"][0];
        let step = &branch["States"]["1.1 Stop the writer"]["Arguments"];
        assert_eq!(step["Prompt"], "Stop the \"writer\": now");
        assert_eq!(step["Commands"][0], "systemctl stop w\n# twice");
        assert_eq!(definition["States"]["1. Drain"]["Next"], "2. Check");
    }

    #[test]
    fn the_numbers_of_the_document_stay_and_a_condition_is_never_run() {
        let document = Document::read(
            "# T\n\n## 1. Overview\n\nWhy.\n\n## 2. Triage\n\n1. Stop it:\n\n   ```sh\n   systemctl stop x\n   ```\n\n   If this fails, kill \
             it:\n\n   ```sh\n   kill -9 1\n   ```\n2. Look\n\n## 3. Fix\n\n### 3.1 Verify\n\n```sh\nlook now\n```\n\n## Rollback\n\n1. See Section 2\n",
        );
        let text = workflow("t", &document, true);
        for name in [
            "2. Triage",
            "2.1 Stop it",
            "2.1a If this fails kill it",
            "2.2 Look",
            "3. Fix",
            "3.1 Verify",
            "4. Rollback",
        ] {
            assert!(text.contains(&format!("\"{name}\":")), "{name}: {text}");
        }
        assert!(
            text.contains("- systemctl stop x\n") && text.contains("Commands:\n                - kill -9 1\n"),
            "{text}"
        );
        assert!(text.contains("# A person decides: the text names a condition."), "{text}");
    }

    #[test]
    fn commands_are_run_where_that_was_asked_for() {
        let (_, definition) = written(true);
        let step = &definition["States"]["1. Drain"]["Branches"][0]["States"]["1.1 Stop the writer"];
        assert_eq!(step["Resource"], "flow:process:run");
        assert_eq!(step["Arguments"]["Arguments"][1], "systemctl stop w\n# twice");
    }

    #[test]
    fn a_step_without_commands_stays_an_approval_and_a_rejection_leads_to_the_rollback() {
        let document = Document::read(
            "# Renew\n\nAt night.\n\n## Renew\n\nTwo people.\n\n- Make a key:\n\n  ```sh\n  make key\n  ```\n- Send it\n\n  ```\n    | a |\n    | b |\n  ```\n\n\
             ## Rollback\n\n- Undo\n\n## Escalation\n\nCall Ann.\n",
        );
        let text = workflow("renew", &document, true);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.asl.yaml");
        std::fs::write(&file, &text).unwrap();
        let definition = workflows::load_definition(&file).unwrap_or_else(|error| unreachable!("{error}\n{text}"));
        assert_eq!(checks::problems(&definition, environments::described().unwrap()), [], "{text}");
        let states = &definition["States"];
        let steps = &states["1. Renew"]["Branches"][0]["States"];
        assert_eq!(steps["1.1 Make a key"]["Resource"], "flow:process:run");
        assert_eq!(steps["1.2 Send it"]["Resource"], "flow:approval:request");
        assert_eq!(steps["1.2 Send it"]["Arguments"]["Text"], "At night.\nTwo people.\n    | a |\n    | b |");
        assert_eq!(states["1. Renew"]["End"], true);
        for (section, next) in [("1. Renew", "2. Rollback"), ("2. Rollback", "3. Escalation")] {
            assert_eq!(states[section]["Catch"][0]["Next"], next, "{text}");
        }
        assert_eq!(states["2. Rollback"]["Next"], NOT_COMPLETED);
        assert_eq!(contingencies(&document), ["2. Rollback", "3. Escalation"]);
        let assigned = |section: &str| states[section]["Catch"][0]["Assign"]["rejected"].as_str().map(str::to_owned);
        assert_eq!(assigned("1. Renew"), Some(format!("{{% {REJECTED} %}}")));
        assert_eq!(assigned("2. Rollback"), Some(format!("{{% $rejected & '. ' & {REJECTED} %}}")));
        assert_eq!(states[NOT_COMPLETED]["Cause"], format!("{{% {NOT_COMPLETED_CAUSE} %}}"));
        assert!(states["3. Escalation"]["Catch"].is_null() && states[NOT_COMPLETED]["Type"] == "Fail", "{text}");
    }
}
