//! Calls that AWS refuses for good in a new account, and services that an account does not offer.

use serde_json::json;

use crate::{
    rehearsed_faults::{SPEED, run},
    support::{Home, text},
};

const ID: &str = "rehearsal-new-account";

/// The refusals of an account that AWS has not released yet, one after the other. Each ends the run after one attempt.
#[test]
fn a_new_account_that_aws_refuses_ends_the_run_at_once_and_resumes_when_it_is_released() {
    let home = Home::for_rehearsal();
    home.succeed(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--plan"]);
    let world = home.world();
    let mut command = vec!["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--id", ID];
    for (call, code, words) in [
        ("ec2:CreateVpc", "PendingVerification", ["is being validated", "wait for its e-mail"]),
        ("ec2:CreateInternetGateway", "OptInRequired", ["not subscribed", "complete the sign-up"]),
        ("ec2:CreateRouteTable", "Blocked", ["currently blocked", "AWS Support"]),
        ("ec2:CreateSecurityGroup", "denied-scp", ["explicit deny", "service control policy of the organization"]),
    ] {
        let kind = if code == "denied-scp" { code } else { "error" };
        world.faults(&json!([{ "operation": call, "kind": kind, "code": code, "status": 400, "times": 1 }]));
        let before = world.calls().len();
        let output = home.flow(&command);
        let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{code}: {said}");
        for word in words {
            assert!(said.contains(word), "{code}: {word:?} is not in: {said}");
        }
        let refused =
            world.calls()[before..].iter().filter(|made| made["call"] == call && made["fault"] == kind).count();
        assert_eq!(refused, 1, "{code}: {said}");
        command = vec!["resume", ID];
    }
}

#[test]
fn an_account_offers_only_what_exists() {
    let home = Home::for_rehearsal();
    let (exit, said) = run(&home, &["--plan", "--set", "database.instanceClass=db.nope.micro"]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("db.nope.micro"), "{said}");
    let (exit, said) = run(&home, &["--plan", "--set", "bastion.ubuntuRelease=\"99.04\""]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("has no image of Ubuntu 99.04"), "{said}");
    // Without Canonical's parameters the images are listed page by page.
    let world = home.world();
    let before = world.calls().len();
    let (exit, said) = run(&home, &["--plan", "--fault", "ssm:parameters=missing"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("AWS::EC2::Instance") && !said.contains("never occurred"), "{said}");
    let pages = world.calls()[before..].iter().filter(|made| made["call"] == "ec2:DescribeImages").count();
    assert!(pages >= 2, "{pages} pages: {said}");
}
