//! Recognizes templates of AWS SAM and CloudFormation, which contain state machines but are not definitions.
//! Source: AWS SAM Developer Guide, "AWS::Serverless::StateMachine"; CloudFormation,
//! "AWS::StepFunctions::StateMachine".

use serde_json::Value;

const TYPES: [&str; 2] = ["AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine"];

/// The state machines of a template, each with the location of its definition; `None` if the value is not a template.
pub(crate) fn state_machines(value: &Value) -> Option<Vec<String>> {
    let resources = value.get("Resources").and_then(Value::as_object).filter(|_| value.get("States").is_none())?;
    let machines = resources.iter().filter(|(_, resource)| TYPES.iter().any(|kind| resource["Type"] == *kind));
    Some(machines.map(|(name, resource)| format!("{name} ({})", source(&resource["Properties"]))).collect())
}

fn source(properties: &Value) -> String {
    match (properties["DefinitionUri"].as_str(), properties.get("Definition").or(properties.get("DefinitionString"))) {
        (Some(file), _) => format!("in {file}"),
        (None, Some(_)) => "inside the template".to_owned(),
        _ => "in a bucket".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::state_machines;

    #[test]
    fn a_template_is_recognized_with_its_state_machines() {
        let template = json!({ "Resources": {
            "Orders": { "Type": "AWS::Serverless::StateMachine", "Properties": { "DefinitionUri": "orders.asl.json" } },
            "Inline": { "Type": "AWS::StepFunctions::StateMachine", "Properties": { "Definition": {} } },
            "Table": { "Type": "AWS::DynamoDB::Table" },
        } });
        let machines = ["Orders (in orders.asl.json)".to_owned(), "Inline (inside the template)".to_owned()];
        assert_eq!(state_machines(&template), Some(machines.to_vec()));
        assert_eq!(state_machines(&json!({ "StartAt": "A", "States": {}, "Resources": {} })), None);
        assert_eq!(state_machines(&json!({ "Resources": [] })), None);
    }
}
