//! Follows an execution at Step Functions by polling it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use api::{
    flow::EntriesRequest,
    view::{StateStatus, StateView, View, Wait},
};
use engine::{
    journal::StateType,
    machine::Waiting,
    runner::{Clock, RunnerEvent, SystemClock},
};
use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;

use super::{Executions, children, header, internal, waiting_states};
use crate::exit::CliError;

/// The shortest and the longest pause between two polls. The pause grows while nothing happens.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// The assumed time until a worker takes a task, or until a Wait with an unknown end ends, in milliseconds. More than zero, so that
/// --no-wait=0s stops.
const NEWS_EXPECTED_MS: u64 = 1_000;

struct Following {
    executions: Arc<Executions>,
    request: EntriesRequest,
    ready: VecDeque<RunnerEvent>,
    pause: Duration,
    /// Whether no poll was made yet.
    is_first: bool,
    is_over: bool,
}

/// Streams the entries of an execution from a sequence on, until it ends.
pub fn follow(executions: Arc<Executions>, request: Value) -> BoxStream<'static, Result<Value, CliError>> {
    let request: EntriesRequest = match serde_json::from_value(request) {
        Ok(request) => request,
        Err(error) => return futures::stream::once(async move { Err(internal(error)) }).boxed(),
    };
    let (ready, pause) = (VecDeque::new(), PAUSE_MIN);
    let following = Following { executions, request, ready, pause, is_first: true, is_over: false };
    futures::stream::unfold(Some(following), async |following| {
        let mut following = following?;
        match following.next().await {
            Ok(Some(event)) => Some((serde_json::to_value(event).map_err(internal), Some(following))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

impl Following {
    async fn next(&mut self) -> Result<Option<RunnerEvent>, CliError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.is_over {
                return Ok(None);
            }
            if !std::mem::replace(&mut self.is_first, false) {
                tokio::time::sleep(self.pause).await;
            }
            self.poll().await?;
        }
    }

    async fn poll(&mut self) -> Result<(), CliError> {
        let cached = self.executions.of(&self.request.id).await?;
        let mut cached = cached.lock().await;
        // The status first: the history that is read after it then has all events up to that status.
        let remote = self.executions.remote(&cached.arn).await?;
        self.executions.read(&mut cached).await?;
        let header = header(&cached.arn, &remote);
        let entries = cached.history.entries();
        let new = entries.iter().filter(|entry| entry.sequence >= self.request.from_sequence);
        let execution = &header.id;
        self.ready.extend(new.map(|entry| RunnerEvent::Entry { execution: execution.clone(), entry: entry.clone() }));
        let has_news = !self.ready.is_empty();
        self.request.from_sequence = self.request.from_sequence.max(cached.history.last_sequence() + 1);
        self.pause = if has_news { PAUSE_MIN } else { (self.pause * 2).min(PAUSE_MAX) };
        if header.is_quiescent() {
            self.is_over = true;
            self.ready.push_back(RunnerEvent::Settled { header: Arc::new(header) });
        } else if !has_news {
            let mut view = View::new(&header, &cached.definition);
            entries.iter().for_each(|entry| view.fold(entry));
            let waits_for_worker = waiting_states::mark(&cached, &mut view);
            self.ready.extend(waiting(&view));
            // A called Task may end at any time. Only a token, a missing worker, a retry or a Wait is certain to take long.
            let waits = |status: &StateStatus| {
                matches!(
                    status,
                    StateStatus::Parked { .. }
                        | StateStatus::Sleeping { .. }
                        | StateStatus::Waiting(_)
                        | StateStatus::Retrying { .. }
                )
            };
            if !children::may_proceed_unseen(&cached.history, &view)
                && view.active().all(|state| waits(&state.status) || state.state_type == StateType::Wait)
            {
                // A worker may take the task at any time: a watch waits for it as long as --no-wait allows.
                let now_ms = SystemClock::default().now_ms();
                let of_worker = waits_for_worker.then_some(now_ms + NEWS_EXPECTED_MS);
                let next_wake_ms = sleeps_until(&view, now_ms).into_iter().chain(of_worker).min();
                self.ready.push_back(RunnerEvent::Asleep { execution: header.id.clone(), next_wake_ms });
            }
        }
        Ok(())
    }
}

/// When the first Wait state ends or the first retry begins; `None` without one. A Wait whose end is not in the definition, and one that
/// should have ended already, may end at any time.
fn sleeps_until(view: &View, now_ms: u64) -> Option<u64> {
    let soon_ms = now_ms + NEWS_EXPECTED_MS;
    let ends = view.active().filter_map(|state| match state.status {
        StateStatus::Sleeping { due_ms } => Some(due_ms.max(soon_ms)),
        StateStatus::Retrying { next_attempt_ms, .. } => Some(next_attempt_ms.max(soon_ms)),
        StateStatus::Running if state.state_type == StateType::Wait => Some(soon_ms),
        _ => None,
    });
    ends.min()
}

/// The events that add the questions and the missing workers of a view to the view of a watch: the history has no entries for them.
fn waiting(view: &View) -> Vec<RunnerEvent> {
    let waiting = |state: &StateView| {
        let StateStatus::Waiting(Wait { reason, polled_ms, next_poll_ms, deadline_ms, instructions }) = &state.status
        else {
            return None;
        };
        let (reason, instructions) = (reason.clone(), instructions.clone());
        Some(RunnerEvent::Polled {
            execution: view.id.clone(),
            state_path: state.path.clone(),
            waiting: Waiting { reason, polled_ms: *polled_ms, instructions, execution: None },
            next_poll_ms: *next_poll_ms,
            deadline_ms: *deadline_ms,
        })
    };
    view.active().filter_map(waiting).collect()
}

#[cfg(test)]
mod tests {
    use engine::{
        journal::{EntryContent, HistoryEvent, HistoryEventDetails, JournalEntry},
        step::Instructions,
    };
    use serde_json::json;
    use steps::step_functions::RemoteExecution;

    use super::*;

    /// A view in which these Tasks do something.
    fn view(all: Vec<(&str, StateStatus)>) -> View {
        let header = header("arn:aws:states:us-east-1:111111111111:execution:job:r-1", &RemoteExecution::default());
        let mut view = View::new(&header, &json!({ "StartAt": "A", "States": {} }));
        for (id, (name, status)) in (1..).zip(all) {
            let details = HistoryEventDetails::StateEntered {
                state_type: StateType::Task,
                name: name.into(),
                input: Arc::default(),
            };
            let event = HistoryEvent { id, previous_event_id: 0, frame: "".into(), details };
            view.fold(&JournalEntry { sequence: id, timestamp_ms: id, content: EntryContent::Event(event) });
            if let Some(state) = view.states.get_mut(name) {
                state.status = status;
            }
        }
        view
    }

    #[test]
    fn a_watch_sleeps_until_the_first_wait_ends() {
        let sleeping = |due_ms| StateStatus::Sleeping { due_ms };
        assert_eq!(sleeps_until(&view(vec![("A", sleeping(7_000)), ("B", sleeping(5_000))]), 0), Some(5_000));
        assert_eq!(sleeps_until(&view(vec![("A", sleeping(5_000))]), 6_000), Some(7_000), "it ends late");
        assert_eq!(
            sleeps_until(&view(vec![("A", StateStatus::Parked { deadline_ms: None, heartbeat: None })]), 0),
            None
        );
        let mut computed = view(vec![("A", StateStatus::Running)]);
        assert_eq!(sleeps_until(&computed, 0), None, "a Task");
        computed.states.get_mut("A").into_iter().for_each(|state| state.state_type = StateType::Wait);
        assert_eq!(sleeps_until(&computed, 0), Some(1_000), "a Wait with an expression");
    }

    #[test]
    fn a_question_and_a_missing_worker_reach_the_view_of_a_watch() {
        let instructions = Some(Instructions {
            sentence: "Go?".to_owned(),
            values: Vec::new(),
            answer: None,
            approval: Some(Box::default()),
        });
        let (reason, deadline_ms) = ("waits for an answer".to_owned(), Some(9));
        let asked = StateStatus::Waiting(Wait { reason, polled_ms: 1, next_poll_ms: 0, deadline_ms, instructions });
        let offered = StateStatus::Waiting(Wait::for_worker(3));
        let marked =
            view(vec![("A", asked), ("B", StateStatus::Parked { deadline_ms: None, heartbeat: None }), ("C", offered)]);
        let mut watched =
            view(vec![("A", StateStatus::Parked { deadline_ms: None, heartbeat: None }), ("C", StateStatus::Running)]);
        let events = waiting(&marked);
        assert_eq!(events.len(), 2, "{events:?}");
        events.iter().for_each(|event| watched.apply_event(event));
        ["A", "C"].iter().for_each(|name| assert_eq!(watched.states[*name].status, marked.states[*name].status));
        let (name, resource) = ("C".into(), "".into());
        let details = HistoryEventDetails::TaskStarted { name, resource, worker: None };
        let event = HistoryEvent { id: 9, previous_event_id: 0, frame: "".into(), details };
        watched.fold(&JournalEntry { sequence: 9, timestamp_ms: 9, content: EntryContent::Event(event) });
        assert_eq!(watched.states["C"].status, StateStatus::Running, "a worker has it");
    }
}
