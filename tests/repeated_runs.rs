//! Run every night, the runbook fails only for a reason, changes only what differs, and reports a rolled-back image as
//! a failure.

use serde_json::{Value, json};

use crate::support::{Home, World, text};

/// Slower than in other tests: on a busy machine a short time-out of the workflow would pass between two checks.
const SPEED: &str = "150";

/// The number of nights without `FLOW_NIGHTS`.
const NIGHTS_DEFAULT: usize = 4;
const GOOD_IMAGE: &str = "application.image=example.test/good:1";
const BAD_IMAGE: &str = "application.image=example.test/bad:2";
const REPAIRED_IMAGE: &str = "application.image=example.test/repaired:3";
/// Calls of every run. Some of them are slow or throttled each night.
const CALLS: [&str; 8] = [
    "ec2:DescribeVpcs",
    "ec2:DescribeSecurityGroupRules",
    "rds:DescribeDBInstances",
    "ecs:DescribeServices",
    "elbv2:DescribeListeners",
    "iam:GetRole",
    "acm:DescribeCertificate",
    "route53:ListResourceRecordSets",
];

/// A sequence of numbers that is the same in every run (Numerical Recipes, a linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Makes some calls slow, throttled or unanswered, and lists stale.
fn trouble(world: &World, numbers: &mut Numbers) {
    let kinds = ["delay", "throttle", "drop"];
    let mut orders: Vec<Value> = (0..3 + numbers.below(4))
        .map(|_| {
            let operation = CALLS[numbers.below(CALLS.len())];
            let delay_ms = 50 + numbers.below(200);
            json!({ "operation": operation, "kind": kinds[numbers.below(kinds.len())], "times": 1, "delay_ms": delay_ms })
        })
        .collect();
    if numbers.below(2) == 0 {
        orders.push(json!({ "operation": "*:lists", "kind": "condition", "value": "stale" }));
    }
    world.faults(&json!(orders));
}

fn night(home: &Home, image: &str) -> (i32, String) {
    let output = home.flow(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--set", image]);
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    (output.status.code().unwrap_or(-1), said)
}

/// `FLOW_NIGHTS=30` runs a month.
#[test]
fn only_nights_with_a_bad_image_fail() {
    let nights = std::env::var("FLOW_NIGHTS").ok().and_then(|nights| nights.parse().ok()).unwrap_or(NIGHTS_DEFAULT);
    let bad = nights / 2;
    let repaired = bad + (nights / 6).max(1);
    let home = Home::for_rehearsal();
    let (exit, said) = night(&home, GOOD_IMAGE);
    assert_eq!(exit, 0, "the first run: {said}");
    let world = home.world();
    let mut numbers = Numbers(20_261_128);
    for number in 0..nights {
        // The rollback is ordered for one night. What it broke stays broken until the image is repaired.
        if number == bad + 1 {
            world.clear_faults();
        }
        trouble(&world, &mut numbers);
        let image = match number {
            _ if number < bad => GOOD_IMAGE,
            _ if number < repaired => BAD_IMAGE,
            _ => REPAIRED_IMAGE,
        };
        if number == bad {
            world.faults(&json!([{ "operation": "ecs:service", "kind": "condition", "value": "rollback" }]));
        }
        let (exit, said) = night(&home, image);
        if image == BAD_IMAGE {
            assert_eq!(exit, 1, "night {number}: {said}");
            assert!(said.contains("rolled back"), "night {number}: {said}");
            continue;
        }
        assert_eq!(exit, 0, "night {number}: {said}");
        if number != repaired {
            assert!(said.contains("0 created, 0 updated"), "night {number}: {said}");
        }
    }
    let counts = &world.inspect()["counts"];
    for (kind, wanted) in [("vpcs", 1), ("databases", 1), ("services", 1), ("load_balancers", 1), ("certificates", 1)] {
        assert_eq!(counts[kind], wanted, "{kind}: {counts}");
    }
}
