//! The JSON types of a state's fields, the fields that only a distributed Map has, and the calls in its templates. Like the forms, they
//! are checked when a definition is created. Sources: Developer Guide, the field tables of each state and "Fail workflow state"; the
//! schema of AWS's own language server (aws/amazon-states-language-service); recordings of AWS.

use serde_json::{Map, Value};

use super::{Diagnostic, ProblemKind, below, item};
use crate::{
    asl::raw::is_distributed_map,
    query::{Intrinsic, Path, Query},
};

/// The fields of a Map in DISTRIBUTED mode. The tolerated failures are not among them: AWS accepts those in INLINE mode (recorded).
const DISTRIBUTED_FIELDS: &[&str] = &["Label", "ItemReader", "ItemBatcher", "ResultWriter"];

/// The functions that ErrorPath and CausePath may call. Source: Developer Guide, "Fail workflow state".
const FAIL_FUNCTIONS: &[&str] = &[
    "States.Format",
    "States.JsonToString",
    "States.ArrayGetItem",
    "States.Base64Encode",
    "States.Base64Decode",
    "States.Hash",
    "States.UUID",
];

/// Checks the fields of a state.
pub(super) fn check(fields: &Map<String, Value>, pointer: &str, jsonata: bool, found: &mut Vec<Diagnostic>) {
    if jsonata {
        types_in_jsonata(fields, pointer, found)
    } else {
        types_in_json_path(fields, pointer, found)
    }
    if fields.get("Type").is_some_and(|kind| kind == "Map") && !is_distributed_map(fields) {
        for name in DISTRIBUTED_FIELDS.iter().filter(|name| fields.contains_key(**name)) {
            let message = format!("Field '{name}' is not supported in INLINE mode");
            let problem = Diagnostic::error("SCHEMA_VALIDATION_FAILED", pointer, message);
            found.push(problem.of_kind(ProblemKind::FieldOfDistributedMap((*name).to_owned())));
        }
    }
}

fn wrong(location: &str, message: impl Into<String>, found: &mut Vec<Diagnostic>) {
    found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", location, message));
}

/// The fields within ItemBatcher, ItemReader and ResultWriter, with their pointers.
fn nested<'v>(
    fields: &'v Map<String, Value>,
    pointer: &str,
    names: &'static [(&'static str, &'static str)],
) -> Vec<(&'v Value, String)> {
    let value = |(outer, inner): &(&str, &str)| {
        let value = fields.get(*outer)?.get(*inner)?;
        Some((value, below(&below(pointer, outer), inner)))
    };
    names.iter().filter_map(value).collect()
}

fn is_expression(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("{%"))
}

fn types_in_jsonata(fields: &Map<String, Value>, pointer: &str, found: &mut Vec<Diagnostic>) {
    let mut expect = |value: &Value, at: &str, is_right: bool, expected: &str| {
        if !is_right && !is_expression(value) {
            wrong(at, format!("Expected value of type {expected} or a JSONata expression"), found);
        }
    };
    let own = fields.get("Arguments").map(|value| (value, below(pointer, "Arguments")));
    let within = nested(fields, pointer, &[("ItemReader", "Arguments"), ("ResultWriter", "Arguments")]);
    for (value, at) in own.into_iter().chain(within) {
        expect(value, &at, value.is_object(), "Object");
    }
    if let Some(items) = fields.get("Items") {
        let is_object = items.is_object() && is_distributed_map(fields);
        expect(items, &below(pointer, "Items"), items.is_array() || is_object, "Array");
    }
    for name in ["Error", "Cause"] {
        if let Some(value) = fields.get(name) {
            expect(value, &below(pointer, name), value.is_string(), "String");
        }
    }
    for (index, rule) in fields.get("Choices").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(condition) = rule.get("Condition") {
            let at = below(&item(&below(pointer, "Choices"), index), "Condition");
            expect(condition, &at, condition.is_boolean(), "Boolean");
        }
    }
}

fn types_in_json_path(fields: &Map<String, Value>, pointer: &str, found: &mut Vec<Diagnostic>) {
    let own = ["Parameters", "ResultSelector", "ItemSelector"].into_iter();
    let own = own.filter_map(|name| Some((fields.get(name)?, below(pointer, name))));
    let within = &[("ItemBatcher", "BatchInput"), ("ItemReader", "Parameters"), ("ResultWriter", "Parameters")];
    for (value, at) in own.chain(nested(fields, pointer, within)) {
        if !value.is_object() {
            wrong(&at, "Expected value of type Object", found);
        }
    }
    for name in ["ErrorPath", "CausePath"] {
        if let Some(source) = fields.get(name).and_then(Value::as_str)
            && let Ok(query) = Query::parse(source)
            && let Err(message) = fail_path(&query)
        {
            wrong(&below(pointer, name), message, found);
        }
    }
}

fn fail_path(query: &Query) -> Result<(), String> {
    match query {
        Query::Path(path) if path.is_reference() => Ok(()),
        Query::Path(path) => Err(format!("Value is not a Reference Path: {}", path.source())),
        Query::Intrinsic(call) if !FAIL_FUNCTIONS.contains(&call.function()) => {
            Err(format!("The intrinsic function must be one of [{}]", FAIL_FUNCTIONS.join(", ")))
        }
        Query::Intrinsic(call) => match call.wrong_count() {
            Some(function) => Err(format!("{function} does not take this number of arguments")),
            None => Ok(()),
        },
    }
}

/// Reports calls in a payload template whose function does not take this number of arguments, in AWS's words for a call that is not
/// valid.
pub(super) fn calls(template: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    match template {
        Value::Object(fields) => {
            for (name, value) in fields {
                let source =
                    value.as_str().filter(|source| name.ends_with(".$") && !Path::trimmed(source).starts_with('$'));
                if source
                    .and_then(|source| Intrinsic::parse(source).ok())
                    .is_some_and(|call| call.wrong_count().is_some())
                {
                    let message = format!(
                        "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
                    );
                    let problem = Diagnostic::error("SCHEMA_VALIDATION_FAILED", pointer, message);
                    found.push(problem.of_kind(ProblemKind::InvalidQuery(name.clone())));
                }
                calls(value, &below(pointer, name), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| calls(value, &item(pointer, index), found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::super::{Severity, check};
    use super::*;

    /// The locations and messages of the errors in this state of a machine.
    fn errors(language: &str, state: Value) -> Vec<(String, String)> {
        let end = json!({ "Type": "Succeed" });
        let machine = json!({ "QueryLanguage": language, "StartAt": "A", "States": { "A": state, "Z": end } });
        let found = check(&machine, &|_| true).into_iter().filter(|problem| problem.severity == Severity::Error);
        let in_state = found.filter(|problem| problem.location.starts_with("/States/A"));
        in_state.map(|problem| (problem.location, problem.message)).collect()
    }

    #[track_caller]
    fn refused(language: &str, state: Value, at: &str, message: &str) {
        let expected = (format!("/States/A{at}"), message.to_owned());
        let found = errors(language, state);
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }

    #[track_caller]
    fn accepted(language: &str, state: Value) {
        let found = errors(language, state);
        assert!(found.is_empty(), "{found:?}");
    }

    fn task(field: &str, value: Value) -> Value {
        let mut task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Z" });
        task[field] = value;
        task
    }

    fn map(mode: &str, field: &str, value: Value) -> Value {
        let config = json!({ "Mode": mode, "ExecutionType": "STANDARD" });
        let config = if mode == "DISTRIBUTED" { config } else { json!({ "Mode": mode }) };
        let inner = json!({ "I": { "Type": "Pass", "End": true } });
        let processor = json!({ "ProcessorConfig": config, "StartAt": "I", "States": inner });
        let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "Next": "Z" });
        map[field] = value;
        map
    }

    #[test]
    fn a_payload_template_is_an_object() {
        let object = "Expected value of type Object";
        for value in [json!("text"), json!(1), json!([1]), json!(true), json!(null)] {
            for field in ["Parameters", "ResultSelector"] {
                refused("JSONPath", task(field, value.clone()), &format!("/{field}"), object);
            }
            refused("JSONPath", map("INLINE", "ItemSelector", value.clone()), "/ItemSelector", object);
            let batcher = json!({ "MaxItemsPerBatch": 1, "BatchInput": value });
            refused("JSONPath", map("DISTRIBUTED", "ItemBatcher", batcher), "/ItemBatcher/BatchInput", object);
        }
        accepted("JSONPath", task("Parameters", json!({ "a.$": "$.a" })));
        accepted("JSONPath", json!({ "Type": "Pass", "Result": [1], "Next": "Z" }));
    }

    #[test]
    fn values_in_jsonata_have_their_type_or_are_expressions() {
        let object = "Expected value of type Object or a JSONata expression";
        for value in [json!("text"), json!(1), json!([1]), json!(null)] {
            refused("JSONata", task("Arguments", value), "/Arguments", object);
        }
        accepted("JSONata", task("Arguments", json!("{% $states.input %}")));
        accepted("JSONata", task("Arguments", json!({ "a": "text" })));
        for value in [json!("text"), json!(null), json!([]), json!(7)] {
            accepted("JSONata", task("Output", value));
        }
        let array = "Expected value of type Array or a JSONata expression";
        for value in [json!("text"), json!(1), json!(null), json!({ "a": 1 })] {
            refused("JSONata", map("INLINE", "Items", value), "/Items", array);
        }
        accepted("JSONata", map("INLINE", "Items", json!([1, "{% 2 %}"])));
        accepted("JSONata", map("INLINE", "ItemSelector", json!("text")));
        accepted("JSONata", map("DISTRIBUTED", "Items", json!({ "a": 1 })));
        let string = "Expected value of type String or a JSONata expression";
        refused("JSONata", json!({ "Type": "Fail", "Error": 5 }), "/Error", string);
        refused("JSONata", json!({ "Type": "Fail", "Cause": { "a": 1 } }), "/Cause", string);
        assert!(!errors("JSONPath", json!({ "Type": "Fail", "Error": 5 })).is_empty());
        let choice = |condition: Value| json!({ "Type": "Choice", "Choices": [{ "Condition": condition, "Next": "Z" }], "Default": "Z" });
        let boolean = "Expected value of type Boolean or a JSONata expression";
        for value in [json!("true"), json!(1), json!({}), json!(null)] {
            refused("JSONata", choice(value), "/Choices[0]/Condition", boolean);
        }
        accepted("JSONata", choice(json!(true)));
        accepted("JSONata", choice(json!("{% true %}")));
    }

    #[test]
    fn an_inline_map_has_no_field_of_a_distributed_one() {
        let reader =
            json!({ "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "b", "Key": "k" } });
        let writer = json!({ "Resource": "arn:aws:states:::s3:putObject", "Parameters": { "Bucket": "b" } });
        let fields = [
            ("Label", json!("l")),
            ("ItemReader", reader),
            ("ItemBatcher", json!({ "MaxItemsPerBatch": 2 })),
            ("ResultWriter", writer),
        ];
        for (field, value) in fields {
            let message = format!("Field '{field}' is not supported in INLINE mode");
            refused("JSONPath", map("INLINE", field, value.clone()), "", &message);
            accepted("JSONPath", map("DISTRIBUTED", field, value));
        }
        for field in ["MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"] {
            accepted("JSONPath", map("INLINE", field, json!(1)));
        }
    }

    #[test]
    fn an_error_path_is_a_reference_path_or_an_allowed_call() {
        let fail = |path: &str| json!({ "Type": "Fail", "ErrorPath": path, "CausePath": path });
        for path in ["$.a", "$.a[0].b", "$error", "$$.State.Name", "States.Format('{}', $.a)", "States.UUID()"] {
            accepted("JSONPath", fail(path));
        }
        for path in ["$.a[*]", "$..a", "$.a[?(@.b == 1)]"] {
            refused("JSONPath", fail(path), "/ErrorPath", &format!("Value is not a Reference Path: {path}"));
        }
        let allowed = format!("The intrinsic function must be one of [{}]", FAIL_FUNCTIONS.join(", "));
        for call in ["States.Array(1)", "States.MathAdd(1, 2)", "States.StringToJson('1')"] {
            refused("JSONPath", fail(call), "/CausePath", &allowed);
        }
        let count = "States.UUID does not take this number of arguments";
        refused("JSONPath", fail("States.Format('{}', States.UUID(1))"), "/ErrorPath", count);
    }

    #[test]
    fn a_call_has_as_many_arguments_as_its_function_takes() {
        let call = |source: &str| task("Parameters", json!({ "in": [{ "a.$": source }] }));
        let message = "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call";
        for source in [
            "States.MathAdd(1)",
            "States.UUID(1)",
            "States.Format()",
            "States.ArrayRange(1, 2)",
            "States.Hash('a')",
            "States.Array(States.MathAdd(1, 2, 3))",
        ] {
            refused("JSONPath", call(source), "/Parameters/in[0]", message);
        }
        for source in ["States.MathAdd(1, 2)", "States.Array()", "States.MathRandom(1, 2, 3)", "States.UUID()"] {
            accepted("JSONPath", call(source));
        }
        // The type of an argument is a matter of the run, even of a literal.
        for source in ["States.ArrayRange('a', 5, 1)", "States.MathRandom(1, 10, null)", "States.StringSplit('a', 1)"] {
            accepted("JSONPath", call(source));
        }
    }
}
