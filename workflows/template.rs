//! Recognizes templates of AWS SAM and CloudFormation, which contain state machines but are not definitions.
//! Source: AWS SAM Developer Guide, "AWS::Serverless::StateMachine"; CloudFormation,
//! "AWS::StepFunctions::StateMachine".

use std::fmt;

use serde_json::Value;

use crate::{keys::LostPart, pointer::below};

const TYPES: [&str; 2] = ["AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine"];
/// The properties that contain a definition.
const DEFINITIONS: [&str; 2] = ["Definition", "DefinitionString"];

/// A state machine of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMachine {
    /// The name of its resource.
    pub name: String,
    /// The position of its definition.
    pub source: MachineSource,
    /// The names of its `DefinitionSubstitutions`.
    pub substitutions: Vec<String>,
}

/// The position of the definition of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineSource {
    /// In a file, relative to the template.
    File(String),
    /// Inside the template.
    Inside,
    /// In an S3 bucket.
    Bucket,
}

impl fmt::Display for TemplateMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TemplateMachine { name, source, substitutions } = self;
        match source {
            MachineSource::File(file) => write!(f, "{name} (in {file}")?,
            MachineSource::Inside => write!(f, "{name} (inside the template")?,
            MachineSource::Bucket => write!(f, "{name} (in a bucket")?,
        }
        match substitutions.as_slice() {
            [] => write!(f, ")"),
            names => write!(f, "; DefinitionSubstitutions {})", names.join(", ")),
        }
    }
}

/// The state machines of a template; `None` if the value is not a template.
pub(crate) fn state_machines(value: &Value) -> Option<Vec<TemplateMachine>> {
    let resources = value.get("Resources").and_then(Value::as_object).filter(|_| value.get("States").is_none())?;
    let machines = resources.iter().filter(|(_, resource)| TYPES.iter().any(|kind| resource["Type"] == *kind));
    Some(machines.map(|(name, resource)| machine(name, &resource["Properties"])).collect())
}

fn machine(name: &str, properties: &Value) -> TemplateMachine {
    let is_inside = DEFINITIONS.iter().any(|field| properties.get(field).is_some());
    let source = match properties["DefinitionUri"].as_str() {
        Some(file) => MachineSource::File(file.to_owned()),
        None if is_inside => MachineSource::Inside,
        None => MachineSource::Bucket,
    };
    let substitutions = properties["DefinitionSubstitutions"].as_object();
    let substitutions = substitutions.map(|values| values.keys().cloned().collect()).unwrap_or_default();
    TemplateMachine { name: name.to_owned(), source, substitutions }
}

/// The definition of a state machine inside a template: its JSON pointer, and its value, which is an object or a text.
pub(crate) fn inside<'v>(template: &'v Value, name: &str) -> Option<(String, &'v Value)> {
    let pointer = below(&below("", "Resources"), name) + "/Properties";
    let properties = template.pointer(&pointer)?;
    DEFINITIONS.iter().find_map(|field| Some((below(&pointer, field), properties.get(field)?)))
}

/// The `DefinitionSubstitutions` of a state machine that the template writes out. Another value is known to CloudFormation only: an object
/// such as `Ref`, or a value with a tag, which is among the parts that a parser drops.
pub(crate) fn literal_substitutions(template: &Value, name: &str, dropped: &[LostPart]) -> Vec<(String, String)> {
    let pointer = below(&below("", "Resources"), name) + "/Properties/DefinitionSubstitutions";
    let values = template.pointer(&pointer).and_then(Value::as_object).into_iter().flatten();
    let literals = values.filter_map(|(name, value)| {
        let at = below(&pointer, name);
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        dropped.iter().all(|part| part.pointer != at).then(|| (name.clone(), text))
    });
    literals.collect()
}

/// A definition with values in place of the placeholders of its texts.
pub(crate) fn substituted(definition: &Value, values: &[(String, String)]) -> Value {
    match definition {
        Value::String(text) => Value::String(
            values.iter().fold(text.clone(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value)),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| substituted(item, values)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), substituted(field, values))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{inside, literal_substitutions, state_machines, substituted};
    use crate::keys::lost_parts;

    #[test]
    fn the_substitutions_that_a_template_writes_out_replace_their_placeholders() {
        let text = "Resources:\n  M:\n    Properties:\n      DefinitionSubstitutions: {Who: ann, N: 3, Fn: !GetAtt Fn.Arn, R: {Ref: T}}\n";
        let template = json!({ "Resources": { "M": { "Properties": { "DefinitionSubstitutions":
            { "Who": "ann", "N": 3, "Fn": "Fn.Arn", "R": { "Ref": "T" } } } } } });
        let mut values = literal_substitutions(&template, "M", &lost_parts(text));
        values.sort();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(values, [pair("N", "3"), pair("Who", "ann")]);
        let definition = json!({ "A": ["${Who} ${N} ${Fn}", 1], "B": { "C": "${R}" } });
        assert_eq!(substituted(&definition, &values), json!({ "A": ["ann 3 ${Fn}", 1], "B": { "C": "${R}" } }));
        assert_eq!(literal_substitutions(&template, "Other", &[]), []);
    }

    #[test]
    fn a_template_is_recognized_with_its_state_machines() {
        let template = json!({ "Resources": {
            "Orders": { "Type": "AWS::Serverless::StateMachine", "Properties": {
                "DefinitionUri": "orders.asl.json", "DefinitionSubstitutions": { "Fn": "x", "Table": "y" } } },
            "Inline": { "Type": "AWS::StepFunctions::StateMachine", "Properties": { "Definition": {} } },
            "Table": { "Type": "AWS::DynamoDB::Table" },
        } });
        let machines =
            ["Orders (in orders.asl.json; DefinitionSubstitutions Fn, Table)", "Inline (inside the template)"];
        let found = state_machines(&template).unwrap_or_default();
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), machines);
        assert_eq!(
            inside(&template, "Inline"),
            Some(("/Resources/Inline/Properties/Definition".to_owned(), &json!({})))
        );
        assert_eq!(inside(&template, "Orders"), None);
        assert_eq!(state_machines(&json!({ "StartAt": "A", "States": {}, "Resources": {} })), None);
        assert_eq!(state_machines(&json!({ "Resources": [] })), None);
    }
}
