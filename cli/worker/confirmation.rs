//! The confirmation of the service that the worker has a task. The service gives a task without a heartbeat for HeartbeatSeconds to another
//! worker: a step that is called after that would act twice.

use std::{sync::Arc, time::Duration};

use engine::step::StepError;
use steps::step_functions::Receipt;
use tokio::sync::{Notify, watch};

use super::{answer::may_pass, suspensions::Suspensions};

/// The number of heartbeats within HeartbeatSeconds, so that some may be lost.
const HEARTBEATS_WITHIN_LIMIT: u32 = 3;

/// Sends the heartbeats of a task.
pub(super) trait SendHeartbeat: Sync {
    /// Sends one.
    fn send_heartbeat(&self) -> impl Future<Output = Result<Receipt, StepError>> + Send;
}

/// The last confirmation that the worker has a task.
#[derive(Debug)]
pub(super) struct Confirmation {
    suspensions: Arc<Suspensions>,
    /// In milliseconds since the Unix epoch.
    at_ms: watch::Sender<u64>,
    /// Notified if a heartbeat is needed at once.
    is_needed: Notify,
}

impl Confirmation {
    /// The confirmation by the response with the task, which is read now.
    pub fn of_response(suspensions: Arc<Suspensions>) -> Self {
        let at_ms = suspensions.arrival_ms();
        Self::at(suspensions, at_ms)
    }

    fn at(suspensions: Arc<Suspensions>, at_ms: u64) -> Self {
        Confirmation { suspensions, at_ms: watch::Sender::new(at_ms), is_needed: Notify::new() }
    }

    /// Returns at once if the task was confirmed within HeartbeatSeconds. Else lets [`Self::beat`] send a heartbeat, and returns when
    /// one is accepted. Without HeartbeatSeconds, no heartbeat is needed.
    pub async fn confirmed_within(&self, heartbeat: Option<Duration>) {
        let Some(heartbeat) = heartbeat else { return };
        let oldest_ms = self.suspensions.now_ms().saturating_sub(heartbeat.as_millis() as u64);
        let mut at_ms = self.at_ms.subscribe();
        let is_confirmed = *at_ms.borrow() > oldest_ms;
        if !is_confirmed {
            self.is_needed.notify_one();
            let _ = at_ms.wait_for(|at| *at > oldest_ms).await.map(drop);
        }
    }

    /// Sends heartbeats. Returns when the task has ended.
    pub async fn beat(&self, sender: &impl SendHeartbeat, heartbeat: Option<Duration>) {
        let Some(heartbeat) = heartbeat else { return std::future::pending().await };
        loop {
            tokio::select! {
                () = tokio::time::sleep(heartbeat / HEARTBEATS_WITHIN_LIMIT) => {}
                () = self.is_needed.notified() => {}
            }
            let sent_ms = self.suspensions.now_ms();
            match sender.send_heartbeat().await {
                Ok(Receipt::Over) => return,
                Err(error) if may_pass(&error) => {}
                // A service that refuses heartbeats, for instance for lack of a permission, confirms nothing: the step is called without.
                Ok(Receipt::Accepted) | Err(_) => {
                    self.at_ms.send_replace(sent_ms);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use engine::step::ErrorClass;

    use super::*;

    const HEARTBEAT: Duration = Duration::from_secs(60);

    /// A service that gives every heartbeat this answer, and counts them.
    struct Service {
        answer: Result<Receipt, ErrorClass>,
        heartbeats: AtomicUsize,
    }

    impl SendHeartbeat for Service {
        async fn send_heartbeat(&self) -> Result<Receipt, StepError> {
            self.heartbeats.fetch_add(1, Ordering::SeqCst);
            self.answer.map_err(|class| StepError::new(class, "refused"))
        }
    }

    /// Whether a step is called, `None` if neither that nor the end of the task is decided soon; and the number of heartbeats.
    async fn is_called(confirmed_before: Duration, answer: Result<Receipt, ErrorClass>) -> (Option<bool>, usize) {
        let service = Service { answer, heartbeats: AtomicUsize::new(0) };
        let suspensions = Arc::new(Suspensions::new());
        let at_ms = suspensions.now_ms() - confirmed_before.as_millis() as u64;
        let confirmation = Confirmation::at(suspensions, at_ms);
        let decided = async {
            tokio::select! {
                () = confirmation.confirmed_within(Some(HEARTBEAT)) => true,
                () = confirmation.beat(&service, Some(HEARTBEAT)) => false,
            }
        };
        let decided = tokio::time::timeout(Duration::from_millis(50), decided).await.ok();
        (decided, service.heartbeats.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn a_task_whose_worker_was_suspended_is_called_only_if_the_service_confirms_it() {
        let (recent, old) = (Duration::from_secs(5), HEARTBEAT + Duration::from_secs(1));
        assert_eq!(is_called(recent, Ok(Receipt::Over)).await, (Some(true), 0), "no call is added");
        assert_eq!(is_called(old, Ok(Receipt::Over)).await, (Some(false), 1), "another worker has it");
        assert_eq!(is_called(old, Ok(Receipt::Accepted)).await, (Some(true), 1));
        assert_eq!(is_called(old, Err(ErrorClass::Unknown)).await, (None, 1), "it waits for the service");
        assert_eq!(is_called(old, Err(ErrorClass::Permission)).await, (Some(true), 1), "it may send no heartbeats");
    }
}
