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
    CreateStateMachine: state_machines::Create => |api, request| api.create_state_machine(request).await;
    UpdateStateMachine: state_machines::Update => |api, request| api.update_state_machine(request).await;
    DescribeStateMachine: state_machines::Named => |api, request| api.describe_state_machine(&request);
    ListStateMachines: request::Page => |api, request| api.list_state_machines(&request);
    DeleteStateMachine: state_machines::Named => |api, request| api.delete_state_machine(request).await;
    ValidateStateMachineDefinition: definition::Validate => |api, request| api.validate(&request);
    PublishStateMachineVersion: versions::Publish => |api, request| api.publish_version(request).await;
    DeleteStateMachineVersion: versions::Delete => |api, request| api.delete_version(request).await;
    ListStateMachineVersions: versions::List => |api, request| api.list_versions(&request);
    CreateStateMachineAlias: aliases::Create => |api, request| api.create_alias(request).await;
    UpdateStateMachineAlias: aliases::Update => |api, request| api.update_alias(request).await;
    DescribeStateMachineAlias: aliases::Named => |api, request| api.describe_alias(&request);
    DeleteStateMachineAlias: aliases::Named => |api, request| api.delete_alias(request).await;
    ListStateMachineAliases: versions::List => |api, request| api.list_aliases(&request);
    CreateActivity: activities::Create => |api, request| api.create_activity(request).await;
    DescribeActivity: activities::Named => |api, request| api.describe_activity(&request);
    ListActivities: request::Page => |api, request| api.list_activities(&request);
    DeleteActivity: activities::Named => |api, request| api.delete_activity(request).await;
    TagResource: tags::TagRequest => |api, request| api.tag(request).await;
    UntagResource: tags::UntagRequest => |api, request| api.untag(request).await;
    ListTagsForResource: tags::ListRequest => |api, request| api.list_tags(&request);
    StartExecution: executions::Start => |api, request| api.start_execution(request).await;
    StartSyncExecution: executions::Start => |api, request| api.start_sync_execution(request).await;
    StopExecution: executions::Stop => |api, request| api.stop_execution(request).await;
    RedriveExecution: executions::RedriveRequest => |api, request| api.redrive_execution(request).await;
    DescribeExecution: executions::Named => |api, request| api.describe_execution(&request);
    DescribeStateMachineForExecution: executions::Named => |api, request| api.describe_for_execution(&request);
    ListExecutions: executions::List => |api, request| api.list_executions(&request);
    GetExecutionHistory: history::History => |api, request| api.execution_history(&request);
    GetActivityTask: tasks::Get => |api, request| api.get_activity_task(request).await;
    SendTaskSuccess: tasks::Success => |api, request| api.send_task_success(request).await;
    SendTaskFailure: tasks::Failure => |api, request| api.send_task_failure(request).await;
    SendTaskHeartbeat: tasks::Heartbeat => |api, request| api.send_task_heartbeat(request).await;
    TestState: test_state::TestState => |api, request| api.test_state(request).await;
    ListMapRuns: map_runs::List => |api, request| api.list_map_runs(&request);
    DescribeMapRun: map_runs::Named => |api, request| api.describe_map_run(&request);
    UpdateMapRun: map_runs::Update => |api, request| api.update_map_run(request).await;
}
