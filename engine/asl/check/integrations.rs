//! Service integrations that Step Functions supports and that no step implements.

use serde_json::Value;

use super::{Diagnostic, below};
use crate::{
    asl::each_state,
    step::{Resource, error_names},
};

/// A warning for each Task with such an integration: the Task fails with `States.Runtime` when it runs. `has_step` returns whether a
/// `Resource` has a step.
pub fn without_step(definition: &Value, has_step: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |state| {
        let resource = state.json["Resource"].as_str().filter(|_| state.json["Type"] == "Task").unwrap_or_default();
        let parsed = Resource::parse(resource);
        if let Resource::Integration { service, action_with_pattern, .. } = &parsed
            && parsed.is_recognized()
            && !has_step(resource)
        {
            let message =
                format!("There is no step for {service}:{action_with_pattern}: this Task will fail when it runs.");
            found.push(Diagnostic::warning(
                error_names::INTEGRATION_WITHOUT_STEP,
                &below(&state.pointer, "Resource"),
                message,
            ));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_without_a_step_is_reported_wherever_it_is() {
        let task =
            |service: &str| json!({ "Type": "Task", "Resource": format!("arn:aws:states:::{service}"), "End": true });
        let branch = json!({ "StartAt": "B", "States": { "B": task("sqs:sendMessage"), "C": task("lambda:invoke") } });
        let machine =
            json!({ "StartAt": "A", "States": { "A": { "Type": "Parallel", "Branches": [branch], "End": true } } });
        let found = without_step(&machine, &|resource| resource.ends_with("lambda:invoke"));
        let reported: Vec<_> = found.iter().map(|found| (found.code, &*found.location)).collect();
        assert_eq!(reported, [("INTEGRATION_WITHOUT_STEP", "/States/A/Branches[0]/States/B/Resource")]);
        assert!(found[0].message.contains("sqs:sendMessage"));
    }
}
