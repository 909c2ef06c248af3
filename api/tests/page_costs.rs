//! The cost of a page does not depend on the length of the list.

use std::sync::atomic::AtomicUsize;

use engine::store::{Batch, Record, Records, StoreError};
use futures::StreamExt;

use super::*;
use crate::{
    StreamOperation,
    flow::{ExportExecutions, ExportRequest, PruneExecutions, PruneRequest},
};

/// Records that count reads.
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

/// The records that are read for the first and for the last page of a list of `count` items, in pages of ten.
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

#[tokio::test]
async fn a_page_of_map_runs_reads_no_more_of_five_times_as_many() {
    let costs = async |count: usize| {
        let counted = Counted::default();
        let world = World::over(&counted);
        let machine = world.machine("maps", &maps(count, count)).await;
        let execution = world.start(&machine, "e").await;
        world.ended(&execution).await;
        reads(&counted, &world, "ListMapRuns", "mapRuns", json!({ "executionArn": execution })).await
    };
    let (few, many) = (costs(200).await, costs(1_000).await);
    assert!(many.0 <= 2 * few.0 && many.1 <= 2 * few.1, "first and last page {few:?}, then {many:?}");
}

/// The most aliases of a state machine.
const ALIASES_MAX: usize = 100;

/// A distributed Map of `items` items, followed by `count` distributed Maps of one item.
fn maps(items: usize, count: usize) -> Value {
    let map = |number: usize, items: &str| {
        let item = format!("Item{number}");
        let mut map = json!({
            "Type": "Map", "ItemsPath": items, "ResultPath": null,
            "ItemProcessor": {
                "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
                "StartAt": item, "States": { &item: { "Type": "Pass", "End": true } },
            },
        });
        match number < count {
            true => map["Next"] = format!("M{}", number + 1).into(),
            false => map["End"] = true.into(),
        }
        map
    };
    let mut states = json!({
        "Items": { "Type": "Pass", "Result": { "one": [0], "many": vec![0; items] }, "Next": "M0" },
        "M0": map(0, "$.many"),
    });
    (1..=count).for_each(|number| states[format!("M{number}")] = map(number, "$.one"));
    json!({ "StartAt": "Items", "States": states })
}

async fn first_map_run(world: &World, execution: &str) -> Value {
    let mut request = json!({ "executionArn": execution });
    loop {
        let page = world.ask("ListMapRuns", request.clone()).await;
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return page["mapRuns"].as_array().unwrap().last().unwrap()["mapRunArn"].clone(),
        }
    }
}

#[tokio::test]
async fn a_filter_that_few_children_pass_answers_with_a_short_page_and_a_token() {
    let world = World::new();
    let machine = world.machine("maps", &maps(1_100, 0)).await;
    let execution = world.start(&machine, "e").await;
    world.ended(&execution).await;
    let mut request = json!({ "mapRunArn": first_map_run(&world, &execution).await, "statusFilter": "FAILED" });
    let page = world.ask("ListExecutions", request.clone()).await;
    assert_eq!(page["executions"], json!([]));
    request["nextToken"] = page["nextToken"].clone();
    let page = world.ask("ListExecutions", request).await;
    assert_eq!(page, json!({ "executions": [] }));
}

#[tokio::test]
async fn what_ended_later_costs_a_prune_nothing_and_an_export_reads_its_own_executions_only() {
    let costs = async |count: usize| {
        let counted = Counted::default();
        let world = World::over(&counted);
        let machine = world.machine("m", &pass()).await;
        for n in 0..count {
            let execution = world.start(&machine, &format!("e{n}")).await;
            world.ended(&execution).await;
        }
        let before = counted.reads.load(Ordering::Relaxed);
        let plan = PruneRequest { ended_before_ms: 1_000, plan: true };
        let planned: Vec<_> = PruneExecutions::answer(&world.api, plan).collect().await;
        assert_eq!(planned.last().unwrap().as_ref().unwrap().executions, 0);
        let pruned = counted.reads.load(Ordering::Relaxed) - before;
        let ids = vec!["m:e0".to_owned()];
        let lines: Vec<_> = ExportExecutions::answer(&world.api, ExportRequest { ids }).collect().await;
        assert_eq!(lines.len(), 4, "the version, the execution, its document, the end: {lines:?}");
        (pruned, counted.reads.load(Ordering::Relaxed) - before - pruned)
    };
    assert_eq!(costs(10).await, costs(100).await);
}

#[tokio::test]
async fn a_prune_deletes_what_ended_before_a_time_and_nothing_else() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    for n in 0..250 {
        let execution = world.start(&machine, &format!("e{n}")).await;
        world.ended(&execution).await;
    }
    let waits = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 3_600, "End": true } } });
    let waits = world.machine("waits", &waits).await;
    world.start(&waits, "waits").await;
    let far_ms = u64::MAX;
    for (plan, left) in [(true, 251), (false, 1)] {
        let request = PruneRequest { ended_before_ms: far_ms, plan };
        let steps: Vec<_> = PruneExecutions::answer(&world.api, request).collect().await;
        let last = steps.last().unwrap().as_ref().unwrap();
        assert_eq!(last.executions, 250);
        assert_eq!(world.runner.store().headers().unwrap().len(), left, "a plan changes nothing");
    }
}

/// The costs of each list's pages, with `count` items each.
async fn lists_of(count: usize) -> Vec<(String, (usize, usize))> {
    let counted = Counted::default();
    let world = World::over(&counted);
    let machine = world.machine("m", &pass()).await;
    for n in 0..count {
        world.machine(&format!("n{n:03}"), &pass()).await;
        world.ask("CreateActivity", json!({ "name": format!("a{n:03}") })).await;
        let update = json!({ "stateMachineArn": machine, "roleArn": format!("{ROLE}{n}"), "publish": true });
        let version = world.ask("UpdateStateMachine", update).await["stateMachineVersionArn"].clone();
        if n < ALIASES_MAX {
            let routes = json!([{ "stateMachineVersionArn": version, "weight": 100 }]);
            let alias = json!({ "name": format!("a{n:03}"), "routingConfiguration": routes });
            world.ask("CreateStateMachineAlias", alias).await;
        }
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
    let maps = world.machine("maps", &maps(count, 0)).await;
    let mapped = world.start(&maps, "mapped").await;
    world.ended(&mapped).await;
    let of_map_run = json!({ "mapRunArn": first_map_run(&world, &mapped).await, "statusFilter": "SUCCEEDED" });
    let of_machine = json!({ "stateMachineArn": machine });
    let mut filtered = of_machine.clone();
    filtered["statusFilter"] = "SUCCEEDED".into();
    let mut costs = Vec::new();
    for (operation, list, request) in [
        ("ListExecutions", "executions", of_machine.clone()),
        ("ListExecutions", "executions", filtered),
        ("ListStateMachines", "stateMachines", json!({})),
        ("ListActivities", "activities", json!({})),
        ("ListStateMachineVersions", "stateMachineVersions", of_machine.clone()),
        ("ListStateMachineAliases", "stateMachineAliases", of_machine),
        ("ListExecutions", "executions", of_map_run),
        ("GetExecutionHistory", "events", json!({ "executionArn": long })),
        ("GetExecutionHistory", "events", json!({ "executionArn": long, "reverseOrder": true })),
    ] {
        let label = format!("{operation} {request}");
        costs.push((label, reads(&counted, &world, operation, list, request).await));
    }
    costs
}
