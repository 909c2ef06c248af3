//! With a disk that is full, damaged or read-only, or without file handles, nothing that was acknowledged is lost, and
//! the error says what to do.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::support::{Home, text};

/// A short workflow.
fn short(home: &Home) -> String {
    let states =
        json!({ "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "Result": { "kept": 1 }, "End": true } });
    write(home, "short", &json!({ "StartAt": "A", "States": states }))
}

/// A workflow with 120 tasks that answer 200 KB each: more than the small disk can store.
fn long(home: &Home) -> String {
    let program = json!({ "Program": "/bin/sh", "Arguments": ["-c", "head -c 150000 /dev/urandom | base64 -w0"] });
    let task = json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": program, "End": true });
    let states = json!({ "M": { "Type": "Map", "Items": "{% [1..120] %}", "MaxConcurrency": 2, "Output": "{% 'end' %}",
        "ItemProcessor": { "StartAt": "T", "States": { "T": task } }, "End": true } });
    write(home, "long", &json!({ "QueryLanguage": "JSONata", "StartAt": "M", "States": states }))
}

fn write(home: &Home, name: &str, definition: &Value) -> String {
    let file = home.path().join(format!("{name}.asl.json"));
    std::fs::write(&file, definition.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Runs a script with a small disk in `$DISK`; `None` if this machine does not allow one.
fn on_a_small_disk(home: &Home, script: &str) -> Option<Output> {
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let namespace = ["-rm", "-m"].into_iter().find(|flags| {
        let mount = Command::new("unshare").args([flags, "mount", "-t", "tmpfs", "none"]).arg(&disk).output();
        mount.is_ok_and(|output| output.status.success())
    });
    let Some(namespace) = namespace else {
        eprintln!("skipped: no file system can be mounted here");
        return None;
    };
    let mut command = home.command(&[]);
    command.env("FLOW_HOME", disk.join("home"));
    let variables: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    let mut shell = Command::new("unshare");
    for (name, value) in variables {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let script = format!("mount -t tmpfs -o size=512m none $DISK\n{script}");
    shell.env("DISK", &disk).env("FLOW", env!("CARGO_BIN_EXE_flow")).env("FLOW_PROGRAMS", "/bin/sh");
    Some(shell.args([namespace, "sh", "-c", &script, "sh", &short(home), &long(home)]).output().unwrap())
}

/// The exit codes that the script printed.
fn exits(output: &Output) -> BTreeMap<String, i32> {
    let message = text(&output.stdout);
    let lines = message.lines().filter_map(|line| line.strip_prefix("exit ")?.split_once(' '));
    lines.map(|(name, code)| (name.to_owned(), code.parse().unwrap())).collect()
}

#[test]
fn a_full_disk_is_reported_and_nothing_acknowledged_is_lost() {
    let home = Home::plain();
    let script = r#"
        run() { name=$1; shift; $FLOW "$@" 2>&1; echo "exit $name $?"; }
        run first run $1 --yes --id first
        cp -r $FLOW_HOME $DISK/ended
        dd if=/dev/zero of=$DISK/ballast bs=1M count=470 2>/dev/null
        run full run $2 --yes --id long
        run refused run $2 --yes --id another
        run kept status first
        run sick doctor
        dd if=/dev/zero of=$DISK/more bs=4k 2>/dev/null
        run read status first
        $FLOW export >/dev/null 2>&1; echo "exit exported $?"
        run nothing resume --all --home $DISK/ended
        run unwritten run $1 --yes --id third
        rm $DISK/more $DISK/ballast
        run cured doctor
        run resumed resume long
        run again run $1 --yes --id again
        run whole doctor
    "#;
    let Some(output) = on_a_small_disk(&home, script) else { return };
    let (message, exits) = (text(&output.stdout), exits(&output));
    let wanted = [("first", 0), ("full", 1), ("kept", 0), ("sick", 1), ("read", 0), ("exported", 0), ("unwritten", 1)]
        .into_iter()
        .chain([("nothing", 0), ("cured", 0), ("resumed", 0), ("again", 0), ("whole", 0)]);
    for (name, code) in wanted {
        assert_eq!(exits.get(name), Some(&code), "{name}\n{message}");
    }
    for words in [
        "No space left",
        "what was acknowledged earlier is safe",
        "make room, then repeat the command",
        "can only be read",
        "long SUCCEEDED",
    ] {
        assert!(message.contains(words), "{words}\n{message}");
    }
    assert!(!message.contains("panicked") && !message.contains("Keep a copy"), "{message}");
}

#[test]
fn a_read_only_folder_is_named_and_works_again_when_it_can_be_written() {
    let home = Home::plain();
    let script = r#"
        run() { name=$1; shift; $FLOW "$@" 2>&1; echo "exit $name $?"; }
        run first run $1 --yes --id first
        mount -o remount,ro $DISK
        run refused run $1 --yes --id second
        run sick doctor
        cp -r $FLOW_HOME $DISK/../copy
        run copied status first --home $DISK/../copy
        mount -o remount,rw $DISK
        run kept status first
        run second run $1 --yes --id second
    "#;
    let Some(output) = on_a_small_disk(&home, script) else { return };
    let (message, exits) = (text(&output.stdout), exits(&output));
    for (name, code) in [("first", 0), ("refused", 3), ("sick", 1), ("copied", 0), ("kept", 0), ("second", 0)] {
        assert_eq!(exits.get(name), Some(&code), "{name}\n{message}");
    }
    for words in ["disk/home: Read-only file system", "owner.lock: Read-only file system\n", "; cp -r "] {
        assert!(message.contains(words), "{words}\n{message}");
    }
    assert!(!message.lines().any(|line| line.trim_end() == "· store"), "{message}");
}

/// Every file of the store that is not empty.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let full = entries.filter(|entry| entry.file_type().is_file() && entry.metadata().unwrap().len() > 0);
    full.map(walkdir::DirEntry::into_path).collect()
}

/// The number of executions in a filled home: one sleeps, the others have ended.
const FILLED: usize = 31;

/// A home whose owner was killed: most records are in the index, some only in the log.
fn filled() -> Home {
    let home = Home::plain();
    let sleep = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 36_000, "End": true } } });
    let mut owner = home.spawn(&["run", &write(&home, "sleep", &sleep), "--yes", "--id", "sleeps"]);
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Started")));
    for number in 1..FILLED {
        // Data that cannot be compressed.
        let long: String = (0..2_000_u64)
            .map(|at| format!("{:016x}", (at << 8 | number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        let states = json!({ "A": { "Type": "Pass", "Result": { "long": long }, "Next": "B" },
            "B": { "Type": "Pass", "Result": { "kept": 1 }, "End": true } });
        let file = write(&home, "long", &json!({ "StartAt": "A", "States": states }));
        home.succeed(&["run", &file, "--yes", "--id", &format!("e-{number}"), "--progress", "none"]);
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    home
}

/// The number of exported executions whose line contains a text.
fn exported(output: &Output, wanted: &str) -> usize {
    text(&output.stdout).lines().filter(|line| line.contains(r#""type":"execution""#) && line.contains(wanted)).count()
}

/// Checks a damaged store: the damage is reported or has no effect, and answers are correct. Records with a second copy
/// are not lost. Of the others, an export contains every readable one.
fn check_recovery(home: &Home, path: &Path, what: &str) {
    let listed = home.flow(&["status", "--all", "-o", "json"]);
    let message = format!("{what}: {}{}", text(&listed.stdout), text(&listed.stderr));
    assert!(!message.contains("panicked") && listed.status.code().is_some_and(|code| code != 101), "{message}");
    let doctor = home.flow(&["doctor", "--repair"]);
    let examined = format!("{what}: {}{}", text(&doctor.stdout), text(&doctor.stderr));
    assert!(!examined.contains("panicked"), "{examined}");
    let export = home.flow(&["export"]);
    let is_log = path.file_name().unwrap().to_str().unwrap().starts_with("commits-");
    if doctor.status.success() || !is_log {
        assert!(doctor.status.success(), "its records have a second copy: {examined}");
        assert_eq!(exported(&export, ""), FILLED, "doctor reports no problem: {examined}");
        assert_eq!(exported(&export, r#""output":{"kept":1}"#), FILLED - 1, "{examined}");
    } else {
        assert!(examined.contains('✖'), "{examined}");
        let words = format!("{examined}{}", text(&export.stderr)).to_lowercase();
        assert!(words.contains("keep a copy") && words.contains("flow import"), "the output says what to do: {words}");
        assert!(exported(&export, "") > FILLED / 2, "the readable records are exported: {words}");
    }
}

#[test]
fn a_flipped_byte_anywhere_is_reported_or_harmless() {
    let home = filled();
    for path in files(&home.path().join("store")) {
        let length = std::fs::metadata(&path).unwrap().len();
        // Positions spread over the file, the same in every run.
        for part in 0..10_u64 {
            let whole = backup(&home);
            let at = part.wrapping_mul(0x9E37_79B9_7F4A_7C15) % length;
            let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x41], at).unwrap();
            check_recovery(&home, &path, &format!("{} byte {at} of {length}", path.display()));
            restore(&home, &whole);
        }
    }
}

#[test]
fn a_truncated_store_is_reported_or_harmless() {
    let home = filled();
    for path in files(&home.path().join("store")) {
        let length = std::fs::metadata(&path).unwrap().len();
        for part in [0, 1, 2, 3] {
            let whole = backup(&home);
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length * part / 4).unwrap();
            check_recovery(&home, &path, &format!("{} cut to {part}/4 of {length}", path.display()));
            restore(&home, &whole);
        }
    }
}

/// The store's files with their content.
fn backup(home: &Home) -> Vec<(PathBuf, Vec<u8>)> {
    files(&home.path().join("store")).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn restore(home: &Home, whole: &[(PathBuf, Vec<u8>)]) {
    let store = home.path().join("store");
    std::fs::remove_dir_all(&store).unwrap();
    for (path, bytes) in whole {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Adds an hour to every time in an export, as if the clock had been set back since.
fn an_hour_ahead(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(time_ms) =
                number.as_u64().filter(|number| (1_600_000_000_000..9_000_000_000_000).contains(number))
            {
                *value = json!(time_ms + 3_600_000);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(an_hour_ahead),
        Value::Object(fields) => fields.values_mut().for_each(an_hour_ahead),
        _ => {}
    }
}

#[test]
fn a_clock_that_went_back_an_hour_is_reported_and_no_history_goes_back_with_it() {
    let (before, home) = (Home::plain(), Home::plain());
    let states = json!({ "W": { "Type": "Wait", "Seconds": 36_000, "Next": "E" }, "E": { "Type": "Succeed" } });
    let file = write(&before, "waits", &json!({ "StartAt": "W", "States": states }));
    assert_eq!(before.flow(&["run", &file, "--yes", "--id", "waits", "--no-wait"]).status.code(), Some(75));
    before.succeed(&["run", &short(&before), "--yes", "--id", "ended"]);
    let moved = before.succeed(&["export"]).lines().fold(String::new(), |moved, line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        an_hour_ahead(&mut line);
        moved + &line.to_string() + "\n"
    });
    let path = home.path().join("moved.jsonl");
    std::fs::write(&path, moved).unwrap();
    home.succeed(&["import", path.to_str().unwrap()]);
    let words = "s earlier than the last start: it was set back";
    let doctor = home.flow(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(text(&doctor.stdout).contains(words), "{}", text(&doctor.stdout));
    let resumed = home.flow(&["resume", "waits", "--no-wait"]);
    assert_eq!(resumed.status.code(), Some(75), "it continues to wait: {}", text(&resumed.stderr));
    assert!(text(&resumed.stderr).contains(words), "{}", text(&resumed.stderr));
    home.flow(&["cancel", "waits"]);
    let printed = home.succeed(&["events", "waits", "-o", "json"]);
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<u64> = events.iter().filter_map(|event| event["timestampMs"].as_u64()).collect();
    assert!(times.len() > 2 && times.is_sorted(), "{times:?}");
    assert!(home.succeed(&["status", "waits"]).contains("ABORTED"));
    home.succeed(&["run", &short(&home), "--yes", "--id", "after"]);
}

#[test]
fn without_file_handles_nothing_begins_and_with_few_everything_ends() {
    let home = Home::plain();
    let (short, program) = (short(&home), env!("CARGO_BIN_EXE_flow"));
    let limited = |handles: u32, arguments: &[&str]| {
        let mut command = home.command(&[]);
        let variables: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new("sh");
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let script = format!("ulimit -n {handles}; exec {program} \"$@\"");
        command.env("FLOW_PROGRAMS", "/bin/sh").args(["-c", &script, "sh"]).args(arguments).output().unwrap()
    };
    for handles in 4..14 {
        let output = limited(handles, &["run", &short, "--yes", "--id", &format!("e-{handles}"), "--progress", "none"]);
        let message = format!("{handles} handles: {}{}", text(&output.stdout), text(&output.stderr));
        assert!(!message.contains("panicked"), "{message}");
        assert!(output.status.success() || message.contains("Too many open files"), "{message}");
    }
    let task = json!({ "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Arguments": { "Program": "/bin/sh", "Arguments": ["-c", "sleep 0.2; echo 1"] },
        "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 30, "BackoffRate": 1, "JitterStrategy": "FULL" }] });
    let map = json!({ "M": { "Type": "Map", "Items": "{% [1..40] %}", "Output": "{% $count($states.result) %}", "End": true,
        "ItemProcessor": { "StartAt": "T", "States": { "T": task } } } });
    let many = write(&home, "many", &json!({ "QueryLanguage": "JSONata", "StartAt": "M", "States": map }));
    let output = limited(40, &["run", &many, "--yes", "--id", "many", "-o", "json"]);
    let message = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{message}");
    assert!(message.contains("Too many open files"), "the limit is not reached: {message}");
    assert!(text(&home.flow(&["doctor"]).stdout).contains("✔ store"));
}
