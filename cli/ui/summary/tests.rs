//! The end of a watch, as it is shown for each kind of end.

use engine::{
    journal::{ErrorAndCause, HistoryEventDetails, Note},
    step::{ErrorClass, StepError},
};

use super::*;
use crate::ui::{
    junit,
    lines::lines,
    screen::Screen,
    story::{Story, approval, sections},
    tree::{Shown, tree},
};

fn plain(error: &str, cause: &str) -> StepFailure {
    StepFailure { error: error.to_owned(), cause: cause.to_owned(), details: None }
}

fn fails(story: &mut Story, at: f64, state_path: &str, failure: &StepFailure) {
    let (error, cause) = (failure.error.clone(), failure.cause.clone());
    story.note(at, Note::Failure { state_path: state_path.to_owned(), attempt: 1, failure: failure.clone() });
    story.event(at, "", HistoryEventDetails::ExecutionFailed(ErrorAndCause { error, cause }));
}

/// A rejection was caught, the section for the rollback ran, and a Fail state ended the execution.
fn rolled_back() -> Story {
    let mut story = Story::new("release-7k3f", &sections(&["Deploy", "Roll back"]));
    let (state_path, next) = ("Deploy".to_owned(), "Roll back".to_owned());
    let rejected = plain("Approval.Rejected", "\"Deploy/Ask\" was rejected by ann on host");
    let failed = Note::Failure { state_path: "Deploy/Ask".to_owned(), attempt: 1, failure: rejected.clone() };
    story.enter(0.0, "", StateType::Parallel, "Deploy").enter(0.0, "Deploy", StateType::Task, "Ask");
    story.note(5.0, failed).note(5.0, Note::Caught { state_path, next, failure: rejected });
    story.exit(5.0, "", StateType::Parallel, "Deploy").section(5.0, 9.0, "Roll back");
    story.enter(9.0, "", StateType::Fail, "Not completed");
    fails(&mut story, 9.0, "Not completed", &plain("NotCompleted", "The release was rolled back."));
    story
}

#[test]
fn the_headline_names_the_failure_that_ended_the_execution_and_not_a_caught_one() {
    let view = &rolled_back().view;
    let lines = end(view, false, Story::at(60.0));
    assert_eq!(lines[0], "✖ release-7k3f FAILED at \"Not completed\" after 9.0s   [NotCompleted]");
    assert_eq!(lines[1], "  The release was rolled back.");
    assert_eq!(lines[2], "  \"Deploy/Ask\" was rejected by ann on host", "who rejected what, once");
    assert!(lines[3].contains("The workflow ended itself"), "{lines:?}");
    assert!(lines[4].contains("flow resume release-7k3f --from 'Roll back'"), "{lines:?}");
    assert!(lines[5].contains("run --again release-7k3f"), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("Rejected")), "{lines:?}");
    let line = display_line(view, "FAILED", Story::at(60.0));
    let ended = "FAILED after 9.0s: NotCompleted: The release was rolled back.";
    assert_eq!(line, format!("{ended} To see why and how to continue:   flow status release-7k3f"));
    let report = junit::report([view].into_iter());
    assert!(report.contains("failures=\"0\" errors=\"1\"") && report.contains("NotCompleted"), "{report}");
    assert!(
        report.contains(
            "<skipped message=\"Approval.Rejected, caught\">&quot;Deploy/Ask&quot; was rejected by ann on host<"
        ),
        "{report}"
    );
}

#[test]
fn the_line_after_a_rejection_does_not_repeat_it() {
    let asked = || {
        let mut story = Story::new("release-7k3f", &sections(&["Ask"]));
        story.enter(0.0, "", StateType::Task, "Ask");
        story
    };
    let line = |story: &Story| line_after_rejection(&story.view, "FAILED", Story::at(60.0), ("Ask", "ann"));
    let rejected = |error: &str, cause: &str| {
        let mut story = asked();
        fails(&mut story, 9.0, "Ask", &plain(error, cause));
        line(&story)
    };
    let once = "FAILED after 9.0s. To see how to continue:   flow status release-7k3f";
    let cause = "\"Ask\" was rejected by ann on host: not on Friday";
    assert_eq!(rejected("Approval.Rejected", cause), once);
    let mut story = asked();
    let (state_path, next, failure) = ("Ask".to_owned(), "Not completed".to_owned(), plain("Approval.Rejected", cause));
    story.note(5.0, Note::Caught { state_path, next, failure }).enter(8.0, "", StateType::Fail, "Not completed");
    fails(&mut story, 9.0, "Not completed", &plain(api::RUNBOOK_NOT_COMPLETED, cause));
    assert_eq!(line(&story), once);
    for (error, cause) in
        [("Approval.Rejected", "\"Ask\" was rejected by bob on host"), ("Undone", "It was rolled back.")]
    {
        assert!(rejected(error, cause).contains(&format!("{error}: {}", cause.trim_end_matches('.'))), "{cause}");
    }
}

#[test]
fn a_success_after_a_caught_failure_counts_no_remainder() {
    let mut story = Story::new("release-7k3f", &sections(&["Deploy", "Roll back"]));
    let (state_path, next, failure) = ("Deploy".to_owned(), "Roll back".to_owned(), plain("Broken", "Lost."));
    story.enter(0.0, "", StateType::Parallel, "Deploy").note(5.0, Note::Caught { state_path, next, failure });
    story.exit(5.0, "", StateType::Parallel, "Deploy").section(5.0, 9.0, "Roll back");
    let screen = Screen { columns: 100, rows: 40, color: false, ascii: false };
    let header = |story: &Story, display_status| {
        let shown = Shown { view: &story.view, display_status, typical: None, now_ms: Story::at(9.0) };
        tree(&shown, &screen).first().map(|line| screen.paint(line)).unwrap_or_default()
    };
    assert!(header(&story, "RUNNING").contains("RUNNING   1/2"), "{}", header(&story, "RUNNING"));
    story.event(9.0, "", HistoryEventDetails::ExecutionSucceeded { output: Default::default() });
    assert!(header(&story, "SUCCEEDED").contains("SUCCEEDED   9.0s"), "{}", header(&story, "SUCCEEDED"));
}

#[test]
fn a_section_whose_rejection_was_caught_is_shown_as_failed_and_not_as_done() {
    let story = rolled_back();
    let shown = Shown { view: &story.view, display_status: "FAILED", typical: None, now_ms: Story::at(60.0) };
    let screen = Screen { columns: 100, rows: 40, color: false, ascii: false };
    let drawn: Vec<String> = tree(&shown, &screen).iter().map(|line| screen.paint(line)).collect();
    assert!(drawn[0].contains("FAILED   1/2"), "only the rollback is done: {drawn:#?}");
    assert!(
        drawn[1].starts_with(" ✖ Deploy ") && drawn[1].ends_with("\"Deploy/Ask\" was rejected by ann on host"),
        "{drawn:#?}"
    );
    assert!(drawn[2].starts_with(" ✔ Roll back "), "{drawn:#?}");
    let printed: Vec<String> = story.entries.iter().flat_map(|entry| lines(&story.view, entry)).collect();
    let printed = printed.join("\n");
    assert!(printed.contains("Caught    ( 1/2) Deploy: after 5.0s"), "{printed}");
    assert!(printed.contains("Completed ( 2/2) Roll back: after 4.0s"), "{printed}");
    assert!(!printed.contains("Completed ( 1/2)"), "{printed}");
}

#[test]
fn a_refused_input_is_proposed_with_a_change_only_and_a_rehearsal_stays_one() {
    let refused = |id: &str, error: &str| {
        let mut story = Story::new(id, &sections(&["Preflight"]));
        story.enter(0.0, "", StateType::Fail, "Refuse");
        fails(&mut story, 1.0, "Refuse", &plain(error, "Nothing was changed."));
        end(&story.view, false, Story::at(2.0)).join("\n")
    };
    let lines = refused("rehearsal-shop-7k3f", api::REFUSED);
    let command = "with --set KEY=VALUE for a changed input:   flow run --again rehearsal-shop-7k3f --rehearse";
    assert!(lines.contains(command), "{lines}");
    let lines = refused("rehearsal-shop-7k3f", "NotCompleted");
    assert!(lines.contains("flow run --again rehearsal-shop-7k3f --rehearse"), "{lines}");
    assert!(!refused("shop-7k3f", "NotCompleted").contains("--rehearse"));
}

#[test]
fn the_command_after_a_mistake_runs_the_corrected_file_with_the_same_input() {
    let mut story = Story::new("own-7k3f", &sections(&["Choose"]));
    story.view.environment = serde_json::json!({ "definition_file": "/flows/my own.asl.yaml" });
    story.enter(0.0, "", StateType::Choice, "Choose");
    fails(&mut story, 1.0, "Choose", &plain("States.NoChoiceMatched", "no choice"));
    let lines = end(&story.view, false, Story::at(2.0));
    let last = lines.last().map(String::as_str).unwrap_or_default();
    assert!(last.ends_with(":   flow run '/flows/my own.asl.yaml' --again own-7k3f"), "{lines:?}");
}

#[test]
fn the_command_that_continues_is_added_to_a_hint_that_names_the_repair_only() {
    let shown = |details: StepError| {
        let mut story = Story::new("shop-7k3f", &sections(&["Deploy"]));
        story.enter(0.0, "", StateType::Task, "Deploy");
        let failure = StepFailure { details: Some(details), ..plain("Flow.Permission", "no") };
        fails(&mut story, 1.0, "Deploy", &failure);
        end(&story.view, false, Story::at(2.0)).join("\n")
    };
    let error = || StepError::new(ErrorClass::Permission, "no");
    assert!(shown(error().hint("Allow it in IAM.")).ends_with("  Fix the cause, then   flow resume shop-7k3f"));
    let deleted = error().hint_of_new_execution("Delete it.");
    assert!(shown(deleted).ends_with("changed input:   flow run --again shop-7k3f"));
    let with_command = "To allow it:   FLOW_PROGRAMS=/bin/date flow resume shop-7k3f";
    assert!(shown(error().hint(with_command)).ends_with(with_command), "the other command would fail again");
}

#[test]
fn a_redriven_execution_is_as_long_as_it_was_active_and_asks_at_the_new_time() {
    let mut story = Story::new("release-7k3f", &sections(&["Deploy"]));
    let scheduled = || HistoryEventDetails::TaskScheduled {
        name: "Ask".into(),
        resource: "flow:approval:request".into(),
        parameters: Default::default(),
        timeout_seconds: None,
        heartbeat_seconds: None,
        role_arn: None,
    };
    story.enter(0.0, "", StateType::Parallel, "Deploy").enter(0.0, "Deploy", StateType::Task, "Ask");
    story.event(0.0, "Deploy", scheduled()).waiting(0.0, "Deploy/Ask", "waits for an answer", Some(approval()));
    fails(&mut story, 10.0, "Deploy/Ask", &plain("Approval.Rejected", "rejected by ann on host"));
    story.event(3_600.0, "", HistoryEventDetails::ExecutionRedriven { redrive_count: 1 });
    let shown = waits(&story.view, false, Story::at(3_600.0)).join("\n");
    assert_eq!(shown, "● Deploy › Ask: not called yet");
    story.event(3_601.0, "Deploy", scheduled());
    story.waiting(3_601.0, "Deploy/Ask", "waits for an answer", Some(approval()));
    let shown = waits(&story.view, true, Story::at(3_620.0)).join("\n");
    assert!(shown.contains("Asked 13:08:01."), "{shown}");
    let view = &story.view;
    let shown = Shown { view, display_status: "RUNNING", typical: None, now_ms: Story::at(3_620.0) };
    let screen = Screen { columns: 100, rows: 40, color: false, ascii: false };
    let drawn: Vec<String> = tree(&shown, &screen).iter().map(|line| screen.paint(line)).collect();
    assert!(drawn[0].contains("RUNNING   0/1   30s") && drawn[1].contains(" 30s "), "{drawn:#?}");
}

#[test]
fn a_call_that_no_process_makes_does_not_run() {
    let mut story = Story::new("release-7k3f", &sections(&["Deploy"]));
    story.enter(0.0, "", StateType::Parallel, "Deploy").enter(0.0, "Deploy", StateType::Task, "Copy");
    let waits_for = |story: &Story, driven| waits(&story.view, driven, Story::at(9.0)).join("\n");
    assert_eq!(waits_for(&story, true), "● Deploy › Copy: not called yet");
    assert_eq!(waits_for(&story, false), "● Deploy › Copy: not called yet");
    let (name, resource, parameters) = ("Copy".into(), "flow:process:run".into(), Default::default());
    let (timeout_seconds, heartbeat_seconds, role_arn) = (None, None, None);
    let scheduled =
        HistoryEventDetails::TaskScheduled { name, resource, parameters, timeout_seconds, heartbeat_seconds, role_arn };
    story.event(1.0, "Deploy", scheduled);
    assert_eq!(waits_for(&story, true), "● Deploy › Copy: runs");
    assert_eq!(waits_for(&story, false), "● Deploy › Copy: no answer is recorded yet");
    let line = display_line(&story.view, "INTERRUPTED", Story::at(9.0));
    assert_eq!(line, "INTERRUPTED: Deploy › Copy, no answer is recorded yet");
}

#[test]
fn an_execution_that_was_stopped_says_when_by_whom_and_why_with_or_without_an_error() {
    let stopped = |error: &str, cause: &str| {
        let mut story = Story::new("release-7k3f", &sections(&["Deploy"]));
        let failure = ErrorAndCause { error: error.to_owned(), cause: cause.to_owned() };
        story.enter(0.0, "", StateType::Parallel, "Deploy").event(
            5.0,
            "",
            HistoryEventDetails::ExecutionAborted(failure),
        );
        let now_ms = Story::at(60.0);
        (end(&story.view, false, now_ms), display_line(&story.view, "ABORTED", now_ms))
    };
    let why = "by ann on desk: not needed";
    let (screen, line) = stopped("Cancelled", why);
    assert_eq!(screen[..2], ["✖ release-7k3f was ABORTED after 5.0s", &format!("  12:08:05 Cancelled: {why}")]);
    assert!(line.starts_with(&format!("ABORTED after 5.0s: Cancelled: {why}. ")), "{line}");
    // A client of StopExecution may leave out either.
    let (screen, line) = stopped("", "by boto3");
    assert_eq!(screen[1], "  12:08:05 by boto3");
    assert!(line.starts_with("ABORTED after 5.0s: by boto3. "), "{line}");
    let (screen, line) = stopped("", "");
    assert!(screen[1].starts_with("  To continue after all:"), "{screen:?}");
    assert!(line.starts_with("ABORTED after 5.0s. "), "{line}");
}
