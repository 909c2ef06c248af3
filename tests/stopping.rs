//! After Ctrl-C or a shutdown nothing is done twice, and everything ends.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    serve::Server,
    sts_stub::{STAGING, Sts},
    support::{Home, send, text, until, valid},
};

/// Signals that arrive closer together are one request.
const APART: Duration = Duration::from_millis(600);

fn work(program: &str) -> Value {
    json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": program }, "End": true })
}

/// Starts a run of a slow program, which a short Wait follows. Returns once the program runs.
fn running(home: &Home, script: &str) -> (std::process::Child, std::path::PathBuf, String) {
    let rest = json!({ "Type": "Wait", "Seconds": 1, "End": true });
    running_then(home, script, Some(&rest))
}

/// Starts a run of a slow program, which a state may follow. Returns once the program runs.
fn running_then(home: &Home, script: &str, rest: Option<&Value>) -> (std::process::Child, std::path::PathBuf, String) {
    let log = home.path().join("log");
    let program =
        home.program("work.sh", &format!("echo begin >> {0}; {script}; echo end >> {0}; echo 1", log.display()));
    let (mut only, mut states) = (work(&program), json!({}));
    if let Some(rest) = rest {
        only.as_object_mut().unwrap().remove("End");
        only["Next"] = json!("Rest");
        states["Rest"] = rest.clone();
    }
    states["Only"] = only;
    let file = home.definition("work", &json!({ "QueryLanguage": "JSONata", "StartAt": "Only", "States": states }));
    let mut run = home.command(&["run", &file, "--yes", "--id", "one"]);
    let run = run.env("FLOW_PROGRAMS", &program).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(10, "the program runs", || log.exists());
    (run, log, program)
}

#[test]
fn one_signal_lets_the_call_in_flight_end_and_records_it() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let home = Home::plain();
        let (run, log, program) = running(&home, "sleep 2");
        // As timeout(1) does: to its child and to the child's process group.
        (0..2).for_each(|_| send(signal, run.id()));
        let output = run.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for words in ["no new calls", "30 s", "a second signal stops now", "Nothing is lost: flow resume one"] {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
        let stopped = "stopped. Finished and recorded: Only. Waits: Rest. To continue:   flow resume one";
        assert!(said.trim_end().ends_with(stopped), "it is the last line: {said}");
        let shown = text(&output.stdout);
        assert!(shown.contains("Completed ( 1/2) Only"), "the answer is shown: {shown}");
        home.exits_with(&["resume", "one"], &[("FLOW_PROGRAMS", &program)], 0);
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "begin\nend\n", "it ran once and to its end");
    }
}

#[test]
fn an_execution_that_ends_after_a_signal_has_its_own_exit_code() {
    for (script, code, status) in [("sleep 2", 0, "SUCCEEDED"), ("sleep 2; exit 3", 1, "FAILED")] {
        let home = Home::plain();
        let (run, ..) = running_then(&home, script, None);
        send("-INT", run.id());
        let output = run.wait_with_output().unwrap();
        let (shown, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{shown}{said}");
        assert!(shown.contains(&format!("one {status}")), "{shown}");
        assert!(said.contains(&format!("one ended before this process stopped: {status}")), "{said}");
        assert_eq!(home.status_of("one"), status);
    }
}

/// A command that does not ignore SIGHUP, as the tests may do themselves.
fn in_terminal(home: &Home, arguments: &[&str]) -> Command {
    let plain = home.command(arguments);
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// When a terminal closes, the kernel and the shell both send SIGHUP.
#[test]
fn a_terminal_that_closes_ends_a_command_in_order() {
    let home = Home::plain();
    let events = home.path().join("events.jsonl");
    let recorded = ["--progress", "none", "--events-file", events.to_str().unwrap()];
    let file = home.waits("long", 3600);
    for command in [&["run", &file, "--yes", "--id", "one"][..], &["status", "one", "--watch"]] {
        std::fs::write(&events, "").unwrap();
        let written = || std::fs::read_to_string(&events).unwrap();
        let child = in_terminal(&home, &[command, &recorded].concat()).spawn().unwrap();
        until(10, "an entry is shown", || written().contains("\"entry\""));
        (0..2).for_each(|_| send("-HUP", child.id()));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(129), "{command:?}: {}", text(&output.stderr));
        let lines = valid(&written());
        let last = lines.last().unwrap();
        assert!(last["type"] == "end" && last["status"] == "RUNNING", "{command:?}: {lines:?}");
    }
}

#[test]
fn a_command_that_ignores_the_end_of_its_terminal_continues() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "one"], 75);
    let script = format!("trap '' HUP; exec {} status one --watch", env!("CARGO_BIN_EXE_flow"));
    let mut watch = Command::new("sh");
    let mut watch = watch
        .args(["-c", &script])
        .env("FLOW_HOME", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until_handled(watch.id());
    // The kernel delivers pending signals in the order of their numbers: SIGHUP is 1, SIGTERM 15.
    ["-HUP", "-TERM"].iter().for_each(|signal| send(signal, watch.id()));
    assert_eq!(watch.wait().unwrap().code(), Some(143));
}

/// The end that a call in flight brings after its terminal has closed was seen by nobody.
#[test]
fn an_end_after_the_end_of_the_terminal_is_reported_by_the_next_resume() {
    let home = Home::plain();
    let log = home.path().join("log");
    let program = home.program("work.sh", &format!("echo begin >> {}; sleep 1; exit 3", log.display()));
    let run = in_terminal(&home, &["run", &home.one("work", &work(&program)), "--yes", "--id", "one"])
        .env("FLOW_PROGRAMS", &program)
        .spawn()
        .unwrap();
    until(10, "the program runs", || log.exists());
    send("-HUP", run.id());
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(1), "its own exit code");
    let said = home.exits(&["resume", "--all", "--no-wait", "--quiet"], 1);
    assert!(said.contains("one   FAILED"), "{said}");
    assert_eq!(home.exits(&["resume", "--all", "--no-wait", "--quiet"], 0), "");
}

/// Waits until a process handles SIGTERM.
fn until_handled(pid: u32) {
    let handled = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
        u64::from_str_radix(&caught, 16).unwrap_or_default() & (1 << 14) != 0
    };
    until(10, "it handles SIGTERM", handled);
}

#[test]
fn a_signal_before_anything_is_begun_begins_nothing_and_says_so() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let home = Home::plain();
        let file = home.waits("long", 3600);
        // It reads its input from a pipe that stays open.
        let mut run = in_terminal(&home, &["run", &file, "--yes", "--id", "one", "--input", "-"]);
        let mut run = run.stdin(Stdio::piped()).spawn().unwrap();
        let stdin = run.stdin.take();
        until_handled(run.id());
        send(signal, run.id());
        let output = run.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("nothing was begun"), "{}", text(&output.stderr));
        home.exits(&["status", "one"], 4);
    }
}

#[test]
fn a_signal_while_another_owner_ends_begins_nothing() {
    let home = Home::plain();
    let (run, ..) = running(&home, "sleep 6");
    send("-TERM", run.id());
    let other = home.spawn(&["run", &home.waits("long", 3600), "--yes", "--id", "two"]);
    until_handled(other.id());
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    send("-TERM", other.id());
    let output = other.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{said}");
    // The owner may have been asked already: then flow does not know.
    assert!(said.contains("nothing was begun") || said.contains("flow status two"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(143));
    home.exits(&["status", "two"], 4);
}

#[test]
fn a_signal_while_another_owner_ends_resumes_nothing() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "two"], 75);
    let (run, ..) = running(&home, "sleep 6");
    send("-TERM", run.id());
    let resumes = [["resume", "two"], ["resume", "--all"]].map(|resume| home.spawn(&resume));
    resumes.iter().for_each(|resume| until_handled(resume.id()));
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    for resume in resumes {
        send("-TERM", resume.id());
        let output = resume.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(143), "{said}");
        // The owner may have been asked already: then flow does not know.
        assert!(said.contains("nothing was begun") || said.contains("flow status two"), "{said}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(143));
}

#[test]
fn a_resume_of_all_has_the_exit_code_of_what_ended_after_a_signal() {
    for (script, code, status) in [("sleep 2", 0, "SUCCEEDED"), ("sleep 2; exit 3", 1, "FAILED")] {
        let home = Home::plain();
        let log = home.path().join("log");
        let program = home.program("work.sh", &format!("echo begin >> {}; {script}; echo 1", log.display()));
        let rest = json!({ "Type": "Wait", "Seconds": 1, "Next": "Only" });
        let states = json!({ "Rest": rest, "Only": work(&program) });
        let file = home.definition("late", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }));
        let run = ["run", &file, "--yes", "--no-wait=0", "--id", "one"];
        home.exits_with(&run, &[("FLOW_PROGRAMS", &program)], 75);
        let mut resume = home.command(&["resume", "--all"]);
        resume.env("FLOW_PROGRAMS", &program).stdout(Stdio::piped()).stderr(Stdio::piped());
        let resume = resume.spawn().unwrap();
        until(10, "the program runs", || log.exists());
        send("-INT", resume.id());
        let output = resume.wait_with_output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(status), "{said}");
        assert_eq!(home.status_of("one"), status);
    }
}

#[test]
fn a_quiet_resume_of_all_says_after_a_signal_what_it_left_and_how_it_continues() {
    let home = Home::plain();
    let file = home.waits("long", 3600);
    ["one", "two"].iter().for_each(|id| drop(home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", id], 75)));
    let resume = home.spawn(&["resume", "--all", "--quiet"]);
    until(10, "it drives them", || home.succeed(&["status", "two"]).contains("RUNNING"));
    send("-INT", resume.id());
    let output = resume.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(text(&output.stdout), "", "nothing has changed");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("flow: stopped. Not ended: ") && last.contains("one") && last.contains("two"), "{said}");
    assert!(last.contains("flow resume --all"), "{said}");
}

#[test]
fn two_signals_stop_at_once_and_nothing_runs_on() {
    let home = Home::plain();
    let (run, log, program) = running(&home, "trap '' TERM INT; sleep 30");
    let begun = Instant::now();
    send("-TERM", run.id());
    std::thread::sleep(APART);
    send("-TERM", run.id());
    let output = run.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.contains("The next resume calls again: Only. To continue:   flow resume one"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(home.status_of("one"), "RUNNING");
    std::fs::write(&program, "#!/bin/sh\necho 2\n").unwrap();
    let said = home.exits_with(&["resume", "one"], &[("FLOW_PROGRAMS", &program)], 0);
    assert!(said.contains("SUCCEEDED"), "{said}");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "begin\n", "the first program ended with its owner");
}

#[test]
fn a_server_stops_in_order_after_one_signal_and_at_once_after_two() {
    let home = Home::plain();
    let mut server = Server::start(&home);
    send("-TERM", server.pid());
    assert_eq!(server.exit_code(), Some(143));
    let program = home.program("stubborn.sh", "trap '' TERM INT; sleep 100");
    let mut server = Server::start_with(&home, &[("FLOW_PROGRAMS", &program)]);
    let file = home.one("work", &work(&program));
    home.exits_with(&["run", &file, "--yes", "--id", "one", "--no-wait"], &[("FLOW_PROGRAMS", "/bin/true")], 1);
    let client = home
        .command(&["run", &file, "--yes", "--id", "two"])
        .env("FLOW_PROGRAMS", &program)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(10, "it runs", || home.flow(&["status", "two"]).status.success());
    let begun = Instant::now();
    send("-INT", client.id());
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("two continues in process"), "{}", text(&output.stderr));
    send("-TERM", server.pid());
    std::thread::sleep(APART);
    send("-TERM", server.pid());
    assert_eq!(server.exit_code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_wait_is_left_at_once() {
    let home = Home::plain();
    let run = home.spawn(&["run", &home.waits("long", 3600), "--yes", "--id", "one"]);
    until(10, "it waits", || home.flow(&["status", "one"]).status.success());
    let begun = Instant::now();
    send("-TERM", run.id());
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", text(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_limit_on_files_is_reported_and_does_not_end_the_process() {
    let home = Home::plain();
    let file = home.waits("short", 1);
    let script = format!("ulimit -f 64; exec {} run {file} --yes", env!("CARGO_BIN_EXE_flow"));
    let output = std::process::Command::new("sh").args(["-c", &script]).env("FLOW_HOME", home.path()).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("too large") && said.contains("raise the limit"), "{said}");
}

#[test]
fn a_store_that_cannot_grow_is_read_and_not_called_damaged() {
    let home = Home::plain();
    let file = home.one("passes", &json!({ "Type": "Pass", "End": true }));
    home.exits(&["run", &file, "--yes", "--id", "kept"], 0);
    let run = format!("run {file} --yes --id more");
    let read = ["status kept", "export"].map(|command| (command, 0));
    let refused = [run.as_str(), "prune", "import /dev/null", "doctor"].map(|command| (command, 1));
    for (command, code) in read.into_iter().chain(refused) {
        let script = format!("ulimit -f 64; exec {} {command}", env!("CARGO_BIN_EXE_flow"));
        let output = Command::new("sh").args(["-c", &script]).env("FLOW_HOME", home.path()).output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(!said.contains("Keep a copy") && !said.contains("doctor --repair"), "{command}: {said}");
        match code {
            0 => assert!(said.contains("kept") && said.contains("can only be read"), "{command}: {said}"),
            _ => {
                assert!(said.contains("raise the limit of a file's size (ulimit -f), then repeat"), "{command}: {said}")
            }
        }
    }
    home.exits(&["run", &file, "--yes", "--id", "more"], 0);
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_its_target_stays() {
    let home = Home::plain();
    let victim = home.path().join("victim.txt");
    std::fs::write(&victim, "precious\n").unwrap();
    std::os::unix::fs::symlink(&victim, home.path().join("owner.lock")).unwrap();
    let said = home.exits(&["run", &home.waits("short", 1), "--yes"], 3);
    assert!(said.contains("owner.lock") && said.contains("link"), "{said}");
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious\n");
}

#[test]
fn a_cancelled_execution_ends_its_program() {
    let home = Home::plain();
    let (run, log, _) = running(&home, "sleep 60");
    let begun = Instant::now();
    let said = home.exits(&["cancel", "one"], 0);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(10), "the run does not wait for the program: {:?}", begun.elapsed());
    assert_eq!(home.status_of("one"), "ABORTED");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "begin\n");
    let left = std::process::Command::new("pgrep").args(["-f", &format!("{}/work.sh", home.path().display())]).output();
    assert!(left.is_ok_and(|left| left.stdout.is_empty()), "a program still runs");
}

#[test]
fn a_signal_ends_a_resume_that_waits_for_sts() {
    let (home, sts) = (Home::plain(), Sts::start());
    let who = json!({ "Type": "Task", "Resource": "flow:sts:getCallerIdentity", "Arguments": {}, "End": true });
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Who" }, "Who": who });
    let file = home.definition("who", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }));
    home.exits_with(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], &sts.credentials(STAGING), 75);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut variables = sts.credentials(STAGING);
    variables[2].1 = &endpoint;
    let mut resume = home.command(&["resume", "one"]);
    let resume = resume.envs(variables).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _called = silent.accept().unwrap();
    let begun = Instant::now();
    send("-TERM", resume.id());
    let output = resume.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", text(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    home.exits_with(&["resume", "one"], &sts.credentials(STAGING), 0);
}

#[test]
fn a_command_waits_for_an_owner_that_is_ending_and_says_so() {
    let home = Home::plain();
    let (run, log, _) = running(&home, "sleep 3");
    send("-TERM", run.id());
    let other = home.one("other", &json!({ "Type": "Pass", "End": true }));
    let said = home.exits(&["run", &other, "--yes", "--id", "two"], 0);
    assert!(!said.contains("kill"), "{said}");
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(143));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "begin\nend\n");
}

#[test]
fn a_signal_after_the_terminal_is_gone_lets_the_call_in_flight_end_too() {
    let home = Home::plain();
    let (mut run, log, program) = running(&home, "sleep 2");
    // As for `flow run ... 2>&1 | tee log`, where Ctrl-C ends tee too.
    drop((run.stdout.take(), run.stderr.take()));
    send("-INT", run.id());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    home.exits_with(&["resume", "one"], &[("FLOW_PROGRAMS", &program)], 0);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "begin\nend\n", "it ran once and to its end");
}
