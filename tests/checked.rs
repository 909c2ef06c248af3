//! Problems of a definition are reported before it runs.

use serde_json::json;

use crate::support::{Home, text};

fn written(home: &Home, name: &str, content: &str) -> String {
    let file = home.path().join(name);
    std::fs::write(&file, content).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn every_problem_is_shown_with_its_line() {
    let home = Home::plain();
    let file = written(
        &home,
        "bad.asl.yaml",
        "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Next: Nowhere\n  B:\n    Type: Succeed\n",
    );
    let output = home.flow(&["check", &file]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{printed}");
    for words in ["MISSING_TRANSITION_TARGET", ":5:5", "    Next: Nowhere"] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    assert!(!printed.contains("is not reachable"), "it follows from the wrong Next: {printed}");
    let file = written(
        &home,
        "bad.asl.yaml",
        "StartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n  B:\n    Type: Succeed\n",
    );
    let printed = home.exits(&["check", &file], 3);
    assert!(printed.contains("State \"B\" is not reachable.") && printed.contains(":6:3"), "{printed}");
}

#[test]
fn an_integration_that_nothing_here_makes_is_an_error_with_what_there_is() {
    let home = Home::plain();
    let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
    let known =
        ["lambda:invoke", "lambda:invoke.waitForTaskToken", "states:startExecution.sync:2", "aws-sdk:sqs:sendMessage"];
    let branch = |(index, name): (usize, &&str)| {
        let state = format!("A{index}");
        json!({ "StartAt": state, "States": { &state: task(&format!("arn:aws:states:::{name}")) } })
    };
    let branches: Vec<_> = known.iter().enumerate().map(branch).collect();
    let definition =
        json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "Branches": branches, "End": true } } });
    let file = written(&home, "calls.asl.json", &definition.to_string());
    let printed = home.exits(&["check", &file, "-o", "json"], 3);
    assert!(!printed.contains("can run"), "the definition cannot run: {printed}");
    let warned: Vec<_> = printed.lines().filter(|line| line.contains("INTEGRATION_WITHOUT_STEP")).collect();
    assert_eq!(warned.len(), 1, "{printed}");
    for words in ["/States/P/Branches[3]/States/A3/Resource", "no step for aws-sdk:sqs:sendMessage", "lambda:invoke, "]
    {
        assert!(warned[0].contains(words), "{words:?} is not in: {printed}");
    }
    assert!(warned[0].contains("arn:aws:states:::"), "the prefix that has to be written: {printed}");
    let listed = warned[0].split("There are steps for ").nth(1).unwrap().split(". ").next().unwrap();
    listed.split(", ").for_each(|name| drop(home.succeed(&["steps", name])));
    let first = listed.split(", ").next().unwrap();
    home.succeed(&["steps", &format!("arn:aws:states:::{first}")]);
}

#[test]
fn a_graph_has_every_state() {
    let home = Home::plain();
    for (language, begins) in [("mermaid", "flowchart"), ("dot", "digraph")] {
        let drawn = home.succeed(&["check", "endpoints-aws", "--graph", language]);
        assert!(drawn.starts_with(begins) && drawn.contains("Create VPC") && drawn.contains("PostgreSQL database"));
    }
}

#[test]
fn retries_and_catches_are_tried_against_mocks_without_waiting() {
    let home = Home::plain();
    let definition = json!({ "StartAt": "Call", "States": {
        "Call": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Next": "Wait",
                  "Parameters": { "FunctionName": "f", "Payload": { "token.$": "$$.Task.Token" } },
                  "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 600, "MaxAttempts": 2 }],
                  "Catch": [{ "ErrorEquals": ["Gone"], "Next": "Other" }] },
        "Wait": { "Type": "Wait", "Seconds": 86400, "End": true },
        "Other": { "Type": "Pass", "Result": "elsewhere", "End": true }
    } });
    let mocks = json!({
        "StateMachines": { "mine": { "TestCases": {
            "Retried": { "Call": "TwiceBusy" }, "Caught": { "Call": "Gone" }, "GivesUp": { "Call": "Busy" }, "Unmocked": {}
        } } },
        "MockedResponses": {
            "TwiceBusy": { "0-1": { "Throw": { "Error": "Busy", "Cause": "later" } }, "2": { "Return": { "at": "last" } } },
            "Gone": { "0": { "Throw": { "Error": "Gone" } } },
            "Busy": { "0-9": { "Throw": { "Error": "Busy" } } }
        }
    });
    let file = written(&home, "mine.asl.json", &definition.to_string());
    let mocks = written(&home, "MockConfigFile.json", &mocks.to_string());
    let expected = ["--expect", "GivesUp=FAILED", "--expect", "Unmocked=FAILED"];
    let printed = home.succeed(&[&["test", &file, "--mocks", &mocks], &expected[..]].concat());
    for words in [r#"{"at":"last"}"#, "elsewhere", "Busy", "no mock answers call 0 of the state 'Call'"] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    assert_eq!(
        home.flow(&["test", &file, "--mocks", &mocks]).status.code(),
        Some(1),
        "an unexpected status is a failure"
    );
}

/// A problem in an expression of three lines has its line and column.
#[test]
fn a_problem_inside_an_expression_has_its_line_and_column() {
    let home = Home::plain();
    let jsonata = "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Assign:\n      total: 1\n    Output:\n      \
                   a: \"{% $total + $uppercse('x') %}\"\n      b: |-\n        {%\n          $total +\n          ) * 2\n        %}\n    End: true\n";
    let said = home.exits(&["check", &written(&home, "jsonata.asl.yaml", jsonata)], 3);
    for words in [":9:23", "\n  |                       ^", ":13:11", "          ) * 2\n   |           ^"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let paths = json!({ "StartAt": "A", "States": { "A": {
        "Type": "Pass", "Parameters": { "x.$": "$.a[", "y.$": "States.Frmat('{}', $.a)" }, "End": true } } });
    let said = home.exits(&["check", &written(&home, "paths.asl.json", &paths.to_string()), "-o", "json"], 3);
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = paths.to_string();
    for (field, part) in [("x.$", "[\""), ("y.$", "States.Frmat")] {
        let column = text.find(part).unwrap() + 1;
        let found = lines.iter().find(|line| line["message"].as_str().is_some_and(|message| message.contains(field)));
        assert_eq!(found.unwrap()["column"], column, "{field}: {said}");
        assert!(found.unwrap()["reason"].is_string(), "{said}");
    }
}
