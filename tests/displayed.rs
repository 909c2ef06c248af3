//! The displays of a running execution: JSON lines beside the display, JUnit reports, colours, the time left.

use std::{io::Read, os::unix::fs::OpenOptionsExt, process::Stdio};

use serde_json::{Value, json};

use crate::support::{Home, run_python, text, valid, words_of};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A Map, a Parallel and a state that fails.
fn fails(home: &Home) -> String {
    let inner = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
    let states = json!({
        "Each": { "Type": "Map", "Items": [1, 2, 3], "ItemProcessor": inner("Item"), "Next": "Both" },
        "Both": { "Type": "Parallel", "Branches": [inner("Left"), inner("Right")], "Next": "Stop" },
        "Stop": { "Type": "Fail", "Error": "Broken", "Cause": "a < b & \"c\"" } });
    home.definition("fails", &json!({ "QueryLanguage": "JSONata", "StartAt": "Each", "States": states }))
}

#[test]
fn every_json_line_is_valid_by_the_schema() {
    let home = Home::plain();
    let good = home.definition(
        "good",
        &json!({ "StartAt": "Rest", "States": {
        "Rest": { "Type": "Wait", "Seconds": 1, "Next": "End" }, "End": { "Type": "Succeed" } } }),
    );
    let file = fails(&home);
    let printed = [
        home.exits(&["run", &good, "--yes", "--id", "good", "-o", "json"], 0),
        home.exits(&["run", &file, "--yes", "--id", "bad", "-o", "json"], 1),
        home.exits(&["run", &home.waits("long", 3600), "--yes", "--id", "waits", "--no-wait=0", "-o", "json"], 75),
    ];
    let watched = valid(&printed[1]);
    assert_eq!(watched.last().unwrap()["type"], "end");
    let iteration = watched.iter().find(|line| line["event"]["type"] == "MapIterationSucceeded").unwrap();
    assert_eq!(iteration["state"], "Each[0]");
    printed.iter().for_each(|printed| drop(valid(printed)));
    for command in [
        &["status"][..],
        &["status", "good"],
        &["status", "bad"],
        &["status", "waits"],
        &["status", "waits", "--state", "Rest"],
        &["events", "bad"],
        &["check", &file],
        &["resume", "--all", "--no-wait=0"],
        &["approvals"],
        &["workflows"],
        &["steps"],
        &["explain"],
        &["doctor"],
        &["cancel", "waits"],
        &["status", "missing"],
    ] {
        let output = home.flow(&[command, &["-o", "json"]].concat());
        let said = text(&output.stdout);
        assert!(!valid(&said).is_empty(), "{command:?}");
    }
}

/// A failure is one line on standard output, with what the command is about, and nothing on standard error.
#[test]
fn with_json_lines_a_failure_is_one_line_that_names_its_execution() {
    let home = Home::plain();
    home.exits(&["run", &fails(&home), "--yes", "--id", "bad", "--quiet"], 1);
    let null = Value::Null;
    for (command, exit, execution, state) in [
        (&["signal", "bad", "Stop", "--success", "1"][..], 1, json!("bad"), json!("Stop")),
        (&["approve", "bad"][..], 1, json!("bad"), null.clone()),
        (&["cancel", "bad"][..], 1, json!("bad"), null.clone()),
        (&["resume", "bad"][..], 3, json!("bad"), null.clone()),
        (&["resume", "bad", "--from", "None", "--yes"][..], 4, json!("bad"), json!("None")),
        (&["status", "bad", "--state", "None"][..], 4, json!("bad"), json!("None")),
        (&["events", "missing"][..], 4, null.clone(), null.clone()),
        (&["status", "--nine"][..], 2, null.clone(), null.clone()),
    ] {
        let output = home.flow(&[command, &["-o", "json"]].concat());
        assert_eq!(text(&output.stderr), "", "{command:?}");
        let lines = valid(&text(&output.stdout));
        let errors: Vec<&Value> = lines.iter().filter(|line| line["type"] == "error").collect();
        assert_eq!((lines.len(), errors.len()), (2, 1), "{command:?}: {lines:?}");
        let line = errors[0];
        assert_eq!(output.status.code(), Some(exit), "{line}");
        assert_eq!((&line["exit"], &line["execution"], &line["state"]), (&json!(exit), &execution, &state), "{line}");
        let command = if exit == 2 { null.clone() } else { json!(command[0]) };
        assert_eq!(line["command"], command, "{line}");
    }
    let lines = valid(&home.exits(&["resume", "bad", "--from", "Both", "--yes", "-o", "json"], 1));
    let reentry = lines.iter().find(|line| line["type"] == "reentry").unwrap();
    assert_eq!((&reentry["execution"], &reentry["state"]), (&json!("bad"), &json!("Both")), "{reentry}");
}

#[test]
fn events_and_a_report_are_written_beside_the_display() {
    let home = Home::plain();
    let file = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (events, report) = (file("events.jsonl"), file("report.xml"));
    let progress = format!("lines,junit={report}");
    let run = ["run", &fails(&home), "--yes", "--id", "one", "--events-file", &events, "--progress", &progress];
    let said = home.exits(&run, 1);
    assert!(said.contains("Completed") && said.contains("FAILED"), "{said}");
    let recorded = valid(&std::fs::read_to_string(&events).unwrap());
    assert_eq!((&recorded[0]["type"], &recorded.last().unwrap()["status"]), (&json!("version"), &json!("FAILED")));
    assert!(recorded.iter().any(|line| line["event"]["type"] == "StateEntered" && line["state"] == "Both"));
    let xml = std::fs::read_to_string(&report).unwrap();
    assert!(xml.contains("tests=\"4\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"Stop\"") && xml.contains("a &lt; b &amp; &quot;c&quot;"), "{xml}");
    let resumed = ["resume", "one", "--from", "Stop", "--yes", "--events-file", &events, "--progress", &progress];
    home.exits(&resumed, 1);
    let both = valid(&std::fs::read_to_string(&events).unwrap());
    assert_eq!(both[..recorded.len()], recorded[..], "the second command adds to the file");
    let of_type = |wanted: &str| both.iter().filter(|line| line["type"] == wanted).count();
    assert_eq!((of_type("version"), of_type("end")), (2, 2), "{both:?}");
    let one_file = format!("junit={events}");
    home.exits(&["run", &fails(&home), "--yes", "--events-file", &events, "--progress", &one_file], 2);
    let missing = file("none/events.jsonl");
    let refused = home.flow(&["run", &fails(&home), "--yes", "--id", "two", "--events-file", &missing]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let pipe = file("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for more in [["--events-file", &pipe], ["--progress", &format!("junit={pipe}")]] {
        let said = home.exits(&[&["run", &fails(&home), "--yes", "--id", "two"][..], &more].concat(), 3);
        assert!(said.contains("nobody reads it"), "{said}");
    }
    home.exits(&["status", "two"], 4);
    let said = home.exits(&["explain", "--events-file", &missing], 2);
    assert!(said.contains("run, resume and status ID --watch"), "{said}");
    home.exits(&["run", &fails(&home), "--yes", "-o", "json", "--events-file", "-"], 2);
    let said = home.exits(&["run", &fails(&home), "--yes", "--id", "two", "--progress", "none,junit=-"], 1);
    assert!(said.matches("<testsuites ").count() == 1 && said.contains("tests=\"4\" failures=\"1\""), "{said}");
}

/// The command may run for hours more: it reports at once that its record is not complete.
#[test]
fn a_failure_to_record_is_reported_when_it_happens() {
    let home = Home::plain();
    let pipe = home.path().join("pipe").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut reader = std::fs::OpenOptions::new().read(true).custom_flags(no_wait).open(&pipe).unwrap();
    let child = home.spawn(&["run", &home.waits("short", 1), "--yes", "--progress", "none", "--events-file", &pipe]);
    let mut byte = [0];
    crate::support::until(10, "a line is recorded", || reader.read(&mut byte).is_ok_and(|read| read > 0));
    drop(reader);
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("The command continues") && text(&output.stdout).contains("SUCCEEDED"), "{said}");
}

#[test]
fn several_executions_share_a_report() {
    let home = Home::plain();
    let file = home.waits("long", 3600);
    for id in ["one", "two"] {
        home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", id], 75);
    }
    let report = home.path().join("report.xml");
    // The display may precede the report or follow it.
    let progress = format!("junit={},none", report.display());
    home.exits(&["resume", "--all", "--no-wait=0", "--progress", &progress], 75);
    let xml = std::fs::read_to_string(report).unwrap();
    assert_eq!((xml.matches("<testsuite ").count(), xml.matches("<skipped").count()), (2, 2), "{xml}");
}

#[test]
fn a_watch_off_a_terminal_prints_a_line_per_change_and_ends_with_the_exit_code() {
    let home = Home::plain();
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 3, "Next": "Last" }, "Last": { "Type": "Succeed" } });
    let file = home.definition("short", &json!({ "StartAt": "Rest", "States": states }));
    let mut child = home.spawn(&["run", &file, "--yes", "--id", "one"]);
    crate::support::until(10, "it runs", || home.flow(&["status", "one"]).status.success());
    let last = home.spawn(&["status", "one", "--watch", "--state", "Last"]);
    home.exits(&["status", "one", "--watch", "--state", "Lost"], 4);
    let events = home.path().join("watch.jsonl").display().to_string();
    let none = home.spawn(&["status", "one", "--watch", "--progress", "none", "--events-file", &events]);
    let json = home.spawn(&["status", "one", "--watch", "-o", "json"]);
    let said = home.exits(&["status", "one", "--watch"], 0);
    assert!(!said.contains("RUNNING") && said.matches("SUCCEEDED").count() == 1, "{said}");
    assert!(said.contains("Started   ( 1/2) Rest") && said.contains("Completed ( 1/2) Rest"), "{said}");
    assert!(child.wait().unwrap().success());
    let none = none.wait_with_output().unwrap();
    let shown = text(&none.stdout);
    assert!(none.status.success() && shown.trim().lines().count() == 1 && shown.contains("SUCCEEDED"), "{shown}");
    let json = json.wait_with_output().unwrap();
    for watched in [std::fs::read_to_string(&events).unwrap(), text(&json.stdout)] {
        let watched = valid(&watched);
        let types: Vec<&str> = watched.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!((types[0], types[1], types.last().copied()), ("version", "entry", Some("end")), "{types:?}");
        assert_eq!(types.iter().filter(|kind| **kind == "end").count(), 1, "{types:?}");
        assert_eq!(watched.last().unwrap()["status"], "SUCCEEDED");
    }
    let last = last.wait_with_output().unwrap();
    let shown = text(&last.stdout);
    assert!(last.status.success() && shown.contains("one has not entered \"Last\" yet"), "{shown}");
    assert!(shown.contains("Last   was left"), "{shown}");
    home.exits(&["run", &fails(&home), "--yes", "--id", "bad"], 1);
    home.exits(&["status", "bad", "--watch"], 1);
}

/// A watch that a signal ends has its last line, wherever the signal finds it: in the first poll, which has shown entries, in a later
/// one or in the pause between two.
#[test]
fn a_watch_that_a_signal_ends_has_its_last_line() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "one"], 75);
    let events = home.path().join("watch.jsonl").display().to_string();
    for (signal, exit, more) in [
        ("-TERM", 143, &["-o", "json"][..]),
        ("-INT", 130, &["-o", "json"][..]),
        ("-TERM", 143, &["-o", "json"][..]),
        ("-INT", 130, &["--progress", "none", "--events-file", &events][..]),
    ] {
        std::fs::write(&events, "").unwrap();
        let file = std::fs::File::create(home.path().join("out")).unwrap();
        let mut child = home.command(&[&["status", "one", "--watch"][..], more].concat()).stdout(file).spawn().unwrap();
        let written = || {
            let out = if more.contains(&"json") { home.path().join("out") } else { events.clone().into() };
            std::fs::read_to_string(out).unwrap()
        };
        crate::support::until(10, "an entry is shown", || written().contains("\"entry\""));
        crate::support::send(signal, child.id());
        assert_eq!(child.wait().unwrap().code(), Some(exit));
        let lines = valid(&written());
        let last = lines.last().unwrap();
        assert!(last["type"] == "end" && last["status"] == "RUNNING", "{signal}: {lines:?}");
        assert_eq!(lines.iter().filter(|line| line["type"] == "end").count(), 1, "{signal}: {lines:?}");
    }
    for more in [&["-o", "json"][..], &["--state", "Rest"]] {
        let mut unread = home.spawn(&[&["status", "one", "--watch"][..], more].concat());
        drop(unread.stdout.take());
        assert_eq!(unread.wait().unwrap().code(), Some(1), "{more:?}: nobody reads it");
    }
}

/// A signal ends a command with one last line, also while it still connects: in the first moments, and after the first line.
#[test]
fn an_early_signal_ends_a_command_with_one_last_line() {
    let home = Home::plain();
    let file = home.waits("long", 3600);
    home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], 75);
    let out = home.path().join("out");
    for (command, lines_min) in [
        (&["status", "one", "--watch"][..], 0),
        (&["status", "one", "--watch"][..], 1),
        (&["resume", "--all"][..], 1),
        (&["run", &file, "--yes"][..], 1),
        (&["approvals"][..], 0),
    ] {
        let printed = std::fs::File::create(&out).unwrap();
        let command = [command, &["-o", "json"]].concat();
        let mut child = home.command(&command).stdout(printed).stderr(Stdio::piped()).spawn().unwrap();
        let written = || std::fs::read_to_string(&out).unwrap();
        crate::support::until(10, "lines", || written().lines().count() >= lines_min);
        crate::support::send("-TERM", child.id());
        // A process that has no handler yet, or that has ended, is not ended by its own code.
        if child.wait().unwrap().code() == Some(143) {
            let lines = valid(&written());
            let is_last = |line: &&Value| line["type"] == "end" || line["type"] == "error";
            assert_eq!(lines.iter().filter(is_last).count(), 1, "{command:?}: {lines:?}");
            assert!(lines.first().unwrap()["type"] == "version" && is_last(&lines.last().unwrap()), "{lines:?}");
        }
    }
}

#[test]
fn the_time_left_is_estimated_from_earlier_executions() {
    let home = Home::plain();
    let file = home.definition(
        "rests",
        &json!({ "StartAt": "First", "States": {
        "First": { "Type": "Wait", "SecondsPath": "$.first", "Next": "Second" },
        "Second": { "Type": "Wait", "Seconds": 1, "End": true } } }),
    );
    let time_left = |id: &str| lines(&home.exits(&["status", id, "-o", "json"], 0)).pop().unwrap()["timeLeft"].clone();
    home.exits(&["run", &file, "--yes", "--id", "zero", "--no-wait=0", "--input", r#"{"first": 3600}"#], 75);
    assert_eq!(time_left("zero"), Value::Null, "nothing is known yet");
    for id in ["one", "two", "three"] {
        home.exits(&["run", &file, "--yes", "--id", id, "--input", r#"{"first": 1}"#], 0);
    }
    let left = time_left("zero");
    assert_eq!((&left["executions"], &left["needsPerson"]), (&json!(3), &json!(false)), "{left}");
    assert!(left["lowMs"].as_u64().unwrap() > 3_000_000, "the due time of a Wait counts, not what is usual: {left}");
    assert!(home.exits(&["status", "zero"], 0).contains(" left"), "{}", home.exits(&["status", "zero"], 0));
}

#[test]
fn colours_are_shown_where_they_are_wanted() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("long", 3600), "--yes", "--no-wait=0", "--id", "one"], 75);
    assert!(!home.exits(&["status", "one"], 0).contains('\u{1b}'));
    assert!(home.exits(&["status", "one", "--color", "always"], 0).contains("\u{1b}[33m"));
    assert!(home.exits_with(&["status", "one"], &[("CLICOLOR_FORCE", "1")], 0).contains('\u{1b}'));
    let end = home.exits(&["resume", "one", "--no-wait=0", "--color", "always"], 75);
    assert!(end.contains("\u{1b}[36m●\u{1b}[0m Rest: "), "the screen at the end: {end}");
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!home.exits_with(&["status", "one"], &both, 0).contains('\u{1b}'));
    assert!(!home.exits_with(&["status", "one", "--color", "never"], &both[..1], 0).contains('\u{1b}'));
    let ascii = home.exits_with(&["status", "one"], &[("LC_ALL", "C")], 0);
    assert!(ascii.is_ascii() && ascii.contains("* Rest"), "{ascii}");
}

#[test]
fn a_terminal_on_which_a_tree_is_drawn_stays_usable() {
    let home = Home::plain();
    let mut drawing = home.command(&["run", &home.waits("long", 3600), "--yes", "--id", "one"]);
    let mut words = words_of(drawing.env("TERM", "xterm-256color"));
    words.insert(1, "--default-signal=QUIT,TSTP".to_owned());
    run_python(include_str!("terminal.py"), &words.iter().map(String::as_str).collect::<Vec<_>>());
}
