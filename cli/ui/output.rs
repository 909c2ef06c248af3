//! The output of an execution that succeeded, for people. Its lines are never broken: what a person copies is the value.

use api::view::View;
use engine::machine::ExecutionStatus;
use serde_json::Value;

use super::text::{field_lines, indented, json_text, shortened};
use crate::proposed::{OPTIONS, quote_id};

/// The most lines of an output that `flow status` shows.
const LINES_SHOWN_MAX: usize = 12;
/// The most characters of each.
const CHARACTERS_SHOWN_MAX: usize = 400;

/// The lines of the output; none if it is null, an empty text or has no fields.
pub fn lines(view: &View) -> Vec<String> {
    match &view.output {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(output)) => output.iter().flat_map(|(name, value)| field_lines(name, value, 2)).collect(),
        Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![format!("  {}", indented(text, 2))],
        Some(other) => vec![format!("  {}", json_text(other))],
    }
}

/// The first lines of the output of an execution that succeeded, and the command that shows all of it.
pub fn first_lines(view: &View) -> Vec<String> {
    if view.status != ExecutionStatus::Succeeded {
        return Vec::new();
    }
    let lines = lines(view);
    let all: Vec<&str> = lines.iter().flat_map(|line| line.split('\n')).collect();
    let mut shown: Vec<String> =
        all.iter().take(LINES_SHOWN_MAX).map(|line| shortened(line, CHARACTERS_SHOWN_MAX)).collect();
    if all.len() > shown.len() || shown.iter().zip(&all).any(|(shown, line)| shown != line) {
        shown.push(format!("  The complete output:   flow status {} -o json{OPTIONS}", quote_id(&view.id)));
    }
    shown
}

#[cfg(test)]
mod tests {
    use engine::journal::{HistoryEventDetails, StateType};
    use serde_json::json;

    use super::*;
    use crate::ui::story::{Story, sections};

    fn succeeded(output: Value) -> View {
        let mut story = Story::new("report-7k3f", &sections(&["One"]));
        story.section(0.0, 1.0, "One").enter(1.0, "", StateType::Succeed, "End");
        story.event(2.0, "", HistoryEventDetails::ExecutionSucceeded { output: Default::default() });
        story.view.output = Some(output);
        story.view
    }

    #[test]
    fn an_output_is_shown_shortened_with_the_command_that_shows_all() {
        assert_eq!(first_lines(&succeeded(json!("hello ann"))), ["  hello ann"]);
        assert_eq!(first_lines(&succeeded(json!({ "dns": "lb-1" }))), ["  dns: lb-1"]);
        let long = first_lines(&succeeded(json!((0..20).map(|n| format!("line {n}\n")).collect::<String>())));
        assert_eq!(long.len(), LINES_SHOWN_MAX + 1);
        assert_eq!(long.last().map(String::as_str), Some("  The complete output:   flow status report-7k3f -o json"));
        assert_eq!(first_lines(&succeeded(json!("x".repeat(500)))).len(), 2);
        for nothing in [json!(null), json!({}), json!(""), json!(" \n")] {
            assert!(first_lines(&succeeded(nothing)).is_empty());
        }
        let mut runs = succeeded(json!("early"));
        runs.status = ExecutionStatus::Running;
        assert!(first_lines(&runs).is_empty());
    }

    #[test]
    fn json_in_an_output_is_json_when_it_is_copied() {
        let value = json!(["ok 日本 and more words than a line has", "\u{202e}\u{9b}\u{7f}", "a\nb"]);
        let lines = lines(&succeeded(json!({ "all": value })));
        assert_eq!(lines.len(), 1);
        let copied = lines[0].trim_start().strip_prefix("all: ").unwrap_or_default();
        assert_eq!(serde_json::from_str::<Value>(copied).ok(), Some(value));
        assert_eq!(crate::ui::text::visible(copied), copied);
    }
}
