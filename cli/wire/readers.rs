//! The threads that answer long reads. They have a lower priority than the threads that answer other requests: clients that read lists all
//! the time use only the processors that starts, tasks and answers leave free.

use std::{future::Future, sync::OnceLock};

use engine::priority;
use futures::{
    FutureExt, StreamExt,
    stream::{BoxStream, unfold},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
};

/// The number of threads: one slow read leaves another one for short reads.
const THREADS: usize = 2;
/// Their nice value.
const NICE: i32 = 15;
/// The number of items of a stream that are read before the client takes them: an item may be the history of an execution.
const ITEMS_AHEAD_MAX: usize = 1;

/// The threads, which start at the first long read.
#[derive(Default)]
pub(super) struct Readers(OnceLock<Option<Runtime>>);

impl Readers {
    /// Answers a read on these threads, or on the caller's if the system starts no more threads. `None` if it panicked, or if the
    /// server is ending.
    pub async fn answer<T: Send + 'static>(&self, read: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let Some(runtime) = self.runtime() else { return Some(read.await) };
        let (answered, answer) = oneshot::channel();
        // A client that is gone needs no answer.
        runtime.spawn(read.map(|answer| drop(answered.send(answer))));
        answer.await.ok()
    }

    /// Reads the items of a stream on these threads, a limited number ahead of the client.
    pub fn stream<T: Send + 'static>(&self, mut items: BoxStream<'static, T>) -> BoxStream<'static, T> {
        let Some(runtime) = self.runtime() else { return items };
        let (read, taken) = mpsc::channel(ITEMS_AHEAD_MAX);
        runtime.spawn(async move {
            while let Some(item) = items.next().await {
                if read.send(item).await.is_err() {
                    return;
                }
            }
        });
        unfold(taken, |mut taken| async move { taken.recv().await.map(|item| (item, taken)) }).boxed()
    }

    fn runtime(&self) -> Option<&Runtime> {
        let start = || {
            let lower = || priority::lower(NICE);
            let mut threads = Builder::new_multi_thread();
            threads.worker_threads(THREADS).thread_name("reader").on_thread_start(lower).enable_all().build().ok()
        };
        self.0.get_or_init(start).as_ref()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Waiting for the threads is not allowed in a task, where the last listener is dropped.
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn nice() -> i32 {
        priority::nice().unwrap()
    }

    #[tokio::test]
    async fn reads_have_a_lower_priority_than_their_caller() {
        let readers = Readers::default();
        let before = nice();
        assert_eq!(readers.answer(async { nice() }).await, Some(NICE.max(before)));
        let read: Vec<i32> = readers.stream(futures::stream::iter(0..100).map(|_| nice()).boxed()).collect().await;
        assert_eq!(read, [NICE.max(before); 100]);
        assert_eq!(nice(), before);
    }

    #[tokio::test]
    async fn the_items_of_a_stream_are_read_a_limited_number_ahead() {
        let readers = Readers::default();
        let (read, count) = tokio::sync::watch::channel(0);
        let items = futures::stream::iter(0..1_000).inspect(move |_| read.send_modify(|count| *count += 1)).boxed();
        let mut items = readers.stream(items);
        assert_eq!(items.next().await, Some(0));
        let reached = count.clone().wait_for(|count| *count > ITEMS_AHEAD_MAX).await.map(|count| *count);
        assert!(reached.unwrap() <= ITEMS_AHEAD_MAX + 2);
        assert_eq!(items.count().await, 999);
        assert_eq!(*count.borrow(), 1_000);
    }
}
