//! start: how long a person waits for `flow run` of three steps, and for `flow status` beside many finished executions.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use engine::store::Definition;
use serde_json::json;

use super::{BenchError, Report, disk, world};

const RUNS: usize = 20;
const STARTS_AT_ONCE: usize = 1_000;

/// Measures `flow run` of three Pass, Choice and process-free states from start to exit, and `flow status` with `finished`
/// executions in the store; `flow` makes the command with its arguments, over the home in `folder`.
///
/// # Errors
/// The folder, the store or a process fails.
pub async fn start(folder: &Path, finished: usize, flow: &dyn Fn(&[&str]) -> Command) -> Result<Report, BenchError> {
    let disk_rate = disk::fdatasyncs_per_second(folder)?;
    let file = folder.join("three.asl.json");
    let definition = json!({ "StartAt": "One", "States": {
        "One": { "Type": "Pass", "Next": "Two" },
        "Two": { "Type": "Wait", "Seconds": 0, "Next": "Three" },
        "Three": { "Type": "Pass", "End": true }
    } });
    std::fs::write(&file, definition.to_string()).map_err(disk::unusable(folder))?;
    let file = file.display().to_string();
    let run = median_ms(|| flow(&["run", &file, "--yes"]))?;
    let status_of_few = median_ms(|| flow(&["status"]))?;
    finish(folder, finished).await?;
    let run_beside = median_ms(|| flow(&["run", &file, "--yes"]))?;
    let status = median_ms(|| flow(&["status"]))?;
    Ok(Report {
        workload: "start",
        did: format!("`flow run` of three states and `flow status`, each {RUNS} times, process start to exit"),
        figure: run,
        unit: "ms",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: None,
        fsyncs_per_step: None,
        rss_bytes: None,
        disk_bytes: disk::folder_bytes(folder),
        more: vec![
            (format!("flow run beside {finished} finished executions"), run_beside, "ms"),
            ("flow status of a few".to_owned(), status_of_few, "ms"),
            (format!("flow status beside {finished} finished executions"), status, "ms"),
        ],
    })
}

fn median_ms(command: impl Fn() -> Command) -> Result<f64, BenchError> {
    let failed = |error: String| BenchError::Process { what: format!("{:?}", command()), error };
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let began = Instant::now();
        let output = command().stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

async fn finish(folder: &Path, finished: usize) -> Result<(), BenchError> {
    let runner = world::runner(folder)?;
    let definition =
        Definition::from(&json!({ "StartAt": "Pass", "States": { "Pass": { "Type": "Pass", "End": true } } }));
    let mut next = 0;
    while next < finished {
        let batch = (next..finished.min(next + STARTS_AT_ONCE)).map(|number| {
            let new = world::new(&format!("finished-{number}"), "finished", &definition);
            let runner = runner.clone();
            async move { runner.start_execution(new).await }
        });
        next += futures::future::try_join_all(batch).await?.len();
    }
    runner.drain().await;
    Ok(())
}
