//! A kill at any commit, followed by a resume, leaves exactly one of everything.
//!
//! `FLOW_TEST_ALL_COMMITS=1` kills at every commit. Without it, a sample over all sections is taken.

use crate::support::{Home, World, one_of_everything, text};

/// Slower than other rehearsals: beside the load of other tests, a processor may be missing for longer than the waits of a faster one take.
const SPEED: &str = "150";
const SAMPLE: u64 = 8;
const ID: &str = "rehearsal-killed";

/// Kills the process immediately before or after its n-th commit, resumes, and checks the account. Returns false if the
/// execution ended before that commit.
fn kill_at(variable: &str, commit: u64) -> bool {
    let home = Home::for_rehearsal();
    home.world();
    let run = ["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--id", ID];
    let output = home.command(&run).env(variable, commit.to_string()).output().unwrap();
    if output.status.success() {
        return false;
    }
    assert_eq!(output.status.code(), None, "killed by a signal: {}", text(&output.stderr));
    // A kill before the first commit leaves no execution to resume, so the same command is run again.
    let again = home.flow(&["resume", ID]);
    let again = if again.status.code() == Some(4) { home.flow(&run) } else { again };
    let reported = format!("{}\n{}", text(&again.stdout), text(&again.stderr));
    assert!(again.status.success(), "{variable}={commit}: {reported}");
    let found = World::read(home.path()).unwrap().inspect();
    assert_eq!(found["counts"], one_of_everything(), "{variable}={commit}: {reported}");
    true
}

/// A limit far beyond the number of commits of a run.
const COMMITS_MAX: u64 = 1_000;
/// About the number of commits of a run, over which the sample is spread.
const COMMITS_USUAL: u64 = 190;

#[test]
fn a_kill_at_any_commit_then_a_resume_leaves_one_of_everything() {
    let points: Vec<u64> = match std::env::var_os("FLOW_TEST_ALL_COMMITS") {
        Some(_) => (1..COMMITS_MAX).collect(),
        None => (0..SAMPLE).map(|n| n * (COMMITS_USUAL / SAMPLE) + 1).collect(),
    };
    let kill_all = |variable: &str, every_other: usize| {
        let killed = points.iter().skip(every_other).take_while(|commit| kill_at(variable, **commit)).count();
        println!("{variable}: killed at {killed} commit points, each then resumed to one of everything");
        killed
    };
    let killed = std::thread::scope(|scope| {
        let after = scope.spawn(|| kill_all("FLOW_CRASH_AFTER_COMMIT", 0));
        let before = scope.spawn(|| kill_all("FLOW_CRASH_BEFORE_COMMIT", 1));
        after.join().unwrap() + before.join().unwrap()
    });
    assert!(killed as u64 > SAMPLE, "only {killed} kills");
}
