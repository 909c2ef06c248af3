//! The HTTPS listener.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, Certificate, Listener, ProtocolEnum};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tags_of;
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    outcome::{deleted, gone_already},
    planned::is_unknown,
    tags::Tags,
};

const RESOURCE_TYPE: &str = "AWS::ElasticLoadBalancingV2::Listener";
const PORT: i32 = 443;
/// TLS 1.2 and 1.3 only.
const SSL_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "elbv2:createListener",
        "Lets the load balancer answer HTTPS with the certificate and forward to the target group.",
        [
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:ModifyListener",
        ],
        create_listener
    );
    step!(
        registry,
        environment,
        "elbv2:deleteListener",
        "Deletes a listener.",
        ["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DeleteListener"],
        delete_listener
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateListener {
    deployment: String,
    load_balancer_arn: String,
    certificate_arn: String,
    target_group_arn: String,
}

/// A listener by its ARN.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListenerArn {
    listener_arn: String,
}

async fn create_listener(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateListener,
) -> StepResult<ListenerArn> {
    if let Some(listener) = find(&environment, &context, &input).await? {
        return found_listener(&environment, &context, input, &listener).await;
    }
    let created = environment
        .elbv2()
        .create_listener()
        .load_balancer_arn(&input.load_balancer_arn)
        .protocol(ProtocolEnum::Https)
        .port(PORT)
        .ssl_policy(SSL_POLICY)
        .certificates(certificate(&input))
        .default_actions(forward(&input))
        .set_tags(Some(Tags::new(&context, &input.deployment).elbv2()))
        .send()
        .await;
    match created {
        Ok(answer) => {
            let arn = answer.listeners().first().and_then(Listener::listener_arn).unwrap_or_default();
            Ok(answered(arn, ChangeAction::Created))
        }
        Err(error) if already_exists(&error) => match find(&environment, &context, &input).await? {
            Some(listener) => found_listener(&environment, &context, input, &listener).await,
            None => Err(failure("elasticloadbalancing:CreateListener", error)),
        },
        Err(error) => {
            let failure = failure_for(&context, &input.load_balancer_arn, "elasticloadbalancing:CreateListener", error);
            Err(not_known_yet(&context, &input.certificate_arn, failure))
        }
    }
}

fn certificate(input: &CreateListener) -> Certificate {
    Certificate::builder().certificate_arn(&input.certificate_arn).build()
}

fn forward(input: &CreateListener) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(&input.target_group_arn).build()
}

/// A certificate that was just issued in this execution takes some time to reach the load balancers.
fn not_known_yet(context: &StepContext, certificate_arn: &str, mut failure: StepError) -> StepError {
    let of_certificate = matches!(failure.code.as_deref(), Some("CertificateNotFound" | "UnsupportedCertificate"));
    if of_certificate && context.created.contains_key(certificate_arn) {
        failure.class = ErrorClass::NotConsistentYet;
    }
    failure
}

fn answered(arn: &str, action: ChangeAction) -> Answer<ListenerArn> {
    let resource_change = ResourceChange::new(action, RESOURCE_TYPE, arn).named("HTTPS 443");
    Answer::with_change(ListenerArn { listener_arn: arn.to_owned() }, resource_change)
}

/// The listener on the port: there can be only one.
async fn find(
    environment: &Environment,
    context: &StepContext,
    input: &CreateListener,
) -> Result<Option<Listener>, StepError> {
    let arn = &input.load_balancer_arn;
    if is_unknown(arn) {
        return Ok(None);
    }
    let answer = environment.elbv2_reads().describe_listeners().load_balancer_arn(arn).send().await;
    let answer = answer.map_err(|error| failure_for(context, arn, "elasticloadbalancing:DescribeListeners", error))?;
    let mut listeners = answer.listeners.unwrap_or_default().into_iter();
    Ok(listeners.find(|listener| listener.port() == Some(PORT)))
}

async fn found_listener(
    environment: &Environment,
    context: &StepContext,
    input: CreateListener,
    listener: &Listener,
) -> StepResult<ListenerArn> {
    let arn = listener.listener_arn().unwrap_or_default();
    let tags = tags_of(environment, arn).await?.unwrap_or_default();
    if !tags.is_ours(&input.deployment) {
        let what = format!("on port {PORT} of {}", input.load_balancer_arn);
        return Err(name_taken("listener", &what, &input.deployment, tags.deployment.as_deref()));
    }
    if is_as_wanted(listener, &input) {
        return Ok(answered(arn, tags.change(context, arn)));
    }
    say_differences(environment, listener, &input);
    environment
        .elbv2()
        .modify_listener()
        .listener_arn(arn)
        .protocol(ProtocolEnum::Https)
        .ssl_policy(listener.ssl_policy().unwrap_or(SSL_POLICY))
        .certificates(certificate(&input))
        .default_actions(forward(&input))
        .send()
        .await
        .map_err(|error| {
            let failure = failure_for(context, arn, "elasticloadbalancing:ModifyListener", error);
            not_known_yet(context, &input.certificate_arn, failure)
        })?;
    Ok(answered(arn, ChangeAction::Updated))
}

fn say_differences(environment: &Environment, listener: &Listener, input: &CreateListener) {
    let certificates = listener.certificates().iter().filter_map(Certificate::certificate_arn);
    let certificates = certificates.collect::<Vec<_>>().join(", ");
    if certificates != input.certificate_arn {
        environment.differs("certificateArn", certificates, &input.certificate_arn);
    }
    let target = listener.default_actions().first().and_then(forwards_to).unwrap_or("another action");
    if target != input.target_group_arn {
        environment.differs("targetGroupArn", target, &input.target_group_arn);
    }
}

fn is_as_wanted(listener: &Listener, input: &CreateListener) -> bool {
    let certificates: Vec<_> = listener.certificates().iter().map(Certificate::certificate_arn).collect();
    let [action] = listener.default_actions() else { return false };
    listener.protocol() == Some(&ProtocolEnum::Https)
        && certificates == [Some(input.certificate_arn.as_str())]
        && forwards_to(action) == Some(input.target_group_arn.as_str())
}

/// The only target group to which the action forwards. AWS returns it in one of two fields.
fn forwards_to(action: &Action) -> Option<&str> {
    if action.r#type() != Some(&ActionTypeEnum::Forward) {
        return None;
    }
    let in_configuration = action.forward_config().map(|forward| forward.target_groups());
    match in_configuration {
        Some([group]) => group.target_group_arn(),
        Some([_, _, ..]) => None,
        _ => action.target_group_arn(),
    }
}

async fn delete_listener(
    environment: Arc<Environment>,
    context: StepContext,
    input: ListenerArn,
) -> StepResult<Nothing> {
    let arn = &input.listener_arn;
    match environment.elbv2_reads().describe_listeners().listener_arns(arn).send().await {
        Ok(answer) if answer.listeners().is_empty() => return gone_already(&context, RESOURCE_TYPE, arn),
        Ok(_) => {}
        Err(error) if is_missing(&error) => return gone_already(&context, RESOURCE_TYPE, arn),
        Err(error) => return Err(failure("elasticloadbalancing:DescribeListeners", error)),
    }
    let answer = environment.elbv2().delete_listener().listener_arn(arn).send().await;
    deleted(&context, (RESOURCE_TYPE, arn), "elasticloadbalancing:DeleteListener", answer)
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{ForwardActionConfig, TargetGroupTuple};

    use super::*;

    fn input() -> CreateListener {
        CreateListener {
            deployment: "demo".into(),
            load_balancer_arn: "arn:lb".into(),
            certificate_arn: "arn:certificate".into(),
            target_group_arn: "arn:tg".into(),
        }
    }

    #[test]
    fn a_listener_that_forwards_partly_elsewhere_is_corrected() {
        let to = |arn: &str| TargetGroupTuple::builder().target_group_arn(arn).weight(1).build();
        let action = |groups: Vec<TargetGroupTuple>| {
            let forward = ForwardActionConfig::builder().set_target_groups(Some(groups)).build();
            Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build()
        };
        let listener = |action: Action| {
            Listener::builder()
                .protocol(ProtocolEnum::Https)
                .certificates(certificate(&input()))
                .default_actions(action)
        };
        assert!(is_as_wanted(&listener(action(vec![to("arn:tg")])).build(), &input()));
        assert!(is_as_wanted(&listener(forward(&input())).build(), &input()));
        assert!(!is_as_wanted(&listener(action(vec![to("arn:tg"), to("arn:other")])).build(), &input()));
    }

    #[test]
    fn a_foreign_certificate_that_is_unknown_is_not_waited_for() {
        let mut failure = StepError::new(ErrorClass::NotFound, "Certificate 'arn:certificate' not found");
        failure.code = Some("CertificateNotFound".into());
        let mut context = StepContext::for_test("Create the listener");
        assert_eq!(not_known_yet(&context, "arn:certificate", failure.clone()).class, ErrorClass::NotFound);
        context.created = Arc::new([("arn:certificate".to_owned(), 0)].into());
        assert_eq!(not_known_yet(&context, "arn:certificate", failure).class, ErrorClass::NotConsistentYet);
    }
}
