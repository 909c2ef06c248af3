//! Checks the questions to people, of approvals and beside task tokens: nobody could answer a malformed one.

use engine::{
    asl::{Diagnostic, beside_task_token, each_state, pointer::below},
    step::{Registry, waits_for_token},
};
use serde_json::{Map, Value};

use super::arguments::{Schemas, check, is_literal};

/// The step whose arguments are a question.
const REQUEST: &str = "flow:approval:request";
/// The name of the question of a Task with a task token, in messages.
const BESIDE_TOKEN: &str = "the question beside the task token";

/// Reports each literal field of a question beside a task token that does not have its type, and each `Fields` that is not a JSON schema.
pub(super) fn problems(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut schemas = Schemas::new(steps);
    each_state(definition, &mut |raw| {
        let Some(resource) = raw.json["Resource"].as_str() else { return };
        let (field, arguments) = (raw.arguments_field(), &raw.json[raw.arguments_field()]);
        let pointer = format!("{}/{field}", raw.pointer);
        if resource.starts_with(REQUEST) {
            found.extend(problem_of_schema(REQUEST, arguments.get("Fields"), &pointer));
            return;
        }
        let question = beside_task_token(arguments).filter(|(_, fields)| waits_for_token(resource) && asks(fields));
        let Some((inner, fields)) = question else { return };
        let Some(schema) = schemas.of(REQUEST) else { return };
        let pointer = format!("{pointer}{inner}");
        // The other fields are for the receiver of the token.
        let known = fields.iter().filter(|(name, _)| schema.has(name));
        let known: Map<String, Value> = known.map(|(name, value)| (name.clone(), value.clone())).collect();
        check(BESIDE_TOKEN, schema, &known, &pointer, &mut found);
        found.extend(problem_of_schema(BESIDE_TOKEN, fields.get("Fields"), &pointer));
    });
    found
}

/// Whether the fields beside a task token ask a person: they have a `Prompt` that is a text or computed.
fn asks(fields: &Map<String, Value>) -> bool {
    fields.get("Prompt").is_some_and(Value::is_string) || fields.contains_key("Prompt.$")
}

/// The problem of literal `Fields` that are not a JSON schema, in the object at `pointer`.
fn problem_of_schema(question: &str, fields: Option<&Value>, pointer: &str) -> Option<Diagnostic> {
    let error = workflows::schema_error(fields.filter(|fields| is_literal(fields))?)?;
    let message = format!("{question}: Fields is not a JSON schema: {}.", error.trim_end_matches('.'));
    Some(Diagnostic::error("INVALID_ARGUMENT", &below(pointer, "Fields"), message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::environments;

    fn found(definition: &Value) -> Vec<Diagnostic> {
        problems(definition, environments::described().unwrap())
    }

    #[test]
    fn a_schema_that_no_answer_could_fit_is_an_error() {
        let check = |fields: Value| {
            let arguments = json!({ "Prompt": "Go?", "Fields": fields });
            let task = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": arguments });
            found(&json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": task } }))
        };
        let found = check(json!({ "type": "object", "properties": { "ticket": { "type": "strng" } } }));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].location, "/States/A/Arguments/Fields");
        assert!(found[0].message.contains("strng"), "{}", found[0].message);
        assert_eq!(check(json!({ "type": "object", "properties": { "ticket": { "type": "string" } } })), []);
        assert_eq!(check(json!({ "type": "{% $states.input.type %}" })), [], "it is known at run time only");
    }

    #[test]
    fn a_literal_field_beside_a_task_token_that_makes_a_question_malformed_is_an_error() {
        let check = |more: Value| {
            let mut payload = json!({ "token.$": "$$.Task.Token", "Prompt": "Go?", "Other": { "Choices": "now" } });
            payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let resource = "arn:aws:states:::lambda:invoke.waitForTaskToken";
            let arguments = json!({ "FunctionName": "f", "Payload": payload });
            let task = json!({ "Type": "Task", "Resource": resource, "Parameters": arguments, "End": true });
            let found = found(&json!({ "StartAt": "A", "States": { "A": task } })).into_iter();
            found.map(|problem| problem.location.replace("/States/A/Parameters/Payload/", "")).collect::<Vec<_>>()
        };
        assert_eq!(check(json!({ "Choices": "now" })), ["Choices"]);
        assert_eq!(check(json!({ "Prompt.$": "$.prompt", "Users": "ann" })), ["Users"]);
        assert_eq!(check(json!({ "Fields": { "type": "objct" } })), ["Fields"]);
        for sound in [
            json!({ "Choices": ["now"], "Fields": { "type": "object" } }),
            json!({ "Choices.$": "$.choices" }),
            json!({ "Prompt": ["no question"], "Choices": "now" }),
        ] {
            assert!(check(sound.clone()).is_empty(), "{sound}");
        }
    }
}
