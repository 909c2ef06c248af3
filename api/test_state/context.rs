//! The context object of a request.

use serde_json::Value;

use crate::Fault;

/// The fields that it may have, and whether each is a text.
const FIELDS: &[(&str, &[(&str, bool)])] = &[
    (
        "Execution",
        &[
            ("Id", true),
            ("Input", false),
            ("Name", true),
            ("RoleArn", true),
            ("StartTime", true),
            ("RedriveCount", false),
            ("RedriveTime", true),
        ],
    ),
    ("State", &[("EnteredTime", true), ("Name", true), ("RetryCount", false)]),
    ("StateMachine", &[("Id", true), ("Name", true)]),
    ("Task", &[("Token", true)]),
];

/// Parses the context object and refuses fields that it cannot have.
pub(super) fn checked(text: &str) -> Result<Value, Fault> {
    let refuse = |what: String| Fault::validation(format!("Invalid Context object provided: {what}"));
    let context: Value = serde_json::from_str(text).map_err(|_| refuse("it is not JSON".to_owned()))?;
    let groups = context.as_object().ok_or_else(|| refuse("it must be an object".to_owned()))?;
    for (group, fields) in groups {
        if group == "Map" {
            return Err(refuse("'Map' field is not supported when mocking a Context object".to_owned()));
        }
        let Some((_, known)) = FIELDS.iter().find(|(name, _)| name == group) else {
            return Err(refuse(format!("Field '{group}' is not allowed")));
        };
        let fields = fields.as_object().ok_or_else(|| refuse(format!("{group} must be an object")))?;
        for (field, value) in fields {
            match known.iter().find(|(name, _)| name == field) {
                None => return Err(refuse(format!("Field '{field}' is not allowed"))),
                Some((_, true)) if !value.is_string() => {
                    return Err(refuse(format!("{group}.{field} must be a string")));
                }
                Some(_) => {}
            }
        }
    }
    Ok(context)
}
