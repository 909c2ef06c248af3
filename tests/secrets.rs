//! The database's password appears only in its secret.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use crate::{
    serve::Server,
    support::{Home, SPEED, World, text},
};

const ID: &str = "rehearsal-secrets";

/// The command lines and environments of all processes of this machine.
fn process_list(seen: &mut BTreeSet<Vec<u8>>) {
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        if process.file_name().to_string_lossy().chars().all(|character| character.is_ascii_digit()) {
            seen.extend(["cmdline", "environ"].iter().filter_map(|file| std::fs::read(process.path().join(file)).ok()));
        }
    }
}

/// The password, as a caller with permission to read the secret gets it.
fn password(world: &World) -> String {
    let script = r#"
import boto3, json, sys
c = boto3.client("secretsmanager", endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id="x", aws_secret_access_key="x")
print(json.loads(c.get_secret_value(SecretId="rehearsal/database-password")["SecretString"])["password"])
"#;
    world.python(script).trim().to_owned()
}

/// The files below a folder that contain a text.
pub fn files_with(folder: &Path, wanted: &str) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let holds = |path: &Path| std::fs::read(path).is_ok_and(|bytes| contains(&bytes, wanted));
    files.map(walkdir::DirEntry::into_path).filter(|path| holds(path)).map(|path| path.display().to_string()).collect()
}

/// The answers of the Step Functions API about every execution, with all data.
fn answers(rehearsals: &Path, home: &Home) -> String {
    let script = r#"
import boto3, sys
c = boto3.client("stepfunctions", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
for machine in c.list_state_machines()["stateMachines"]:
    print(machine, c.describe_state_machine(stateMachineArn=machine["stateMachineArn"]))
    for execution in c.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
        arn = execution["executionArn"]
        print(execution, c.describe_execution(executionArn=arn), c.describe_state_machine_for_execution(executionArn=arn))
        for page in c.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True):
            print(page)
"#;
    Server::start_with(home, &[("FLOW_HOME", rehearsals.to_str().unwrap())]).python(script, &[])
}

fn contains(bytes: &[u8], wanted: &str) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}

#[test]
fn the_databases_password_is_in_no_file_log_event_process_list_or_answer() {
    let home = Home::for_rehearsal();
    home.world();
    let over = AtomicBool::new(false);
    let (output, processes) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                process_list(&mut seen);
            }
            seen
        });
        let run = ["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--id", ID, "-v", "-o", "json"];
        let output = home.command(&run).env("FLOW_LOG", "debug").output().unwrap();
        over.store(true, Ordering::Relaxed);
        (output, watcher.join().unwrap())
    });
    let reported = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{reported}");
    let password = password(&World::read(home.path()).unwrap());
    assert_eq!(password.len(), 32);
    assert!(processes.iter().any(|process| contains(process, ID)), "no process was read");
    assert!(!files_with(home.path(), ID).is_empty(), "no file was read");
    assert!(!processes.iter().any(|process| contains(process, &password)), "in the process list");
    assert_eq!(files_with(home.path(), &password), Vec::<String>::new());
    assert!(reported.lines().count() > 500, "the log was written");
    for line in reported.lines() {
        assert!(!line.contains(&password), "{line}");
    }
    // Data that is compressed in the store.
    for question in [["status", ID], ["events", ID]] {
        let answer = home.succeed(&[&question[..], &["-o", "json"]].concat());
        assert!(answer.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        assert!(!answer.contains(&password), "{question:?}");
    }
    let rehearsals = home.path().join("rehearsal");
    let exported = home.succeed(&["export", "--home", rehearsals.to_str().unwrap()]);
    for everything in [exported, answers(&rehearsals, &home)] {
        assert!(
            everything.contains(ID) && everything.contains("rehearsal/database-password"),
            "the execution is included"
        );
        assert!(!everything.contains(&password));
    }
}
