//! The task token in the arguments of a Task: the expressions for it, and the object that contains it.

use serde_json::{Map, Value};

use super::pointer::{below, item};

/// The expressions for the token in both query languages.
const EXPRESSIONS: [&str; 2] = ["$$.Task.Token", "$states.context.Task.Token"];

/// Whether an argument is an expression that returns the task token and nothing else.
pub fn is_task_token(argument: &Value) -> bool {
    let expression = argument.as_str().map(|text| text.trim_start_matches("{%").trim_end_matches("%}").trim());
    expression.is_some_and(|expression| EXPRESSIONS.contains(&expression))
}

/// The first object in a Task's arguments that has the task token as the value of a field, with its pointer from the arguments; `None` if
/// none has.
pub fn beside_task_token(arguments: &Value) -> Option<(String, &Map<String, Value>)> {
    find(arguments, String::new())
}

fn find(argument: &Value, pointer: String) -> Option<(String, &Map<String, Value>)> {
    match argument {
        Value::Object(fields) if fields.values().any(is_task_token) => Some((pointer, fields)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| find(value, below(&pointer, name))),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, value)| find(value, item(&pointer, index))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_object_with_the_token_is_found_in_both_languages_at_any_depth() {
        let pointer = |arguments: serde_json::Value| beside_task_token(&arguments).map(|(pointer, _)| pointer);
        let path = json!({ "token.$": "$$.Task.Token", "Prompt": "Go?" });
        let jsonata = json!({ "token": "{% $states.context.Task.Token %}", "Prompt": "Go?" });
        assert_eq!(pointer(json!({ "FunctionName": "f", "Payload": path })).as_deref(), Some("/Payload"));
        assert_eq!(pointer(json!({ "Payload": { "a/b": [1, jsonata] } })).as_deref(), Some("/Payload/a~1b[1]"));
        assert_eq!(pointer(json!({ "token.$": "$$.Task.Token" })).as_deref(), Some(""));
        for other in [json!("{% $states.context.Task.Token %}"), json!({ "token": "T", "Prompt": "Go?" }), json!({})] {
            assert_eq!(pointer(other), None);
        }
    }
}
