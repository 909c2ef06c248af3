//! A command that finds another owner of the store works with it or reports why it cannot, and never hangs.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    serve::Server,
    support::{Home, send, text, until},
};

#[test]
fn every_command_gives_up_on_a_stopped_owner_within_ten_seconds_and_names_it() {
    let home = Home::plain();
    let mut owner = home
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .env("FLOW_TOKEN", "owner-secret")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let file = home.waits("long", 3600);
    until(10, "the owner serves", || home.path().join("flow.sock").exists());
    home.exits(&["run", &file, "--yes", "--no-wait", "--id", "one"], 75);
    send("-STOP", owner.id());
    let commands: [&[&str]; 13] = [
        &["status"],
        &["status", "one"],
        &["events", "one"],
        &["cancel", "one"],
        &["signal", "one", "Rest", "--success", "1"],
        &["export"],
        &["prune"],
        &["doctor"],
        &["resume", "--all", "--no-wait"],
        &["run", &file, "--yes"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["import", "/dev/null"],
        &["doctor", "--repair"],
    ];
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for command in commands {
            let (home, pid) = (&home, owner.id().to_string());
            scope.spawn(move || {
                let said = home.exits(command, 5);
                assert!(
                    said.contains(&format!("process {pid} on ")) && said.contains("flow serve"),
                    "{command:?}: {said}"
                );
                // SIGTERM has no effect on a stopped process.
                let works = [format!("kill -CONT {pid}   continues it,"), format!("kill -9 {pid}   ends it")];
                assert!(works.iter().all(|command| said.contains(command)), "{command:?}: {said}");
                assert!(!said.contains(&format!("kill {pid} ")), "{command:?}: {said}");
                assert!(!said.contains("--listen") && !said.contains("owner-secret"), "never its arguments: {said}");
            });
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    send("-CONT", owner.id());
    until(10, "it answers again", || home.flow(&["status", "one"]).status.success());
    send("-KILL", owner.id());
    owner.wait().unwrap();
}

#[test]
fn a_watch_ends_when_its_owner_is_stopped_meanwhile() {
    let home = Home::plain();
    let server = Server::start(&home);
    let client = home.spawn(&["run", &home.waits("long", 3600), "--yes", "--id", "one"]);
    until(10, "it runs", || home.flow(&["status", "one"]).status.success());
    send("-STOP", server.pid());
    let begun = Instant::now();
    let output = client.wait_with_output().unwrap();
    send("-CONT", server.pid());
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[test]
fn export_doctor_and_prune_go_through_the_owner() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = home.one("keep", &json!({ "Type": "Pass", "End": true }));
    for id in ["one", "two"] {
        home.exits(&["run", &file, "--yes", "--id", id], 0);
    }
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait", "--id", "waits"], 75);
    let exported = home.exits(&["export"], 0);
    assert!(exported.lines().filter(|line| line.contains(r#""type":"execution""#)).count() == 3, "{exported}");
    let said = home.exits(&["doctor"], 0);
    assert!(said.contains("3 executions, 1 not ended; read by its owner, process"), "{said}");
    assert!(home.exits(&["prune", "--days", "0", "--plan"], 0).contains("2 executions"));
    for (count, left) in [("2 executions deleted", 4), ("0 executions deleted", 4)] {
        let said = home.exits(&["prune", "--days", "0"], 0);
        assert!(said.contains(count) && said.contains("reuses the freed space"), "{said}");
        home.exits(&["status", "one"], left);
        home.exits(&["status", "waits"], 0);
    }
    drop(server);
    assert!(home.exits(&["prune", "--days", "0"], 0).contains("MB before"));
    let again = home.succeed(&["prune", "--days", "0", "-o", "json"]);
    let again: serde_json::Value = serde_json::from_str(again.lines().last().unwrap()).unwrap();
    let (before, after) = (again["bytesBefore"].as_u64().unwrap(), again["bytesAfter"].as_u64().unwrap());
    assert!(after * 2 > before, "the size is that of a store in use: {again}");
    home.exits(&["doctor"], 0);
    let said = home.exits(&["resume", "waits", "--no-wait"], 75);
    assert!(said.contains("Rest"), "{said}");
}

#[test]
fn an_import_beside_an_owner_says_whose_the_store_is() {
    let home = Home::plain();
    let server = Server::start(&home);
    let said = home.exits(&["import", "-"], 5);
    assert!(said.contains(&format!("process {}", server.pid())), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(said.contains(&format!("kill {}   ends it; then repeat the command", server.pid())), "{said}");
}

/// An owner that sends prepared answers with a version of the wire, and counts the requests.
fn owner(home: &Home, version: &'static str, answer: fn(&str) -> String) -> (std::fs::File, Arc<AtomicUsize>) {
    std::fs::create_dir_all(home.path().join("store")).unwrap();
    let mut lock = std::fs::File::create(home.path().join("owner.lock")).unwrap();
    lock.try_lock().unwrap();
    let owner = json!({ "pid": std::process::id(), "host": "here", "user": "me", "command": "flow serve" });
    lock.write_all(owner.to_string().as_bytes()).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let (listener, count) = (UnixListener::bind(home.path().join("flow.sock")).unwrap(), asked.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || respond(stream, version, answer));
        }
    });
    (lock, asked)
}

fn respond(mut stream: UnixStream, version: &str, answer: fn(&str) -> String) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_lowercase().as_str() {
            "x-amz-target" => target = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = answer(&target);
    let wire =
        if version.is_empty() { String::new() } else { format!("x-flow-wire: {version}\r\nx-flow-version: 9.9.9\r\n") };
    let _ =
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{wire}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    if target == "Flow.FollowExecution" {
        std::thread::sleep(Duration::from_secs(20));
    }
}

#[test]
fn an_owner_of_another_wire_is_named_with_both_versions() {
    for (version, words) in
        [("3.0", ["version 9.9.9 (wire 3.0)", "wire 2.0"]), ("", ["an earlier version (wire 1)", "wire 2.0"])]
    {
        let home = Home::plain();
        let (_lock, asked) = owner(&home, version, |_| "{}".to_owned());
        for command in [&["status"][..], &["resume", "--all"], &["export"]] {
            let said = home.exits(command, 5);
            assert!(words.iter().all(|words| said.contains(words)), "{said}");
        }
        assert!(asked.load(Ordering::SeqCst) <= 6, "no loop: {asked:?}");
    }
}

/// An answer of a newer owner with the same major wire version: fields and types of events that this version does not
/// know.
fn newer(target: &str) -> String {
    let header = json!({
        "id": "one", "workflow": "w", "subject": null, "environment": null, "input": {}, "status": "RUNNING", "startedMs": 1,
        "stoppedMs": null, "output": null, "failure": null, "deadlineMs": null, "redriveCount": 0, "paused": false,
        "lastSequence": 0, "lastEventId": 0, "nextFrameId": 2, "created": {}, "nextWakeMs": null, "newField": { "a": 1 },
    });
    let view = json!({
        "id": "one", "environment": null, "sections": [], "states": {}, "order": [], "made": [], "status": "RUNNING",
        "startedMs": 1, "stoppedMs": null, "failure": null, "output": null, "paused": false, "lastSequence": 0, "newField": 1,
    });
    match target {
        "Flow.FollowExecution" => {
            let event = json!({ "item": { "kind": "eventOfANewerVersion", "execution": "one" } });
            let mut ended = header;
            (ended["status"], ended["stoppedMs"], ended["output"]) = (json!("SUCCEEDED"), json!(2), json!(7));
            let rested = json!({ "item": { "kind": "rested", "header": ended } });
            format!("{event}\n{rested}\n{}\n", json!({ "end": true }))
        }
        "Flow.FindExecutions" => json!({ "exact": true, "matches": [header] }).to_string(),
        "Flow.DescribeExecution" => json!({
            "execution": header, "frames": [], "driven": true, "view": view,
            "definition": { "StartAt": "A", "States": { "A": { "Type": "Succeed" } } },
        })
        .to_string(),
        _ => "{}".to_owned(),
    }
}

#[test]
fn an_event_that_this_version_does_not_know_is_passed_over() {
    let home = Home::plain();
    let (_lock, asked) = owner(&home, "2.7", newer);
    let begun = Instant::now();
    let output = home.flow(&["resume", "one"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(75), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(asked.load(Ordering::SeqCst) <= 12, "no loop: {asked:?}");
}

/// The runtime's log line for each socket.
const SOCKET: &str = "interests=READABLE | WRITABLE";

#[test]
fn a_process_that_owns_the_store_makes_no_connection_to_itself() {
    let home = Home::plain();
    let file = home.waits("short", 1);
    let run = home.command(&["run", &file, "--yes", "--id", "one"]).env("FLOW_LOG", "trace").output().unwrap();
    assert_eq!(run.status.code(), Some(0));
    let own = text(&run.stderr);
    assert_eq!(own.matches(SOCKET).count(), 1, "the owner has a listener and no connection: {own}");
    let _server = Server::start(&home);
    let run = home.command(&["run", &file, "--yes", "--id", "two"]).env("FLOW_LOG", "trace").output().unwrap();
    assert!(text(&run.stderr).matches(SOCKET).count() > 1, "a client of a server connects");
}

#[test]
fn clients_of_an_owner_that_ends_continue_one_after_the_other() {
    let home = Home::plain();
    let files: Vec<String> = (1..=4).map(|n| home.waits(&format!("w{n}"), n)).collect();
    let children: Vec<_> =
        files.iter().zip(1..).map(|(file, n)| home.spawn(&["run", file, "--yes", "--id", &format!("e-{n}")])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    }
    for n in 1..=4 {
        assert_eq!(home.status_of(&format!("e-{n}")), "SUCCEEDED");
    }
}

#[test]
fn a_home_with_a_long_path_works_for_owners_and_clients() {
    let home = Home::plain();
    let folder = home.path().join("h".repeat(60)).join("h".repeat(60));
    let file = home.waits("long", 3600);
    let long = |arguments: &[&str], expected: i32| {
        home.exits_with(arguments, &[("FLOW_HOME", folder.to_str().unwrap())], expected)
    };
    let mut server = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = server.env("FLOW_HOME", &folder).stdout(std::process::Stdio::null()).spawn().unwrap();
    until(10, "it serves", || folder.join("flow.sock").exists());
    long(&["run", &file, "--yes", "--no-wait", "--id", "one"], 75);
    assert!(long(&["status"], 0).contains("RUNNING"));
    send("-TERM", server.id());
    assert_eq!(server.wait().unwrap().code(), Some(143));
    long(&["resume", "one", "--no-wait"], 75);
}

#[test]
fn a_socket_that_somebody_removes_is_made_again() {
    let home = Home::plain();
    let mut server = Server::start(&home);
    for _ in 0..2 {
        std::fs::remove_file(home.path().join("flow.sock")).unwrap();
        home.exits(&["run", &home.one("pass", &json!({ "Type": "Pass", "End": true })), "--yes"], 0);
    }
    send("-TERM", server.pid());
    assert!(server.exit_code().is_some());
    assert!(!home.path().join("flow.sock").exists());
}

#[test]
fn a_cancel_whose_owner_dies_before_it_answers_is_a_cancel() {
    let home = Home::plain();
    // The owner commits the start and the cancellation, and is killed before it answers.
    let mut owner = home
        .command(&["run", &home.waits("long", 3600), "--yes", "--id", "one"])
        .env("FLOW_CRASH_AFTER_COMMIT", "2")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until(20, "it waits", || home.flow(&["status", "one"]).status.success());
    let said = home.exits(&["cancel", "one"], 0);
    assert!(said.contains("one is cancelled"), "{said}");
    assert!(!owner.wait().unwrap().success(), "the owner must end at the commit of the cancellation");
    let said = home.flow(&["cancel", "one"]);
    assert_eq!(said.status.code(), Some(1), "it had ended already");
}

#[test]
fn doctor_compares_the_clock_beside_an_owner_too() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "one"], 75);
    let alone = home.exits(&["doctor"], 0);
    let _server = Server::start(&home);
    let beside = home.exits(&["doctor"], 0);
    for said in [alone, beside] {
        assert!(said.contains("✔ clock"), "{said}");
    }
}

#[test]
fn one_that_only_waits_is_waiting_and_one_whose_call_broke_off_is_interrupted() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "waits"], 75);
    home.exits(&["run", &home.waits("short", 1), "--yes", "--no-wait=0", "--id", "due"], 75);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let said = home.exits(&["status"], 0);
    let line = |id: &str| said.lines().find(|line| line.starts_with(id)).unwrap_or_default().to_owned();
    assert!(line("waits").contains("WAITING") && line("waits").contains("flow resume waits"), "{said}");
    assert!(line("due").contains("INTERRUPTED"), "{said}");
    let said = home.exits(&["status", "waits"], 0);
    assert!(said.contains("WAITING") && said.contains("No process drives it. The wait ends "), "{said}");
}

#[test]
fn tasks_that_wait_inside_a_map_are_shown_with_the_command_that_answers_them() {
    let home = Home::plain();
    let task = json!({ "Type": "Task", "Resource": "flow:approval:request", "End": true, "TimeoutSeconds": 3600,
        "Arguments": { "Prompt": "Go?" } });
    for mode in ["INLINE", "DISTRIBUTED"] {
        let mut config = json!({ "Mode": mode });
        if mode == "DISTRIBUTED" {
            config["ExecutionType"] = "STANDARD".into();
        }
        let each = json!({ "Type": "Map", "Items": [1, 2], "End": true, "ItemProcessor": {
            "ProcessorConfig": config, "StartAt": "Ask", "States": { "Ask": task } } });
        let id = mode.to_lowercase();
        home.exits(&["run", &home.one(&id, &each), "--yes", "--no-wait=0", "--id", &id], 75);
        let said = home.exits(&["status", &id], 0);
        for index in 0..2 {
            assert!(
                said.contains(&format!("flow approve {id} '")) && said.contains(&format!("[{index}]/Ask'")),
                "{said}"
            );
        }
    }
}

/// `flow export` into a program that reads slowly.
#[test]
fn a_process_that_reads_for_long_answers_others_and_lets_them_own_the_store_when_it_ends() {
    let home = Home::plain();
    let long = json!({ "Type": "Pass", "Output": "x".repeat(100_000), "End": true });
    for id in ["one", "two", "three"] {
        home.exits(&["run", &home.one(id, &long), "--yes", "--id", id], 0);
    }
    let mut reader = home.command(&["export"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut exported = reader.stdout.take().unwrap();
    // The pipe is full: the export waits.
    let mut first = [0; 16];
    exported.read_exact(&mut first).unwrap();
    until(10, "the export answers others", || home.path().join("flow.sock").exists());
    assert_eq!(home.status_of("one"), "SUCCEEDED");
    let file = home.one("next", &json!({ "Type": "Pass", "End": true }));
    let mut next = home.spawn(&["run", &file, "--yes", "--id", "four"]);
    assert!(next.try_wait().unwrap().is_none());
    let mut rest = Vec::new();
    exported.read_to_end(&mut rest).unwrap();
    assert!(reader.wait().unwrap().success());
    let output = next.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(home.status_of("four"), "SUCCEEDED");
}

#[test]
fn a_plan_of_prune_creates_no_store() {
    let home = Home::plain();
    home.exits(&["prune", "--plan"], 0);
    home.exits(&["prune"], 0);
    assert!(!home.path().join("store").exists());
}

/// A program that the person who starts an execution did not allow is refused, even if the server allows it.
#[test]
fn a_run_beside_a_server_uses_the_programs_of_the_person_who_ran_it() {
    let home = Home::plain();
    let program = home.program("ran", "echo '{}'");
    let _server = Server::start_with(&home, &[("FLOW_PROGRAMS", &program)]);
    let file = home.one("call", &json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program }, "QueryLanguage": "JSONata", "End": true }));
    let said = home.exits(&["run", &file, "--yes", "--id", "one"], 1);
    assert!(said.contains("is not among the programs that FLOW_PROGRAMS allows"), "{said}");
    home.exits_with(&["run", &file, "--yes", "--id", "two"], &[("FLOW_PROGRAMS", &program)], 0);
}

/// Cron starts an execution in one folder and resumes it in another, with and without a server that was started in a third.
#[test]
fn a_program_runs_where_its_execution_was_started_whichever_process_drives_it() {
    let (home, folder) = (Home::plain(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("free-space"), "{\"percent\": 40}").unwrap();
    let task = json!({ "Type": "Task", "Resource": "flow:process:run", "Parameters": { "Program": "/bin/cat", "Arguments": ["free-space"] }, "End": true });
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Measure" }, "Measure": task });
    let file = home.definition("report", &json!({ "StartAt": "Rest", "States": states }));
    let in_folder = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.current_dir(folder.path()).env("FLOW_PROGRAMS", "/bin/cat").output().unwrap()
    };
    let server = Server::start(&home);
    let beside = in_folder(&["run", &file, "--yes", "--id", "beside"]);
    assert!(beside.status.success(), "{beside:?}");
    drop(server);
    assert_eq!(in_folder(&["run", &file, "--yes", "--no-wait=0", "--id", "resumed"]).status.code(), Some(75));
    home.exits(&["resume", "--all"], 0);
    assert_eq!(home.status_of("resumed"), "SUCCEEDED");
    assert_eq!(in_folder(&["run", &file, "--yes", "--no-wait=0", "--id", "gone"]).status.code(), Some(75));
    drop(folder);
    let said = home.exits(&["resume", "gone"], 1);
    assert!(said.contains("where this execution was started") && said.contains("Create it again"), "{said}");
}

/// An owner that begins between a resume and its watch drives what the resume asked for.
#[test]
fn commands_that_hand_the_store_to_each_other_all_end() {
    let home = Home::plain();
    let ask =
        json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "ok?" }, "End": true });
    let file = home.one("ask", &ask);
    for id in ["one", "two"] {
        home.exits(&["run", &file, "--yes", "--no-wait", "--id", id], 75);
    }
    let commands =
        [&["resume", "one", "--no-wait"][..], &["resume", "--all", "--no-wait"], &["resume", "--all", "--no-wait"]];
    for _ in 0..12 {
        let mut children = commands.map(|command| home.spawn(command));
        let begun = Instant::now();
        for child in &mut children {
            until(30, "a command ends", || child.try_wait().unwrap().is_some());
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        for id in ["one", "two"] {
            assert!(home.succeed(&["status", id]).contains("WAITING"));
        }
    }
}

/// A command that is done does not end the programs that it runs for others, and these can still be cancelled.
#[test]
fn an_owner_that_is_done_drives_what_it_has_begun_for_others() {
    let home = Home::plain();
    let effects = home.path().join("effects");
    let program = home.program("slow", &format!("echo begun >> {}; sleep 40", effects.display()));
    let variables = [("FLOW_PROGRAMS", program.as_str())];
    let call = home.one(
        "call",
        &json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program }, "End": true }),
    );
    let mut first = home.spawn(&["run", &home.waits("short", 3), "--yes", "--id", "first"]);
    until(20, "the first owns the store", || home.path().join("flow.sock").exists());
    let mut second = home.command(&["run", &call, "--yes", "--id", "second"]).envs(variables).spawn().unwrap();
    until(20, "the program runs", || effects.exists());
    until(20, "the first has succeeded", || home.succeed(&["status", "first"]).contains("SUCCEEDED"));
    assert!(first.try_wait().unwrap().is_none(), "the first ended beside a call in flight");
    let begun = Instant::now();
    home.exits(&["cancel", "second", "--now"], 0);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until(20, "the first ends", || first.try_wait().unwrap().is_some());
    until(20, "the second ends", || second.try_wait().unwrap().is_some());
    assert_eq!(std::fs::read_to_string(&effects).unwrap(), "begun\n");
}
