//! growth: the cost of a step after a long history, after many finished executions, and with large data.

use std::{path::Path, time::Instant};

use engine::{
    runner::RunnerHandle,
    store::{Definition, synchronizations},
};
use serde_json::{Value, json};

use super::{BenchError, Report, disk, world};

/// A Task writes five events, and an execution has at most 25,000.
const LONG_CHAIN: usize = 4_900;
const PARTS: usize = 5;
const SHORT_CHAIN: usize = 500;
/// A chain takes less than 0.1 s: other activity of the disk in that time would be mistaken for growth.
const SHORT_CHAINS: usize = 5;
const STARTS_AT_ONCE: usize = 1_000;
const LARGE_BYTES: usize = 200_000;

/// Measures the cost of a step as the history grows to 24,500 events, as `executions` finish, and with a variable of 200 kB.
///
/// # Errors
/// The folder or the store fails.
pub async fn growth(folder: &Path, executions: usize) -> Result<Report, BenchError> {
    let disk_rate = disk::fdatasyncs_per_second(folder)?;
    let runner = world::runner(folder)?;
    let mut more = history(&runner).await?;
    let small = short(&runner, "small", json!("x")).await?;
    let large = short(&runner, "large", json!("x".repeat(LARGE_BYTES))).await?;
    more.push(("a variable of 1 byte".to_owned(), small, "steps/s"));
    more.push((format!("a variable of {LARGE_BYTES} bytes"), large, "steps/s"));
    let mut finished = 0;
    let (mut last, mut waits) = (small, 0);
    for share in [executions / 100, executions / 10, executions] {
        finish(&runner, finished, share).await?;
        finished = share.max(finished);
        let synchronizations_before = synchronizations();
        last = short(&runner, &format!("after-{finished}"), json!("x")).await?;
        waits = synchronizations() - synchronizations_before;
        more.push((format!("after {finished} finished executions"), last, "steps/s"));
    }
    let rss_bytes = disk::rss_bytes(std::process::id());
    more.push((format!("disk with {finished} finished executions"), disk::folder_bytes(folder) as f64 / 1e6, "MB"));
    runner.drain(world::DRAIN_MAX).await;
    Ok(Report {
        workload: "growth",
        did: format!("chains of Tasks as the history, the finished executions ({finished}) and the data grow"),
        figure: last / small,
        unit: "times the rate of an empty store",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: Some(last / disk_rate),
        fsyncs_per_step: Some(waits as f64 / (SHORT_CHAINS * SHORT_CHAIN) as f64),
        rss_bytes,
        disk_bytes: disk::folder_bytes(folder),
        more,
    })
}

/// Steps per second in each part of one long execution.
async fn history(runner: &RunnerHandle) -> Result<Vec<(String, f64, &'static str)>, BenchError> {
    let mut follow = runner.settled();
    let began_ms = runner.clock().now_ms();
    runner.start_execution(world::new("history", "history", &Definition::from(&world::tasks(LONG_CHAIN)))).await?;
    world::wait_for(&mut follow, 1).await?;
    let mut rates = Vec::new();
    let (mut since_ms, each) = (began_ms, LONG_CHAIN / PARTS);
    let entries = runner.store().entries("history", 1, usize::MAX)?;
    for part in 1..=PARTS {
        // Five entries for each step, after the entry of the start.
        let Some(last) = entries.get(part * each * 5) else { break };
        let rate = each as f64 * 1_000.0 / (last.timestamp_ms - since_ms).max(1) as f64;
        rates.push((format!("up to event {}", part * each * 5), rate, "steps/s"));
        since_ms = last.timestamp_ms;
    }
    Ok(rates)
}

/// Steps per second of a short chain with a variable: the median of a few runs.
async fn short(runner: &RunnerHandle, id: &str, variable: Value) -> Result<f64, BenchError> {
    let mut definition = world::tasks(SHORT_CHAIN);
    definition["States"]["Keep"] =
        json!({ "Type": "Pass", "Assign": { "kept": variable }, "Next": definition["StartAt"] });
    definition["StartAt"] = "Keep".into();
    let definition = Definition::from(&definition);
    let mut rates = Vec::new();
    for number in 1..=SHORT_CHAINS {
        let began = Instant::now();
        world::run(runner, world::new(&format!("{id}-{number}"), "short", &definition)).await?;
        rates.push(SHORT_CHAIN as f64 / began.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[SHORT_CHAINS / 2])
}

/// Finishes executions until `until` of them have finished.
async fn finish(runner: &RunnerHandle, from: usize, until: usize) -> Result<(), BenchError> {
    let definition =
        Definition::from(&json!({ "StartAt": "Pass", "States": { "Pass": { "Type": "Pass", "End": true } } }));
    let mut next = from;
    while next < until {
        let batch = (next..until.min(next + STARTS_AT_ONCE)).map(|number| {
            let new = world::new(&format!("finished-{number}"), "finished", &definition);
            let runner = runner.clone();
            async move { runner.start_execution(new).await }
        });
        next += futures::future::try_join_all(batch).await?.len();
    }
    Ok(())
}
