//! Opens environments again after their credentials were unusable: the files of a profile may get others while the process runs.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use engine::step::ErrorClass;
use serde_json::Value;
use steps::{Account, Environment};
use tokio::sync::{Mutex, Notify, OnceCell};

use super::{Environments, KEPT_MAX, Location};

/// The AWS environment of a location.
pub(super) struct OpenedEnvironment {
    pub cell: Arc<OnceCell<Arc<Environment>>>,
    since: Instant,
}

impl OpenedEnvironment {
    pub fn with(environment: Arc<Environment>) -> Self {
        OpenedEnvironment { cell: Arc::new(OnceCell::new_with(Some(environment))), since: Instant::now() }
    }
}

impl Default for OpenedEnvironment {
    fn default() -> Self {
        OpenedEnvironment { cell: Arc::default(), since: Instant::now() }
    }
}

/// The accounts for which calls were withheld.
#[derive(Default)]
pub(super) struct RefusedAccounts {
    accounts: Mutex<HashSet<(Location, Account)>>,
    added: Notify,
}

impl RefusedAccounts {
    pub async fn add(&self, account: (Location, Account)) {
        let mut accounts = self.accounts.lock().await;
        if accounts.len() < KEPT_MAX {
            accounts.insert(account);
        }
        self.added.notify_one();
    }
}

impl Environments {
    /// Drops an environment of a location that was opened at least this long ago. The next use reads the files of the profile again,
    /// because they may have other credentials.
    pub(super) async fn reopen_after(&self, location: &Location, kept_for: Duration) {
        let mut open = self.open.lock().await;
        if open.get(location).is_some_and(|opened| opened.since.elapsed() >= kept_for) {
            open.remove(location);
            drop(open);
            self.registries.lock().await.clear();
        }
    }

    /// Waits until a call was withheld because this process cannot act for its execution, unless one is.
    pub async fn until_account_refused(&self) {
        while self.refused_accounts.accounts.lock().await.is_empty() {
            self.refused_accounts.added.notified().await;
        }
    }

    /// Whether this process can act by now in an account for which calls were withheld.
    pub async fn can_act_again(&self) -> bool {
        let accounts: Vec<_> = self.refused_accounts.accounts.lock().await.iter().cloned().collect();
        let mut any = false;
        for (location, account) in accounts {
            if self.refusal(&location, &account).await.is_none() {
                self.note_verified(location.clone(), account.clone()).await;
                self.refused_accounts.accounts.lock().await.remove(&(location, account));
                any = true;
            }
        }
        any
    }

    /// Drops the environment of an execution that pins no account because it started without credentials, if there are still no
    /// credentials. An execution that has called nothing at AWS in this process has no open environment.
    pub(super) async fn reopen_unusable(&self, environment: &Value) {
        let Ok(pinned) = self.pinned(environment) else { return };
        let is_open = self.open.lock().await.contains_key(&pinned.location);
        if !is_open || !matches!(pinned.location, Location::Aws { .. }) {
            return;
        }
        if self.identity(&pinned.location).await.is_err_and(|error| error.class == ErrorClass::Credentials) {
            self.reopen_after(&pinned.location, Duration::ZERO).await;
        }
    }
}
