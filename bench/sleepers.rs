//! sleepers: many executions in a Wait of an hour. They are started, the process is killed while all are asleep, and another process
//! recovers them. In addition, ten thousand executions fall due together.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use engine::store::{Definition, synchronizations};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BenchError, Report, disk, world};

/// The number of starts that are in progress at a time, as by clients that wait for their answers.
const STARTS_AT_ONCE: usize = 200;
/// The most executions that fall due together.
const TOGETHER_MAX: usize = 10_000;

/// The report of a process that put executions to sleep, or recovered them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Phase {
    seconds: f64,
    count: usize,
    synchronizations: u64,
    rss_before_bytes: u64,
    rss_after_bytes: u64,
}

fn rss_bytes() -> u64 {
    disk::rss_bytes(std::process::id()).unwrap_or_default()
}

/// Starts `count` executions in a Wait of an hour, reports how long that took, and waits to be killed.
///
/// # Errors
/// The folder or the store fails.
pub async fn sleep(folder: &Path, count: usize) -> Result<Phase, BenchError> {
    let runner = world::runner(folder)?;
    let definition = Definition::from(&json!({ "StartAt": "Sleep", "States": {
        "Sleep": { "Type": "Wait", "Seconds": 3600, "Next": "Step" },
        "Step": { "Type": "Task", "Resource": world::STEP, "End": true }
    } }));
    let (synchronizations_before, rss_before_bytes) = (synchronizations(), rss_bytes());
    let began = Instant::now();
    let mut next = 0;
    while next < count {
        let batch = (next..count.min(next + STARTS_AT_ONCE)).map(|number| {
            let new = world::new(&format!("sleeper-{number}"), "sleepers", &definition);
            let runner = runner.clone();
            async move { runner.start_execution(new).await }
        });
        next += futures::future::try_join_all(batch).await?.len();
    }
    let seconds = began.elapsed().as_secs_f64();
    let synchronizations = synchronizations() - synchronizations_before;
    Ok(Phase { seconds, count, synchronizations, rss_before_bytes, rss_after_bytes: rss_bytes() })
}

/// Recovers all executions in a folder and reports how long that took, including the opening of the store.
///
/// # Errors
/// The folder or the store fails.
pub async fn wake(folder: &Path) -> Result<Phase, BenchError> {
    let rss_before_bytes = rss_bytes();
    let began = Instant::now();
    let runner = world::runner(folder)?;
    let count = runner.recover_all().await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Phase { seconds, count, synchronizations: synchronizations(), rss_before_bytes, rss_after_bytes: rss_bytes() })
}

/// Measures `count` sleepers; `phase` returns the command that runs [`sleep`] or [`wake`] (by that name) in a process of its own.
///
/// # Errors
/// The folder, the store or a process fails.
pub async fn sleepers(folder: &Path, count: usize, phase: &dyn Fn(&str) -> Command) -> Result<Report, BenchError> {
    let disk_rate = disk::fdatasyncs_per_second(folder)?;
    let (mut sleeping, slept) = begin(phase("sleep"))?;
    end(&mut sleeping)?;
    let (mut recovering, recovered) = begin(phase("wake"))?;
    end(&mut recovering)?;
    if recovered.count != count {
        return Err(BenchError::Failed(format!("{} of {count}", count - recovered.count)));
    }
    let disk_bytes = disk::folder_bytes(folder);
    let over = |phase: &Phase| phase.rss_after_bytes.saturating_sub(phase.rss_before_bytes) as f64 / 1e6;
    let (late_ms, durable_ms) = together(&folder.join("together"), count.min(TOGETHER_MAX)).await?;
    let at =
        |times_ms: &[f64], share: f64| times_ms.get((times_ms.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    let due = late_ms.len();
    Ok(Report {
        workload: "sleepers",
        did: format!(
            "{count} executions in a Wait of an hour, the process killed (SIGKILL), all recovered by the next one"
        ),
        figure: count as f64 / slept.seconds,
        unit: "starts/s",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: Some(count as f64 / slept.seconds / disk_rate),
        fsyncs_per_step: Some(slept.synchronizations as f64 / count as f64),
        rss_bytes: Some(slept.rss_after_bytes),
        disk_bytes,
        more: vec![
            ("all started and durable after".to_owned(), slept.seconds, "s"),
            ("all recovered after".to_owned(), recovered.seconds, "s"),
            ("memory over the empty process, asleep".to_owned(), over(&slept), "MB"),
            ("memory over the empty process, recovered".to_owned(), over(&recovered), "MB"),
            (format!("{due} due together: woken late by, p50"), at(&late_ms, 0.5), "ms"),
            (format!("{due} due together: woken late by, p99"), at(&late_ms, 0.99), "ms"),
            (format!("{due} due together: durable late by, p99"), at(&durable_ms, 0.99), "ms"),
        ],
    })
}

fn begin(mut command: Command) -> Result<(Child, Phase), BenchError> {
    let failed = |error: String| BenchError::Process { what: "a phase of the workload".to_owned(), error };
    let mut child =
        command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(|error| failed(error.to_string()))?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or_else(|| failed("it has no output".to_owned()))?;
    BufReader::new(output).read_line(&mut line).map_err(|error| failed(error.to_string()))?;
    let phase = serde_json::from_str(&line).map_err(|error| failed(format!("it said '{}': {error}", line.trim())))?;
    Ok((child, phase))
}

fn end(child: &mut Child) -> Result<(), BenchError> {
    let failed = |error: std::io::Error| BenchError::Process { what: "the kill".to_owned(), error: error.to_string() };
    child.kill().map_err(failed)?;
    child.wait().map(drop).map_err(failed)
}

/// Two delays of each of `count` executions whose Waits end at the same time, in milliseconds and sorted: until its history records that it
/// left the Wait, and until that was durable and reported.
async fn together(folder: &Path, count: usize) -> Result<(Vec<f64>, Vec<f64>), BenchError> {
    std::fs::create_dir_all(folder).map_err(disk::unusable(folder))?;
    let runner = world::runner(folder)?;
    let ahead = Duration::from_secs(5 + count as u64 / 5_000);
    let due_ms = runner.clock().now_ms() + ahead.as_millis() as u64;
    let definition = Definition::from(&json!({ "StartAt": "Sleep", "States": {
        "Sleep": { "Type": "Wait", "TimestampPath": "$.due", "End": true }
    } }));
    let due = jiff::Timestamp::from_millisecond(due_ms as i64).map(|due| format!("{due:.3}")).unwrap_or_default();
    let mut settled = runner.settled();
    let starts = (0..count).map(|number| {
        let mut new = world::new(&format!("together-{number}"), "together", &definition);
        new.input = json!({ "due": due });
        let runner = runner.clone();
        async move { runner.start_execution(new).await }
    });
    futures::future::try_join_all(starts).await?;
    let (mut lateness, mut durable) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let header = settled.recv().await.map_err(|error| BenchError::Failed(error.to_string()))?;
        let Some(stopped_ms) = header.stopped_ms.filter(|stopped_ms| *stopped_ms >= due_ms) else {
            return Err(BenchError::Failed(header.id.clone()));
        };
        lateness.push((stopped_ms - due_ms) as f64);
        durable.push((runner.clock().now_ms() - due_ms) as f64);
    }
    runner.drain(world::DRAIN_MAX).await;
    lateness.sort_by(f64::total_cmp);
    durable.sort_by(f64::total_cmp);
    Ok((lateness, durable))
}
