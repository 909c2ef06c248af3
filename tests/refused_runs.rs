//! A run that must be refused changes nothing.

use serde_json::json;

use crate::support::{Home, World, text};

fn refusal(home: &Home, arguments: &[&str], expected: &str) {
    let output = home.flow(arguments);
    let reported = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{reported}");
    assert!(reported.contains(expected), "{expected:?} is not in: {reported}");
}

#[test]
fn every_problem_of_the_input_is_reported_at_once_and_nothing_runs() {
    let home = Home::plain();
    let input = json!({ "deployment": "Not OK", "domain": "https://x", "database": { "storage": 1 } }).to_string();
    let output = home.flow(&["run", "endpoints-aws", "--yes", "--input", &input]);
    let reported = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{reported}");
    for expected in ["deployment", "domain", "database.storage"] {
        assert!(reported.contains(expected), "{expected} is not in: {reported}");
    }
    assert!(!home.path().join("store").exists());
}

#[test]
fn without_credentials_nothing_is_begun() {
    let home = Home::plain();
    let input = json!({ "deployment": "shop", "domain": "shop.example.com" }).to_string();
    let arguments = ["run", "endpoints-aws", "--yes", "--input", &input, "--region", "eu-central-1"];
    refusal(&home, &arguments, "credentials");
    assert!(home.succeed(&["status"]).contains("No execution yet"));
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_begun() {
    let home = Home::plain();
    let input = json!({ "deployment": "shop", "domain": "shop.example.com" }).to_string();
    refusal(&home, &["run", "endpoints-aws", "--input", &input], "--yes");
}

/// Runs a rehearsal that must fail in the preflight. Returns its output.
fn fails_before_any_change(home: &Home, world: &World, more: &[&str]) -> String {
    let arguments = [&["run", "endpoints-aws", "--rehearse", "--speed", crate::support::SPEED], more].concat();
    let output = home.flow(&arguments);
    let reported = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{reported}");
    let reads = ["Describe", "List", "Get"];
    let changed: Vec<_> = world
        .calls()
        .into_iter()
        .filter(|call| {
            call["call"].as_str().is_some_and(|name| !reads.iter().any(|verb| name.contains(&format!(":{verb}"))))
        })
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
    reported
}

#[test]
fn a_name_that_is_taken_stops_the_run_before_any_change() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let taken = r#"
import boto3, sys
c = boto3.client("ecs", endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id="x", aws_secret_access_key="x")
c.create_cluster(clusterName="rehearsal")
"#;
    world.python(taken);
    let reported = fails_before_any_change(&home, &world, &[]);
    assert!(reported.contains("cluster") && reported.contains("rehearsal"), "{reported}");
}

#[test]
fn a_region_with_one_zone_stops_the_run_before_any_change() {
    let home = Home::for_rehearsal();
    let world = home.world();
    world.faults(&json!([{ "operation": "ec2:DescribeAvailabilityZones", "kind": "one_zone", "times": 100 }]));
    let reported = fails_before_any_change(&home, &world, &[]);
    assert!(reported.contains("Availability Zone"), "{reported}");
}
