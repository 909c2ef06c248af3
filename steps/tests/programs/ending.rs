//! The end of a program with its attempt.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{path::Path, time::Duration};

use engine::step::StepContext;
use rustix::process::{Pid, Signal, kill_process};
use steps::programs_ended;

use super::support::{block_on, context, lines, process_ids, runs, shell, until};

pub const TESTS: &[(&str, fn())] = &[
    ("an_abandoned_program_ends_with_its_descendants", an_abandoned_program_ends_with_its_descendants),
    ("a_program_may_clean_up_when_it_is_ended", a_program_may_clean_up_when_it_is_ended),
    ("a_program_that_ignores_sigterm_is_killed", a_program_that_ignores_sigterm_is_killed),
    ("the_next_attempt_begins_after_the_last_has_ended", the_next_attempt_begins_after_the_last_has_ended),
    ("a_time_out_ends_the_program", a_time_out_ends_the_program),
    ("processes_left_by_a_program_end_with_it", processes_left_by_a_program_end_with_it),
    ("a_program_ends_with_its_supervisor", a_program_ends_with_its_supervisor),
    ("sigterm_to_the_supervisor_ends_the_program", sigterm_to_the_supervisor_ends_the_program),
];

/// A script that starts a shell, a child of it, and a child in another session whose parent has ended, and writes their
/// ids to a file.
pub const FAMILY: &str = "echo $$ >> $1; sleep 60 & echo $! >> $1; \
    (setsid sh -c 'echo $$ >> $0; sleep 60' $1 &); wait";

/// Runs the script until the file has this many lines, then abandons it.
async fn abandon(context: StepContext, script: &str, log: &Path, lines_count: usize) {
    let ready = async {
        while lines(log).len() < lines_count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = shell(context, script, log) => panic!("it ended: {ended:?}"),
        () = ready => {}
    }
}

fn an_abandoned_program_ends_with_its_descendants() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    block_on(async {
        abandon(context("family"), FAMILY, &log, 3).await;
        assert!(programs_ended(Duration::from_secs(10)).await);
    });
    assert_eq!(process_ids(&log).into_iter().filter(|id| runs(*id)).count(), 0);
}

fn a_program_may_clean_up_when_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "trap 'echo cleaned >> $1; exit 1' TERM; echo begun >> $1; while :; do sleep 0.05; done";
    block_on(async {
        abandon(context(script), script, &log, 1).await;
        assert!(programs_ended(Duration::from_secs(10)).await);
    });
    // A shell that forks when the signal arrives may run its trap in the child too.
    let logged = lines(&log);
    assert!(logged.starts_with(&["begun".to_owned(), "cleaned".to_owned()]) && logged.len() <= 3, "{logged:?}");
}

fn a_program_that_ignores_sigterm_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "trap '' TERM; echo $$ >> $1; while :; do sleep 0.05; done";
    block_on(async {
        abandon(context(script), script, &log, 1).await;
        assert!(!programs_ended(Duration::from_millis(200)).await, "it gets its grace period");
        assert!(programs_ended(Duration::from_secs(10)).await);
    });
    assert!(!runs(process_ids(&log)[0]));
}

fn the_next_attempt_begins_after_the_last_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let first = "trap 'sleep 0.4; echo end 1 >> $1; exit' TERM; echo begin 1 >> $1; while :; do sleep 0.05; done";
    block_on(async {
        abandon(context("one visit"), first, &log, 1).await;
        let other = shell(context("another visit"), "echo begin other >> $1", &log);
        let second = shell(context("one visit"), "echo begin 2 >> $1", &log);
        let (other, second) = tokio::join!(other, second);
        other.unwrap();
        second.unwrap();
    });
    let mut lines = lines(&log);
    lines.retain(|line| line != "begin other");
    assert_eq!(lines, ["begin 1", "end 1", "begin 2"]);
}

fn a_time_out_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let context = StepContext { now_ms: 1_000, deadline_ms: Some(1_500), ..context("time-out") };
    block_on(async {
        let error = shell(context, FAMILY, &log).await.unwrap_err();
        assert_eq!(error.error_name(), "States.Timeout");
        assert!(programs_ended(Duration::from_secs(10)).await);
    });
    assert_eq!(process_ids(&log).into_iter().filter(|id| runs(*id)).count(), 0);
}

fn processes_left_by_a_program_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "sleep 60 & echo $! >> $1; (setsid sh -c 'echo $$ >> $0; echo ready > $0.ready; sleep 60' $1 &); \
        while [ ! -e $1.ready ]; do sleep 0.02; done; echo result";
    assert_eq!(block_on(shell(context(script), script, &log)).unwrap(), "result");
    let ids = process_ids(&log);
    assert_eq!((ids.len(), ids.into_iter().filter(|id| runs(*id)).count()), (2, 0));
}

/// After the death of the supervisor its owner ends the program by the supervisor's session.
fn a_program_ends_with_its_supervisor() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "sleep 60 & echo $! >> $1; echo $$ >> $1; kill -9 $PPID; wait";
    let error = block_on(shell(context(script), script, &log)).unwrap_err();
    assert_eq!(error.error_name(), "Process.Failed");
    assert!(error.cause.contains("its supervisor ended with signal: 9"), "{}", error.cause);
    until("the program ends", || process_ids(&log).into_iter().all(|id| !runs(id)));
}

fn sigterm_to_the_supervisor_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "echo $PPID > $1; exec sleep 60";
    let error = block_on(async {
        let terminate = async {
            while lines(&log).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            kill_process(Pid::from_raw(process_ids(&log)[0]).unwrap(), Signal::TERM).unwrap();
        };
        tokio::join!(shell(context(script), script, &log), terminate).0.unwrap_err()
    });
    assert!(error.cause.contains("signal: 15 (SIGTERM)"), "{}", error.cause);
}
