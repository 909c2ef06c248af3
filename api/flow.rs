//! Flow's own operations: they are not part of Step Functions' API. The command line and other clients of an owner call them.

mod ahead;
mod approval;
mod before_driving;
mod cancel;
mod describe;
mod end_polls;
mod entries;
mod export;
mod find;
mod list;
mod missing_activities;
mod needs;
mod owner;
mod people;
mod program_lines;
mod prune;
mod reentry;
mod resume;
mod shown;
mod signal;
mod start;
mod time_left;
mod track;
mod unanswerable;
mod verify_environment;
mod verify_store;
mod waiting_tasks;

use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;

use crate::{Access, Api, Cost, Fault, Operation, OperationInfo, StreamOperation};

pub use ahead::can_execute;
pub use approval::{
    APPROVAL, AnswerApproval, AnswerApprovalRequest, AnswerApprovalResponse, AnswerWithToken, AnswerWithTokenRequest,
    ApprovalAnswer, Decision, NEEDS_TOKEN, NOT_ALLOWED, Proof, approval_of, outcome_of, refuse_malformed,
};
pub use cancel::{CallInFlight, CancelExecution, CancelExecutionRequest, CancelExecutionResponse};
pub use describe::{DescribeExecution, DescribeExecutionRequest, DescribeExecutionResponse};
pub use end_polls::{EndPolls, EndPollsRequest};
pub use entries::{EntriesRequest, EntriesResponse, FollowExecution, GetEntries};
pub use export::{ExportExecutions, ExportItem, ExportRequest, export_lines};
pub use find::{FindExecutions, FindRequest, FindResponse, LATEST};
pub use list::{LeftOut, ListExecutions, ListRequest, ListResponse};
pub use missing_activities::{FindMissingActivities, MissingActivitiesRequest, MissingActivitiesResponse};
pub use needs::{Answerer, DueWork, Needs, NextDue};
pub use owner::{DescribeOwner, DescribeOwnerRequest};
pub use people::{ListPersonTasks, ListPersonTasksRequest, ListPersonTasksResponse, PersonTask, SearchedPart};
pub use program_lines::FollowProgramLines;
pub use prune::{PruneExecutions, PruneRequest, PruneResponse};
pub use reentry::{PlanReentry, PlanReentryRequest, PlanReentryResponse, RepeatedCall};
pub use resume::{ExecutionIdRequest, RecoverExecution, ResumeExecution, ResumeRequest, ResumeResponse};
pub use shown::{MarkShown, MarkShownRequest};
pub use signal::{SignalTask, SignalTaskRequest, TaskOutcome};
pub use start::{NAME_CHARACTERS_MAX, StartExecution, StartExecutionRequest, id_problem, state_machine_name};
pub use time_left::{EstimateTimeLeft, EstimateTimeLeftResponse};
pub use track::{TrackUnfinished, TrackUnfinishedRequest, TrackUnfinishedResponse};
pub use unanswerable::{has_timed_out, moment, was_answered};
pub use verify_environment::{VerifyEnvironment, VerifyEnvironmentRequest};
pub use verify_store::{StoreFindings, VerifyStore, VerifyStoreRequest};

/// The answer of an operation, as JSON.
pub enum Reply {
    /// One response, or a fault.
    One(Result<Value, Fault>),
    /// Items, the last of which may be a fault.
    Many(BoxStream<'static, Result<Value, Fault>>),
}

/// An empty response.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Empty {}

macro_rules! operations {
    (
        one { $($one:ident: $one_access:ident, $one_cost:ident;)* }
        many { $($many:ident: $many_access:ident, $many_cost:ident;)* }
    ) => {
        /// All operations of flow.
        pub const OPERATIONS: &[OperationInfo] = &[
            $(OperationInfo { target: <$one as Operation>::NAME, access: Access::$one_access, cost: Cost::$one_cost },)*
            $(OperationInfo {
                target: <$many as StreamOperation>::NAME,
                access: Access::$many_access,
                cost: Cost::$many_cost,
            },)*
        ];

        /// Answers the operation of a target; `None` if no operation has that name.
        pub async fn answer(api: &Api, target: &str, body: &[u8]) -> Option<Reply> {
            match target {
                $(<$one as Operation>::NAME => Some(Reply::One(one::<$one>(api, body).await)),)*
                $(<$many as StreamOperation>::NAME => Some(Reply::Many(many::<$many>(api, body))),)*
                _ => None,
            }
        }
    };
}

// Each operation with its `Access` and its `Cost`: those of `one` answer once, those of `many` stream items.
operations! {
    one {
        AnswerApproval: SocketOnly, Short;
        AnswerWithToken: WithSecret, Short;
        CancelExecution: WithSecret, Short;
        DescribeExecution: WithSecret, Short;
        DescribeOwner: WithSecret, Short;
        EndPolls: WithoutSecret, Short;
        EstimateTimeLeft: WithSecret, LongRead;
        FindExecutions: WithSecret, LongRead;
        FindMissingActivities: WithSecret, Short;
        GetEntries: WithSecret, LongRead;
        ListExecutions: WithSecret, LongRead;
        ListPersonTasks: WithSecret, LongRead;
        MarkShown: SocketOnly, Short;
        PlanReentry: WithSecret, LongRead;
        RecoverExecution: WithSecret, Short;
        ResumeExecution: SocketOnly, Short;
        SignalTask: SocketOnly, Short;
        StartExecution: SocketOnly, Short;
        TrackUnfinished: SocketOnly, Short;
    }
    many {
        ExportExecutions: WithSecret, LongRead;
        FollowExecution: WithSecret, Short;
        FollowProgramLines: WithSecret, Short;
        PruneExecutions: SocketOnly, Short;
        VerifyEnvironment: SocketOnly, Short;
        VerifyStore: WithSecret, Short;
    }
}

async fn one<O: Operation>(api: &Api, body: &[u8]) -> Result<Value, Fault> {
    let request = read(body)?;
    let response = O::answer(api, request).await?;
    serde_json::to_value(response).map_err(Fault::internal)
}

fn many<O: StreamOperation>(api: &Api, body: &[u8]) -> BoxStream<'static, Result<Value, Fault>> {
    let request = match read(body) {
        Ok(request) => request,
        Err(fault) => return futures::stream::once(async { Err(fault) }).boxed(),
    };
    let value =
        |item: Result<O::Item, Fault>| item.and_then(|item| serde_json::to_value(item).map_err(Fault::internal));
    O::answer(api, request).map(value).boxed()
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Fault::new("SerializationException", error.to_string()))
}
