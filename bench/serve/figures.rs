//! Rates and latencies of requests.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BenchError, Report, disk};

/// The measurements of a client, which its process sends to the one that reports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServeFigures {
    /// The workload in a sentence.
    pub did: String,
    /// The number of requests.
    pub count: usize,
    /// Requests per second.
    pub per_second: f64,
    /// The median latency, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99_ms: f64,
}

impl ServeFigures {
    /// The report, with the disk's rate measured in `folder` while the server is idle.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn beside_disk(self, folder: &Path) -> Result<Report, BenchError> {
        let disk_rate = disk::fdatasyncs_per_second(folder)?;
        Ok(Report {
            workload: "serve",
            did: format!("{} {}", self.count, self.did),
            figure: self.per_second,
            unit: "a second",
            disk_fdatasyncs_per_second: disk_rate,
            ratio_to_disk: Some(self.per_second / disk_rate),
            fsyncs_per_step: None,
            rss_bytes: None,
            disk_bytes: disk::folder_bytes(folder),
            more: vec![("p50".to_owned(), self.p50_ms, "ms"), ("p99".to_owned(), self.p99_ms, "ms")],
        })
    }
}

/// The latency of each request.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub fn extend(&mut self, other: Latencies) {
        self.0.extend(other.0);
    }

    pub fn figures(mut self, did: String, elapsed: Duration) -> ServeFigures {
        self.0.sort_unstable();
        let count = self.0.len();
        let per_second = count as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        ServeFigures { did, count, per_second, p50_ms: self.percentile_ms(50), p99_ms: self.percentile_ms(99) }
    }

    /// The nearest-rank percentile of sorted latencies.
    fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_ranks() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        let figures = latencies.figures("requests".to_owned(), Duration::from_secs(2));
        assert_eq!((figures.p50_ms, figures.p99_ms, figures.per_second), (100.0, 198.0, 100.0));
        let none = Latencies::default().figures("requests".to_owned(), Duration::from_secs(1));
        assert_eq!((none.p50_ms, none.p99_ms, none.count), (0.0, 0.0, 0));
    }
}
