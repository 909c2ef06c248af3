//! The complete list of the operations of Step Functions' API (Step Functions API Reference, "Actions").

use serde_json::Value;

use crate::{
    Access, Answer, Api, Cost, Fault, Operation, OperationInfo, activities, aliases, definition, executions, history,
    map_runs, request, state_machines, tags, tasks, test_state, versions,
};

macro_rules! operations {
    ($($name:ident: $request:ty, $cost:ident => |$api:ident, $input:ident| $answer:expr;)*) => {
        $(
            pub(crate) struct $name;

            impl Operation for $name {
                const NAME: &'static str = concat!("AWSStepFunctions.", stringify!($name));
                type Request = $request;
                type Response = Value;

                async fn answer($api: &Api, $input: $request) -> Answer {
                    $answer
                }
            }
        )*

        /// All operations of Step Functions.
        pub(crate) const OPERATIONS: &[OperationInfo] =
            &[$(OperationInfo { target: $name::NAME, access: Access::WithoutSecret, cost: Cost::$cost }),*];

        /// Answers an operation by its name.
        pub(crate) async fn answer(api: &Api, operation: &str, input: &[u8]) -> Answer {
            match operation {
                $(stringify!($name) => checked::<$name>(api, input).await,)*
                other => Err(Fault::new("UnknownOperationException", format!("There is no operation named {other}."))),
            }
        }
    };
}

/// Answers a request from the wire after validating its members.
pub(crate) async fn checked<O: Operation<Response = Value>>(api: &Api, input: &[u8]) -> Answer {
    let name = O::NAME.strip_prefix(crate::TARGET_PREFIX).unwrap_or(O::NAME);
    O::answer(api, request::read(request::checked(name, input)?)?).await
}

// Each operation with its request and its `Cost`.
operations! {
    CreateStateMachine: state_machines::CreateStateMachineRequest, Short => |api, request| api.create_state_machine(request).await;
    UpdateStateMachine: state_machines::UpdateStateMachineRequest, Short => |api, request| api.update_state_machine(request).await;
    DescribeStateMachine: state_machines::StateMachineRequest, Short => |api, request| api.describe_state_machine(&request);
    ListStateMachines: request::Page, LongRead => |api, request| api.list_state_machines(&request);
    DeleteStateMachine: state_machines::StateMachineRequest, Short => |api, request| api.delete_state_machine(request).await;
    ValidateStateMachineDefinition: definition::ValidateRequest, LongRead => |api, request| api.validate(&request);
    PublishStateMachineVersion: versions::PublishVersionRequest, Short => |api, request| api.publish_version(request).await;
    DeleteStateMachineVersion: versions::DeleteVersionRequest, Short => |api, request| api.delete_version(request).await;
    ListStateMachineVersions: versions::ListVersionsRequest, LongRead => |api, request| api.list_versions(&request);
    CreateStateMachineAlias: aliases::CreateAliasRequest, Short => |api, request| api.create_alias(request).await;
    UpdateStateMachineAlias: aliases::UpdateAliasRequest, Short => |api, request| api.update_alias(request).await;
    DescribeStateMachineAlias: aliases::AliasRequest, Short => |api, request| api.describe_alias(&request);
    DeleteStateMachineAlias: aliases::AliasRequest, Short => |api, request| api.delete_alias(request).await;
    ListStateMachineAliases: versions::ListVersionsRequest, LongRead => |api, request| api.list_aliases(&request);
    CreateActivity: activities::CreateActivityRequest, Short => |api, request| api.create_activity(request).await;
    DescribeActivity: activities::ActivityRequest, Short => |api, request| api.describe_activity(&request);
    ListActivities: request::Page, LongRead => |api, request| api.list_activities(&request);
    DeleteActivity: activities::ActivityRequest, Short => |api, request| api.delete_activity(request).await;
    TagResource: tags::TagRequest, Short => |api, request| api.tag(request).await;
    UntagResource: tags::UntagRequest, Short => |api, request| api.untag(request).await;
    ListTagsForResource: tags::ListTagsRequest, LongRead => |api, request| api.list_tags(&request);
    StartExecution: executions::StartRequest, Short => |api, request| api.start_execution(request).await;
    StartSyncExecution: executions::StartRequest, Short => |api, request| api.start_sync_execution(request).await;
    StopExecution: executions::StopRequest, Short => |api, request| api.stop_execution(request).await;
    RedriveExecution: executions::RedriveRequest, Short => |api, request| api.redrive_execution(request).await;
    DescribeExecution: executions::ExecutionRequest, Short => |api, request| api.describe_execution(&request);
    DescribeStateMachineForExecution: executions::ExecutionRequest, Short => |api, request| api.describe_for_execution(&request);
    ListExecutions: executions::ListExecutionsRequest, LongRead => |api, request| api.list_executions(&request);
    GetExecutionHistory: history::HistoryRequest, LongRead => |api, request| api.execution_history(&request);
    GetActivityTask: tasks::ActivityTaskRequest, Short => |api, request| api.get_activity_task(request).await;
    SendTaskSuccess: tasks::TaskSuccessRequest, Short => |api, request| api.send_task_success(request).await;
    SendTaskFailure: tasks::TaskFailureRequest, Short => |api, request| api.send_task_failure(request).await;
    SendTaskHeartbeat: tasks::TaskHeartbeatRequest, Short => |api, request| api.send_task_heartbeat(request).await;
    TestState: test_state::TestState, Short => |api, request| api.test_state(request).await;
    ListMapRuns: map_runs::ListMapRunsRequest, LongRead => |api, request| api.list_map_runs(&request);
    DescribeMapRun: map_runs::MapRunRequest, Short => |api, request| api.describe_map_run(&request);
    UpdateMapRun: map_runs::UpdateMapRunRequest, Short => |api, request| api.update_map_run(request).await;
}
