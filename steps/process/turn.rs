//! Turns: one program at a time for each state. The next attempt waits until the program of the previous one has ended,
//! also after a cancel and a resume.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

type Turns = HashMap<(String, String), Arc<AsyncMutex<()>>>;

/// Keyed by execution and state path. An entry exists while an attempt holds it or waits for it.
static TURNS: LazyLock<Mutex<Turns>> = LazyLock::new(Mutex::default);

/// The right to run a state's program. Dropping it lets the next attempt start.
pub(super) struct ProgramTurn {
    _held: OwnedMutexGuard<()>,
}

impl ProgramTurn {
    /// Waits until no other program of the state runs in this process. The caller limits the wait.
    pub async fn wait(execution: &str, state_path: &str) -> Self {
        let turn = {
            let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry((execution.to_owned(), state_path.to_owned())).or_default())
        };
        ProgramTurn { _held: turn.lock_owned().await }
    }
}

/// Waits up to `time_max` until every program of this process has ended, and returns whether they have. A shutdown calls it: programs of
/// abandoned attempts were asked to end, and the exit of this process kills those that still run.
pub async fn programs_ended(time_max: Duration) -> bool {
    let turns: Vec<_> = TURNS.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let all = async {
        for turn in turns {
            drop(turn.lock().await);
        }
    };
    tokio::time::timeout(time_max, all).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_state_has_one_turn_and_states_do_not_wait_for_each_other() {
        let first = ProgramTurn::wait("x-1", "turn-a").await;
        let mut second = polled_once(ProgramTurn::wait("x-1", "turn-a")).await;
        drop(ProgramTurn::wait("x-1", "turn-b").await);
        drop(first);
        drop(second.as_mut().await);
        drop(second);
        drop(ProgramTurn::wait("x-1", "turn-c").await);
        assert!(
            !TURNS
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&("x-1".to_owned(), "turn-a".to_owned())),
            "the entry is removed"
        );
    }

    /// Polls a future once, expects it to be pending, and returns it.
    async fn polled_once<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
        let mut future = Box::pin(future);
        let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
        assert!(pending);
        future
    }
}
