//! A user's own runbook runs with few commands.

use std::{fs, process::Output};

use crate::support::{Home, text};

/// Runs `flow` in its own folder, where new files are written.
fn in_folder(home: &Home, arguments: &[&str]) -> Output {
    let folder = home.path().join("work");
    fs::create_dir_all(&folder).unwrap();
    home.command(arguments).current_dir(folder).env("FLOW_PROGRAMS", "/bin/date:/bin/sh").output().unwrap()
}

fn reported(home: &Home, arguments: &[&str], code: i32) -> String {
    let output = in_folder(home, arguments);
    let reported = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "flow {arguments:?}: {reported}");
    reported
}

#[test]
fn four_commands_lead_to_a_workflow_of_ones_own_that_has_run() {
    let home = Home::plain();
    reported(&home, &["new", "own"], 0);
    assert!(reported(&home, &["check", "own.asl.yaml"], 0).contains("can run"));
    reported(&home, &["run", "own.asl.yaml", "--yes", "--id", "own-1", "--no-wait=20s"], 75);
    reported(&home, &["approve", "own-1", "--set", "ticket=CHG-17"], 0);
    in_folder(&home, &["resume", "own-1"]);
    assert!(reported(&home, &["status", "own-1"], 0).contains("SUCCEEDED"));
    let refused = reported(&home, &["new", "own"], 3);
    assert!(refused.contains("exists already: nothing was written"), "{refused}");
}

#[test]
fn the_tests_of_every_template_pass() {
    let home = Home::plain();
    for template in ["first", "approval", "deploy", "backup", "wait-for-http"] {
        let said = reported(&home, &["new", template, "--template", template], 0);
        let next = said.split_once("Next:").expect("no command is proposed").1;
        let of = |command: &str| next.lines().map(str::trim).find(|line| line.starts_with(command)).map(str::to_owned);
        for command in [of("flow check"), of("flow test")].map(|command| command.expect(next)) {
            reported(&home, &words(&command).iter().map(String::as_str).collect::<Vec<_>>()[1..], 0);
        }
        assert!(next.contains(&format!("flow run {template}.asl.yaml")), "{next}");
    }
}

/// Splits a command line into words as a shell does: single quotes keep spaces.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    let split = |(index, part): (usize, &str)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    };
    parts.flat_map(split).collect()
}

#[test]
fn a_written_document_becomes_a_runbook_that_is_run_by_hand() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    fs::write(
        home.path().join("work/failover.md"),
        "# Fail over\n\nOnly at night.\n\n## Prepare\n\n1. {% $error('x') %} Tell the team.\n2. Note the time:\n\n   ```sh\n   date\n   ```\n\n## Switch\n\n\
         1. Wait about 5 minutes until replication is idle.\n",
    )
    .unwrap();
    reported(&home, &["new", "failover", "--from", "failover.md"], 0);
    let endless = reported(&home, &["new", "endless", "--from", "/dev/zero"], 3);
    assert!(endless.contains("it is a named pipe, a socket or a device"), "{endless}");
    let written = fs::read_to_string(home.path().join("work/failover.asl.yaml")).unwrap();
    for words in ["Text: Only at night.", "1. Prepare", "1.2 Note the time", "- date", "Seconds: 300", "flow:wait:http"]
    {
        assert!(written.contains(words), "{words:?} is not in: {written}");
    }
    reported(&home, &["run", "failover.asl.yaml", "--yes", "--id", "f-1", "--no-wait"], 75);
    let asked = reported(&home, &["approvals"], 0);
    assert!(asked.contains("{% $error('x') %} Tell the team."), "{asked}");
    for _ in 0..3 {
        reported(&home, &["approve", "f-1"], 0);
        in_folder(&home, &["resume", "f-1", "--no-wait"]);
    }
    assert!(reported(&home, &["status", "f-1"], 0).contains("SUCCEEDED"));
    reported(&home, &["new", "automated", "--from", "failover.md", "--run-commands"], 0);
    let written = fs::read_to_string(home.path().join("work/automated.asl.yaml")).unwrap();
    assert!(written.contains("flow:process:run"), "{written}");
}

#[test]
fn a_rejected_step_of_a_document_leads_to_its_rollback() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    fs::write(
        home.path().join("work/renew.md"),
        "# Renew\n\n> **Warning** It stops the service.\n\n## Renew\n\n- Make a key:\n\n  ```sh\n  date\n  ```\n- Send it to the CA\n\n\
         ## Rollback\n\n| Step | Command | Expected |\n|---|---|---|\n| Restore `/etc/ssl/www.crt.bak` | `date` | a date |\n",
    )
    .unwrap();
    let said = reported(&home, &["new", "renew", "--from", "renew.md", "--run-commands"], 0);
    assert!(said.contains("Only after a step is rejected (flow reject):   \"2. Rollback\""), "{said}");
    assert!(said.contains("FLOW_PROGRAMS=/bin/sh flow run renew.asl.yaml"), "{said}");
    let asked = reported(&home, &["run", "renew.asl.yaml", "--yes", "--id", "r-1", "--no-wait"], 75);
    for words in ["Send it to the CA", "Warning It stops the service."] {
        assert!(asked.contains(words), "{words:?} is not in: {asked}");
    }
    reported(&home, &["reject", "r-1", "--comment", "no answer"], 0);
    let failed = reported(&home, &["resume", "r-1"], 1);
    for words in [
        "\"1. Renew/1.2 Send it to the CA\" was rejected by ",
        ": no answer. ",
        "flow resume r-1 --from STATE",
        "To continue at the rejected step:   flow resume r-1 --from '1. Renew/1.2 Send it to the CA'",
    ] {
        assert!(failed.contains(words), "{words:?} is not in: {failed}");
    }
    let recorded = reported(&home, &["status", "r-1", "-o", "json"], 0);
    assert!(recorded.contains("Runbook.NotCompleted"), "{recorded}");
    assert!(reported(&home, &["events", "r-1"], 0).contains("2.1 Restore"), "the rollback has run");
}

#[test]
fn placeholders_are_named_and_replaced() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    fs::write(home.path().join("work/p.asl"), "StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${Pause}, End: true}\n")
        .unwrap();
    let named = reported(&home, &["check", "p.asl"], 3);
    assert!(named.contains("--substitute Pause=VALUE"), "{named}");
    reported(&home, &["run", "p.asl", "--yes", "--substitute", "Pause=0"], 0);
    fs::write(home.path().join("work/values.yaml"), "Pause: 0\n").unwrap();
    reported(&home, &["check", "p.asl", "--substitute", "values.yaml"], 0);
    fs::write(home.path().join("work/values.env"), "# seconds\nPause=0\nOther=some text\n").unwrap();
    reported(&home, &["check", "p.asl", "--substitute", "values.env"], 0);
    let unknown = reported(&home, &["check", "p.asl", "--substitute", "Puase=0"], 3);
    assert!(unknown.contains("did you mean 'Pause'?"), "{unknown}");
}

#[test]
fn a_tag_of_a_template_is_an_error_and_does_not_hide_other_problems() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    let text = "StartAt: A\nStates:\n  A:\n    Type: Wait\n    Seconds: !Ref Pause\n    Comment: a\n    Comment: b\n    Nxt: B\n";
    fs::write(home.path().join("work/tags.asl.yaml"), text).unwrap();
    let said = reported(&home, &["check", "tags.asl.yaml"], 3);
    for expected in
        ["[YAML_TAG]", "tags.asl.yaml:5:", "!Ref", "--substitute", "[DUPLICATE_KEY]", "did you mean 'Next'?"]
    {
        assert!(said.contains(expected), "{expected} is not in: {said}");
    }
    assert!(reported(&home, &["run", "tags.asl.yaml", "--yes"], 3).contains("line 5: the tag !Ref"));
    let tagged = "StartAt: A\nStates:\n  A:\n    Type: Task\n    Resource: !GetAtt Fn.Arn\n    End: true\n";
    for (more, others) in [
        ("", &[][..]),
        ("   B: [\n", &["[NOT_PARSED]", "tags.asl.yaml:7:4"]),
        (
            "  B:\n    Type: Parallel\n    Branches: [missing]\n    End: true\n",
            &["the section missing, which does not exist"],
        ),
    ] {
        fs::write(home.path().join("work/tags.asl.yaml"), format!("{tagged}{more}")).unwrap();
        let said = reported(&home, &["check", "tags.asl.yaml"], 3);
        assert!(said.contains("[YAML_TAG]") && said.contains("tags.asl.yaml:5:5"), "{said}");
        assert!(!said.contains("is not recognized"), "the value without its tag is not judged: {said}");
        others.iter().for_each(|other| assert!(said.contains(other), "{other} is not in: {said}"));
    }
}

#[test]
fn a_state_machine_inside_a_template_is_run_by_its_name() {
    let home = Home::plain();
    fs::create_dir_all(home.path().join("work")).unwrap();
    let template = "Resources:\n  Fn: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn}}\n  Orders:\n    \
                    Type: AWS::Serverless::StateMachine\n    Properties:\n      DefinitionSubstitutions: {Pause: !Ref Seconds}\n      \
                    Definition:\n        StartAt: A\n        States:\n          A: {Type: Pass, Result: \"${Pause}\", End: true}\n";
    fs::write(home.path().join("work/template.yaml"), template).unwrap();
    let said = reported(&home, &["check", "template.yaml"], 3);
    assert!(said.contains("Orders (inside the template; DefinitionSubstitutions Pause)"), "{said}");
    assert!(said.contains("flow run 'template.yaml#Orders' --substitute Pause=VALUE"), "{said}");
    let wrong = reported(&home, &["run", "template.yaml#Ordres", "--yes"], 4);
    assert!(wrong.contains("has no state machine 'Ordres'; did you mean 'Orders'?"), "{wrong}");
    let said = reported(&home, &["check", "template.yaml#Orders"], 0);
    assert!(said.contains("template.yaml#Orders:10:"), "the warning has its line: {said}");
    let said = reported(&home, &["run", "template.yaml#Orders", "--yes", "--substitute", "Pause=7"], 0);
    assert!(said.contains('7') && said.contains("Orders"), "{said}");
}

#[test]
fn an_earlier_execution_is_run_again_with_another_field() {
    let home = Home::plain();
    let pass = serde_json::json!({ "Type": "Pass", "Output": "{% $states.input.a & $states.input.b %}", "End": true });
    let file = home.one("joined", &pass);
    reported(&home, &["run", &file, "--yes", "--id", "j-1", "--set", "a=x", "--set", "b=y"], 0);
    fs::remove_file(&file).unwrap();
    let again = reported(&home, &["run", "--again", "j-1", "--set", "b=z", "--yes"], 0);
    assert!(again.contains("xz"), "{again}");
    let schema = serde_json::json!({ "type": "object", "additionalProperties": false,
        "properties": { "a": { "type": "string" }, "b": { "type": "string", "enum": ["y", "z"] } } });
    fs::write(home.path().join("joined.input.schema.json"), schema.to_string()).unwrap();
    for wrong in ["b=other", "c=1"] {
        let refused = reported(&home, &["run", "--again", "j-1", "--set", wrong, "--yes"], 3);
        assert!(refused.contains("the input is not right") && refused.contains("allowed:"), "{wrong}: {refused}");
    }
    let missing = in_folder(&home, &["run", "--yes"]);
    assert_eq!(missing.status.code(), Some(2), "{}", text(&missing.stderr));
}

#[test]
fn what_takes_a_step_or_a_workflow_names_what_was_meant() {
    let home = Home::plain();
    for (given, meant) in [("aproval", "did you mean 'approval'?"), ("wait:htp", "did you mean 'wait:http'?")] {
        let said = reported(&home, &["steps", given], 4);
        assert!(said.contains(meant), "{said}");
    }
    let listed = reported(&home, &["steps", "flow:wait"], 0);
    assert!(listed.contains("wait:http") && listed.contains("wait:dns") && !listed.contains("ssh:run"), "{listed}");
    let file = home.one("own", &serde_json::json!({ "Type": "Task", "Resource": "flow:ec2:createVpc", "End": true }));
    assert!(reported(&home, &["policy", &file], 0).contains("ec2:CreateVpc"));
    assert!(reported(&home, &["init", &file], 4).contains("flow schema"));
}

#[test]
fn the_editors_schema_is_json() {
    let home = Home::plain();
    let schema: serde_json::Value = serde_json::from_str(&reported(&home, &["schema"], 0)).unwrap();
    assert!(schema["$defs"]["state"]["properties"]["Resource"].is_object());
    let of_input: serde_json::Value = serde_json::from_str(&reported(&home, &["schema", "endpoints-aws"], 0)).unwrap();
    assert_eq!(of_input["type"], "object");
}

/// Documents in the styles of three public ones become runbooks: an alert's page with headings and consoles, a wiki's
/// page in HTML, a manual in plain text with numbered sections.
#[test]
fn documents_of_three_styles_become_runbooks() {
    let home = Home::plain();
    let document = |name: &str| format!("{}/tests/documents/{name}", env!("CARGO_MANIFEST_DIR"));
    for (name, steps) in [
        (
            "alert.md",
            &[
                "# The queue of the mail relay",
                "1. Diagnosis",
                "\"1.1 See how long the queue\":",
                "Prompt: \"See how long the queue is:\"",
                "mailq | tail -1",
                "Compare with yesterday",
                "2.1 Run the queue",
                "Seconds: 600",
            ][..],
        ),
        (
            "procedure.html",
            &[
                "Comment: Moving the primary database",
                "1.1 Announce it in",
                "1.2 Check that the replica follows",
                "- less than 5 seconds: continue",
                "2.1 Stop the writers",
                "- systemctl stop app jobs",
                "2.2 Promote the replica",
                "flow:wait:tcp",
                "2.3 Point the name at it",
            ],
        ),
        (
            "manual.txt",
            &[
                "1. STOP",
                "1.2 Stop the exports",
                "exportfs -ua",
                "2.2 Copy it back",
                "- rsync -a",
                "3.1 Start the exports",
            ],
        ),
    ] {
        let workflow = name.split('.').next().unwrap();
        reported(&home, &["new", workflow, "--from", &document(name)], 0);
        let file = format!("{workflow}.asl.yaml");
        let written = fs::read_to_string(home.path().join("work").join(&file)).unwrap();
        for words in steps {
            assert!(written.contains(words), "{words:?} is not in: {written}");
        }
        for words in ["menu", "Edited yesterday", "Operations"] {
            assert!(!written.contains(words) || words == "Operations" && written.contains("#operations"), "{written}");
        }
        reported(&home, &["check", &file], 0);
        reported(&home, &["dev", &file, "--once"], 0);
    }
}

#[test]
fn a_step_is_shown_with_what_a_person_has_to_know() {
    let home = Home::plain();
    let shown = reported(&home, &["steps", "ec2:createVpc"], 0);
    for words in [
        "IAM actions\n  ec2:",
        "When it is called again\n  Adopts what",
        "Takes\n",
        "Resource: \"flow:ec2:createVpc\"",
        "required",
    ] {
        assert!(shown.contains(words), "{words:?} is not in: {shown}");
    }
    assert!(reported(&home, &["steps", "flow:ssh:run"], 0).contains("Never starts the program again by itself"));
    let line = reported(&home, &["steps", "wait:http", "-o", "json"], 0);
    assert!(line.contains("\"repeated\":\"Changes nothing.\"") && line.contains("\"example\""), "{line}");
}
