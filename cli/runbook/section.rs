//! Reads the blocks below one heading as a section with steps.

use super::{
    blocks::Block,
    conditions::introduces,
    headings::{self, is_numbered, lettered},
    prose::is_imperative,
    step::{RunbookSection, RunbookStep, add_line},
};

/// The fewest lettered paragraphs that are steps.
const LETTERED_MIN: usize = 2;

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
        let blocks = with_lettered_items(blocks);
        let is_reference = is_reference || headings::is_reference(&heading) || headings::is_of_prerequisites(&heading);
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

/// The content below one heading inside a section.
struct Group<'s> {
    all: &'s mut SectionReader,
    heading: String,
    /// The number of the heading.
    number: Option<String>,
    is_reference: bool,
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
    /// The number of items or bullets that are steps and not read yet.
    ahead: usize,
    /// Whether code of a numbered item is outside the item, so that code after the last one belongs to it too.
    is_loose: bool,
    /// Whether the last step is a paragraph after the list.
    has_prose: bool,
}

impl<'s> Group<'s> {
    fn new(all: &'s mut SectionReader, heading: String, blocks: &[Block], is_reference: bool) -> Self {
        let items = blocks.iter().filter(|block| matches!(block, Block::Item(_))).count();
        let bullets = blocks.iter().filter(|block| matches!(block, Block::Bullet(_))).count();
        let (has_items, is_step) = (items > 0, is_numbered(&heading) && items == 0);
        let has_bullets = bullets > 0 && !has_items && !is_step && !is_reference;
        Group {
            number: headings::number_in(&all.section.title, &heading),
            steps_before: all.section.steps.len(),
            ahead: if has_bullets { bullets } else { items },
            all,
            heading,
            is_reference,
            text: Vec::new(),
            has_items,
            is_step,
            has_bullets,
            is_loose: false,
            has_prose: false,
        }
    }

    fn read(mut self, blocks: Vec<Block>) {
        for block in blocks {
            match block {
                Block::Paragraph(rows) if self.last().is_some() && is_table(&rows) => self.output(&rows),
                // Headings divide groups.
                Block::Heading(_, text) | Block::Paragraph(text) => self.text.push(text),
                Block::Quote(quote) => self.all.quotes.push(quote),
                Block::Output(lines) => self.output(&lines),
                Block::Item(step) => {
                    self.item(step);
                    self.ahead = self.ahead.saturating_sub(1);
                }
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

    /// Adds the paragraphs so far. After the steps of the group, a request is a step, and so is the first paragraph after a
    /// numbered list: it is shown after the list is done.
    fn prose(&mut self) {
        if self.is_step || self.ahead > 0 || self.is_loose || self.last().is_none() {
            return self.text_to_last();
        }
        for text in std::mem::take(&mut self.text) {
            if is_imperative(&text) || (self.has_items && !self.has_prose) {
                self.all.push(RunbookStep { text, ..RunbookStep::default() });
                self.has_prose = true;
            } else if let Some(last) = self.last() {
                add_line(&mut last.text, &text);
            }
        }
    }

    /// Adds a step of this group. The paragraphs so far belong to the preceding step of the group, or else to the section's
    /// preamble, or else to this step.
    fn push(&mut self, mut step: RunbookStep) {
        self.prose();
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
        if let (Some(group), Some(number)) = (&self.number, &step.number) {
            step.number = Some(format!("{group}.{number}"));
        }
        self.push(step);
    }

    fn bullet(&mut self, mut bullet: RunbookStep) {
        if self.has_bullets {
            self.item(bullet);
            self.ahead = self.ahead.saturating_sub(1);
            return;
        }
        self.begin_step();
        bullet.text = format!("- {}", bullet.text);
        self.prose();
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
        let is_condition = !code.commands.is_empty() && self.text.last().is_some_and(|text| introduces(text));
        let is_between = self.ahead > 0 || self.is_loose || self.is_step;
        // In the same item, code after a condition is for that case too.
        let is_conditional = is_condition || (is_between && self.last().is_some_and(|last| last.is_conditional));
        let is_new = self.last().is_none() || !self.text.is_empty() && (is_conditional || !is_between);
        if !is_new {
            self.is_loose |= self.has_items && self.ahead > 0 && !self.text.is_empty();
            self.text_to_last();
            return self.last().map(|last| last.add(code)).unwrap_or_default();
        }
        let text = self.text.pop().unwrap_or_else(|| self.title());
        let mut step = RunbookStep { text, is_conditional, ..RunbookStep::default() };
        step.add(code);
        self.push(step);
        self.has_prose = true;
    }

    /// Makes a numbered heading a step.
    fn begin_step(&mut self) {
        if self.is_step && self.last().is_none() {
            let (text, number) = (self.heading.clone(), self.number.clone());
            self.all.push(RunbookStep { text, number, ..RunbookStep::default() });
            self.text_to_last();
        }
    }

    fn title(&self) -> String {
        if self.heading.is_empty() { self.all.section.title.clone() } else { self.heading.clone() }
    }

    fn end(mut self) {
        self.begin_step();
        self.prose();
        if self.text.is_empty() {
            return;
        }
        // A group without steps: its heading introduces its text.
        let heading = std::mem::take(&mut self.heading);
        let mut text = std::mem::take(&mut self.text);
        let has_steps = !self.all.section.steps.is_empty();
        if has_steps && !self.is_reference && !heading.is_empty() && is_imperative(&text[0]) {
            let mut step = RunbookStep { text: format!("{heading}: {}", text.remove(0)), ..RunbookStep::default() };
            text.iter().for_each(|text| add_line(&mut step.text, text));
            return self.all.push(step);
        }
        let text = Some(heading).filter(|heading| !heading.is_empty()).into_iter().chain(text);
        match self.all.section.steps.last_mut() {
            Some(last) => text.for_each(|text| add_line(&mut last.text, &text)),
            None => self.all.section.introduction.extend(text),
        }
    }
}

/// Whether a paragraph is the rows of a table.
fn is_table(text: &str) -> bool {
    text.contains('\n') && text.contains("  ")
}

/// Makes lettered paragraphs items: `a) Stop it`, `b) Start it`.
fn with_lettered_items(blocks: Vec<Block>) -> Vec<Block> {
    let mut expected = 'a'..='z';
    let mut next = expected.next();
    let is_item = |block: &Block| match block {
        Block::Paragraph(text) if lettered(text).is_some_and(|(letter, _)| letter.chars().next() == next) => {
            next = expected.next();
            true
        }
        _ => false,
    };
    let are_items: Vec<bool> = blocks.iter().map(is_item).collect();
    if are_items.iter().filter(|is_item| **is_item).count() < LETTERED_MIN {
        return blocks;
    }
    let items = blocks.into_iter().zip(are_items).map(|(block, is_item)| match block {
        Block::Paragraph(text) if is_item => Block::Item(lettered_step(&text)),
        block => block,
    });
    items.collect()
}

fn lettered_step(text: &str) -> RunbookStep {
    let (letter, text) = lettered(text).unwrap_or(("", text));
    RunbookStep { text: text.to_owned(), number: Some(letter.to_owned()), ..RunbookStep::default() }
}

#[cfg(test)]
mod tests {
    use super::super::Document;

    /// The text and the number of commands of each step.
    fn steps(text: &str) -> Vec<(String, usize)> {
        let sections = Document::read(text).sections.into_iter();
        sections.flat_map(|section| section.steps).map(|step| (step.text, step.commands.len())).collect()
    }

    fn step(text: &str, commands: usize) -> (String, usize) {
        (text.to_owned(), commands)
    }

    #[test]
    fn prose_after_a_numbered_list_is_a_step_after_it() {
        let read = steps(
            "# T\n\n1. Stop it.\n2. Start it.\n\nReload the proxy:\n\n```sh\nreload\n```\n\nThe service is up.\n\n## Two\n\n1. Look.\n\nThe queue \
             is empty.\n\nInform the owner.\n",
        );
        let expected = [
            step("Stop it.", 0),
            step("Start it.", 0),
            step("Reload the proxy:\nThe service is up.", 1),
            step("Look.", 0),
            step("The queue is empty.", 0),
            step("Inform the owner.", 0),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn code_outside_its_item_belongs_to_the_item_and_a_condition_divides_it() {
        let read = steps(
            "# T\n\n1. Stop it\n\nRun:\n\n```sh\nstop w\n```\n\n2. Start it\n\nRun:\n\n```sh\nstart w\n```\n\nIf this fails:\n\n```sh\nstart x\n```\n",
        );
        let expected = [step("Stop it\nRun:", 1), step("Start it\nRun:", 1), step("If this fails:", 1)];
        assert_eq!(read, expected);
    }
}
