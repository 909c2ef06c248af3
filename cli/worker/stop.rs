//! The request to stop a worker, with its time.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

/// Requests that a worker stops.
#[derive(Debug)]
pub struct StopRequest(watch::Sender<Option<Instant>>);

/// Whether and since when a worker must stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Instant>>);

impl StopRequest {
    /// Requests the stop.
    pub fn send(&self) {
        self.0.send_replace(Some(Instant::now()));
    }
}

impl Stop {
    /// A stop that is not requested yet.
    pub fn new() -> (StopRequest, Self) {
        let (sender, receiver) = watch::channel(None);
        (StopRequest(sender), Stop(receiver))
    }

    /// Whether the stop is requested.
    pub fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the request. Returns when it was made.
    pub async fn requested(&self) -> Instant {
        let mut receiver = self.0.clone();
        let found = receiver.wait_for(Option::is_some).await.map(|at| *at);
        match found {
            Ok(Some(at)) => at,
            // The sender ended without a request.
            _ => std::future::pending().await,
        }
    }

    /// Waits until the stop has been requested for this long.
    pub async fn requested_for(&self, duration: Duration) {
        match self.requested().await.checked_add(duration) {
            Some(until) => tokio::time::sleep_until(until).await,
            // Later than the clock can show.
            None => std::future::pending().await,
        }
    }

    /// Waits for the request for at most this long. Returns whether it was made.
    pub async fn is_requested_within(&self, duration: Duration) -> bool {
        tokio::time::timeout(duration, self.requested()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_limit_counts_from_the_request_and_not_from_its_use() {
        let (request, stop) = Stop::new();
        assert!(!stop.is_requested() && !stop.is_requested_within(Duration::ZERO).await);
        let limit = Duration::from_secs(60);
        request.0.send_replace(Instant::now().checked_sub(limit));
        assert!(stop.is_requested() && stop.is_requested_within(limit).await);
        tokio::time::timeout(limit / 2, stop.requested_for(limit)).await.unwrap();
        let longest = stop.requested_for(Duration::MAX);
        assert!(tokio::time::timeout(Duration::from_millis(1), longest).await.is_err(), "no limit");
    }
}
