//! Adds suggestions to problems whose messages are Step Functions' own.

use engine::{
    asl::{Diagnostic, ProblemKind, each_state},
    query::Comparison,
    spelling::{did_you_mean, nearest},
    step::{Registry, optimized_integrations},
};
use serde_json::Value;

use crate::definition::source::pointer_of;

/// The fields of a state machine, a state and its parts. Source: states-language.net, and the Developer Guide's pages
/// on each type of state.
const FIELDS: &[&str] = &[
    "And",
    "Arguments",
    "Assign",
    "BackoffRate",
    "Branches",
    "Catch",
    "Cause",
    "CausePath",
    "Choices",
    "Comment",
    "Condition",
    "Credentials",
    "Default",
    "End",
    "Error",
    "ErrorEquals",
    "ErrorPath",
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "InputPath",
    "IntervalSeconds",
    "ItemBatcher",
    "ItemProcessor",
    "ItemReader",
    "ItemSelector",
    "Items",
    "ItemsPath",
    "Iterator",
    "JitterStrategy",
    "Label",
    "MaxAttempts",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "MaxDelaySeconds",
    "Next",
    "Not",
    "Or",
    "Output",
    "OutputPath",
    "Parameters",
    "ProcessorConfig",
    "QueryLanguage",
    "Resource",
    "Result",
    "ResultPath",
    "ResultSelector",
    "ResultWriter",
    "Retry",
    "Seconds",
    "SecondsPath",
    "StartAt",
    "States",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "Timestamp",
    "TimestampPath",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
    "Type",
    "Variable",
    "Version",
];

/// The most transitions to states that do not exist for which a state is suggested: each is compared with every name of the definition.
const COMPARED_TARGETS_MAX: usize = 100;

/// Adds the most similar name to problems of misspelt fields, states and steps.
pub(super) fn add(found: &mut [Diagnostic], definition: &Value, steps: &Registry) {
    if found.is_empty() {
        return;
    }
    let states = state_names(definition);
    let steps: Vec<String> = steps.descriptions().map(|step| format!("flow:{}", step.name)).collect();
    let operators = Comparison::operators();
    let integrations: Vec<String> = optimized_integrations().map(|name| format!("arn:aws:states:::{name}")).collect();
    let mut targets = 0;
    for problem in found {
        if let Some((written, meant)) = written_otherwise(problem, definition) {
            problem.message.push_str(&format!("; is '{written}' meant as '{meant}'?"));
            problem.kind = Some(ProblemKind::MisspeltField(written));
            continue;
        }
        let meant = match &problem.kind {
            Some(ProblemKind::UnknownField(name)) => {
                nearest(name, FIELDS.iter().copied().chain(operators.iter().map(String::as_str)))
            }
            Some(ProblemKind::MissingTarget(name)) => {
                targets += 1;
                nearest(name, states.iter().map(String::as_str).filter(|_| targets <= COMPARED_TARGETS_MAX))
            }
            Some(ProblemKind::UnknownIntegration(resource)) => {
                // `.sync` and `.waitForTaskToken` are not part of the name.
                let name = resource.rsplit_once('.').map_or(resource.as_str(), |(name, _)| name);
                nearest(name, integrations.iter().map(String::as_str))
            }
            Some(ProblemKind::UnknownStep(resource)) => nearest(resource, steps.iter().map(String::as_str)),
            _ => None,
        };
        if meant.is_some() {
            let end = did_you_mean(meant);
            problem.message = format!("{}{end}", problem.message.trim_end_matches('.'));
        }
    }
}

/// A field that is probably meant as a required one, such as `type`, and the name of the latter.
fn written_otherwise(problem: &Diagnostic, definition: &Value) -> Option<(String, String)> {
    let Some(ProblemKind::MissingFields(required)) = &problem.kind else { return None };
    let object = definition.pointer(&pointer_of(&problem.location))?.as_object()?;
    let unknown: Vec<&str> = object.keys().map(String::as_str).filter(|name| !FIELDS.contains(name)).collect();
    let written = |name: &String| nearest(name, unknown.iter().copied()).map(|near| (near.to_owned(), name.clone()));
    required.iter().find_map(written)
}

/// The names of all states, including states in branches and Maps.
pub fn state_names(definition: &Value) -> Vec<String> {
    let mut names = Vec::new();
    each_state(definition, &mut |state| names.push(state.name.to_owned()));
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use crate::{checks::problems, environments};

    #[test]
    fn the_first_hundred_wrong_transitions_have_a_suggestion() {
        let state = |number: usize| (format!("Step {number}"), json!({ "Type": "Pass", "Next": "Stpe 1" }));
        let states: serde_json::Map<String, serde_json::Value> = (0..150).map(state).collect();
        let found = problems(&json!({ "StartAt": "Step 0", "States": states }), environments::described().unwrap());
        let with = |end: &str| found.iter().filter(|problem| problem.message.ends_with(end)).count();
        assert_eq!((with("did you mean 'Step 1'?"), with("target: Stpe 1")), (100, 50), "{found:?}");
    }

    #[test]
    fn a_misspelt_field_state_and_step_are_corrected() {
        let definition = json!({ "StartAt": "Frist", "States": {
            "First": { "Type": "Task", "Resource": "flow:proces:run", "Nxt": "Second", "End": true },
        } });
        let found = problems(&definition, environments::described().unwrap());
        let messages: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
        for expected in [
            "Field 'Nxt' is not supported; did you mean 'Next'?",
            "Missing 'Next' target: Frist; did you mean 'First'?",
            "No step is named 'flow:proces:run'; `flow steps` lists all; did you mean 'flow:process:run'?",
        ] {
            assert!(messages.contains(&expected), "{expected}: {messages:?}");
        }
        let choice = json!({ "Type": "Choice", "Default": "B",
            "Choices": [{ "Variable": "$.n", "NumericGreatherThan": 3, "Next": "B" }] });
        let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMesage", "End": true });
        let found = problems(
            &json!({ "StartAt": "A", "States": { "A": choice, "B": task } }),
            environments::described().unwrap(),
        );
        let messages: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
        assert!(messages.iter().any(|message| message.ends_with("did you mean 'NumericGreaterThan'?")), "{messages:?}");
        let meant = "did you mean 'arn:aws:states:::sqs:sendMessage'?";
        assert!(messages.iter().any(|message| message.ends_with(meant)), "{messages:?}");
        let definition = json!({ "StartAt": "A", "States": { "A": { "type": "Wait", "Seconds": 1, "End": true } } });
        let found = problems(&definition, environments::described().unwrap());
        assert_eq!(found[0].message, "These fields are required: [Type]; is 'type' meant as 'Type'?");
    }
}
