//! The sections and steps of a Markdown document. Plain text with numbered lists is Markdown too.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A runbook as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The title; empty where there is none.
    pub title: String,
    /// What is before the first section with steps.
    pub introduction: Vec<String>,
    /// The sections, in their order.
    pub sections: Vec<Section>,
}

/// A section with steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Paragraphs before the first step.
    pub introduction: Vec<String>,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The text; further paragraphs are lines of their own.
    pub text: String,
    /// The code blocks, each as it is written.
    pub commands: Vec<String>,
}

/// What the parser has read of one level: paragraphs, list items and code blocks in their order.
#[derive(Debug)]
enum Block {
    Heading(HeadingLevel, String),
    Paragraph(String),
    Item(Step),
    Code(String),
}

impl Document {
    /// Reads Markdown. Numbered items are steps; a section without any has a step for each code block, with the text before it; a
    /// section with neither is introduction.
    pub fn read(text: &str) -> Self {
        let blocks = blocks(text);
        let title_at = blocks.iter().position(|block| matches!(block, Block::Heading(..)));
        let first_level = title_at.and_then(|at| level(&blocks[at]));
        // One heading above all others is the title.
        let is_title = first_level.is_some_and(|first| {
            title_at == Some(0) && blocks.iter().skip(1).all(|block| level(block).is_none_or(|level| level > first))
        });
        let section_level = blocks.iter().skip(usize::from(is_title)).filter_map(level).min();
        let mut document = Document::default();
        let mut parts: Vec<(String, Vec<Block>)> = vec![(String::new(), Vec::new())];
        for (index, block) in blocks.into_iter().enumerate() {
            match block {
                Block::Heading(_, text) if is_title && index == 0 => document.title = text,
                Block::Heading(level, text) if Some(level) == section_level => parts.push((text, Vec::new())),
                block => parts.last_mut().map(|(_, blocks)| blocks.push(block)).unwrap_or_default(),
            }
        }
        for (title, blocks) in parts {
            let mut section = section(title, blocks);
            if !section.steps.is_empty() {
                if section.title.is_empty() {
                    section.title = if document.title.is_empty() { "Steps".to_owned() } else { document.title.clone() };
                }
                document.sections.push(section);
            } else if let Some(last) = document.sections.last_mut() {
                last.introduction.extend(Some(section.title).filter(|title| !title.is_empty()));
                last.introduction.append(&mut section.introduction);
            } else {
                document.introduction.extend(Some(section.title).filter(|title| !title.is_empty()));
                document.introduction.append(&mut section.introduction);
            }
        }
        document
    }
}

fn level(block: &Block) -> Option<HeadingLevel> {
    match block {
        Block::Heading(level, _) => Some(*level),
        _ => None,
    }
}

/// A section of the blocks below one heading. Headings inside it begin the names of the steps after them.
fn section(title: String, blocks: Vec<Block>) -> Section {
    let numbered = blocks.iter().any(|block| matches!(block, Block::Item(_)));
    let mut section = Section { title, ..Section::default() };
    let mut heading = String::new();
    let mut before: Vec<String> = Vec::new();
    for block in blocks {
        match block {
            Block::Heading(_, text) => {
                section.introduction.append(&mut before);
                heading = text;
            }
            Block::Paragraph(text) => before.push(text),
            Block::Item(mut step) => {
                match section.steps.last_mut() {
                    // Text between two items belongs to the one before it.
                    Some(last) if heading.is_empty() => {
                        before.drain(..).for_each(|text| add_line(&mut last.text, &text))
                    }
                    _ => section.introduction.append(&mut before),
                }
                if !heading.is_empty() {
                    step.text = format!("{heading}: {}", step.text);
                }
                section.steps.push(step);
            }
            Block::Code(code) if numbered => match section.steps.last_mut() {
                Some(last) => {
                    before.drain(..).for_each(|text| add_line(&mut last.text, &text));
                    last.commands.push(code);
                }
                None => section.steps.push(Step { text: std::mem::take(&mut before).join("\n"), commands: vec![code] }),
            },
            Block::Code(code) => {
                let mut text = before.pop().unwrap_or_default();
                section.introduction.append(&mut before);
                let title = if heading.is_empty() { &section.title } else { &heading };
                match section.steps.last_mut() {
                    // A second block without text between belongs to the same step.
                    Some(last) if text.is_empty() => last.commands.push(code),
                    _ => {
                        if text.is_empty() {
                            text = title.clone();
                        }
                        section.steps.push(Step { text: std::mem::take(&mut text), commands: vec![code] });
                    }
                }
            }
        }
    }
    match section.steps.last_mut() {
        Some(last) => before.drain(..).for_each(|text| add_line(&mut last.text, &text)),
        None => section.introduction.append(&mut before),
    }
    section
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// The parser's events, gathered into blocks. An item takes everything inside it, also nested lists.
fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS).for_each(|event| reader.read(event));
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    text: String,
    code: Option<String>,
    /// The numbered item that is read, and how many lists are open inside and around it.
    item: Option<Step>,
    lists: Vec<bool>,
    heading: Option<HeadingLevel>,
}

impl Reader {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.heading = Some(level),
            Event::End(TagEnd::Heading(level)) => {
                let text = std::mem::take(&mut self.text);
                self.heading = None;
                self.blocks.push(Block::Heading(level, text.trim().to_owned()));
            }
            Event::Start(Tag::List(first)) => {
                self.paragraph();
                self.lists.push(first.is_some());
            }
            Event::End(TagEnd::List(_)) => drop(self.lists.pop()),
            Event::Start(Tag::Item) => {
                self.paragraph();
                match (self.lists.len(), self.lists.last()) {
                    (1, Some(true)) => self.item = Some(Step::default()),
                    _ => self.text.push_str("- "),
                }
            }
            Event::End(TagEnd::Item) => {
                self.paragraph();
                if self.lists.len() == 1
                    && let Some(item) = self.item.take()
                {
                    self.blocks.push(Block::Item(item));
                }
            }
            Event::End(TagEnd::Paragraph | TagEnd::TableRow | TagEnd::TableHead) => self.paragraph(),
            Event::End(TagEnd::TableCell) => self.text.push_str("  "),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented)) => {
                self.paragraph();
                self.code = Some(String::new());
            }
            Event::End(TagEnd::CodeBlock) => {
                let code = self.code.take().unwrap_or_default().trim_end().to_owned();
                match &mut self.item {
                    Some(item) => item.commands.push(code),
                    None => self.blocks.push(Block::Code(code)),
                }
            }
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.text.push_str(&text),
            },
            Event::Code(text) => self.text.push_str(&format!("`{text}`")),
            Event::TaskListMarker(_) => {}
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            _ => {}
        }
    }

    /// Ends the paragraph that was read.
    fn paragraph(&mut self) {
        if self.heading.is_some() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if text.is_empty() || text == "-" {
            return;
        }
        match &mut self.item {
            Some(item) => add_line(&mut item.text, text),
            None => self.blocks.push(Block::Paragraph(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Document;

    fn titles(document: &Document) -> Vec<(&str, Vec<&str>)> {
        document
            .sections
            .iter()
            .map(|section| (section.title.as_str(), section.steps.iter().map(|step| step.text.as_str()).collect()))
            .collect()
    }

    #[test]
    fn numbered_items_are_steps_with_their_commands_and_sub_items() {
        let document = Document::read(
            "# Fail over\n\nWhy and when.\n\n## Background\n\nProse only.\n\n## Drain\n\nRead first.\n\n1. Stop the writer:\n\n   ```sh\n   \
             systemctl stop w\n   ```\n\n2. Wait\n   about 5 minutes.\n   - on a\n   - on b\n\n## Check\n\n1. Open `/health`.\n",
        );
        assert_eq!(document.title, "Fail over");
        assert_eq!(document.introduction, ["Why and when.", "Background", "Prose only."]);
        let expected = [
            ("Drain", vec!["Stop the writer:", "Wait about 5 minutes.\n- on a\n- on b"]),
            ("Check", vec!["Open `/health`."]),
        ];
        assert_eq!(titles(&document), expected);
        assert_eq!(document.sections[0].introduction, ["Read first."]);
        assert_eq!(document.sections[0].steps[0].commands, ["systemctl stop w"]);
    }

    #[test]
    fn without_numbers_every_code_block_is_a_step() {
        let document = Document::read(
            "# Restore\n\n## Stop it\n\nFirst this:\n\n```\na\n```\n\nThen that:\n\n```\nb\n```\n```\nc\n```\n\nDone.\n\n## Two\n\n```\nd\n```\n",
        );
        assert_eq!(titles(&document), [("Stop it", vec!["First this:", "Then that:\nDone."]), ("Two", vec!["Two"])]);
        assert_eq!(document.sections[0].steps[1].commands, ["b", "c"]);
    }

    #[test]
    fn plain_text_with_a_numbered_list_is_one_section() {
        let document = Document::read("1. Do this.\n2. Do that.\n");
        assert_eq!(titles(&document), [("Steps", vec!["Do this.", "Do that."])]);
        assert_eq!(
            Document::read("nothing to do"),
            Document { introduction: vec!["nothing to do".into()], ..Document::default() }
        );
    }

    #[test]
    fn headings_below_a_section_name_the_steps_after_them() {
        let document = Document::read("# T\n## S\n### First\n1. a\n### Second\n1. b\n");
        assert_eq!(titles(&document), [("S", vec!["First: a", "Second: b"])]);
    }
}
