//! The end of a program with its owner.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    path::Path,
    process::{Child, Command, ExitCode},
};

use super::{
    ending::FAMILY,
    support::{block_on, context, lines, process_ids, runs, shell, until},
};

/// The first argument that makes this test an owner. A script and a file follow.
pub const OWNER_ARGUMENT: &str = "own-a-program";

pub const TESTS: &[(&str, fn())] = &[
    ("no_program_outlives_an_owner_that_was_killed", no_program_outlives_an_owner_that_was_killed),
    ("a_stubborn_program_dies_with_its_owner_at_once", a_stubborn_program_dies_with_its_owner_at_once),
];

/// Runs a script as an owner does.
pub fn run(arguments: &[String]) -> ExitCode {
    let [script, log] = arguments else { return ExitCode::FAILURE };
    ExitCode::from(u8::from(block_on(shell(context("owner"), script, Path::new(log))).is_err()))
}

fn owner(script: &str, log: &Path) -> Child {
    let this = std::env::current_exe().unwrap();
    Command::new(this).arg(OWNER_ARGUMENT).arg(script).arg(log).spawn().unwrap()
}

fn no_program_outlives_an_owner_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut owner = owner(FAMILY, &log);
    until("the family runs", || lines(&log).len() == 3);
    let ids = process_ids(&log);
    assert!(ids.iter().all(|id| runs(*id)));
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("the family ends", || ids.iter().all(|id| !runs(*id)));
}

/// Without a grace period: a restarted owner starts the next attempt immediately.
fn a_stubborn_program_dies_with_its_owner_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "trap '' TERM HUP INT; echo $$ >> $1; while :; do sleep 0.05; done";
    let mut owner = owner(script, &log);
    until("the program runs", || lines(&log).len() == 1);
    let id = process_ids(&log)[0];
    owner.kill().unwrap();
    owner.wait().unwrap();
    let died = std::time::Instant::now();
    until("the program ends", || !runs(id));
    assert!(died.elapsed() < std::time::Duration::from_millis(1_500), "{:?}", died.elapsed());
}
