//! An answer that is given before its Task waits is neither lost, nor applied to another state, nor applied twice.

use crate::machine::task::early_signal::EARLY_SIGNALS_MAX;
use serde_json::json;

use super::*;
use crate::journal::{ErrorAndCause, Signaller};
use crate::step::Instructions;

const TOKEN_TASK: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const ACTIVITY: &str = "arn:aws:states:us-east-1:111111111111:activity:work";

fn by() -> Option<Signaller> {
    Some(Signaller { user: "ann".to_owned(), host: "desk".to_owned(), comment: Some("checked it".to_owned()) })
}

fn output(value: Value) -> SignalAnswer {
    SignalAnswer::Output(std::sync::Arc::new(value))
}

fn keep(trial: &mut Trial, state: &str, answer: SignalAnswer) {
    trial.execution.check_early_signal(state, &answer).unwrap();
    trial.give(Input::SignalEarly { state: state.to_owned(), answer, by: by() });
}

fn refused(trial: &mut Trial, state: &str, answer: &SignalAnswer) -> String {
    let before = trial.execution.header.last_sequence;
    let message = trial.execution.check_early_signal(state, answer).unwrap_err().to_string();
    trial.give(Input::SignalEarly { state: state.to_owned(), answer: answer.clone(), by: None });
    assert_eq!(trial.execution.header.last_sequence, before, "a refused answer changes nothing");
    message
}

/// The kinds of the notes about early signals, in order.
fn kinds(trial: &Trial) -> Vec<&'static str> {
    let kind = |note: &&Note| match note {
        Note::SignalKept { .. } => Some("kept"),
        Note::SignalApplied { .. } => Some("applied"),
        Note::SignalDropped { .. } => Some("dropped"),
        Note::SignalWithdrawn { .. } => Some("withdrawn"),
        Note::Signalled { .. } => Some("signalled"),
        _ => None,
    };
    trial.notes().iter().filter_map(kind).collect()
}

/// Starts a workflow of two Tasks: `A`, then `B` with this resource.
fn two(resource: &str) -> Trial {
    let mut second = task(None);
    second["Resource"] = json!(resource);
    start(json!({ "A": task(Some("B")), "B": second }), json!({}))
}

#[test]
fn a_kept_answer_is_given_to_the_task_when_its_call_is_pending() {
    let mut trial = two("flow:test:step");
    keep(&mut trial, "B", output(json!({ "approved": true })));
    assert_eq!(trial.execution.header.early_signals.len(), 1);
    trial.done("A", json!(1));
    assert_eq!(trial.polls().len(), 1, "the call is made nevertheless");
    trial.pending("B", 60_000);
    assert_eq!(trial.output(), json!({ "approved": true }));
    assert_eq!(kinds(&trial), ["kept", "applied"]);
    let applied = trial.notes().into_iter().find_map(|note| match note {
        Note::SignalApplied { state_path, by, succeeded } => Some((state_path.clone(), by.clone(), *succeeded)),
        _ => None,
    });
    assert_eq!(applied, Some(("B".to_owned(), by(), true)));
    assert!(trial.execution.header.early_signals.is_empty());
}

#[test]
fn a_kept_answer_is_given_when_the_token_is_awaited_and_to_no_worker() {
    let mut trial = two(TOKEN_TASK);
    keep(&mut trial, "B", output(json!(7)));
    trial.done("A", json!(1));
    trial.done("B", json!("sent"));
    assert_eq!((trial.output(), kinds(&trial)), (json!(7), vec!["kept", "applied"]));
    let mut trial = two(ACTIVITY);
    keep(&mut trial, "B", output(json!(8)));
    trial.done("A", json!(1));
    assert_eq!(trial.output(), json!(8));
    assert!(!trial.commands.iter().any(|command| matches!(command, Command::Offer(_))), "the task is not offered");
}

#[test]
fn a_question_beside_a_token_is_answered_by_a_person_or_the_holder_of_the_token_and_by_no_kept_answer() {
    let question =
        Instructions { sentence: "Go?".to_owned(), values: Vec::new(), answer: None, approval: Some(Box::default()) };
    for person in [by(), None] {
        let mut trial = two(TOKEN_TASK);
        keep(&mut trial, "B", output(json!(7)));
        trial.done("A", json!(1));
        let (asked, changes) = (Box::new(question.clone()), Vec::new());
        trial.answer("B", StepAnswer::Asked { output: json!("sent"), changes, question: asked });
        assert_eq!((trial.status(), kinds(&trial)), (ExecutionStatus::Running, vec!["kept"]));
        assert_eq!(trial.execution.frames[1].row.instructions(), Some(&question));
        let asks = |note: &Note| matches!(note, Note::Waiting { instructions: Some(_), .. });
        assert_eq!(trial.notes().into_iter().filter(|note| asks(note)).count(), 1);
        let visit = trial.execution.frames[1].row.visit;
        trial.give(Input::Signalled { frame: 1, visit, attempt: Some(1), answer: Ok(json!("yes")), by: person });
        assert_eq!(trial.output(), json!("yes"));
    }
}

#[test]
fn a_kept_failure_fails_the_task_and_can_be_caught() {
    let mut caught = task(None);
    caught["Catch"] = json!([{ "ErrorEquals": ["Rejected"], "Next": "C" }]);
    let mut trial = start(
        json!({ "A": task(Some("B")), "B": caught, "C": { "Type": "Pass", "Result": "no", "End": true } }),
        json!({}),
    );
    keep(
        &mut trial,
        "B",
        SignalAnswer::Failure(ErrorAndCause { error: "Rejected".to_owned(), cause: "not now".to_owned() }),
    );
    trial.done("A", json!(1));
    trial.pending("B", 60_000);
    assert_eq!((trial.output(), kinds(&trial)), (json!("no"), vec!["kept", "applied"]));
}

#[test]
fn an_answer_is_dropped_when_its_state_ends_without_it_or_the_execution_ends() {
    let mut trial = two("flow:test:step");
    keep(&mut trial, "A", output(json!("early")));
    keep(&mut trial, "B", output(json!("early")));
    trial.done("A", json!(1));
    assert_eq!(kinds(&trial), ["kept", "kept", "dropped"]);
    trial.give(Input::Cancel { error: "Stop".to_owned(), cause: String::new() });
    assert_eq!(kinds(&trial), ["kept", "kept", "dropped", "dropped"]);
    let last = trial.entries.last().map(|entry| entry.content.clone());
    assert!(matches!(last, Some(EntryContent::Event(_))), "the journal ends with the end: {last:?}");
    assert!(trial.execution.header.early_signals.is_empty());
    let message = refused(&mut trial, "B", &output(json!(1)));
    assert!(message.contains("has ended"), "{message}");
    let mut trial = two("flow:test:step");
    keep(&mut trial, "B", output(json!("early")));
    trial.fail("A", ErrorClass::Failed);
    assert_eq!((trial.status(), kinds(&trial)), (ExecutionStatus::Failed, vec!["kept", "dropped"]));
}

#[test]
fn a_withdrawn_answer_is_not_applied_and_another_can_be_given() {
    let mut trial = two("flow:test:step");
    keep(&mut trial, "B", output(json!("wrong")));
    let withdraw = Input::WithdrawSignal { state: "B".to_owned(), by: by().unwrap() };
    assert!(trial.execution.awaits(&withdraw, trial.now_ms));
    trial.give(withdraw.clone());
    assert!(!trial.execution.awaits(&withdraw, trial.now_ms), "there is nothing to withdraw any more");
    let before = trial.execution.header.last_sequence;
    trial.give(withdraw);
    assert_eq!(trial.execution.header.last_sequence, before, "a repeated withdrawal changes nothing");
    keep(&mut trial, "B", output(json!("right")));
    assert_eq!(kinds(&trial), ["kept", "withdrawn", "kept"]);
    assert_eq!(trial.execution.header.early_signals.len(), 1);
}

#[test]
fn a_retry_of_its_task_does_not_drop_an_answer() {
    let mut retried = task(None);
    retried["Retry"] = json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1 }]);
    let mut trial = start(json!({ "A": retried }), json!({}));
    keep(&mut trial, "A", output(json!("early")));
    trial.fail("A", ErrorClass::Unknown);
    trial.sleep();
    trial.pending("A", 60_000);
    assert_eq!((trial.output(), kinds(&trial)), (json!("early"), vec!["kept", "applied"]));
}

#[test]
fn a_task_that_waits_already_is_answered_at_once() {
    let mut trial = two("flow:test:step");
    trial.pending("A", 60_000);
    keep(&mut trial, "A", output(json!("by hand")));
    assert_eq!((kinds(&trial), trial.polls()[0].3.as_str()), (vec!["signalled"], "B"));
}

#[test]
fn the_same_answer_again_changes_nothing_and_another_one_is_refused() {
    let mut trial = two("flow:test:step");
    keep(&mut trial, "B", output(json!(1)));
    keep(&mut trial, "B", output(json!(1)));
    assert_eq!(kinds(&trial), ["kept"]);
    let message = refused(&mut trial, "B", &output(json!(2)));
    assert!(message.contains("another answer for 'B' is stored"), "{message}");
}

#[test]
fn what_no_task_of_the_definition_could_need_is_refused() {
    let branches = |count: usize| -> Value {
        let branch =
            |number: usize| json!({ "StartAt": format!("T{number}"), "States": { format!("T{number}"): task(None) } });
        (0..count).map(branch).collect()
    };
    let states = json!({
        "A": task(Some("Alone")),
        "Alone": { "Type": "Parallel", "Branches": branches(1), "Next": "Both" },
        "Both": { "Type": "Parallel", "Next": "Each", "Branches": [
            { "StartAt": "U0", "States": { "U0": task(None) } },
            { "StartAt": "U1", "States": { "U1": task(None) } }
        ] },
        "Each": { "Type": "Map", "ItemsPath": "$.items", "Next": "W", "ItemProcessor": {
            "StartAt": "M", "States": { "M": task(None) } } },
        "W": { "Type": "Wait", "Seconds": 1, "End": true }
    });
    let mut trial = start(states, json!({ "items": [1, 2] }));
    let answer = output(json!(1));
    for state in ["A", "T0", "Alone/T0", "U1", "Both[1]/U1", "M", "Each[0]/M", "Each[4711]/M"] {
        assert_eq!(trial.execution.check_early_signal(state, &answer), Ok(true), "{state}");
    }
    for state in
        ["", "None", "W", "Alone", "Alone[0]/T0", "Both/U1", "Both[0]/U1", "Both[2]/U1", "Each/M", "Each[x]/M", "A/A"]
    {
        let message = refused(&mut trial, state, &answer);
        assert!(message.contains(&format!("has no Task named '{state}'")), "{message}");
    }
}

#[test]
fn no_more_and_no_larger_answers_are_kept_than_may_be() {
    let names: Vec<String> = (0..=EARLY_SIGNALS_MAX).map(|number| format!("S{number}")).collect();
    let mut states = json!({ "A": task(Some("S0")) });
    for (name, next) in names.iter().zip(names.iter().skip(1).map(Some).chain([None])) {
        states[name] = task(next.map(String::as_str));
    }
    let mut trial = start(states, json!({}));
    let message = refused(&mut trial, "S0", &output(json!("x".repeat(PAYLOAD_BYTES_MAX))));
    assert!(message.contains("exceeding the maximum number of bytes"), "{message}");
    for name in &names[..EARLY_SIGNALS_MAX] {
        keep(&mut trial, name, output(json!(1)));
    }
    let message = refused(&mut trial, &names[EARLY_SIGNALS_MAX], &output(json!(1)));
    assert!(message.contains("keeps 16 answers"), "{message}");
}

#[test]
fn a_path_means_one_iteration_and_a_name_the_first_that_waits() {
    let states = json!({
        "A": { "Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {
            "StartAt": "M", "States": { "M": task(None) } } }
    });
    let mut trial = start(states, json!({ "items": [1, 2, 3] }));
    keep(&mut trial, "A[2]/M", output(json!("third")));
    keep(&mut trial, "M", output(json!("any")));
    trial.pending("A[1]/M", 60_000);
    trial.pending("A[0]/M", 60_000);
    trial.pending("A[2]/M", 60_000);
    assert_eq!(kinds(&trial), ["kept", "kept", "applied", "applied"]);
    trial.give(Input::Signalled { frame: 2, visit: 1, attempt: None, answer: Ok(json!("first")), by: None });
    assert_eq!(trial.output(), json!(["first", "any", "third"]));
    let mut trial = start(
        json!({ "A": { "Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {
            "StartAt": "M", "States": { "M": task(None) } } } }),
        json!({ "items": [1, 2] }),
    );
    trial.pending("A[0]/M", 60_000);
    trial.pending("A[1]/M", 60_000);
    let message = refused(&mut trial, "M", &output(json!(1)));
    assert!(message.contains("name one by its path"), "{message}");
}

#[test]
fn who_signalled_is_noted_before_the_result_and_no_longer_than_a_journal_takes() {
    let mut trial = two("flow:test:step");
    let long = Signaller { comment: Some("c".repeat(100_000)), ..by().unwrap() };
    trial.give(Input::Signalled { frame: 1, visit: 1, attempt: None, answer: Ok(json!(1)), by: Some(long) });
    let at = trial.entries.iter().position(|entry| match &entry.content {
        EntryContent::Note(note) => matches!(&**note, Note::Signalled { state_path, by, succeeded: true }
            if state_path == "A" && by.user == "ann" && by.comment.as_ref().is_some_and(|comment| comment.len() == 4_096)),
        EntryContent::Event(_) => false,
    });
    let succeeded = trial.entries.iter().position(|entry| match &entry.content {
        EntryContent::Event(event) => event_type(&event.details) == "TaskSucceeded",
        EntryContent::Note(_) => false,
    });
    assert_eq!(at.unwrap() + 1, succeeded.unwrap());
}
