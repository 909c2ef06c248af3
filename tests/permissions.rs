//! The permissions in docs/scale.md are those of the operations that the code calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

type Actions = BTreeSet<String>;

/// The clients of the services.
const CLIENTS: [&str; 4] = [
    "steps/step_functions.rs",
    "steps/step_functions/executions.rs",
    "steps/step_functions/machines.rs",
    "steps/deployment.rs",
];
const EXECUTIONS: [&str; 4] = [
    "cli/step_functions.rs",
    "cli/step_functions/finding.rs",
    "cli/step_functions/questions.rs",
    "cli/step_functions/following.rs",
];
const WORKER: [&str; 3] = ["cli/worker.rs", "cli/worker/poller.rs", "cli/worker/task.rs"];
const DEPLOYMENT: [&str; 7] = [
    "cli/commands/deploy.rs",
    "cli/commands/deploy/concurrent.rs",
    "cli/commands/deploy/removal.rs",
    "cli/commands/deploy/size.rs",
    "cli/deployment.rs",
    "cli/deployment/apply.rs",
    "cli/deployment/needed.rs",
];
/// The permissions that AWS also requires for a call that sets tags or a role (Service Authorization Reference).
const WITH_TAGS_AND_ROLE: [&str; 4] = ["states:TagResource", "iam:TagRole", "iam:PassRole", "logs:TagResource"];

/// Read at run time: a shared target folder may have been built by another clone.
fn read(file: &str) -> String {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    std::fs::read_to_string(root.join(file)).unwrap()
}

/// The bodies of the functions of some files by name, without white space and tests.
fn functions(files: &[&str]) -> BTreeMap<String, String> {
    let mut functions: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let text = read(file);
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for function in text.split("fn ").skip(1) {
            let name = function.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
            let body = function.split_whitespace().collect::<String>();
            functions.entry(name.to_owned()).or_default().push_str(&body);
        }
    }
    functions
}

/// The actions that each function of the clients needs.
fn clients() -> BTreeMap<String, Actions> {
    let is_action = |text: &&str| ["states:", "iam:", "logs:"].iter().any(|service| text.starts_with(service));
    let actions = |body: &String| body.split('"').filter(is_action).map(str::to_owned).collect::<Actions>();
    let mut clients: BTreeMap<_, _> =
        functions(&CLIENTS).iter().map(|(name, body)| (name.clone(), actions(body))).collect();
    // It calls the step that finds a log group.
    clients.entry("find_log_group".to_owned()).or_default().insert("logs:DescribeLogGroups".to_owned());
    clients
}

/// The actions of some functions, and of those that they call.
fn reached(files: &[&str], roots: &[&str]) -> Actions {
    let (functions, clients) = (functions(files), clients());
    let calls = |body: &str, receivers: &[&str], name: &str| {
        receivers.iter().any(|receiver| body.contains(&format!("{receiver}{name}(")))
    };
    let mut found = Actions::new();
    let mut open: Vec<&str> = roots.to_vec();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        let body = functions.get(name).unwrap_or_else(|| panic!("{files:?} have no function {name}"));
        let called = clients.iter().filter(|(name, _)| calls(body, &["api.", "states.", "deployment::"], name));
        found.extend(called.flat_map(|(_, actions)| actions.clone()));
        let own = functions.keys().filter(|name| calls(body, &["self.", "executions."], name));
        open.extend(own.map(String::as_str));
    }
    found
}

/// The documented actions, by row.
fn documented() -> BTreeMap<String, Actions> {
    let document = read("docs/scale.md");
    let (_, section) = document.split_once("\n## Permissions\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let who = cells.next()?.to_owned();
        let actions = cells.next()?.split('`').filter(|text| text.contains(':') && !text.contains(' '));
        Some((who, actions.map(str::to_owned).collect::<Actions>()))
    };
    section.lines().filter(|line| line.starts_with("| ")).filter_map(row).collect()
}

#[test]
fn the_documented_permissions_are_those_of_the_operations_that_the_code_calls() {
    let documented = documented();
    let row = |who: &str| documented.get(who).unwrap_or_else(|| panic!("no row {who}")).clone();
    let reads = ["find", "list", "describe", "entries", "person_tasks", "follow", "next", "poll"];
    let read = reached(&EXECUTIONS, &reads);
    assert_eq!(row("every command with `--engine sfn`"), read);
    let commands: [(&str, &[&str]); 4] = [
        ("`flow run`, in addition", &["deployed", "start"]),
        ("`flow resume`, in addition", &["resume"]),
        ("`flow cancel`, in addition", &["cancel"]),
        (
            "`flow signal`, `flow approve` and `flow reject`, in addition",
            &["signal", "answer_question", "schema_of_question"],
        ),
    ];
    for (who, roots) in commands {
        let more: Actions = reached(&EXECUTIONS, roots).difference(&read).cloned().collect();
        assert_eq!(row(who), more, "{who}");
    }
    let functions = functions(&WORKER);
    let all: Vec<&str> = functions.keys().map(String::as_str).collect();
    assert_eq!(row("a worker"), reached(&WORKER, &all));
}

#[test]
fn the_documented_permissions_of_a_deployment_are_those_of_the_operations_that_the_code_calls() {
    let documented = documented();
    let plan = &documented["`flow deploy --plan`"];
    assert_eq!(*plan, reached(&DEPLOYMENT, &["is_server", "find", "deploy", "validate"]));
    let rows = [plan, &documented["`flow deploy`, in addition"], &documented["`flow deploy --remove`, in addition"]];
    let rows: Actions = rows.into_iter().flatten().cloned().collect();
    let removing = ["changes", "former_activities", "needed_activities", "remove"];
    let mut called =
        reached(&DEPLOYMENT, &[&["is_server", "find", "deploy", "validate", "apply"][..], &removing].concat());
    called.extend(WITH_TAGS_AND_ROLE.map(str::to_owned));
    assert_eq!(rows, called);
}
