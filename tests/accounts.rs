//! An execution acts only in the account that was shown and pinned.

use serde_json::{Value, json};

use crate::{
    credentials::asks_once,
    serve::Server,
    sts_stub::{PRODUCTION, STAGING, Sts},
    support::{Home, text, until},
};

pub fn who() -> Value {
    json!({ "Type": "Task", "Resource": "flow:sts:getCallerIdentity", "Arguments": {}, "End": true })
}

/// A definition that asks for the caller, waits, and asks again.
fn asks_twice(home: &Home) -> String {
    asks_twice_after(home, 15)
}

/// The same with a shorter wait, for a test that waits for its end.
fn asks_twice_after(home: &Home, seconds: u32) -> String {
    let mut first = who();
    first.as_object_mut().unwrap().remove("End");
    first["Assign"] = json!({ "first": "{% $states.result.account %}" });
    first["Next"] = json!("Rest");
    let mut second = who();
    second["Output"] = json!("{% {'first': $first, 'second': $states.result.account} %}");
    let states =
        json!({ "First": first, "Rest": { "Type": "Wait", "Seconds": seconds, "Next": "Second" }, "Second": second });
    home.definition("twice", &json!({ "QueryLanguage": "JSONata", "StartAt": "First", "States": states }))
}

#[test]
fn a_run_pins_what_it_showed_and_asks_sts_once() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &home.one("who", &who()), "--yes", "--id", "one"];
    let said = home.exits_with(&run, &sts.credentials(STAGING), 0);
    assert!(said.contains("account 111111111111   region us-east-1"), "{said}");
    assert_eq!(sts.asked(), 1, "once for each process and set of credentials");
    let said = home.exits(&["status", "one"], 0);
    assert!(said.contains("account 111111111111   region us-east-1"), "{said}");
    let said = home.exits(&["status", "one", "-o", "json"], 0);
    assert!(said.contains(r#""accountId":"111111111111""#) && said.contains(r#""partition":"aws""#), "{said}");
    assert!(!said.contains("secret"), "no credentials are stored: {said}");
}

#[test]
fn a_resume_with_another_account_or_region_is_refused_and_names_both() {
    let (home, sts) = (Home::plain(), Sts::start());
    let file = asks_twice_after(&home, 4);
    let run = ["run", &file, "--yes", "--no-wait=0", "--id", "one"];
    home.exits_with(&run, &sts.credentials(STAGING), 75);
    let again = ["run", &file, "--yes", "--id", "one"];
    for command in [&["resume", "one"][..], &["resume", "--all"], &again] {
        let said = home.exits_with(command, &sts.credentials(PRODUCTION), 3);
        assert!(said.contains(STAGING) && said.contains(PRODUCTION), "{said}");
    }
    let elsewhere = ["resume", "one", "--region", "eu-west-1"];
    let said = home.exits_with(&elsewhere, &sts.credentials(STAGING), 3);
    assert!(said.contains("us-east-1") && said.contains("eu-west-1"), "{said}");
    assert_eq!(home.status_of("one"), "RUNNING", "nothing was called, nothing failed");
    // Cron sets no region, so the pinned one is used.
    let mut credentials = sts.credentials(STAGING).to_vec();
    credentials.retain(|(name, _)| *name != "AWS_REGION");
    let said = home.exits_with(&["resume", "one"], &credentials, 0);
    assert!(said.contains("second: 111111111111"), "{said}");
}

/// Runs `flow resume --all` with these credentials, and calls `meanwhile` while it asks STS: executions are listed then, and not resumed.
fn resume_of_all_during(home: &Home, account: &str, meanwhile: impl FnOnce()) -> (Option<i32>, String) {
    let slow = Sts::start_slow(std::time::Duration::from_secs(4));
    let mut all = home.command(&["resume", "--all", "--no-wait=0"]);
    all.envs(slow.credentials(account)).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let all = all.spawn().unwrap();
    until(10, "the account is asked for", || slow.asked() > 0);
    meanwhile();
    let all = all.wait_with_output().unwrap();
    (all.status.code(), format!("{}{}", text(&all.stdout), text(&all.stderr)))
}

#[test]
fn a_cancel_between_the_list_and_the_resume_of_all_is_no_failure() {
    let (home, sts) = (Home::plain(), Sts::start());
    // Also where the resume would have been refused.
    for (id, account) in [("one", STAGING), ("two", PRODUCTION)] {
        let run = ["run", &asks_twice(&home), "--yes", "--no-wait=0", "--id", id];
        home.exits_with(&run, &sts.credentials(STAGING), 75);
        let (code, said) = resume_of_all_during(&home, account, || {
            home.exits(&["cancel", id], 0);
        });
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("{id}   ABORTED")), "it says how it ended: {said}");
        assert_eq!(home.status_of(id), "ABORTED", "the resume did not redrive it");
        assert_eq!(home.exits(&["resume", "--all", "--no-wait=0"], 0), "", "it is reported once");
    }
}

#[test]
fn a_prune_between_the_list_and_the_resume_of_all_is_no_failure() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &asks_twice(&home), "--yes", "--no-wait=0", "--id", "one"];
    home.exits_with(&run, &sts.credentials(STAGING), 75);
    let (code, said) = resume_of_all_during(&home, STAGING, || {
        home.exits(&["cancel", "one"], 0);
        home.exits(&["prune", "--days", "0"], 0);
    });
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("one   had ended, and was pruned"), "{said}");
    assert_eq!(home.exits(&["resume", "--all", "--no-wait=0"], 0), "");
}

#[test]
fn a_resume_of_all_with_another_region_refuses_what_is_pinned_elsewhere_and_continues_the_rest() {
    let (home, sts) = (Home::plain(), Sts::start());
    let file = asks_twice(&home);
    for (id, region) in [("east", "us-east-1"), ("west", "eu-west-1")] {
        let run = ["run", &file, "--yes", "--no-wait=0", "--id", id, "--region", region];
        home.exits_with(&run, &sts.credentials(STAGING), 75);
    }
    let all = ["resume", "--all", "--no-wait=0"];
    // The environment of cron is that of executions in several regions.
    let said = home.exits_with(&all, &sts.credentials(STAGING), 75);
    assert!(!said.contains("not resumed"), "{said}");
    let refused = "west   not resumed: pinned to region eu-west-1, not us-east-1";
    let with_region = [&all[..], &["--region", "us-east-1"]].concat();
    let said = home.exits_with(&with_region, &sts.credentials(STAGING), 3);
    assert!(said.contains(refused) && said.contains("east   ") && !said.contains("east   not resumed"), "{said}");
    let _server = Server::start_with(&home, &sts.credentials(STAGING));
    let said = home.exits_with(&with_region, &sts.credentials(STAGING), 3);
    assert!(said.contains(refused) && said.contains("east   RUNNING"), "{said}");
}

#[test]
fn a_reason_that_several_executions_share_is_printed_once() {
    let (home, sts) = (Home::plain(), Sts::start());
    let file = asks_twice(&home);
    for id in ["one", "two", "three"] {
        home.exits_with(&["run", &file, "--yes", "--no-wait=0", "--id", id], &sts.credentials(STAGING), 75);
    }
    let all = ["resume", "--all", "--no-wait=0"];
    let (none, other): (&[(&str, &str)], _) = (&[], sts.credentials(PRODUCTION));
    for (credentials, exit) in [(none, 75), (&other[..], 3)] {
        let said = home.exits_with(&all, credentials, exit);
        assert_eq!(said.matches("   not resumed, for the reason above").count(), 3, "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("not resumed: ")).count(), 1, "{said}");
        let json = home.exits_with(&[&all[..], &["-o", "json"]].concat(), credentials, exit);
        assert_eq!(
            json.lines().filter(|line| line.contains("not resumed: ")).count(),
            3,
            "each line is complete: {json}"
        );
    }
    // One that needs no account continues.
    home.exits(&["run", &home.waits("local", 3600), "--yes", "--no-wait=0", "--id", "local"], 75);
    let said = home.exits_with(&all, &other, 3);
    assert!(said.contains("local   ") && !said.contains("local   not resumed"), "{said}");
    assert_eq!(said.matches("   not resumed, for the reason above").count(), 3, "{said}");
}

#[test]
fn a_resume_of_all_beside_a_server_says_for_what_it_waits() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &asks_twice_after(&home, 4), "--yes", "--no-wait=0", "--id", "one"];
    home.exits_with(&run, &sts.credentials(STAGING), 75);
    let (rotating, rotated) = rotating(&home, &sts);
    std::fs::write(&rotated, "").unwrap();
    let rotating: Vec<(&str, &str)> = rotating.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_with(&home, &rotating);
    until(40, "it is left", || home.exits(&["status", "one"], 0).contains("INTERRUPTED"));
    // A login gives the server the credentials, and a resume asks it to drive the execution.
    std::fs::remove_file(&rotated).unwrap();
    let said = home.exits_with(&["resume", "--all"], &sts.credentials(STAGING), 0);
    assert!(said.contains(&format!("waiting for 1 execution that process {}", server.pid())), "{said}");
}

#[test]
fn a_server_of_another_account_does_not_act_for_a_run_that_showed_this_one() {
    let (home, sts) = (Home::plain(), Sts::start());
    let server = Server::start_with(&home, &sts.credentials(STAGING));
    let file = home.one("who", &who());
    let said = home.exits_with(&["run", &file, "--yes", "--id", "one"], &sts.credentials(PRODUCTION), 3);
    for words in ["222222222222", "111111111111", "flow serve", &format!("kill {}", server.pid())] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    home.exits(&["status", "one"], 4);
    let run = ["run", &file, "--yes", "--id", "two"];
    let said = home.exits_with(&run, &sts.credentials(STAGING), 0);
    assert!(said.contains("account: 111111111111"), "{said}");
    drop(server);
    // An execution that exists is only read, whichever account the owner has.
    let _server = Server::start_with(&home, &sts.credentials(PRODUCTION));
    let said = home.exits_with(&run, &sts.credentials(STAGING), 0);
    assert!(said.contains("two exists already and has SUCCEEDED; nothing was run"), "{said}");
}

#[test]
fn an_owner_without_credentials_is_named_with_what_works() {
    let (home, sts) = (Home::plain(), Sts::start());
    let file = asks_twice(&home);
    home.exits_with(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], &sts.credentials(STAGING), 75);
    let server = Server::start(&home);
    let (owner, end) =
        (format!("the owner of the store, process {} on ", server.pid()), format!("kill {}", server.pid()));
    for (command, exit) in [(&["run", &file, "--yes", "--id", "two"][..], 3), (&["resume", "one"][..], 75)] {
        let said = home.exits_with(command, &sts.credentials(STAGING), exit);
        for words in [&*owner, "has no usable AWS credentials", &*end, STAGING] {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
        assert!(!said.contains("sso login"), "a login gives the owner no credentials: {said}");
    }
    home.exits(&["status", "two"], 4);
}

#[test]
fn a_server_of_another_account_calls_nothing_and_leaves_what_it_finds() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &asks_twice_after(&home, 4), "--yes", "--no-wait=0", "--id", "one"];
    home.exits_with(&run, &sts.credentials(STAGING), 75);
    let server = Server::start_with(&home, &sts.credentials(PRODUCTION));
    until(40, "it is left", || home.exits(&["status", "one"], 0).contains("INTERRUPTED"));
    let owner = format!("the owner of the store, process {}", server.pid());
    let said = home.exits(&["status", "one"], 0) + &home.exits(&["approvals"], 0);
    let commands = format!("kill {}   , then   flow resume one", server.pid());
    assert!(said.contains(STAGING) && said.contains(&owner) && said.matches(&commands).count() == 2, "{said}");
    let said = home.exits_with(&["resume", "one"], &sts.credentials(STAGING), 3);
    assert!(said.contains(STAGING) && said.contains(PRODUCTION) && said.contains(&owner), "{said}");
    let said = home.exits_with(&run, &sts.credentials(STAGING), 3);
    assert!(said.contains(STAGING) && said.contains(PRODUCTION) && said.contains(&owner), "a run too: {said}");
    let line = home.exits(&["status", "one", "-o", "json"], 0);
    let line = line.lines().find(|line| line.contains(r#""type":"status""#)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["owner"]["pid"], json!(server.pid()), "{line}");
    assert_eq!(line["owner"]["command"], "flow serve", "{line}");
    drop(server);
    let said = home.exits_with(&["resume", "one"], &sts.credentials(STAGING), 0);
    assert!(said.contains("second: 111111111111"), "{said}");
    assert!(!home.succeed(&["events", "one"]).contains("paused"), "it needed no person");
}

#[test]
fn a_client_takes_over_with_the_account_that_is_pinned() {
    let (home, sts) = (Home::plain(), Sts::start());
    let mut owner = Server::start_with(&home, &sts.credentials(STAGING));
    let file = asks_twice(&home);
    let mut client = home.command(&["run", &file, "--yes", "--id", "one"]);
    client.envs(sts.credentials(STAGING)).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let client = client.spawn().unwrap();
    until(10, "it waits", || text(&home.flow(&["status", "one"]).stdout).contains("Rest"));
    // The client still has the pinned account's credentials: it takes over and completes the execution.
    crate::support::send("-KILL", owner.pid());
    owner.exit_code();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("second: 111111111111"));
}

#[test]
fn after_a_refused_resume_the_status_names_the_account_that_is_needed() {
    let (home, sts) = (Home::plain(), Sts::start());
    let file = asks_once(&home);
    home.exits_with(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], &sts.credentials(STAGING), 75);
    until(10, "it is due", || home.succeed(&["status", "one"]).contains("INTERRUPTED"));
    home.exits_with(&["resume", "one"], &sts.credentials(PRODUCTION), 3);
    let said = home.succeed(&["status", "one"]);
    assert!(said.contains("INTERRUPTED") && said.contains("flow resume one"), "{said}");
    assert!(said.contains("account 111111111111") && said.contains("needs credentials of this account"), "{said}");
    home.exits_with(&["resume", "one"], &sts.credentials(STAGING), 0);
}

/// Starts a run with credentials beside a server, and another one without credentials. Kills the server so that the other one becomes the
/// owner. Returns both: the one with credentials, and the owner.
fn beside_an_owner_without_credentials(
    home: &Home,
    sts: &Sts,
    more: &[&str],
    owner_seconds: u64,
) -> (std::process::Child, std::process::Child) {
    let piped = std::process::Stdio::piped;
    let mut server = Server::start_with(home, &sts.credentials(STAGING));
    let file = asks_twice(home);
    let mut client = home.command(&[&["run", &file, "--yes", "--id", "one"], more].concat());
    client.envs(sts.credentials(STAGING)).stdout(piped()).stderr(piped());
    let client = client.spawn().unwrap();
    until(10, "it waits", || text(&home.flow(&["status", "one"]).stdout).contains("Rest"));
    let other = home.spawn(&["run", &home.waits("other", owner_seconds), "--yes", "--id", "other"]);
    until(10, "the other one runs", || home.flow(&["status", "other"]).status.success());
    crate::support::send("-STOP", client.id());
    crate::support::send("-KILL", server.pid());
    server.exit_code();
    let owner = format!("\"pid\":{},", other.id());
    until(10, "the other one owns the store", || {
        std::fs::read_to_string(home.path().join("owner.lock")).unwrap_or_default().contains(&owner)
    });
    crate::support::send("-CONT", client.id());
    (client, other)
}

#[test]
fn an_execution_is_continued_by_its_own_client_if_the_next_owner_has_no_credentials() {
    let (home, sts) = (Home::plain(), Sts::start());
    let (client, other) = beside_an_owner_without_credentials(&home, &sts, &[], 8);
    let other_pid = other.id();
    assert_eq!(other.wait_with_output().unwrap().status.code(), Some(0));
    let output = client.wait_with_output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("waiting until process {other_pid}")), "{said}");
    assert!(said.contains("second: 111111111111"), "{said}");
    assert!(!home.succeed(&["events", "one"]).contains("paused"), "nobody without credentials drove it");
}

#[test]
fn a_client_that_waits_for_a_limited_time_ends_with_the_reason_and_leaves_the_execution() {
    let (home, sts) = (Home::plain(), Sts::start());
    let (client, mut other) = beside_an_owner_without_credentials(&home, &sts, &["--no-wait=16s"], 600);
    let owner = format!("the owner of the store, process {} on ", other.id());
    let output = client.wait_with_output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("one is interrupted") && said.contains(&owner), "{said}");
    let status = home.succeed(&["status", "one"]);
    assert!(status.contains("INTERRUPTED") && status.contains(&owner) && status.contains(STAGING), "{status}");
    other.kill().unwrap();
    other.wait().unwrap();
    let said = home.exits_with(&["resume", "one"], &sts.credentials(STAGING), 0);
    assert!(said.contains("second: 111111111111"), "{said}");
}

#[test]
fn a_client_without_the_credentials_does_not_take_an_execution_from_the_one_that_has_them() {
    let (home, sts) = (Home::plain(), Sts::start());
    let mut server = Server::start_with(&home, &sts.credentials(STAGING));
    let file = asks_twice(&home);
    let begin = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(arguments);
        command.envs(variables.iter().copied());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let right = begin(&["run", &file, "--yes", "--id", "one"], &sts.credentials(STAGING));
    until(10, "it waits", || text(&home.flow(&["status", "one"]).stdout).contains("Rest"));
    // They are not refused while the server acts.
    let other_account = begin(&["resume", "one"], &sts.credentials(PRODUCTION));
    let without = begin(&["resume", "one"], &[]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    crate::support::send("-STOP", right.id());
    crate::support::send("-KILL", server.pid());
    server.exit_code();
    // Each of them may be the next owner, and ends.
    for (child, exit) in [(other_account, 3), (without, 75)] {
        let output = child.wait_with_output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(!said.contains("its own credentials"), "{said}");
        assert!(exit != 3 || (said.contains(STAGING) && said.contains(PRODUCTION)), "both are named: {said}");
    }
    crate::support::send("-CONT", right.id());
    let output = right.wait_with_output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("second: 111111111111"), "{said}");
    assert!(!home.succeed(&["events", "one"]).contains("paused"), "it needed no person");
}

#[test]
fn the_input_may_allow_some_accounts_only() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = |allowed: &str, expected: i32| {
        let input = json!({ "deployment": "shop", "domain": "app.example.com", "allowedAccountIds": [allowed] });
        let arguments = ["run", "endpoints-aws", "--input", &input.to_string(), "--plan"];
        home.exits_with(&arguments, &sts.credentials(STAGING), expected)
    };
    let said = run(PRODUCTION, 3);
    assert!(said.contains(STAGING) && said.contains(PRODUCTION), "{said}");
    // The stub answers only for STS, so the plan ends at the first read of another service.
    assert!(run(STAGING, 3).contains("account 111111111111"));
}

#[test]
fn what_the_caller_allows_is_what_a_server_runs_with() {
    let home = Home::plain();
    let _server = Server::start(&home);
    let program = home.program("hello.sh", "echo '\"hello from '$0'\"'");
    let folder = home.path().join("files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("in.txt"), "content of the file").unwrap();
    let task =
        json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program }, "End": true });
    let said = home.exits_with(&["run", &home.one("program", &task), "--yes"], &[("FLOW_PROGRAMS", &program)], 0);
    assert!(said.contains("hello from"), "{said}");
    let read = json!({ "Type": "Task", "Resource": "flow:file:read", "Arguments": { "Path": "in.txt" }, "End": true });
    let files = [("FLOW_FILES", folder.to_str().unwrap())];
    let said = home.exits_with(&["run", &home.one("file", &read), "--yes"], &files, 0);
    assert!(said.contains("content of the file"), "{said}");
    let said = home.exits(&["run", &home.one("program", &task), "--yes"], 1);
    assert!(said.contains("FLOW_PROGRAMS"), "nothing is allowed without the variable: {said}");
    assert!(said.contains("flow: warning: \"Only\" runs "), "the run warns at its start: {said}");
}

#[test]
fn a_resume_brings_the_program_that_was_missing() {
    let home = Home::plain();
    let program = home.program("hello.sh", "echo 1");
    let task =
        json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program }, "End": true });
    let said = home.exits(&["run", &home.one("program", &task), "--yes", "--id", "one"], 1);
    assert!(said.contains("flow resume one"), "{said}");
    home.exits_with(&["resume", "one"], &[("FLOW_PROGRAMS", &program)], 0);
}

#[test]
fn a_workflow_that_calls_no_aws_needs_no_credentials() {
    let home = Home::plain();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let body = r#"{"up": true}"#;
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    });
    let arguments = json!({ "ApiEndpoint": format!("{address}/health"), "Method": "GET" });
    let task =
        json!({ "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Arguments": arguments, "End": true });
    home.exits(&["run", &home.one("http", &task), "--yes"], 0);
    server.join().unwrap();
}

/// Writes an AWS configuration with these profiles and lines. Returns the environment variable with its path.
fn configuration(home: &Home, profiles: &[(&str, &str)]) -> String {
    let lines = profiles.iter().map(|(name, lines)| format!("[profile {name}]\nregion = us-east-1\n{lines}\n"));
    let path = home.path().join("aws-config");
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    path.display().to_string()
}

/// The environment variables of credentials that, like those of a tool for single sign-on, are short-lived and of the currently selected
/// account: the staging account, and the production account while the returned file exists.
fn rotating(home: &Home, sts: &Sts) -> ([(&'static str, String); 4], std::path::PathBuf) {
    let (script, rotated) = (home.path().join("credentials.sh"), home.path().join("rotated"));
    let text = format!(
        "#!/bin/sh\nkey={STAGING}\n[ -e '{}' ] && key={PRODUCTION}\n\
         echo \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"$key\\\",\\\"SecretAccessKey\\\":\\\"s\\\",\
         \\\"Expiration\\\":\\\"2020-01-01T00:00:00Z\\\"}}\"\n",
        rotated.display()
    );
    std::fs::write(&script, text).unwrap();
    let process = format!("credential_process = /bin/sh {}", script.display());
    let variables = [
        ("AWS_CONFIG_FILE", configuration(home, &[("rotating", &process)])),
        ("AWS_PROFILE", "rotating".to_owned()),
        ("AWS_ENDPOINT_URL", sts.credentials(STAGING)[2].1.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ];
    (variables, rotated)
}

#[test]
fn credentials_that_change_to_another_account_in_a_running_process_are_refused() {
    let (home, sts) = (Home::plain(), Sts::start());
    let (variables, rotated) = rotating(&home, &sts);
    let states = json!({ "QueryLanguage": "JSONata", "StartAt": "First", "States": {
        "First": { "Type": "Task", "Resource": "flow:sts:getCallerIdentity", "Arguments": {}, "Next": "Rotate" },
        "Rotate": { "Type": "Task", "Resource": "flow:process:run", "Next": "Second",
                    "Arguments": { "Program": "/bin/touch", "Arguments": [rotated.display().to_string()] } },
        "Second": who()
    } });
    let file = home.definition("rotates", &states);
    let mut variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("FLOW_PROGRAMS", "/bin/touch"));
    let said = home.exits_with(&["run", &file, "--yes", "--id", "one"], &variables, 75);
    assert!(said.contains(STAGING) && said.contains(PRODUCTION), "{said}");
    let status = home.exits(&["status", "one"], 0);
    assert!(status.contains("PAUSED"), "{status}");
    std::fs::remove_file(&rotated).unwrap();
    let said = home.exits_with(&["resume", "one"], &variables, 0);
    assert!(said.contains("account: 111111111111"), "{said}");
}

#[test]
fn a_resume_uses_the_profile_that_is_given_if_it_is_of_the_pinned_account() {
    let (home, sts) = (Home::plain(), Sts::start());
    let key = |account: &str| format!("aws_access_key_id = {account}\naws_secret_access_key = s");
    let (staging, production) = (key(STAGING), key(PRODUCTION));
    let config = configuration(&home, &[("first", &staging), ("second", &staging), ("other", &production)]);
    let endpoint = sts.credentials(STAGING)[2].1.to_owned();
    let variables = [("AWS_CONFIG_FILE", &*config), ("AWS_ENDPOINT_URL", &endpoint)];
    let run = ["run", &asks_twice(&home), "--yes", "--no-wait=0", "--id", "one", "--profile", "first"];
    let said = home.exits_with(&run, &variables, 75);
    assert!(said.contains("profile first"), "{said}");
    let said = home.exits_with(&["resume", "one", "--profile", "other"], &variables, 3);
    assert!(said.contains(STAGING) && said.contains(PRODUCTION), "{said}");
    home.exits_with(&["resume", "one", "--no-wait=0", "--profile", "second"], &variables, 75);
    let said = home.exits(&["status", "one"], 0);
    assert!(said.contains("profile second"), "{said}");
}
