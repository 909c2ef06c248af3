//! The status of a state.

use engine::{journal::StepFailure, step::Instructions};
use serde::{Deserialize, Serialize};

/// The status of a state that was entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "doing", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StateStatus {
    /// A call is in flight, or nested states run.
    Running,
    /// Polled until the step is done.
    Waiting(Wait),
    /// In a Wait state until `due_ms`, in milliseconds since the Unix epoch.
    Sleeping {
        /// When the Wait ends.
        due_ms: u64,
    },
    /// Waits for an answer with its task token, which a call has passed on.
    Parked {
        /// When it times out: the earlier end of its `TimeoutSeconds` and its execution.
        deadline_ms: Option<u64>,
        /// The heartbeat that the holder of its token must send; `None` if it has no `HeartbeatSeconds`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat: Option<AwaitedHeartbeat>,
    },
    /// A failed attempt will be repeated.
    Retrying {
        /// The number of the next attempt, from 1.
        attempt: u32,
        /// The number of the last attempt that the matching `Retry` rule allows. `None` if its journal entry does not have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempts_max: Option<u32>,
        /// When that attempt begins, in milliseconds since the Unix epoch.
        next_attempt_ms: u64,
        /// The failure of the last attempt.
        failure: StepFailure,
    },
    /// Exited.
    Exited {
        /// When it exited, in milliseconds since the Unix epoch.
        stopped_ms: u64,
    },
    /// Failed; a `Catch` of this state or of an enclosing one handled the failure.
    Caught {
        /// When it exited; for a state inside the one with the `Catch`, when it failed. In milliseconds since the Unix epoch.
        stopped_ms: u64,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// The failure.
        failure: StepFailure,
    },
    /// Failed, and not retried.
    Failed {
        /// When it failed, in milliseconds since the Unix epoch.
        stopped_ms: u64,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// The failure.
        failure: StepFailure,
    },
    /// Paused until `flow resume`.
    Paused {
        /// The failure that caused the pause.
        failure: StepFailure,
    },
    /// Stopped because its execution ended elsewhere.
    Stopped {
        /// When it stopped, in milliseconds since the Unix epoch.
        stopped_ms: u64,
    },
}

impl StateStatus {
    /// Whether it waits for a person.
    pub fn needs_person(&self) -> bool {
        match self {
            StateStatus::Waiting(wait) => wait.instructions.is_some(),
            StateStatus::Paused { .. } => true,
            _ => false,
        }
    }

    /// When it timed out while it waits for an answer; `None` if it has not at that time. No process may have recorded that yet.
    pub fn timed_out_ms(&self, now_ms: u64) -> Option<u64> {
        match self {
            StateStatus::Waiting(wait) => wait.timed_out_ms(now_ms),
            StateStatus::Parked { deadline_ms, heartbeat } => {
                let beat_ms = heartbeat.and_then(AwaitedHeartbeat::due_ms);
                let first_ms = deadline_ms.iter().copied().chain(beat_ms).min();
                first_ms.filter(|due_ms| *due_ms <= now_ms)
            }
            _ => None,
        }
    }

    /// When it exited, failed or stopped; `None` if it has not.
    pub fn stopped_ms(&self) -> Option<u64> {
        match self {
            StateStatus::Exited { stopped_ms }
            | StateStatus::Caught { stopped_ms, .. }
            | StateStatus::Failed { stopped_ms, .. }
            | StateStatus::Stopped { stopped_ms } => Some(*stopped_ms),
            _ => None,
        }
    }

    /// Whether the state was left or stopped. A state that failed is not left: a redrive continues it.
    pub fn is_left(&self) -> bool {
        matches!(self, StateStatus::Exited { .. } | StateStatus::Caught { .. } | StateStatus::Stopped { .. })
    }
}

/// The heartbeat that the holder of a task token must send. Each one moves the end of `HeartbeatSeconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AwaitedHeartbeat {
    /// When the next one is due, in milliseconds since the Unix epoch.
    DueMs(u64),
    /// The `HeartbeatSeconds`, where it is not known when the last one arrived: no history has it.
    EverySeconds(u64),
}

impl AwaitedHeartbeat {
    /// When the next one is due; `None` if that is not known.
    fn due_ms(self) -> Option<u64> {
        match self {
            AwaitedHeartbeat::DueMs(due_ms) => Some(due_ms),
            AwaitedHeartbeat::EverySeconds(_) => None,
        }
    }
}

/// The reason of a task that no worker has taken yet. This reason and the next one also say that a worker must answer: such a wait reaches
/// the views of other processes and versions as a poll (`RunnerEvent::Polled`), which has no other field for it.
const WAITS_FOR_WORKER: &str = "waits for a worker";
/// Why a task of an activity waits that a worker has fetched.
const RUNS_AT_WORKER: &str = "a worker runs it";

/// The last poll of a wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// The reason that the poll reported, such as `creating`.
    pub reason: String,
    /// When the poll was made, in milliseconds since the Unix epoch.
    pub polled_ms: u64,
    /// When the next poll is due.
    pub next_poll_ms: u64,
    /// The deadline of the wait.
    pub deadline_ms: Option<u64>,
    /// The instructions for a person.
    pub instructions: Option<Instructions>,
}

impl Wait {
    /// The wait of a task for a worker of its activity, from the time at which it was offered on. Nothing polls it.
    pub fn for_worker(since_ms: u64) -> Self {
        Wait {
            reason: WAITS_FOR_WORKER.to_owned(),
            polled_ms: since_ms,
            next_poll_ms: 0,
            deadline_ms: None,
            instructions: None,
        }
    }

    /// The wait for the answer of the worker that runs a task of its activity. Nothing polls it.
    pub(super) fn at_worker(since_ms: u64, deadline_ms: Option<u64>) -> Self {
        Wait { reason: RUNS_AT_WORKER.to_owned(), deadline_ms, ..Wait::for_worker(since_ms) }
    }

    /// Whether a worker must answer the task: one is awaited, or one runs the task.
    pub fn is_of_worker(&self) -> bool {
        self.next_poll_ms == 0 && [WAITS_FOR_WORKER, RUNS_AT_WORKER].contains(&self.reason.as_str())
    }

    /// Since when it waits for a worker of its activity; `None` if it waits for something else.
    pub fn for_worker_since_ms(&self) -> Option<u64> {
        (self.next_poll_ms == 0 && self.reason == WAITS_FOR_WORKER).then_some(self.polled_ms)
    }

    /// When it timed out; `None` if it has not at that time. No process may have recorded that yet.
    pub fn timed_out_ms(&self, now_ms: u64) -> Option<u64> {
        self.deadline_ms.filter(|due_ms| *due_ms <= now_ms)
    }
}
