//! pure: the machine without calls of steps: chains of Pass and Choice, and a Map of many items.

use std::{path::Path, time::Instant};

use engine::{
    runner::RunnerHandle,
    store::{Definition, synchronizations},
};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::{BenchError, Report, disk, world};

/// An execution has at most 25,000 events, and each of these states writes two.
const PAIRS_EACH: usize = 3_000;
const RUNS_AT_ONCE: usize = 8;
const TRANSITIONS_EACH: usize = 2 * PAIRS_EACH + 2;
/// An iteration writes four events, so ten thousand items need two executions.
const ITEMS_EACH: usize = 5_000;

/// Measures about `transitions` transitions, divided equally between chains of Pass and Choice and Maps.
///
/// # Errors
/// The folder or the store fails.
pub async fn pure(folder: &Path, transitions: usize) -> Result<Report, BenchError> {
    let disk_rate = disk::fdatasyncs_per_second(folder)?;
    let runner = world::runner(folder)?;
    let (chain, map) = (Definition::from(&alternating()), Definition::from(&mapping()));
    let chains = (transitions / 2).div_ceil(TRANSITIONS_EACH);
    let (synchronizations_before, began) = (synchronizations(), Instant::now());
    run_all(&runner, "chain", chains, &chain).await?;
    let chained = (chains * TRANSITIONS_EACH) as f64 / began.elapsed().as_secs_f64();
    let maps = (transitions / 2).div_ceil(ITEMS_EACH);
    let began_maps = Instant::now();
    run_all(&runner, "map", maps, &map).await?;
    let mapped = (maps * ITEMS_EACH) as f64 / began_maps.elapsed().as_secs_f64();
    let seconds = began.elapsed().as_secs_f64();
    let waits = synchronizations() - synchronizations_before;
    let done = chains * TRANSITIONS_EACH + maps * ITEMS_EACH;
    let rss_bytes = disk::rss_bytes(std::process::id());
    runner.drain(world::DRAIN_MAX).await;
    Ok(Report {
        workload: "pure",
        did: format!(
            "{chains} executions of {TRANSITIONS_EACH} Pass and Choice states, {maps} inline Maps of {ITEMS_EACH} items, \
             durable with their history"
        ),
        figure: done as f64 / seconds,
        unit: "transitions/s",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: Some(done as f64 / seconds / disk_rate),
        fsyncs_per_step: Some(waits as f64 / done as f64),
        rss_bytes,
        disk_bytes: disk::folder_bytes(folder),
        more: vec![
            ("chains of Pass and Choice".to_owned(), chained, "transitions/s"),
            ("inline Maps".to_owned(), mapped, "transitions/s"),
        ],
    })
}

/// Runs executions of a definition, a few at a time: one is written to disk while the next one computes.
async fn run_all(runner: &RunnerHandle, name: &str, count: usize, definition: &Definition) -> Result<(), BenchError> {
    let mut settled = runner.settled();
    let starts = (0..count).map(|number| {
        let new = world::new(&format!("{name}-{number}"), name, definition);
        let runner = runner.clone();
        async move { runner.start_execution(new).await }
    });
    let started = futures::stream::iter(starts).buffer_unordered(RUNS_AT_ONCE).try_collect::<Vec<_>>();
    let (started, ended) = tokio::join!(started, world::wait_for(&mut settled, count));
    started?;
    ended
}

/// Alternating Pass and Choice states.
fn alternating() -> Value {
    let mut states = serde_json::Map::new();
    for number in 0..PAIRS_EACH {
        let next = format!("Pass {}", number + 1);
        let choice = json!({ "Type": "Choice", "Default": "End", "Choices": [
            { "Variable": "$.shop", "StringEquals": "example", "Next": next }
        ] });
        let pass = json!({ "Type": "Pass", "Next": format!("Choice {number}") });
        states.insert(format!("Pass {number}"), pass);
        states.insert(format!("Choice {number}"), choice);
    }
    states.insert(format!("Pass {PAIRS_EACH}"), json!({ "Type": "Pass", "Next": "End" }));
    states.insert("End".to_owned(), json!({ "Type": "Succeed" }));
    json!({ "StartAt": "Pass 0", "States": states })
}

fn mapping() -> Value {
    let items: Vec<_> = (0..ITEMS_EACH).collect();
    json!({
        "StartAt": "Items",
        "States": {
            "Items": { "Type": "Pass", "Result": items, "Next": "Each" },
            "Each": { "Type": "Map", "End": true, "ItemProcessor": {
                "StartAt": "Item", "States": { "Item": { "Type": "Pass", "End": true } }
            } }
        }
    })
}
