//! Waits for the end of an owner that refused an environment and will end soon.

use std::time::{Duration, Instant};

use api::{OwnerDescription, OwnerKind, flow};
use engine::store::OwnerLock;
use serde_json::Value;

use super::{
    Backend, Handle,
    description::described,
    retry_limit::RETRY_AFTER,
    verification::{lacks_credentials, stopped},
};
use crate::{exit::CliError, interrupt};

/// The time that a process waits for such owners, over all its calls.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(5);
/// The time after which a process prints that it waits.
const UNEXPLAINED_MAX: Duration = Duration::from_secs(1);

impl Handle {
    /// Waits up to [`WAIT_MAX`] for the end of the owner that refused an environment, and returns whether it has ended. Does not wait for a
    /// server, because a server does not end by itself. Nor does it wait if this process cannot act in the environment either.
    ///
    /// # Errors
    /// A signal ended the wait, or no owner answers.
    pub(super) async fn wait_for_end(&self, refused: &CliError, environment: &Value) -> Result<bool, CliError> {
        let backend = self.backend().await;
        let Backend::Remote(client) = &*backend else { return Ok(false) };
        if !lacks_credentials(refused) {
            return Ok(false);
        }
        let Some(refusing) = OwnerLock::owner(self.home().folder()) else { return Ok(false) };
        let is_server = |owner: &OwnerDescription| owner.pid == refusing.pid && owner.kind() == OwnerKind::Server;
        if self.description_of_owner().await.as_ref().is_some_and(is_server) {
            return Ok(false);
        }
        // The lock is not held while the credentials are compared: that of several accounts takes no longer than that of one.
        let is_over = self.end_wait_left.lock().await.is_zero();
        if is_over || self.verify_this_process(environment).await.is_err() {
            return interrupt::check().map(|()| false);
        }
        let mut left = self.end_wait_left.lock().await;
        let (began, mut is_announced) = (Instant::now(), false);
        let has_ended = loop {
            let owner = client.call::<flow::DescribeOwner>(&flow::DescribeOwnerRequest {}).await;
            if owner.ok().is_none_or(|owner| owner.pid != refusing.pid) {
                break true;
            }
            if began.elapsed() >= *left {
                break false;
            }
            if began.elapsed() >= UNEXPLAINED_MAX && !std::mem::replace(&mut is_announced, true) {
                let (owner, seconds) = (described(self.home().folder()), WAIT_MAX.as_secs());
                report!("flow: {}", refused.message);
                report!("flow: waiting up to {seconds} s until {owner} has ended");
            }
            tokio::select! {
                exit = interrupt::requested() => return Err(stopped(exit)),
                () = tokio::time::sleep(RETRY_AFTER) => {}
            }
        };
        *left = left.saturating_sub(began.elapsed());
        drop(left);
        if has_ended {
            self.reopen(&backend).await?;
        }
        Ok(has_ended)
    }
}
