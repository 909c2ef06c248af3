//! Shared parts of the tests of programs.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use engine::step::{Answer, Registry, StepContext, StepError};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use steps::{LocalSettings, register_local};

/// The limit of every wait in these tests.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Runs a test's future on a runtime of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// The context of the visit with this token.
pub fn context(token: &str) -> StepContext {
    StepContext { token: token.to_owned(), ..StepContext::for_test("Run it") }
}

/// Runs a shell script; `$1` is the first argument.
pub async fn shell(context: StepContext, script: &str, argument: &Path) -> Result<Value, StepError> {
    let input = json!({ "Program": "/bin/sh", "Arguments": ["-c", script, "sh", argument], "Input": { "a": [1] } });
    run(context, input).await
}

/// Runs the program of the input.
pub async fn run(context: StepContext, input: Value) -> Result<Value, StepError> {
    let programs = ["/bin/sh", "/bin/true", "/nowhere/program"].map(PathBuf::from).to_vec();
    let mut registry = Registry::new();
    let program_variables = ["LEVEL", "LANG", "LD_PRELOAD"].map(str::to_owned).to_vec();
    register_local(&mut registry, &LocalSettings { programs, program_variables, ..LocalSettings::default() });
    let step = registry.find("flow:process:run").unwrap();
    match step.poll(context, input).await? {
        Answer::Done(done) => Ok(done.output),
        Answer::Pending(_) => panic!("the step is pending"),
    }
}

/// Waits until `condition` holds.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < WAIT_MAX, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The lines of a file; empty if it does not exist.
pub fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The process ids in a file, a line each.
pub fn process_ids(file: &Path) -> Vec<i32> {
    lines(file).iter().map(|line| line.trim().parse().unwrap()).collect()
}

/// Whether the process exists and is not a zombie.
pub fn runs(id: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let zombie = state.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('Z'));
    test_kill_process(Pid::from_raw(id).unwrap()).is_ok() && !zombie
}
