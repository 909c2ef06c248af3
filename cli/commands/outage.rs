//! A service that cannot be reached while a command watches an execution there. The execution continues without the command.

use std::time::Duration;

use api::flow::DescribeExecutionResponse;
use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    exit::{CliError, Exit},
    interrupt,
    owner::Handle,
    proposed::{OPTIONS, quote_id},
    ui::text::duration,
};

/// The time for which a watch waits for the service, unless `--no-wait` allows less.
const OUTAGE_MAX: Duration = Duration::from_secs(300);

/// The calls that a watch repeats until the service answers again.
pub struct Outage {
    /// The service that drives the execution; `None` for this machine's engine: when the owner of a store ends, another process owns it.
    service: Option<String>,
    id: String,
    wait_max: Duration,
    began: Option<Instant>,
    backoff: Backoff,
}

impl Outage {
    /// For a watch of an execution. `no_wait` is the time within which something must proceed.
    pub async fn of(handle: &Handle, id: &str, no_wait: Option<Duration>) -> Self {
        let service = handle.at_step_functions().await.map(|executions| executions.service().to_owned());
        Outage::at(service, id, no_wait)
    }

    fn at(service: Option<String>, id: &str, no_wait: Option<Duration>) -> Self {
        let wait_max = no_wait.map_or(OUTAGE_MAX, |no_wait| no_wait.min(OUTAGE_MAX));
        Outage { service, id: id.to_owned(), wait_max, began: None, backoff: Backoff::new() }
    }

    /// Whether a service drives the execution: it continues without this process.
    pub fn is_at_service(&self) -> bool {
        self.service.is_some()
    }

    /// The time at which to repeat a call that failed. Prints once that the service cannot be reached.
    ///
    /// # Errors
    /// The given one, if it has another cause or the service was away for too long.
    pub fn next_call_at(&mut self, error: CliError) -> Result<Instant, CliError> {
        let Some(service) = self.service.as_ref().filter(|_| error.exit == Exit::Unreachable) else {
            return Err(error);
        };
        let (now, id) = (Instant::now(), quote_id(&self.id));
        let is_first = self.began.is_none();
        if now.duration_since(*self.began.get_or_insert(now)) >= self.wait_max {
            let hint =
                format!("{} continues in {service}:   flow status {id} --watch{OPTIONS}   watches it again", self.id);
            return Err(error.hint(hint));
        }
        if is_first {
            let wait = duration(self.wait_max.as_millis() as u64);
            report!("flow: {}", error.message);
            report!("flow: {} continues in {service}; waiting up to {wait} until it can be reached again", self.id);
        }
        Ok(now + self.backoff.pause())
    }

    /// Notes that the service has answered.
    pub fn end(&mut self) {
        if self.began.take().is_some() {
            self.backoff.reset();
            report!("flow: {} can be reached again", self.service.as_deref().unwrap_or_default());
        }
    }

    /// Calls the service again. Returns when to repeat that, or `None` if the service has answered.
    ///
    /// # Errors
    /// As [`Outage::next_call_at`].
    pub async fn call_again(&mut self, handle: &Handle) -> Result<Option<Instant>, CliError> {
        match handle.describe(&self.id, true).await {
            Ok(_) => {
                self.end();
                Ok(None)
            }
            Err(error) => self.next_call_at(error).map(Some),
        }
    }

    /// The execution as it is now, or as it was shown last. Waits until the service can be reached.
    ///
    /// # Errors
    /// As [`Outage::next_call_at`]; after a signal, that the service cannot be reached.
    pub async fn describe(&mut self, handle: &Handle, as_shown: bool) -> Result<DescribeExecutionResponse, CliError> {
        loop {
            let error = match handle.describe(&self.id, as_shown).await {
                Ok(described) => {
                    self.end();
                    return Ok(described);
                }
                Err(error) => error,
            };
            let message = error.message.clone();
            let again_at = self.next_call_at(error)?;
            tokio::select! {
                biased;
                exit = interrupt::requested() => return Err(CliError::new(exit, message)),
                () = tokio::time::sleep_until(again_at) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn unreachable() -> CliError {
        CliError::new(Exit::Unreachable, "connection refused")
    }

    #[test]
    fn a_watch_waits_for_a_service_as_long_as_it_may_and_names_the_command_that_watches_again() {
        let mut outage = Outage::at(Some("the server at http://a".to_owned()), "r 1", Some(Duration::from_secs(20)));
        let before = Instant::now();
        assert!(outage.next_call_at(unreachable()).unwrap() > before);
        outage.began = outage.began.and_then(|began| began.checked_sub(Duration::from_secs(21)));
        let error = outage.next_call_at(unreachable()).unwrap_err();
        assert_eq!(error.exit, Exit::Unreachable);
        assert!(error.hint.as_deref().unwrap().contains("flow status 'r 1' --watch"), "{error:?}");
        outage.end();
        assert!(outage.next_call_at(unreachable()).is_ok(), "after an answer the time begins anew");
    }

    #[test]
    fn only_a_service_that_cannot_be_reached_is_waited_for() {
        let mut outage = Outage::at(Some("AWS Step Functions".to_owned()), "r1", None);
        assert!(outage.next_call_at(CliError::refused("no token")).is_err());
        assert!(Outage::at(None, "r1", None).next_call_at(unreachable()).is_err(), "the end of an owner is not one");
        assert!(outage.next_call_at(unreachable()).is_ok());
    }
}
