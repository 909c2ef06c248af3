//! Works on one task: calls its step until it is done, sends heartbeats meanwhile, and answers the task.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use deploy::{TaskInput, Visit, WORKER_STOPPED};
use engine::{
    runner::{Clock, SystemClock},
    step::{self, Answer, ErrorClass, Pending, StepContext, StepError},
};
use serde_json::Value;
use steps::step_functions::{ActivityTask, Receipt};

use super::{Worker, counts::Ending};
use crate::ui::text::one_line;

/// The longest output of a task, in bytes (Developer Guide, "Service quotas").
const OUTPUT_BYTES_MAX: usize = 256 << 10;
/// The longest error name and cause, in characters (API Reference, SendTaskFailure).
const ERROR_CHARACTERS_MAX: usize = 256;
const CAUSE_CHARACTERS_MAX: usize = 32_768;
/// The number of heartbeats within HeartbeatSeconds, so that some may be lost.
const HEARTBEATS_WITHIN_LIMIT: u32 = 3;
/// How long an answer is repeated while the API cannot be reached, and the longest pause between attempts.
const ANSWER_MAX: Duration = Duration::from_secs(300);
const ANSWER_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A task that a worker holds.
pub(super) struct TaskJob {
    pub worker: Arc<Worker>,
    pub task: ActivityTask,
    /// The resource of its step.
    pub resource: String,
}

/// The answer of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Output(String),
    Failure { error: String, cause: String },
    GivenBack,
    Over,
}

impl TaskJob {
    pub async fn run(self) {
        let outcome = match TaskInput::read(&self.task.input) {
            Ok(input) => {
                let every =
                    input.flow.heartbeat_seconds.map(|seconds| Duration::from_secs(seconds) / HEARTBEATS_WITHIN_LIMIT);
                tokio::select! {
                    outcome = self.work(input) => outcome,
                    () = self.beat(every) => Outcome::Over,
                }
            }
            Err(error) => {
                Outcome::Failure { error: ErrorClass::Invalid.error_name().to_owned(), cause: error.to_string() }
            }
        };
        let ending = self.answer(&outcome).await;
        self.worker.counts.ended(ending);
    }

    /// Calls the step until it is done.
    async fn work(&self, input: TaskInput) -> Outcome {
        let mut context = self.context(&input);
        let mut stopping = self.worker.stopping.clone();
        let mut logged = String::new();
        loop {
            let slot = tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Outcome::GivenBack,
                slot = self.worker.slots.acquire() => slot,
            };
            context.poll += 1;
            context.now_ms = self.worker.clock.now_ms();
            let Worker { registries, environment, .. } = &*self.worker;
            let call = step::call(registries.as_ref(), environment, context.clone(), input.input.clone());
            let answer = tokio::select! {
                biased;
                answer = call => answer,
                // Another worker calls the step again with the same token.
                () = self.worker.drained() => return Outcome::GivenBack,
            };
            drop(slot);
            match answer {
                Ok(Answer::Done(done)) => {
                    for change in &done.changes {
                        tracing::info!(change = ?change.action, id = %change.id, "{}", change.resource_type);
                    }
                    return output(&done.output);
                }
                Ok(Answer::Pending(pending)) => {
                    log_wait(&context, &pending, &mut logged);
                    let until_ms = context.now_ms.saturating_add(pending.check_again_after.as_millis() as u64);
                    tokio::select! {
                        biased;
                        _ = stopping.wait_for(|stopping| *stopping) => return Outcome::GivenBack,
                        () = self.sleep_until(until_ms) => {}
                    }
                }
                Err(error) => return failed(&error),
            }
        }
    }

    async fn sleep_until(&self, until_ms: u64) {
        tokio::time::sleep(self.worker.clock.real_duration_until(until_ms)).await;
    }

    fn context(&self, input: &TaskInput) -> StepContext {
        let visit = &input.flow;
        let now_ms = self.worker.clock.now_ms();
        StepContext {
            execution: visit.execution.rsplit(':').next().unwrap_or_default().to_owned(),
            resource: self.resource.clone(),
            state_path: visit.indexed_path(),
            frame: 0,
            visit: visit.entered_ms(),
            attempt: visit.retry_count.saturating_add(1),
            poll: 0,
            token: visit.token(),
            now_ms,
            // The steps' clock may run faster and start later than the server's, so the time of entering may be in its
            // future.
            first_poll_ms: visit.entered_ms().min(now_ms),
            deadline_ms: self.deadline_ms(visit, now_ms),
            abandonment: Default::default(),
            created: Arc::new(perhaps_created(&input.input, visit.started_ms())),
        }
    }

    /// The deadline of the visit on the steps' clock. A rehearsal's clock runs faster than the server's.
    fn deadline_ms(&self, visit: &Visit, now_ms: u64) -> Option<u64> {
        const SPAN_MS: u64 = 1_000_000;
        let left_ms = visit.deadline_ms()?.saturating_sub(SystemClock::default().now_ms());
        let real_ms = self.worker.clock.real_duration_until(now_ms + SPAN_MS).as_millis().max(1);
        let left_ms = u128::from(left_ms) * u128::from(SPAN_MS) / real_ms;
        Some(now_ms.saturating_add(u64::try_from(left_ms).unwrap_or(u64::MAX)))
    }

    /// Sends heartbeats. Returns when the task has ended.
    async fn beat(&self, every: Option<Duration>) {
        let Some(every) = every else { return std::future::pending().await };
        loop {
            tokio::time::sleep(every).await;
            self.worker.counts.heartbeat();
            match self.worker.api.heartbeat(&self.task.token).await {
                Ok(Receipt::Accepted) => {}
                Ok(Receipt::Over) => return,
                Err(error) => tracing::warn!("a heartbeat failed: {error}"),
            }
        }
    }

    /// Answers the task. Repeats the answer for a while if the API cannot be reached; after that another worker
    /// receives the task.
    async fn answer(&self, outcome: &Outcome) -> Ending {
        let until = tokio::time::Instant::now() + ANSWER_MAX;
        let mut pause = Duration::from_millis(100);
        loop {
            let (Worker { api, .. }, token) = (&*self.worker, &self.task.token);
            let (sent, ending) = match outcome {
                Outcome::Output(output) => (api.task_succeeded(token, output).await, Ending::Succeeded),
                Outcome::Failure { error, cause } => (api.task_failed(token, error, cause).await, Ending::Failed),
                Outcome::GivenBack => {
                    (api.task_failed(token, WORKER_STOPPED, "The worker ended.").await, Ending::GivenBack)
                }
                Outcome::Over => return Ending::Over,
            };
            match sent {
                Ok(Receipt::Accepted) => return ending,
                Ok(Receipt::Over) => return Ending::Over,
                Err(error) if tokio::time::Instant::now() < until && may_pass(&error) => {
                    tracing::warn!("an answer failed: {error}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(ANSWER_PAUSE_MAX);
                }
                Err(error) => {
                    tracing::error!("an answer was refused: {error}");
                    return Ending::AnswerRefused;
                }
            }
        }
    }
}

/// Logs why a step waits, unless that was logged last. Only the worker knows it: Step Functions has no record of a poll. What a person must
/// do is a warning, which is shown without `--verbose`.
fn log_wait(context: &StepContext, pending: &Pending, logged: &mut String) {
    let words = wait_words(context, pending);
    if *logged == words {
        return;
    }
    match pending.instructions {
        Some(_) => tracing::warn!("{words}"),
        None => tracing::info!("{words}"),
    }
    *logged = words;
}

fn wait_words(context: &StepContext, pending: &Pending) -> String {
    let mut words = format!("{} waits in {}: {}", context.execution, context.state_path, pending.reason);
    if let Some(instructions) = &pending.instructions {
        words.push_str(&format!(". {}", instructions.sentence));
        instructions.values.iter().for_each(|(name, value)| words.push_str(&format!("   {name} {value}")));
    }
    one_line(&words)
}

fn may_pass(error: &StepError) -> bool {
    matches!(error.class, ErrorClass::Throttled | ErrorClass::Unknown | ErrorClass::Credentials | ErrorClass::Busy)
}

fn output(value: &Value) -> Outcome {
    let text = value.to_string();
    if text.len() <= OUTPUT_BYTES_MAX {
        return Outcome::Output(text);
    }
    let cause = format!("The output has {} bytes; Step Functions accepts at most {OUTPUT_BYTES_MAX}.", text.len());
    Outcome::Failure { error: "States.DataLimitExceeded".to_owned(), cause }
}

fn failed(error: &StepError) -> Outcome {
    let cause = if error.name.is_some() { error.cause.clone() } else { error.to_string() };
    let shortened = |text: &str, max| text.chars().take(max).collect::<String>();
    Outcome::Failure {
        error: shortened(error.error_name(), ERROR_CHARACTERS_MAX),
        cause: shortened(&cause, CAUSE_CHARACTERS_MAX),
    }
}

/// Every text of a step's arguments that may be an id that this execution created. A worker does not know what other
/// workers created, and treating a new id as nonexistent would fail the execution.
fn perhaps_created(arguments: &Value, since_ms: u64) -> BTreeMap<String, u64> {
    /// The longest ARN has 2,048 characters.
    const ID_BYTES_MAX: usize = 2_048;
    const IDS_MAX: usize = 256;
    let mut found = BTreeMap::new();
    let mut open = vec![arguments];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if is_id(text) && text.len() <= ID_BYTES_MAX && found.len() < IDS_MAX => {
                found.insert(text.clone(), since_ms);
            }
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    found
}

/// Whether a text is an ARN or an id such as `vpc-0a1b2c3d`.
fn is_id(text: &str) -> bool {
    let hexadecimal = |tail: &str| tail.len() >= 8 && tail.chars().all(|c| c.is_ascii_hexdigit());
    text.starts_with("arn:") || text.rsplit_once('-').is_some_and(|(_, tail)| hexadecimal(tail))
}

#[cfg(test)]
mod tests {
    use engine::step::Instructions;
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_among_the_arguments_may_be_new_and_names_are_not_ids() {
        let arguments = json!({ "vpcId": "vpc-0a1b2c3d", "name": "my-name", "list": ["arn:aws:sns:r:1:t", 5] });
        let found = perhaps_created(&arguments, 7);
        let ids: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(ids, ["arn:aws:sns:r:1:t", "vpc-0a1b2c3d"]);
        assert_eq!(found["vpc-0a1b2c3d"], 7);
    }

    #[test]
    fn a_wait_is_logged_with_what_a_person_must_do_and_once_for_each_reason() {
        let context = StepContext::for_test("Section/Get certificate");
        let mut pending = Pending::new("no such name", Duration::from_secs(5));
        assert_eq!(wait_words(&context, &pending), "test-0000 waits in Section/Get certificate: no such name");
        let mut logged = String::new();
        log_wait(&context, &pending, &mut logged);
        assert_eq!(logged, "test-0000 waits in Section/Get certificate: no such name");
        pending.instructions = Some(Instructions {
            sentence: "Add this record:".to_owned(),
            values: vec![("type".to_owned(), "CNAME".to_owned()), ("name".to_owned(), "_a.example.com".to_owned())],
            answer: None,
            approval: None,
        });
        log_wait(&context, &pending, &mut logged);
        assert!(logged.ends_with("no such name. Add this record:   type CNAME   name _a.example.com"), "{logged}");
    }

    #[test]
    fn an_output_that_is_too_long_is_a_failure_that_names_the_limit() {
        assert_eq!(output(&json!({ "a": 1 })), Outcome::Output(r#"{"a":1}"#.to_owned()));
        let Outcome::Failure { error, .. } = output(&json!("x".repeat(OUTPUT_BYTES_MAX))) else { panic!("no failure") };
        assert_eq!(error, "States.DataLimitExceeded");
    }

    #[test]
    fn a_failure_keeps_its_name_and_fits_the_api() {
        let error = StepError::new(ErrorClass::Throttled, "x".repeat(40_000));
        let Outcome::Failure { error, cause } = failed(&error) else { panic!("no failure") };
        assert_eq!((error.as_str(), cause.len()), ("Flow.Throttled", CAUSE_CHARACTERS_MAX));
    }
}
