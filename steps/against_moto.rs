//! Runs the steps of network, keys, instance, certificate and DNS against a running moto, each twice, and the SDK integrations of S3.
//!
//! Runs only if `FLOW_TEST_AWS_ENDPOINT` is the URL of a moto (such as `http://127.0.0.1:5000`). The tests reset it
//! first.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    sync::Arc,
};

use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError};
use serde_json::{Value, json};

use crate::{Environment, registry, test_server::addresses};

const ENDPOINT_VARIABLE: &str = "FLOW_TEST_AWS_ENDPOINT";
const DOMAIN: &str = "endpoints.example.com";
const POLLS_MAX: u32 = 200;

/// The right to use the moto that all tests share, until the file is closed: each test resets it. A lock on a file: it also
/// excludes tests in other processes.
fn moto() -> File {
    let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/against_moto.rs")).unwrap();
    file.lock().unwrap();
    file
}

/// An execution that calls steps by name, as the engine does, and records their resource changes.
struct Execution {
    registry: Registry,
    id: &'static str,
    created: BTreeMap<String, u64>,
    remembers: bool,
    visits: u64,
    changes: Vec<ResourceChange>,
}

impl Execution {
    fn new(environment: &Arc<Environment>, id: &'static str) -> Self {
        let registry = registry(Arc::clone(environment));
        Execution { registry, id, created: BTreeMap::new(), remembers: true, visits: 0, changes: Vec::new() }
    }

    async fn run(&mut self, name: &str, input: Value) -> Value {
        self.try_run(name, input).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    async fn try_run(&mut self, name: &str, input: Value) -> Result<Value, StepError> {
        self.visits += 1;
        let step = self.registry.find(&format!("flow:{name}")).unwrap_or_else(|| panic!("no step {name}"));
        for poll in 1..=POLLS_MAX {
            let context = StepContext {
                execution: self.id.to_owned(),
                poll,
                visit: self.visits,
                token: format!("{:064x}", self.visits),
                created: Arc::new(self.created.clone()),
                ..StepContext::for_test(&format!("Test/{name}"))
            };
            match step.poll(context, input.clone()).await? {
                Answer::Pending(_) => tokio::task::yield_now().await,
                Answer::Done(done) => {
                    let made =
                        done.changes.iter().filter(|resource_change| resource_change.action == ChangeAction::Created);
                    if self.remembers {
                        self.created.extend(made.map(|resource_change| (resource_change.id.clone(), 0)));
                    }
                    self.changes.extend(done.changes);
                    return Ok(done.output);
                }
            }
        }
        panic!("{name} is still pending after {POLLS_MAX} polls");
    }

    fn changes(&self) -> BTreeSet<String> {
        self.changes.iter().map(|resource_change| format!("{:?}", resource_change.action)).collect()
    }
}

/// Creates everything of these services that a deployment needs. Returns the outputs.
async fn deploy(execution: &mut Execution) -> Value {
    let deployment = "demo";
    let identity = execution.run("sts:getCallerIdentity", json!({})).await;
    assert_eq!(identity["region"], "eu-central-1");
    let zones = execution.run("ec2:describeAvailabilityZones", json!({"count": 2})).await;
    let vpc = execution.run("ec2:createVpc", json!({"deployment": deployment, "cidr": "10.100.0.0/16"})).await["vpcId"]
        .clone();
    for step in ["ec2:waitForVpc", "ec2:enableVpcDnsSupport", "ec2:enableVpcDnsHostnames"] {
        execution.run(step, json!({"vpcId": vpc})).await;
    }
    let gateway =
        execution.run("ec2:createInternetGateway", json!({"deployment": deployment})).await["internetGatewayId"]
            .clone();
    execution.run("ec2:attachInternetGateway", json!({"internetGatewayId": gateway, "vpcId": vpc})).await;
    let table = execution.run("ec2:createRouteTable", json!({"deployment": deployment, "vpcId": vpc})).await;
    let table = table["routeTableId"].clone();
    let route = json!({"routeTableId": table, "destinationCidr": "0.0.0.0/0", "internetGatewayId": gateway});
    execution.run("ec2:createRoute", route).await;
    let mut subnets = Vec::new();
    let mut associations = Vec::new();
    for (n, cidr) in ["10.100.10.0/26", "10.100.10.64/26"].into_iter().enumerate() {
        let input = json!({
            "deployment": deployment, "name": format!("demo-{n}"), "vpcId": vpc, "cidr": cidr,
            "availabilityZone": zones["zones"][n],
        });
        let subnet = execution.run("ec2:createSubnet", input).await["subnetId"].clone();
        execution.run("ec2:waitForSubnet", json!({"subnetId": subnet})).await;
        let input = json!({"routeTableId": table, "subnetId": subnet});
        associations.push(execution.run("ec2:associateRouteTable", input).await["associationId"].clone());
        subnets.push(subnet);
    }
    let used = execution.run("ec2:useVpc", json!({"vpcId": vpc})).await;
    assert_eq!(used["subnetIds"], json!(subnets));
    let groups = security_groups(execution, deployment, &vpc).await;
    let (key_pair, instance) = bastion(execution, deployment, &subnets[0], &groups[0]).await;
    let certificate = certificate_and_records(execution, deployment).await;
    json!({
        "vpc": vpc, "gateway": gateway, "table": table, "subnets": subnets, "associations": associations,
        "groups": groups, "keyPair": key_pair, "instance": instance, "certificate": certificate,
    })
}

async fn security_groups(execution: &mut Execution, deployment: &str, vpc: &Value) -> Vec<Value> {
    let mut groups = Vec::new();
    for name in ["SSH from Internet", "Load Balancer HTTPS", "WebApp"] {
        let input = json!({"deployment": deployment, "vpcId": vpc, "name": name, "description": name});
        groups.push(execution.run("ec2:createSecurityGroup", input).await["groupId"].clone());
    }
    let rule = |group: &Value, port: (i32, i32), source: (&str, &Value)| {
        let mut rule = json!({
            "groupId": group, "protocol": "tcp", "fromPort": port.0, "toPort": port.1, "description": "test",
        });
        rule[source.0] = source.1.clone();
        rule
    };
    let anywhere = json!("0.0.0.0/0");
    execution.run("ec2:authorizeIngress", rule(&groups[0], (22, 22), ("cidr", &anywhere))).await;
    execution.run("ec2:authorizeIngress", rule(&groups[1], (443, 443), ("cidr", &anywhere))).await;
    let from_load_balancer = rule(&groups[2], (0, 65535), ("sourceGroupId", &groups[1]));
    execution.run("ec2:authorizeIngress", from_load_balancer).await;
    groups
}

async fn bastion(execution: &mut Execution, deployment: &str, subnet: &Value, group: &Value) -> (Value, Value) {
    let key = execution.run("ssh:generateKey", json!({"deployment": deployment, "keyName": "demo-bastion"})).await;
    let input = json!({"deployment": deployment, "keyName": "demo-bastion", "publicKey": key["publicKey"]});
    let key_pair = execution.run("ec2:importKeyPair", input).await["keyPairId"].clone();
    let used = execution.run("ec2:useKeyPair", json!({"keyName": "demo-bastion"})).await;
    assert_eq!(used["keyPairId"], key_pair);
    let image = execution.run("ec2:findUbuntuImage", json!({"release": "24.04", "architecture": "amd64"})).await;
    let input = json!({
        "deployment": deployment, "name": "demo-bastion", "imageId": image["imageId"], "instanceType": "t3.micro",
        "rootDeviceName": image["rootDeviceName"], "rootVolumeGib": image["rootVolumeGib"],
        "subnetId": subnet, "groupIds": [group], "keyName": "demo-bastion",
    });
    let instance = execution.run("ec2:runInstance", input).await["instanceId"].clone();
    let running = execution.run("ec2:waitForInstanceRunning", json!({"instanceId": instance})).await;
    assert!(running["publicIp"].as_str().unwrap().contains('.'));
    execution.run("ec2:waitForInstanceStatus", json!({"instanceId": instance})).await;
    (key_pair, instance)
}

async fn certificate_and_records(execution: &mut Execution, deployment: &str) -> Value {
    let zone = execution.run("route53:findHostedZone", json!({"domain": DOMAIN})).await;
    assert_eq!(zone["found"], true);
    assert_eq!(zone["zoneName"], "example.com");
    let zone = zone["hostedZoneId"].clone();
    let input = json!({"deployment": deployment, "domain": DOMAIN, "validationMethod": "DNS"});
    let certificate = execution.run("acm:requestCertificate", input).await["certificateArn"].clone();
    let record = execution.run("acm:describeValidation", json!({"certificateArn": certificate})).await;
    let input = json!({
        "deployment": deployment, "hostedZoneId": zone, "name": record["name"], "type": record["type"],
        "value": record["value"], "ttlSeconds": 300,
    });
    let change = execution.run("route53:upsertRecord", input).await;
    execution.run("route53:waitForChange", json!({"changeId": change["changeId"]})).await;
    let input = json!({"certificateArn": certificate, "domain": DOMAIN, "validationMethod": "DNS", "record": record});
    let issued = execution.run("acm:waitForCertificate", input).await;
    assert_eq!(issued["status"], "ISSUED");
    assert!(issued["notAfter"].as_str().unwrap().ends_with('Z'), "{issued}");
    let used = execution.run("acm:useCertificate", json!({"certificateArn": certificate, "domain": DOMAIN})).await;
    assert_eq!(used["certificateArn"], certificate);
    let alias = json!({
        "deployment": deployment, "hostedZoneId": zone, "name": DOMAIN,
        "dnsName": "demo-1.eu-central-1.elb.amazonaws.com",
        "canonicalHostedZoneId": "Z215JYRZR1TBD5", "overwrite": false,
    });
    let change = execution.run("route53:createAlias", alias).await;
    execution.run("route53:waitForChange", json!({"changeId": change["changeId"]})).await;
    json!({"arn": certificate, "zone": zone, "record": record})
}

async fn tear_down(execution: &mut Execution, made: &Value) {
    let certificate = &made["certificate"];
    for (name, kind) in [(&json!(DOMAIN), &json!("A")), (&certificate["record"]["name"], &json!("CNAME"))] {
        let input = json!({"hostedZoneId": certificate["zone"], "name": name, "type": kind});
        execution.run("route53:deleteRecord", input).await;
    }
    execution.run("ec2:terminateInstance", json!({"instanceId": made["instance"]})).await;
    execution.run("ec2:waitForInstanceTerminated", json!({"instanceId": made["instance"]})).await;
    execution.run("ec2:deleteKeyPair", json!({"keyPairId": made["keyPair"]})).await;
    let groups = made["groups"].as_array().unwrap();
    for step in ["ec2:revokeAllIngress", "ec2:deleteSecurityGroup"] {
        for group in groups {
            execution.run(step, json!({"groupId": group})).await;
        }
    }
    for association in made["associations"].as_array().unwrap() {
        execution.run("ec2:disassociateRouteTable", json!({"associationId": association})).await;
    }
    let table = &made["table"];
    execution.run("ec2:deleteRoute", json!({"routeTableId": table, "destinationCidr": "0.0.0.0/0"})).await;
    execution.run("ec2:deleteRouteTable", json!({"routeTableId": table})).await;
    let attachment = json!({"internetGatewayId": made["gateway"], "vpcId": made["vpc"]});
    execution.run("ec2:detachInternetGateway", attachment).await;
    execution.run("ec2:deleteInternetGateway", json!({"internetGatewayId": made["gateway"]})).await;
    for subnet in made["subnets"].as_array().unwrap() {
        execution.run("ec2:deleteSubnet", json!({"subnetId": subnet})).await;
    }
    execution.run("ec2:deleteVpc", json!({"vpcId": made["vpc"]})).await;
    execution.run("acm:deleteCertificate", json!({"certificateArn": certificate["arn"]})).await;
}

fn names() -> Value {
    json!({
        "deployment": "demo", "loadBalancerName": "demo", "targetGroupName": "demo", "databaseIdentifier": "demo",
        "databaseSubnetGroupName": "demo", "clusterName": "demo", "roleName": "demo",
        "secretNames": ["demo/a", "demo/b"],
        "logGroupName": "/ecs/demo", "topicName": "demo", "keyPairName": "demo-bastion", "alarmNames": ["demo-cpu"],
    })
}

async fn all_tagged(environment: &Environment) -> usize {
    let call = environment.client_for_reads(aws_sdk_resourcegroupstagging::Client::new).get_resources();
    let filter =
        aws_sdk_resourcegroupstagging::types::TagFilter::builder().key("flow:deployment").values("demo").build();
    call.tag_filters(filter).send().await.unwrap().resource_tag_mapping_list().len()
}

async fn instance_is_as_wanted(environment: &Environment, instance_id: &str) {
    let ec2 = environment.ec2_reads();
    let of_instance = |name: &str| aws_sdk_ec2::types::Filter::builder().name(name).values(instance_id).build();
    let volumes = ec2.describe_volumes().filters(of_instance("attachment.instance-id")).send().await.unwrap();
    let [volume] = volumes.volumes() else { panic!("{volumes:?}") };
    assert_eq!(volume.encrypted(), Some(true));
    assert_eq!(volume.volume_type().map(|kind| kind.as_str()), Some("gp3"));
    assert!(crate::found_tags!(volume.tags()).is_ours("demo"), "{volume:?}");
    let found = ec2.describe_instances().instance_ids(instance_id).send().await.unwrap();
    let instance = &found.reservations()[0].instances()[0];
    assert_eq!(instance.metadata_options().unwrap().http_tokens().unwrap().as_str(), "required");
    assert_eq!(instance.key_name(), Some("demo-bastion"));
    assert_eq!(instance.network_interfaces()[0].groups().len(), 1);
}

#[tokio::test]
async fn a_second_run_finds_everything_and_a_teardown_leaves_nothing() {
    let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) else {
        println!("skipped: {ENDPOINT_VARIABLE} names no moto");
        return;
    };
    let _moto = moto();
    let keys = tempfile::tempdir().unwrap();
    let environment = Environment::for_rehearsal(addresses(endpoint.clone())).unwrap();
    let environment = Arc::new(environment.with_keys_directory(keys.path()));
    let reset = environment.https().post(format!("{endpoint}/moto-api/reset")).send().await;
    assert!(reset.unwrap().status().is_success());
    for zone in ["example.com", "endpoints.example.org"] {
        let call = environment.route53().create_hosted_zone().name(zone).caller_reference(zone);
        call.send().await.unwrap();
    }

    let mut first = Execution::new(&environment, "demo-0001");
    let free = first.run("preflight:checkNames", names()).await;
    assert_eq!(free["ours"], json!([]));
    let made = deploy(&mut first).await;
    assert!(!first.changes().contains("Updated"), "{:?}", first.changes);
    let tagged = all_tagged(&environment).await;
    instance_is_as_wanted(&environment, made["instance"].as_str().unwrap()).await;
    // Without a record of created resources, as after a crash before each commit, a second run must not create a second
    // resource.
    first.created.clear();
    first.remembers = false;
    let again = deploy(&mut first).await;
    assert_eq!(again, made, "a lost answer creates no second resource");
    assert_eq!(all_tagged(&environment).await, tagged);

    let mut second = Execution::new(&environment, "demo-0002");
    let names = second.run("preflight:checkNames", names()).await;
    assert_eq!(names["ours"], json!(["key pair demo-bastion"]));
    assert_eq!(deploy(&mut second).await, made);
    assert_eq!(second.changes(), BTreeSet::from(["Unchanged".to_owned()]), "{:?}", second.changes);
    assert_eq!(all_tagged(&environment).await, tagged);

    let mut teardown = Execution::new(&environment, "demo-0003");
    tear_down(&mut teardown, &made).await;
    assert_eq!(teardown.changes(), BTreeSet::from(["Deleted".to_owned()]));
    let mut nothing = Execution::new(&environment, "demo-0004");
    tear_down(&mut nothing, &made).await;
    assert_eq!(nothing.changes, Vec::new());
}

#[tokio::test]
async fn a_name_that_is_not_ours_stops_the_run() {
    let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) else {
        println!("skipped: {ENDPOINT_VARIABLE} names no moto");
        return;
    };
    let _moto = moto();
    let environment = Arc::new(Environment::for_rehearsal(addresses(endpoint)).unwrap());
    let mut execution = Execution::new(&environment, "foreign-0001");
    let vpc = execution.run("ec2:useVpc", json!({"vpcId": null})).await;
    assert!(vpc["subnetIds"].as_array().unwrap().len() >= 2, "one for each zone: {vpc}");
    let create = environment.ec2().create_security_group().vpc_id(vpc["vpcId"].as_str().unwrap());
    let _ = create.group_name("foreign").description("not ours").send().await;
    let input = json!({"deployment": "foreign", "vpcId": vpc["vpcId"], "name": "foreign", "description": "x"});
    let error = execution.try_run("ec2:createSecurityGroup", input).await.unwrap_err();
    assert_eq!(error.class, engine::step::ErrorClass::NameTaken, "{error}");
    let input = json!({"deployment": "foreign", "cidr": "10.0.0.0/99"});
    let error = execution.try_run("ec2:createVpc", input).await.unwrap_err();
    assert_eq!(error.class, engine::step::ErrorClass::Invalid, "{error}");
}

#[tokio::test]
async fn an_object_is_written_read_listed_and_deleted_with_the_names_of_aws() {
    let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) else {
        println!("skipped: {ENDPOINT_VARIABLE} names no moto");
        return;
    };
    let _moto = moto();
    let environment = Arc::new(Environment::for_rehearsal(addresses(endpoint.clone())).unwrap());
    let reset = environment.https().post(format!("{endpoint}/moto-api/reset")).send().await;
    assert!(reset.unwrap().status().is_success());
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::EuCentral1)
        .build();
    environment.s3().create_bucket().bucket("data").create_bucket_configuration(place).send().await.unwrap();

    let mut execution = Execution::new(&environment, "objects-0001");
    let call = |action: &str| format!("aws:aws-sdk:s3:{action}");
    let object = json!({ "Bucket": "data", "Key": "a.json" });
    let mut wanted = object.clone();
    wanted["Body"] = json!({ "Dict": "Value" });
    wanted["Metadata"] = json!({ "origin": "test" });
    let written = execution.run(&call("putObject"), wanted).await;
    let read = execution.run(&call("getObject"), object.clone()).await;
    assert_eq!((&read["Body"], &read["ContentLength"]), (&json!("{\"Dict\":\"Value\"}"), &json!(16)), "{read}");
    assert_eq!((&read["ETag"], &read["Metadata"]), (&written["ETag"], &json!({ "origin": "test" })), "{read}");
    assert!(read["LastModified"].as_str().unwrap().ends_with('Z') && read.get("ChecksumCRC32").is_none(), "{read}");
    let head = execution.run(&call("headObject"), object.clone()).await;
    assert_eq!((&head["ETag"], head.get("Body")), (&written["ETag"], None), "{head}");
    let listed = execution.run(&call("listObjectsV2"), json!({ "Bucket": "data", "Prefix": "a" })).await;
    assert_eq!((&listed["Contents"][0]["Key"], &listed["KeyCount"]), (&json!("a.json"), &json!(1)), "{listed}");
    for _ in 0..2 {
        execution.run(&call("deleteObject"), object.clone()).await;
    }
    for action in ["getObject", "headObject"] {
        let error = execution.try_run(&call(action), object.clone()).await.unwrap_err();
        assert_eq!(error.error_name(), "S3.NoSuchKeyException", "{action}: {error}");
    }
    let elsewhere = json!({ "Bucket": "missing", "Key": "a.json" });
    let error = execution.try_run(&call("getObject"), elsewhere).await.unwrap_err();
    assert_eq!(error.error_name(), "S3.NoSuchBucketException", "{error}");
    let empty = execution.run(&call("listObjectsV2"), json!({ "Bucket": "data" })).await;
    assert_eq!((empty.get("Contents"), &empty["KeyCount"]), (None, &json!(0)), "{empty}");
}
