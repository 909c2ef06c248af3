//! The common form of all documents: headings, paragraphs, quotes, items and code blocks, in order.

use super::{
    code::{self, Code},
    item::OpenItem,
    step::{RunbookStep, add_line},
    table,
};

/// A part of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading of a level, from 1.
    Heading(u8, String),
    /// A paragraph, or the rows of a table, one a line.
    Paragraph(String),
    /// A paragraph of a block quote: a warning or a note.
    Quote(String),
    /// A numbered item or a row of a table of steps, with everything inside it.
    Item(RunbookStep),
    /// A bullet, with everything inside it.
    Bullet(RunbookStep),
    /// A code block that is not inside an item: what is typed.
    Code(RunbookStep),
    /// A code block that is not inside an item: what is printed.
    Output(String),
}

/// Collects blocks from a parser's events. An item contains everything inside it, including nested lists.
#[derive(Default)]
pub(super) struct Reader {
    blocks: Vec<Block>,
    text: String,
    /// The item that is being read.
    item: Option<OpenItem>,
    /// While a numbered list inside an item is read: that item, and the steps of the list.
    outer: Option<(OpenItem, Vec<RunbookStep>)>,
    /// The number of the next item of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// The number of open block quotes.
    quotes: usize,
    /// The footnotes that the open paragraph refers to.
    notes: Vec<String>,
    /// The addresses of the open links, with the lengths of the text before their labels.
    links: Vec<(String, usize)>,
    /// The rows of the table that is being read.
    table: Option<Vec<Vec<String>>>,
    in_heading: bool,
    /// The content of the open paragraph: a link within the document, and text outside such links.
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

    /// Begins a link to another document, or an image.
    pub fn begin_link(&mut self, address: &str) {
        self.links.push((address.to_owned(), self.text.len()));
    }

    /// Ends a link: its address follows its label in parentheses, unless the label is the address.
    pub fn end_link(&mut self) {
        let Some((address, at)) = self.links.pop() else { return };
        let label = self.text.get(at..).unwrap_or_default().trim().trim_matches('`');
        if address.is_empty() || label == address || address.strip_prefix("mailto:") == Some(label) {
            return;
        }
        let address = if label.is_empty() { address } else { format!(" ({address})") };
        self.text(&address);
    }

    /// Refers to a footnote: its text follows the paragraph, or the reference in a heading or a table.
    pub fn footnote(&mut self, label: &str, text: &str) {
        if self.in_heading || self.table.is_some() {
            return self.text(&format!(" ({text})"));
        }
        self.text(&format!("[{label}]"));
        self.notes.push(format!("[{label}] {text}"));
    }

    pub fn begin_heading(&mut self) {
        self.end_paragraph();
        self.in_heading = true;
    }

    pub fn end_heading(&mut self, level: u8) {
        let text = std::mem::take(&mut self.text);
        self.in_heading = false;
        self.announces_output = false;
        self.blocks.push(Block::Heading(level, text.trim().to_owned()));
    }

    /// Begins a list. `first` is the number of its first item; `None` for bullets.
    pub fn begin_list(&mut self, first: Option<u64>) {
        self.end_paragraph();
        self.lists.push(first);
        let is_nested = self.lists.len() == 2 && first.is_some() && self.quotes == 0 && self.table.is_none();
        if is_nested && let Some(item) = self.item.take() {
            self.outer = Some((item, Vec::new()));
        }
    }

    pub fn end_list(&mut self) {
        self.end_item();
        if self.lists.len() == 2
            && let Some((mut item, nested)) = self.outer.take()
        {
            item.nested(nested);
            self.item = Some(item);
        }
        self.lists.pop();
    }

    pub fn begin_item(&mut self) {
        self.end_paragraph();
        let number = self.lists.last_mut().and_then(Option::as_mut).map(|next| {
            let number = next.to_string();
            *next = next.saturating_add(1);
            number
        });
        match self.lists.len() {
            1 if self.quotes == 0 && self.table.is_none() => self.item = Some(OpenItem::new(number)),
            2 if self.outer.is_some() => self.item = Some(OpenItem::new(number)),
            _ if self.table.is_some() => self.text.push_str(" - "),
            _ => self.text.push_str("- "),
        }
    }

    pub fn end_item(&mut self) {
        self.end_paragraph();
        let is_outermost = self.lists.len() == 1;
        if !is_outermost && (self.lists.len() != 2 || self.outer.is_none()) {
            return;
        }
        let steps = self.item.take().map(OpenItem::into_steps).unwrap_or_default();
        match &mut self.outer {
            Some((_, nested)) if !is_outermost => nested.extend(steps),
            _ => {
                let is_numbered = self.lists.first().is_some_and(Option::is_some);
                let block = if is_numbered { Block::Item } else { Block::Bullet };
                self.blocks.extend(steps.into_iter().map(block));
            }
        }
    }

    /// Sets the number that the document gives to the open item.
    pub fn number(&mut self, number: &str) {
        if let Some(item) = &mut self.item {
            item.number = Some(number.to_owned());
        }
    }

    pub fn begin_quote(&mut self) {
        self.end_paragraph();
        self.quotes += 1;
    }

    pub fn end_quote(&mut self) {
        self.end_paragraph();
        self.quotes = self.quotes.saturating_sub(1);
    }

    pub fn begin_table(&mut self) {
        self.end_paragraph();
        self.table = Some(Vec::new());
    }

    pub fn begin_row(&mut self) {
        match &mut self.table {
            Some(rows) => rows.push(Vec::new()),
            None => self.end_paragraph(),
        }
    }

    pub fn end_cell(&mut self) {
        match &mut self.table {
            Some(rows) => {
                let cell = std::mem::take(&mut self.text).trim().to_owned();
                rows.last_mut().map(|row| row.push(cell)).unwrap_or_default();
            }
            None => self.text.push_str("  "),
        }
    }

    /// Ends a table. The rows of a table of steps are items; those of another table are the lines of a paragraph.
    pub fn end_table(&mut self) {
        let Some(rows) = self.table.take() else { return self.end_paragraph() };
        self.text.clear();
        self.end_paragraph();
        let is_inside = self.item.is_some() || self.quotes > 0;
        if let Some(steps) = table::steps(&rows).filter(|_| !is_inside) {
            return self.blocks.extend(steps.into_iter().map(Block::Item));
        }
        let lines: Vec<String> = rows.iter().map(|row| row.join("  ").trim().to_owned()).collect();
        self.text(&lines.join("\n"));
        self.end_paragraph();
    }

    pub fn text(&mut self, text: &str) {
        self.has_own_text |= !self.in_page_link && !text.trim().is_empty();
        self.text.push_str(text);
    }

    /// Adds a code block. If some lines start with a prompt, only these are commands, and the others are their output.
    pub fn code(&mut self, code: &str, language: &str) {
        let code = code.trim_end().trim_start_matches(['\n', '\r']);
        if self.table.is_some() {
            return self.text(&format!("`{}`", code.trim().replace('\n', "`, `")));
        }
        self.end_paragraph();
        let announced = std::mem::take(&mut self.announces_output);
        if code.is_empty() {
            return;
        }
        match code::kind(code, language, announced) {
            Code::Output => self.output(&code::indented(code)),
            _ if self.quotes > 0 => self.output(&code::indented(code)),
            Code::File => self.typed(RunbookStep { text: code::indented(code), ..RunbookStep::default() }),
            kind => {
                let (commands, printed) = code::without_prompts(code);
                self.typed(RunbookStep {
                    commands: vec![commands],
                    is_manual: kind == Code::OtherLanguage,
                    ..RunbookStep::default()
                });
                if !printed.is_empty() {
                    self.output(&code::printed(&printed));
                }
            }
        }
    }

    fn typed(&mut self, code: RunbookStep) {
        match &mut self.item {
            Some(item) => item.typed(code),
            None => self.blocks.push(Block::Code(code)),
        }
    }

    fn output(&mut self, lines: &str) {
        match &mut self.item {
            Some(item) => item.line(lines),
            None if self.quotes > 0 => self.blocks.push(Block::Quote(lines.to_owned())),
            None => self.blocks.push(Block::Output(lines.to_owned())),
        }
    }

    /// Ends the current paragraph.
    pub fn end_paragraph(&mut self) {
        if self.in_heading || self.table.is_some() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let (has_page_link, has_own_text) =
            (std::mem::take(&mut self.has_page_link), std::mem::take(&mut self.has_own_text));
        if text.is_empty() || text == "-" || (has_page_link && !has_own_text) {
            return;
        }
        self.announces_output = code::announces_output(text);
        let mut text = text.to_owned();
        std::mem::take(&mut self.notes).iter().for_each(|note| add_line(&mut text, note));
        match &mut self.item {
            Some(item) if self.quotes > 0 => item.line(&alert(&text)),
            Some(item) => item.paragraph(&text),
            None if self.quotes > 0 => self.blocks.push(Block::Quote(alert(&text))),
            None => self.blocks.push(Block::Paragraph(text)),
        }
    }

    pub fn blocks(mut self) -> Vec<Block> {
        self.end_table();
        self.end_paragraph();
        self.blocks
    }
}

/// The text of a quote. `[!WARNING] Text`, as hosts of Markdown write an alert, becomes `Warning: Text`.
fn alert(text: &str) -> String {
    let Some((kind, rest)) = text.strip_prefix("[!").and_then(|rest| rest.split_once(']')) else {
        return text.to_owned();
    };
    let mut kind = kind.to_lowercase();
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{kind}: {}", rest.trim()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::alert;

    #[test]
    fn an_alert_is_read_as_a_warning() {
        assert_eq!(alert("[!WARNING] It deletes data."), "Warning: It deletes data.");
        assert_eq!(alert("Warning It deletes data."), "Warning It deletes data.");
    }
}
