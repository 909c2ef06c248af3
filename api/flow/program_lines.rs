//! Streams what the programs of an execution print while they run.

use futures::{StreamExt, stream::BoxStream};

use super::ExecutionIdRequest;
use crate::{Api, Fault, ProgramLine, StreamOperation};

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
