#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;

use super::*;
use crate::test_server::{TestServer, environment};

const NO_VPC: &str =
    "<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><vpcSet/></DescribeVpcsResponse>";

async fn poll(steps: &PlannedSteps, resource: &str, state: &str, input: Value) -> StepResult<Value> {
    let step = steps.step(&Value::Null, resource).await.unwrap().unwrap();
    step.poll(StepContext::for_test(state), input).await
}

/// A call for a change has no connection.
#[tokio::test]
async fn a_call_that_would_change_something_has_no_connection() {
    let server = TestServer::start((200, "content-type: text/xml\r\n", NO_VPC)).await;
    let steps = PlannedSteps::new(&environment(&server));
    let input = json!({ "deployment": "demo", "cidr": "10.100.0.0/16" });
    let Answer::Done(done) = poll(&steps, "flow:ec2:createVpc", "Create VPC", input).await.unwrap() else {
        panic!("a plan does not wait")
    };
    assert_eq!(done.output, json!({ "vpcId": KNOWN_AFTER_APPLY, "cidr": "10.100.0.0/16" }));
    assert!(server.requests().iter().all(|request| request.contains("Action=DescribeVpcs")), "{:?}", server.requests());
    let planned = steps.planned();
    let [change] = planned.changes.as_slice() else { panic!("{planned:?}") };
    assert_eq!((change.action, change.resource_type.as_str()), (PlannedAction::Create, "AWS::EC2::VPC"));
    assert_eq!((change.name.as_deref(), change.id.as_str()), (Some("demo"), KNOWN_AFTER_APPLY));
    assert!(planned.actions.contains("ec2:CreateVpc"));
}

#[tokio::test]
async fn what_does_not_exist_yet_is_not_polled() {
    let server = TestServer::start((500, "", "")).await;
    let steps = PlannedSteps::new(&environment(&server));
    let input = json!({ "instanceId": KNOWN_AFTER_APPLY });
    let answer = poll(&steps, "flow:ec2:waitForInstanceRunning", "Wait", input).await.unwrap();
    assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
    assert!(server.requests().is_empty());
    let planned = steps.planned();
    assert_eq!(planned.waits.len(), 1);
    assert!(planned.waits[0].usual_seconds.is_some());
}

/// Every client for changes has no connection in a plan.
#[tokio::test]
async fn no_client_for_changes_has_a_connection() {
    let server = TestServer::start((200, "content-type: text/xml\r\n", "")).await;
    let environment = environment(&server).for_plan(Arc::default(), answer_of_service);
    let _ = environment.iam().delete_role().role_name("demo").send().await;
    let _ = environment.ecs().create_cluster().cluster_name("demo").send().await;
    let _ = environment.rds().delete_db_instance().db_instance_identifier("demo").send().await;
    let _ = environment.route53().create_hosted_zone().name("a.").caller_reference("a").send().await;
    let _ = environment.s3().delete_object().bucket("a").key("b").send().await;
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn a_call_that_only_reads_differs_from_one_that_changes() {
    assert!(is_read("ec2:DescribeVpcs") && is_read("iam:ListRoles") && is_read("secretsmanager:GetSecretValue"));
    assert!(!is_read("ec2:CreateVpc") && !is_read("iam:PassRole"));
}

const SERVICE: &str = r#"{"services":[{"serviceArn":"arn:aws:ecs:us-east-1:1:service/demo/demo","serviceName":"demo","status":"INACTIVE"}]}"#;

/// A service that was deleted by hand stays INACTIVE, and the run creates another one.
#[tokio::test]
async fn a_wait_for_what_the_plan_creates_is_not_judged_by_an_earlier_one() {
    let server = TestServer::start((200, "content-type: application/x-amz-json-1.1\r\n", SERVICE)).await;
    let steps = PlannedSteps::new(&environment(&server));
    let cluster_arn = "arn:aws:ecs:us-east-1:1:cluster/demo";
    let create = json!({
        "deployment": "demo", "name": "demo", "clusterArn": cluster_arn, "taskDefinitionArn": "arn:task:1",
        "subnetIds": ["subnet-1"], "groupIds": ["sg-1"], "targetGroupArn": "arn:group", "containerName": "app",
        "containerPort": 8000, "desiredCount": 2,
    });
    poll(&steps, "flow:ecs:createService", "Create the service", create).await.unwrap();
    let wait = json!({
        "clusterArn": cluster_arn, "serviceName": "demo", "taskDefinitionArn": "arn:task:1", "targetGroupArn": "arn:group",
        "logGroup": "demo",
    });
    let Answer::Done(done) = poll(&steps, "flow:ecs:waitForService", "Wait", wait).await.unwrap() else {
        panic!("a plan does not wait")
    };
    assert_eq!(done.output["desiredCount"], 2, "{done:?}");
    let planned = steps.planned();
    assert_eq!((planned.changes[0].action, planned.waits.len()), (PlannedAction::Create, 1), "{planned:?}");
    assert_eq!(planned.failure, None);
}
