//! The format of the file that `FLOW_CONNECTIONS` names: the fields of EventBridge's CreateConnection for each
//! connection. A field that is not known is refused: a request would otherwise be sent without its credentials.
//! Messages contain names of fields only, because values are secrets.
//! Source: Amazon EventBridge API Reference, CreateConnection.

use engine::spelling::{did_you_mean, nearest};
use serde_json::{Map, Value};

/// A file with one connection.
pub(super) const EXAMPLE: &str = r#"{ "orders": { "AuthorizationType": "API_KEY", "AuthParameters": { "ApiKeyAuthParameters": { "ApiKeyName": "x-api-key", "ApiKeyValue": "…" } } } }"#;

/// The content of a field.
enum Kind {
    Text,
    Boolean,
    Any,
    OneOf(&'static [&'static str]),
    Object(&'static [Field]),
    List(&'static [Field]),
}

struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

const CONNECTION: &[Field] = &[
    required("AuthorizationType", Kind::OneOf(&["API_KEY", "BASIC", "OAUTH_CLIENT_CREDENTIALS"])),
    required("AuthParameters", Kind::Object(PARAMETERS)),
    optional("Name", Kind::Text),
    optional("Description", Kind::Text),
];
const PARAMETERS: &[Field] = &[
    optional("ApiKeyAuthParameters", Kind::Object(API_KEY)),
    optional("BasicAuthParameters", Kind::Object(BASIC)),
    optional("OAuthParameters", Kind::Object(OAUTH)),
    optional("InvocationHttpParameters", Kind::Object(ADDITIONS)),
];
const API_KEY: &[Field] = &[required("ApiKeyName", Kind::Text), required("ApiKeyValue", Kind::Text)];
const BASIC: &[Field] = &[required("Username", Kind::Text), required("Password", Kind::Text)];
const OAUTH: &[Field] = &[
    required("AuthorizationEndpoint", Kind::Text),
    required("ClientParameters", Kind::Object(CLIENT)),
    optional("HttpMethod", Kind::OneOf(&["GET", "POST", "PUT"])),
    optional("OAuthHttpParameters", Kind::Object(ADDITIONS)),
];
const CLIENT: &[Field] = &[required("ClientID", Kind::Text), required("ClientSecret", Kind::Text)];
const ADDITIONS: &[Field] = &[
    optional("HeaderParameters", Kind::List(ADDITION)),
    optional("QueryStringParameters", Kind::List(ADDITION)),
    optional("BodyParameters", Kind::List(ADDITION)),
];
const ADDITION: &[Field] =
    &[required("Key", Kind::Text), required("Value", Kind::Any), optional("IsValueSecret", Kind::Boolean)];

/// Checks every connection of a file.
///
/// # Errors
/// The first problem: the connection, the field and what is allowed.
pub(super) fn check(all: &Value) -> Result<(), String> {
    let Some(connections) = all.as_object() else {
        return Err("it must be an object that maps the name of each connection to its fields".to_owned());
    };
    for (name, declared) in connections {
        check_connection(declared).map_err(|problem| format!("the connection '{name}': {problem}"))?;
    }
    Ok(())
}

fn check_connection(declared: &Value) -> Result<(), String> {
    check_object(declared, CONNECTION, "")?;
    let (kind, needed) = match declared["AuthorizationType"].as_str() {
        Some("API_KEY") => ("API_KEY", "ApiKeyAuthParameters"),
        Some("BASIC") => ("BASIC", "BasicAuthParameters"),
        _ => ("OAUTH_CLIENT_CREDENTIALS", "OAuthParameters"),
    };
    match declared["AuthParameters"].get(needed) {
        Some(_) => Ok(()),
        None => Err(format!("the AuthorizationType {kind} needs the field AuthParameters.{needed}")),
    }
}

fn check_object(value: &Value, fields: &[Field], at: &str) -> Result<(), String> {
    let names = || fields.iter().map(|field| field.name);
    let Some(object) = value.as_object() else {
        let names = names().collect::<Vec<_>>().join(", ");
        return Err(format!("{} must be an object with the fields {names}", shown(at)));
    };
    if let Some(unknown) = object.keys().find(|name| names().all(|known| known != name.as_str())) {
        let hint = did_you_mean(nearest(unknown, names()));
        let names = names().collect::<Vec<_>>().join(", ");
        let message = format!("{} has the unknown field '{unknown}'; the allowed fields are {names}", shown(at));
        return Err(format!("{message}{}", hint.trim_end_matches('.')));
    }
    fields.iter().try_for_each(|field| check_field(object, field, at))
}

fn check_field(object: &Map<String, Value>, field: &Field, at: &str) -> Result<(), String> {
    let at = if at.is_empty() { field.name.to_owned() } else { format!("{at}.{}", field.name) };
    let Some(value) = object.get(field.name) else {
        return if field.required { Err(format!("the field {at} is missing")) } else { Ok(()) };
    };
    let fits = |fits: bool, wanted: &str| if fits { Ok(()) } else { Err(format!("the field {at} must be {wanted}")) };
    match &field.kind {
        Kind::Any => Ok(()),
        Kind::Text => fits(value.is_string(), "a string"),
        Kind::Boolean => fits(value.is_boolean(), "true or false"),
        Kind::OneOf(values) => {
            let known = value.as_str().is_some_and(|value| values.contains(&value));
            fits(known, &format!("one of {}", values.join(", ")))
        }
        Kind::Object(fields) => check_object(value, fields, &at),
        Kind::List(fields) => {
            fits(value.is_array(), "a list")?;
            let mut items = value.as_array().into_iter().flatten().enumerate();
            items.try_for_each(|(index, item)| check_object(item, fields, &format!("{at}[{index}]")))
        }
    }
}

fn shown(at: &str) -> &str {
    if at.is_empty() { "it" } else { at }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    const CANARY: &str = "canary-7f3a91";

    fn problem(declared: Value) -> String {
        let problem = check(&json!({ "orders": declared })).unwrap_err();
        assert!(!problem.contains(CANARY), "{problem}");
        problem
    }

    #[test]
    fn the_example_is_accepted() {
        check(&serde_json::from_str(EXAMPLE).unwrap()).unwrap();
    }

    #[test]
    fn a_field_that_is_not_known_is_named_with_the_allowed_ones() {
        let said = problem(json!({ "AuthorizationTyp": "BASIC", "Password": CANARY }));
        assert!(said.contains("'orders'") && said.contains("'AuthorizationTyp'"), "{said}");
        assert!(said.contains("AuthorizationType, AuthParameters"), "{said}");
        let key = json!({ "ApiKeyName": "x", "ApiKeyVal": CANARY });
        let said =
            problem(json!({ "AuthorizationType": "API_KEY", "AuthParameters": { "ApiKeyAuthParameters": key } }));
        assert!(said.contains("AuthParameters.ApiKeyAuthParameters has the unknown field 'ApiKeyVal'"), "{said}");
        assert!(said.ends_with("did you mean 'ApiKeyValue'?"), "{said}");
    }

    #[test]
    fn a_connection_without_its_credentials_is_refused() {
        assert!(problem(json!({ "user": "u", "password": CANARY })).contains("unknown field"));
        assert!(problem(json!(CANARY)).contains("must be an object"));
        assert!(problem(json!({ "AuthParameters": {} })).contains("AuthorizationType is missing"));
        let basic = json!({ "AuthorizationType": "BASIC", "AuthParameters": {} });
        assert!(problem(basic).contains("needs the field AuthParameters.BasicAuthParameters"));
        let other = json!({ "AuthorizationType": CANARY, "AuthParameters": {} });
        assert!(problem(other).contains("must be one of API_KEY, BASIC, OAUTH_CLIENT_CREDENTIALS"));
        let additions = json!({ "HeaderParameters": { "X-Own": CANARY } });
        let parameters = json!({ "InvocationHttpParameters": additions });
        let said = problem(json!({ "AuthorizationType": "BASIC", "AuthParameters": parameters }));
        assert!(said.contains("HeaderParameters must be a list"), "{said}");
    }
}
