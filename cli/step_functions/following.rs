//! Follows an execution at Step Functions by polling it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use api::{
    flow::EntriesRequest,
    view::{Doing, StateView, View},
};
use engine::{
    asl::find_state,
    journal::StateType,
    runner::{Clock, RunnerEvent, SystemClock},
};
use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;

use super::{Executions, header, internal};
use crate::exit::CliError;

/// The shortest and the longest pause between two polls. The pause grows while nothing happens.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// The assumed time until a worker takes a task, or until a Wait ends whose end is not in the definition, in milliseconds. More than
/// zero, so that --no-wait=0s stops.
const NEWS_EXPECTED_MS: u64 = 1_000;

struct Following {
    executions: Arc<Executions>,
    request: EntriesRequest,
    ready: VecDeque<RunnerEvent>,
    pause: Duration,
    is_over: bool,
}

/// Streams the entries of an execution from a sequence on, until it ends.
pub fn follow(executions: Arc<Executions>, request: Value) -> BoxStream<'static, Result<Value, CliError>> {
    let request: EntriesRequest = match serde_json::from_value(request) {
        Ok(request) => request,
        Err(error) => return futures::stream::once(async move { Err(internal(error)) }).boxed(),
    };
    let (ready, pause) = (VecDeque::new(), PAUSE_MIN);
    let following = Following { executions, request, ready, pause, is_over: false };
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
        let mut is_first = true;
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.is_over {
                return Ok(None);
            }
            if !std::mem::replace(&mut is_first, false) {
                tokio::time::sleep(self.pause).await;
            }
            self.poll().await?;
        }
    }

    async fn poll(&mut self) -> Result<(), CliError> {
        let known = self.executions.of(&self.request.id).await?;
        let mut known = known.lock().await;
        // The status is read first, so that the history that is read after it contains all that the status reports.
        let remote = self.executions.remote(&known.arn).await?;
        self.executions.read(&mut known).await?;
        let header = header(&known.arn, &remote);
        let entries = known.history.entries();
        let new = entries.iter().filter(|entry| entry.sequence >= self.request.from_sequence);
        let execution = &header.id;
        self.ready.extend(new.map(|entry| RunnerEvent::Entry { execution: execution.clone(), entry: entry.clone() }));
        let has_news = !self.ready.is_empty();
        self.request.from_sequence = self.request.from_sequence.max(known.history.last_id() + 1);
        self.pause = if has_news { PAUSE_MIN } else { (self.pause * 2).min(PAUSE_MAX) };
        if header.is_quiescent() {
            self.is_over = true;
            self.ready.push_back(RunnerEvent::Settled { header: Arc::new(header) });
        } else if !has_news {
            let mut view = View::new(&header, &known.definition);
            entries.iter().for_each(|entry| view.fold(entry));
            let waits_for_worker = known.history.mark_waits_for_workers(&mut view);
            known.history.mark_approvals(&mut view, &known.arn);
            // A called Task may end at any time. Only a token, a missing worker or a Wait is certain to take long.
            let waits =
                |doing: &Doing| matches!(doing, Doing::Parked { .. } | Doing::Sleeping { .. } | Doing::Waiting(_));
            if view.active().all(|state| waits(&state.doing) || state.state_type == StateType::Wait) {
                // A worker may take the task at any time: a watch waits for it as long as --no-wait allows.
                let now_ms = SystemClock::default().now_ms();
                let of_worker = waits_for_worker.then_some(now_ms + NEWS_EXPECTED_MS);
                let waits = view.active().filter(|state| state.state_type == StateType::Wait);
                let next_wake_ms =
                    waits.map(|state| wait_due_ms(&known.definition, state, now_ms)).chain(of_worker).min();
                self.ready.push_back(RunnerEvent::Asleep { execution: header.id.clone(), next_wake_ms });
            }
        }
        Ok(())
    }
}

/// When a Wait ends. Step Functions does not say it: it is known where the definition has a number of seconds or a time. Any other Wait
/// may end at any time.
fn wait_due_ms(definition: &Value, state: &StateView, now_ms: u64) -> u64 {
    let found = find_state(definition, &state.name);
    let of_seconds = || Some(state.entered_ms.saturating_add(found?["Seconds"].as_u64()?.saturating_mul(1_000)));
    let of_time = || {
        let time = found?["Timestamp"].as_str()?.parse::<jiff::Timestamp>().ok()?;
        u64::try_from(time.as_millisecond()).ok()
    };
    of_seconds().or_else(of_time).unwrap_or_default().max(now_ms + NEWS_EXPECTED_MS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_a_wait_is_read_from_the_definition_where_it_is_there() {
        let state = StateView {
            path: "W".to_owned(),
            name: "W".to_owned(),
            state_type: StateType::Wait,
            entered_ms: 5_000,
            called: false,
            called_ms: None,
            answered: false,
            abandoned: false,
            attempt: 1,
            attempts_max: None,
            doing: Doing::Running,
        };
        let due_ms = |wait: Value| {
            let definition = json!({ "StartAt": "W", "States": { "W": wait } });
            wait_due_ms(&definition, &state, 6_000)
        };
        assert_eq!(due_ms(json!({ "Type": "Wait", "Seconds": 3, "End": true })), 8_000);
        assert_eq!(due_ms(json!({ "Type": "Wait", "Timestamp": "1970-01-01T00:01:00Z", "End": true })), 60_000);
        assert_eq!(due_ms(json!({ "Type": "Wait", "SecondsPath": "$.s", "End": true })), 7_000);
        let late = json!({ "Type": "Wait", "Seconds": 0, "End": true });
        assert_eq!(due_ms(late), 7_000, "the service's clock is behind: at any time");
    }
}
