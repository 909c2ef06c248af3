//! What a step knows about the moment it runs in.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Where and when a step runs. Times are milliseconds since the Unix epoch on the runner's clock, which a rehearsal may
/// run faster than the wall's.
#[derive(Debug, Clone)]
pub struct StepContext {
    /// The execution's id, such as `endpoints-aws-7k3f`.
    pub execution: String,
    /// The Task's `Resource`.
    pub resource: String,
    /// The path of the state, such as `VPC and subnets/Create VPC`.
    pub state_path: String,
    /// Which entering of a state within its branch this is, from 1.
    pub visit: u64,
    /// Which try within the visit, from 1.
    pub attempt: u32,
    /// Which look within the attempt, from 1.
    pub look: u32,
    /// Idempotency token: 64 hexadecimal digits, the same for every attempt of a visit, different for every other visit.
    pub token: String,
    /// The task token that answers this visit from outside (`flow signal`).
    pub task_token: String,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// When the first look of this attempt was, in milliseconds since the Unix epoch.
    pub first_look_ms: u64,
    /// When the attempt gives up, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// Ids and ARNs of everything this execution created so far: only for these is "not found" a matter of time.
    pub created: Arc<BTreeSet<String>>,
}

impl StepContext {
    /// The interval before the next look: `first` at the first look, half as much again at each later one, at most `max`.
    pub fn poll_interval(&self, first: Duration, max: Duration) -> Duration {
        let growth = 1.5_f64.powi(self.look.saturating_sub(1).min(64) as i32);
        Duration::from_secs_f64((first.as_secs_f64() * growth).min(max.as_secs_f64()))
    }

    /// A context for one look outside any execution, such as asking who the caller is before anything begins.
    pub fn outside_execution(now_ms: u64) -> Self {
        StepContext { execution: String::new(), now_ms, first_look_ms: now_ms, ..StepContext::for_test("") }
    }

    /// A context for tests of a step function: first look of the first attempt of the first visit, at the epoch.
    pub fn for_test(state_path: &str) -> Self {
        StepContext {
            execution: "test-0000".to_owned(),
            resource: String::new(),
            state_path: state_path.to_owned(),
            visit: 1,
            attempt: 1,
            look: 1,
            token: "0".repeat(64),
            task_token: "0".repeat(64),
            now_ms: 0,
            first_look_ms: 0,
            deadline_ms: None,
            created: Arc::default(),
        }
    }
}
