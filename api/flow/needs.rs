//! The needs of an execution: the answers from outside that it waits for, read from its frames.

use engine::{
    machine::{FrameRow, FrameState},
    step::Approval,
};
use serde::{Deserialize, Serialize};

use super::approval::approval_of;

/// The need of an execution: the first of its Tasks that waits for an answer from outside. Tasks of people come first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Needs {
    /// The execution's id.
    pub execution: String,
    /// The path of the state.
    pub state: String,
    /// The party that must answer.
    pub answerer: Answerer,
    /// The time of the next event that needs no answer, in milliseconds since the Unix epoch. The repeated poll of an approval does not
    /// count.
    pub next_due_ms: Option<u64>,
}

/// The party that must answer a Task. A Task that a worker runs needs nobody: the worker will answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answerer {
    /// A person, with an approval.
    Person(Box<Approval>),
    /// The holder of the task token.
    TokenHolder,
    /// A worker of the activity, which has not fetched the task yet.
    Worker,
}

impl Needs {
    /// Whether a person or a script on this machine can answer: only a worker answers the task of its activity.
    pub fn is_answerable(&self) -> bool {
        !matches!(self.answerer, Answerer::Worker)
    }

    /// The needs of an execution that has not ended; `None` if it needs no answer. `deadline_ms` is the execution's.
    pub fn of(execution: &str, frames: &[FrameRow], deadline_ms: Option<u64>) -> Option<Self> {
        let mut waiting: Vec<_> = frames.iter().filter_map(|row| Some((row, answerer_of(row)?))).collect();
        // The sort is stable: of one rank, the first frame stays first.
        waiting.sort_by_key(|(_, answerer)| rank(answerer));
        let (row, answerer) = waiting.into_iter().next()?;
        let next_due_ms = frames.iter().filter_map(due_ms).chain(deadline_ms).min();
        Some(Needs { execution: execution.to_owned(), state: row.state_path(), answerer, next_due_ms })
    }
}

/// The next event of an execution that is due without an answer from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextDue {
    /// The kind of the event.
    pub what: DueWork,
    /// The due time, in milliseconds since the Unix epoch.
    pub due_ms: u64,
}

/// The kinds of due events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DueWork {
    /// The next poll of a Task that waits.
    Check,
    /// The end of a Wait state.
    WaitEnd,
    /// The next attempt of a state that failed.
    Attempt,
    /// The end of a Task's `TimeoutSeconds` or `HeartbeatSeconds`, or of the execution's `TimeoutSeconds`.
    TimeOut,
}

impl NextDue {
    /// The first due event of an execution that has not ended; `None` if nothing is due. The repeated poll of an approval does not count.
    /// `deadline_ms` is the execution's.
    pub fn of(frames: &[FrameRow], deadline_ms: Option<u64>) -> Option<Self> {
        let end = deadline_ms.map(|due_ms| NextDue { what: DueWork::TimeOut, due_ms });
        frames.iter().filter_map(due).chain(end).min_by_key(|due| due.due_ms)
    }
}

fn answerer_of(row: &FrameRow) -> Option<Answerer> {
    match &row.frame_state {
        _ if row.waits_for_worker() => Some(Answerer::Worker),
        _ if row.runs_at_worker() => None,
        _ => match approval_of(row) {
            Some(approval) => Some(Answerer::Person(Box::new(approval.clone()))),
            None => row.waits_for_token().then_some(Answerer::TokenHolder),
        },
    }
}

fn rank(answerer: &Answerer) -> u8 {
    match answerer {
        Answerer::Person(_) => 0,
        Answerer::TokenHolder => 1,
        Answerer::Worker => 2,
    }
}

/// The earliest due time of a frame, without the poll of an approval. A frame that is about to enter its state is due at once.
fn due_ms(row: &FrameRow) -> Option<u64> {
    match &row.frame_state {
        FrameState::Entering => Some(0),
        _ if row.runs_at_worker() => row.answerable_until_ms(None),
        _ => due(row).map(|due| due.due_ms),
    }
}

/// The first due event of a frame. Two kinds do not count: the poll of an approval, and the next heartbeat of a worker, because a running
/// worker sends it.
fn due(row: &FrameRow) -> Option<NextDue> {
    let at = |what: DueWork| move |due_ms: &u64| NextDue { what, due_ms: *due_ms };
    match &row.frame_state {
        FrameState::Waiting { due_ms } => Some(at(DueWork::WaitEnd)(due_ms)),
        FrameState::Backoff { due_ms, .. } => Some(at(DueWork::Attempt)(due_ms)),
        FrameState::Task { next_poll_ms, deadline_ms, .. } => {
            let is_approval = approval_of(row).is_some();
            // The holder of a task token sends heartbeats; a worker sends them as long as it runs.
            let is_awaited = row.waits_for_token() || !is_approval && !row.runs_at_worker();
            let check = next_poll_ms.as_ref().filter(|_| !is_approval).map(at(DueWork::Check));
            let heartbeat_ms = row.heartbeat_due_ms().filter(|_| is_awaited);
            let ends = deadline_ms.iter().chain(&heartbeat_ms).map(at(DueWork::TimeOut));
            check.into_iter().chain(ends).min_by_key(|due| due.due_ms)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    /// A frame that does something.
    fn frame(doing: &Value) -> FrameRow {
        let row = json!({ "id": 1, "parent": null, "index": 0, "path": "", "state": "A", "visit": 1, "input": {}, "variables": {},
                          "activity": doing, "retries": [], "attempt": 1, "enteredMs": 1, "lastEventId": 1 });
        serde_json::from_value(row).unwrap()
    }

    /// A Task whose next poll is due at 20, with a deadline at 90.
    fn polled(instructions: &Value) -> FrameRow {
        let waiting = json!({ "reason": "no such file", "lookedMs": 1, "instructions": instructions });
        frame(
            &json!({ "doing": "task", "arguments": {}, "firstLookMs": 1, "deadlineMs": 90, "look": 1, "lookStartedMs": 1,
                       "nextLookMs": 20, "waiting": waiting }),
        )
    }

    /// A parked Task.
    fn parked(parked: &str, submitted: bool) -> FrameRow {
        frame(
            &json!({ "doing": "task", "arguments": {}, "firstLookMs": 1, "deadlineMs": null, "look": 0, "lookStartedMs": 1,
                       "nextLookMs": null, "waiting": null, "parked": parked, "submitted": submitted }),
        )
    }

    #[test]
    fn the_task_of_an_activity_needs_nobody_but_its_worker() {
        let answerer =
            |row: FrameRow| Needs::of("r-1", &[row], None).map(|needs| (needs.is_answerable(), needs.answerer));
        assert_eq!(answerer(parked("offered", false)), Some((false, Answerer::Worker)));
        assert_eq!(answerer(parked("token", false)), None, "a worker runs it");
        assert_eq!(answerer(parked("token", true)), Some((true, Answerer::TokenHolder)), "a call passed its token on");
    }

    #[test]
    fn the_next_heartbeat_of_a_worker_is_no_time_out_of_its_task() {
        let task = |submitted: bool| {
            frame(
                &json!({ "doing": "task", "arguments": {}, "firstLookMs": 1, "deadlineMs": 90, "look": 0, "lookStartedMs": 1,
                           "nextLookMs": null, "waiting": null, "parked": "token", "submitted": submitted,
                           "heartbeat": { "seconds": 5, "dueMs": 30 } }),
            )
        };
        assert_eq!(first(&[task(false)], None), Some((DueWork::TimeOut, 90)));
        assert_eq!(task(false).times_out_ms(Some(60)), Some(60));
        assert_eq!(due_ms(&task(false)), Some(30), "it is due all the same");
        assert_eq!(first(&[task(true)], None), Some((DueWork::TimeOut, 30)), "the holder of a token may send none");
    }

    fn first(frames: &[FrameRow], deadline_ms: Option<u64>) -> Option<(DueWork, u64)> {
        NextDue::of(frames, deadline_ms).map(|due| (due.what, due.due_ms))
    }

    #[test]
    fn what_is_due_first_has_its_kind_and_nothing_checks_an_approval() {
        let wait = frame(&json!({ "doing": "waiting", "dueMs": 30 }));
        let failure = json!({ "error": "E", "cause": "" });
        let backoff = frame(&json!({ "doing": "backoff", "dueMs": 10, "failure": failure }));
        let approval = json!({ "sentence": "Now?", "values": [], "approval": {} });
        assert_eq!(first(std::slice::from_ref(&wait), Some(99)), Some((DueWork::WaitEnd, 30)));
        assert_eq!(first(&[wait.clone(), polled(&Value::Null)], None), Some((DueWork::Check, 20)));
        assert_eq!(first(&[wait.clone(), polled(&Value::Null), backoff], None), Some((DueWork::Attempt, 10)));
        assert_eq!(first(&[wait], Some(5)), Some((DueWork::TimeOut, 5)));
        assert_eq!(first(&[polled(&approval)], None), Some((DueWork::TimeOut, 90)));
        let entering = frame(&json!({ "doing": "entering" }));
        assert_eq!(first(std::slice::from_ref(&entering), None), None);
        assert_eq!(
            due_ms(&entering),
            Some(0),
            "it is due at once, which interrupts an execution that no process drives"
        );
    }
}
