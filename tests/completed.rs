//! Shells complete what exists: commands, ids of executions, their states, shipped workflows, steps and codes.

use std::process::Stdio;

use serde_json::json;

use crate::support::{Home, text};

/// The candidates for the last word of a command line, as bash asks for them.
fn candidates(home: &Home, words: &[&str]) -> Vec<String> {
    let mut command = home.command(&[&["--", "flow"], words].concat());
    command.env("FLOW_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_COMPLETE_SPACE", "false").env("_CLAP_IFS", "\n");
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

fn home_with_two() -> Home {
    let home = Home::plain();
    let states = json!({ "First": { "Type": "Pass", "Next": "Wait a while" },
        "Wait a while": { "Type": "Wait", "Seconds": 3600, "Next": "Last" }, "Last": { "Type": "Succeed" } });
    let file = home.definition("waits", &json!({ "StartAt": "First", "States": states }));
    for id in ["one", "other"] {
        home.exits(&["run", &file, "--yes", "--no-wait=0", "--id", id], 75);
    }
    home
}

#[test]
fn the_script_of_every_shell_is_printed() {
    let home = Home::plain();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.succeed(&["completions", shell]);
        assert!(script.contains("FLOW_COMPLETE") && script.contains("flow"), "{shell}: {script}");
    }
    home.exits(&["completions", "csh"], 2);
}

#[test]
fn commands_workflows_steps_and_codes_are_completed() {
    let home = Home::plain();
    let mut found = candidates(&home, &["appro"]);
    found.sort();
    assert_eq!(found, ["approvals", "approve"]);
    assert_eq!(candidates(&home, &["init", "endpoints-aws-"]), ["endpoints-aws-teardown"]);
    assert!(candidates(&home, &["run", "endpoints-"]).contains(&"endpoints-aws".to_owned()));
    for name in ["own.asl.yaml", "own.input.schema.json", "own.mocks.json", "own.md"] {
        std::fs::write(home.path().join(name), "").unwrap();
    }
    let typed = home.path().join("own");
    let found = candidates(&home, &["run", typed.to_str().unwrap()]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("own.asl.yaml"), "{found:?}");
    let found = candidates(&home, &["run", "endpoints-aws", "--rehearse", "--fault", "route53"]);
    assert_eq!(found, ["route53:zone=not-delegated"]);
    assert_eq!(candidates(&home, &["steps", "wait:h"]), ["wait:http"]);
    assert_eq!(candidates(&home, &["steps", "flow:wait:h"]), ["flow:wait:http"]);
    assert!(candidates(&home, &["explain", "States.T"]).contains(&"States.Timeout".to_owned()));
    assert!(!candidates(&home, &[""]).contains(&"rehearsal-world".to_owned()), "a command that is hidden");
}

#[test]
fn executions_and_their_states_are_completed() {
    let home = home_with_two();
    let mut found = candidates(&home, &["resume", "o"]);
    found.sort();
    assert_eq!(found, ["one", "other"]);
    assert_eq!(candidates(&home, &["status", "ot"]), ["other"]);
    assert_eq!(candidates(&home, &["status", "one", "--state", "Wait"]), ["Wait\\ a\\ while"]);
    assert_eq!(candidates(&home, &["signal", "one", ""]).iter().filter(|word| !word.starts_with('-')).count(), 0);
    assert_eq!(candidates(&home, &["signal", "one", "--early", "L"]), ["Last"]);
    assert_eq!(candidates(&home, &["resume", "one", "--from", "F"]), ["First"]);
    assert_eq!(candidates(&home, &["run", "--again", "one", "--from", "F"]), ["First"]);
    assert_eq!(home.status_of("one"), "RUNNING", "a completion changes nothing");
}

#[test]
fn a_command_completes_only_executions_that_it_accepts() {
    let home = home_with_two();
    home.exits(&["run", &home.one("done", &json!({ "Type": "Succeed" })), "--yes", "--id", "over"], 0);
    let ask =
        json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": { "Prompt": "Go?" }, "End": true });
    home.exits(&["run", &home.one("ask", &ask), "--yes", "--id", "open", "--no-wait=0"], 75);
    let sorted = |words: &[&str]| {
        let mut found = candidates(&home, words);
        found.sort();
        found
    };
    assert_eq!(sorted(&["status", "o"]), ["one", "open", "other", "over"]);
    for command in ["cancel", "resume"] {
        assert_eq!(sorted(&[command, "o"]), ["one", "open", "other"], "{command}");
    }
    assert_eq!(candidates(&home, &["approve", "o"]), ["open"]);
    assert_eq!(candidates(&home, &["approve", "open", "O"]), ["Only"]);
    assert!(candidates(&home, &["signal", "open", "O"]).is_empty(), "an approval is answered by flow approve");
    assert!(candidates(&home, &["reject", "one", "W"]).is_empty(), "a Wait waits for no person");
    assert_eq!(candidates(&home, &["status", "@"]), ["@latest"]);
    assert!(candidates(&Home::plain(), &["status", "@"]).is_empty());
    assert_eq!(sorted(&["resume", "--all", "--progress", ""]), ["auto", "junit=", "lines", "none", "tree"]);
}

/// bash splits words at colons and at signs, also those before the last one. It replaces the last part: with the at
/// sign, without the colon.
#[test]
fn bash_joins_a_word_with_colons_and_keeps_its_beginning() {
    let home = home_with_two();
    let script = home.path().join("completion.bash");
    std::fs::write(&script, home.succeed(&["completions", "bash"])).unwrap();
    let ask = r#"
        flow() { "$FLOW" "$@"; }
        source "$1"
        COMP_LINE='flow steps flow:wait:h' COMP_WORDS=(flow steps flow : wait : h) COMP_CWORD=6 COMP_TYPE=9
        COMP_POINT=${#COMP_LINE}
        _clap_complete_flow flow h : 2> /dev/null
        printf '%s\n' "${COMPREPLY[@]}"
        COMP_LINE='flow status @l' COMP_WORDS=(flow status @ l) COMP_CWORD=3
        COMP_POINT=${#COMP_LINE}
        _clap_complete_flow flow @l status 2> /dev/null
        printf '%s\n' "${COMPREPLY[@]}"
        COMP_LINE='flow status @latest --state F' COMP_WORDS=(flow status @ latest --state F) COMP_CWORD=5
        COMP_POINT=${#COMP_LINE}
        _clap_complete_flow flow F --state 2> /dev/null
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = std::process::Command::new("bash");
    bash.args(["--norc", "-c", ask, "bash", script.to_str().unwrap()]).env("FLOW_HOME", home.path());
    let output = bash.env("FLOW", env!("CARGO_BIN_EXE_flow")).output().unwrap();
    assert_eq!(text(&output.stdout), "http\n@latest\nFirst\n", "{}", text(&output.stderr));
}

#[test]
fn without_a_store_nothing_is_completed_and_nothing_is_created() {
    let home = Home::plain();
    assert_eq!(candidates(&home, &["resume", ""]).iter().filter(|word| !word.starts_with('-')).count(), 0);
    assert!(!home.path().join("store").exists());
}

#[test]
fn a_man_page_is_written_for_every_command() {
    let home = Home::plain();
    let folder = home.path().join("man");
    home.succeed(&["man", folder.to_str().unwrap()]);
    let run = std::fs::read_to_string(folder.join("flow-run.1")).unwrap();
    assert!(run.contains(".TH flow") && run.contains("rehearse"), "{run}");
    for usage in [r"[\fB\-\-id\fR \fINAME\fR]", r"[\fB\-\-set\fR \fIKEY=VALUE\fR]...", r"[\fIWORKFLOW\fR]"] {
        assert!(run.contains(usage), "the synopsis has values of options: {usage} is not in: {run}");
    }
    for page in ["flow.1", "flow-resume.1", "flow-man.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        for section in ["EXIT STATUS", "ENVIRONMENT", "FILES"] {
            assert!(text.contains(&format!(".SH \"{section}\"")), "{page}: {section}");
        }
    }
    assert!(!folder.join("flow-rehearsal-world.1").exists(), "a command that is hidden");
}
