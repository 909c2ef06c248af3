//! The teardown of a rehearsal.

use serde_json::Value;
use workflows::Workflow;

use super::{RunArguments, consent, run};
use crate::{
    exit::{CliError, Exit},
    global::Global,
    interrupt,
    proposed::OPTIONS,
    shell::{self, quote_word},
};

/// The teardown workflow of a run's workflow, if one exists.
pub fn workflow_of(arguments: &RunArguments) -> Option<&'static Workflow> {
    workflows::find(&format!("{}-teardown", arguments.workflow))
}

/// The arguments of the teardown of a rehearsal that has this input, if its workflow has a teardown.
pub fn of(arguments: &RunArguments, input: &Value) -> Option<RunArguments> {
    let workflow = workflow_of(arguments).filter(|_| arguments.rehearse)?;
    Some(RunArguments {
        workflow: workflow.name.to_owned(),
        input: None,
        again: None,
        from: None,
        set: assignments(workflow, input),
        id: None,
        plan_file: None,
        teardown: false,
        faults: Vec::new(),
        name: None,
        ..arguments.clone()
    })
}

/// The fields that a run and its teardown share, such as the deployment's name, as values of `--set`. A field is left out if the rehearsal
/// input of the teardown has the same value.
fn assignments(teardown: &Workflow, input: &Value) -> Vec<String> {
    let own = teardown.prepare_input(teardown.rehearsal_input()).unwrap_or_default();
    let schema = teardown.input_schema();
    let fields = schema["properties"].as_object().into_iter().flatten().map(|(field, _)| field);
    let shared = fields.filter_map(|field| input.get(field).map(|value| (field, value)));
    let differs = shared.filter(|(field, value)| own.get(field.as_str()).unwrap_or(&Value::Null) != *value);
    differs.map(|(field, value)| format!("{field}={}", as_text(value))).collect()
}

/// A value as `--set` reads it: JSON, or a text that is not JSON.
fn as_text(value: &Value) -> String {
    match value.as_str().filter(|text| serde_json::from_str::<Value>(text).is_err()) {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

/// The command that deletes what a rehearsal created.
pub fn command(teardown: &RunArguments) -> String {
    let set: String = teardown.set.iter().map(|assignment| shell::option("set", assignment)).collect();
    format!("flow run {} --rehearse{set}{OPTIONS}", quote_word(&teardown.workflow))
}

/// Deletes the resources of a rehearsal that succeeded, if the person wants that. A signal ends the command before the teardown.
///
/// # Errors
/// The terminal cannot be read, or the teardown is refused.
pub async fn tear_down(
    global: &Global,
    arguments: &RunArguments,
    teardown: Option<RunArguments>,
    exit: Exit,
) -> Result<Exit, CliError> {
    let Some(teardown) = teardown.filter(|_| exit == Exit::Success) else { return Ok(exit) };
    if let Some(signal) = interrupt::received() {
        return Ok(if arguments.teardown { signal } else { exit });
    }
    match consent::tear_down(global, arguments, &teardown).await? {
        true => Box::pin(run(global, teardown)).await,
        false => Ok(exit),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn set_of(input: Value) -> Vec<String> {
        assignments(workflows::find("endpoints-aws-teardown").unwrap(), &input)
    }

    #[test]
    fn a_teardown_has_the_deployment_and_the_accounts_of_its_run() {
        let run = workflows::find("endpoints-aws").unwrap();
        let mut input = run.prepare_input(run.rehearsal_input()).unwrap();
        assert_eq!(set_of(input.clone()), Vec::<String>::new());
        input["deployment"] = "fourth".into();
        input["region"] = "eu-central-1".into();
        input["allowedAccountIds"] = json!(["123456789012"]);
        let set = set_of(input.clone());
        assert!(set.contains(&"deployment=fourth".to_owned()), "{set:?}");
        // What --set reads is the input of the run.
        let teardown = workflows::find("endpoints-aws-teardown").unwrap();
        let mut read = teardown.rehearsal_input();
        for assignment in &set {
            workflows::set_key(&mut read, Some(&teardown.input_schema()), assignment).unwrap();
        }
        for field in ["deployment", "region", "allowedAccountIds"] {
            assert_eq!(read[field], input[field], "{field}");
        }
    }

    #[test]
    fn the_teardown_reads_every_list_that_its_search_returns() {
        let search = crate::environments::described().unwrap().find("flow:teardown:find").unwrap();
        let schema = search.description().output_schema;
        let fields = schema["properties"].as_object().unwrap().iter();
        let lists: Vec<&String> = fields.filter(|(_, field)| field["type"] == "array").map(|(name, _)| name).collect();
        assert!(lists.len() > 20, "{lists:?}");
        let definition = workflows::find("endpoints-aws-teardown").unwrap().definition().unwrap().to_string();
        let mut unread = lists;
        unread.retain(|list| !definition.contains(&format!("$found.{list}")));
        assert!(unread.is_empty(), "{unread:?}");
    }

    #[test]
    fn a_text_that_looks_like_json_stays_a_text() {
        assert_eq!(as_text(&json!("plain")), "plain");
        assert_eq!(as_text(&json!("5")), "\"5\"");
        assert_eq!(as_text(&json!(["a"])), "[\"a\"]");
    }
}
