//! What a workload tells.

use serde::Serialize;

/// One workload's figure, and what it has to be read beside.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The workload, such as `chain`.
    pub workload: &'static str,
    /// What was done, in a sentence.
    pub did: String,
    /// The figure.
    pub figure: f64,
    /// What the figure counts, such as `steps/s`.
    pub unit: &'static str,
    /// How often this disk makes 256 bytes durable in a second (write at the end of a file, fdatasync), from the same run.
    pub disk_fdatasyncs_per_second: f64,
    /// What was done in a second as a multiple of the disk's own rate, where it is a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_disk: Option<f64>,
    /// How often the disk was waited for, for each step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsyncs_per_step: Option<f64>,
    /// The process's memory at the end of it, in bytes; where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// What lies on the disk afterwards, in bytes.
    pub disk_bytes: u64,
    /// What else was measured: name, value, unit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<(String, f64, &'static str)>,
}
