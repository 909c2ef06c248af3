//! `flow signal`.

use clap::Args;
use engine::machine::ExecutionHeader;
use serde_json::{Value, json};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    session::{Session, locate},
    socket::protocol::{TaskToken, Waiting},
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
    if let Some(Err(error)) = arguments.success.as_deref().map(serde_json::from_str::<Value>) {
        return Err(CliError::refused(format!("--success is not JSON: {error}")));
    }
    let mut session = Session::open(&place).await?;
    let answer = send(&mut session, &id, &arguments).await;
    session.close().await;
    answer?;
    if global.output == Output::Human {
        say!("{id}: \"{}\" is answered. If no process drives it: flow resume {id}", arguments.state);
    }
    Ok(Exit::Success)
}

async fn send(session: &mut Session, id: &str, arguments: &SignalArguments) -> Result<Value, CliError> {
    let waiting = Waiting { id: id.to_owned(), state: arguments.state.clone() };
    let TaskToken { task_token } = session.call("Flow.TaskToken", &waiting).await?;
    match &arguments.success {
        Some(output) => {
            let success = json!({ "taskToken": task_token, "output": output });
            session.call("AWSStepFunctions.SendTaskSuccess", &success).await
        }
        None => {
            let failure = json!({ "taskToken": task_token, "error": arguments.failure, "cause": arguments.cause });
            session.call("AWSStepFunctions.SendTaskFailure", &failure).await
        }
    }
}
