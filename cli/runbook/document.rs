//! The sections and steps of a written runbook.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    blocks::{Block, add_line},
    html, markdown, text,
};

/// A parsed runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The title; empty if the document has none.
    pub title: String,
    /// The paragraphs preceding the first section with steps.
    pub introduction: Vec<String>,
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// A section with steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The paragraphs preceding the first step.
    pub introduction: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// A step of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The text. Further paragraphs are separate lines.
    pub text: String,
    /// The code blocks, as written.
    pub commands: Vec<String>,
}

impl Document {
    /// Reads HTML, text with numbered sections, or else Markdown. Numbered items are steps. A section without numbered
    /// items has a step for each code block, with the preceding text, and for each numbered heading. A section without
    /// any of these is introduction.
    pub fn read(document: &str) -> Self {
        if html::is_html(document) {
            return Document::of(html::blocks(document));
        }
        Document::of(text::blocks(document).unwrap_or_else(|| markdown::blocks(document)))
    }

    fn of(blocks: Vec<Block>) -> Self {
        let title_at = blocks.iter().position(|block| matches!(block, Block::Heading(..)));
        let first_level = title_at.and_then(|at| level(&blocks[at]));
        // A single heading above all others is the title.
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
            // Numbered headings above prose are the steps of one section.
            if is_numbered(&section.title) && section.steps.is_empty() {
                let lines = std::iter::once(section.title).chain(section.introduction);
                let step = Step { text: lines.collect::<Vec<_>>().join("\n"), commands: Vec::new() };
                let last = document.sections.last_mut();
                if let Some(last) = last.filter(|last| last.steps.iter().all(|step| is_numbered(&step.text))) {
                    last.steps.push(step);
                    continue;
                }
                section = Section { steps: vec![step], ..Section::default() };
            }
            // Prose after the first steps is a part of the procedure, unless its heading says that it is not.
            if section.steps.is_empty()
                && !document.sections.is_empty()
                && !section.introduction.is_empty()
                && !section.title.is_empty()
                && !is_reference(&section.title)
            {
                let text = std::mem::take(&mut section.introduction).join("\n");
                section.steps.push(Step { text, commands: Vec::new() });
            }
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

/// Whether a heading is a step: `Step 3: Drain`, `3. Drain`, `3) Drain`.
fn is_numbered(heading: &str) -> bool {
    static NUMBERED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)^(?:(?:step|phase|task)\s+\d+\b|\d+[.)]\s)").ok());
    NUMBERED.as_ref().is_some_and(|numbered| numbered.is_match(heading))
}

/// Whether a heading is of a section to which a procedure refers.
fn is_reference(heading: &str) -> bool {
    const WORDS: [&str; 12] = [
        "notes",
        "note",
        "references",
        "reference",
        "see",
        "links",
        "appendix",
        "contacts",
        "related",
        "changelog",
        "history",
        "resources",
    ];
    heading.split(|c: char| !c.is_alphabetic()).any(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

fn level(block: &Block) -> Option<u8> {
    match block {
        Block::Heading(level, _) => Some(*level),
        _ => None,
    }
}

/// The section of the blocks below one heading. A heading inside it becomes the prefix of the steps that follow it.
fn section(title: String, blocks: Vec<Block>) -> Section {
    let numbered = blocks.iter().any(|block| matches!(block, Block::Item(_)));
    let mut section = Section { title, ..Section::default() };
    let (mut heading, mut steps_before) = (String::new(), 0);
    let mut before: Vec<String> = Vec::new();
    for block in blocks {
        match block {
            Block::Heading(_, text) => {
                end_heading(&mut section, &heading, steps_before, &mut before);
                (heading, steps_before) = (text, section.steps.len());
            }
            Block::Paragraph(text) => before.push(text),
            Block::Item(mut step) => {
                match section.steps.last_mut() {
                    // Text between two items belongs to the preceding item.
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
            // A numbered heading is one step with everything below it.
            Block::Code(code) if is_numbered(&heading) => {
                if section.steps.len() == steps_before {
                    section.steps.push(Step { text: heading.clone(), commands: Vec::new() });
                }
                if let Some(last) = section.steps.last_mut() {
                    before.drain(..).for_each(|text| add_line(&mut last.text, &text));
                    last.commands.push(code);
                }
            }
            Block::Code(code) => {
                let has_steps = section.steps.len() > steps_before;
                let mut text = before.pop().unwrap_or_default();
                // Text between two blocks belongs to the preceding step.
                match section.steps.last_mut().filter(|_| has_steps) {
                    Some(last) => before.drain(..).for_each(|text| add_line(&mut last.text, &text)),
                    None => section.introduction.append(&mut before),
                }
                let title = if heading.is_empty() { &section.title } else { &heading };
                match section.steps.last_mut() {
                    // A second block without text in between belongs to the same step.
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
    end_heading(&mut section, &heading, steps_before, &mut before);
    with_bullets(section)
}

/// Converts the bullets of a section without other steps to steps.
fn with_bullets(mut section: Section) -> Section {
    if !section.steps.is_empty() {
        return section;
    }
    let (bullets, prose): (Vec<_>, Vec<_>) =
        std::mem::take(&mut section.introduction).into_iter().partition(|text| text.starts_with("- "));
    let step = |text: String| Step { text: text.trim_start_matches("- ").to_owned(), commands: Vec::new() };
    section.steps = bullets.into_iter().map(step).collect();
    section.introduction = prose;
    section
}

/// Ends the part below a heading inside a section. A numbered heading without items and code becomes a step.
fn end_heading(section: &mut Section, heading: &str, steps_before: usize, before: &mut Vec<String>) {
    if section.steps.len() == steps_before && is_numbered(heading) {
        let lines = std::iter::once(heading.to_owned()).chain(before.drain(..));
        let text = lines.collect::<Vec<_>>().join("\n");
        return section.steps.push(Step { text, commands: Vec::new() });
    }
    match section.steps.last_mut() {
        Some(last) => before.drain(..).for_each(|text| add_line(&mut last.text, &text)),
        None => section.introduction.append(before),
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
        assert_eq!(flat.sections[0].introduction, ["Notes", "None."]);
    }

    #[test]
    fn prose_after_steps_is_a_step_and_a_table_of_contents_and_outputs_are_none() {
        let document = Document::read(
            "# Restore\n\n1. [Stop](#stop)\n2. [Start](#start)\n\n## Stop\n\n1. Stop it:\n\n   ```\n   stop\n   ```\n\n   Example output:\n\n   \
             ```\n   stopped\n   ```\n\n## Start\n\nAsk the owner to start it.\n\n## See also\n\nThe manual.\n",
        );
        let expected = [
            ("Stop", vec!["Stop it:\nExample output:\nIt prints: stopped"]),
            ("Start", vec!["Ask the owner to start it."]),
        ];
        assert_eq!(titles(&document), expected);
        assert_eq!(document.sections[0].steps[0].commands, ["stop"]);
        assert_eq!(document.sections[1].introduction, ["See also", "The manual."]);
    }

    #[test]
    fn headings_below_a_section_name_the_steps_after_them() {
        let document = Document::read("# T\n## S\n### First\n1. a\n### Second\n1. b\n");
        assert_eq!(titles(&document), [("S", vec!["First: a", "Second: b"])]);
    }
}
