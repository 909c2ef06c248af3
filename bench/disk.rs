//! Rates and sizes of the disk and the process, measured without the engine.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use super::BenchError;

const PROBE: Duration = Duration::from_secs(1);
const PROBE_BYTES: [u8; 256] = [7; 256];

pub(crate) fn unusable(folder: &Path) -> impl Fn(io::Error) -> BenchError + '_ {
    |error| BenchError::Folder { folder: folder.display().to_string(), error }
}

/// The number of times per second that 256 bytes at the end of a file become durable, measured for the given time.
///
/// # Errors
/// The folder cannot be written.
pub fn probe_disk(folder: &Path, duration: Duration) -> io::Result<f64> {
    let path = folder.join("probe");
    let probe = || -> io::Result<f64> {
        let mut file = File::create(&path)?;
        let (began, mut count) = (Instant::now(), 0_u32);
        while began.elapsed() < duration {
            file.write_all(&PROBE_BYTES)?;
            file.sync_data()?;
            count += 1;
        }
        Ok(f64::from(count) / began.elapsed().as_secs_f64())
    };
    let rate = probe();
    // Also after an error: the file may be what fills the disk.
    let _ = std::fs::remove_file(&path);
    rate
}

/// The rate of [`probe_disk`] for a second.
pub(crate) fn fdatasyncs_per_second(folder: &Path) -> Result<f64, BenchError> {
    probe_disk(folder, PROBE).map_err(unusable(folder))
}

/// The resident memory of a process, in bytes. Source: proc(5), /proc/PID/status, VmRSS.
pub(crate) fn rss_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// The size of a folder's files, in bytes.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}
