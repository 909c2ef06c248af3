//! Limits the rate of calls, and repeats calls that were throttled.

use std::time::Duration;

use engine::step::{ErrorClass, StepError};
use tokio::{sync::Mutex, time::Instant};

/// The most attempts of a throttled call.
const TRIES_MAX: u32 = 8;
/// The shortest and the longest pause after a throttled call.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The share of AWS's token bucket for one operation that a command uses. Other clients of the account use the same bucket.
pub struct Pace {
    /// The time in which one token is added.
    interval: Duration,
    /// The number of tokens in the full bucket: so many calls are made without a pause.
    burst: u32,
    /// When the bucket is full again; `None` before the first call.
    full_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// A full bucket of `burst` calls, to which `per_second` calls are added.
    pub fn new(burst: u32, per_second: u32) -> Self {
        Pace { interval: Duration::from_secs(1) / per_second.max(1), burst, full_at: Mutex::new(None) }
    }

    /// Takes a token from the bucket, and waits until the bucket has it.
    async fn turn(&self) {
        let pause = {
            let (now, mut full_at) = (Instant::now(), self.full_at.lock().await);
            let next = full_at.map_or(now, |at| at.max(now)) + self.interval;
            *full_at = Some(next);
            next.duration_since(now).saturating_sub(self.interval * self.burst)
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    /// Makes a call once the rate allows it, and retries it if it was throttled. A service that has no quota is called at once.
    ///
    /// # Errors
    /// The error of the call.
    pub async fn call<T, F>(&self, has_quota: bool, make: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = Result<T, StepError>>,
    {
        let mut pause = PAUSE_MIN;
        for _ in 1..TRIES_MAX {
            if has_quota {
                self.turn().await;
            }
            match make().await {
                Err(error) if error.class == ErrorClass::Throttled => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        if has_quota {
            self.turn().await;
        }
        make().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn calls_are_kept_apart_once_the_bucket_is_empty() {
        let (pace, began) = (Pace::new(4, 100), Instant::now());
        for _ in 0..6 {
            assert!(pace.call(true, || async { Ok(()) }).await.is_ok());
        }
        assert!(began.elapsed() >= Duration::from_millis(20), "the last two wait");
        // So slow that a wait would be noticed: a token in a second.
        let (slow, began) = (Pace::new(16, 1), Instant::now());
        for has_quota in [true, false] {
            for _ in 0..16 {
                assert!(slow.call(has_quota, || async { Ok(()) }).await.is_ok());
            }
        }
        assert!(began.elapsed() < Duration::from_secs(1), "a burst, and a service without a quota, have no pause");
    }

    #[tokio::test]
    async fn a_throttled_call_is_repeated() {
        let pace = Pace::new(1, 200);
        let calls = AtomicU32::new(0);
        let count = || calls.fetch_add(1, Ordering::Relaxed);
        let throttled = || async {
            match count() {
                0 => Err(StepError::new(ErrorClass::Throttled, "slower")),
                count => Ok(count),
            }
        };
        assert_eq!(pace.call(true, throttled).await.ok(), Some(1));
        let refused = || async { Err::<(), _>(StepError::new(ErrorClass::Invalid, "no")) };
        assert!(pace.call(true, refused).await.is_err());
    }
}
