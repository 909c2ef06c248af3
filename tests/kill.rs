//! The fear: the program is killed at the worst moment, and something exists twice or not at all.
//!
//! `FLOW_TEST_ALL_COMMITS=1` kills at every commit point; otherwise a sample spread over all sections is taken.

use crate::support::{Home, SPEED, World, one_of_everything, text};

const SAMPLE: u64 = 10;
const ID: &str = "rehearsal-killed";

/// Kills the process right before or after its n-th commit, resumes, and looks at what there is. Answers false when the
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
    // A kill before the first commit leaves nothing to resume: the same command is run again.
    let again = home.flow(&["resume", ID]);
    let again = if again.status.code() == Some(4) { home.flow(&run) } else { again };
    let told = format!("{}\n{}", text(&again.stdout), text(&again.stderr));
    assert!(again.status.success(), "{variable}={commit}: {told}");
    let found = World::read(home.path()).unwrap().inspect();
    assert_eq!(found["counts"], one_of_everything(), "{variable}={commit}: {told}");
    true
}

/// How many commits a run without a kill makes: about as many as it has entries.
fn commits() -> u64 {
    200
}

#[test]
fn a_kill_at_any_commit_then_a_resume_leaves_one_of_everything() {
    let all = std::env::var_os("FLOW_TEST_ALL_COMMITS").is_some();
    if all {
        let mut commit = 1;
        while kill_at("FLOW_CRASH_AFTER_COMMIT", commit) && kill_at("FLOW_CRASH_BEFORE_COMMIT", commit) {
            commit += 1;
        }
        assert!(commit > commits() / 2, "only {commit} commits");
        return;
    }
    let step = commits() / SAMPLE;
    let (after, before): (Vec<_>, Vec<_>) =
        (0..SAMPLE).map(|n| n * step + 1).partition(|commit| (commit / step).is_multiple_of(2));
    let kill_all = |variable: &str, commits: &[u64]| {
        for commit in commits {
            kill_at(variable, *commit);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| kill_all("FLOW_CRASH_AFTER_COMMIT", &after));
        scope.spawn(|| kill_all("FLOW_CRASH_BEFORE_COMMIT", &before));
    });
}
