//! `flow bench`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use bench::Report;
use clap::{Args, ValueEnum};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    home::Home,
};

/// Arguments of `flow bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What to measure.
    workload: Workload,
    /// How much of it: steps, executions, transitions or sleepers.
    #[arg(short, value_name = "N")]
    n: Option<usize>,
    /// Where, in place of a folder of its own below the home.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
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
    /// A phase of sleepers, in a process of its own.
    #[value(hide = true)]
    Sleep,
    /// A phase of sleepers, in a process of its own.
    #[value(hide = true)]
    Wake,
}

impl Workload {
    fn n(self) -> usize {
        match self {
            Workload::Chain | Workload::Fan => 1_000,
            Workload::Pure => 1_000_000,
            Workload::Start => 10_000,
            _ => 100_000,
        }
    }
}

/// Measures one workload and removes what it wrote.
pub async fn run(global: &Global, arguments: BenchArguments) -> Result<Exit, CliError> {
    let home = Home::real(global)?;
    home.make()?;
    let home = home.folder().to_owned();
    let own = arguments.folder.is_none();
    let folder = arguments.folder.unwrap_or_else(|| home.join(format!("bench-{}", std::process::id())));
    std::fs::create_dir_all(&folder)?;
    let n = arguments.n.unwrap_or(arguments.workload.n());
    let measured = measure(arguments.workload, &folder, n).await;
    if own {
        std::fs::remove_dir_all(&folder)?;
    }
    if let Some(report) = measured.map_err(|error| CliError::new(Exit::Failed, error.to_string()))? {
        tell(global, &report);
    }
    Ok(Exit::Success)
}

async fn measure(workload: Workload, folder: &Path, n: usize) -> Result<Option<Report>, bench::BenchError> {
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
    Ok(Some(match workload {
        Workload::Chain => bench::chain(folder, n).await?,
        Workload::Fan => bench::fan(folder, n).await?,
        Workload::Pure => bench::pure(folder, n).await?,
        Workload::Growth => bench::growth(folder, n).await?,
        Workload::Sleepers => bench::sleepers(folder, n, &phase).await?,
        Workload::Start => bench::start(folder, n, &flow).await?,
        Workload::Sleep => {
            say!("{}", serde_json::json!(bench::sleep(folder, n).await?));
            std::future::pending::<()>().await;
            return Ok(None);
        }
        Workload::Wake => {
            say!("{}", serde_json::json!(bench::wake(folder).await?));
            std::future::pending::<()>().await;
            return Ok(None);
        }
    }))
}

fn myself() -> Command {
    Command::new(std::env::current_exe().unwrap_or_else(|_| PathBuf::from("flow")))
}

fn tell(global: &Global, report: &Report) {
    if global.output == Output::Json {
        return say!("{}", serde_json::json!(report));
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

/// Three digits behind the point of small figures, none of large ones.
fn shown(value: f64) -> String {
    if value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
