//! Waits for instances.

use std::{sync::Arc, time::Duration};

use aws_sdk_ec2::types::{Instance, InstanceStateName, InstanceStatusSummary, SummaryStatus};
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Serialize;

use super::instance::InstanceId;
use crate::{
    Environment, Nothing,
    failure::{failure_for, poll_again_or},
    outcome::of_deletion,
};

/// The usual time of the status checks: two to five minutes.
const TYPICAL_CHECKS: Duration = Duration::from_secs(180);
/// The time for which EC2 may list an instance as stopped after it was started (EC2 API Reference, "Eventual consistency").
const START_LISTED_WITHIN: Duration = Duration::from_secs(60);
/// The usual time in which an instance starts or stops: ten to forty seconds.
const TYPICAL_CHANGE: Duration = Duration::from_secs(25);

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:waitForInstanceRunning",
        "Waits until the instance runs and has a public address.",
        ["ec2:DescribeInstances"],
        wait_for_instance_running
    );
    step!(
        registry,
        environment,
        "ec2:waitForInstanceStatus",
        "Waits until EC2's two status checks of the instance pass.",
        ["ec2:DescribeInstanceStatus"],
        wait_for_instance_status
    );
    step!(
        registry,
        environment,
        "ec2:waitForInstanceTerminated",
        "Waits until the instance is terminated.",
        ["ec2:DescribeInstances"],
        wait_for_instance_terminated
    );
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RunningInstance {
    instance_id: String,
    public_ip: String,
    private_ip: String,
}

async fn wait_for_instance_running(
    environment: Arc<Environment>,
    context: StepContext,
    input: InstanceId,
) -> StepResult<RunningInstance> {
    if let Some(later) = context.first_poll_after(&input.instance_id, TYPICAL_CHANGE) {
        return Ok(Answer::pending("pending", later));
    }
    let instance = match find_instance(&environment, &context, &input.instance_id).await {
        Ok(instance) => instance,
        Err(error) => return poll_again_or(error, &context),
    };
    let interval = interval(&context);
    let Some(instance) = instance else { return Ok(Answer::pending("pending", interval)) };
    match instance.state().and_then(|state| state.name()) {
        Some(InstanceStateName::Running) => match (instance.public_ip_address(), instance.private_ip_address()) {
            (Some(public_ip), private_ip) => Ok(Answer::done(RunningInstance {
                instance_id: input.instance_id,
                public_ip: public_ip.to_owned(),
                private_ip: private_ip.unwrap_or_default().to_owned(),
            })),
            (None, _) => Ok(Answer::pending("running, no public address yet", interval)),
        },
        Some(InstanceStateName::Pending) | None => Ok(Answer::pending("pending", interval)),
        Some(state) if may_have_been_started(&context, state) => Ok(Answer::pending(state.as_str(), interval)),
        Some(state) => Err(not_alive(&instance, state)),
    }
}

async fn wait_for_instance_status(
    environment: Arc<Environment>,
    context: StepContext,
    input: InstanceId,
) -> StepResult<InstanceId> {
    if let Some(later) = context.first_poll_after(&input.instance_id, TYPICAL_CHECKS) {
        return Ok(Answer::pending("initializing", later));
    }
    let call = environment.ec2_reads().describe_instance_status().instance_ids(&input.instance_id);
    let answer = match call.include_all_instances(true).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failure = failure_for(&context, &input.instance_id, "ec2:DescribeInstanceStatus", error);
            return poll_again_or(failure, &context);
        }
    };
    let interval = context.poll_towards(TYPICAL_CHECKS);
    let Some(status) = answer.instance_statuses().first() else {
        return Ok(Answer::pending("initializing", interval));
    };
    match status.instance_state().and_then(|state| state.name()) {
        Some(InstanceStateName::Running | InstanceStateName::Pending) | None => {}
        Some(state) if may_have_been_started(&context, state) => return Ok(Answer::pending(state.as_str(), interval)),
        Some(state) => {
            let found = find_instance(&environment, &context, &input.instance_id).await.ok().flatten();
            return Err(not_alive(&found.unwrap_or_else(|| Instance::builder().build()), state));
        }
    }
    let (system, instance) = (summary(status.system_status()), summary(status.instance_status()));
    match (&system, &instance) {
        (SummaryStatus::Ok, SummaryStatus::Ok) => Ok(Answer::done(input)),
        (SummaryStatus::Ok, other) | (other, _) => Ok(Answer::pending(other.as_str(), interval)),
    }
}

fn summary(status: Option<&InstanceStatusSummary>) -> SummaryStatus {
    status.and_then(|status| status.status().cloned()).unwrap_or(SummaryStatus::Initializing)
}

async fn wait_for_instance_terminated(
    environment: Arc<Environment>,
    context: StepContext,
    input: InstanceId,
) -> StepResult<Nothing> {
    let context = of_deletion(context);
    let instance = match find_instance(&environment, &context, &input.instance_id).await {
        Ok(instance) => instance,
        Err(error) if error.class == ErrorClass::NotFound => None,
        Err(error) => return poll_again_or(error, &context),
    };
    match instance.as_ref().and_then(Instance::state).and_then(|state| state.name()) {
        None | Some(InstanceStateName::Terminated) => Ok(Answer::done(Nothing {})),
        Some(state) => Ok(Answer::pending(state.as_str(), interval(&context))),
    }
}

fn interval(context: &StepContext) -> Duration {
    context.poll_towards(TYPICAL_CHANGE)
}

/// The instance with this id, in any state.
pub(super) async fn find_instance(
    environment: &Environment,
    context: &StepContext,
    instance_id: &str,
) -> Result<Option<Instance>, StepError> {
    let answer = environment.ec2_reads().describe_instances().instance_ids(instance_id).send().await;
    let answer = answer.map_err(|error| failure_for(context, instance_id, "ec2:DescribeInstances", error))?;
    let reservations = answer.reservations.unwrap_or_default();
    Ok(reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).next())
}

/// Whether an instance in this state may have been started, and EC2 does not list that yet.
fn may_have_been_started(context: &StepContext, state: &InstanceStateName) -> bool {
    let waited = Duration::from_millis(context.now_ms.saturating_sub(context.first_poll_ms));
    matches!(state, InstanceStateName::Stopped | InstanceStateName::Stopping) && waited < START_LISTED_WITHIN
}

/// The failure of an instance that will not start without intervention.
fn not_alive(instance: &Instance, state: &InstanceStateName) -> StepError {
    let id = instance.instance_id().unwrap_or("the instance");
    let reason = instance
        .state_reason()
        .and_then(|reason| reason.message())
        .or(instance.state_transition_reason())
        .filter(|reason| !reason.is_empty())
        .unwrap_or("EC2 gives no reason");
    let error = StepError::new(ErrorClass::Failed, format!("{id} is {state}: {reason}"));
    match state {
        InstanceStateName::Stopped | InstanceStateName::Stopping => {
            error.hint(format!("Start it:   aws ec2 start-instances --instance-ids {id}"))
        }
        _ => error.hint_of_new_execution("Run again: a new instance is started in its place."),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::StateReason;
    use engine::step::StepRemedy;

    use super::*;
    use crate::test_server::{TestServer, environment};

    #[tokio::test]
    async fn the_termination_of_an_instance_that_this_execution_created_ends() {
        let missing = "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>none</Message></Error>\
                       </Errors><RequestID>r</RequestID></Response>";
        let server = TestServer::start((400, "content-type: text/xml\r\n", missing)).await;
        let mut context = StepContext::for_test("Wait");
        context.created = Arc::new([("i-0a1b2c3d".to_owned(), 0)].into());
        let input = InstanceId { instance_id: "i-0a1b2c3d".to_owned() };
        let waited = wait_for_instance_terminated(Arc::new(environment(&server)), context, input).await;
        assert!(matches!(waited, Ok(Answer::Done(_))));
    }

    #[test]
    fn a_stopped_instance_is_waited_for_only_while_its_start_may_not_be_listed() {
        let mut context = StepContext::for_test("Wait");
        assert!(may_have_been_started(&context, &InstanceStateName::Stopped));
        assert!(!may_have_been_started(&context, &InstanceStateName::Terminated));
        context.now_ms = context.first_poll_ms + 60_000;
        assert!(!may_have_been_started(&context, &InstanceStateName::Stopped));
        let error = not_alive(&Instance::builder().instance_id("i-1").build(), &InstanceStateName::Stopped);
        assert!(error.hint.unwrap_or_default().contains("aws ec2 start-instances --instance-ids i-1"));
    }

    #[test]
    fn a_terminated_instance_says_why() {
        let reason = StateReason::builder().message("Client.VolumeLimitExceeded: too many volumes").build();
        let instance = Instance::builder().instance_id("i-1").state_reason(reason).build();
        let error = not_alive(&instance, &InstanceStateName::Terminated);
        assert_eq!(error.class, ErrorClass::Failed);
        assert_eq!(error.cause, "i-1 is terminated: Client.VolumeLimitExceeded: too many volumes");
        assert_eq!(error.remedy, Some(StepRemedy::NewExecution));
    }
}
