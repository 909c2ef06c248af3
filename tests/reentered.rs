//! A failed run can continue at an earlier state, without repeating the steps that precede it.

use std::fs;

use serde_json::{Value, json};

use crate::support::Home;

/// Three steps in a row, the second and third in a section. Each appends a line to a file. The third fails while
/// `broken` exists.
fn runbook(home: &Home) -> (String, String) {
    let folder = home.path().display();
    let script = home.program(
        "step.sh",
        &format!("echo $1 >> {folder}/log; if [ $1 = three ] && [ -e {folder}/broken ]; then exit 1; fi; echo \"{{\\\"n\\\": \\\"$1\\\"}}\""),
    );
    // A section has a variable of its own: it cannot assign that of the outer scope.
    let step = |name: &str, variable: &str, before: &str| {
        json!({ "Type": "Task", "Resource": "flow:process:run", "Arguments": { "Program": script, "Arguments": [name] },
                "Assign": { variable: format!("{{% ${before} & '{name} ' %}}") }, "Output": "{% $states.input %}" })
    };
    let with = |mut state: Value, field: &str, value: Value| {
        state[field] = value;
        state
    };
    let section = json!({ "StartAt": "Two", "States": {
        "Two": with(step("two", "inside", "seen"), "Next", json!("Three")),
        "Three": with(step("three", "inside", "inside"), "End", json!(true)) } });
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Begin", "States": {
        "Begin": { "Type": "Pass", "Assign": { "seen": "" }, "Next": "One" },
        "One": with(step("one", "seen", "seen"), "Next", json!("Section")),
        "Section": { "Type": "Parallel", "Branches": [section], "Next": "End" },
        "End": { "Type": "Pass", "Output": "{% $seen %}", "End": true } } });
    (home.definition("steps", &definition), script)
}

fn log(home: &Home) -> String {
    fs::read_to_string(home.path().join("log")).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_failed_execution_is_resumed_from_a_state_with_what_it_had_then() {
    let home = Home::plain();
    let (file, script) = runbook(&home);
    let programs = [("FLOW_PROGRAMS", script.as_str())];
    fs::write(home.path().join("broken"), "").unwrap();
    home.exits_with(&["run", &file, "--yes", "--id", "s-1"], &programs, 1);
    assert_eq!(log(&home), "one two three");
    fs::remove_file(home.path().join("broken")).unwrap();

    let said = home.exits_with(&["resume", "s-1", "--from", "Two"], &programs, 3);
    for words in ["Enters \"Section/Two\"", "Section/Three   flow:process:run   failed", "--yes continues"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(log(&home), "one two three", "nothing was changed without consent");
    for (state, words, exit) in [
        ("End", "never entered 'End'", 3),
        ("Tow", "did you mean 'Two'?", 4),
        ("Section/Nothing", "has no state named", 4),
        ("Section[9]/Two", "it has 'Section/Two'", 4),
    ] {
        let said = home.exits_with(&["resume", "s-1", "--from", state, "--yes"], &programs, exit);
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let said = home.exits_with(&["resume", "s-1", "--from", "Section/Two", "--yes"], &programs, 0);
    assert!(said.contains("SUCCEEDED") && said.contains("\n  one\n"), "{said}");
    assert_eq!(log(&home), "one two three two three");
    let events = home.succeed(&["events", "s-1"]);
    assert!(events.contains("ExecutionRedriven") && events.contains("resumedFrom"), "{events}");
    let said = home.exits_with(&["resume", "s-1", "--from", "Two", "--yes"], &programs, 3);
    assert!(said.contains("flow run --again s-1 --from Two"), "{said}");
    let said = home.exits_with(&["resume", "s-1", "--from", "nosuch", "--yes"], &programs, 4);
    assert!(said.contains("has no state named") && !said.contains("--again"), "such a run is refused: {said}");

    let said = home.exits_with(&["run", "--again", "s-1", "--from", "Three", "--id", "s-2", "--yes"], &programs, 0);
    assert!(said.contains("Enters \"Section/Three\""), "{said}");
    assert_eq!(log(&home), "one two three two three three");
    let said = home.exits(&["run", "--again", "s-1", "--from", "Three", "--set", "x=1", "--yes"], 3);
    assert!(said.contains("with the input that the state had then"), "the reason is given: {said}");
    let without = home.flow(&["run", &file, "--from", "Two", "--yes"]);
    assert_eq!(without.status.code(), Some(2), "--from needs --again");
}

#[test]
fn a_running_execution_and_a_state_in_a_map_are_refused_with_the_reason() {
    let home = Home::plain();
    home.exits(&["run", &home.waits("rests", 600), "--yes", "--id", "w-1", "--no-wait"], 75);
    let said = home.exits(&["resume", "w-1", "--from", "Rest", "--yes"], 3);
    assert!(said.contains("has not ended") && said.contains("flow cancel w-1"), "{said}");
    let said = home.exits(&["resume", "w-1", "--from", "nosuch", "--yes"], 4);
    assert!(!said.contains("flow cancel"), "the resume would be refused afterwards: {said}");
    let fails = json!({ "StartAt": "Each", "States": { "Each": { "Type": "Fail", "Error": "No" } } });
    let map = home.one("maps", &json!({ "Type": "Map", "Items": [1], "ItemProcessor": fails, "End": true }));
    home.exits(&["run", &map, "--yes", "--id", "m-1"], 1);
    let said = home.exits(&["resume", "m-1", "--from", "Each", "--yes"], 3);
    assert!(said.contains("an iteration of the Map 'Only'") && said.contains("nothing was changed"), "{said}");
}
