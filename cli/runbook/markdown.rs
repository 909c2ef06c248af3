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

fn read(reader: &mut Reader, code: &mut Option<String>, event: Event<'_>) {
    match event {
        Event::Start(Tag::Heading { .. }) => reader.begin_heading(),
        Event::End(TagEnd::Heading(level)) => reader.end_heading(level as u8),
        Event::Start(Tag::List(first)) => reader.begin_list(first.is_some()),
        Event::End(TagEnd::List(_)) => reader.end_list(),
        Event::Start(Tag::Item) => reader.begin_item(),
        Event::End(TagEnd::Item) => reader.end_item(),
        Event::End(TagEnd::Paragraph | TagEnd::TableRow | TagEnd::TableHead) => reader.end_paragraph(),
        Event::End(TagEnd::TableCell) => reader.text("  "),
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented)) => *code = Some(String::new()),
        Event::End(TagEnd::CodeBlock) => reader.code(&code.take().unwrap_or_default()),
        Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with('#') => reader.page_link(true),
        Event::End(TagEnd::Link) => reader.page_link(false),
        Event::Text(text) => match code {
            Some(code) => code.push_str(&text),
            None => reader.text(&text),
        },
        Event::Code(text) => reader.text(&format!("`{text}`")),
        Event::SoftBreak | Event::HardBreak => reader.text(" "),
        _ => {}
    }
}
