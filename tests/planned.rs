//! A plan changes nothing, and a run does what its plan says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    support::{Home, World, text},
    transcripts::check_part,
};

/// Slower than in other tests: on a busy machine a short time-out of the workflow would pass between two checks.
const SPEED: &str = "150";

/// The number of resources by type, action and identity: the name of a created resource, the id of another one.
type Counts = BTreeMap<(String, String, String), usize>;

fn arguments<'a>(workflow: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", workflow, "--rehearse", "--speed", SPEED, "-o", "json"], more].concat()
}

fn lines(output: &[u8]) -> Vec<Value> {
    text(output).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The world of a home, started at this speed by a plan.
fn started(home: &Home) -> World {
    home.succeed(&arguments("endpoints-aws", &["--plan"]));
    home.world()
}

/// Makes a plan, and checks that this changed nothing.
fn plan(home: &Home, world: &World, workflow: &str, more: &[&str], exit: i32) -> Value {
    let before = world.changing_calls().len();
    let output = home.flow(&arguments(workflow, &[&["--plan", "--detailed-exitcode"], more].concat()));
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit), "{said}");
    assert_eq!(world.changing_calls().len(), before, "a plan changed something: {:?}", world.changing_calls());
    let plan = lines(&output.stdout).into_iter().find(|line| line["type"] == "plan");
    plan.unwrap_or_else(|| panic!("no plan: {said}"))
}

/// Counts a resource. Only the run knows the revision of a task definition and the name of a snapshot.
fn count(counts: &mut Counts, kind: &str, action: &str, (id, name): (&str, &str)) {
    let identity = match (action, kind) {
        ("created", "AWS::RDS::DBSnapshot") => "",
        ("created", "AWS::ECS::TaskDefinition") => name.split(':').next().unwrap_or_default(),
        ("created", _) => name,
        _ => id,
    };
    *counts.entry((kind.to_owned(), action.to_owned(), identity.to_owned())).or_default() += 1;
}

fn planned(plan: &Value) -> Counts {
    let mut counts = Counts::new();
    for change in plan["changes"].as_array().unwrap() {
        let action = match change["action"].as_str().unwrap() {
            "create" => "created",
            "update" => "updated",
            "adopt" => "adopted",
            "delete" => "deleted",
            other => other,
        };
        let identity = (change["id"].as_str().unwrap(), change["name"].as_str().unwrap_or_default());
        count(&mut counts, change["resourceType"].as_str().unwrap(), action, identity);
    }
    counts
}

/// Runs, and counts the actions: of a resource that several steps touched the deletion, else the update, else the first
/// one.
fn run(home: &Home, workflow: &str, more: &[&str]) -> Counts {
    let output = home.flow(&arguments(workflow, more));
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    let mut resources: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    for line in lines(&output.stdout) {
        let Some(effect) = effect(&line) else { continue };
        let text = |field: &str| effect[field].as_str().unwrap_or_default().to_owned();
        let change = text("change");
        let (known, _) =
            resources.entry((text("resourceType"), text("id"))).or_insert_with(|| (change.clone(), text("name")));
        if known == "unchanged" || change == "deleted" {
            *known = change;
        }
    }
    let mut counts = Counts::new();
    for ((kind, id), (change, name)) in resources {
        count(&mut counts, &kind, &change, (id.as_str(), name.as_str()));
    }
    counts
}

/// The effect in an entry, at any depth.
fn effect(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(fields) if fields.contains_key("resourceType") => Some(value),
        Value::Object(fields) => fields.values().find_map(effect),
        _ => None,
    }
}

fn of(counts: &Counts, action: &str) -> usize {
    counts.iter().filter(|((_, found, _), _)| found == action).map(|(_, count)| count).sum()
}

/// The number of resources of a type with an action.
fn of_kind(counts: &Counts, kind: &str, action: &str) -> usize {
    let found = counts.iter().filter(|((found, done, _), _)| found == kind && done == action);
    found.map(|(_, count)| count).sum()
}

/// Makes a plan that changes something, runs, and compares them resource by resource.
pub fn agrees(home: &Home, world: &World, workflow: &str, more: &[&str]) {
    let planned_now = planned(&plan(home, world, workflow, more, 10));
    assert_eq!(planned_now, run(home, workflow, more), "{workflow} {more:?}");
}

/// Changes resources of the runbook without the runbook.
const DRIFT: &str = "import boto3, sys\n\
    c = lambda s: boto3.client(s, endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id='x', aws_secret_access_key='x')\n\
    c('rds').modify_db_instance(DBInstanceIdentifier='rehearsal-db', BackupRetentionPeriod=3, ApplyImmediately=True)\n\
    c('cloudwatch').delete_alarms(AlarmNames=['rehearsal-cpu-above-70-percent'])\n\
    c('logs').put_retention_policy(logGroupName='/ecs/rehearsal', retentionInDays=7)\n\
    s = c('ecs').describe_services(cluster='rehearsal', services=['rehearsal'])['services'][0]\n\
    c('ecs').update_service(cluster='rehearsal', service='rehearsal', desiredCount=s['desiredCount'] + 1)";

/// The README of endpoints-aws shows the plan as a person sees it.
fn show_in_the_readme(home: &Home, more: &[&str]) {
    let plan = ["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--plan"];
    check_part("plan", &home.succeed(&[&plan[..], more].concat()));
}

#[test]
fn a_plan_changes_nothing_and_agrees_with_the_run_resource_by_resource() {
    let home = Home::for_rehearsal();
    let world = started(&home);
    let fresh = plan(&home, &world, "endpoints-aws", &[], 10);
    let done = run(&home, "endpoints-aws", &[]);
    assert_eq!(planned(&fresh), done, "a first run");
    assert!(of(&done, "created") > 40, "{done:?}");
    assert!(!fresh["waits"].as_array().unwrap().is_empty());
    for change in fresh["changes"].as_array().unwrap() {
        let is_billed = change["monthlyUsd"].is_f64() || change["noPriceFor"].is_array();
        let kind = change["resourceType"].as_str().unwrap();
        let wanted = ["AWS::RDS::DBInstance", "AWS::EC2::Instance", "AWS::ECS::Service", "AWS::CloudWatch::Alarm"];
        assert!(is_billed || !wanted.contains(&kind), "{change} has no cost");
        assert!(!is_billed || kind != "AWS::EC2::VPC", "{change} is free");
    }
    let needed = fresh["permissions"]["needed"].as_array().unwrap();
    assert!(needed.contains(&json!("iam:PassRole")) && needed.contains(&json!("ec2:CreateVpc")), "{needed:?}");

    let second = plan(&home, &world, "endpoints-aws", &[], 0);
    assert_eq!(planned(&second), run(&home, "endpoints-aws", &[]), "a second run");
    assert_eq!(second["summary"].as_str().unwrap().matches("unchanged").count(), 1, "{}", second["summary"]);

    world.python(DRIFT);
    let image = ["--set", "application.image=example.test/image:2"];
    let drifted = plan(&home, &world, "endpoints-aws", &image, 10);
    show_in_the_readme(&home, &image);
    let fields: Vec<_> = drifted["changes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|change| change["fields"].as_array().unwrap())
        .map(|field| format!("{} {}", field["field"].as_str().unwrap(), field["to"].as_str().unwrap()))
        .collect();
    for wanted in ["backupRetentionDays 7", "retentionDays 30", "desiredCount 1", "image example.test/image:2"] {
        assert!(fields.iter().any(|field| field == wanted), "{wanted} is not in {fields:?}");
    }
    let done = run(&home, "endpoints-aws", &image);
    assert_eq!(planned(&drifted), done, "a run after a drift");
    assert!(of(&done, "updated") >= 3 && of(&done, "created") == 2, "{done:?}");

    let less = ["--set", "bastion.enabled=false", "--set", "alarms.enabled=false", "--set", "domain=other.example.com"];
    let less = [&image[..], &less].concat();
    let switched_off = plan(&home, &world, "endpoints-aws", &less, 10);
    assert_eq!(
        planned(&switched_off),
        run(&home, "endpoints-aws", &less),
        "at another domain without bastion and alarms"
    );
    for kind in ["AWS::EC2::Instance", "AWS::EC2::KeyPair", "AWS::EC2::SecurityGroup", "AWS::SNS::Topic"] {
        assert_eq!(of_kind(&planned(&switched_off), kind, "deleted"), 1, "{kind}");
    }
    let balancer = "AWS::ElasticLoadBalancingV2::LoadBalancer";
    assert_eq!(of_kind(&planned(&switched_off), balancer, "updated"), 1, "the tag with the domain");
    plan(&home, &world, "endpoints-aws", &less, 0);

    let teardown = plan(&home, &world, "endpoints-aws-teardown", &[], 10);
    let done = run(&home, "endpoints-aws-teardown", &[]);
    assert_eq!(planned(&teardown), done, "a teardown");
    assert!(of(&done, "deleted") > 30, "{done:?}");
    plan(&home, &world, "endpoints-aws-teardown", &[], 0);
}

#[test]
fn a_saved_plan_is_applied_exactly_or_refused() {
    let home = Home::for_rehearsal();
    run(&home, "endpoints-aws", &[]);
    let world = home.world();
    let image = ["--set", "application.image=example.test/image:2"];
    let saved = plan(&home, &world, "endpoints-aws", &image, 10);
    let file = home.path().join("plan.json");
    std::fs::write(&file, saved.to_string()).unwrap();
    let file = file.to_str().unwrap();
    world.python(DRIFT);
    let before = world.changing_calls().len();
    let apply = ["run", "--plan-file", file, "--rehearse", "--speed", SPEED];
    let said = home.exits(&apply, 3);
    assert!(said.contains("does not fit any more") && said.contains("backupRetentionDays"), "{said}");
    assert_eq!(world.changing_calls().len(), before, "a refused plan changed something");
    let saved = plan(&home, &world, "endpoints-aws", &image, 10);
    std::fs::write(file, saved.to_string()).unwrap();
    let said = home.exits(&apply, 0);
    assert!(said.contains("updated"), "{said}");
    let said = home.exits(&["run", "endpoints-aws-teardown", "--plan-file", file, "--rehearse"], 3);
    assert!(said.contains("is a plan of endpoints-aws"), "{said}");
}

#[test]
fn a_run_that_would_be_refused_has_a_plan_that_says_so() {
    let home = Home::for_rehearsal();
    let world = started(&home);
    let faults = ["--fault", "route53:zone=not-delegated", "--fault", "rds:offers=none"];
    let plan = plan(&home, &world, "endpoints-aws", &faults, 3);
    let cause = plan["refusal"]["cause"].as_str().unwrap();
    assert!(cause.contains("NS records") && cause.contains("RDS does not offer"), "{cause}");
}

#[test]
fn a_plan_of_a_deployment_with_an_unfinished_execution_is_refused_as_the_run_is() {
    let home = Home::for_rehearsal();
    let world = started(&home);
    // Before the first change: a changing call in flight could arrive after the kill, and be counted as the plan's.
    home.flow(&arguments("endpoints-aws", &["--fault", "kill@Check that what exists can change"]));
    let plan = plan(&home, &world, "endpoints-aws", &[], 3);
    let refusal = &plan["refusal"];
    assert_eq!(refusal["error"], "SubjectBusy", "{refusal}");
    assert!(refusal["cause"].as_str().unwrap().contains("flow resume "), "{refusal}");
    let said = home.exits(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED], 3);
    assert!(said.contains("has not ended"), "{said}");
}

#[test]
fn quiet_shows_only_changes() {
    let home = Home::for_rehearsal();
    home.succeed(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED]);
    let quiet = |more: &[&str], exit: i32| {
        let output = home.flow(&[&["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--quiet"], more].concat());
        assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(quiet(&["--plan"], 0), "");
    let image = ["--set", "application.image=example.test/image:2"];
    let plan = quiet(&[&image[..], &["--plan"]].concat(), 0);
    assert!(plan.contains("create    AWS::ECS::TaskDefinition") && plan.contains("image: "), "{plan}");
    let refused = quiet(&["--plan", "--set", "database.username=other"], 3);
    assert!(refused.contains("Refused: ") && refused.contains("database.username"), "{refused}");
    let failed = quiet(&["--plan", "--fault", "rds:database=failed"], 3);
    assert!(failed.contains("The run would start and then fail (exit code 1)"), "{failed}");
    // What a fault broke stays broken until a command repairs it.
    let done = quiet(&[&image[..], &["--fault", "rds:database=available"]].concat(), 0);
    assert!(done.contains("AWS::ECS::TaskDefinition") && !done.contains("unchanged  "), "{done}");
}

#[test]
fn an_option_that_a_rehearsal_would_ignore_is_refused() {
    let home = Home::plain();
    for option in [["--region", "us-west-2"], ["--profile", "mine"]] {
        let said = home.exits(&[&["run", "endpoints-aws", "--rehearse", "--plan"], &option[..]].concat(), 3);
        assert!(said.contains(option[0]) && said.contains("has no effect with --rehearse"), "{said}");
    }
}

/// Opens the database and SSH to the Internet without the runbook.
const OPENED: &str = "import boto3, sys\n\
    c = boto3.client('ec2', endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id='x', aws_secret_access_key='x')\n\
    g = {g['GroupName']: g['GroupId'] for g in c.describe_security_groups()['SecurityGroups']}\n\
    c.authorize_security_group_ingress(GroupId=g['DB'], IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 5432, 'ToPort': 5432, 'IpRanges': [{'CidrIp': '0.0.0.0/0'}]}])";

#[test]
fn a_database_that_a_person_opened_to_the_internet_is_named_in_plan_and_run() {
    let home = Home::for_rehearsal();
    run(&home, "endpoints-aws", &[]);
    let world = home.world();
    world.python(OPENED);
    let opened = plan(&home, &world, "endpoints-aws", &[], 0);
    let notes = opened["notes"].to_string();
    assert!(notes.contains("Security group DB") && notes.contains("lets 0.0.0.0/0 in on tcp port 5432"), "{notes}");
    let said = home.succeed(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED]);
    assert!(said.contains("lets 0.0.0.0/0 in on tcp port 5432"), "{said}");
}
