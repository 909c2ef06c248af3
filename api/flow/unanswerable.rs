//! Why a Task cannot be answered.

use engine::{
    journal::{EntryContent, HistoryEvent, HistoryEventDetails, Note, Signaller, state_path},
    machine::{ExecutionHeader, ExecutionStatus, FrameRow, FrameState},
    store::RECORD_ENTRIES_MAX,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{ALREADY_ANSWERED, Api, CALL_RUNS, Fault, HAS_ENDED, TASK_TIMED_OUT};

/// An answer from outside that a journal records.
struct Answered {
    state_path: String,
    by: Option<Signaller>,
    timestamp_ms: u64,
}

impl Answered {
    fn sentence(&self, id: &str) -> String {
        let by = self.by.as_ref().map(|by| format!("{} on {}", by.user, by.host));
        was_answered(&self.state_path, id, by.as_deref(), self.timestamp_ms)
    }
}

impl Api {
    /// The fault of an answer that no Task waits for. `state` is the name or path of the Task in the request. `otherwise` is the message if
    /// the execution has not ended, the Task has not timed out, its call does not run, and it has no answer yet.
    pub(super) async fn unanswerable(&self, id: &str, state: Option<&str>, otherwise: String) -> Result<Fault, Fault> {
        let header = self.header_of(id)?;
        if let Some(fault) = self.ended(&header, state)? {
            return Ok(fault);
        }
        let rows = self.runner.store().frames(id)?;
        let mut named = rows.iter().filter(|row| state.is_some_and(|state| is_named(row, state)));
        if let Some(fault) = named.find_map(|row| self.timed_out(&header, row)) {
            return Ok(fault);
        }
        let called = rows.iter().find(|row| is_called(row) && state.is_some_and(|state| is_named(row, state)));
        if let Some(row) = called {
            let is_driven = !self.runner.driven(vec![id.to_owned()]).await.is_empty();
            let what = match is_driven {
                true => "its call is running",
                false => "its call was running when the process that made it ended",
            };
            let message = format!("\"{}\" of {id} waits for no answer: {what}; nothing was answered", row.state_path());
            return Ok(Fault::new(CALL_RUNS, message));
        }
        match self.last_answer(id, state)? {
            Some(answered) => {
                let none_waits = if state.is_some() { String::new() } else { format!("{otherwise}: ") };
                let message = format!("{none_waits}{}; nothing was changed", answered.sentence(id));
                Ok(Fault::new(ALREADY_ANSWERED, message))
            }
            None => Ok(Fault::new("TaskDoesNotExist", otherwise)),
        }
    }

    /// The fault of an answer to an execution that has ended; `None` if it has not. Names who answered the state, if a person did.
    pub(super) fn ended(&self, header: &ExecutionHeader, state: Option<&str>) -> Result<Option<Fault>, Fault> {
        if header.status == ExecutionStatus::Running {
            return Ok(None);
        }
        let status = serde_json::to_value(header.status).unwrap_or_default();
        let status = status.as_str().unwrap_or_default();
        let at = header.stopped_ms.map_or_else(String::new, |stopped_ms| format!(" at {}", moment(stopped_ms)));
        let ended = format!("{} has ended: {status}{at}", header.id);
        let message = match self.last_answer(&header.id, state)? {
            Some(answered) => format!("{}; {ended}; nothing was changed", answered.sentence(&header.id)),
            None => format!("{ended}; nothing was changed"),
        };
        Ok(Some(Fault::new(HAS_ENDED, message)))
    }

    /// The fault of an answer to a Task that has timed out, also while no process drives the execution; `None` if it has not. The time-out
    /// itself is recorded by the process that drives the execution next.
    pub(super) fn timed_out(&self, header: &ExecutionHeader, row: &FrameRow) -> Option<Fault> {
        let due_ms = row.timed_out_ms(header.deadline_ms, self.now_ms())?;
        let (path, id) = (row.state_path(), &header.id);
        let message = format!("{}; nothing was answered", has_timed_out(&path, id, due_ms));
        Some(Fault::new(TASK_TIMED_OUT, message))
    }

    /// The last answer from outside to a state with that name or path, or to any state. An answer to an earlier attempt or visit does not
    /// count: the state was called again since. An answer with a task token has no author and is not recorded as one.
    fn last_answer(&self, id: &str, state: Option<&str>) -> Result<Option<Answered>, Fault> {
        let (mut last, mut from_sequence): (Option<Answered>, u64) = (None, 1);
        loop {
            let entries = self.runner.store().entries(id, from_sequence, RECORD_ENTRIES_MAX)?;
            let Some(newest) = entries.last() else { return Ok(last) };
            from_sequence = newest.sequence + 1;
            for entry in entries {
                let note = match entry.content {
                    EntryContent::Note(note) => note,
                    EntryContent::Event(event) => {
                        last = last.filter(|answered| !calls(&event, &answered.state_path));
                        continue;
                    }
                };
                let (state_path, by) = match *note {
                    Note::Signalled { state_path, by, .. } => (state_path, Some(by)),
                    Note::SignalApplied { state_path, by, .. } => (state_path, by),
                    _ => continue,
                };
                if state.is_none_or(|state| state_path == state || state_path.rsplit('/').next() == Some(state)) {
                    last = Some(Answered { state_path, by, timestamp_ms: entry.timestamp_ms });
                }
            }
        }
    }
}

/// Whether a name or path names the state that a frame is in.
pub(super) fn is_named(row: &FrameRow, state: &str) -> bool {
    *row.state == *state || row.state_path() == state
}

/// Whether an event begins an attempt of the state with that path.
fn calls(event: &HistoryEvent, path: &str) -> bool {
    matches!(&event.details, HistoryEventDetails::TaskScheduled { name, .. } if state_path(&event.frame, name) == path)
}

/// Whether the call of a frame's Task is in flight, or was when its process died.
pub(super) fn is_called(row: &FrameRow) -> bool {
    matches!(row.frame_state, FrameState::Task { next_poll_ms: None, parked: None, .. })
}

/// Says that a state was answered. `by` is the author, if one is recorded; `at_ms` is in milliseconds since the Unix epoch.
pub fn was_answered(path: &str, id: &str, by: Option<&str>, at_ms: u64) -> String {
    let by = by.map_or_else(String::new, |by| format!(" by {by}"));
    format!("\"{path}\" of {id} was answered{by} at {}", moment(at_ms))
}

/// Says that a state timed out while it waited for an answer. `at_ms` is in milliseconds since the Unix epoch.
pub fn has_timed_out(path: &str, id: &str, at_ms: u64) -> String {
    format!("\"{path}\" of {id} timed out at {}", moment(at_ms))
}

/// A time of this machine's zone with its offset from UTC, to the second: people read it, maybe in another zone. `time_ms` is in
/// milliseconds since the Unix epoch.
pub fn moment(time_ms: u64) -> String {
    moment_in(time_ms, TimeZone::system())
}

fn moment_in(time_ms: u64, zone: TimeZone) -> String {
    let seconds = i64::try_from(time_ms / 1_000).unwrap_or_default();
    let time = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(zone);
    time.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::moment_in;

    #[test]
    fn a_time_in_a_refusal_is_local_with_its_offset() {
        let berlin = TimeZone::fixed(Offset::constant(1));
        assert_eq!(moment_in(1_764_288_000_999, berlin), "2025-11-28 01:00:00 +01:00");
        assert_eq!(moment_in(1_764_288_000_999, TimeZone::UTC), "2025-11-28 00:00:00 +00:00");
    }
}
