//! Reads the blocks below one heading as a section with steps.

use super::{
    blocks::Block,
    headings::{self, is_numbered},
    step::{RunbookSection, RunbookStep, add_line},
};

/// The section of the blocks below one heading, and the quotes that no step has. The bullets of a reference section are no steps.
pub(super) fn section(title: String, blocks: Vec<Block>, is_reference: bool) -> (RunbookSection, Vec<String>) {
    let mut reader =
        SectionReader { section: RunbookSection { title, ..RunbookSection::default() }, quotes: Vec::new() };
    let mut groups: Vec<(String, Vec<Block>)> = vec![(String::new(), Vec::new())];
    for block in blocks {
        match block {
            Block::Heading(_, heading) => groups.push((heading, Vec::new())),
            block => groups.last_mut().map(|(_, blocks)| blocks.push(block)).unwrap_or_default(),
        }
    }
    for (heading, blocks) in groups {
        let is_reference = is_reference || headings::is_reference(&heading);
        let group = Group::new(&mut reader, heading, &blocks, is_reference);
        group.read(blocks);
    }
    let SectionReader { mut section, mut quotes } = reader;
    // No step follows these quotes.
    if let Some(last) = section.steps.last_mut() {
        quotes.drain(..).for_each(|quote| add_line(&mut last.text, &quote));
    }
    (section, quotes)
}

/// A section while its blocks are read.
struct SectionReader {
    section: RunbookSection,
    /// The quotes that belong to the next step.
    quotes: Vec<String>,
}

impl SectionReader {
    /// Adds a step with the quotes that precede it.
    fn push(&mut self, mut step: RunbookStep) {
        step.preface(&std::mem::take(&mut self.quotes));
        self.section.steps.push(step);
    }
}

/// What is below one heading inside a section.
struct Group<'s> {
    all: &'s mut SectionReader,
    heading: String,
    /// The number of steps that precede this group.
    steps_before: usize,
    /// Paragraphs whose step is not known yet.
    text: Vec<String>,
    /// Whether numbered items are the steps.
    has_items: bool,
    /// Whether the heading is a step with everything below it.
    is_step: bool,
    /// Whether bullets are steps.
    has_bullets: bool,
    /// The number of bullets that are not read yet.
    bullets_ahead: usize,
}

impl<'s> Group<'s> {
    fn new(all: &'s mut SectionReader, heading: String, blocks: &[Block], is_reference: bool) -> Self {
        let has_items = blocks.iter().any(|block| matches!(block, Block::Item(_)));
        let bullets_ahead = blocks.iter().filter(|block| matches!(block, Block::Bullet(_))).count();
        let is_step = is_numbered(&heading) && !has_items;
        let has_bullets = bullets_ahead > 0 && !has_items && !is_step && !is_reference;
        let steps_before = all.section.steps.len();
        Group { all, heading, steps_before, text: Vec::new(), has_items, is_step, has_bullets, bullets_ahead }
    }

    fn read(mut self, blocks: Vec<Block>) {
        for block in blocks {
            match block {
                // Headings divide groups.
                Block::Heading(_, text) | Block::Paragraph(text) => self.text.push(text),
                Block::Quote(quote) => self.all.quotes.push(quote),
                Block::Output(lines) => self.output(&lines),
                Block::Item(step) => self.item(step),
                Block::Bullet(step) => self.bullet(step),
                Block::Code(code) => self.code(code),
            }
        }
        self.end();
    }

    /// The last step of this group.
    fn last(&mut self) -> Option<&mut RunbookStep> {
        let steps_before = self.steps_before;
        self.all.section.steps.get_mut(steps_before..)?.last_mut()
    }

    /// Adds the paragraphs so far to the last step of this group; without one, they stay.
    fn text_to_last(&mut self) {
        let text = std::mem::take(&mut self.text);
        match self.last() {
            Some(last) => text.iter().for_each(|text| add_line(&mut last.text, text)),
            None => self.text = text,
        }
    }

    /// Adds a step of this group. The paragraphs so far belong to the preceding step of the group, or else to the section's
    /// preamble, or else to this step.
    fn push(&mut self, mut step: RunbookStep) {
        self.text_to_last();
        let text = std::mem::take(&mut self.text);
        match self.all.section.steps.is_empty() {
            true => self.all.section.introduction.extend(text),
            false => step.preface(&text),
        }
        self.all.push(step);
    }

    fn item(&mut self, mut step: RunbookStep) {
        if !self.heading.is_empty() {
            step.text = format!("{}: {}", self.heading, step.text);
        }
        if step.text.is_empty() {
            step.text = self.title();
        }
        self.push(step);
    }

    fn bullet(&mut self, mut bullet: RunbookStep) {
        self.bullets_ahead = self.bullets_ahead.saturating_sub(1);
        if self.has_bullets {
            return self.item(bullet);
        }
        self.begin_step();
        bullet.text = format!("- {}", bullet.text);
        self.text_to_last();
        match self.last() {
            Some(last) => last.add(bullet),
            None if bullet.commands.is_empty() => self.text.push(bullet.text),
            None => {
                bullet.text = bullet.text.trim_start_matches("- ").to_owned();
                self.item(bullet);
            }
        }
    }

    fn output(&mut self, lines: &str) {
        self.text_to_last();
        match self.last() {
            Some(last) => add_line(&mut last.text, lines),
            None => match self.text.last_mut() {
                Some(text) => add_line(text, lines),
                None => self.text.push(lines.to_owned()),
            },
        }
    }

    fn code(&mut self, code: RunbookStep) {
        self.begin_step();
        let is_new = self.last().is_none() || !(self.is_step || self.has_items || self.text.is_empty());
        // Between two bullets, text and code belong to the first.
        if !is_new || (self.has_bullets && self.bullets_ahead > 0 && self.last().is_some()) {
            self.text_to_last();
            return self.last().map(|last| last.add(code)).unwrap_or_default();
        }
        let mut step = RunbookStep { text: self.text.pop().unwrap_or_else(|| self.title()), ..RunbookStep::default() };
        step.add(code);
        self.push(step);
    }

    /// Makes a numbered heading a step.
    fn begin_step(&mut self) {
        if self.is_step && self.last().is_none() {
            let step = RunbookStep { text: self.heading.clone(), ..RunbookStep::default() };
            self.all.push(step);
            self.text_to_last();
        }
    }

    fn title(&self) -> String {
        if self.heading.is_empty() { self.all.section.title.clone() } else { self.heading.clone() }
    }

    fn end(mut self) {
        self.begin_step();
        self.text_to_last();
        if self.text.is_empty() {
            return;
        }
        // A group without steps: its heading says what its text is about.
        let heading = Some(std::mem::take(&mut self.heading)).filter(|heading| !heading.is_empty());
        let text = heading.into_iter().chain(std::mem::take(&mut self.text));
        match self.all.section.steps.last_mut() {
            Some(last) => text.for_each(|text| add_line(&mut last.text, &text)),
            None => self.all.section.introduction.extend(text),
        }
    }
}
