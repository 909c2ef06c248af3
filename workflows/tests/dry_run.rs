//! Runs the definitions against steps that answer as the contract says.

use serde_json::{Value, json};

use super::{
    contract,
    interpreter::{Failure, Interpreter},
};
use crate::find;

struct Run {
    outcome: Result<Value, Failure>,
    visited: Vec<String>,
    calls: Vec<(String, Value)>,
}

impl Run {
    fn output(&self) -> &Value {
        self.outcome.as_ref().unwrap()
    }

    fn visits(&self, name: &str) -> usize {
        self.visited.iter().filter(|visited| *visited == name).count()
    }

    fn call(&self, resource: &str) -> &Value {
        &self.calls.iter().find(|(name, _)| name == resource).unwrap_or_else(|| panic!("no call of {resource}")).1
    }

    fn position(&self, resource: &str) -> usize {
        self.calls.iter().position(|(name, _)| name == resource).unwrap_or_else(|| panic!("no call of {resource}"))
    }
}

fn run(workflow: &str, input: Value, special: &dyn Fn(&str) -> Option<Value>) -> Run {
    let workflow = find(workflow).unwrap();
    let input = workflow.prepare_input(input).unwrap();
    let mut calls = Vec::new();
    let mut steps = |resource: &str, arguments: &Value| {
        calls.push((resource.to_owned(), arguments.clone()));
        special(resource).unwrap_or_else(|| answer(resource))
    };
    let mut interpreter = Interpreter { steps: &mut steps, visited: Vec::new() };
    let outcome = interpreter.run(&workflow.definition().unwrap(), input);
    let visited = std::mem::take(&mut interpreter.visited);
    Run { outcome, visited, calls }
}

fn answer(resource: &str) -> Value {
    let output = contract::find(resource).unwrap().output;
    output.into_iter().map(|field| (field.to_owned(), field_value(field))).collect::<serde_json::Map<_, _>>().into()
}

fn field_value(field: &str) -> Value {
    match field {
        "zones" => json!(["eu-central-1a", "eu-central-1b"]),
        "region" => json!("eu-central-1"),
        "partition" => json!("aws"),
        "subnetIds" => json!(["subnet-1", "subnet-2"]),
        "found" | "pendingConfirmation" | "loggedIn" => json!(true),
        "isApex" | "isModified" => json!(false),
        "port" => json!(5432),
        "allocatedStorageGib" | "rootVolumeGib" => json!(20),
        "loadBalancerArn" => json!("arn:aws:elasticloadbalancing:r:1:loadbalancer/app/x-https/50dc"),
        "targetGroupArn" => json!("arn:aws:elasticloadbalancing:r:1:targetgroup/x-app/73e2"),
        "stays" | "notes" | "otherEmails" => json!([]),
        "instanceIds" => json!(["<instanceId>"]),
        "keyPairIds" => json!(["<keyPairId>"]),
        "groupIds" => json!(["<groupId>"]),
        "names" => json!(["<name>"]),
        "topicArns" => json!(["<topicArn>"]),
        "groupsToClose" => json!([{ "groupId": "<groupId>", "ruleIds": [], "databaseRuleIds": [] }]),
        "earlierRuleIds" => json!(["<ruleId>"]),
        "total" => json!(0),
        other => json!(format!("<{other}>")),
    }
}

fn endpoints(input: Value) -> Run {
    run("endpoints-aws", input, &|_| None)
}

fn minimal() -> Value {
    json!({ "deployment": "shop", "domain": "endpoints.example.com" })
}

#[test]
fn with_little_input_the_whole_document_is_carried_out() {
    let run = endpoints(find("endpoints-aws").unwrap().rehearsal_input());
    let output = run.output();
    assert_eq!(output["url"], "https://endpoints.example.com/");
    assert_eq!(output["portalUrl"], "https://endpoints.example.com/service-portal");
    assert_eq!(output["subnetIds"], json!(["<subnetId>", "<subnetId>"]));
    let tunnel = r#"ssh -i "<privateKeyFile>" -L 5432:<address>:5432 ubuntu@<publicIp>"#;
    assert_eq!(output["databaseAccess"]["tunnel"], tunnel);
    let warnings = output["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].as_str().unwrap().contains("admin/admin"));
    assert_eq!(run.calls.iter().filter(|(name, _)| name == "flow:ec2:authorizeIngress").count(), 5);
    assert_eq!(run.calls.iter().filter(|(name, _)| name == "flow:cloudwatch:putAlarm").count(), 4);
}

#[test]
fn nothing_is_changed_before_the_preflight_is_through() {
    let run = endpoints(minimal());
    let first_change = run.position("flow:acm:requestCertificate").min(run.position("flow:ec2:createVpc"));
    assert!(run.position("flow:preflight:checkNames") < first_change);
    let refused = endpoints(json!({ "deployment": "shop", "domain": "a.example.com", "region": "us-east-1" }));
    let failure = refused.outcome.as_ref().unwrap_err();
    assert!(failure.error == "Flow.Refused" && failure.cause.contains("us-east-1"), "{failure:?}");
    assert_eq!(refused.calls.len(), 1);
}

#[test]
fn a_user_without_the_bastions_private_key_is_warned() {
    let note = "This user cannot log in to the bastion: its private key, shop-bastion.pem, is not in this home.";
    let generated = json!({ "publicKey": "ssh-ed25519 AAAA", "privateKeyFile": null, "notes": [note] });
    let run = run("endpoints-aws", minimal(), &|name| (name == "flow:ssh:generateKey").then(|| generated.clone()));
    let warnings = run.output()["warnings"].to_string();
    assert!(warnings.contains("cannot log in to the bastion") && warnings.contains("-bastion.pem"), "{warnings}");
}

#[test]
fn lists_stay_lists_even_with_one_entry() {
    let run = endpoints(minimal());
    assert_eq!(run.call("flow:ec2:runInstance")["groupIds"], json!(["<groupId>"]));
    assert_eq!(run.call("flow:iam:putRolePolicy")["secretArns"], json!(["<secretArn>"]));
    assert_eq!(run.call("flow:ecs:createService")["subnetIds"], json!(["<subnetId>", "<subnetId>"]));
    let warnings = endpoints(json!({
        "deployment": "shop", "domain": "a.example.com",
        "sshSourceCidr": "203.0.113.0/24", "alarms": { "enabled": false },
    }));
    assert_eq!(warnings.output()["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn numbers_reach_the_steps_as_whole_numbers() {
    let run = endpoints(minimal());
    assert!(run.call("flow:ecs:registerTaskDefinition")["cpu"].is_u64());
    let storage = run.calls.iter().rfind(|(name, _)| name == "flow:cloudwatch:putAlarm").unwrap();
    assert_eq!(storage.1["threshold"], json!(1_073_741_824));
    let hosts = run.calls.iter().find(|(_, arguments)| arguments["metricName"] == "UnHealthyHostCount").unwrap();
    assert_eq!(
        hosts.1["dimensions"],
        json!({ "LoadBalancer": "app/x-https/50dc", "TargetGroup": "targetgroup/x-app/73e2" })
    );
}

#[test]
fn dns_elsewhere_shows_both_records_to_a_person() {
    let zone = json!({ "found": false, "hostedZoneId": null, "zoneName": null, "isApex": false });
    let run = run("endpoints-aws", minimal(), &|name| (name == "flow:route53:findHostedZone").then(|| zone.clone()));
    assert_eq!(run.visits("Wait until somebody makes the record and the certificate is issued"), 1);
    assert_eq!(run.visits("Wait until somebody points the domain at the load balancer"), 1);
    assert_eq!(run.call("flow:acm:waitForCertificate")["instructions"], true);
    assert!(
        !run.calls.iter().any(|(name, _)| name.starts_with("flow:route53:") && name != "flow:route53:findHostedZone")
    );
}

#[test]
fn every_other_choice_leads_to_the_end() {
    let email = endpoints(json!({
        "deployment": "shop", "domain": "a.example.com", "certificate": { "validation": "EMAIL" },
        "vpc": { "mode": "default" }, "application": { "mode": "single", "timezoneId": "Europe/Berlin" },
        "bastion": { "enabled": false }, "alarms": { "enabled": false },
    }));
    assert_eq!(email.output()["portalUrl"], Value::Null);
    assert_eq!(email.output()["databaseAccess"]["tunnel"], Value::Null);
    assert_eq!(email.output()["warnings"], json!([]));
    assert_eq!(email.visits("Create group SSH from Internet"), 0);
    let environment = &email.call("flow:ecs:registerTaskDefinition")["environment"];
    assert_eq!(environment["ENDPOINTS_SINGLE_APPLICATION_MODE_TIMEZONE_ID"], "Europe/Berlin");
    assert_eq!(email.call("flow:ec2:createSecurityGroup")["name"], "shop Load Balancer HTTPS");

    let existing = endpoints(json!({
        "deployment": "shop", "domain": "a.example.com",
        "certificate": { "validation": "EXISTING", "arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1-2" },
        "vpc": { "mode": "existing", "id": "vpc-0123456789abcdef0" },
        "bastion": { "instanceType": "t4g.micro", "keyPair": { "existing": "mine" } },
    }));
    assert_eq!(existing.call("flow:ec2:findUbuntuImage")["architecture"], "arm64");
    assert_eq!(existing.call("flow:ssh:waitForLogin")["privateKeyFile"], Value::Null);
    assert_eq!(existing.call("flow:ecs:createService")["subnetIds"], json!(["subnet-1", "subnet-2"]));
    assert_eq!(existing.output()["databaseAccess"]["tunnel"], "ssh -L 5432:<address>:5432 ubuntu@<publicIp>");

    let file = endpoints(json!({
        "deployment": "shop", "domain": "a.example.com",
        "bastion": { "keyPair": { "publicKeyFile": "k.pub", "privateKeyFile": "k" } },
    }));
    assert_eq!(file.call("flow:ssh:waitForLogin")["privateKeyFile"], "k");
    assert_eq!(file.call("flow:ec2:importKeyPair")["publicKey"], "<publicKey>");
}

fn found() -> Value {
    json!({
        "alarmNames": ["a1", "a2"], "topicArns": ["t"], "services": [{ "clusterArn": "c", "serviceName": "s" }],
        "records": [{ "hostedZoneId": "Z", "name": "n", "type": "A" }], "listenerArns": ["l"],
        "loadBalancerArns": ["lb"], "targetGroupArns": ["tg"], "taskDefinitionArns": ["td1", "td2"],
        "clusterArns": ["c"], "logGroupNames": ["lg"],
        "roles": [{ "name": "r", "attachedPolicyArns": ["p"], "inlinePolicyNames": ["i1", "i2"] }],
        "secretArns": ["s1", "s2"],
        "databases": [{ "identifier": "db", "arn": "a1", "deletionProtection": true }, { "identifier": "db2", "arn": "a2", "deletionProtection": false }],
        "databaseSubnetGroupNames": ["sg"], "instanceIds": ["i-1"], "keyPairIds": ["k"],
        "securityGroups": [{ "groupId": "g1", "name": "DB" }, { "groupId": "g2", "name": "WebApp" }],
        "routeTables": [{ "routeTableId": "rtb", "associationIds": ["as1", "as2"], "destinationCidrs": ["0.0.0.0/0"] }],
        "internetGateways": [{ "internetGatewayId": "igw", "vpcId": "vpc" }],
        "subnetIds": ["s1", "s2"], "vpcIds": ["vpc"], "certificateArns": ["cert"], "total": 30,
        "stays": ["DNS record _x CNAME: shared", "INACTIVE task definitions: shop:0"],
    })
}

fn nothing_found() -> Value {
    let mut nothing = found();
    nothing["stays"] = json!([]);
    for list in nothing.as_object_mut().unwrap().values_mut() {
        *list = json!([]);
    }
    nothing["total"] = json!(0);
    nothing
}

/// Runs the teardown; `found` is the answer of `teardown:find`.
fn teardown(input: Value, found: Value) -> Run {
    run("endpoints-aws-teardown", input, &|name| match name {
        "flow:teardown:find" => Some(found.clone()),
        "flow:teardown:waitForNothingLeft" => Some(json!({ "stays": ["INACTIVE task definitions: shop:1"] })),
        "flow:rds:deleteDatabase" => Some(json!({ "finalSnapshotIdentifier": "snap" })),
        _ => None,
    })
}

fn confirmed() -> Value {
    json!({ "deployment": "shop", "confirm": "shop" })
}

#[test]
fn the_teardown_removes_everything_it_found_in_the_order_aws_demands() {
    let run = teardown(confirmed(), found());
    assert_eq!(
        *run.output(),
        json!({
            "deployment": "shop", "removed": 30, "finalSnapshotIdentifiers": ["snap", "snap"], "notes": [],
            "stays": ["DNS record _x CNAME: shared", "INACTIVE task definitions: shop:1"],
        })
    );
    let order = [
        "teardown:checkDeletions",
        "cloudwatch:deleteAlarms",
        "ecs:scaleServiceToZero",
        "ecs:deleteService",
        "ecs:waitForServiceInactive",
        "route53:deleteRecord",
        "elbv2:deleteListener",
        "elbv2:deleteLoadBalancer",
        "elbv2:waitForLoadBalancerDeleted",
        "elbv2:deleteTargetGroup",
        "ecs:deleteCluster",
        "iam:detachRolePolicy",
        "iam:deleteRolePolicy",
        "iam:deleteRole",
        "rds:disableDeletionProtection",
        "rds:deleteDatabase",
        "rds:waitForDatabaseDeleted",
        "rds:deleteSubnetGroup",
        "ec2:revokeAllIngress",
        "ec2:deleteSecurityGroup",
        "ec2:disassociateRouteTable",
        "ec2:deleteRoute",
        "ec2:deleteRouteTable",
        "ec2:detachInternetGateway",
        "ec2:deleteInternetGateway",
        "ec2:deleteSubnet",
        "ec2:deleteVpc",
        "acm:deleteCertificate",
    ];
    let positions: Vec<usize> = order.iter().map(|name| run.position(&format!("flow:{name}"))).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    assert_eq!(
        run.call("flow:teardown:checkDeletions"),
        &json!({
            "deployment": "shop", "finalSnapshot": true, "databaseIdentifiers": ["db", "db2"], "instanceIds": ["i-1"],
            "groupIds": ["g1", "g2"], "subnetIds": ["s1", "s2"], "vpcIds": ["vpc"],
        })
    );
    assert_eq!(run.visits("Switch the deletion protection off"), 1);
    assert_eq!(run.visits("Delete the inline policy"), 2);
    assert_eq!(run.visits("Disassociate the subnet"), 2);
    assert_eq!(run.call("flow:iam:deleteRolePolicy"), &json!({ "roleName": "r", "policyName": "i1" }));
}

#[test]
fn the_teardown_of_nothing_is_done_at_once() {
    let run = teardown(confirmed(), nothing_found());
    assert_eq!(run.output()["removed"], 0);
    // The caller's identity, the search, and the check of what was found.
    assert_eq!(run.calls.len(), 3);
}

#[test]
fn a_half_built_deployment_without_some_things_is_removed_as_well() {
    let mut some = nothing_found();
    some["vpcIds"] = json!(["vpc"]);
    some["internetGateways"] = json!([{ "internetGatewayId": "igw", "vpcId": null }]);
    some["total"] = json!(2);
    let run = teardown(confirmed(), some);
    assert_eq!(run.output()["finalSnapshotIdentifiers"], json!([]));
    assert_eq!(run.visits("Detach the internet gateway"), 0);
    assert_eq!(run.visits("Delete the VPC"), 1);
}
