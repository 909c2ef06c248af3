//! chain: one execution with many Tasks, each durable before the next.

use std::{path::Path, time::Instant};

use engine::store::{Definition, synchronizations};

use super::{BenchError, Report, disk, world};

/// Measures one execution of `steps` Tasks.
///
/// # Errors
/// The folder or the store fails.
pub async fn chain(folder: &Path, steps: usize) -> Result<Report, BenchError> {
    let before = disk::fdatasyncs_per_second(folder)?;
    let runner = world::runner(folder)?;
    let definition = Definition::from(&world::tasks(steps));
    let (synchronizations_before, began) = (synchronizations(), Instant::now());
    world::run(&runner, world::new("chain", "chain", &definition)).await?;
    let rate = steps as f64 / began.elapsed().as_secs_f64();
    let waits = synchronizations() - synchronizations_before;
    runner.drain(world::DRAIN_MAX).await;
    // The disk's rate drifts: it is measured before and after the workload, and averaged.
    let after = disk::fdatasyncs_per_second(folder)?;
    let disk_rate = (before + after) / 2.0;
    Ok(Report {
        workload: "chain",
        did: format!("one execution of {steps} Tasks, each durable before the next"),
        figure: rate,
        unit: "steps/s",
        disk_fdatasyncs_per_second: disk_rate,
        ratio_to_disk: Some(rate / disk_rate),
        fsyncs_per_step: Some(waits as f64 / steps as f64),
        rss_bytes: disk::rss_bytes(std::process::id()),
        disk_bytes: disk::folder_bytes(folder),
        more: vec![
            ("disk before".to_owned(), before, "fdatasyncs/s"),
            ("disk after".to_owned(), after, "fdatasyncs/s"),
        ],
    })
}
