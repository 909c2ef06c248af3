//! Tasks that wait for a worker, per activity, oldest first. What is offered is in the store: a new process offers it again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::Notify;

use crate::{machine::Input, step::TaskToken};

/// A task for a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// What the worker answers with.
    pub token: TaskToken,
    /// The task's input.
    pub input: std::sync::Arc<Value>,
}

/// Says whether there is an activity of an ARN.
pub(super) type Known = Box<dyn Fn(&str) -> bool + Send + Sync>;

#[derive(Default)]
pub(super) struct Offers {
    /// Where nobody says which activities there are, there are all.
    pub known: OnceLock<Known>,
    waiting: Mutex<HashMap<String, VecDeque<Offer>>>,
    news: Notify,
}

impl Offers {
    pub fn knows(&self, activity: &str) -> bool {
        self.known.get().is_none_or(|known| known(activity))
    }

    /// Takes all that nobody has fetched.
    pub fn withdraw(&self, activity: &str) -> Vec<Offer> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(activity).map(Vec::from).unwrap_or_default()
    }

    pub fn put(&self, activity: &str, offer: Offer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = waiting.entry(activity.to_owned()).or_default();
        if !queue.contains(&offer) {
            queue.push_back(offer);
        }
        drop(waiting);
        self.news.notify_waiters();
    }

    fn pop(&self, activity: &str) -> Option<Offer> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get_mut(activity)?.pop_front()
    }

    /// Takes the oldest, waiting for one at most so long.
    pub async fn take(&self, activity: &str, patience: Duration) -> Option<Offer> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // Listening before looking: what is put in between wakes us.
            news.as_mut().enable();
            if let Some(offer) = self.pop(activity) {
                return Some(offer);
            }
            tokio::time::timeout_at(deadline, news).await.ok()?;
        }
    }
}

/// What a task is told whose activity does not exist.
pub(super) fn not_offered(activity: &str, token: TaskToken) -> Input {
    let TaskToken { frame, visit, attempt, .. } = token;
    Input::NotOffered { frame, visit, attempt, cause: format!("The activity {activity} does not exist.") }
}
