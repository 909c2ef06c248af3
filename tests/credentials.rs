//! A process acts with the credentials that it has now, and one without them does not disturb one that has them.

use serde_json::json;

use crate::{
    accounts::who,
    secrets::files_with,
    serve::Server,
    sts_stub::{PRODUCTION, STAGING, Sts, Trouble},
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

/// One account for each way in which a comparison cannot be made.
#[test]
fn a_server_that_cannot_compare_its_credentials_leaves_what_is_due_and_continues_it_by_itself() {
    let (home, sts) = (Home::plain(), Sts::start());
    let troubles = [
        ("silent", "333333333333", Trouble::Silent),
        ("dropped", "444444444444", Trouble::Dropped),
        ("error", "555555555555", Trouble::ServerError),
        ("garbage", "666666666666", Trouble::Garbage),
        ("denied", "777777777777", Trouble::Denied),
    ];
    let profiles = troubles.map(|(name, account, _)| (name, account));
    let variables = sts.profiles(&home.path().join("profiles"), &profiles);
    let variables = borrowed(&variables);
    let file = asks_once(&home);
    for (name, account, trouble) in troubles {
        let run = ["run", &file, "--yes", "--no-wait=0", "--id", name, "--profile", name];
        home.exits_with(&run, &variables, 75);
        sts.fail_for(account, trouble);
    }
    let _server = Server::start_with(&home, &variables);
    for (name, ..) in troubles {
        until(20, "it is left, and no call was made", || {
            let said = home.exits(&["status", name], 0);
            assert!(!said.contains("FAILED") && !said.contains("PAUSED"), "{said}");
            said.contains("INTERRUPTED") && said.contains("not called yet")
        });
    }
    sts.answer_again();
    for (name, ..) in troubles {
        until(60, "it continues", || home.status_of(name) == "SUCCEEDED");
    }
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

/// The variables of a command.
fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A definition that waits for an hour and asks for the caller.
fn asks_later(home: &Home) -> String {
    let states = json!({ "Rest": { "Type": "Wait", "Seconds": 3600, "Next": "Who" }, "Who": who() });
    home.definition("later", &json!({ "QueryLanguage": "JSONata", "StartAt": "Rest", "States": states }))
}

#[test]
fn a_wrong_profile_beside_an_owner_that_can_act_is_refused_and_another_one_of_the_account_is_not() {
    let (home, sts) = (Home::plain(), Sts::start());
    let profiles = [("pa", STAGING), ("pa2", STAGING), ("pb", PRODUCTION)];
    let variables = sts.profiles(&home.path().join("profiles"), &profiles);
    let variables = borrowed(&variables);
    let with = |arguments: &[&str], exit| home.exits_with(arguments, &variables, exit);
    let server = Server::start_as(&home, &["--profile", "pa"], &variables);
    with(&["run", &asks_later(&home), "--yes", "--no-wait=0", "--id", "one", "--profile", "pa"], 75);
    let said = with(&["resume", "one", "--profile", "pb"], 3);
    for words in ["profile pb is of another account", STAGING, PRODUCTION, "To watch it there:   flow resume one"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let unknown = with(&["resume", "one", "--profile", "nosuch"], 3);
    assert!(unknown.contains("profile nosuch is not usable"), "{unknown}");
    assert!(!said.contains("kill ") && !unknown.contains("kill "), "the owner can act: {said}{unknown}");
    // A variable is for all commands of its user: the owner needs none of its own.
    home.exits_with(&["resume", "one", "--no-wait=0"], &[&variables[..], &[("AWS_PROFILE", "pb")]].concat(), 75);
    let all = ["resume", "--all", "--no-wait=0"];
    let of_one =
        |said: &str| said.lines().filter(|line| line.starts_with("one ")).map(str::to_owned).collect::<Vec<_>>();
    for (more, exit, words) in [
        (&["--profile", "pa2"][..], 75, "RUNNING in process"),
        (&["--profile", "pb"][..], 3, "not resumed: profile pb is of another account"),
        (&["--region", "eu-west-1"][..], 3, "not resumed: pinned to region us-east-1"),
    ] {
        let said = with(&[&all[..], more].concat(), exit);
        let lines = of_one(&said);
        assert!(lines.len() == 1 && lines[0].contains(words), "{more:?}: {said}");
        let said = with(&[&all[..], more, &["--quiet"]].concat(), exit);
        assert_eq!(said, "", "it is said once a day");
    }
    drop(server);
    for (profile, exit) in [("pb", 3), ("pa2", 75)] {
        let said = with(&[&all[..], &["--profile", profile]].concat(), exit);
        assert_eq!(of_one(&said).len(), 1, "it is the same without an owner: {said}");
    }
    let said = with(&[&all[..], &["--profile", "pb", "--quiet"]].concat(), 3);
    assert_eq!(said, "", "a command that could resume it does not make the reason new");
}

#[test]
fn an_owner_acts_with_its_own_profile_where_none_is_pinned_and_its_profile_is_proposed_where_another_is() {
    let (home, sts) = (Home::plain(), Sts::start());
    let run = ["run", &asks_once(&home), "--yes", "--no-wait=0", "--id"];
    home.exits_with(&[&run[..], &["keys"]].concat(), &sts.credentials(STAGING), 75);
    let variables = sts.profiles(&home.path().join("profiles"), &[("deploy", STAGING)]);
    home.exits_with(&[&run[..], &["named", "--profile", "deploy"]].concat(), &borrowed(&variables), 75);
    let variables = sts.profiles(&home.path().join("profiles-of-the-server"), &[("pa", STAGING)]);
    let _server = Server::start_as(&home, &["--profile", "pa"], &borrowed(&variables));
    until(10, "it continues", || home.status_of("keys") == "SUCCEEDED");
    // A name is not replaced by another one without a word.
    until(10, "it is left", || home.exits(&["status", "named"], 0).contains("INTERRUPTED"));
    let said = home.exits(&["status", "named"], 0);
    assert!(said.contains("flow resume named --profile pa") && !said.contains("kill "), "{said}");
    let said = home.exits(&["resume", "named"], 75);
    assert!(said.contains("repeat the command with --profile pa") && !said.contains("kill "), "{said}");
    home.exits(&["resume", "named", "--profile", "pa"], 0);
}

#[test]
fn an_account_that_sts_does_not_answer_for_does_not_delay_the_executions_of_another() {
    let (home, sts) = (Home::plain(), Sts::start());
    let variables = sts.profiles(&home.path().join("profiles"), &[("pa", STAGING), ("pb", PRODUCTION)]);
    let variables = borrowed(&variables);
    let file = asks_once(&home);
    // The latest one is the first that is resumed.
    for (id, profile) in [("one", "pa"), ("silent", "pb")] {
        let run = ["run", &file, "--yes", "--no-wait=0", "--id", id, "--profile", profile];
        home.exits_with(&run, &variables, 75);
    }
    sts.be_silent_to(PRODUCTION);
    let mut all = home.command(&["resume", "--all"]);
    let mut all = all.envs(variables).stdout(std::process::Stdio::null()).spawn().unwrap();
    until(6, "the other one succeeds", || home.status_of("one") == "SUCCEEDED");
    assert!(all.try_wait().unwrap().is_none(), "STS has not answered yet");
    crate::support::send("-INT", all.id());
    assert_eq!(all.wait().unwrap().code(), Some(130));
}

/// As in the AWS command line: its option `--profile` comes before the keys of the environment, and these come before `AWS_PROFILE`.
#[test]
fn a_profile_that_is_given_comes_before_the_keys_of_the_environment() {
    let (home, sts) = (Home::plain(), Sts::start());
    let profiles = sts.profiles(&home.path().join("profiles"), &[("production", PRODUCTION)]);
    let mut variables = borrowed(&profiles);
    variables.extend([("AWS_ACCESS_KEY_ID", STAGING), ("AWS_SECRET_ACCESS_KEY", "secret")]);
    let file = asks_once(&home);
    let run = |id: &str, more: &[&str], variables: &[(&str, &str)], exit| {
        let run = ["run", &file, "--yes", "--no-wait=0", "--id", id];
        home.exits_with(&[&run[..], more].concat(), variables, exit)
    };
    let said = run("option", &["--profile", "production"], &variables, 75);
    assert!(said.contains(PRODUCTION) && said.contains("profile production") && !said.contains(STAGING), "{said}");
    let said = run("mistyped", &["--profile", "nosuch"], &variables, 3);
    assert!(said.contains("profile `nosuch` was not defined"), "{said}");
    variables.push(("AWS_PROFILE", "production"));
    let said = run("variable", &[], &variables, 75);
    assert!(said.contains(STAGING) && !said.contains("profile production"), "{said}");
    // The credentials of its profile, whatever the environment of a later process has.
    home.exits_with(&["resume", "option"], &variables, 0);
}

#[test]
fn the_secret_of_a_run_and_of_a_server_is_in_no_file_of_the_home() {
    let (home, sts) = (Home::plain(), Sts::start());
    let secret_of = |secret: &'static str| {
        let mut variables = sts.credentials(STAGING);
        variables[1].1 = secret;
        variables
    };
    let (of_server, of_run) = ("wJalrXUtnFEMIK7MDENGserver", "wJalrXUtnFEMIK7MDENGclient");
    let file = asks_once(&home);
    let server = Server::start_with(&home, &secret_of(of_server));
    home.exits_with(&["run", &file, "--yes", "--id", "beside"], &secret_of(of_run), 0);
    drop(server);
    home.exits_with(&["run", &file, "--yes", "--id", "alone"], &secret_of(of_run), 0);
    for secret in [of_server, of_run] {
        assert_eq!(files_with(home.path(), secret), Vec::<String>::new());
    }
}
