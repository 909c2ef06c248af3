//! Every operation and member of AWS's service model is known: none is refused, and none is ignored silently. The model
//! is botocore's, from the rehearsal's Python environment. Without one, the test compares nothing and says so.

use std::{path::PathBuf, process::Command};

use super::*;
use crate::request::known_members;

/// A script that prints the members of each operation's request as nested objects.
const WALK: &str = r#"
import json, botocore.session
model = botocore.session.get_session().get_service_model("stepfunctions")
def members(shape, depth=0):
    if shape.type_name == "list":
        return members(shape.member, depth)
    if shape.type_name != "structure" or depth > 8:
        return {}
    return {name: members(member, depth + 1) for name, member in shape.members.items()}
inputs = {name: model.operation_model(name).input_shape for name in model.operation_names}
print(json.dumps({name: members(shape) if shape else {} for name, shape in inputs.items()}))
"#;

/// The Python interpreters that may have botocore: those of rehearsals, then FLOW_PYTHON.
fn interpreters() -> Vec<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folders = cache.and_then(|cache| std::fs::read_dir(cache.join("flow")).ok()).into_iter().flatten().flatten();
    let inside = |folder: std::fs::DirEntry| folder.path().join("bin/python");
    let mut found: Vec<PathBuf> = folders.map(inside).filter(|python| python.exists()).collect();
    found.extend(std::env::var_os("FLOW_PYTHON").map(PathBuf::from));
    found
}

fn model() -> Option<Value> {
    interpreters().into_iter().find_map(|python| {
        let answer = Command::new(python).args(["-c", WALK]).output().ok()?;
        serde_json::from_slice(&answer.stdout).ok()
    })
}

fn missing(path: &str, wanted: &Value, known: &Value, found: &mut Vec<String>) {
    for (name, members) in wanted.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match known.get(name) {
            None => found.push(path),
            Some(known) => missing(&path, members, known, found),
        }
    }
}

#[test]
fn every_operation_and_member_of_the_service_model_is_known() {
    let Some(model) = model() else {
        eprintln!(
            "skipped: there is no botocore; `flow run endpoints-aws --rehearse` makes the environment that has it"
        );
        return;
    };
    let mut found = Vec::new();
    for (operation, members) in model.as_object().unwrap() {
        match known_members(operation) {
            None => found.push(operation.clone()),
            Some(known) => missing(operation, members, &known, &mut found),
        }
    }
    assert!(found.is_empty(), "unknown to api/request: {found:?}");
}
