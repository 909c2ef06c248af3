//! The answer of a task, and the time for which it is repeated while the API cannot be reached.

use std::time::Duration;

use deploy::WORKER_STOPPED;
use engine::{
    journal::StepFailure,
    step::{ErrorClass, StepError, error_names},
};
use steps::step_functions::Receipt;

use super::{counts::Ending, stop::Stop};

/// The longest error name and cause of a failure that was refused although it is within the limits of the API, in bytes of ASCII: a
/// service may count in another way.
const ERROR_BYTES_OF_REFUSED: usize = 128;
const CAUSE_BYTES_OF_REFUSED: usize = 4_096;
/// The time for which an answer is repeated while the API cannot be reached, and the longest pause between attempts.
const ANSWER_MAX: Duration = Duration::from_secs(300);
const ANSWER_PAUSE_MAX: Duration = Duration::from_secs(5);
/// The time for which a worker that stops repeats an answer once its calls of steps have ended.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(10);

/// The answer of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Output(String),
    Failure {
        error: String,
        cause: String,
    },
    /// The task is given back for another worker; with the reason.
    GivenBack(String),
    /// The task has ended at the service: there is nothing to answer.
    Over,
}

/// Sends the answers of a task.
pub(super) trait SendAnswer: Sync {
    /// Sends one. Returns how the task has ended if it is accepted.
    fn send(&self, outcome: &Outcome) -> impl Future<Output = (Result<Receipt, StepError>, Ending)> + Send;

    /// Logs the failure of an answer that is repeated.
    fn log_failure(&self, error: &StepError);
}

/// The time for which an answer is repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerLimits {
    /// While the worker works.
    working: Duration,
    /// The time that calls of steps may take to end after the stop was requested.
    drain: Duration,
    /// After that, or after the request for a task that is given back.
    last: Duration,
}

impl AnswerLimits {
    /// The limits of a worker whose calls may take this long to end.
    pub fn of(drain_max: Duration) -> Self {
        AnswerLimits { working: ANSWER_MAX, drain: drain_max, last: LAST_ANSWERS_MAX }
    }
}

/// Answers a task. Repeats the answer for a while if the API cannot be reached; after that another worker receives the task. Answers with
/// a failure if the API refuses the output.
pub(super) async fn answer<S: SendAnswer>(sender: &S, outcome: Outcome, stop: &Stop, limits: &AnswerLimits) -> Ending {
    let is_given_back = matches!(outcome, Outcome::GivenBack(_));
    let last = async {
        // A task that is given back contains no work that would be lost: it does not wait for the calls of other steps.
        if is_given_back {
            stop.requested().await;
        } else {
            stop.requested_for(limits.drain).await;
        }
        tokio::time::sleep(limits.last).await;
    };
    tokio::select! {
        biased;
        ending = repeat_answer(sender, outcome, limits.working) => ending,
        () = last => {
            tracing::error!("an answer did not arrive: another worker receives the task after its HeartbeatSeconds");
            Ending::AnswerRefused
        }
    }
}

async fn repeat_answer<S: SendAnswer>(sender: &S, mut outcome: Outcome, limit: Duration) -> Ending {
    let until = tokio::time::Instant::now() + limit;
    let mut pause = Duration::from_millis(100);
    loop {
        let (sent, ending) = sender.send(&outcome).await;
        match sent {
            Ok(Receipt::Accepted) => return ending,
            Ok(Receipt::Over) => return Ending::Over,
            Err(error) if tokio::time::Instant::now() < until && may_pass(&error) => {
                sender.log_failure(&error);
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

impl Outcome {
    /// A failure within the limits of the API.
    pub fn failure(error: &str, cause: String) -> Self {
        let StepFailure { error, cause, .. } =
            StepFailure { error: error.to_owned(), cause, details: None }.shortened();
        Outcome::Failure { error, cause }
    }

    /// A task for another worker, with a reason within the limits of the API.
    pub fn given_back(cause: impl Into<String>) -> Self {
        let failure = StepFailure { error: WORKER_STOPPED.to_owned(), cause: cause.into(), details: None };
        Outcome::GivenBack(failure.shortened().cause)
    }

    /// The answer to send after the service refused this one for its content: a failure, so that the step is not called again in vain.
    /// `None` if another answer would be refused too.
    fn after_refusal(&self, error: &StepError) -> Option<Outcome> {
        if error.class != ErrorClass::Invalid {
            return None;
        }
        let next = match self {
            Outcome::Output(_) => {
                Outcome::failure(error_names::DATA_LIMIT_EXCEEDED, format!("The output was refused: {error}"))
            }
            Outcome::Failure { error, cause } => Outcome::Failure {
                error: plain(error, ERROR_BYTES_OF_REFUSED),
                cause: plain(cause, CAUSE_BYTES_OF_REFUSED),
            },
            Outcome::GivenBack(_) | Outcome::Over => return None,
        };
        (next != *self).then_some(next)
    }
}

/// Whether a repeated call may succeed: the service cannot be reached, is busy, or refuses the credentials, which may be renewed.
pub(super) fn may_pass(error: &StepError) -> bool {
    matches!(error.class, ErrorClass::Throttled | ErrorClass::Unknown | ErrorClass::Credentials | ErrorClass::Busy)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
        assert_eq!(Outcome::given_back("The worker ended.").after_refusal(&refusal), None);
        let forbidden = StepError::new(ErrorClass::Permission, "not authorized");
        assert_eq!(Outcome::Output("[]".to_owned()).after_refusal(&forbidden), None, "its content is not the reason");
    }

    /// A service that accepts no answer.
    struct Away;

    impl SendAnswer for Away {
        async fn send(&self, _: &Outcome) -> (Result<Receipt, StepError>, Ending) {
            (Err(StepError::new(ErrorClass::Unknown, "it cannot be reached")), Ending::Succeeded)
        }

        fn log_failure(&self, _: &StepError) {}
    }

    #[tokio::test]
    async fn a_worker_that_stops_ends_although_no_service_takes_its_answers() {
        let hour = Duration::from_secs(3_600);
        let (request, stop) = Stop::new();
        let limits = AnswerLimits { working: hour, drain: Duration::ZERO, last: Duration::from_millis(1) };
        let output = Outcome::Output("1".to_owned());
        let early = answer(&Away, output.clone(), &stop, &limits);
        let early = tokio::time::timeout(Duration::from_millis(50), early).await;
        assert!(early.is_err(), "it is repeated until the worker stops");
        request.send();
        assert_eq!(answer(&Away, output, &stop, &limits).await, Ending::AnswerRefused);
        // The calls of other steps may take an hour. A task that is given back does not wait for them.
        let limits = AnswerLimits { drain: hour, ..limits };
        let given_back = Outcome::given_back("The worker ended.");
        assert_eq!(answer(&Away, given_back, &stop, &limits).await, Ending::AnswerRefused);
    }
}
