//! The AWS Step Functions API over the engine: an operation's name and its JSON go in, JSON or a fault comes out. Transport,
//! credentials and addresses are the caller's. Source of every shape: Step Functions API Reference, version 2016-11-23.

mod activities;
mod adoption;
mod aliases;
mod arn;
mod definition;
mod deletion;
mod executions;
mod fault;
mod history;
mod integrations;
mod locks;
mod malformed;
mod map_runs;
mod paging;
mod records;
mod request;
mod state_machines;
mod tags;
mod tasks;
mod test_state;
#[cfg(test)]
mod tests;
mod variables;
mod versions;
mod workflow;

use std::sync::OnceLock;

use engine::runner::RunnerHandle;
use serde_json::Value;
use tokio::sync::Mutex;

pub use fault::Fault;
pub use integrations::INTEGRATIONS;
pub use records::documents_of;
pub use workflow::{WorkflowStart, state_machine_name};

/// What the names of `X-Amz-Target` begin with.
pub const TARGET_PREFIX: &str = "AWSStepFunctions.";

/// Where the resources of this API are said to be.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// The region in ARNs, such as `us-east-1`.
    pub region: String,
    /// The account in ARNs, 12 digits.
    pub account_id: String,
    /// Where executions that are started here act; see [`engine::step::Registries`].
    pub environment: Value,
}

/// The operations.
pub struct Api {
    runner: RunnerHandle,
    options: ApiOptions,
    /// Held by whoever reads documents in order to change them.
    changing: Mutex<()>,
    /// Held by whoever starts or redrives the execution of a name.
    starting: locks::Locks,
    /// Whether there is a step for a `Resource`.
    has_step: OnceLock<Box<HasStep>>,
}

type HasStep = dyn Fn(&str) -> bool + Send + Sync;

type Answer = Result<Value, Fault>;

impl Api {
    /// The API over a runner and its store.
    pub fn new(runner: RunnerHandle, options: ApiOptions) -> Self {
        let store = runner.shared_store();
        runner.know_activities(move |arn| activities::exists(&store, arn));
        let (changing, starting, has_step) = (Mutex::default(), locks::Locks::default(), OnceLock::new());
        Api { runner, options, changing, starting, has_step }
    }

    /// Names the steps that there are, so that ValidateStateMachineDefinition warns of integrations that nothing here makes. The first
    /// call counts.
    pub fn know_steps(&self, has_step: impl Fn(&str) -> bool + Send + Sync + 'static) {
        let _ = self.has_step.set(Box::new(has_step));
    }

    /// Carries out an operation, named without the prefix of its target.
    ///
    /// # Errors
    /// The fault that AWS would answer with.
    pub async fn call(&self, operation: &str, input: &[u8]) -> Answer {
        let input = &request::checked(operation, input)?;
        match operation {
            "CreateStateMachine" => self.create_state_machine(request::read(input)?).await,
            "UpdateStateMachine" => self.update_state_machine(request::read(input)?).await,
            "DescribeStateMachine" => self.describe_state_machine(&request::read(input)?),
            "ListStateMachines" => self.list_state_machines(&request::read(input)?),
            "DeleteStateMachine" => self.delete_state_machine(request::read(input)?).await,
            "ValidateStateMachineDefinition" => self.validate(&request::read(input)?),
            "PublishStateMachineVersion" => self.publish_version(request::read(input)?).await,
            "DeleteStateMachineVersion" => self.delete_version(request::read(input)?).await,
            "ListStateMachineVersions" => self.list_versions(&request::read(input)?),
            "CreateStateMachineAlias" => self.create_alias(request::read(input)?).await,
            "UpdateStateMachineAlias" => self.update_alias(request::read(input)?).await,
            "DescribeStateMachineAlias" => self.describe_alias(&request::read(input)?),
            "DeleteStateMachineAlias" => self.delete_alias(request::read(input)?).await,
            "ListStateMachineAliases" => self.list_aliases(&request::read(input)?),
            "CreateActivity" => self.create_activity(request::read(input)?).await,
            "DescribeActivity" => self.describe_activity(&request::read(input)?),
            "ListActivities" => self.list_activities(&request::read(input)?),
            "DeleteActivity" => self.delete_activity(request::read(input)?).await,
            "TagResource" => self.tag(request::read(input)?).await,
            "UntagResource" => self.untag(request::read(input)?).await,
            "ListTagsForResource" => self.list_tags(&request::read(input)?),
            _ => self.call_execution(operation, input).await,
        }
    }

    async fn call_execution(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "StartExecution" => self.start_execution(request::read(input)?).await,
            "StartSyncExecution" => self.start_sync_execution(request::read(input)?).await,
            "StopExecution" => self.stop_execution(request::read(input)?).await,
            "RedriveExecution" => self.redrive_execution(request::read(input)?).await,
            "DescribeExecution" => self.describe_execution(&request::read(input)?),
            "DescribeStateMachineForExecution" => self.describe_for_execution(&request::read(input)?),
            "ListExecutions" => self.list_executions(&request::read(input)?),
            "GetExecutionHistory" => self.execution_history(&request::read(input)?),
            "GetActivityTask" => self.get_activity_task(request::read(input)?).await,
            "SendTaskSuccess" => self.send_task_success(request::read(input)?).await,
            "SendTaskFailure" => self.send_task_failure(request::read(input)?).await,
            "SendTaskHeartbeat" => self.send_task_heartbeat(request::read(input)?).await,
            "TestState" => self.test_state(request::read(input)?).await,
            "ListMapRuns" => self.list_map_runs(&request::read(input)?),
            "DescribeMapRun" => self.describe_map_run(&request::read(input)?),
            "UpdateMapRun" => self.update_map_run(request::read(input)?).await,
            other => Err(Fault::new("UnknownOperationException", format!("There is no operation named {other}."))),
        }
    }
}
