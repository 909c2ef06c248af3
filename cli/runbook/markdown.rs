//! Reads Markdown.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::blocks::{Block, Reader};

/// The blocks of a document.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let (mut reader, mut code) = (Reader::default(), None);
    let events = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS);
    events.for_each(|event| read(&mut reader, &mut code, event));
    reader.blocks()
}

/// A code block that is being read.
#[derive(Default)]
struct OpenCode {
    language: String,
    text: String,
}

fn read(reader: &mut Reader, code: &mut Option<OpenCode>, event: Event<'_>) {
    match event {
        Event::Start(Tag::Heading { .. }) => reader.begin_heading(),
        Event::End(TagEnd::Heading(level)) => reader.end_heading(level as u8),
        Event::Start(Tag::List(first)) => reader.begin_list(first.is_some()),
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
            *code = Some(OpenCode { language: language.to_string(), text: String::new() });
        }
        Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => *code = Some(OpenCode::default()),
        Event::End(TagEnd::CodeBlock) => {
            let OpenCode { language, text } = code.take().unwrap_or_default();
            reader.code(&text, &language);
        }
        Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with('#') => reader.page_link(true),
        Event::End(TagEnd::Link) => reader.page_link(false),
        Event::Text(text) => match code {
            Some(code) => code.text.push_str(&text),
            None => reader.text(&text),
        },
        Event::Code(text) => reader.text(&format!("`{text}`")),
        Event::SoftBreak | Event::HardBreak => reader.text(" "),
        _ => {}
    }
}
