//! The automated part of a runbook.

use api::flow::APPROVAL;
use engine::asl::each_state;
use serde_json::Value;

use crate::ui::text::counted;

/// The Tasks of a definition by who does them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automation {
    /// The number of Tasks.
    pub steps: usize,
    /// The names of the Tasks that ask a person, in the order of the definition.
    pub by_hand: Vec<String>,
}

impl Automation {
    /// Counts the Tasks of a definition.
    pub fn of(definition: &Value) -> Self {
        let mut automation = Automation { steps: 0, by_hand: Vec::new() };
        each_state(definition, &mut |state| {
            let Some(resource) = state.json["Resource"].as_str() else { return };
            automation.steps += 1;
            if resource.starts_with(APPROVAL) {
                automation.by_hand.push(state.name.to_owned());
            }
        });
        automation
    }

    /// The result in one or two sentences, for people.
    pub fn sentence(&self) -> String {
        let automated = self.steps - self.by_hand.len();
        let mut text = format!("{automated} of {} automated.", counted(self.steps, "step"));
        if !self.by_hand.is_empty() {
            text.push_str(&format!(" By hand: {}.", self.by_hand.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Automation;

    #[test]
    fn approvals_are_what_is_done_by_hand() {
        let task = |resource: &str| json!({ "Type": "Task", "Resource": resource });
        let branch =
            json!({ "States": { "Inform/ask": task("flow:approval:request"), "Do": task("flow:process:run") } });
        let definition = json!({ "States": { "S": { "Branches": [branch] }, "P": { "Type": "Pass" },
                                             "Send": task("arn:aws:states:::sqs:sendMessage") } });
        let automation = Automation::of(&definition);
        assert_eq!(automation.sentence(), "2 of 3 steps automated. By hand: Inform/ask.");
        assert_eq!(Automation::of(&json!({})).sentence(), "0 of 0 steps automated.");
    }
}
