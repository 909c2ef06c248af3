//! A program's input and environment, its output, and its cleanup.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{path::Path, time::Instant};

use serde_json::{Value, json};
use steps::{ProgramStream, follow_programs};

use super::support::{block_on, context, lines, process_ids, run, runs, shell};

pub const TESTS: &[(&str, fn())] = &[
    ("input_becomes_output", input_becomes_output),
    ("only_named_variables_are_inherited", only_named_variables_are_inherited),
    (
        "a_definition_chooses_variables_folder_and_standard_input",
        a_definition_chooses_variables_folder_and_standard_input,
    ),
    ("a_failure_names_the_status_and_the_last_words", a_failure_names_the_status_and_the_last_words),
    ("a_program_that_is_missing_cannot_start", a_program_that_is_missing_cannot_start),
    ("input_that_is_not_read_is_no_failure", input_that_is_not_read_is_no_failure),
    ("a_program_without_standard_output_still_runs", a_program_without_standard_output_still_runs),
    ("output_without_end_is_a_failure_soon", output_without_end_is_a_failure_soon),
    ("output_up_to_the_limit_is_complete", output_up_to_the_limit_is_complete),
    ("lines_are_followed_live", lines_are_followed_live),
    ("runs_leak_no_handle_and_no_process", runs_leak_no_handle_and_no_process),
    ("the_tests_are_listed_for_cargo_nextest", the_tests_are_listed_for_cargo_nextest),
];

const NOWHERE: &str = "/nowhere";

fn result_of(script: &str) -> Result<Value, engine::step::StepError> {
    block_on(shell(context(script), script, Path::new(NOWHERE)))
}

fn input_becomes_output() {
    assert_eq!(result_of("cat").unwrap(), json!({ "a": [1] }));
    assert_eq!(result_of("echo two words").unwrap(), "two words");
    assert_eq!(result_of(":").unwrap(), "");
}

fn only_named_variables_are_inherited() {
    let printed = result_of("unset PWD OLDPWD SHLVL _; env | cut -d= -f1 | sort").unwrap();
    let allowed = ["FLOW_IDEMPOTENCY_TOKEN", "FLOW_TASK_TOKEN", "HOME", "LANG", "PATH"];
    let printed: Vec<&str> = printed.as_str().unwrap().lines().filter(|name| *name != "_").collect();
    assert!(printed.iter().all(|name| allowed.contains(name)), "{printed:?}");
    assert!(printed.contains(&"FLOW_IDEMPOTENCY_TOKEN") && printed.contains(&"PATH"), "{printed:?}");
}

fn a_definition_chooses_variables_folder_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let script = "printf '%s ' \"$LEVEL\" \"$LANG\" \"$(pwd)\"; tr a-z A-Z";
    let input = json!({
        "Program": "/bin/sh", "Arguments": ["-c", script], "Folder": real, "Stdin": "two\nlines",
        "Environment": { "LEVEL": "7 $HOME", "LANG": "C" },
    });
    let printed = block_on(run(context("surroundings"), input)).unwrap();
    assert_eq!(printed, format!("7 $HOME C {} TWO\nLINES", real.display()));
    let input = json!({ "Program": "/bin/sh", "Environment": { "LD_PRELOAD": "/nowhere.so" } });
    let error = block_on(run(context("refused"), input)).unwrap_err();
    assert!(error.cause.contains("may not set LD_PRELOAD"), "{}", error.cause);
    let input = json!({ "Program": "/bin/true", "Stdin": "x".repeat(262_144) });
    assert_eq!(block_on(run(context("not read"), input)).unwrap(), "", "input that is not read is no failure");
}

fn a_failure_names_the_status_and_the_last_words() {
    let failed = |script: &str| {
        let error = result_of(script).unwrap_err();
        (error.error_name().to_owned(), error.cause)
    };
    let name = "Process.Failed".to_owned();
    assert_eq!(failed("echo no disk >&2; exit 3"), (name.clone(), "/bin/sh: exit status: 3: no disk".to_owned()));
    assert_eq!(failed("echo no disk; exit 3"), (name.clone(), "/bin/sh: exit status: 3: no disk".to_owned()));
    assert_eq!(failed("kill -9 $$"), (name, "/bin/sh: signal: 9 (SIGKILL)".to_owned()));
    let (_, cause) = failed("yes on standard error | head -c 3000000 >&2; echo last words >&2; exit 1");
    assert!(cause.ends_with("last words") && cause.len() < 2_100, "{} bytes", cause.len());
}

fn a_program_that_is_missing_cannot_start() {
    let error = block_on(run(context("missing"), json!({ "Program": "/nowhere/program" }))).unwrap_err();
    assert_eq!(error.error_name(), "Process.CannotStart");
    assert!(error.cause.starts_with("/nowhere/program: No such file"), "{}", error.cause);
}

fn input_that_is_not_read_is_no_failure() {
    let input = json!({ "Program": "/bin/true", "Input": "x".repeat(1 << 20) });
    assert_eq!(block_on(run(context("not read"), input)).unwrap(), "");
}

fn a_program_without_standard_output_still_runs() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "exec >&- 2>&-; sleep 0.3; echo done > $1";
    block_on(shell(context(script), script, &log)).unwrap();
    assert_eq!(lines(&log), ["done"]);
}

fn output_without_end_is_a_failure_soon() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let begun = Instant::now();
    let script = "echo $$ > $1; exec yes abcdefghijklmnopqrstuvwxyz";
    let error = block_on(shell(context(script), script, &log)).unwrap_err();
    assert_eq!(error.error_name(), "States.DataLimitExceeded");
    assert!(error.cause.contains("262144 bytes"), "{}", error.cause);
    assert!(begun.elapsed().as_secs() < 10 && !runs(process_ids(&log)[0]));
}

fn output_up_to_the_limit_is_complete() {
    let output = result_of("head -c 262144 /dev/zero | tr '\\0' x").unwrap();
    assert_eq!(output.as_str().unwrap().len(), 262_144);
    let error = result_of("head -c 262145 /dev/zero | tr '\\0' x").unwrap_err();
    assert_eq!(error.error_name(), "States.DataLimitExceeded");
}

fn lines_are_followed_live() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    // The program waits for the follower, so that its output is received while it runs.
    let script = "mkfifo $1; echo begun; read word < $1; echo $word >&2";
    block_on(async {
        let mut follower = follow_programs();
        let follow = async {
            let first = follower.recv().await.unwrap();
            let release = fifo.clone();
            tokio::task::spawn_blocking(move || std::fs::write(release, "released\n").unwrap()).await.unwrap();
            (first, follower.recv().await.unwrap())
        };
        let (result, (first, second)) = tokio::join!(shell(context(script), script, &fifo), follow);
        assert_eq!(result.unwrap(), "begun");
        assert_eq!((first.stream, first.text.as_str()), (ProgramStream::Output, "begun"));
        assert_eq!((second.stream, second.text.as_str()), (ProgramStream::Error, "released"));
        assert_eq!((&*first.state_path, first.attempt), ("Run it", 1));
    });
}

fn runs_leak_no_handle_and_no_process() {
    let handles = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let children = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let children = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap());
        children.collect::<String>()
    };
    block_on(async {
        let one = async |number: u32| shell(context(&number.to_string()), "cat", Path::new(NOWHERE)).await.unwrap();
        one(0).await;
        let before = handles();
        for number in 1..=60 {
            one(number).await;
        }
        assert_eq!(handles(), before);
        assert_eq!(children(), "");
    });
}

fn the_tests_are_listed_for_cargo_nextest() {
    let listed = |more: &[&str]| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--list", "--format", "terse"]).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let all = listed(&[]);
    assert!(all.lines().all(|line| line.ends_with(": test")) && all.contains("input_becomes_output: test\n"), "{all}");
    assert_eq!(listed(&["--ignored"]), "");
}
