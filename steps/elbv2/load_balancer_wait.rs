//! Waits for the load balancer.

use std::{sync::Arc, time::Duration};

use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, LoadBalancerStateEnum};
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};

use super::load_balancer::{LoadBalancerArn, find_by_arn};
use crate::{
    Environment, Nothing,
    failure::{failure, poll_again_or},
    outcome::{nothing_to_do, of_deletion},
};

/// The usual time until a load balancer is active: one to four minutes.
const TYPICAL_PROVISIONING: Duration = Duration::from_secs(150);

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "elbv2:waitForLoadBalancer",
        "Waits until the load balancer is active.",
        ["elasticloadbalancing:DescribeLoadBalancers"],
        wait_for_load_balancer
    );
    step!(
        registry,
        environment,
        "elbv2:waitForLoadBalancerDeleted",
        "Waits until the load balancer and its network interfaces are gone.",
        ["elasticloadbalancing:DescribeLoadBalancers", "ec2:DescribeNetworkInterfaces"],
        wait_for_load_balancer_deleted
    );
}

fn interval(context: &StepContext) -> Duration {
    context.poll_towards(TYPICAL_PROVISIONING)
}

async fn wait_for_load_balancer(
    environment: Arc<Environment>,
    context: StepContext,
    input: LoadBalancerArn,
) -> StepResult<LoadBalancerArn> {
    if let Some(later) = context.first_poll_after(&input.load_balancer_arn, TYPICAL_PROVISIONING) {
        return Ok(Answer::pending("provisioning", later));
    }
    let balancer = match find_by_arn(&environment, &context, &input.load_balancer_arn).await {
        Ok(Some(balancer)) => balancer,
        Ok(None) => {
            let cause = format!("there is no load balancer {}", input.load_balancer_arn);
            return Err(
                StepError::new(ErrorClass::NotFound, cause).during("elasticloadbalancing:DescribeLoadBalancers")
            );
        }
        Err(error) => return poll_again_or(error, &context),
    };
    match state(&balancer) {
        (Some(LoadBalancerStateEnum::Active), _) => Ok(Answer::done(input)),
        // It serves traffic while it adds capacity.
        (Some(LoadBalancerStateEnum::ActiveImpaired), _) => Ok(Answer::done(input)),
        (Some(LoadBalancerStateEnum::Failed), reason) => {
            let reason = reason.unwrap_or("AWS gives no reason");
            let cause = format!("the load balancer failed: {reason}");
            let error = StepError::new(ErrorClass::Failed, cause);
            Err(error.hint_of_new_execution("Delete the load balancer and run again."))
        }
        (state, _) => {
            let word = state.map_or("provisioning", LoadBalancerStateEnum::as_str);
            Ok(Answer::pending(word, interval(&context)))
        }
    }
}

fn state(balancer: &LoadBalancer) -> (Option<&LoadBalancerStateEnum>, Option<&str>) {
    let state = balancer.state();
    (state.and_then(|state| state.code()), state.and_then(|state| state.reason()))
}

async fn wait_for_load_balancer_deleted(
    environment: Arc<Environment>,
    context: StepContext,
    input: LoadBalancerArn,
) -> StepResult<Nothing> {
    let context = of_deletion(context);
    match find_by_arn(&environment, &context, &input.load_balancer_arn).await {
        Ok(Some(balancer)) => {
            // A plan deletes nothing.
            let word = match state(&balancer) {
                (Some(now), _) if environment.is_planning() => now.as_str(),
                _ => "deleting",
            };
            return Ok(Answer::pending(word, interval(&context)));
        }
        Ok(None) => {}
        Err(error) => return poll_again_or(error, &context),
    }
    match interfaces(&environment, &input.load_balancer_arn).await {
        Ok(0) => nothing_to_do(),
        Ok(1) => Ok(Answer::pending("1 network interface left", interval(&context))),
        Ok(count) => Ok(Answer::pending(format!("{count} network interfaces left"), interval(&context))),
        Err(error) => poll_again_or(error, &context),
    }
}

/// The number of network interfaces of the load balancer. They exist for minutes after its deletion and keep subnets
/// and groups in use.
async fn interfaces(environment: &Environment, arn: &str) -> Result<usize, StepError> {
    let Some(part) = arn_part(arn) else { return Ok(0) };
    let named = Filter::builder().name("description").values(format!("ELB {part}")).build();
    let answer = environment.ec2_reads().describe_network_interfaces().filters(named).send().await;
    let answer = answer.map_err(|error| failure("ec2:DescribeNetworkInterfaces", error))?;
    Ok(answer.network_interfaces().len())
}

/// The end of an ARN, such as `app/demo-https/50dc6c495c0c9188`.
fn arn_part(arn: &str) -> Option<&str> {
    arn.split_once(":loadbalancer/").map(|(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{TestServer, environment};

    #[tokio::test]
    async fn the_deletion_of_a_load_balancer_that_this_execution_created_ends() {
        let missing = "<ErrorResponse><Error><Type>Sender</Type><Code>LoadBalancerNotFound</Code><Message>none</Message>\
                       </Error><RequestId>r</RequestId></ErrorResponse>";
        let server = TestServer::start((400, "content-type: text/xml\r\n", missing)).await;
        let arn = "arn:lb".to_owned();
        let mut context = StepContext::for_test("Wait");
        context.created = Arc::new([(arn.clone(), 0)].into());
        assert!(find_by_arn(&environment(&server), &context, &arn).await.is_err(), "it may not be listed yet");
        let input = LoadBalancerArn { load_balancer_arn: arn };
        let waited = wait_for_load_balancer_deleted(Arc::new(environment(&server)), context, input).await;
        assert!(matches!(waited, Ok(Answer::Done(_))));
    }

    #[test]
    fn the_interfaces_of_another_load_balancer_are_not_waited_for() {
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/demo-https/50dc6c495c0c9188";
        assert_eq!(arn_part(arn), Some("app/demo-https/50dc6c495c0c9188"));
        assert_eq!(arn_part("demo-https"), None);
    }
}
