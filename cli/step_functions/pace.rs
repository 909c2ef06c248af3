//! Limits the rate of calls, and repeats calls that were throttled.

use std::time::Duration;

use engine::step::{ErrorClass, StepError};
use tokio::{sync::Mutex, time::Instant};

/// The most attempts of a throttled call.
const TRIES_MAX: u32 = 8;
/// The shortest and the longest pause after a throttled call.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Spaces the calls of one operation. Other clients of the account use the same quota.
pub struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most this many calls per second.
    pub fn per_second(calls: u32) -> Self {
        Pace { interval: Duration::from_secs(1) / calls.max(1), next: Mutex::new(None) }
    }

    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().await;
            let at = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(at + self.interval);
            at
        };
        tokio::time::sleep_until(at).await;
    }

    /// Makes a call once the rate allows it, and retries it if it was throttled.
    ///
    /// # Errors
    /// The error of the call.
    pub async fn call<T, F>(&self, make: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = Result<T, StepError>>,
    {
        let mut pause = PAUSE_MIN;
        for _ in 1..TRIES_MAX {
            self.turn().await;
            match make().await {
                Err(error) if error.class == ErrorClass::Throttled => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.turn().await;
        make().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn calls_are_kept_apart_and_a_throttled_one_is_repeated() {
        let (pace, began) = (Pace::per_second(200), Instant::now());
        for _ in 0..6 {
            assert!(pace.call(|| async { Ok(()) }).await.is_ok());
        }
        assert!(began.elapsed() >= Duration::from_millis(25));
        let calls = AtomicU32::new(0);
        let count = || calls.fetch_add(1, Ordering::Relaxed);
        let throttled = || async {
            match count() {
                0 => Err(StepError::new(ErrorClass::Throttled, "slower")),
                count => Ok(count),
            }
        };
        assert_eq!(pace.call(throttled).await.ok(), Some(1));
        let refused = || async { Err::<(), _>(StepError::new(ErrorClass::Invalid, "no")) };
        assert!(pace.call(refused).await.is_err());
    }
}
