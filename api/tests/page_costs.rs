//! The fear: a page that costs more the more there is.

use std::sync::atomic::AtomicUsize;

use engine::store::{Batch, Record, Records, StoreError};

use super::*;

/// Records that count how many of them are read.
#[derive(Clone, Default)]
struct Counted {
    records: MemoryRecords,
    reads: Arc<AtomicUsize>,
}

impl Records for Counted {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.records.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let found = self.records.scan(prefix, from, limit)?;
        self.reads.fetch_add(found.len() + 1, Ordering::Relaxed);
        Ok(found)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.records.commit(batch)
    }
}

/// How many records are read for the first and the last page of a list of `count`, in pages of ten.
async fn reads(counted: &Counted, world: &World, operation: &str, list: &str, mut request: Value) -> (usize, usize) {
    request["maxResults"] = 10.into();
    let (mut first, mut shown) = (None, 0);
    loop {
        let before = counted.reads.load(Ordering::Relaxed);
        let page = world.ask(operation, request.clone()).await;
        let reads = counted.reads.load(Ordering::Relaxed) - before;
        shown += page[list].as_array().unwrap().len();
        let first = *first.get_or_insert(reads);
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => {
                assert!(shown > 0, "{operation} shows nothing");
                return (first, reads);
            }
        }
    }
}

#[tokio::test]
async fn no_page_reads_more_than_twice_as_much_of_ten_times_as_many() {
    let (few, many) = (lists_of(20).await, lists_of(200).await);
    for ((operation, few), (_, many)) in few.into_iter().zip(many) {
        assert!(many.0 <= 2 * few.0 && many.1 <= 2 * few.0, "{operation}: first and last page {few:?}, then {many:?}");
    }
}

/// What the pages of each list cost with `count` of everything.
async fn lists_of(count: usize) -> Vec<(String, (usize, usize))> {
    let counted = Counted::default();
    let world = World::over(&counted);
    let machine = world.machine("m", &pass()).await;
    for n in 0..count {
        world.machine(&format!("n{n:03}"), &pass()).await;
        world.ask("CreateActivity", json!({ "name": format!("a{n:03}") })).await;
        let update = json!({ "stateMachineArn": machine, "roleArn": format!("{ROLE}{n}"), "publish": true });
        world.ask("UpdateStateMachine", update).await;
        let execution = world.start(&machine, &format!("e{n}")).await;
        world.ended(&execution).await;
    }
    let states: serde_json::Map<String, Value> = (0..count)
        .map(|n| (format!("S{n}"), json!({ "Type": "Pass", "Next": format!("S{}", n + 1) })))
        .chain([(format!("S{count}"), json!({ "Type": "Succeed" }))])
        .collect();
    let long = world.machine("long", &json!({ "StartAt": "S0", "States": states })).await;
    let long = world.start(&long, "long").await;
    world.ended(&long).await;
    let of_machine = json!({ "stateMachineArn": machine });
    let mut filtered = of_machine.clone();
    filtered["statusFilter"] = "SUCCEEDED".into();
    let mut costs = Vec::new();
    for (operation, list, request) in [
        ("ListExecutions", "executions", of_machine.clone()),
        ("ListExecutions", "executions", filtered),
        ("ListStateMachines", "stateMachines", json!({})),
        ("ListActivities", "activities", json!({})),
        ("ListStateMachineVersions", "stateMachineVersions", of_machine),
        ("GetExecutionHistory", "events", json!({ "executionArn": long })),
        ("GetExecutionHistory", "events", json!({ "executionArn": long, "reverseOrder": true })),
    ] {
        let label = format!("{operation} {request}");
        costs.push((label, reads(&counted, &world, operation, list, request).await));
    }
    costs
}
