//! Works on one task: calls its step until it is done, sends heartbeats meanwhile, and answers the task.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use deploy::{TaskInput, Visit, WORKER_STOPPED, retried_after};
use engine::{
    machine::{cause_of_time_out, refuse_result},
    runner::{Clock, SystemClock},
    step::{self, Answer, ErrorClass, Pending, StepContext, StepError, error_names},
};
use serde_json::Value;
use steps::step_functions::{ActivityTask, Receipt};

use super::{
    Worker,
    answer::{AnswerLimits, Outcome, SendAnswer, answer},
    confirmation::{Confirmation, SendHeartbeat},
    counts::{CallKind, Ending},
    given_back::{log_message, may_succeed_at_another_worker, refused_answer, without_folder},
    pauses::Pauses,
    slots::Slot,
};
use crate::ui::text::one_line;

/// The time that a task waits for its first slot before it is given back for another worker, and the number of times that it is given back
/// in its visit. The other retries are left for workers that end.
const FIRST_SLOT_MAX: Duration = Duration::from_secs(10);
const FIRST_SLOT_RETRIES_MAX: u32 = 3;
/// The most by which a pause of this worker's polls exceeds the time until the retry. It is random: if two workers gave back each other's
/// tasks, the first one that polls again receives both tasks, and the other one is polling when it gives one of them back.
const PAUSE_ADDED_MAX: Duration = Duration::from_millis(1_500);
/// The causes of a task that is given back.
const ENDED: &str = "The worker ended.";
const NO_SLOT: &str = "The worker had no free slot for it. Its step was not called.";

/// A task that a worker holds.
pub(super) struct TaskJob {
    pub worker: Arc<Worker>,
    pub task: ActivityTask,
    /// The resource of its step.
    pub resource: String,
    /// The pauses of its activity.
    pub pauses: Arc<Pauses>,
    /// The confirmation that the worker has it.
    pub confirmation: Confirmation,
}

impl TaskJob {
    /// Works on the task, in a slot if one was free when it arrived, and answers it.
    pub async fn run(self, slot: Option<Slot>) {
        let outcome = match TaskInput::read(&self.task.input) {
            Ok(input) => {
                let heartbeat = input.flow.heartbeat_seconds.map(Duration::from_secs);
                tokio::select! {
                    outcome = self.work(input, slot) => outcome,
                    () = self.confirmation.beat(&self, heartbeat) => Outcome::Over,
                }
            }
            Err(error) => {
                drop(slot);
                Outcome::failure(ErrorClass::Invalid.error_name(), error.to_string())
            }
        };
        let Worker { stop, drain_max, counts, .. } = &*self.worker;
        counts.ended(answer(&self, outcome, stop, &AnswerLimits::of(*drain_max)).await);
    }

    /// Calls the step until it is done.
    async fn work(&self, input: TaskInput, mut first_slot: Option<Slot>) -> Outcome {
        let mut context = self.context(&input);
        let times_ms = (context.now_ms, SystemClock::default().now_ms());
        let kept_deadline_ms = kept_deadline_ms(&input.flow, times_ms, self.worker.clock.as_ref());
        let Worker { stop, drain_max, slots, .. } = &*self.worker;
        let heartbeat = input.flow.heartbeat_seconds.map(Duration::from_secs);
        let mut logged = String::new();
        loop {
            let slot = tokio::select! {
                biased;
                _ = stop.requested() => return Outcome::given_back(ENDED),
                slot = async {
                    match first_slot.take() {
                        Some(slot) => slot,
                        None => slots.take().await,
                    }
                } => slot,
                () = passed(slot_wait_max(context.poll, input.flow.retry_count)) => return Outcome::given_back(NO_SLOT),
            };
            tokio::select! {
                biased;
                _ = stop.requested() => return Outcome::given_back(ENDED),
                () = self.confirmation.confirmed_within(heartbeat) => {}
            }
            context.poll += 1;
            context.now_ms = self.worker.clock.now_ms();
            let Worker { registries, environment, files, .. } = &*self.worker;
            let call = async {
                match without_folder(files.as_deref(), &self.resource).await {
                    Some(error) => Err(error),
                    None => step::call(registries.as_ref(), environment, context.clone(), input.input.clone()).await,
                }
            };
            let answer = tokio::select! {
                biased;
                answer = call => answer,
                // Another worker calls the step again with the same token.
                () = stop.requested_for(*drain_max) => return Outcome::given_back(ENDED),
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
                    // A call that does not wait begins again, and has its complete time.
                    context.deadline_ms = kept_deadline_ms.or(context.deadline_ms);
                    let next_ms = context.now_ms.saturating_add(pending.check_again_after.as_millis() as u64);
                    let deadline_ms = context.deadline_ms.filter(|deadline_ms| *deadline_ms < next_ms);
                    tokio::select! {
                        biased;
                        _ = stop.requested() => return Outcome::given_back(ENDED),
                        () = self.sleep_until(deadline_ms.unwrap_or(next_ms)) => {}
                    }
                    if deadline_ms.is_some() {
                        return timed_out(input.flow.state_name(), &pending);
                    }
                }
                Err(error) => return self.failure(&error, &context, input.flow.retry_count),
            }
        }
    }

    /// The answer for a step that failed. A task that this machine's settings do not allow, or for which it lacks a program or a folder,
    /// is given back for another worker. This worker then begins no polls of the activity for a while, so that it does not receive the same
    /// task again.
    fn failure(&self, error: &StepError, context: &StepContext, retry_count: u32) -> Outcome {
        let Worker { name, command, .. } = &*self.worker;
        if !may_succeed_at_another_worker(error) {
            return failed(error);
        }
        tracing::warn!("{}", log_message(error, context, command));
        let outcome = refused_answer(error, name, retry_count);
        if matches!(outcome, Outcome::GivenBack(_)) {
            let jitter = PAUSE_ADDED_MAX.mul_f64(rand::random_range(0.3..1.0));
            self.pauses.add(retried_after(retry_count) + jitter);
        }
        outcome
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
}

impl SendHeartbeat for TaskJob {
    async fn send_heartbeat(&self) -> Result<Receipt, StepError> {
        let Worker { api, counts, .. } = &*self.worker;
        counts.heartbeat();
        let sent = api.heartbeat(&self.task.token).await;
        match &sent {
            Ok(Receipt::Accepted) => counts.call_answered(CallKind::Heartbeat),
            Ok(Receipt::Over) => {}
            Err(error) => counts.log_failure(CallKind::Heartbeat, &format!("a heartbeat failed: {error}")),
        }
        sent
    }
}

impl SendAnswer for TaskJob {
    async fn send(&self, outcome: &Outcome) -> (Result<Receipt, StepError>, Ending) {
        let (Worker { api, counts, .. }, token) = (&*self.worker, &self.task.token);
        let (sent, ending) = match outcome {
            Outcome::Output(output) => (api.task_succeeded(token, output).await, Ending::Succeeded),
            Outcome::Failure { error, cause } => (api.task_failed(token, error, cause).await, Ending::Failed),
            Outcome::GivenBack(cause) => (api.task_failed(token, WORKER_STOPPED, cause).await, Ending::GivenBack),
            Outcome::Over => (Ok(Receipt::Over), Ending::Over),
        };
        if sent.is_ok() {
            counts.call_answered(CallKind::Answer);
        }
        (sent, ending)
    }

    fn log_failure(&self, error: &StepError) {
        self.worker.counts.log_failure(CallKind::Answer, &format!("an answer failed: {error}"));
    }
}

/// The time that a task waits for a slot; `None` without a limit. A step that was polled keeps its task.
fn slot_wait_max(poll: u32, retry_count: u32) -> Option<Duration> {
    (poll == 0 && retry_count < FIRST_SLOT_RETRIES_MAX).then_some(FIRST_SLOT_MAX)
}

async fn passed(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// The deadline of an attempt that begins now, on the steps' clock.
fn deadline_ms(visit: &Visit, now_ms: u64, clock: &dyn Clock) -> Option<u64> {
    Some(after(visit.timeout_seconds?.saturating_mul(1_000), now_ms, clock))
}

/// The deadline of a wait that earlier workers began and did not end, on the steps' clock: it counts from the entry of the state. `None` if
/// the attempt continues no such wait. The parameters are the current times on the steps' clock and on this machine's clock.
fn kept_deadline_ms(visit: &Visit, (now_ms, real_now_ms): (u64, u64), clock: &dyn Clock) -> Option<u64> {
    let limit_ms = visit.timeout_seconds.filter(|_| visit.continues())?.saturating_mul(1_000);
    let waited_ms = real_now_ms.saturating_sub(visit.entered_ms());
    Some(after(limit_ms.saturating_sub(waited_ms), now_ms, clock))
}

/// The time on the steps' clock after a duration on the server's clock. A rehearsal's clock runs faster than the server's.
fn after(real_ms: u64, now_ms: u64, clock: &dyn Clock) -> u64 {
    const SPAN_MS: u64 = 1_000_000;
    let span_real_ms = clock.real_duration_until(now_ms + SPAN_MS).as_millis().max(1);
    let ms = u128::from(real_ms) * u128::from(SPAN_MS) / span_real_ms;
    now_ms.saturating_add(u64::try_from(ms).unwrap_or(u64::MAX))
}

/// The failure of a step that still waits at its deadline, as the local engine reports it.
fn timed_out(state: &str, pending: &Pending) -> Outcome {
    Outcome::failure(error_names::TIMEOUT, cause_of_time_out(state, Some(&pending.reason)))
}

/// Logs why a step waits, unless that was logged last. Only the worker's log has it: Step Functions has no record of a poll. Instructions
/// for a person are a warning, which is shown without `--verbose`.
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
        journal::StepFailure,
        machine::{NESTING_LEVELS_MAX, PAYLOAD_BYTES_MAX},
        runner::ScaledClock,
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
    fn a_task_without_a_slot_is_given_back_and_not_so_often_that_its_state_fails() {
        assert_eq!(slot_wait_max(0, 0), Some(FIRST_SLOT_MAX));
        assert_eq!(slot_wait_max(0, FIRST_SLOT_RETRIES_MAX), None, "retries are left for workers that end");
        assert_eq!(slot_wait_max(1, 0), None, "its step was called and waits");
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
    fn a_wait_that_another_worker_continues_keeps_its_deadline() {
        let visit = |retry_count: u32, redrive_count: Option<u32>| {
            let mut flow = json!({ "execution": "arn:e", "startedAt": "1970-01-01T00:00:00Z", "statePath": "A",
                "enteredAt": "1970-01-01T00:16:40Z", "retryCount": retry_count, "timeoutSeconds": 60 });
            if let Some(redrive_count) = redrive_count {
                flow["redriveCount"] = json!(redrive_count);
            }
            TaskInput::read(&json!({ "flow": flow, "input": 1 }).to_string()).unwrap().flow
        };
        let clock = ScaledClock::new(SystemClock::default().now_ms(), 1.0);
        // It was entered at 1,000 s.
        let left_seconds = |visit: Visit, real_now_ms: u64| {
            let now_ms = clock.now_ms();
            let deadline_ms = kept_deadline_ms(&visit, (now_ms, real_now_ms), &clock)?;
            // Some time passes while the span is measured.
            Some((deadline_ms - now_ms + 500) / 1_000)
        };
        assert_eq!(left_seconds(visit(1, Some(0)), 1_045_000), Some(15));
        assert_eq!(left_seconds(visit(4, Some(0)), 1_061_000), Some(0), "it polls once more");
        assert_eq!(left_seconds(visit(1, Some(0)), 999_000), Some(60), "the clocks differ");
        assert_eq!(left_seconds(visit(0, Some(0)), 1_045_000), None, "the first attempt");
        assert_eq!(left_seconds(visit(1, Some(1)), 1_045_000), None, "a redrive has its complete time");
        assert_eq!(left_seconds(visit(1, None), 1_045_000), None, "a retry of the author has its complete time");
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
