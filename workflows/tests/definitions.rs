//! Checks of the definitions that need no run.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::contract;
use crate::{Workflow, WorkflowError, catalogue, load_definition};

/// Calls `visit` with every machine in `machine`, and the variables that are in scope at its start.
fn for_each_machine(machine: &Value, around: &BTreeSet<String>, visit: &mut dyn FnMut(&Value, &BTreeSet<String>)) {
    visit(machine, around);
    let mut visible = around.clone();
    visible.extend(assigned(machine));
    for state in states(machine).values() {
        for branch in state["Branches"].as_array().into_iter().flatten().chain(state.get("ItemProcessor")) {
            for_each_machine(branch, &visible, visit);
        }
    }
}

fn for_each_state(workflow: &Workflow, visit: &mut dyn FnMut(&str, &Value)) {
    let definition = workflow.definition().unwrap();
    for_each_machine(&definition, &BTreeSet::new(), &mut |machine, _| {
        states(machine).iter().for_each(|(name, state)| visit(name, state));
    });
}

fn states(machine: &Value) -> &Map<String, Value> {
    machine["States"].as_object().expect("a machine has States")
}

fn assigned(machine: &Value) -> BTreeSet<String> {
    let assigns = states(machine).values().filter_map(|state| state["Assign"].as_object());
    assigns.flat_map(|assign| assign.keys().cloned()).collect()
}

fn targets(state: &Value) -> Vec<String> {
    let choices = state["Choices"].as_array().into_iter().flatten();
    let catchers = state["Catch"].as_array().into_iter().flatten();
    let next = choices.chain(catchers).map(|rule| &rule["Next"]);
    next.chain([&state["Next"], &state["Default"]]).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn every_definition_assembles_into_one_document_without_references() {
    for workflow in catalogue() {
        let definition = workflow.definition().unwrap();
        assert_eq!(definition["QueryLanguage"], "JSONata", "{}", workflow.name);
        let text = definition.to_string();
        assert!(!text.contains("sections/") && !text.contains("Anchors"), "{}", workflow.name);
    }
}

#[test]
fn no_transition_leads_nowhere_and_no_state_is_out_of_reach() {
    for workflow in catalogue() {
        for_each_machine(&workflow.definition().unwrap(), &BTreeSet::new(), &mut |machine, _| {
            let mut reached = BTreeSet::new();
            let mut open = vec![machine["StartAt"].as_str().unwrap().to_owned()];
            while let Some(name) = open.pop() {
                let state = states(machine).get(&name).unwrap_or_else(|| panic!("{}: no state {name}", workflow.name));
                if reached.insert(name) {
                    open.extend(targets(state));
                }
            }
            let all: BTreeSet<String> = states(machine).keys().cloned().collect();
            assert_eq!(reached, all, "{}", workflow.name);
        });
    }
}

#[test]
fn every_state_has_a_next_state_or_ends() {
    for workflow in catalogue() {
        for_each_state(workflow, &mut |name, state| {
            let ways = [state["Next"].is_string(), state["End"] == true];
            let wanted = usize::from(!matches!(state["Type"].as_str(), Some("Choice" | "Fail" | "Succeed")));
            assert_eq!(ways.iter().filter(|way| **way).count(), wanted, "{name}");
        });
    }
}

#[test]
fn names_are_unique_in_the_whole_document_and_short_enough_for_aws() {
    for workflow in catalogue() {
        let mut names = BTreeSet::new();
        for_each_state(workflow, &mut |name, _| {
            assert!(name.chars().count() <= 80, "{name}");
            assert!(names.insert(name.to_owned()), "{}: {name} twice", workflow.name);
        });
    }
}

#[test]
fn an_inner_variable_never_hides_an_outer_one() {
    for workflow in catalogue() {
        for_each_machine(&workflow.definition().unwrap(), &BTreeSet::new(), &mut |machine, around| {
            let hidden: Vec<_> = assigned(machine).intersection(around).cloned().collect();
            assert!(hidden.is_empty(), "{}: {hidden:?}", workflow.name);
        });
    }
}

#[test]
fn every_section_says_what_it_is_for() {
    for workflow in catalogue() {
        for_each_state(workflow, &mut |name, state| {
            if state["Type"] == "Parallel" {
                assert!(state["Comment"].as_str().is_some_and(|comment| !comment.is_empty()), "{name}");
            }
        });
    }
}

#[test]
fn the_sections_are_the_documents_in_the_documents_order() {
    let mut sections = Vec::new();
    for_each_state(crate::find("endpoints-aws").unwrap(), &mut |name, state| {
        if state["Branches"].as_array().is_some_and(|branches| branches.len() == 1) {
            sections.push(name.to_owned());
        }
    });
    sections.sort();
    let mut wanted = [
        "Preflight",
        "Domain and HTTPS certificate",
        "VPC and subnets",
        "Security groups",
        "Bastion",
        "PostgreSQL database",
        "Task definition",
        "ECS cluster",
        "Load balancer",
        "Domain to load balancer",
        "HTTPS listener",
        "Service",
        "Alarms",
        "Use the application",
    ];
    wanted.sort_unstable();
    assert_eq!(sections, wanted);
}

#[test]
fn every_task_calls_a_known_step_with_the_arguments_it_takes() {
    for workflow in catalogue() {
        for_each_state(workflow, &mut |name, state| {
            let Some(resource) = state["Resource"].as_str() else { return };
            let contract = contract::find(resource).unwrap_or_else(|| panic!("{name}: no step {resource}"));
            let arguments: Vec<&str> = state["Arguments"].as_object().unwrap().keys().map(String::as_str).collect();
            for field in &contract.required {
                assert!(arguments.contains(field), "{name}: {resource} needs {field}");
            }
            for field in arguments {
                let known = contract.required.contains(&field) || contract.optional.contains(&field);
                assert!(known, "{name}: {resource} does not take {field}");
            }
        });
    }
}

#[test]
fn no_wait_is_without_a_deadline_and_no_task_without_retries() {
    for workflow in catalogue() {
        for_each_state(workflow, &mut |name, state| {
            let Some(resource) = state["Resource"].as_str() else { return };
            assert_eq!(state["Retry"].as_array().unwrap().len(), 5, "{name}");
            assert_eq!(state["TimeoutSeconds"].is_u64(), contract::is_wait(resource), "{name}");
        });
    }
}

#[test]
fn every_expression_can_be_parsed() {
    fn parse_all(path: &str, value: &Value, count: &mut usize) {
        match value {
            Value::String(text) if text.starts_with("{%") => {
                let expression = text.strip_prefix("{%").unwrap().strip_suffix("%}").expect(text);
                jsonata_core::parser::parse(expression).unwrap_or_else(|error| panic!("{path}: {expression}: {error}"));
                *count += 1;
            }
            Value::String(text) => assert!(!text.contains("{%"), "{path}: {text}"),
            Value::Array(items) => items.iter().for_each(|item| parse_all(path, item, count)),
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| parse_all(&format!("{path}/{name}"), field, count))
            }
            _ => {}
        }
    }
    for workflow in catalogue() {
        let mut count = 0;
        parse_all(workflow.name, &workflow.definition().unwrap(), &mut count);
        assert!(count > 50);
    }
}

#[test]
fn a_definition_of_ones_own_loads_from_any_format_with_its_sections() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "own.asl.yaml",
        "Anchors:\n  Nothing: &end { Type: Succeed }\nStartAt: A\nStates:\n  A:\n    Type: Parallel\n    Branches: [part, parts/b]\n    End: true\n",
    );
    write("part.asl.json", r#"{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#);
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    write("parts/b.yaml", "StartAt: C\nStates: {C: {Type: Succeed}}");
    let definition = load_definition(folder.path().join("own.asl.yaml")).unwrap();
    assert!(definition.get("Anchors").is_none());
    let branches = definition["States"]["A"]["Branches"].as_array().unwrap();
    assert_eq!([&branches[0]["StartAt"], &branches[1]["StartAt"]], ["B", "C"]);
}

#[test]
fn any_file_name_and_a_byte_order_mark_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let json = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    let yaml = "StartAt: A\nStates: {A: {Type: Succeed}}";
    let bom = format!("\u{feff}{json}");
    for (name, text) in [("x.asl", json), ("x", json), ("y", yaml), ("bom.asl.json", &bom), ("bom", &bom)] {
        std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(load_definition(folder.path().join(name)).unwrap()["StartAt"], "A", "{name}");
    }
}

#[test]
fn a_file_that_is_no_definition_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        load_definition(folder.path().join(name)).unwrap_err()
    };
    assert!(matches!(load("a.json", "{"), WorkflowError::Parse { .. }));
    assert!(matches!(load("a.yaml", "a: [b"), WorkflowError::Parse { .. }));
    let position = |name: &str, text: &str| match load(name, text) {
        WorkflowError::Parse { position, message, .. } if !message.contains("<input>") => position,
        other => panic!("{other}"),
    };
    assert_eq!(position("t.json", "{\"StartAt\":\n }"), Some((2, 2)));
    assert_eq!(position("t.json", "{\"Comment\": \"später\" x"), Some((1, 22)), "characters, not bytes");
    for (text, expected) in [
        ("StartAt: A\nStates:\n\tA:\n\t\tType: Pass\n", (3, 1)),
        ("StartAt: A\nStates:\n  A:\n    Type: Pass\n\tEnd: true\n", (5, 1)),
    ] {
        assert_eq!(position("t.yaml", text), Some(expected), "{text}");
    }
    assert!(matches!(load("a.txt", "- a"), WorkflowError::NotAnObject { .. }));
    let twice = "StartAt: A\nStates: {A: {Type: Succeed}}\nStartAt: B";
    assert!(matches!(load("e.yaml", twice), WorkflowError::LostParts { .. }));
    assert!(matches!(load("e.json", "{\"StartAt\": 1, \"StartAt\": 2}"), WorkflowError::LostParts { .. }));
    assert!(matches!(load("f.yaml", "Resources: {}"), WorkflowError::Template { .. }));
    assert!(matches!(load("b.yaml", "- a"), WorkflowError::NotAnObject { .. }));
    let missing = "StartAt: A\nStates: {A: {Type: Parallel, Branches: [gone]}}";
    assert!(matches!(load("c.yaml", missing), WorkflowError::MissingSection { .. }));
    let circle = "StartAt: A\nStates: {A: {Type: Parallel, Branches: [d]}}";
    assert!(matches!(load("d.yaml", circle), WorkflowError::TooDeep { .. }));
    assert!(matches!(load_definition(folder.path().join("none.yaml")).unwrap_err(), WorkflowError::Read { .. }));
}
