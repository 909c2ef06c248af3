//! The continuation of an execution that a Fail state of its definition ended.

use api::view::{StateView, View};

use super::lines::title;
use crate::{
    proposed::{self, OPTIONS, quote_id},
    shell::quote_name,
};

/// The command that enters the state before the Fail state again; `None` if no such state calls anything, or for an execution at Step
/// Functions, which enters no earlier state again.
fn resume(view: &View) -> Option<String> {
    let state = view.state_before_fail().filter(|_| !proposed::is_at_step_functions())?;
    Some(format!("flow resume {} --from {}{OPTIONS}", quote_id(&view.id), quote_name(state)))
}

/// A description of the state at which the execution continues.
fn which(view: &View) -> &'static str {
    if view.rejected_before_fail().is_some() { "the rejected step" } else { "the state before it" }
}

/// The command that runs the same input again.
fn run_again(view: &View) -> String {
    proposed::run_again(None, &view.id, &view.environment)
}

/// The lines of a failure screen.
pub fn lines(view: &View, fail: &StateView) -> Vec<String> {
    let title = title(view, &fail.path);
    let mut lines = vec![format!(
        "  The workflow ended itself with this error, in the Fail state \"{title}\": a resume runs only that state again."
    )];
    lines.extend(resume(view).map(|command| format!("  To continue at {}:   {command}", which(view))));
    lines.push(format!("  To run it again with the same input:   {}", run_again(view)));
    lines
}

/// The message and the hint that refuse a resume which would only run the Fail state again; `None` if no Fail state ended the execution.
pub fn refusal(view: &View) -> Option<(String, String)> {
    let fail = view.ended_by_fail()?;
    let id = &view.id;
    let title = title(view, &fail.path);
    let message =
        format!("the Fail state \"{title}\" ended {id}, and a resume runs only that state again: nothing was changed");
    let again = match view.was_refused() {
        true => format!("{} --set KEY=VALUE   runs it again with a changed input", run_again(view)),
        false => format!("{}   runs it again with the same input", run_again(view)),
    };
    let hint = match resume(view) {
        Some(command) => format!("{command}   continues at {}; {again}", which(view)),
        None => again,
    };
    Some((message, hint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::journal::{ErrorAndCause, HistoryEventDetails, Note, StateType, StepFailure};

    use super::*;
    use crate::ui::story::{Story, sections};

    fn failed_after(state_type: StateType) -> Story {
        let mut story = Story::new("shop-7k3f", &sections(&["Check the stock"]));
        story.enter(0.0, "", state_type, "Check the stock").exit(1.0, "", state_type, "Check the stock");
        story.enter(1.0, "", StateType::Fail, "Sold out");
        let failure = StepFailure { error: "SoldOut".to_owned(), cause: String::new(), details: None };
        story.note(1.0, Note::Failure { state_path: "Sold out".to_owned(), attempt: 1, failure });
        let ended = ErrorAndCause { error: "SoldOut".to_owned(), cause: String::new() };
        story.event(1.0, "", HistoryEventDetails::ExecutionFailed(ended));
        story
    }

    #[test]
    fn after_a_fail_state_the_state_before_it_is_proposed_if_it_calls_something() {
        let story = failed_after(StateType::Task);
        let (message, hint) = refusal(&story.view).unwrap();
        assert!(message.contains("the Fail state \"Sold out\" ended shop-7k3f"), "{message}");
        assert!(hint.starts_with("flow resume shop-7k3f --from 'Check the stock'   continues"), "{hint}");
        assert!(hint.contains("flow run --again shop-7k3f   runs it again"), "{hint}");
        let story = failed_after(StateType::Choice);
        let (_, hint) = refusal(&story.view).unwrap();
        assert!(hint.starts_with("flow run --again shop-7k3f"), "the same input leads to the same end: {hint}");
    }
}
