//! The common form of all documents: headings, paragraphs, numbered items and code blocks, in order.

use super::Step;

/// A part of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading of a level, from 1.
    Heading(u8, String),
    /// A paragraph.
    Paragraph(String),
    /// A numbered item, with everything inside it.
    Item(Step),
    /// Commands.
    Code(String),
}

/// Adds a line to a text.
pub(super) fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// Collects blocks from a parser's events. An item contains everything inside it, including nested lists.
#[derive(Default)]
pub(super) struct Reader {
    blocks: Vec<Block>,
    text: String,
    /// The numbered item that is being read.
    item: Option<Step>,
    /// Whether each open list is numbered.
    lists: Vec<bool>,
    in_heading: bool,
    /// What the open paragraph has: a link within the document, and text outside such links.
    in_page_link: bool,
    has_page_link: bool,
    has_own_text: bool,
    /// Whether the last paragraph announces the output of a command.
    announces_output: bool,
}

impl Reader {
    /// Begins or ends a link to a heading of the same document. A paragraph of such links alone is an entry of a table of contents.
    pub fn page_link(&mut self, begins: bool) {
        self.in_page_link = begins;
        self.has_page_link |= begins;
    }

    pub fn begin_heading(&mut self) {
        self.end_paragraph();
        self.in_heading = true;
    }

    pub fn end_heading(&mut self, level: u8) {
        let text = std::mem::take(&mut self.text);
        self.in_heading = false;
        self.blocks.push(Block::Heading(level, text.trim().to_owned()));
    }

    pub fn begin_list(&mut self, is_numbered: bool) {
        self.end_paragraph();
        self.lists.push(is_numbered);
    }

    pub fn end_list(&mut self) {
        self.end_item();
        self.lists.pop();
    }

    pub fn begin_item(&mut self) {
        self.end_paragraph();
        match (self.lists.len(), self.lists.last()) {
            (1, Some(true)) => self.item = Some(Step::default()),
            _ => self.text.push_str("- "),
        }
    }

    pub fn end_item(&mut self) {
        self.end_paragraph();
        if self.lists.len() == 1
            && let Some(item) = self.item.take()
            && item != Step::default()
        {
            self.blocks.push(Block::Item(item));
        }
    }

    pub fn text(&mut self, text: &str) {
        self.has_own_text |= !self.in_page_link && !text.trim().is_empty();
        self.text.push_str(text);
    }

    /// Adds commands as written. If some lines start with a prompt, only these are commands, and the others are their
    /// output.
    pub fn code(&mut self, code: &str) {
        self.end_paragraph();
        if std::mem::take(&mut self.announces_output) {
            self.text(&format!("It prints: {}", code.trim().replace('\n', " / ")));
            return self.end_paragraph();
        }
        let (commands, printed) = without_prompts(code.trim_end());
        match &mut self.item {
            Some(item) => item.commands.push(commands),
            None => self.blocks.push(Block::Code(commands)),
        }
        if !printed.is_empty() {
            self.text(&format!("It prints: {printed}"));
            self.end_paragraph();
        }
    }

    /// Ends the current paragraph.
    pub fn end_paragraph(&mut self) {
        if self.in_heading {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let (has_page_link, has_own_text) =
            (std::mem::take(&mut self.has_page_link), std::mem::take(&mut self.has_own_text));
        if text.is_empty() || text == "-" || (has_page_link && !has_own_text) {
            return;
        }
        self.announces_output = announces_output(text);
        match &mut self.item {
            Some(item) => add_line(&mut item.text, text),
            None => self.blocks.push(Block::Paragraph(text.to_owned())),
        }
    }

    pub fn blocks(mut self) -> Vec<Block> {
        self.end_paragraph();
        self.blocks
    }
}

/// Whether a paragraph says that the following block is printed, not typed: `Example output:`, `The output is similar to this:`.
fn announces_output(text: &str) -> bool {
    const CHARACTERS_MAX: usize = 60;
    let text = text.trim_start_matches("- ").to_lowercase();
    text.chars().count() <= CHARACTERS_MAX
        && text.ends_with(':')
        && text.split(|c: char| !c.is_alphabetic()).any(|word| word == "output")
}

/// Splits the lines of a console into commands and their output.
fn without_prompts(code: &str) -> (String, String) {
    let prompt = |line: &str| ["$ ", "# ", "> "].iter().find_map(|prompt| line.strip_prefix(prompt)).map(str::to_owned);
    // Without a `$ ` prompt in any line, a line that starts with `#` is a comment of a script.
    if !code.lines().any(|line| line.starts_with("$ ")) {
        return (code.to_owned(), String::new());
    }
    let (mut commands, mut printed) = (String::new(), String::new());
    let mut continues = false;
    for line in code.lines() {
        match prompt(line) {
            Some(command) => add_line(&mut commands, &command),
            None if continues => add_line(&mut commands, line),
            None if line.trim().is_empty() => continue,
            None => add_line(&mut printed, line),
        }
        continues = commands.ends_with('\\') && (continues || prompt(line).is_some());
    }
    (commands, printed.replace('\n', " / "))
}

#[cfg(test)]
mod tests {
    use super::{announces_output, without_prompts};

    #[test]
    fn a_console_is_its_commands_and_what_they_print() {
        let (commands, printed) = without_prompts("$ df -h \\\n  /var\nFilesystem 90%\n$ uptime");
        assert_eq!((commands.as_str(), printed.as_str()), ("df -h \\\n  /var\nuptime", "Filesystem 90%"));
        assert!(announces_output("Example output:") && announces_output("The output is similar to this:"));
        assert!(!announces_output("Keep the output.") && !announces_output("Run the following:"));
        let script = "# twice\nstop";
        assert_eq!(without_prompts(script), (script.to_owned(), String::new()));
    }
}
