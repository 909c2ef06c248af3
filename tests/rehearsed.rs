//! A rehearsal reaches nothing real, waits as AWS does, and leaves no process.

use std::{
    net::TcpListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Home, SPEED, World, text};

/// Listens on an address that no one may connect to. Returns the address.
fn trap() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

#[test]
fn with_real_looking_credentials_and_endpoints_around_nothing_leaves_the_rehearsal() {
    let home = Home::for_rehearsal();
    let (listener, address) = trap();
    let (key, secret) = ("AKIAQ3EGREALLOOKING7", "hunter2hunter2hunter2hunter2hunter2hunt");
    let mut command = home.command(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED]);
    command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_REGION", "us-west-2");
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        command.env(name, &address);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let came = listener.accept().map(|(_, from)| from);
    assert!(came.is_err(), "a connection was made to an address of the environment: {came:?}");
    let world = home.world();
    assert!(world.gateway.starts_with("http://127.0.0.1:") && world.moto.starts_with("http://127.0.0.1:"));
    let found = Command::new("grep").args(["-rlE", &format!("{key}|{secret}")]).arg(home.path()).output().unwrap();
    assert_eq!(text(&found.stdout), "", "the person's credentials were stored");
}

#[test]
fn every_state_that_aws_passes_through_is_seen_waiting() {
    let home = Home::for_rehearsal();
    // Slow enough that even on a busy machine no state passes between two polls.
    let printed = home.succeed(&["run", "endpoints-aws", "--rehearse", "--speed", "60", "-o", "json"]);
    let waits = printed.lines().filter(|line| line.contains("waiting")).collect::<Vec<_>>().join("\n");
    for state in ["PENDING_VALIDATION", "PENDING", "pending", "creating", "provisioning", "IN_PROGRESS"] {
        assert!(waits.contains(state), "{state} was never waited through:\n{waits}");
    }
    for refusal in ["connection reset", "Permission denied (publickey)"] {
        assert!(waits.contains(refusal), "{refusal} was never met:\n{waits}");
    }
}

#[test]
fn the_aws_api_ends_with_its_world_even_when_that_is_killed() {
    let home = Home::for_rehearsal();
    let world: World = home.world();
    let killed = Command::new("kill").args(["-9", &world.pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    let process = format!("/proc/{}/stat", world.moto_pid);
    // A process that has ended is a zombie until its parent reaps it.
    let lives = || std::fs::read_to_string(Path::new(&process)).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the AWS API outlived its world");
        std::thread::yield_now();
    }
}

#[test]
fn a_world_keeps_its_speed_and_ends_when_no_command_can_find_it() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let file = home.path().join("nothing.asl.json");
    let output = home.flow(&["run", file.to_str().unwrap(), "--rehearse"]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("is running already, with --speed {SPEED}")), "{said}");
    std::fs::remove_file(home.path().join("rehearsal/world.json")).unwrap();
    let begun = Instant::now();
    for process in [world.pid, world.moto_pid] {
        let process = format!("/proc/{process}/stat");
        while std::fs::read_to_string(Path::new(&process)).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(begun.elapsed() < Duration::from_secs(30), "a process of the world remains");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn what_a_rehearsal_leaves_is_its_owners_alone() {
    let home = Home::for_rehearsal();
    home.world();
    let reported = home.succeed(&["doctor"]);
    assert!(reported.contains("rehearsal, mode 700"), "{reported}");
}

#[test]
fn an_execution_whose_world_has_ended_is_not_resumed_in_another() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let order = serde_json::json!([
        { "operation": "ec2:CreateVpc", "kind": "error", "code": "VpcLimitExceeded", "status": 400, "times": 1 }
    ]);
    world.faults(&order);
    home.flow(&["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--id", "rehearsal-old"]);
    let killed = Command::new("kill").args(["-9", &world.pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let output = home.flow(&["resume", "rehearsal-old", "-o", "json"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let line: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
    assert!(line["message"].as_str().unwrap().contains("world"), "{line}");
    assert_eq!(line["execution"], "rehearsal-old", "{line}");
    assert_eq!(line["command"], "resume", "{line}");
    assert_eq!(text(&output.stderr), "");
    let again = home.rehearse(&["-o", "json"]);
    let last: Value = serde_json::from_str(again.lines().last().unwrap()).unwrap();
    assert!(last["message"].as_str().unwrap().contains("SUCCEEDED"), "{last}");
}

#[test]
fn a_map_reads_from_s3_and_all_its_results_are_written() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let client = r#"
import boto3, json, sys
c = boto3.client("s3", endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id="x", aws_secret_access_key="x")
"#;
    let fill = r#"
c.create_bucket(Bucket="data.one", CreateBucketConfiguration={"LocationConstraint": sys.argv[2]})
c.put_object(Bucket="data.one", Key="in/a.jsonl", Body=b'{"n": 1}\n{"n": 2}\n')
"#;
    world.python(&format!("{client}{fill}"));
    let definition = serde_json::json!({ "StartAt": "A", "States": { "A": {
        "Type": "Map", "End": true,
        "ItemReader": { "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": { "InputType": "JSONL" },
                        "Parameters": { "Bucket": "data.one", "Key": "in/a.jsonl" } },
        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": "B",
                           "States": { "B": { "Type": "Pass", "InputPath": "$.n", "End": true } } },
        "ResultWriter": { "Resource": "arn:aws:states:::s3:putObject", "Parameters": { "Bucket": "data.one", "Prefix": "out" } }
    } } });
    let file = home.path().join("s3.asl.json");
    std::fs::write(&file, definition.to_string()).unwrap();
    let reported = home.succeed(&["run", file.to_str().unwrap(), "--rehearse", "--speed", SPEED]);
    assert!(reported.contains("manifest.json"), "{reported}");
    let look = r#"
keys = [o["Key"] for o in c.list_objects_v2(Bucket="data.one", Prefix="out/")["Contents"]]
manifest = json.loads(c.get_object(Bucket="data.one", Key=[k for k in keys if k.endswith("manifest.json")][0])["Body"].read())
results = c.get_object(Bucket="data.one", Key=manifest["ResultFiles"]["SUCCEEDED"][0]["Key"])["Body"].read()
assert (len(keys), json.loads(results)) == (2, [1, 2]), (keys, results)
"#;
    world.python(&format!("{client}{look}"));
}

#[test]
fn a_map_reads_what_an_inventory_names_and_what_is_below_a_prefix() {
    let home = Home::for_rehearsal();
    let fill = r#"
import boto3, gzip, json, sys
c = boto3.client("s3", endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id="x", aws_secret_access_key="x")
c.create_bucket(Bucket="data.two", CreateBucketConfiguration={"LocationConstraint": sys.argv[2]})
for number in (1, 2):
    rows = f'"photos","a{number}.png","10"\n"photos","b{number}.png","20"\n'
    c.put_object(Bucket="data.two", Key=f"lists/{number}.csv.gz", Body=gzip.compress(rows.encode()))
    c.put_object(Bucket="data.two", Key=f"parts/{number}.jsonl", Body=b'{"n": %d}\n' % number)
manifest = {"sourceBucket": "photos", "destinationBucket": "arn:aws:s3:::data.two", "version": "2016-11-30",
            "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size",
            "files": [{"key": f"lists/{n}.csv.gz", "size": 1, "MD5checksum": ""} for n in (1, 2)]}
c.put_object(Bucket="data.two", Key="manifest.json", Body=json.dumps(manifest).encode())
"#;
    home.world().python(fill);
    let map = |item: &str, reader: Value, next: Value| {
        let mut map = serde_json::json!({
            "Type": "Map", "ItemReader": reader, "ResultPath": "$.read",
            "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": item,
                               "States": { item: { "Type": "Pass", "End": true } } } });
        map.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        map
    };
    let inventory = serde_json::json!({
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": { "InputType": "MANIFEST", "MaxItems": 3 },
        "Parameters": { "Bucket": "data.two", "Key": "manifest.json" } });
    let listing = serde_json::json!({
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "ReaderConfig": { "InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN" },
        "Parameters": { "Bucket": "data.two", "Prefix": "parts/" } });
    let definition = serde_json::json!({ "StartAt": "Inventory", "States": {
        "Inventory": map("Row", inventory, serde_json::json!({ "Next": "Listing", "ResultPath": "$.inventory" })),
        "Listing": map("Line", listing, serde_json::json!({ "End": true, "ResultPath": "$.listing" })) } });
    let file = home.path().join("inventory.asl.json");
    std::fs::write(&file, definition.to_string()).unwrap();
    home.succeed(&["run", file.to_str().unwrap(), "--rehearse", "--speed", SPEED, "--id", "rehearsal-inventory"]);
    let reported = home.succeed(&["events", "rehearsal-inventory", "-o", "json"]);
    let last: Value = serde_json::from_str(reported.lines().last().unwrap()).unwrap();
    let row = |key: &str, size: &str| serde_json::json!({ "Bucket": "photos", "Key": key, "Size": size });
    let rows = [row("a1.png", "10"), row("b1.png", "20"), row("a2.png", "10")];
    let wanted = serde_json::json!({ "inventory": rows, "listing": [{ "n": 1 }, { "n": 2 }] });
    assert_eq!(last["event"]["output"], wanted);
}
