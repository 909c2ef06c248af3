//! Reads Markdown.

use std::collections::HashMap;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::{
    blocks::{Block, Reader},
    headings::lettered,
};

/// The blocks of a document.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES;
    let footnotes = footnotes(Parser::new_ext(text, options));
    let mut document = Document { footnotes, ..Document::default() };
    Parser::new_ext(text, options).for_each(|event| document.read(event));
    document.reader.blocks()
}

/// The texts of the footnotes by their labels.
fn footnotes<'t>(events: impl Iterator<Item = Event<'t>>) -> HashMap<String, String> {
    let (mut footnotes, mut label) = (HashMap::<String, String>::new(), None::<String>);
    for event in events {
        match (event, label.clone()) {
            (Event::Start(Tag::FootnoteDefinition(name)), _) => label = Some(name.to_string()),
            (Event::End(TagEnd::FootnoteDefinition), _) => label = None,
            (Event::Text(text), Some(name)) => footnotes.entry(name).or_default().push_str(&text),
            (Event::Code(text), Some(name)) => {
                footnotes.entry(name).or_default().push_str(&format!("`{text}`"));
            }
            (Event::Start(Tag::Link { dest_url, .. }), Some(name)) => {
                footnotes.entry(name).or_default().push_str(&format!("{dest_url} "));
            }
            (Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph), Some(name)) => {
                footnotes.entry(name).or_default().push(' ');
            }
            _ => {}
        }
    }
    footnotes.into_iter().map(|(label, text)| (label, text.trim().to_owned())).collect()
}

/// A document that is being read.
#[derive(Default)]
struct Document {
    reader: Reader,
    footnotes: HashMap<String, String>,
    /// The code block that is being read.
    code: Option<OpenCode>,
    /// Whether the definition of a footnote is being read.
    in_footnote: bool,
    /// Whether each open link leads to a heading of the document.
    links: Vec<bool>,
    /// Whether a line has just ended inside a paragraph.
    begins_line: bool,
}

/// A code block that is being read.
#[derive(Default)]
struct OpenCode {
    language: String,
    text: String,
}

impl Document {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::FootnoteDefinition(_)) => self.in_footnote = true,
            Event::End(TagEnd::FootnoteDefinition) => self.in_footnote = false,
            _ if self.in_footnote => {}
            event => self.part(event),
        }
    }

    fn part(&mut self, event: Event<'_>) {
        let begins_line = std::mem::take(&mut self.begins_line);
        let reader = &mut self.reader;
        match event {
            Event::Start(Tag::Heading { .. }) => reader.begin_heading(),
            Event::End(TagEnd::Heading(level)) => reader.end_heading(level as u8),
            Event::Start(Tag::List(first)) => reader.begin_list(first),
            Event::End(TagEnd::List(_)) => reader.end_list(),
            Event::Start(Tag::Item) => reader.begin_item(),
            Event::End(TagEnd::Item) => reader.end_item(),
            Event::Start(Tag::BlockQuote(_)) => reader.begin_quote(),
            Event::End(TagEnd::BlockQuote(_)) => reader.end_quote(),
            Event::Start(Tag::Table(_)) => reader.begin_table(),
            Event::Start(Tag::TableHead | Tag::TableRow) => reader.begin_row(),
            Event::End(TagEnd::TableCell) => reader.end_cell(),
            Event::End(TagEnd::Table) => reader.end_table(),
            Event::End(TagEnd::Paragraph) => reader.end_paragraph(),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                self.code = Some(OpenCode { language: language.to_string(), text: String::new() });
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => self.code = Some(OpenCode::default()),
            Event::End(TagEnd::CodeBlock) => {
                let OpenCode { language, text } = self.code.take().unwrap_or_default();
                reader.code(&text, &language);
            }
            Event::Start(Tag::Link { dest_url, .. }) => self.begin_link(&dest_url),
            Event::Start(Tag::Image { dest_url, .. }) => reader.begin_link(&dest_url),
            Event::End(TagEnd::Link) => match self.links.pop() {
                Some(true) => reader.page_link(false),
                _ => reader.end_link(),
            },
            Event::End(TagEnd::Image) => reader.end_link(),
            Event::FootnoteReference(label) => match self.footnotes.get(&*label) {
                Some(text) => reader.footnote(&label, text),
                None => reader.text(&format!("[{label}]")),
            },
            Event::Text(text) => match &mut self.code {
                Some(code) => code.text.push_str(&text),
                None => {
                    // A lettered step is no item of Markdown.
                    if begins_line && lettered(&text).is_some() {
                        reader.end_paragraph();
                    }
                    reader.text(&text);
                }
            },
            Event::Code(text) => reader.text(&format!("`{text}`")),
            Event::SoftBreak | Event::HardBreak => {
                reader.text(" ");
                self.begins_line = true;
            }
            _ => {}
        }
    }

    fn begin_link(&mut self, address: &str) {
        let is_in_page = address.starts_with('#');
        self.links.push(is_in_page);
        match is_in_page {
            true => self.reader.page_link(true),
            false => self.reader.begin_link(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;

    #[test]
    fn addresses_and_footnotes_stay_with_the_text_that_refers_to_them() {
        let document = Document::read(
            "# T\n\n1. Open the [dashboard](https://d.example/a).\n2. See <https://e.example> and ![the plan](plan.png).\n3. Stop it[^1].\n\n\
             [^1]: Only at\n    night.\n",
        );
        let steps: Vec<&str> = document.sections[0].steps.iter().map(|step| step.text.as_str()).collect();
        let expected = [
            "Open the dashboard (https://d.example/a).",
            "See https://e.example and the plan (plan.png).",
            "Stop it[1].\n[1] Only at night.",
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn lettered_paragraphs_are_steps() {
        let document = Document::read(
            "# T\n\n## Restart\n\na) Stop it:\n\n    systemctl stop w\n\nb) Start it:\n\n    systemctl start w\n\nc) Check it.\nd) Inform Ann.\n",
        );
        let steps = document.sections[0].steps.iter();
        let steps: Vec<_> = steps
            .map(|step| (step.number.as_deref().unwrap_or_default(), step.text.as_str(), step.commands.len()))
            .collect();
        assert_eq!(
            steps,
            [("a", "Stop it:", 1), ("b", "Start it:", 1), ("c", "Check it.", 0), ("d", "Inform Ann.", 0)]
        );
    }
}
