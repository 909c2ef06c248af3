//! When the runbook succeeds, the account contains exactly what it promises.

use serde_json::json;

use crate::support::{Home, one_of_everything};

#[test]
fn the_runbook_creates_everything_once_with_every_attribute_then_changes_nothing_then_everything_is_removed() {
    let home = Home::for_rehearsal();
    let printed = home.rehearse(&[]);
    assert!(printed.contains("45 created, 0 updated, 0 unchanged"), "{printed}");
    let world = home.world();
    let found = world.inspect();
    assert_eq!(found["counts"], one_of_everything());
    network(&found);
    database_and_application(&found);
    balancer_and_alarms(&found);
    tags(&found);

    let again = home.rehearse(&[]);
    assert!(again.contains("0 created, 0 updated, 45 unchanged"), "{again}");
    assert_eq!(world.inspect()["counts"], one_of_everything());

    let narrowed = home.rehearse(&["--set", "sshSourceCidr=192.0.2.0/24"]);
    assert!(narrowed.contains("1 created, 0 updated, 44 unchanged, 1 deleted"), "{narrowed}");
    let rules = &world.inspect()["security_groups"]["SSH from Internet"];
    assert_eq!(*rules, json!([["tcp", 22, 22, "192.0.2.0/24"]]), "the earlier addresses are still let in");

    home.succeed(&["run", "endpoints-aws-teardown", "--rehearse", "--speed", crate::support::SPEED]);
    nothing_is_left(&world.inspect());
}

/// Checks the tags: the teardown does not find a resource without them, and it would continue to cost.
fn tags(found: &serde_json::Value) {
    let arns: Vec<_> = found["tagged"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap()).collect();
    let expected = [
        (":acm:", 1),
        (":alarm:", 4),
        (":instance/", 1),
        (":internet-gateway/", 1),
        (":route-table/", 1),
        (":security-group/", 4),
        (":subnet/", 2),
        (":volume/", 1),
        (":vpc/", 1),
        (":cluster/", 1),
        (":service/", 1),
        (":task-definition/", 1),
        (":logs:", 1),
        (":db:", 1),
        (":secret:", 2),
        (":sns:", 1),
    ];
    for (kind, count) in expected {
        assert_eq!(arns.iter().filter(|arn| arn.contains(kind)).count(), count, "{kind} in {arns:?}");
    }
    let others = json!({
        "load_balancer": 1, "target_group": 1, "listener": 1, "key_pair": 1, "role": 1, "database_subnet_group": 1
    });
    assert_eq!(found["tagged_by_themselves"], others);
}

fn network(found: &serde_json::Value) {
    let tags = json!(["Name", "flow:deployment", "flow:execution", "flow:state"]);
    assert_eq!(found["vpcs"], json!([["10.100.0.0/16", true, true, tags]]));
    assert_eq!(found["subnets"], json!(["10.100.10.0/26", "10.100.10.64/26"]));
    assert_eq!((&found["zones"], &found["attached"]), (&json!(2), &json!([true])));
    assert_eq!(found["routes"], json!([["10.100.0.0/16", "loca"], ["0.0.0.0/0", "igw-"]]));
    assert_eq!(found["associations"], 2);
    let groups = json!({
        "SSH from Internet": [["tcp", 22, 22, "0.0.0.0/0"]],
        "Load Balancer HTTPS": [["tcp", 443, 443, "0.0.0.0/0"]],
        "WebApp": [["tcp", 0, 65535, "Load Balancer HTTPS"]],
        "DB": [["tcp", 5432, 5432, "SSH from Internet"], ["tcp", 5432, 5432, "WebApp"]],
    });
    assert_eq!(found["security_groups"], groups);
    let bastion = json!([{
        "type": "t3.micro", "state": "running", "public": true, "name": "rehearsal-bastion",
        "groups": ["SSH from Internet"], "key": "rehearsal-bastion"
    }]);
    assert_eq!(found["instances"], bastion);
}

fn database_and_application(found: &serde_json::Value) {
    let database = json!([{
        "engine": "postgres", "version": "14", "public": false, "encrypted": true, "upgrades": true, "backup_days": 7,
        "protected": true, "multi_az": false, "storage": 20, "class": "db.t4g.micro", "groups": ["DB"]
    }]);
    assert_eq!(found["databases"], database);
    assert_eq!(found["secrets"], json!(["rehearsal/database-password", "rehearsal/jdbc-url"]));
    let definition = json!([{
        "cpu": "256", "memory": "512", "network": "awsvpc", "fargate": ["FARGATE"], "role": "rehearsal-task-execution",
        "image": "public.ecr.aws/x1t6d0t7/endpoints-he", "limit": 450, "port": 8080,
        "environment": ["ENDPOINTS_BASE_URL", "ENDPOINTS_SERVICE_PORTAL_ENVIRONMENT_DISPLAY_NAME"],
        "secrets": ["ENDPOINTS_JDBC_URL"], "log_driver": "awslogs"
    }]);
    assert_eq!(found["task_definitions"], definition);
    assert_eq!(found["jdbc_is_secret"], json!([true]));
    assert!(found["retention"][0].is_u64(), "{}", found["retention"]);
    let service = json!([{
        "launch": "FARGATE", "subnets": 2, "groups": ["WebApp"], "public": "ENABLED", "targets": 1, "desired": 1
    }]);
    assert_eq!(found["services"], service);
}

fn balancer_and_alarms(found: &serde_json::Value) {
    let balancer =
        json!([{ "type": "application", "scheme": "internet-facing", "zones": 2, "groups": ["Load Balancer HTTPS"] }]);
    assert_eq!(found["load_balancers"], balancer);
    assert_eq!(found["listeners"], json!([["HTTPS", 443, 1, "forward"]]));
    let targets =
        json!([{ "type": "ip", "port": 8080, "path": "/health-check", "sticky": "true", "stickiness": "lb_cookie" }]);
    assert_eq!(found["target_groups"], targets);
    let alarms = json!([
        ["AWS/ApplicationELB", "UnHealthyHostCount", "GreaterThanThreshold", 0.0, 300, 1, 1],
        ["AWS/ECS", "CPUUtilization", "GreaterThanThreshold", 70.0, 300, 1, 1],
        ["AWS/ECS", "MemoryUtilization", "GreaterThanThreshold", 70.0, 300, 1, 1],
        ["AWS/RDS", "FreeStorageSpace", "LessThanThreshold", 1_073_741_824.0, 300, 1, 1]
    ]);
    assert_eq!(found["alarms"], alarms);
    assert_eq!(found["records"], json!([["A", true], ["CNAME", false]]));
}

/// The resources that AWS keeps for some time (and the tagging API lists): the terminated instance, inactive cluster and service.
fn nothing_is_left(found: &serde_json::Value) {
    let counts = found["counts"].as_object().unwrap();
    let left: Vec<_> = counts.iter().filter(|(_, count)| **count != 0).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(found["snapshots"], 1, "the final snapshot is kept");
    let kept =
        [":instance/", ":cluster/", ":service/", ":task-definition/", ":snapshot:", ":volume/", ":network-interface/"];
    let tagged: Vec<_> = found["tagged"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap()).collect();
    let left: Vec<_> = tagged.iter().filter(|arn| !kept.iter().any(|kind| arn.contains(kind))).collect();
    assert!(left.is_empty(), "{left:?}");
}
