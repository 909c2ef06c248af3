//! start: how long a person waits for `flow run` of three steps, and for `flow status` with many finished executions.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use engine::{
    asl::states_of_mut,
    store::{Definition, synchronizations},
};
use serde_json::json;

use super::{BenchError, Report, disk, world};

const RUNS: usize = 20;
const STEPS: usize = 3;
/// The data that each step reads and returns.
const ANSWER: &str =
    r#"{"arn": "arn:aws:service:us-east-1:111111111111:resource/0123456789abcdef0", "state": "available"}"#;
const STARTS_AT_ONCE: usize = 1_000;

/// Measures `flow run` of three Tasks from start to exit, and `flow status` with `finished` executions in the store. `flow` returns the
/// command for its arguments, over the home in `folder`.
///
/// # Errors
/// The folder, the store or a process fails.
pub async fn start(folder: &Path, finished: usize, flow: &dyn Fn(&[&str]) -> Command) -> Result<Report, BenchError> {
    let disk_rate = disk::fdatasyncs_per_second(folder)?;
    let file = three_steps(folder).map_err(disk::unusable(folder))?;
    let flow = |arguments: &[&str]| {
        let mut command = flow(arguments);
        command.env("FLOW_FILES", folder);
        command
    };
    let run = median_ms(|| flow(&["run", &file, "--yes"]))?;
    let status_of_few = median_ms(|| flow(&["status"]))?;
    let rss_bytes = peak_rss_bytes(&mut flow(&["run", &file, "--yes"]))?;
    let waits = waits_for_disk(&folder.join("counted")).await?;
    finish(folder, finished).await?;
    let run_beside = median_ms(|| flow(&["run", &file, "--yes"]))?;
    let status = median_ms(|| flow(&["status"]))?;
    Ok(Report {
        workload: "start",
        did: format!("`flow run` of {STEPS} Tasks and `flow status`, each {RUNS} times, process start to exit"),
        figure: run,
        unit: "ms",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: None,
        fsyncs_per_step: Some(waits as f64 / STEPS as f64),
        rss_bytes,
        disk_bytes: disk::folder_bytes(folder),
        more: vec![
            (format!("flow run beside {finished} finished executions"), run_beside, "ms"),
            ("flow status of a few".to_owned(), status_of_few, "ms"),
            (format!("flow status beside {finished} finished executions"), status, "ms"),
        ],
    })
}

/// Writes a workflow of three Tasks, each of which reads a file of 100 bytes. Returns its path.
fn three_steps(folder: &Path) -> std::io::Result<String> {
    std::fs::write(folder.join("answer.json"), ANSWER)?;
    let mut definition = world::tasks(STEPS);
    for state in states_of_mut(&mut definition).into_iter().flat_map(|states| states.values_mut()) {
        state["Resource"] = "flow:file:read".into();
        state["Parameters"] = json!({ "Path": "answer.json" });
    }
    let file = folder.join("three.asl.json");
    std::fs::write(&file, definition.to_string())?;
    Ok(file.display().to_string())
}

fn failed(command: &Command) -> impl Fn(String) -> BenchError + use<> {
    let what = format!("{command:?}");
    move |error| BenchError::Process { what: what.clone(), error }
}

/// The largest resident memory that was observed in a process, in bytes.
fn peak_rss_bytes(command: &mut Command) -> Result<Option<u64>, BenchError> {
    let failed = failed(command);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|error| failed(error.to_string()))?;
    let mut peak = None;
    while child.try_wait().map_err(|error| failed(error.to_string()))?.is_none() {
        peak = peak.max(disk::rss_bytes(child.id()));
        std::thread::yield_now();
    }
    Ok(peak)
}

fn median_ms(command: impl Fn() -> Command) -> Result<f64, BenchError> {
    let failed = failed(&command());
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

/// The number of waits for the disk from opening an existing store to closing it, with three Tasks in between. It is measured in this
/// process, because the waits of another process cannot be counted.
async fn waits_for_disk(folder: &Path) -> Result<u64, BenchError> {
    std::fs::create_dir_all(folder).map_err(disk::unusable(folder))?;
    let definition = Definition::from(&world::tasks(STEPS));
    world::runner(folder)?.drain(world::DRAIN_MAX).await;
    let before = synchronizations();
    let runner = world::runner(folder)?;
    world::run(&runner, world::new("counted", "counted", &definition)).await?;
    runner.drain(world::DRAIN_MAX).await;
    Ok(synchronizations() - before)
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
    runner.drain(world::DRAIN_MAX).await;
    Ok(())
}
