//! After a failure or a pause, the output says why and how to continue.

use serde_json::json;

use crate::support::{Home, SPEED, one_of_everything, text};

/// Runs the rehearsal while a call returns this error once. Returns the exit code and the output.
fn rehearse_with(home: &Home, operation: &str, code: &str, status: u16) -> (Option<i32>, String) {
    let order = json!([{ "operation": operation, "kind": "error", "code": code, "status": status, "times": 1 }]);
    home.world().faults(&order);
    let output = home.flow(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--id", "rehearsal-paused"]);
    (output.status.code(), format!("{}\n{}", text(&output.stdout), text(&output.stderr)))
}

fn says(reported: &str, expected: &[&str]) {
    for words in expected {
        assert!(reported.contains(words), "{words:?} is not in: {reported}");
    }
}

/// Resumes, and checks that the run succeeds with one of everything.
fn resumes(home: &Home) {
    let reported = home.succeed(&["resume", "rehearsal-paused"]);
    says(&reported, &["SUCCEEDED"]);
    assert_eq!(home.world().inspect()["counts"], one_of_everything(), "{reported}");
}

#[test]
fn expired_credentials_pause_and_a_resume_continues() {
    let home = Home::for_rehearsal();
    let (exit, reported) = rehearse_with(&home, "ec2:CreateSubnet", "RequestExpired", 400);
    assert_eq!(exit, Some(75), "{reported}");
    says(
        &reported,
        &["paused", "RequestExpired", "request id rehearsal-", "no login is needed", "flow resume rehearsal-paused"],
    );
    says(&home.succeed(&["status", "rehearsal-paused"]), &["PAUSED", "Create subnet", "RequestExpired"]);
    resumes(&home);
}

#[test]
fn a_missing_permission_names_the_action_and_what_is_kept() {
    let home = Home::for_rehearsal();
    let (exit, reported) = rehearse_with(&home, "elbv2:CreateListener", "AccessDenied", 403);
    assert_eq!(exit, Some(1), "{reported}");
    let call = ["elasticloadbalancing:CreateListener", "AccessDenied", "request id rehearsal-"];
    says(&reported, &[&call[..], &["FAILED at", "billed while it exists", "flow resume rehearsal-paused"]].concat());
    resumes(&home);
}

#[test]
fn a_reached_limit_names_it_and_where_to_raise_it() {
    let home = Home::for_rehearsal();
    let (exit, reported) = rehearse_with(&home, "ec2:CreateVpc", "VpcLimitExceeded", 400);
    assert_eq!(exit, Some(1), "{reported}");
    says(&reported, &["ec2:CreateVpc", "VpcLimitExceeded", "Service Quotas", "flow resume rehearsal-paused"]);
    resumes(&home);
}

#[test]
fn the_shipped_workflows_pass_their_own_check() {
    let home = Home::plain();
    for workflow in ["endpoints-aws", "endpoints-aws-teardown"] {
        home.succeed(&["check", workflow]);
    }
}
