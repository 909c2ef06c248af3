//! The server and its clients, each in a process of its own.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{ServeFigures, ServeWorkload, client::failed};
use crate::{BenchError, Report, disk};

/// StartExecution requests for each round trip of an activity.
const STARTS_PER_ROUND_TRIP: usize = 5;
/// StartExecution requests for each page of a list.
const STARTS_PER_PAGE: usize = 25;

/// Measures `starts` StartExecution, a fifth as many round trips of an activity, and a page of ListExecutions for each 25 starts.
/// `server` runs `flow serve` over a home in `folder` and reports its endpoint as JSON. `client` runs [`drive`](super::drive) for
/// an address and a workload in a process of its own and prints its [`ServeFigures`].
///
/// # Errors
/// The folder or a process fails, or the server refuses a request.
pub fn serve(
    folder: &Path,
    starts: usize,
    server: Command,
    client: &dyn Fn(&str, ServeWorkload) -> Command,
) -> Result<Vec<Report>, BenchError> {
    let server = Server::start(server)?;
    let workloads = [
        ServeWorkload::Starts(starts),
        ServeWorkload::RoundTrips(starts.div_ceil(STARTS_PER_ROUND_TRIP)),
        ServeWorkload::Pages(starts.div_ceil(STARTS_PER_PAGE)),
    ];
    let mut reports = Vec::with_capacity(workloads.len());
    for workload in workloads {
        let figures = figures(client(&server.address, workload))?;
        let mut report = figures.beside_disk(folder)?;
        report.rss_bytes = disk::rss_bytes(server.process.id());
        reports.push(report);
    }
    Ok(reports)
}

/// Runs a client until it exits.
fn figures(mut client: Command) -> Result<ServeFigures, BenchError> {
    let client_failed = |error: String| BenchError::Process { what: "the client".to_owned(), error };
    let output = client.stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| client_failed(error.to_string()))?;
    if !output.status.success() {
        return Err(client_failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| client_failed(error.to_string()))
}

/// A running server. Dropping it ends its process.
struct Server {
    process: Child,
    /// Its host and port.
    address: String,
}

impl Server {
    fn start(mut command: Command) -> Result<Self, BenchError> {
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| failed(error.to_string()))?;
        let output = process.stdout.take();
        // Owned before the line is read, so that dropping it ends the process if the line is no endpoint.
        let mut server = Server { process, address: String::new() };
        let mut line = String::new();
        let output = output.ok_or_else(|| failed("it has no output".to_owned()))?;
        BufReader::new(output).read_line(&mut line).map_err(|error| failed(error.to_string()))?;
        let serving: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = serving["endpoint"].as_str().and_then(|endpoint| endpoint.strip_prefix("http://"));
        let address = address.ok_or_else(|| failed(format!("it printed no endpoint: '{}'", line.trim())))?;
        server.address = address.to_owned();
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    const SERVES: &str = r#"echo '{"endpoint":"http://127.0.0.1:1"}'; exec sleep 60"#;

    #[test]
    fn each_workload_gets_a_client_and_a_report() {
        let folder = tempfile::tempdir().unwrap();
        let client = |address: &str, workload: ServeWorkload| {
            assert_eq!(address, "127.0.0.1:1");
            let figures = ServeFigures { count: workload.count(), per_second: 2.0, ..ServeFigures::default() };
            shell(&format!("echo '{}'", serde_json::json!(figures)))
        };
        let reports = serve(folder.path(), 50, shell(SERVES), &client).unwrap();
        let done: Vec<&str> = reports.iter().map(|report| report.did.trim()).collect();
        assert_eq!(done, ["50", "10", "2"]);
        assert!(reports.iter().all(|report| report.figure == 2.0 && report.rss_bytes.is_some()));
    }

    #[test]
    fn a_server_that_does_not_start_and_a_client_that_fails_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |_: &str, _: ServeWorkload| shell("echo refused >&2; exit 1");
        let error = serve(folder.path(), 1, shell("echo no"), &refused).unwrap_err().to_string();
        assert!(error.contains("it printed no endpoint: 'no'"), "{error}");
        let error = serve(folder.path(), 1, shell(SERVES), &refused).unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
    }
}
