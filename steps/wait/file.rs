//! Waits for a file.

use std::sync::Arc;

use engine::step::{Answer, StepContext, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::not_yet;
use crate::{file, local_settings::LocalSettings};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WaitForFile {
    /// The file's path below the folder in FLOW_FILES.
    path: String,
    /// Waits until the file does not exist.
    #[serde(default)]
    gone: bool,
    /// Seconds between two polls, 1 to 3600; default 10.
    #[serde(default = "super::interval_default")]
    #[schemars(range(min = 1, max = 3600))]
    interval_seconds: u64,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Seen {
    path: String,
    /// The file's size in bytes; 0 if it does not exist.
    bytes: u64,
}

pub(super) async fn wait(settings: Arc<LocalSettings>, context: StepContext, input: WaitForFile) -> StepResult<Seen> {
    let bytes = file::length(&settings, &context.execution, &input.path).await?;
    let reason = match (bytes, input.gone) {
        (Some(bytes), false) => return Ok(Answer::done(Seen { path: input.path, bytes })),
        (None, true) => return Ok(Answer::done(Seen { path: input.path, bytes: 0 })),
        (Some(_), true) => "the file exists",
        (None, false) => "no such file",
    };
    not_yet(&context, reason.to_owned(), input.interval_seconds)
}
