//! The report of a workload.

use serde::Serialize;

/// One workload's figure, with the disk's rate and other measurements for comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The workload, such as `chain`.
    pub workload: &'static str,
    /// The workload in a sentence.
    pub did: String,
    /// The figure.
    pub figure: f64,
    /// The unit of the figure, such as `steps/s`.
    pub unit: &'static str,
    /// The number of times per second that this disk makes 256 bytes durable (write at the end of a file, fdatasync), in the same run.
    pub disk_fdatasyncs_per_second: f64,
    /// The figure divided by the disk's rate, if the figure is a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_disk: Option<f64>,
    /// The number of waits for the disk for each step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsyncs_per_step: Option<f64>,
    /// The process's memory at the end, in bytes, if the system reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// The size of the store on disk afterwards, in bytes.
    pub disk_bytes: u64,
    /// Other measurements: name, value, unit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<(String, f64, &'static str)>,
}
