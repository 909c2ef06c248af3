//! The steps of a written runbook, and its sections.

/// Adds a line to a text.
pub(super) fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// A section with steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunbookSection {
    /// The heading.
    pub title: String,
    /// The paragraphs preceding the first step.
    pub introduction: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<RunbookStep>,
    /// Sections without steps that follow this section, such as references.
    pub remarks: Vec<String>,
    /// Whether the section is only for the case that the procedure does not work.
    pub is_contingency: bool,
}

/// A step of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunbookStep {
    /// The text. Further paragraphs are separate lines.
    pub text: String,
    /// The code blocks, as written.
    pub commands: Vec<String>,
    /// Whether some of the code is not for a shell.
    pub is_manual: bool,
    /// Whether the text names a condition for the code: a person decides.
    pub is_conditional: bool,
    /// The number in the document, without that of the section.
    pub number: Option<String>,
}

impl RunbookStep {
    /// Adds text and commands that follow.
    pub(super) fn add(&mut self, other: RunbookStep) {
        if !other.text.is_empty() {
            add_line(&mut self.text, &other.text);
        }
        self.commands.extend(other.commands);
        self.is_manual |= other.is_manual;
        self.is_conditional |= other.is_conditional;
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.commands.is_empty()
    }

    /// Inserts lines after the first line, which is the question.
    pub(super) fn preface(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let (question, rest) = self.text.split_once('\n').unwrap_or((&self.text, ""));
        let mut text = question.to_owned();
        lines.iter().for_each(|line| add_line(&mut text, line));
        if !rest.is_empty() {
            add_line(&mut text, rest);
        }
        self.text = text;
    }
}
