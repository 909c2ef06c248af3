//! Streams what the programs of an execution print while they run.

use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use super::ExecutionIdRequest;
use crate::{Api, Fault, StreamOperation};

/// A line that a running program printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramLine {
    /// The execution's id.
    pub execution: String,
    /// The path of the Task.
    pub state_path: String,
    /// The attempt within the visit, from 1.
    pub attempt: u32,
    /// Whether it was printed on standard error.
    pub is_error: bool,
    /// The line without its end.
    pub text: String,
}

/// Streams every line that the programs of an execution print from now on. Lines are not stored; a slow follower loses
/// the oldest.
pub struct FollowProgramLines;

impl StreamOperation for FollowProgramLines {
    const NAME: &'static str = "Flow.FollowProgramLines";
    type Request = ExecutionIdRequest;
    type Item = ProgramLine;

    fn answer(api: &Api, request: ExecutionIdRequest) -> BoxStream<'static, Result<ProgramLine, Fault>> {
        let lines = api.options.host.follow_program_lines();
        let of_this = move |line: &ProgramLine| std::future::ready(line.execution == request.id);
        lines.filter(of_this).map(Ok).boxed()
    }
}
