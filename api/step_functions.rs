//! The complete list of the operations of Step Functions' API (Step Functions API Reference, "Actions").

use serde_json::Value;

use crate::{
    Answer, Api, Fault, Operation, activities, aliases, definition, executions, history, map_runs, request,
    state_machines, tags, tasks, test_state, versions,
};

macro_rules! operations {
    ($($name:ident: $request:ty => |$api:ident, $input:ident| $answer:expr;)*) => {
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

        /// The targets of all operations.
        #[cfg(test)]
        pub(crate) const NAMES: &[&str] = &[$($name::NAME),*];

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

operations! {
    CreateStateMachine: state_machines::CreateStateMachineRequest => |api, request| api.create_state_machine(request).await;
    UpdateStateMachine: state_machines::UpdateStateMachineRequest => |api, request| api.update_state_machine(request).await;
    DescribeStateMachine: state_machines::StateMachineRequest => |api, request| api.describe_state_machine(&request);
    ListStateMachines: request::Page => |api, request| api.list_state_machines(&request);
    DeleteStateMachine: state_machines::StateMachineRequest => |api, request| api.delete_state_machine(request).await;
    ValidateStateMachineDefinition: definition::ValidateRequest => |api, request| api.validate(&request);
    PublishStateMachineVersion: versions::PublishVersionRequest => |api, request| api.publish_version(request).await;
    DeleteStateMachineVersion: versions::DeleteVersionRequest => |api, request| api.delete_version(request).await;
    ListStateMachineVersions: versions::ListVersionsRequest => |api, request| api.list_versions(&request);
    CreateStateMachineAlias: aliases::CreateAliasRequest => |api, request| api.create_alias(request).await;
    UpdateStateMachineAlias: aliases::UpdateAliasRequest => |api, request| api.update_alias(request).await;
    DescribeStateMachineAlias: aliases::AliasRequest => |api, request| api.describe_alias(&request);
    DeleteStateMachineAlias: aliases::AliasRequest => |api, request| api.delete_alias(request).await;
    ListStateMachineAliases: versions::ListVersionsRequest => |api, request| api.list_aliases(&request);
    CreateActivity: activities::CreateActivityRequest => |api, request| api.create_activity(request).await;
    DescribeActivity: activities::ActivityRequest => |api, request| api.describe_activity(&request);
    ListActivities: request::Page => |api, request| api.list_activities(&request);
    DeleteActivity: activities::ActivityRequest => |api, request| api.delete_activity(request).await;
    TagResource: tags::TagRequest => |api, request| api.tag(request).await;
    UntagResource: tags::UntagRequest => |api, request| api.untag(request).await;
    ListTagsForResource: tags::ListTagsRequest => |api, request| api.list_tags(&request);
    StartExecution: executions::StartRequest => |api, request| api.start_execution(request).await;
    StartSyncExecution: executions::StartRequest => |api, request| api.start_sync_execution(request).await;
    StopExecution: executions::StopRequest => |api, request| api.stop_execution(request).await;
    RedriveExecution: executions::RedriveRequest => |api, request| api.redrive_execution(request).await;
    DescribeExecution: executions::ExecutionRequest => |api, request| api.describe_execution(&request);
    DescribeStateMachineForExecution: executions::ExecutionRequest => |api, request| api.describe_for_execution(&request);
    ListExecutions: executions::ListExecutionsRequest => |api, request| api.list_executions(&request);
    GetExecutionHistory: history::HistoryRequest => |api, request| api.execution_history(&request);
    GetActivityTask: tasks::ActivityTaskRequest => |api, request| api.get_activity_task(request).await;
    SendTaskSuccess: tasks::TaskSuccessRequest => |api, request| api.send_task_success(request).await;
    SendTaskFailure: tasks::TaskFailureRequest => |api, request| api.send_task_failure(request).await;
    SendTaskHeartbeat: tasks::TaskHeartbeatRequest => |api, request| api.send_task_heartbeat(request).await;
    TestState: test_state::TestState => |api, request| api.test_state(request).await;
    ListMapRuns: map_runs::ListMapRunsRequest => |api, request| api.list_map_runs(&request);
    DescribeMapRun: map_runs::MapRunRequest => |api, request| api.describe_map_run(&request);
    UpdateMapRun: map_runs::UpdateMapRunRequest => |api, request| api.update_map_run(request).await;
}
