//! Why a Task at Step Functions cannot be answered: as on the local engine, with what its history has of the answer.

use std::collections::BTreeSet;

use api::{
    ALREADY_ANSWERED, Fault, HAS_ENDED,
    flow::{has_timed_out, moment, was_answered},
};
use engine::{
    asl::find_state,
    journal::{EntryContent, HistoryEventDetails as Details, JournalEntry, state_path},
    step::waits_for_token,
};
use serde_json::Value;
use steps::step_functions::RemoteExecution;

use super::{CachedExecution, header};
use crate::{
    exit::{CliError, Exit},
    proposed::{OPTIONS, quote_id},
};

/// The end of the wait of a Task.
#[derive(Debug)]
struct Ended {
    path: String,
    at_ms: u64,
    how: How,
}

#[derive(Debug)]
enum How {
    /// By the author of an approval, or by the holder of the task token.
    Answered {
        by: Option<String>,
    },
    Rejected {
        cause: String,
    },
    TimedOut,
}

/// The refusal of an answer because none of the Tasks with this name or path waits, or without a name none at all. `waiting` has the quoted
/// paths of the Tasks that wait.
pub(super) fn refusal(cached: &CachedExecution, state: Option<&str>, waiting: &[String]) -> CliError {
    let id = header(&cached.arn, &RemoteExecution::default()).id;
    let entries = cached.history.entries();
    let last = last_answer(entries, state);
    if let Some(ended) = end(entries) {
        let answered = last.map_or_else(String::new, |last| format!("{}; ", last.sentence(&id)));
        let message = format!("{answered}{id} has ended: {ended}; nothing was changed");
        let hint = format!("flow status {}{OPTIONS} shows how it ended", quote_id(&id));
        return CliError::from(Fault::new(HAS_ENDED, message)).hint(hint);
    }
    let Some(last) = last else { return nothing_waits(cached, &id, state, waiting) };
    let message = format!("{}; nothing was changed", last.sentence(&id));
    let hint = format!("flow status {}{OPTIONS} shows how it continued", quote_id(&id));
    match last.how {
        How::TimedOut => CliError::new(Exit::Failed, message).hint(hint),
        How::Answered { .. } | How::Rejected { .. } => CliError::from(Fault::new(ALREADY_ANSWERED, message)).hint(hint),
    }
}

fn nothing_waits(cached: &CachedExecution, id: &str, state: Option<&str>, waiting: &[String]) -> CliError {
    let others = match waiting {
        [] => "no task waits for an answer with its token".to_owned(),
        paths => format!("these wait: {}", paths.join(", ")),
    };
    let unread = cached.history.unread_children();
    let Some(state) = state else {
        let none = "no task waits for an answer with its token; nothing was answered";
        return but_of_unread(CliError::refused(none), unread);
    };
    // The last part of a path is the state's name. A name may contain a slash.
    let name = state.rsplit('/').next().unwrap_or(state);
    let is_known = [state, name].iter().any(|name| find_state(&cached.definition, name).is_some());
    let what = match is_known {
        true => format!("no task of a state named \"{state}\" waits in {id}"),
        false => format!("{id} has no state named \"{state}\""),
    };
    let what = if unread > 0 { format!("{what}, as far as it was read") } else { what };
    but_of_unread(CliError::refused(format!("{what}; {others}; nothing was answered")), unread)
}

/// Adds that child executions were not read, in which the Task may wait.
fn but_of_unread(refusal: CliError, unread: u64) -> CliError {
    match unread {
        0 => refusal,
        _ => refusal.hint(format!(
            "{unread} more child executions of distributed Maps run, and only the newest 20 of a Map are read: the task may wait in one of \
             the others. Answer the newer ones first; the home of a flow serve answers all"
        )),
    }
}

impl Ended {
    fn sentence(&self, id: &str) -> String {
        let Ended { path, at_ms, how } = self;
        match how {
            How::Answered { by } => was_answered(path, id, by.as_deref(), *at_ms),
            How::Rejected { cause } => format!("{}: {cause}", was_answered(path, id, None, *at_ms)),
            How::TimedOut => has_timed_out(path, id, *at_ms),
        }
    }
}

/// The status and the time of an execution's end; `None` if it has not ended.
fn end(entries: &[JournalEntry]) -> Option<String> {
    let mut last = None;
    for entry in entries {
        let EntryContent::Event(event) = &entry.content else { continue };
        let status = match &event.details {
            Details::ExecutionSucceeded { .. } => "SUCCEEDED",
            Details::ExecutionFailed(_) => "FAILED",
            Details::ExecutionTimedOut(_) => "TIMED_OUT",
            Details::ExecutionAborted(_) => "ABORTED",
            Details::ExecutionRedriven { .. } => {
                last = None;
                continue;
            }
            _ => continue,
        };
        last = Some(format!("{status} at {}", moment(entry.timestamp_ms)));
    }
    last
}

/// The last end of the wait of a Task with that name or path, or of any. One that was called again since does not count.
fn last_answer(entries: &[JournalEntry], state: Option<&str>) -> Option<Ended> {
    // The Tasks that wait: their call was made, and its response was not the answer.
    let (mut submitted, mut last) = (BTreeSet::new(), None::<Ended>);
    for entry in entries {
        let EntryContent::Event(event) = &entry.content else { continue };
        let path = |name: &str| state_path(&event.frame, name);
        let (path, how) = match &event.details {
            Details::TaskScheduled { name, .. } => {
                let path = path(name);
                last = last.filter(|ended| ended.path != path);
                submitted.remove(&path);
                continue;
            }
            Details::TaskSubmitted { name, resource, .. } => {
                if waits_for_token(resource) {
                    submitted.insert(path(name));
                }
                continue;
            }
            Details::TaskSucceeded { name, output, .. } => (path(name), How::Answered { by: author(output) }),
            Details::TaskFailed { name, failure, .. } if failure.error == api::REJECTED => {
                (path(name), How::Rejected { cause: failure.cause.clone() })
            }
            Details::TaskFailed { name, .. } => (path(name), How::Answered { by: None }),
            Details::TaskTimedOut { name, .. } => (path(name), How::TimedOut),
            _ => continue,
        };
        let is_named = state.is_none_or(|state| path == state || path.rsplit('/').next() == Some(state));
        if submitted.remove(&path) && is_named {
            last = Some(Ended { path, at_ms: entry.timestamp_ms, how });
        }
    }
    last
}

/// The author in the output of an approval.
fn author(output: &Value) -> Option<String> {
    let text = |name: &str| output[name].as_str();
    Some(format!("{} on {}", text("User")?, text("Host")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steps::step_functions::RemoteEvent;

    use super::*;
    use crate::step_functions::history::History;

    /// An execution that was asked at `Ask` and got these events then.
    fn asked(more: &[(&str, &str)]) -> CachedExecution {
        let definition = json!({ "StartAt": "Ask", "States": { "Ask": { "Type": "Task", "End": true } } });
        let asked = [("TaskStateEntered", ""), ("TaskScheduled", ""), ("TaskSubmitted", "")];
        let event = |(id, (kind, data)): (u64, &(&str, &str))| RemoteEvent {
            id,
            previous_id: id - 1,
            timestamp_ms: id * 1_000,
            kind: (*kind).to_owned(),
            name: kind.starts_with("TaskState").then(|| "Ask".to_owned()),
            resource: kind.starts_with("Task").then(|| "invoke.waitForTaskToken".to_owned()),
            data: kind.ends_with("Succeeded").then(|| (*data).to_owned()),
            error: kind.ends_with("Failed").then(|| "Approval.Rejected".to_owned()),
            cause: kind.ends_with("Failed").then(|| (*data).to_owned()),
            ..RemoteEvent::default()
        };
        let mut history = History::new(&definition);
        let events: Vec<RemoteEvent> = (1..).zip(asked.iter().chain(more)).map(event).collect();
        history.add(&events);
        let arn = "arn:aws:states:us-east-1:111111111111:execution:job:r-1".to_owned();
        CachedExecution { arn, definition, history, shown: 0 }
    }

    fn refused(cached: &CachedExecution, state: Option<&str>) -> (Exit, String) {
        let error = refusal(cached, state, &[]);
        (error.exit, error.message)
    }

    #[test]
    fn a_second_answer_is_refused_with_the_first_one_and_its_author() {
        let by_ann = ("TaskSucceeded", r#"{"Choice": "now", "User": "ann", "Host": "desk"}"#);
        let (fourth, sixth) = (moment(4_000), moment(6_000));
        let answered = format!("\"Ask\" of r-1 was answered by ann on desk at {fourth}");
        let running = asked(&[by_ann]);
        for state in [None, Some("Ask")] {
            assert_eq!(refused(&running, state), (Exit::Failed, format!("{answered}; nothing was changed")));
        }
        let ended = asked(&[by_ann, ("TaskStateExited", ""), ("ExecutionSucceeded", "1")]);
        let message = format!("{answered}; r-1 has ended: SUCCEEDED at {sixth}; nothing was changed");
        assert_eq!(refused(&ended, Some("Ask")), (Exit::Failed, message));
        let rejected = asked(&[("TaskFailed", "\"Ask\" was rejected by bob on desk")]);
        let rejection = "\"Ask\" was rejected by bob on desk; nothing was changed";
        let message = format!("\"Ask\" of r-1 was answered at {fourth}: {rejection}");
        assert_eq!(refused(&rejected, Some("Ask")), (Exit::Failed, message));
        let signalled = asked(&[("TaskSucceeded", "{}")]);
        assert!(refused(&signalled, None).1.starts_with("\"Ask\" of r-1 was answered at "));
        let timed_out = asked(&[("TaskTimedOut", "")]);
        let (exit, message) = refused(&timed_out, Some("Ask"));
        assert!(exit == Exit::Failed && message.contains(&format!("timed out at {fourth}")), "{message}");
    }

    #[test]
    fn a_task_that_is_called_again_was_not_answered_yet() {
        let again = asked(&[("TaskFailed", "no"), ("TaskScheduled", "")]);
        let (exit, message) = refused(&again, Some("Ask"));
        assert_eq!((exit, message.contains("r-1 was answered")), (Exit::Refused, false), "{message}");
    }

    #[test]
    fn a_state_that_does_not_exist_is_named() {
        let waits = asked(&[]);
        let message = refusal(&waits, Some("None"), &["\"Ask\"".to_owned()]).message;
        assert_eq!(message, "r-1 has no state named \"None\"; these wait: \"Ask\"; nothing was answered");
    }
}
