//! The commands in the documents, the units and the Containerfile: the program's own parser understands each of them.

use std::fs;

use clap::error::ErrorKind;
use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use super::{documents, files, parse, root, shown};

/// The language of a command in a document.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Written {
    /// In a block: it can be pasted as it is, but for names in capitals.
    InBlock,
    /// In a sentence, which may name only a part of it.
    InSentence,
}

/// The words of a line up to its end or to what ends a command of a shell.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            ('|' | '>' | '<' | ';' | '&' | '(' | ')', None) => {
                words.extend(word.take());
                words.push(c.to_string());
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Whether a word ends a command of a shell.
fn ends(word: &str) -> bool {
    matches!(word, "|" | ">" | "<" | ";" | "&" | "(" | ")")
}

/// The commands of flow in a line: what comes after the program's name.
fn commands(line: &str) -> Vec<Vec<String>> {
    let words = words(line);
    let is_program = |word: &str| word == "flow" || (word.starts_with('/') && word.ends_with("/flow"));
    // "flow" may be a user, too: sudo -u flow flow status.
    let is_verb = |word: &String| !is_program(word) && word.starts_with(|c: char| c.is_ascii_lowercase() || c == '-');
    let begins = |at: &usize| is_program(&words[*at]) && words.get(at + 1).is_some_and(is_verb);
    let command = |at: usize| words[at + 1..].iter().take_while(|word| !ends(word)).cloned().collect();
    (0..words.len()).filter(begins).map(command).collect()
}

/// The lines of a document's code that are commands: what a person types, not what the program prints.
fn code(text: &str) -> Vec<(Written, String)> {
    let (mut found, mut block, mut is_transcript) = (Vec::new(), None::<String>, false);
    for event in parse(text) {
        match event {
            Event::Html(html) => is_transcript |= html.contains("<!-- transcript"),
            Event::Start(Tag::CodeBlock(kind)) => {
                block = Some(match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => (block, is_transcript) = (None, false),
            Event::Text(text) if !is_transcript => match block.as_deref() {
                Some("console") => {
                    let typed = text.lines().filter_map(|line| line.strip_prefix("$ "));
                    found.extend(typed.map(|line| (Written::InBlock, line.to_owned())));
                }
                Some("" | "sh" | "cron") => found.extend(text.lines().map(|line| (Written::InBlock, line.to_owned()))),
                _ => {}
            },
            Event::Code(text) if text.starts_with("flow ") => found.push((Written::InSentence, text.to_string())),
            _ => {}
        }
    }
    found
}

/// Why a command is not understood.
fn problem(command: &[String], written: Written) -> Option<String> {
    // A part of it is left out.
    if command.iter().any(|word| word.contains('…')) {
        return None;
    }
    let error = cli::understand(std::iter::once("flow").chain(command.iter().map(String::as_str))).err()?;
    match (error.kind(), written) {
        (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => None,
        // The verb alone, or a part of a command.
        (ErrorKind::MissingRequiredArgument, Written::InSentence) => None,
        (ErrorKind::MissingRequiredArgument, Written::InBlock) if command.len() == 1 => None,
        (ErrorKind::InvalidValue, Written::InSentence) if error.to_string().contains("a value is required") => None,
        _ => Some(error.to_string()),
    }
}

pub(super) fn check(name: &str, lines: &[(Written, String)], problems: &mut Vec<String>) -> usize {
    let found: Vec<_> =
        lines.iter().flat_map(|(written, line)| commands(line).into_iter().map(move |c| (*written, c))).collect();
    for (written, command) in &found {
        problems.extend(problem(command, *written).map(|why| format!("{name}: flow {}\n{why}", command.join(" "))));
    }
    found.len()
}

#[test]
fn every_command_in_the_documents_is_understood() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        count += check(&shown(&document), &code(&text), &mut problems);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 150, "{count}");
}

#[test]
fn every_command_of_the_units_and_of_the_container_is_understood() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for unit in files("packaging", "service") {
        let text = fs::read_to_string(&unit).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("ExecStart="));
        let lines: Vec<_> = lines.map(|line| (Written::InBlock, line.to_owned())).collect();
        assert_eq!(lines.len(), 1, "{}", shown(&unit));
        count += check(&shown(&unit), &lines, &mut problems);
        assert!(text.contains("\nSuccessExitStatus="), "{}: a wait is no failure", shown(&unit));
    }
    let container = fs::read_to_string(root().join("Containerfile")).unwrap();
    let command = container.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    problems.extend(problem(&command, Written::InBlock));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(count, 2);
}

#[test]
fn words_are_split_as_a_shell_does() {
    let all = |line: &str| commands(line).into_iter().map(|command| command.join("_")).collect::<Vec<_>>();
    assert_eq!(all("flow run a --fault 'kill@Create it' # flow no"), ["run_a_--fault_kill@Create it"]);
    assert_eq!(all("(umask 077; flow export > all.jsonl)"), ["export"]);
    assert_eq!(all("*/10 * * * *  flow resume --all && /usr/bin/flow status"), ["resume_--all", "status"]);
    assert_eq!(all("sudo -u flow FLOW_HOME=/var/lib/flow flow status"), ["status"]);
    assert_eq!(all("the command flow, and flow"), Vec::<String>::new());
}
