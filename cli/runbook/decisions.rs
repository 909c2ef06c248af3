//! Finds steps that a person must decide on, whose commands are therefore never run by themselves.

use std::sync::LazyLock;

use regex::Regex;

use super::{sessions::begins_session, step::RunbookStep};

/// The patterns of texts and commands about which only a person can decide, each with the reason. The patterns are for lower case.
static IN_TEXT: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        (
            r"\b(?:do\s+not|does\s+not\s+run|don['’]t|never|must\s+not|mustn['’]t|should\s+not|shouldn['’]t|cannot\s+run|avoid|nicht|niemals|nie)\b",
            "the text says what not to do",
        ),
        (
            r"\b(?:either|or|one\s+of|alternatives?|choose|pick|entweder|oder|eine?r?\s+von)\b",
            "the text names alternatives",
        ),
        (
            r"\b(?:confirm\w*|ask|asks|check\s+with|agree\w*|approv\w+|permission|consult|sign[\s-]?off|bestätig\w*|frage?n?|rücksprache)\b",
            "the text asks for a confirmation",
        ),
    ];
    compiled(&patterns)
});
static IN_COMMANDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let placeholder =
        r"<[a-z][^<>|&;\n]*>|\byour[_-]\w+|\b\w+_your_\w+|…|\.\.\.|\bx{3,}\b|\bchange_?me\b|\{\{[^}\n]*\}\}";
    compiled(&[(placeholder, "a command has a value to fill in")])
});

fn compiled(patterns: &[(&str, &'static str)]) -> Vec<(Regex, &'static str)> {
    patterns.iter().filter_map(|(pattern, why)| Some((Regex::new(pattern).ok()?, *why))).collect()
}

/// The reason why a person decides on a step with commands; `None` if its commands may be run.
pub(super) fn reason(step: &RunbookStep) -> Option<&'static str> {
    let found = |patterns: &[(Regex, &'static str)], text: &str| {
        let text = text.to_lowercase();
        patterns.iter().find(|(pattern, _)| pattern.is_match(&text)).map(|(_, why)| *why)
    };
    match (step.is_conditional, step.is_manual) {
        (true, _) => Some("the text names a condition"),
        (_, true) => Some("some of the code is not for a shell"),
        _ if step.commands.iter().flat_map(|commands| commands.lines()).any(begins_session) => {
            Some("a command begins a session in which the lines after it are typed, such as ssh without a command")
        }
        _ => found(&IN_TEXT, &step.text).or_else(|| found(&IN_COMMANDS, &step.commands.join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, command: &str) -> Option<&'static str> {
        reason(&RunbookStep { text: text.to_owned(), commands: vec![command.to_owned()], ..RunbookStep::default() })
    }

    #[test]
    fn what_a_person_must_decide_is_never_run() {
        for text in [
            "Do NOT run this:",
            "Never run it twice:",
            "Don’t start it:",
            "Two alternatives. Either",
            "Use one of these:",
            "As root, confirm with your manager before:",
            "Check with the team:",
        ] {
            assert!(of(text, "rm x").is_some(), "{text}");
        }
        for command in ["echo <your-name> >> x", "export A=YOUR_TOKEN", "cp a …", "deploy CHANGEME", "run {{ name }}"]
        {
            assert!(of("Replace it:", command).is_some(), "{command}");
        }
        assert!(of("Restart it:", "ssh $NODE\nsudo reboot").is_some_and(|why| why.contains("begins a session")));
        for (text, command) in [("Stop the writer:", "systemctl stop w"), ("Count them", "sort < in > out | uniq")] {
            assert_eq!(of(text, command), None, "{text}");
        }
    }
}
