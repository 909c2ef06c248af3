//! `flow signal`.

use clap::Args;
use engine::machine::ExecutionHeader;
use serde_json::Value;

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    session::{Session, locate},
    socket::protocol::Signal,
};

/// Arguments of `flow signal`.
#[derive(Debug, Args)]
pub struct SignalArguments {
    /// The execution: its id, a unique prefix, or @latest.
    id: String,
    /// The waiting state: its name, or its path.
    state: String,
    /// The task succeeded with this output.
    #[arg(long, value_name = "JSON", required_unless_present = "failure")]
    success: Option<String>,
    /// The task failed with this error name.
    #[arg(long, value_name = "ERROR", conflicts_with = "success")]
    failure: Option<String>,
    /// Why it failed.
    #[arg(long, value_name = "TEXT", requires = "failure")]
    cause: Option<String>,
}

/// Answers a waiting task.
pub async fn run(global: &Global, arguments: SignalArguments) -> Result<Exit, CliError> {
    let (place, ExecutionHeader { id, .. }) = locate(global, &arguments.id).await?;
    let output = arguments.success.as_deref().map(serde_json::from_str::<Value>).transpose();
    let output = output.map_err(|error| CliError::refused(format!("--success is not JSON: {error}")))?;
    let signal =
        Signal { id: id.clone(), state: arguments.state, output, error: arguments.failure, cause: arguments.cause };
    let mut session = Session::open(&place).await?;
    let answer = session.call::<_, Value>("Flow.Signal", &signal).await;
    session.close().await;
    answer?;
    if global.output == Output::Human {
        say!("{id}: \"{}\" is answered. If no process drives it: flow resume {id}", signal.state);
    }
    Ok(Exit::Success)
}
