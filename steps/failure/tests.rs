#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    codes::{class_of_code, permanent},
    *,
};
use crate::test_server::{Canned, TestServer, environment};

const XML: &str = "content-type: text/xml\r\nx-amzn-requestid: req-1\r\n";

async fn create_vpc(canned: Canned) -> StepError {
    let server = TestServer::start(canned).await;
    let error = environment(&server).ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap_err();
    failure("ec2:CreateVpc", error)
}

macro_rules! ec2_error {
    ($code:literal, $message:literal) => {
        concat!(
            "<Response><Errors><Error><Code>",
            $code,
            "</Code><Message>",
            $message,
            "</Message></Error></Errors></Response>"
        )
    };
}

#[tokio::test]
async fn an_error_names_call_code_message_and_request() {
    let error =
        create_vpc((400, XML, ec2_error!("VpcLimitExceeded", "The maximum number of VPCs has been reached."))).await;
    assert_eq!(error.class, ErrorClass::Quota);
    let text = error.to_string();
    assert!(
        text.starts_with("ec2:CreateVpc: VpcLimitExceeded: The maximum number of VPCs has been reached."),
        "{text}"
    );
    assert_eq!(error.request_id.as_deref(), Some("req-1"));
    assert!(error.hint.unwrap().contains("quota"));
}

#[test]
fn only_a_call_that_changes_something_has_an_unknown_effect_without_an_answer() {
    let cause = |action: &str| {
        let error: SdkError<
            aws_sdk_sfn::operation::validate_state_machine_definition::ValidateStateMachineDefinitionError,
            _,
        > = SdkError::timeout_error("late");
        let failure = failure(action, error);
        assert_eq!(failure.class, ErrorClass::Unknown);
        failure.cause
    };
    for action in ["states:ValidateStateMachineDefinition", "states:DescribeExecution", "iam:GetRole"] {
        assert_eq!(cause(action), "no answer in time", "{action}");
    }
    for action in ["states:StartExecution", "states:GetActivityTask"] {
        assert!(cause(action).ends_with("whether the call took effect is not known"), "{action}");
    }
}

#[tokio::test]
async fn a_refusal_nobody_can_parse_is_still_a_matter_of_permission() {
    let server = TestServer::start((403, XML, "<Error><Code>AccessDenied</Code></Error>")).await;
    let error = environment(&server).ecs().create_cluster().send().await.unwrap_err();
    let error = failure("ecs:CreateCluster", error);
    assert_eq!(error.class, ErrorClass::Permission, "{error}");
    assert!(error.hint.unwrap().contains("ecs:CreateCluster"));
}

#[tokio::test]
async fn json_services_are_understood_with_and_without_a_namespace() {
    for body in [
        r#"{"__type":"com.amazonaws.ecs#LimitExceededException","message":"no more clusters"}"#,
        r#"{"__type":"LimitExceededException","message":"no more clusters"}"#,
    ] {
        let server = TestServer::start((400, "content-type: application/x-amz-json-1.1\r\n", body)).await;
        let error = environment(&server).ecs().create_cluster().send().await.unwrap_err();
        assert_eq!(failure("ecs:CreateCluster", error).class, ErrorClass::Quota, "{body}");
    }
}

#[tokio::test]
async fn a_server_error_never_says_that_nothing_happened() {
    for canned in [
        (500, XML, ec2_error!("InternalError", "An internal error has occurred")),
        (500, "content-type: text/html\r\n", "<html><h1>Internal Server Error</h1></html>"),
        (502, "", ""),
        (200, XML, "not at all XML"),
    ] {
        assert_eq!(create_vpc(canned).await.class, ErrorClass::Unknown, "{canned:?}");
    }
    assert_eq!(create_vpc((503, "", "")).await.class, ErrorClass::Throttled);
}

#[tokio::test]
async fn a_lost_connection_is_unknown_and_expired_credentials_are_not() {
    let server = TestServer::start((200, "", "")).await;
    let mut addresses = crate::test_server::addresses(server.endpoint());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    addresses.aws_endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let nobody_listens = crate::Environment::for_rehearsal(addresses).unwrap();
    let error = nobody_listens.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap_err();
    assert_eq!(failure("ec2:CreateVpc", error).class, ErrorClass::Unknown);
    let expired = create_vpc((400, XML, ec2_error!("RequestExpired", "Request has expired."))).await;
    assert_eq!(expired.class, ErrorClass::Credentials);
}

#[tokio::test]
async fn a_server_of_flow_that_refuses_a_token_names_its_variables_and_not_those_of_aws() {
    let body = r#"{"__type":"UnrecognizedClientException","message":"no valid bearer token"}"#;
    for (headers, words) in [
        ("content-type: application/x-amz-json-1.0\r\nx-flow-wire: 2.0\r\n", "FLOW_TOKEN"),
        ("content-type: application/x-amz-json-1.0\r\n", "aws sso login"),
    ] {
        let server = TestServer::start((400, headers, body)).await;
        let error = environment(&server).ecs().create_cluster().send().await.unwrap_err();
        let error = failure("states:ListActivities", error);
        assert_eq!(error.class, ErrorClass::Credentials, "{error}");
        assert!(error.hint.as_deref().unwrap().contains(words), "{error:?}");
    }
}

#[tokio::test]
async fn without_any_credentials_the_execution_can_pause() {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-central-1"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(NoCredentials)
        .build();
    let error = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.unwrap_err();
    let error = failure("sts:GetCallerIdentity", error);
    assert_eq!(error.class, ErrorClass::Credentials, "{error}");
}

#[derive(Debug)]
struct NoCredentials;

impl aws_credential_types::provider::ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(
            "none here",
        )))
    }
}

#[tokio::test]
async fn only_an_id_of_our_own_making_may_become_known_later() {
    let body = ec2_error!("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist");
    for (created, class) in [("vpc-1", ErrorClass::NotConsistentYet), ("vpc-2", ErrorClass::NotFound)] {
        let server = TestServer::start((400, XML, body)).await;
        let call = environment(&server).ec2().create_subnet().vpc_id("vpc-1").cidr_block("10.0.0.0/24");
        let error = call.send().await.unwrap_err();
        let mut context = StepContext::for_test("Create subnet");
        context.created = std::sync::Arc::new([(created.to_owned(), 0)].into());
        assert_eq!(failure_for(&context, "vpc-1", "ec2:CreateSubnet", error).class, class);
    }
}

#[test]
fn every_code_of_the_table_has_its_class() {
    use ErrorClass::*;
    let table = [
        (Throttled, "Throttling ThrottlingException RequestLimitExceeded TooManyRequestsException SlowDown"),
        (Throttled, "PriorRequestNotComplete"),
        (Unknown, "InternalError InternalFailure ServiceUnavailable"),
        (NotFound, "InvalidVpcID.NotFound InvalidSubnetID.NotFound InvalidGroup.NotFound InvalidInstanceID.NotFound"),
        (
            NotFound,
            "NoSuchEntity DBInstanceNotFound LoadBalancerNotFound TargetGroupNotFound ResourceNotFoundException",
        ),
        (Capacity, "InsufficientInstanceCapacity InsufficientDBInstanceCapacity InsufficientFreeAddressesInSubnet"),
        (Busy, "DependencyViolation ResourceInUse ResourceInUseException InvalidDBInstanceState DeleteConflict"),
        (Busy, "InvalidDBSubnetGroupStateFault ClusterContainsServicesException"),
        (NameTaken, "EntityAlreadyExists InvalidGroup.Duplicate RouteAlreadyExists InvalidSubnet.Conflict"),
        (NameTaken, "DuplicateTargetGroupName DuplicateListener DuplicateLoadBalancerName"),
        (Credentials, "ExpiredToken ExpiredTokenException RequestExpired InvalidClientTokenId AuthFailure"),
        (Credentials, "SignatureDoesNotMatch"),
        (Permission, "UnauthorizedOperation AccessDenied AccessDeniedException"),
        (Quota, "VpcLimitExceeded InternetGatewayLimitExceeded SecurityGroupLimitExceeded VcpuLimitExceeded"),
        (Quota, "InstanceQuotaExceeded StorageQuotaExceeded DBSubnetQuotaExceeded TooManyLoadBalancers LimitExceeded"),
        (Quota, "LimitExceededException"),
        (
            Invalid,
            "OperationNotPermitted FreeTierRestrictionError PendingVerification Unsupported UnsupportedOperation",
        ),
        (Invalid, "OptInRequired SubscriptionRequiredException Blocked AccountProblem"),
        (Credentials, "UnrecognizedClientException"),
        (Permission, "KMSKeyNotAccessibleFault EncryptionFailure KMSAccessDenied"),
        (Invalid, "InvalidParameterValue InvalidParameterCombination ValidationError InvalidSubnet.Range"),
        (Invalid, "InvalidAMIID.NotFound InvalidInstanceType IdempotentParameterMismatch MalformedPolicyDocument"),
    ];
    for (class, codes) in table {
        for code in codes.split(' ') {
            assert_eq!(class_of_code(code, "", Some(400)), class, "{code}");
        }
    }
    assert_eq!(class_of_code("Strange", "", Some(403)), Permission);
    assert_eq!(class_of_code("Strange", "", Some(500)), Unknown);
}

#[tokio::test]
async fn a_first_use_of_a_service_is_a_matter_of_minutes() {
    let message = "Unable to create the resource. Verify that you have permission to create service linked role. \
                   Otherwise wait and try again later.";
    assert_eq!(class_of_code("InvalidParameterValue", message, Some(400)), ErrorClass::NotConsistentYet);
    let message = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
    assert_eq!(class_of_code("InvalidParameterException", message, Some(400)), ErrorClass::NotConsistentYet);
    let error = create_vpc((400, XML, ec2_error!("OperationNotPermitted", "Deletion protection is enabled"))).await;
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.hint.unwrap().contains("protection"));
}

#[tokio::test]
async fn a_refusal_names_the_action_that_is_missing_and_not_the_call() {
    let message =
        "User: arn:aws:iam::1:user/me is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/x";
    let body = r#"{"__type":"AccessDeniedException","message":"User: arn:aws:iam::1:user/me is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/x"}"#;
    let server = TestServer::start((400, "content-type: application/x-amz-json-1.1\r\n", body)).await;
    let error = environment(&server).ecs().create_cluster().send().await.unwrap_err();
    let error = failure("ecs:RegisterTaskDefinition", error);
    assert_eq!(error.class, ErrorClass::Permission);
    assert_eq!(error.hint.as_deref(), Some("Allow iam:PassRole to this identity in IAM."));
    assert_eq!(super::codes::refused_action(message), Some("iam:PassRole"));
    assert_eq!(super::codes::refused_action("You are not authorized to perform this operation."), None);
}

#[test]
fn a_wait_continues_after_a_passing_error_and_ends_with_a_lasting_one() {
    let context = StepContext::for_test("Wait");
    let throttled = StepError::new(ErrorClass::Throttled, "slow down");
    match poll_again_or::<()>(throttled, &context) {
        Ok(Answer::Pending(pending)) => assert!(pending.reason.starts_with("throttled")),
        other => panic!("{other:?}"),
    }
    let denied = StepError::new(ErrorClass::Permission, "no");
    assert!(poll_again_or::<()>(denied, &context).is_err());
}

/// No rule of the workflows' `Retry` matches the class of a permanent refusal, whatever the HTTP status is.
#[test]
fn every_permanent_refusal_has_its_class_a_source_and_no_retry() {
    let source = include_str!("codes.rs");
    let table = source.split("const REFUSED_FOR_GOOD").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    let lines: Vec<&str> = table.lines().skip(1).collect();
    let (comments, rows): (Vec<_>, Vec<_>) =
        lines.iter().copied().partition(|line| line.trim_start().starts_with("//"));
    assert_eq!(comments.len(), rows.len(), "a source above each code");
    for pair in lines.chunks(2) {
        assert!(pair[0].trim_start().starts_with("// ") && pair[1].trim_start().starts_with("(\""), "{pair:?}");
    }
    let retried = [
        ErrorClass::Throttled,
        ErrorClass::Unknown,
        ErrorClass::NotConsistentYet,
        ErrorClass::Capacity,
        ErrorClass::Busy,
    ];
    let permanent = permanent();
    assert!(permanent.len() > 40, "{permanent:?}");
    for (code, class) in &permanent {
        for status in [None, Some(400), Some(401), Some(403), Some(500), Some(503)] {
            assert_eq!(class_of_code(code, "", status), *class, "{code} with {status:?}");
        }
        assert!(!retried.contains(class), "{code} is retried");
        assert_eq!(permanent.iter().filter(|(other, _)| other == code).count(), 1, "{code} is in two lists");
    }
}

#[tokio::test]
async fn a_refusal_of_the_free_plan_or_of_a_new_account_says_what_to_do() {
    let free_plan = "upgrade the account to the paid plan";
    for (canned, words) in [
        (
            (
                400,
                XML,
                ec2_error!("FreeTierRestrictionError", "This instance size isn't available with free plan accounts."),
            ),
            free_plan,
        ),
        (
            (
                400,
                XML,
                ec2_error!("InvalidParameterCombination", "The specified instance type is not eligible for Free Tier."),
            ),
            free_plan,
        ),
        ((401, XML, ec2_error!("OptInRequired", "You are not subscribed to this service.")), "complete the sign-up"),
        ((400, XML, ec2_error!("Blocked", "This account is currently blocked.")), "aws support"),
    ] {
        let error = create_vpc(canned).await;
        assert_eq!((error.class, error.remedy), (ErrorClass::Invalid, Some(StepRemedy::Resume)), "{error}");
        let hint = error.hint.unwrap();
        assert!(hint.to_lowercase().contains(words), "{canned:?}: {hint}");
    }
}

#[tokio::test]
async fn a_refusal_that_only_another_input_avoids_needs_a_new_execution() {
    let error = create_vpc((400, XML, ec2_error!("Unsupported", "The instance type is not supported."))).await;
    assert_eq!(error.remedy, Some(StepRemedy::NewExecution), "{error}");
    assert_eq!(error.hint.as_deref(), Some("Choose another instance type or zone, then run again."));
}

#[tokio::test]
async fn a_deny_of_the_organization_is_not_answered_with_the_advice_to_allow_the_action_in_iam() {
    for (message, words) in [
        (
            "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1",
            "of the organization denies",
        ),
        ("with an explicit deny in an identity-based policy", "remove the deny"),
        ("because no permissions boundary allows the ec2:CreateVpc action", "in the permissions boundary too"),
        ("because no identity-based policy allows the ec2:CreateVpc action", "to this identity in IAM"),
    ] {
        let body = format!(
            r#"{{"__type":"AccessDeniedException","message":"User: arn:aws:iam::1:user/me is not authorized to perform: ecs:CreateCluster on resource: * {message}"}}"#
        );
        let body: &'static str = body.leak();
        let server = TestServer::start((400, "content-type: application/x-amz-json-1.1\r\n", body)).await;
        let error = environment(&server).ecs().create_cluster().send().await.unwrap_err();
        let error = failure("ecs:CreateCluster", error);
        assert_eq!(error.class, ErrorClass::Permission);
        let hint = error.hint.unwrap();
        assert!(hint.contains(words) && hint.contains("ecs:CreateCluster"), "{message}: {hint}");
    }
}
