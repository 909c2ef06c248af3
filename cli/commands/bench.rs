//! `flow bench`.

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
};

use bench::{Report, ServeFigures, ServeWorkload};
use clap::{Args, ValueEnum};

use crate::{
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    ui::json,
};

/// Arguments of `flow bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What to measure.
    workload: Workload,
    /// The size: steps, executions, transitions, sleepers or starts.
    #[arg(short, value_name = "N")]
    n: Option<usize>,
    /// The folder to measure in; default a new folder in the home.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
    /// The host and port that a client of the serve workload calls.
    #[arg(long, hide = true, default_value_t)]
    address: String,
}

/// The workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// One execution of N Tasks, each durable before the next.
    Chain,
    /// N executions at once, ten Tasks each.
    Fan,
    /// N transitions without a call: Pass, Choice, inline Maps.
    Pure,
    /// N executions asleep: started, killed, recovered; ten thousand that wake together.
    Sleepers,
    /// `flow run` and `flow status` beside N finished executions.
    Start,
    /// The cost of a step as history, data and N finished executions grow.
    Growth,
    /// N StartExecution at `flow serve` over HTTP, then round trips of an activity, then pages of ListExecutions.
    Serve,
    /// A phase of sleepers, in a process of its own.
    #[value(hide = true)]
    Sleep,
    /// A phase of sleepers, in a process of its own.
    #[value(hide = true)]
    Wake,
    /// A client of serve that starts executions, in a process of its own.
    #[value(hide = true)]
    ServeStarts,
    /// A client of serve that starts and answers tasks, in a process of its own.
    #[value(hide = true)]
    ServeRoundTrips,
    /// A client of serve that reads lists, in a process of its own.
    #[value(hide = true)]
    ServePages,
}

impl Workload {
    fn n(self) -> usize {
        match self {
            Workload::Chain | Workload::Fan => 1_000,
            Workload::Pure => 1_000_000,
            Workload::Start => 10_000,
            Workload::Serve => 50_000,
            _ => 100_000,
        }
    }
}

/// Measures one workload and deletes the data that it wrote.
pub async fn run(global: &Global, arguments: BenchArguments) -> Result<Exit, CliError> {
    let n = arguments.n.unwrap_or(arguments.workload.n());
    if let Some(workload) = client_workload(arguments.workload, n) {
        let figures = drive(arguments.address, workload).await?;
        say_raw!("{}", serde_json::json!(figures));
        return Ok(Exit::Success);
    }
    let home = Home::real(global)?;
    home.make()?;
    let home = home.folder().to_owned();
    let own = arguments.folder.is_none();
    let folder = arguments.folder.unwrap_or_else(|| home.join(format!("bench-{}", std::process::id())));
    // `flow serve` refuses a home to which others may write.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let measured = measure(arguments.workload, &folder, n).await;
    if own {
        std::fs::remove_dir_all(&folder)?;
    }
    measured.map_err(failed)?.iter().for_each(|report| print_report(global, report));
    Ok(Exit::Success)
}

/// Runs a client on one thread: more threads would take the processors from the server that the client measures.
async fn drive(address: String, workload: ServeWorkload) -> Result<ServeFigures, CliError> {
    let one_thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(bench::drive(&address, None, workload)).map_err(failed)
    };
    let driven = tokio::task::spawn_blocking(one_thread).await;
    driven.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?
}

fn failed(error: bench::BenchError) -> CliError {
    CliError::new(Exit::Failed, error.to_string())
}

/// The workload of a client process of serve; `None` for other workloads.
fn client_workload(workload: Workload, n: usize) -> Option<ServeWorkload> {
    match workload {
        Workload::ServeStarts => Some(ServeWorkload::Starts(n)),
        Workload::ServeRoundTrips => Some(ServeWorkload::RoundTrips(n)),
        Workload::ServePages => Some(ServeWorkload::Pages(n)),
        _ => None,
    }
}

async fn measure(workload: Workload, folder: &Path, n: usize) -> Result<Vec<Report>, bench::BenchError> {
    let phase = |name: &str| {
        let mut command = myself();
        command.args(["bench", name, "-n", &n.to_string(), "--folder"]).arg(folder);
        command
    };
    let flow = |arguments: &[&str]| {
        let mut command = myself();
        command.args(arguments).arg("--home").arg(folder);
        command
    };
    let report = match workload {
        Workload::Chain => bench::chain(folder, n).await?,
        Workload::Fan => bench::fan(folder, n).await?,
        Workload::Pure => bench::pure(folder, n).await?,
        Workload::Growth => bench::growth(folder, n).await?,
        Workload::Sleepers => bench::sleepers(folder, n, &phase).await?,
        Workload::Start => bench::start(folder, n, &flow).await?,
        Workload::Serve => return serve(folder, n),
        Workload::Sleep => {
            say_raw!("{}", serde_json::json!(bench::sleep(folder, n).await?));
            return std::future::pending().await;
        }
        Workload::Wake => {
            say_raw!("{}", serde_json::json!(bench::wake(folder).await?));
            return std::future::pending().await;
        }
        // Client workloads have run already.
        Workload::ServeStarts | Workload::ServeRoundTrips | Workload::ServePages => return Ok(Vec::new()),
    };
    Ok(vec![report])
}

/// Starts a server over a home in `folder` and its clients.
fn serve(folder: &Path, starts: usize) -> Result<Vec<Report>, bench::BenchError> {
    let mut server = myself();
    server.args(["serve", "--listen", "127.0.0.1:0", "-o", "json", "--home"]).arg(folder);
    // These clients send no secret, so the server must not require one.
    ["FLOW_TOKEN", "FLOW_ACCESS_KEY_ID", "FLOW_SECRET_ACCESS_KEY"].iter().for_each(|name| {
        server.env_remove(name);
    });
    let client = |address: &str, workload: ServeWorkload| {
        let (name, n) = match workload {
            ServeWorkload::Starts(n) => ("serve-starts", n),
            ServeWorkload::RoundTrips(n) => ("serve-round-trips", n),
            ServeWorkload::Pages(n) => ("serve-pages", n),
        };
        let mut command = myself();
        command.args(["bench", name, "-n", &n.to_string(), "--address", address]);
        command
    };
    bench::serve(folder, starts, server, &client)
}

fn myself() -> Command {
    Command::new(std::env::current_exe().unwrap_or_else(|_| PathBuf::from("flow")))
}

fn print_report(global: &Global, report: &Report) {
    if global.output == Output::Json {
        let message = format!("{}: {} {}", report.workload, shown(report.figure), report.unit);
        let line = serde_json::json!({ "type": "bench", "message": message });
        return json::print(json::with(line, serde_json::json!(report)));
    }
    say!("{}: {}", report.workload, report.did);
    say!("  {:>12} {}", shown(report.figure), report.unit);
    say!("  {:>12} fdatasyncs/s of this disk, in the same run", shown(report.disk_fdatasyncs_per_second));
    if let Some(ratio) = report.ratio_to_disk {
        say!("  {ratio:>12.2} times the disk's own rate");
    }
    if let Some(fsyncs) = report.fsyncs_per_step {
        say!("  {fsyncs:>12.4} waits for the disk a step");
    }
    if let Some(bytes) = report.rss_bytes {
        say!("  {:>12.1} MB of memory", bytes as f64 / 1e6);
    }
    say!("  {:>12.1} MB on disk", report.disk_bytes as f64 / 1e6);
    for (name, value, unit) in &report.more {
        say!("  {:>12} {unit}: {name}", shown(*value));
    }
}

/// Formats a figure: three decimal places below 1,000, none above.
fn shown(value: f64) -> String {
    if value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
