//! Finds the task token of a waiting Task: Step Functions returns it only in the Task's recorded parameters.

use engine::asl::{find_state, is_task_token};
use serde_json::Value;

/// The token in the recorded parameters of a Task, and the object or array that contains it. `arguments` are the state's; they
/// show which parameter is the token.
pub fn find<'p>(arguments: &Value, parameters: &'p Value) -> Option<(&'p str, &'p Value)> {
    match arguments {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let plain = name.strip_suffix(".$").unwrap_or(name);
            find_in(value, parameters.get(plain)?, parameters)
        }),
        Value::Array(items) => {
            let mut pairs = items.iter().zip(parameters.as_array()?);
            pairs.find_map(|(value, found)| find_in(value, found, parameters))
        }
        _ => None,
    }
}

/// As [`find`], for a parameter of `container`.
fn find_in<'p>(argument: &Value, parameter: &'p Value, container: &'p Value) -> Option<(&'p str, &'p Value)> {
    match argument {
        Value::String(_) => is_task_token(argument).then(|| Some((parameter.as_str()?, container)))?,
        _ => find(argument, parameter),
    }
}

/// The arguments of the state of a name, anywhere in a definition.
pub fn arguments_of<'d>(machine: &'d Value, name: &str) -> Option<&'d Value> {
    let state = find_state(machine, name)?;
    state.get("Arguments").or_else(|| state.get("Parameters"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_found_where_the_definition_puts_it() {
        let parameters = json!({ "Payload": { "token": "T", "list": ["x", "T2"] } });
        let of = |arguments: Value| find(&arguments, &parameters).map(|(token, _)| token.to_owned());
        let path = json!({ "Payload": { "token.$": "$$.Task.Token" } });
        assert_eq!(find(&path, &parameters), Some(("T", &parameters["Payload"])));
        let jsonata = json!({ "Payload": { "list": ["x", "{% $states.context.Task.Token %}"] } });
        assert_eq!(of(jsonata).as_deref(), Some("T2"));
        assert_eq!(of(json!({ "Payload": { "token": "T" } })), None);
        assert_eq!(of(json!({ "Other.$": "$$.Task.Token" })), None);
    }

    #[test]
    fn the_arguments_of_an_inner_state_are_found() {
        let inner = json!({ "StartAt": "B", "States": { "B": { "Type": "Task", "Parameters": { "a": 1 } } } });
        let outer = json!({ "StartAt": "A", "States": { "A": { "Type": "Map", "ItemProcessor": inner } } });
        assert_eq!(arguments_of(&outer, "B"), Some(&json!({ "a": 1 })));
        assert_eq!(arguments_of(&outer, "C"), None);
    }
}
