//! fan: many concurrent executions of ten Tasks each.

use std::{path::Path, time::Instant};

use engine::store::{Definition, synchronizations};

use super::{BenchError, Report, disk, world};

const STEPS_EACH: usize = 10;

/// Measures `executions` that all start at the same time, with ten Tasks each.
///
/// # Errors
/// The folder or the store fails.
pub async fn fan(folder: &Path, executions: usize) -> Result<Report, BenchError> {
    let disk_rate = disk::fdatasyncs_per_second(folder)?;
    let runner = world::runner(folder)?;
    let definition = Definition::from(&world::tasks(STEPS_EACH));
    let mut settled = runner.settled();
    let (synchronizations_before, began) = (synchronizations(), Instant::now());
    let starts = (0..executions).map(|number| {
        let new = world::new(&format!("fan-{number}"), "fan", &definition);
        let runner = runner.clone();
        async move { runner.start_execution(new).await }
    });
    let starts = futures::future::try_join_all(starts);
    let (started, ended) = tokio::join!(starts, world::wait_for(&mut settled, executions));
    started?;
    ended?;
    let seconds = began.elapsed().as_secs_f64();
    let waits = synchronizations() - synchronizations_before;
    let steps = executions * STEPS_EACH;
    let rate = steps as f64 / seconds;
    let rss_bytes = disk::rss_bytes(std::process::id());
    runner.drain(world::DRAIN_MAX).await;
    Ok(Report {
        workload: "fan",
        did: format!("{executions} executions at once, {STEPS_EACH} Tasks each, every step durable before the next"),
        figure: rate,
        unit: "steps/s",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: Some(rate / disk_rate),
        fsyncs_per_step: Some(waits as f64 / steps as f64),
        rss_bytes,
        disk_bytes: disk::folder_bytes(folder),
        more: vec![("from the first start to the last end".to_owned(), seconds, "s")],
    })
}
