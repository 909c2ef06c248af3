//! The shapes of integrations' answers, as far as mocked results are validated. Source: Developer Guide, "Testing state
//! machines with TestState API", field validation modes; the service models of the APIs.

use engine::step::{Pattern, Resource};
use serde::Deserialize;
use serde_json::Value;

use crate::Fault;

/// `fieldValidationMode`: how strictly a mocked result is validated against the shape of the API's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ValidationMode {
    /// Required fields are present, and present fields have their type.
    #[default]
    Strict,
    /// Present fields have their type.
    Present,
    /// Nothing is validated.
    None,
}

enum Shape {
    Text,
    Number,
    Words(&'static [&'static str]),
    List(&'static Shape),
    Object(&'static Fields),
}

struct Fields {
    required: &'static [&'static str],
    fields: &'static [(&'static str, Shape)],
}

const fn fields(fields: &'static [(&'static str, Shape)]) -> Fields {
    Fields { required: &[], fields }
}

const LAMBDA: Fields = fields(&[
    ("StatusCode", Shape::Number),
    ("FunctionError", Shape::Text),
    ("LogResult", Shape::Text),
    ("ExecutedVersion", Shape::Text),
]);
const START_EXECUTION: Fields = Fields {
    required: &["ExecutionArn", "StartDate"],
    fields: &[("ExecutionArn", Shape::Text), ("StartDate", Shape::Text)],
};
const ENTRY: Fields = fields(&[("EventId", Shape::Text), ("ErrorCode", Shape::Text), ("ErrorMessage", Shape::Text)]);
const PUT_EVENTS: Fields =
    fields(&[("FailedEntryCount", Shape::Number), ("Entries", Shape::List(&Shape::Object(&ENTRY)))]);
const CAPACITY: Fields = fields(&[
    ("TableName", Shape::Text),
    ("CapacityUnits", Shape::Number),
    ("ReadCapacityUnits", Shape::Number),
    ("WriteCapacityUnits", Shape::Number),
]);
const DYNAMODB: Fields = fields(&[("ConsumedCapacity", Shape::Object(&CAPACITY))]);
const SEND_MESSAGE: Fields = fields(&[
    ("MD5OfMessageBody", Shape::Text),
    ("MD5OfMessageAttributes", Shape::Text),
    ("MD5OfMessageSystemAttributes", Shape::Text),
    ("MessageId", Shape::Text),
    ("SequenceNumber", Shape::Text),
]);
const PUBLISH: Fields = fields(&[("MessageId", Shape::Text), ("SequenceNumber", Shape::Text)]);
const STORAGE_CLASSES: &[&str] = &[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "GLACIER_IR",
    "SNOW",
    "EXPRESS_ONEZONE",
    "FSX_OPENZFS",
    "FSX_ONTAP",
];
const GET_OBJECT: Fields = fields(&[
    ("ContentLength", Shape::Number),
    ("ContentType", Shape::Text),
    ("ETag", Shape::Text),
    ("LastModified", Shape::Text),
    ("StorageClass", Shape::Words(STORAGE_CLASSES)),
    ("VersionId", Shape::Text),
]);

fn answer_of(service: &str, action: &str) -> Option<&'static Fields> {
    Some(match (service.trim_start_matches("aws-sdk:"), action) {
        ("lambda", "invoke") => &LAMBDA,
        ("states" | "sfn", "startExecution") => &START_EXECUTION,
        ("events" | "eventbridge", "putEvents") => &PUT_EVENTS,
        ("dynamodb", "getItem" | "putItem" | "updateItem" | "deleteItem") => &DYNAMODB,
        ("sqs", "sendMessage") => &SEND_MESSAGE,
        ("sns", "publish") => &PUBLISH,
        ("s3", "getObject") => &GET_OBJECT,
        _ => return None,
    })
}

/// Refuses a mocked result that the Task's API cannot return.
pub(super) fn check(resource: &str, result: &Value, mode: ValidationMode) -> Result<(), Fault> {
    let Resource::Integration { service, action, pattern: Pattern::RequestResponse, .. } = Resource::parse(resource)
    else {
        return Ok(());
    };
    match answer_of(service, action).filter(|_| mode != ValidationMode::None) {
        Some(fields) => check_object(fields, result, mode),
        None => Ok(()),
    }
}

fn wrong(what: String) -> Fault {
    Fault::validation(format!("Mock result schema validation error: {what}"))
}

fn check_object(shape: &Fields, value: &Value, mode: ValidationMode) -> Result<(), Fault> {
    let Some(given) = value.as_object() else { return Ok(()) };
    if mode == ValidationMode::Strict
        && let Some(missing) = shape.required.iter().find(|name| !given.contains_key(**name))
    {
        return Err(wrong(format!("Required field '{missing}' is missing")));
    }
    let known = shape.fields.iter().filter_map(|(name, shape)| Some((name, shape, given.get(*name)?)));
    known.into_iter().try_for_each(|(name, shape, value)| check_value(name, shape, value, mode))
}

fn check_value(name: &str, shape: &Shape, value: &Value, mode: ValidationMode) -> Result<(), Fault> {
    let must = |be: &str| Err(wrong(format!("Field '{name}' must be {be}")));
    match (shape, value) {
        (Shape::Text, Value::String(_)) | (Shape::Number, Value::Number(_)) => Ok(()),
        (Shape::Text, _) => must("a string"),
        (Shape::Number, _) => must("a number"),
        (Shape::Words(words), Value::String(word)) if words.contains(&word.as_str()) => Ok(()),
        (Shape::Words(_), Value::String(_)) => Err(wrong(format!("Field '{name}' is not an expected value"))),
        (Shape::Words(_), _) => must("a string"),
        (Shape::List(item), Value::Array(items)) => {
            items.iter().try_for_each(|value| check_value(name, item, value, mode))
        }
        (Shape::List(_), _) => must("an array"),
        (Shape::Object(fields), Value::Object(_)) => check_object(fields, value, mode),
        (Shape::Object(_), _) => must("an object"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn refused(resource: &str, result: &Value, mode: ValidationMode) -> Option<String> {
        let resource = format!("arn:aws:states:::{resource}");
        check(&resource, result, mode).err().map(|fault| fault.message.split_once(": ").unwrap().1.to_owned())
    }

    #[test]
    fn a_mocked_result_is_held_against_the_answer_of_its_api() {
        for (resource, result, expected) in [
            ("lambda:invoke", json!({ "StatusCode": "200" }), "Field 'StatusCode' must be a number"),
            ("events:putEvents", json!({ "Entries": "x" }), "Field 'Entries' must be an array"),
            ("events:putEvents", json!({ "Entries": [{ "EventId": [] }] }), "Field 'EventId' must be a string"),
            (
                "aws-sdk:s3:getObject",
                json!({ "StorageClass": "Papyrus" }),
                "Field 'StorageClass' is not an expected value",
            ),
        ] {
            assert_eq!(refused(resource, &result, ValidationMode::Present).as_deref(), Some(expected));
            assert_eq!(refused(resource, &result, ValidationMode::None), None);
        }
        let none = json!({});
        let required = Some("Required field 'ExecutionArn' is missing".to_owned());
        assert_eq!(refused("states:startExecution", &none, ValidationMode::Strict), required);
        for mode in [ValidationMode::Present, ValidationMode::None] {
            assert_eq!(refused("states:startExecution", &none, mode), None);
        }
        assert_eq!(refused("states:startExecution.sync:2", &none, ValidationMode::Strict), None);
        assert_eq!(refused("lambda:invoke", &json!({ "Payload": 1, "Other": 2 }), ValidationMode::Strict), None);
    }
}
