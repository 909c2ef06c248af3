//! Waits for a TCP port.

use std::sync::Arc;

use engine::step::{Answer, StepContext, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::{not_yet, within};
use crate::local_settings::LocalSettings;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WaitForTcp {
    /// A name or an address.
    host: String,
    port: u16,
    /// Seconds between two polls, 1 to 3600; default 10.
    #[serde(default = "super::interval_default")]
    #[schemars(range(min = 1, max = 3600))]
    interval_seconds: u64,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Connected {
    /// The address that accepted the connection.
    address: String,
}

pub(super) async fn wait(_: Arc<LocalSettings>, context: StepContext, input: WaitForTcp) -> StepResult<Connected> {
    let connect = TcpStream::connect((input.host.as_str(), input.port));
    let reason = match within(&context, "no answer", connect).await {
        Ok(Ok(stream)) => {
            let address = stream.peer_addr().map_or_else(|_| input.host.clone(), |address| address.to_string());
            return Ok(Answer::done(Connected { address }));
        }
        Ok(Err(error)) => error.to_string(),
        Err(reason) => reason,
    };
    not_yet(&context, reason, input.interval_seconds)
}
