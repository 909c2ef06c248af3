//! Reads an item of a list as steps.

use super::{
    conditions::introduces,
    step::{RunbookStep, add_line},
};

/// An item that is being read.
#[derive(Default)]
pub(super) struct OpenItem {
    /// The item's number in the document.
    pub(super) number: Option<String>,
    /// The steps that are complete.
    steps: Vec<RunbookStep>,
    /// The step that is being read.
    step: RunbookStep,
    /// The position of the last paragraph in the text of the step, if the paragraph may introduce code.
    lead_at: Option<usize>,
}

impl OpenItem {
    pub(super) fn new(number: Option<String>) -> Self {
        OpenItem { number, ..OpenItem::default() }
    }

    /// Adds a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        let at = self.step.text.len();
        self.lead_at = Some(if at == 0 { 0 } else { at + 1 });
        add_line(&mut self.step.text, text);
    }

    /// Adds lines that introduce no code.
    pub(super) fn line(&mut self, lines: &str) {
        self.lead_at = None;
        add_line(&mut self.step.text, lines);
    }

    /// Adds a code block. Code after a condition, and code that follows it in the item, is a step of its own.
    pub(super) fn typed(&mut self, code: RunbookStep) {
        let lead_at = self.lead_at.take();
        if let Some(at) = lead_at
            && !code.commands.is_empty()
        {
            let is_condition = self.step.text.get(at..).is_some_and(introduces);
            if at > 0 && (is_condition || self.step.is_conditional) {
                let lead = self.step.text.split_off(at);
                self.step.text.truncate(at - 1);
                let text = lead.trim_start_matches("- ").to_owned();
                let step = RunbookStep { text, is_conditional: true, ..RunbookStep::default() };
                self.steps.push(std::mem::replace(&mut self.step, step));
            }
            self.step.is_conditional |= is_condition;
        }
        self.step.add(code);
    }

    /// Adds the items of a numbered list inside this one. If one of them has commands, all of them are steps.
    pub(super) fn nested(&mut self, mut nested: Vec<RunbookStep>) {
        if nested.iter().all(|step| step.commands.is_empty()) {
            return nested.iter().for_each(|step| self.line(&format!("- {}", step.text)));
        }
        self.lead_at = None;
        let parent = std::mem::take(&mut self.step);
        let is_conditional = parent.is_conditional || introduces(&parent.text);
        for step in &mut nested {
            step.is_conditional |= is_conditional;
            step.number = match (&self.number, step.number.take()) {
                (Some(item), Some(number)) => Some(format!("{item}.{number}")),
                _ => None,
            };
        }
        match nested.first_mut() {
            Some(first) if parent.commands.is_empty() => {
                first.preface(&parent.text.lines().map(str::to_owned).collect::<Vec<_>>());
            }
            _ => self.steps.push(parent),
        }
        self.steps.extend(nested);
    }

    /// The steps of the item, numbered as the item is: `2`, `2a`.
    pub(super) fn into_steps(self) -> Vec<RunbookStep> {
        let mut steps = self.steps;
        steps.push(self.step);
        steps.retain(|step| !step.is_empty());
        let Some(number) = self.number else { return steps };
        for (letter, (index, step)) in ('`'..='z').zip(steps.iter_mut().enumerate()) {
            let own = || if index == 0 { number.clone() } else { format!("{number}{letter}") };
            step.number.get_or_insert_with(own);
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;

    /// The text and the number of each step, and whether a person decides about it.
    fn steps(text: &str) -> Vec<(String, String, usize, bool)> {
        let document = Document::read(text);
        let steps = document.sections.into_iter().flat_map(|section| section.steps);
        steps
            .map(|step| (step.number.unwrap_or_default(), step.text, step.commands.len(), step.is_conditional))
            .collect()
    }

    fn step(number: &str, text: &str, commands: usize, is_conditional: bool) -> (String, String, usize, bool) {
        (number.to_owned(), text.to_owned(), commands, is_conditional)
    }

    #[test]
    fn code_after_a_condition_is_a_step_of_its_own_that_a_person_decides_about() {
        let read = steps(
            "# T\n\n1. Stop it:\n\n   ```sh\n   systemctl stop x\n   ```\n\n   If this fails, kill it:\n\n   ```sh\n   kill -9 1\n   ```\n\n   \
             Then clean up:\n\n   ```sh\n   rm lock\n   ```\n2. Unless it is empty, flush the queue:\n\n   ```sh\n   flush\n   ```\n3. Start it.\n   If it hangs, call Ann.\n",
        );
        let expected = [
            step("1", "Stop it:", 1, false),
            step("1a", "If this fails, kill it:", 1, true),
            step("1b", "Then clean up:", 1, true),
            step("2", "Unless it is empty, flush the queue:", 1, true),
            step("3", "Start it. If it hangs, call Ann.", 0, false),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn numbered_items_with_commands_inside_an_item_are_steps() {
        let read = steps(
            "# T\n\n1. Fence the primary.\n\n   1. Stop the service:\n\n      ```sh\n      systemctl stop w\n      ```\n   2. Remove it:\n\n      \
             ```sh\n      rm w\n      ```\n   3. Note the time\n2. Check\n   1. the log\n   2. the queue\n",
        );
        let expected = [
            step("1.1", "Stop the service:\nFence the primary.", 1, false),
            step("1.2", "Remove it:", 1, false),
            step("1.3", "Note the time", 0, false),
            step("2", "Check\n- the log\n- the queue", 0, false),
        ];
        assert_eq!(read, expected);
    }
}
