//! The screens of commands as snapshots: help, diagnostics, an error. Screens of executions are snapshots in `cli/ui`.

use serde_json::json;

use crate::support::{Home, text};

macro_rules! snapshot {
    ($name:expr, $shown:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $shown);
        })
    };
}

/// Standard output, then standard error, of a command that is shown.
fn shown(home: &Home, arguments: &[&str], columns: &str) -> String {
    let output = home.command(arguments).env("COLUMNS", columns).output().unwrap();
    let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let printed = printed.replace(home.path().to_str().unwrap(), "HOME");
    printed.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn help_at_every_width() {
    let home = Home::plain();
    for command in ["", "run", "status", "resume"] {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let at = |columns: &str| format!("── {columns} columns\n{}", shown(&home, &arguments, columns));
        let all: String = ["60", "80", "100", "140"].into_iter().map(at).collect();
        snapshot!(format!("help_{}", if command.is_empty() { "flow" } else { command }), all);
    }
}

#[test]
fn every_mistake_of_a_definition() {
    let home = Home::plain();
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Begin", "States": {
        "Begin": { "Type": "Task", "Resource": "flow:ec2:createVpc", "Arguments": { "CidrBlok": "10.0.0.0/16" }, "Next": "Missing" },
        "データ": { "Type": "Wait", "Seconds": "{% $sum( %}", "End": true },
        "Last": { "Type": "Pass" } } });
    let file = home.path().join("wrong.asl.json");
    std::fs::write(&file, format!("{definition:#}\n")).unwrap();
    snapshot!("check", shown(&home, &["check", file.to_str().unwrap()], "100"));
}

#[test]
fn errors_say_what_to_do() {
    let home = Home::plain();
    let all: String = [&["status", "missing"][..], &["run", "endpoint-aws"], &["status", "--progress", "bars"]]
        .iter()
        .map(|arguments| format!("$ flow {}\n{}\n", arguments.join(" "), shown(&home, arguments, "100")))
        .collect();
    snapshot!("errors", all);
}
