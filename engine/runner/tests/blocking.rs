//! The dispatcher's waits do not block the runtime, and a step that the dispatcher calls can use the runtime.

use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::store::{Batch, Record, Records, StoreError};

/// Records whose commits each wait for a permit.
struct Gated {
    records: MemoryRecords,
    permits: Mutex<Receiver<()>>,
}

impl Records for Gated {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.records.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.records.scan(prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let permit = self.permits.lock().unwrap().recv_timeout(Duration::from_secs(20));
        permit.map_err(|_| StoreError::not_written("the runtime was blocked: no permit came"))?;
        self.records.commit(batch)
    }
}

/// This runtime has one thread: if the commit blocked it, the permit could not be given.
#[tokio::test]
async fn a_commit_that_takes_long_blocks_no_task_of_the_runtime() {
    let (permits, received) = channel();
    permits.send(()).unwrap();
    let records = Gated { records: MemoryRecords::new(), permits: Mutex::new(received) };
    let store = Arc::new(Store::new(records).unwrap());
    let clock = Arc::new(SystemClock::default());
    let handle = start(store, Arc::new(registry(Arc::default())), clock, RunnerOptions::default());
    let wait = definition(json!({ "A": { "Type": "Wait", "Seconds": 3600, "End": true } }));
    let starts = async { handle.start_execution(new("t-1", wait)).await };
    let other = async {
        tokio::task::yield_now().await;
        permits.send(()).unwrap();
    };
    let (started, ()) = tokio::join!(starts, other);
    assert_eq!(started.unwrap().id, "t-1");
}

#[tokio::test]
async fn a_step_that_was_prompt_finds_the_timers_and_sockets_of_the_runtime() {
    let mut registry = Registry::new();
    registry.register("test:nap", "Is prompt twice, then uses the runtime", &[], |_: StepContext, n: u32| async move {
        if n > 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            listener.map_err(|error| StepError::new(ErrorClass::Failed, error.to_string()))?;
        }
        Ok(Answer::done(json!(n)))
    });
    let store = Arc::new(Store::new(MemoryRecords::new()).unwrap());
    let clock = Arc::new(SystemClock::default());
    let handle = start(store, Arc::new(registry), clock, RunnerOptions::default());
    let nap = |n: u32| json!({ "Type": "Task", "Resource": "flow:test:nap", "Arguments": n });
    let (mut first, mut second, mut third) = (nap(1), nap(2), nap(3));
    (first["Next"], second["Next"], third["End"]) = (json!("B"), json!("C"), json!(true));
    let states = json!({ "A": first, "B": second, "C": third });
    handle.start_execution(new("t-1", definition(states))).await.unwrap();
    assert_eq!(until_settled(&handle, "t-1").await.output.as_deref(), Some(&json!(3)));
}
