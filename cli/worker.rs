//! A worker of activities: polls the Step Functions API for tasks and runs the steps that they name.

mod answer;
mod confirmation;
mod counts;
mod given_back;
mod pauses;
mod poller;
mod slots;
mod stop;
mod suspensions;
mod task;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use engine::{
    runner::Clock,
    step::{Registries, StepError},
};
use serde_json::Value;
use steps::step_functions::{NamedArn, StepFunctions};
use tokio::{sync::Semaphore, task::JoinSet};

use self::{
    counts::CallKind,
    pauses::Pauses,
    poller::{Limits, Poller, StepActivity},
    suspensions::Suspensions,
};
pub use self::{
    counts::TaskCounts,
    given_back::folder_problem,
    slots::Slots,
    stop::{Stop, StopRequest},
};
use crate::backoff::Backoff;

/// An error with its repair, as one text of the log. The worker tries again until the repair is made.
fn with_hint(error: &StepError) -> String {
    match &error.hint {
        Some(repair) => format!("{error}. {repair}"),
        None => error.to_string(),
    }
}

/// The most tasks that a worker holds at once. Most of them wait for their next poll.
const TASKS_MAX: usize = 1_000;
/// The interval of reading the list of activities while none of them exists.
const FIRST_ACTIVITY_AFTER: Duration = Duration::from_secs(1);
/// The interval of reading the list of activities afterwards.
const ACTIVITIES_EVERY: Duration = Duration::from_secs(30);

/// A worker.
pub struct Worker {
    /// The API.
    pub api: StepFunctions,
    /// The resource of each step that it runs, such as `flow:ec2:createVpc`, by the name of its activity.
    pub resources: BTreeMap<String, String>,
    /// The registries of its steps.
    pub registries: Arc<dyn Registries>,
    /// The environment in which the steps act.
    pub environment: Value,
    /// The clock of the steps.
    pub clock: Arc<dyn Clock>,
    /// The folder in FLOW_FILES.
    pub files: Option<PathBuf>,
    /// Its name in history events.
    pub name: String,
    /// The command that starts it, without variables, for messages.
    pub command: String,
    /// The slots of concurrent steps.
    pub slots: Slots,
    /// Whether each activity is polled only once.
    pub once: bool,
    /// The time that calls of steps may take to end when the worker stops.
    pub drain_max: Duration,
    /// Its counters.
    pub counts: Arc<TaskCounts>,
    /// Whether it must stop.
    pub stop: Stop,
}

/// An activity that exists and has a step in this worker.
struct ExistingActivity {
    arn: String,
    /// The resource of its step.
    resource: String,
}

impl Worker {
    /// Polls until it must stop. Then it makes no new polls, lets the calls in flight end for a while, and gives back the
    /// tasks that are not done.
    ///
    /// # Errors
    /// It polls only once, and the activities could not be listed.
    pub async fn run(self) -> Result<(), StepError> {
        let suspensions = Arc::new(Suspensions::new());
        tokio::select! {
            ended = self.poll_activities(suspensions.clone()) => ended,
            () = suspensions.watch() => Ok(()),
        }
    }

    async fn poll_activities(self, suspensions: Arc<Suspensions>) -> Result<(), StepError> {
        let worker = Arc::new(self);
        let in_hand = Arc::new(Semaphore::new(TASKS_MAX));
        let limits = worker.limits(&in_hand);
        let mut pollers: HashMap<String, Arc<Poller<StepActivity>>> = HashMap::new();
        let mut running = JoinSet::new();
        let (mut is_announced, mut backoff) = (false, Backoff::new());
        loop {
            let listed = tokio::select! {
                biased;
                _ = worker.stop.requested() => break,
                listed = worker.activities() => listed,
            };
            let pause = match listed {
                Ok((activities, others)) => {
                    worker.counts.call_answered(CallKind::List);
                    pollers.retain(|_, poller| !poller.has_ended());
                    for ExistingActivity { arn, resource } in activities {
                        if pollers.contains_key(&arn) {
                            continue;
                        }
                        let pauses = Arc::new(Pauses::new());
                        let (worker, suspensions) = (worker.clone(), suspensions.clone());
                        let activity = StepActivity { worker, arn: arn.clone(), resource, pauses, suspensions };
                        let poller = Poller::new(activity, limits.clone());
                        running.spawn(poller.clone().run());
                        pollers.insert(arn, poller);
                    }
                    if pollers.is_empty() && !std::mem::replace(&mut is_announced, true) {
                        tracing::warn!("{}", nothing_to_poll(&others));
                    }
                    backoff.reset();
                    if pollers.is_empty() { FIRST_ACTIVITY_AFTER } else { ACTIVITIES_EVERY }
                }
                Err(error) if worker.once => return Err(error),
                Err(error) => {
                    worker.counts.call_failed();
                    let words = format!("the activities could not be listed: {}", with_hint(&error));
                    worker.counts.log_failure(CallKind::List, &words);
                    backoff.pause()
                }
            };
            if worker.once || worker.stop.is_requested_within(pause).await {
                break;
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
        // Each task holds a permit, so all permits are free once no task is left.
        let _ = in_hand.acquire_many(TASKS_MAX as u32).await;
        Ok(())
    }

    /// The existing activities with a step that this worker polls, and the names of the others.
    async fn activities(&self) -> Result<(Vec<ExistingActivity>, Vec<String>), StepError> {
        let (mut polled, mut others) = (Vec::new(), Vec::new());
        for NamedArn { name, arn } in self.api.activities().await? {
            match self.resources.get(&name) {
                Some(resource) => polled.push(ExistingActivity { arn, resource: resource.clone() }),
                None => others.push(name),
            }
        }
        Ok((polled, others))
    }

    fn limits(&self, in_hand: &Arc<Semaphore>) -> Limits {
        Limits {
            slots: self.slots.clone(),
            in_hand: in_hand.clone(),
            stop: self.stop.clone(),
            once: self.once,
            counts: self.counts.clone(),
        }
    }
}

/// The warning of a worker for whose steps no activity exists. `others` are the names of those that exist.
fn nothing_to_poll(others: &[String]) -> String {
    let of_steps: Vec<&str> = others.iter().map(String::as_str).filter(|name| deploy::is_of_step(name)).collect();
    match of_steps.as_slice() {
        [] => "none of the activities exists yet; `flow deploy` creates them".to_owned(),
        names => format!(
            "this worker polls none of the activities that exist, {}: its options, its variables or its version are for other steps",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_that_exist_are_not_reported_as_missing() {
        let own = vec!["flow-wait-file-0a1b2c3d".to_owned(), "somebody-elses".to_owned()];
        let words = nothing_to_poll(&own);
        assert!(words.contains("that exist, flow-wait-file-0a1b2c3d:") && !words.contains("elses"), "{words}");
        assert!(nothing_to_poll(&own[1..]).starts_with("none of the activities exists yet"));
    }
}
