//! Works on one task: calls its step until it is done, sends heartbeats meanwhile, and answers the task.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use deploy::{TaskInput, Visit, WORKER_STOPPED};
use engine::{
    journal::StepFailure,
    machine::{cause_of_time_out, refuse_result},
    runner::Clock,
    step::{self, Answer, ErrorClass, Pending, StepContext, StepError},
};
use serde_json::Value;
use steps::step_functions::{ActivityTask, Receipt};

use super::{Worker, counts::Ending};
use crate::ui::text::one_line;

/// The error of an output that Step Functions does not accept.
const DATA_LIMIT: &str = "States.DataLimitExceeded";
/// The longest error name and cause of a failure that was refused although it is within the limits of the API, in bytes of ASCII: a
/// service may count in another way.
const ERROR_BYTES_OF_REFUSED: usize = 128;
const CAUSE_BYTES_OF_REFUSED: usize = 4_096;
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
            Err(error) => Outcome::failure(ErrorClass::Invalid.error_name(), error.to_string()),
        };
        let ending = self.answer(outcome).await;
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
                    return output(input.flow.state_name(), &done.output);
                }
                Ok(Answer::Pending(pending)) => {
                    log_wait(&context, &pending, &mut logged);
                    let next_ms = context.now_ms.saturating_add(pending.check_again_after.as_millis() as u64);
                    let deadline_ms = context.deadline_ms.filter(|deadline_ms| *deadline_ms < next_ms);
                    tokio::select! {
                        biased;
                        _ = stopping.wait_for(|stopping| *stopping) => return Outcome::GivenBack,
                        () = self.sleep_until(deadline_ms.unwrap_or(next_ms)) => {}
                    }
                    if deadline_ms.is_some() {
                        return timed_out(input.flow.state_name(), &pending);
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
        // Each task is an attempt of its own, whose time begins when the worker receives it.
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
            first_poll_ms: now_ms,
            deadline_ms: deadline_ms(visit, now_ms, self.worker.clock.as_ref()),
            abandonment: Default::default(),
            created: Arc::new(perhaps_created(&input.input, visit.started_ms())),
        }
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
    /// receives the task. Answers with a failure if the API refuses the output.
    async fn answer(&self, mut outcome: Outcome) -> Ending {
        let until = tokio::time::Instant::now() + ANSWER_MAX;
        let mut pause = Duration::from_millis(100);
        loop {
            let (Worker { api, .. }, token) = (&*self.worker, &self.task.token);
            let (sent, ending) = match &outcome {
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
                    let Some(next) = outcome.after_refusal(&error) else { return Ending::AnswerRefused };
                    outcome = next;
                }
            }
        }
    }
}

impl Outcome {
    /// A failure within the limits of the API.
    fn failure(error: &str, cause: String) -> Self {
        let StepFailure { error, cause, .. } =
            StepFailure { error: error.to_owned(), cause, details: None }.shortened();
        Outcome::Failure { error, cause }
    }

    /// The answer after the service refused this one for what it contains, so that the step is not called again in vain. `None` if
    /// another answer would be refused too.
    fn after_refusal(&self, error: &StepError) -> Option<Outcome> {
        if error.class != ErrorClass::Invalid {
            return None;
        }
        let next = match self {
            Outcome::Output(_) => Outcome::failure(DATA_LIMIT, format!("The output was refused: {error}")),
            Outcome::Failure { error, cause } => Outcome::Failure {
                error: plain(error, ERROR_BYTES_OF_REFUSED),
                cause: plain(cause, CAUSE_BYTES_OF_REFUSED),
            },
            Outcome::GivenBack | Outcome::Over => return None,
        };
        (next != *self).then_some(next)
    }
}

/// The deadline of an attempt that begins now, on the steps' clock. A rehearsal's clock runs faster than the server's.
fn deadline_ms(visit: &Visit, now_ms: u64, clock: &dyn Clock) -> Option<u64> {
    const SPAN_MS: u64 = 1_000_000;
    let limit_ms = visit.timeout_seconds?.saturating_mul(1_000);
    let real_ms = clock.real_duration_until(now_ms + SPAN_MS).as_millis().max(1);
    let limit_ms = u128::from(limit_ms) * u128::from(SPAN_MS) / real_ms;
    Some(now_ms.saturating_add(u64::try_from(limit_ms).unwrap_or(u64::MAX)))
}

/// The failure of a step that still waits at its deadline, as the local engine reports it.
fn timed_out(state: &str, pending: &Pending) -> Outcome {
    Outcome::failure("States.Timeout", cause_of_time_out(state, Some(&pending.reason)))
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

/// The answer with the output of a state's step: a failure, as locally, if the output is too large or nested too deep.
fn output(state: &str, value: &Value) -> Outcome {
    match refuse_result(state, value) {
        Ok(()) => Outcome::Output(value.to_string()),
        Err(failure) => Outcome::failure(&failure.error, failure.cause),
    }
}

fn failed(error: &StepError) -> Outcome {
    let cause = if error.name.is_some() { error.cause.clone() } else { error.to_string() };
    Outcome::failure(error.error_name(), cause)
}

/// The beginning of a text in printable ASCII.
fn plain(text: &str, bytes_max: usize) -> String {
    let printable = |c: char| match c {
        ' '..='~' => c,
        c if c.is_whitespace() => ' ',
        _ => '?',
    };
    text.chars().map(printable).take(bytes_max).collect()
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
    #![allow(clippy::unwrap_used)]
    use engine::{
        machine::{NESTING_LEVELS_MAX, PAYLOAD_BYTES_MAX},
        runner::{ScaledClock, SystemClock},
        step::Instructions,
    };
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
    fn an_output_that_is_too_long_or_too_deep_is_a_failure_that_names_the_limit() {
        assert_eq!(output("A", &json!({ "a": 1 })), Outcome::Output(r#"{"a":1}"#.to_owned()));
        let deep = (0..=NESTING_LEVELS_MAX).fold(json!(1), |inner, _| json!([inner]));
        for (value, words) in
            [(json!("x".repeat(PAYLOAD_BYTES_MAX)), "maximum number of bytes"), (deep, "deeper than 100 levels")]
        {
            let Outcome::Failure { error, cause } = output("A", &value) else { panic!("no failure") };
            assert_eq!(error, "States.DataLimitExceeded");
            assert!(cause.starts_with("The state/task 'A' ") && cause.contains(words), "{cause}");
        }
    }

    #[test]
    fn an_answer_that_is_refused_for_what_it_contains_becomes_a_failure_that_is_accepted() {
        let refusal = StepError::new(ErrorClass::Invalid, "Invalid Output: 'nested'");
        let refused = Outcome::Output("[]".to_owned()).after_refusal(&refusal).unwrap();
        let Outcome::Failure { error, cause } = &refused else { panic!("no failure") };
        assert_eq!(error, "States.DataLimitExceeded");
        assert!(cause.contains("Invalid Output: 'nested'"), "{cause}");
        assert_eq!(refused.after_refusal(&refusal), None, "it cannot be shortened");
        let long = Outcome::Failure { error: "é".repeat(256), cause: "é\n".repeat(16_384) };
        let Some(Outcome::Failure { error, cause }) = long.after_refusal(&refusal) else { panic!("no failure") };
        assert_eq!((error.len(), cause.len()), (ERROR_BYTES_OF_REFUSED, CAUSE_BYTES_OF_REFUSED));
        assert_eq!(Outcome::Failure { error, cause }.after_refusal(&refusal), None);
        assert_eq!(Outcome::GivenBack.after_refusal(&refusal), None);
        let forbidden = StepError::new(ErrorClass::Permission, "not authorized");
        assert_eq!(Outcome::Output("[]".to_owned()).after_refusal(&forbidden), None, "its content is not the reason");
    }

    #[test]
    fn an_attempt_has_its_complete_time_whenever_its_state_was_entered() {
        let flow = json!({ "execution": "arn:e", "startedAt": "2020-01-01T00:00:00.000Z", "statePath": "A/B",
            "enteredAt": "2020-01-01T00:00:01.000Z", "retryCount": 3, "timeoutSeconds": 5 });
        let visit = TaskInput::read(&json!({ "flow": flow, "input": 1 }).to_string()).unwrap().flow;
        for (speed, expected_ms) in [(1.0, 5_000), (10.0, 50_000)] {
            let clock = ScaledClock::new(SystemClock::default().now_ms(), speed);
            let now_ms = clock.now_ms();
            let limit_ms = deadline_ms(&visit, now_ms, &clock).unwrap() - now_ms;
            assert!(limit_ms.abs_diff(expected_ms) <= expected_ms / 10, "{limit_ms} at speed {speed}");
        }
        let without = Visit { timeout_seconds: None, ..visit };
        assert_eq!(deadline_ms(&without, 7, &SystemClock::default()), None);
    }

    #[test]
    fn a_wait_that_times_out_reports_what_its_last_poll_found() {
        let Outcome::Failure { error, cause } = timed_out("A", &Pending::new("no such name.", Duration::from_secs(5)))
        else {
            panic!("no failure")
        };
        assert_eq!(error, "States.Timeout");
        assert_eq!(cause, "The state 'A' did not end within its TimeoutSeconds. The last poll found: no such name.");
    }

    #[test]
    fn a_failure_keeps_its_name_and_fits_the_api() {
        let error = StepError::new(ErrorClass::Throttled, "x".repeat(40_000));
        let Outcome::Failure { error, cause } = failed(&error) else { panic!("no failure") };
        assert_eq!((error.as_str(), cause.len()), ("Flow.Throttled", StepFailure::CAUSE_CHARACTERS_MAX));
    }
}
