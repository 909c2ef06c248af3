//! A deployment takes no longer than AWS does, and makes no unnecessary calls.
//!
//! `FLOW_TEST_DEPLOYMENT=1` deploys at a speed at which time and polls can be measured (a minute and a half). Without
//! it, only what does not depend on the machine is asserted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Home, SPEED, one_of_everything};

/// At this speed the calls of the rehearsal's AWS API take about as long as AWS's own.
const SPEED_TO_MEASURE: &str = "6";
/// The longest duration of a deployment, relative to the critical path.
const TIME_RATIO_MAX: f64 = 1.05;
/// The most calls, relative to the necessary ones.
const CALLS_RATIO_MAX: f64 = 1.3;

/// The number of changing calls.
const CHANGES: usize = 50;
/// The number of different reads. The two reads of the certificate, for its record and for its status, count as one.
const QUESTIONS: usize = 77;

/// The read of each wait, and the call that creates what it waits for: before that call the read asks whether the
/// resource exists, after it whether it is ready.
const WAITS: [(&str, &str); 10] = [
    ("acm:DescribeCertificate", "acm:RequestCertificate"),
    ("ec2:DescribeInstanceStatus", "ec2:RunInstances"),
    ("ec2:DescribeInstances", "ec2:RunInstances"),
    ("ec2:DescribeSubnets", "ec2:CreateSubnet"),
    ("ec2:DescribeVpcs", "ec2:CreateVpc"),
    ("ecs:DescribeServices", "ecs:CreateService"),
    ("elbv2:DescribeLoadBalancers", "elbv2:CreateLoadBalancer"),
    ("elbv2:DescribeTargetHealth", "ecs:CreateService"),
    ("rds:DescribeDBInstances", "rds:CreateDBInstance"),
    ("route53:GetChange", "route53:ChangeResourceRecordSets"),
];

/// The reads that are repeated other than in waits: names, checked before any change and again before the name is used;
/// a log group and a security group, read again before a change of them; and the password, which no state may pass on.
const ASKED_AGAIN: [&str; 22] = [
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeVpcs",
    "ecs:DescribeClusters",
    "elbv2:DescribeLoadBalancers",
    "elbv2:DescribeLoadBalancers",
    "elbv2:DescribeTargetGroups",
    "elbv2:DescribeTargetGroups",
    "iam:GetRole",
    "logs:DescribeLogGroups",
    "logs:DescribeLogGroups",
    "rds:DescribeDBInstances",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSubnetGroups",
    "route53:ListResourceRecordSets",
    "route53:ListResourceRecordSets",
    "secretsmanager:DescribeSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "sns:ListTopics",
    "sns:ListTopics",
];

#[test]
fn the_deployment_is_as_fast_as_aws_permits_and_reads_nothing_that_it_knows() {
    let to_measure = std::env::var_os("FLOW_TEST_DEPLOYMENT").is_some();
    let speed = if to_measure { SPEED_TO_MEASURE } else { SPEED };
    let home = Home::for_rehearsal();
    home.succeed(&["run", "endpoints-aws", "--rehearse", "--speed", speed, "--id", "rehearsal-paced"]);
    let world = home.world();

    let calls = Calls::of(&world.calls());
    assert_eq!(world.inspect()["counts"], one_of_everything());
    assert_eq!(
        (calls.changes, calls.different_changes),
        (CHANGES, CHANGES),
        "a change was made twice, or CHANGES is outdated"
    );
    assert_eq!(calls.asked_again, ASKED_AGAIN);
    assert_eq!(calls.questions, QUESTIONS);

    // All calls other than polls that found a wait not over.
    let needed = CHANGES + QUESTIONS + ASKED_AGAIN.len();
    let calls_ratio = calls.all as f64 / needed as f64;
    println!("{} calls, {needed} of them needed: {calls_ratio:.3} for each needed one", calls.all);
    println!("{:.3} for each where nothing may be asked again", calls.all as f64 / (CHANGES + QUESTIONS) as f64);
    let (took_seconds, path_seconds) = (seconds_between_first_and_last(&home), critical_path_seconds());
    let time_ratio = took_seconds / path_seconds;
    println!("{took_seconds:.0} s, critical path {path_seconds} s: {time_ratio:.3} at speed {speed}");
    if to_measure {
        assert!(calls_ratio < CALLS_RATIO_MAX, "{calls_ratio:.3} calls for each needed one");
        assert!(time_ratio < TIME_RATIO_MAX, "{time_ratio:.3} critical paths");
    }
}

/// The counted calls of a deployment.
struct Calls {
    all: usize,
    changes: usize,
    different_changes: usize,
    questions: usize,
    /// The sorted names of repeated reads, without polls of waits.
    asked_again: Vec<String>,
}

impl Calls {
    fn of(calls: &[Value]) -> Calls {
        let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut changes, mut questions, mut asked_again) = (Vec::new(), BTreeSet::new(), Vec::new());
        for call in calls {
            let (name, asked) = (call["call"].as_str().unwrap(), call["asked"].as_str().unwrap());
            if changes_something(name) {
                *begun.entry(name).or_default() += 1;
                changes.push(asked);
                continue;
            }
            let begins = WAITS.iter().find(|(wait, _)| *wait == name).map(|(_, begins)| begins);
            let begun_before = begins.and_then(|begins| begun.get(begins)).copied().unwrap_or(0);
            let is_new = questions.insert((asked, begun_before));
            if !is_new && begun_before == 0 {
                asked_again.push(name.to_owned());
            }
        }
        asked_again.sort();
        let different_changes = changes.iter().collect::<BTreeSet<_>>().len();
        Calls { all: calls.len(), changes: changes.len(), different_changes, questions: questions.len(), asked_again }
    }
}

fn changes_something(name: &str) -> bool {
    let (_, operation) = name.split_once(':').unwrap();
    !["Describe", "Get", "List"].iter().any(|read| operation.starts_with(read))
}

fn seconds_between_first_and_last(home: &Home) -> f64 {
    let reported = home.succeed(&["events", "rehearsal-paced", "-o", "json"]);
    let entries = reported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let times: Vec<u64> = entries.filter_map(|entry| entry["timestampMs"].as_u64()).collect();
    (times.last().unwrap() - times.first().unwrap()) as f64 / 1000.0
}

/// The longest path through the waits for AWS, with the durations of the rehearsal.
fn critical_path_seconds() -> f64 {
    let durations: BTreeMap<&str, f64> = include_str!("../rehearsal/gateway/durations.py")
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, seconds)| (name, seconds.parse().unwrap()))
        .collect();
    let sum = |names: &[&str]| names.iter().map(|name| durations[name]).sum::<f64>();
    let network = sum(&["NETWORK_PENDING"; 3]);
    let bastion = sum(&["INSTANCE_PENDING", "INSTANCE_CHECKS", "INSTANCE_SSH_CLOSED", "INSTANCE_SSH_REFUSES_KEY"]);
    let database = sum(&["DATABASE_CREATING", "DATABASE_BACKING_UP"]);
    let load_balancer = sum(&["LOAD_BALANCER_PROVISIONING", "DNS_CHANGE"]);
    let certificate = sum(&["CERTIFICATE_RECORD", "DNS_CHANGE", "CERTIFICATE_VALIDATION"]);
    let before_the_service = certificate.max(network + bastion.max(database).max(load_balancer));
    before_the_service + sum(&["SERVICE_ROLLOUT"])
}
