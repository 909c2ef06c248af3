//! Reads plain text with numbered sections: `2. Drain` with steps `2.1 Stop the writer`, or steps `Step 1: Stop the
//! writer`. A text with only one numbered list is read as Markdown.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    blocks::{Block, Reader},
    code::is_complete_command,
    headings::lettered,
};

/// The fewest numbered steps of a text.
const STEPS_MIN: usize = 2;

/// The least indentation of code outside steps, and below a step whose number has two parts.
const CODE_INDENT: usize = 4;
const CODE_INDENT_IN_STEP: usize = 6;

/// The kind of a line.
enum Line<'t> {
    /// A section with its number.
    Section(&'t str, &'t str),
    /// A step with its number, if it has one.
    Step(Option<&'t str>, &'t str),
    Other,
}

/// The blocks of a text; `None` if it has no numbered sections.
pub(super) fn blocks(text: &str) -> Option<Vec<Block>> {
    let lines: Vec<&str> = text.lines().collect();
    let kinds = kinds(&lines);
    if kinds.iter().filter(|kind| matches!(kind, Line::Step(..))).count() < STEPS_MIN {
        return None;
    }
    let (mut found, mut skip, mut code_indent) = (FoundBlocks::default(), false, CODE_INDENT);
    for (at, (line, kind)) in lines.iter().zip(&kinds).enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let is_code = matches!(kind, Line::Other) && is_code(&lines, at, code_indent, !found.code.is_empty());
        if !is_code && !line.trim().is_empty() {
            found.end_code();
        }
        match kind {
            Line::Section(number, title) => {
                found.end_list();
                found.heading(2, &format!("{number}. {title}"));
                code_indent = CODE_INDENT;
                skip = is_underlined(&lines, at);
            }
            Line::Step(number, text) => {
                found.step(*number, text);
                code_indent = indent_of_code(line);
            }
            Line::Other if is_code => found.code_line(line),
            Line::Other if line.trim().is_empty() => found.empty_line(),
            // A first line on its own, or underlined, is the title.
            Line::Other if is_title(&lines, at) => {
                found.heading(1, line.trim());
                skip = is_underlined(&lines, at);
            }
            Line::Other => found.text_line(line),
        }
    }
    Some(found.end())
}

/// The blocks of the lines that are read so far.
#[derive(Default)]
struct FoundBlocks {
    reader: Reader,
    /// The lines of the code that is not complete.
    code: String,
    in_list: bool,
}

impl FoundBlocks {
    fn heading(&mut self, level: u8, title: &str) {
        self.reader.begin_heading();
        self.reader.text(title.trim());
        self.reader.end_heading(level);
    }

    fn step(&mut self, number: Option<&str>, text: &str) {
        if !std::mem::replace(&mut self.in_list, true) {
            self.reader.begin_list(Some(1));
        }
        self.reader.end_item();
        self.reader.begin_item();
        if let Some(number) = number {
            self.reader.number(number);
        }
        self.reader.text(text);
    }

    fn text_line(&mut self, line: &str) {
        if line.trim_start().starts_with(['-', '*']) {
            self.reader.end_paragraph();
        }
        self.reader.text(" ");
        self.reader.text(line.trim());
    }

    fn empty_line(&mut self) {
        match self.code.is_empty() {
            true => self.reader.end_paragraph(),
            false => self.code.push('\n'),
        }
    }

    fn code_line(&mut self, line: &str) {
        self.code.push_str(line);
        self.code.push('\n');
    }

    fn end_code(&mut self) {
        if !self.code.is_empty() {
            self.reader.code(&dedented(&std::mem::take(&mut self.code)), "");
        }
    }

    fn end_list(&mut self) {
        if std::mem::take(&mut self.in_list) {
            self.reader.end_list();
        }
    }

    fn end(mut self) -> Vec<Block> {
        self.end_code();
        self.end_list();
        self.reader.blocks()
    }
}

/// The least indentation of code below a step: further than the text of the step.
fn indent_of_code(step: &str) -> usize {
    match lettered(step) {
        Some(_) => step.len() - step.trim_start().len() + CODE_INDENT,
        None => CODE_INDENT_IN_STEP,
    }
}

/// The kind of each line. Sections count from 1 (or 0) and steps belong to the preceding section: other lines that
/// start with a number are neither.
fn kinds<'t>(lines: &[&'t str]) -> Vec<Line<'t>> {
    static SECTION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(\d{1,3})[.)]?\s+(\S.*)$").ok());
    static STEP: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\s*(\d{1,3})\.(\d{1,3})[.)]?\s+(\S.*)$").ok());
    static NAMED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)^\s*step\s+\d{1,3}\s*[:.)-]+\s*(\S.*)$").ok());
    let captures =
        |regex: &'static LazyLock<Option<Regex>>, line: &'t str| regex.as_ref().and_then(|regex| regex.captures(line));
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let is_markdown =
        lines.iter().any(|line| line.starts_with("# ") || line.starts_with("## ") || line.starts_with("```"));
    let has_letters = !is_markdown && lines.iter().filter(|line| lettered(line).is_some()).count() >= STEPS_MIN;
    let is_hierarchical = has_letters || lines.iter().any(|line| captures(&STEP, line).is_some());
    let mut section: Option<u32> = None;
    let mut letter = b'a';
    let kind = |&line: &&'t str| {
        if let Some(found) = captures(&NAMED, line) {
            return found.get(1).map_or(Line::Other, |text| Line::Step(None, text.as_str()));
        }
        if let Some(found) = captures(&STEP, line)
            && Some(number(&found[1])) == section
        {
            let step = found.get(2).zip(found.get(3));
            return step.map_or(Line::Other, |(number, text)| Line::Step(Some(number.as_str()), text.as_str()));
        }
        if has_letters
            && section.is_some()
            && let Some((found, text)) = lettered(line)
            && found.as_bytes() == [letter]
        {
            letter = letter.saturating_add(1);
            return Line::Step(Some(found), text);
        }
        if let Some(found) = captures(&SECTION, line).filter(|_| is_hierarchical) {
            let this = number(&found[1]);
            if this == section.map_or(this.min(1), |last| last + 1) {
                (section, letter) = (Some(this), b'a');
                let heading = found.get(1).zip(found.get(2));
                return heading.map_or(Line::Other, |(number, text)| Line::Section(number.as_str(), text.as_str()));
            }
        }
        Line::Other
    };
    lines.iter().map(kind).collect()
}

/// Whether a line is code: a command, or indented after an empty line and complete as a command, or a line of such code.
/// `follows` is whether the preceding lines are code.
fn is_code(lines: &[&str], at: usize, code_indent: usize, follows: bool) -> bool {
    let line = lines[at];
    let is_after_gap = lines[..at].last().is_none_or(|before| before.trim().is_empty());
    let is_part = if is_after_gap { is_complete_command(line.trim()) } else { follows };
    is_command(line, code_indent) || (is_command(line, CODE_INDENT) && is_part)
}

/// Whether a line is a command: it has a prompt, or is indented far enough.
fn is_command(line: &str, code_indent: usize) -> bool {
    let indent = line.len() - line.trim_start().len();
    let has_prompt = line.trim_start().starts_with("$ ");
    !line.trim().is_empty() && (has_prompt || line.starts_with('\t') || indent >= code_indent)
}

fn is_underline(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && (line.chars().all(|c| c == '=') || line.chars().all(|c| c == '-'))
}

fn is_underlined(lines: &[&str], at: usize) -> bool {
    lines.get(at + 1).is_some_and(|next| is_underline(next))
}

fn is_title(lines: &[&str], at: usize) -> bool {
    let is_first = lines[..at].iter().all(|line| line.trim().is_empty());
    is_first && lines.get(at + 1).is_none_or(|next| next.trim().is_empty() || is_underline(next))
}

/// Removes the common indentation.
fn dedented(code: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = code.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    code.lines().map(|line| line.get(least..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::Document;

    #[test]
    fn numbered_sections_have_numbered_steps() {
        let document = Document::read(
            "MOVING THE DATABASE\n===================\n\nFor the people on call.\n\n1. Before\n---------\n\n1.1 Tell the team,\n    in the channel.\n\
             1.2 Note the time:\n\n        date\n        uptime\n\n    - of the server\n    - of this machine\n\n2 Move\n\n\
             2.1. Stop the writer:\n      $ systemctl stop w\n2.2. 30 seconds later, look again.\n",
        );
        assert_eq!(document.title, "MOVING THE DATABASE");
        assert_eq!(document.notices, ["For the people on call."]);
        let sections: Vec<(&str, Vec<(&str, usize)>)> = document
            .sections
            .iter()
            .map(|section| {
                let steps = section.steps.iter().map(|step| (step.text.as_str(), step.commands.len())).collect();
                (section.title.as_str(), steps)
            })
            .collect();
        let expected = [
            (
                "1. Before",
                vec![("Tell the team, in the channel.", 0), ("Note the time:\n- of the server\n- of this machine", 1)],
            ),
            ("2. Move", vec![("Stop the writer:", 1), ("30 seconds later, look again.", 0)]),
        ];
        assert_eq!(sections, expected);
        assert_eq!(document.sections[0].steps[1].commands, ["date\nuptime"]);
        assert_eq!(document.sections[1].steps[0].commands, ["systemctl stop w"]);
    }

    #[test]
    fn lettered_steps_of_numbered_sections_are_steps_also_without_commands() {
        let document = Document::read(
            "RESTART\n\n1. Stop\n\na) Stop it:\n\n    systemctl stop w\n\nb) Look:\n   at the queue\n\n    mailq\n\nc) Inform Ann.\nd) Wait.\n\n2. Start\n\n\
             a) Start it.\n",
        );
        let steps = |section: usize| {
            let steps = document.sections[section].steps.iter();
            steps
                .map(|step| (step.number.clone().unwrap_or_default(), step.text.clone(), step.commands.len()))
                .collect::<Vec<_>>()
        };
        let step = |number: &str, text: &str, commands: usize| (number.to_owned(), text.to_owned(), commands);
        let expected = [
            step("a", "Stop it:", 1),
            step("b", "Look: at the queue", 1),
            step("c", "Inform Ann.", 0),
            step("d", "Wait.", 0),
        ];
        assert_eq!(steps(0), expected);
        assert_eq!(steps(1), [step("a", "Start it.", 0)]);
    }

    #[test]
    fn an_indented_command_after_an_empty_line_is_no_text() {
        let document = Document::read(
            "DRAIN\n\n1. Before\n\n1.1 Look at the nodes:\n\n    kubectl get nodes\n    uptime\n\n1.2 Tell the team.\n\n    Then wait for an answer,\n    \
             in the channel.\n1.3 Ask\n\n    the owner of the node\n",
        );
        let steps = document.sections[0].steps.iter();
        let steps: Vec<_> = steps.map(|step| (step.text.as_str(), step.commands.join("\n"))).collect();
        let commands = "kubectl get nodes\nuptime".to_owned();
        let expected = [
            ("Look at the nodes:", commands),
            ("Tell the team.\nThen wait for an answer, in the channel.", String::new()),
            ("Ask\nthe owner of the node", String::new()),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn steps_may_be_named_and_a_single_list_stays_markdown() {
        let document = Document::read("Restart\n\nStep 1: Stop it.\nWait 30 seconds.\nStep 2 - Start it.\n");
        let steps: Vec<&str> = document.sections[0].steps.iter().map(|step| step.text.as_str()).collect();
        assert_eq!(steps, ["Stop it. Wait 30 seconds.", "Start it."]);
        assert_eq!(Document::read("1. Do this.\n2. Do that.\n").sections[0].steps.len(), 2);
        assert_eq!(Document::read("Version 1.2 is old.\n1.3 is new.\n").sections.len(), 0);
    }
}
