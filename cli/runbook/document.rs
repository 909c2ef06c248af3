//! The sections and steps of a written runbook.

use super::{
    blocks::Block,
    conditions::introduces,
    front_matter,
    headings::{self, is_contingency, is_numbered, is_of_contacts, is_of_prerequisites},
    html::{self, Title},
    markdown,
    section::section,
    step::{RunbookSection, RunbookStep, add_line},
    text,
};

/// A parsed runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The title; empty if the document has none.
    pub title: String,
    /// The sections that precede the steps and describe the background.
    pub introduction: Vec<String>,
    /// The text that a person must read first: the text below the title, conditions, warnings, contacts.
    pub notices: Vec<String>,
    /// The sections, in order.
    pub sections: Vec<RunbookSection>,
}

impl Document {
    /// Reads HTML, text with numbered sections, or else Markdown. Numbered items and the rows of a table of steps are steps. A
    /// section without them has a step for each bullet, for each code block with the preceding text, and for each numbered
    /// heading. A section without any of these is introduction. Front matter above the text is only read for its title.
    pub fn read(document: &str) -> Self {
        let document = document.strip_prefix('\u{feff}').unwrap_or(document);
        let (title, document) = front_matter::split(document);
        if html::is_html(document) {
            let (known, blocks) = html::titled(document);
            return Document::of(known, title, blocks);
        }
        let blocks = text::blocks(document).unwrap_or_else(|| markdown::blocks(document));
        Document::of(Title::default(), title, blocks)
    }

    /// A document with a title from its page, and with one from its front matter.
    fn of(known: Title, of_front_matter: String, blocks: Vec<Block>) -> Self {
        let (found, parts) = parts(blocks, !of_front_matter.is_empty());
        let titles = [known.heading, found, of_front_matter, known.element];
        let title = titles.into_iter().find(|title| !title.is_empty()).unwrap_or_default();
        let mut document = Document { title, ..Document::default() };
        let has_headings = parts.iter().any(|(title, _)| !title.is_empty());
        let sections: Vec<(RunbookSection, Vec<String>)> = parts
            .into_iter()
            .map(|(title, blocks)| {
                let is_reference = if title.is_empty() { has_headings } else { is_reference(&title) };
                section(title, blocks, is_reference)
            })
            .collect();
        // Numbered headings above prose are the steps of one section, if all of them are.
        let is_flat = sections.iter().all(|(section, _)| {
            !is_numbered(&section.title) || section.steps.is_empty() || is_contingency(&section.title)
        });
        let has_contingencies = !is_contingency(&document.title);
        for (mut section, quotes) in sections {
            section.is_contingency = has_contingencies && is_contingency(&section.title);
            if section.steps.is_empty() && is_flat && is_flat_step(&section) {
                let step = step_of(std::mem::take(&mut section.title), &section.introduction, &quotes);
                document.add_flat_step(step);
                continue;
            }
            document.add(section, quotes);
        }
        // A document only about such cases has no other steps.
        if document.sections.iter().all(|section| section.is_contingency) {
            document.sections.iter_mut().for_each(|section| section.is_contingency = false);
        }
        let title = &document.title;
        document.sections.iter_mut().for_each(|section| mark_conditional(section, title));
        document
    }

    /// Adds a numbered heading above prose to the section of such headings.
    fn add_flat_step(&mut self, step: RunbookStep) {
        let last = self.sections.last_mut();
        match last.filter(|last| last.steps.iter().all(|step| is_numbered(&step.text))) {
            Some(last) => last.steps.push(step),
            None => {
                let title = self.title_of_steps();
                self.sections.push(RunbookSection { title, steps: vec![step], ..RunbookSection::default() });
            }
        }
    }

    /// The title of a section that has none: the document's, for its first section.
    fn title_of_steps(&self) -> String {
        match self.title.as_str() {
            "" => "Steps".to_owned(),
            _ if !self.sections.is_empty() => "Steps".to_owned(),
            title => title.to_owned(),
        }
    }

    /// Adds a section. If it has no steps and is not a step itself, adds its texts to the introduction.
    fn add(&mut self, mut section: RunbookSection, quotes: Vec<String>) {
        let is_reference = section.title.is_empty() || is_reference(&section.title);
        // Prose after the first steps is a part of the procedure, unless its heading says that it is not.
        let has_commands = section.steps.iter().any(|step| !step.commands.is_empty());
        if is_of_prerequisites(&section.title) && !has_commands {
            let steps = section.steps.drain(..).map(|step| format!("- {}", step.text));
            section.introduction.extend(steps);
        }
        let is_step = section.is_contingency
            || is_numbered(&section.title)
            || (!self.sections.is_empty() && !section.introduction.is_empty());
        if section.steps.is_empty() && is_step && !is_reference {
            let text = std::mem::take(&mut section.introduction);
            let step = match text.split_first() {
                Some((question, rest)) => step_of(question.clone(), rest, &quotes),
                None => step_of(section.title.clone(), &[], &quotes),
            };
            section.steps.push(step);
        }
        if !section.steps.is_empty() {
            if section.title.is_empty() {
                section.title = self.title_of_steps();
            }
            return self.sections.push(section);
        }
        let text = Some(section.title.clone()).filter(|title| !title.is_empty()).into_iter();
        let text = text.chain(section.introduction);
        self.notices.extend(quotes);
        if !headings::is_reference(&section.title) || is_of_contacts(&section.title) {
            return self.notices.extend(text);
        }
        match self.sections.last_mut() {
            Some(last) => last.remarks.extend(text),
            None => self.introduction.extend(text),
        }
    }
}

/// The title, and the blocks below each heading of a section. If the title is known, only a heading of the first level replaces it.
fn parts(blocks: Vec<Block>, is_titled: bool) -> (String, Vec<(String, Vec<Block>)>) {
    let title_at = blocks.iter().position(|block| matches!(block, Block::Heading(..)));
    let first_level = title_at.and_then(|at| level(&blocks[at]));
    // A single heading above all others is the title.
    let is_title = first_level.is_some_and(|first| {
        let is_first = title_at == Some(0) && (first == 1 || !is_titled);
        is_first && blocks.iter().skip(1).all(|block| level(block).is_none_or(|level| level > first))
    });
    let section_level = blocks.iter().skip(usize::from(is_title)).filter_map(level).min();
    let mut title = String::new();
    let mut parts: Vec<(String, Vec<Block>)> = vec![(String::new(), Vec::new())];
    // The level of the contingency that is inside a section: the next heading of this level ends it.
    let mut contingency: Option<u8> = None;
    for (index, block) in blocks.into_iter().enumerate() {
        match block {
            Block::Heading(_, text) if is_title && index == 0 => title = text,
            Block::Heading(level, text)
                if Some(level) == section_level
                    || is_contingency(&text)
                    || contingency.is_some_and(|contingency| level <= contingency) =>
            {
                contingency = (Some(level) != section_level && is_contingency(&text)).then_some(level);
                parts.push((text, Vec::new()));
            }
            block => parts.last_mut().map(|(_, blocks)| blocks.push(block)).unwrap_or_default(),
        }
    }
    (title, parts)
}

/// Whether a section is read, not done, unless it has items or code.
fn is_reference(title: &str) -> bool {
    headings::is_reference(title) || is_of_prerequisites(title)
}

/// Marks the steps whose question, or whose section, names a condition. Sections for failures are run only in that case anyway,
/// and the title of a document says when all of it is used.
fn mark_conditional(section: &mut RunbookSection, title: &str) {
    let is_conditional = !section.is_contingency && section.title != title && introduces(&section.title);
    for step in section.steps.iter_mut().filter(|step| !step.commands.is_empty()) {
        step.is_conditional |= is_conditional || introduces(step.text.lines().next().unwrap_or_default());
    }
}

fn level(block: &Block) -> Option<u8> {
    match block {
        Block::Heading(level, _) => Some(*level),
        _ => None,
    }
}

/// Whether a section without steps is a step of a document of numbered headings.
fn is_flat_step(section: &RunbookSection) -> bool {
    is_numbered(&section.title) && !section.is_contingency && !is_reference(&section.title)
}

/// A step of a heading or a paragraph with the text that follows it.
fn step_of(question: String, text: &[String], quotes: &[String]) -> RunbookStep {
    let number = headings::number_in("", &question);
    let mut step = RunbookStep { text: question, number, ..RunbookStep::default() };
    text.iter().for_each(|text| add_line(&mut step.text, text));
    step.preface(quotes);
    step
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
    fn bullets_are_steps_where_a_section_has_no_others() {
        let text = "# Fail over\n\n## Stop\n\n1. Stop writes.\n\n- a note\n\n## Promote\n\nCarefully.\n\n- Promote `db2`\n- Tell the team\n";
        let document = Document::read(text);
        assert_eq!(document.sections[1].title, "Promote");
        assert_eq!(titles(&document)[1].1, ["Promote `db2`", "Tell the team"]);
        assert_eq!(
            (titles(&document)[0].1.len(), &document.sections[1].introduction[..]),
            (1, &["Carefully.".to_owned()][..])
        );
    }

    #[test]
    fn numbered_items_are_steps_with_their_commands_and_sub_items() {
        let document = Document::read(
            "# Fail over\n\nWhy and when.\n\n## Background\n\nProse only.\n\n## Drain\n\nRead first.\n\n1. Stop the writer:\n\n   ```sh\n   \
             systemctl stop w\n   ```\n\n2. Wait\n   about 5 minutes.\n   - on a\n   - on b\n\n## Check\n\n1. Open `/health`.\n",
        );
        assert_eq!(document.title, "Fail over");
        assert_eq!(document.introduction, ["Background", "Prose only."]);
        assert_eq!(document.notices, ["Why and when."]);
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
            Document { notices: vec!["nothing to do".into()], ..Document::default() }
        );
    }

    #[test]
    fn numbered_headings_are_steps_with_or_without_commands() {
        let document = Document::read(
            "# Fail over\n\n## Overview\n\nWhy.\n\n## Procedure\n\n### Step 1: Tell the team (2 min)\n\nIn the channel.\n\n\
             ### Step 2: Stop it\n\nRun:\n\n```\nstop\n```\n\nIt says stopped.\n\n### Step 3: Check\n",
        );
        let expected = [
            "Step 1: Tell the team (2 min)\nIn the channel.",
            "Step 2: Stop it\nRun:\nIt says stopped.",
            "Step 3: Check",
        ];
        assert_eq!(titles(&document), [("Procedure", expected.to_vec())]);
        let flat = Document::read("# T\n\n## 1. Stop it\n\nNow.\n\n## 2. Start it\n\nThen.\n\n## Notes\n\nNone.\n");
        assert_eq!(titles(&flat), [("T", vec!["1. Stop it\nNow.", "2. Start it\nThen."])]);
        assert_eq!(flat.sections[0].remarks, ["Notes", "None."]);
    }

    #[test]
    fn prose_after_steps_is_a_step_and_a_table_of_contents_and_outputs_are_none() {
        let document = Document::read(
            "# Restore\n\n1. [Stop](#stop)\n2. [Start](#start)\n\n## Stop\n\n1. Stop it:\n\n   ```\n   stop\n   ```\n\n   Example output:\n\n   \
             ```\n   stopped\n   ```\n\n## Start\n\nAsk the owner to start it.\n\n## See also\n\nThe manual.\n",
        );
        let expected =
            [("Stop", vec!["Stop it:\nExample output:\n  stopped"]), ("Start", vec!["Ask the owner to start it."])];
        assert_eq!(titles(&document), expected);
        assert_eq!(document.sections[0].steps[0].commands, ["stop"]);
        assert_eq!(document.sections[1].remarks, ["See also", "The manual."]);
    }

    #[test]
    fn headings_below_a_section_name_the_steps_after_them() {
        let document = Document::read("# T\n## S\n### First\n1. a\n### Second\n1. b\n");
        assert_eq!(titles(&document), [("S", vec!["First: a", "Second: b"])]);
    }

    #[test]
    fn every_bullet_is_a_step_also_between_code_blocks() {
        let document = Document::read(
            "# Renew\n\n## Renew\n\n- Make a new key:\n\n  ```sh\n  openssl genrsa\n  ```\n\n- Send the CSR to the CA\n- Install it:\n\n  \
             ```sh\n  install\n  ```\n- Close the ticket\n\n## Check\n\n* Look:\n\n```sh\nlook\n```\n\n* Ask\n\nFor example:\n\n```sh\nask\n```\n* Done\n\n\
             Then reload:\n\n```sh\nreload\n```\n",
        );
        let commands: Vec<Vec<usize>> = document
            .sections
            .iter()
            .map(|section| section.steps.iter().map(|step| step.commands.len()).collect())
            .collect();
        let renew = vec!["Make a new key:", "Send the CSR to the CA", "Install it:", "Close the ticket"];
        let check = vec!["Look:", "Ask\nFor example:", "Done", "Then reload:"];
        assert_eq!(titles(&document), [("Renew", renew), ("Check", check)]);
        assert_eq!(commands, [[1, 0, 1, 0], [1, 1, 0, 1]]);
    }

    #[test]
    fn output_that_the_text_announces_is_text_and_a_table_of_steps_is_steps() {
        let document = Document::read(
            "# T\n\n## Check\n\n1. Ask every member:\n\n   ```sh\n   etcdctl endpoint status\n   ```\n\n   You should see one leader:\n\n   \
             ```\n   | a | true |\n   | b | false |\n   ```\n2. Next\n\n| Step | Command | Expected |\n|---|---|---|\n| Stop | `stop w` | stopped |\n",
        );
        let expected = [
            "Ask every member:\nYou should see one leader:\n  | a | true |\n  | b | false |",
            "Next",
            "Stop\nExpected: stopped",
        ];
        assert_eq!(titles(&document), [("Check", expected.to_vec())]);
        assert_eq!(document.sections[0].steps[0].commands, ["etcdctl endpoint status"]);
        assert_eq!(document.sections[0].steps[2].commands, ["stop w"]);
    }

    #[test]
    fn a_quote_belongs_to_the_step_that_follows_or_else_precedes() {
        let document = Document::read(
            "# T\n\n> **Warning** Data is lost.\n\n## S\n\n1. a\n\n> Before b.\n\n2. b\n   more\n\n> At the end.\n\n## Contacts\n\n\
             | Who | Phone |\n|---|---|\n| Ann | 17 |\n",
        );
        assert_eq!(titles(&document), [("S", vec!["a", "b more\nBefore b.\nAt the end."])]);
        assert_eq!(document.notices, ["Warning Data is lost.", "Contacts", "Who  Phone\nAnn  17"]);
    }

    #[test]
    fn prerequisites_are_notices_and_a_conditional_section_is_marked() {
        let document = Document::read(
            "# T\n\n## Prerequisites\n\n- a token\n- a host\n\n## If you use TLS\n\n1. Renew it:\n\n   ```sh\n   renew w\n   ```\n\n## Contacts\n\n- Ann\n",
        );
        assert_eq!(titles(&document), [("If you use TLS", vec!["Renew it:"])]);
        assert_eq!(document.notices, ["Prerequisites", "- a token", "- a host", "Contacts", "- Ann"]);
        assert!(document.sections[0].steps[0].is_conditional);
    }

    #[test]
    fn sections_keep_their_titles_and_those_for_failures_are_marked() {
        let document = Document::read(
            "# Upgrade\n\n## 1. Overview\n\nWhy.\n\n## Step 2: Prepare\n\n1. a\n\n### If it fails\n\n- undo a\n\n### Then\n\n1. b\n\n## Step 3: \
             Verify\n\nLook at it.\n\n## Rollback\n\n1. c\n\n## Escalation\n\nCall Ann.\n",
        );
        let expected = [
            ("Step 2: Prepare", vec!["a"]),
            ("If it fails", vec!["undo a"]),
            ("Then", vec!["b"]),
            ("Step 3: Verify", vec!["Look at it."]),
            ("Rollback", vec!["c"]),
            ("Escalation", vec!["Call Ann."]),
        ];
        assert_eq!(titles(&document), expected);
        let marked: Vec<bool> = document.sections.iter().map(|section| section.is_contingency).collect();
        assert_eq!(marked, [false, true, false, false, true, true]);
        assert_eq!(document.introduction, ["1. Overview", "Why."]);
        let only = Document::read("# Rollback\n\n## Rollback\n\n1. c\n");
        assert!(!only.sections[0].is_contingency);
    }
}
