//! A process acts with the credentials that it has now, and one without them does not disturb one that has them.

use serde_json::json;

use crate::{
    accounts::who,
    serve::Server,
    sts_stub::{PRODUCTION, STAGING, Sts},
    support::{Home, text, until},
};

/// A definition that waits for a second and asks for the caller.
pub fn asks_once(home: &Home) -> String {
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Who" }, "Who": who() });
    home.definition("due", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }))
}

#[test]
fn a_server_finds_the_credentials_that_its_profile_gets_later_and_continues_what_waits_for_them() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &asks_once(&home), "--yes", "--no-wait=0", "--id", "one"];
    home.exits_with(&run, &sts.credentials(STAGING), 75);
    let file = home.path().join("credentials");
    let [.., endpoint, region] = sts.credentials(STAGING);
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()), endpoint, region];
    let _server = Server::start_with(&home, &variables);
    until(10, "it is left, and no call was made", || {
        let said = home.exits(&["status", "one"], 0);
        said.contains("INTERRUPTED") && said.contains("Who") && said.contains("not called yet")
    });
    let keys = format!("[default]\naws_access_key_id = {STAGING}\naws_secret_access_key = s\n");
    std::fs::write(&file, keys).unwrap();
    until(20, "it continues", || home.exits(&["status", "one"], 0).contains("SUCCEEDED"));
    let events = home.succeed(&["events", "one"]).to_lowercase();
    assert!(!events.contains("paused") && !events.contains("calledagain"), "no person, no second call: {events}");
    let withheld = events.lines().filter(|line| line.contains("taskstartfailed")).collect::<Vec<_>>();
    assert!(!withheld.is_empty() && withheld.iter().all(|line| line.contains("no call was made")), "{events}");
    let started = events.lines().filter(|line| line.contains(" taskstarted ")).count();
    assert_eq!(started, withheld.len() + 1, "the history says which call was made: {events}");
}

#[test]
fn a_resume_that_cannot_act_does_not_disturb_the_one_that_can() {
    let home = Home::plain();
    // STS is slow, so that both commands overlap.
    let (sts, slow) = (Sts::start(), Sts::start_slow(std::time::Duration::from_millis(700)));
    let file = asks_once(&home);
    let spawn = |credentials: &[(&str, &str)]| {
        let mut resume = home.command(&["resume", "one"]);
        resume.envs(credentials.iter().copied());
        resume.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    home.exits_with(&["run", &file, "--yes", "--no-wait=0", "--id", "one"], &sts.credentials(STAGING), 75);
    let wrong = spawn(&slow.credentials(PRODUCTION));
    until(10, "the wrong account is asked for", || slow.asked() > 0);
    let right = spawn(&sts.credentials(STAGING)).wait_with_output().unwrap();
    let said = format!("{}{}", text(&right.stdout), text(&right.stderr));
    assert_eq!(right.status.code(), Some(0), "{said}");
    assert!(!said.contains("kill "), "{said}");
    let wrong = wrong.wait_with_output().unwrap();
    let said = format!("{}{}", text(&wrong.stdout), text(&wrong.stderr));
    // Beside an owner that can act, it only watches.
    let is_refused = wrong.status.code() == Some(3) && said.contains(STAGING) && said.contains(PRODUCTION);
    assert!(is_refused || wrong.status.code() == Some(0), "{said}");
}

#[test]
fn a_resume_of_all_that_can_act_nowhere_does_not_own_the_store() {
    let (home, sts) = (Home::plain(), Sts::start());
    home.exits_with(&["run", &asks_once(&home), "--yes", "--no-wait=0", "--id", "one"], &sts.credentials(STAGING), 75);
    let slow = Sts::start_slow(std::time::Duration::from_secs(2));
    let mut all = home.command(&["resume", "--all"]);
    all.envs(slow.credentials(PRODUCTION)).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let all = all.spawn().unwrap();
    until(10, "the wrong account is asked for", || slow.asked() > 0);
    let said = home.exits_with(&["resume", "one"], &sts.credentials(STAGING), 0);
    assert!(said.contains("account: 111111111111"), "{said}");
    assert!(!said.contains("waiting") && !said.contains("kill "), "no owner refuses it: {said}");
    // It reports what it listed: the execution has ended meanwhile, or is driven by the one that can.
    let all = all.wait_with_output().unwrap();
    let said = format!("{}{}", text(&all.stdout), text(&all.stderr));
    assert!(matches!(all.status.code(), Some(0 | 75)) && !said.contains("not resumed"), "{said}");
}

/// The credentials of the process that acts are compared with the pin.
#[test]
fn a_resume_beside_an_owner_that_can_act_needs_no_credentials_of_its_own() {
    let (home, sts) = (Home::plain(), Sts::start());
    let file = asks_once(&home);
    for id in ["one", "two"] {
        home.exits_with(&["run", &file, "--yes", "--no-wait=0", "--id", id], &sts.credentials(STAGING), 75);
    }
    home.exits(&["cancel", "one"], 0);
    let _server = Server::start_with(&home, &sts.credentials(STAGING));
    // Nobody drives the cancelled one: this command begins what the server does.
    let said = home.exits_with(&["resume", "one"], &sts.credentials(PRODUCTION), 0);
    assert!(said.contains("account: 111111111111"), "the pinned account acts: {said}");
    home.exits(&["resume", "two"], 0);
    home.exits_with(&["resume", "--all"], &sts.credentials(PRODUCTION), 0);
    // The consent of a run shows where it acts: that must be where the execution is pinned.
    let run = ["run", &file, "--yes", "--id", "one"];
    let said = home.exits_with(&run, &sts.credentials(PRODUCTION), 3);
    assert!(said.contains(STAGING) && said.contains(PRODUCTION), "{said}");
}

/// Nothing is left to continue, so nobody's credentials matter.
#[test]
fn a_watcher_with_other_credentials_sees_the_end_after_the_owner_has_ended() {
    let (home, sts) = (Home::plain(), Sts::start());
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 3, "Next": "Who" }, "Who": who() });
    let file = home.definition("due", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }));
    let spawn = |arguments: &[&str], account: &str| {
        let mut command = home.command(arguments);
        command.envs(sts.credentials(account));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let owner = spawn(&["run", &file, "--yes", "--id", "one"], STAGING);
    until(10, "it runs", || home.flow(&["status", "one"]).status.success());
    let watchers = [0, 1, 2].map(|_| spawn(&["resume", "one"], PRODUCTION));
    assert!(owner.wait_with_output().unwrap().status.success());
    for watcher in watchers {
        let output = watcher.wait_with_output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && said.contains("one SUCCEEDED"), "{said}");
    }
}

#[test]
fn a_run_that_has_no_account_proposes_what_helps_and_no_resume() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &asks_once(&home), "--yes", "--id", "one"];
    let said = home.exits_with(&run, &[("AWS_REGION", "us-east-1")], 3);
    assert!(said.contains("then repeat the command") && !said.contains("then resume"), "{said}");
    let [key, secret, (endpoint, _), region] = sts.credentials(STAGING);
    let said = home.exits_with(&run, &[key, secret, (endpoint, "http://127.0.0.1:1"), region], 3);
    assert!(said.contains("check that AWS STS can be reached") && !said.contains("sso login"), "{said}");
}
