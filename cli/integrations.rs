//! Service integrations that Step Functions knows and for which there is no step here.

use engine::{
    asl::{Diagnostic, Severity},
    step::{Registry, Resource},
};
use serde_json::Value;

/// A warning for each Task that will fail because nothing here makes its call.
pub fn without_step(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    look(definition, "", steps, &mut found);
    found
}

/// Looks at the states of a machine, a branch or a processor.
fn look(machine: &Value, pointer: &str, steps: &Registry, found: &mut Vec<Diagnostic>) {
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        let pointer = format!("{pointer}/States/{}", name.replace('~', "~0").replace('/', "~1"));
        if state["Type"] == "Task"
            && let Some(resource) = state["Resource"].as_str()
            && let Some(integration) = unmet(resource, steps)
        {
            let message = format!(
                "There is no step for {integration}: this Task will fail when it runs. There are steps for {}.",
                met(steps)
            );
            let location = format!("{pointer}/Resource");
            found.push(Diagnostic { severity: Severity::Warning, code: "INTEGRATION_WITHOUT_STEP", message, location });
        }
        for (index, branch) in state["Branches"].as_array().into_iter().flatten().enumerate() {
            look(branch, &format!("{pointer}/Branches/{index}"), steps, found);
        }
        for processor in ["ItemProcessor", "Iterator"] {
            look(&state[processor], &format!("{pointer}/{processor}"), steps, found);
        }
    }
}

/// The integration that a `Resource` names, where Step Functions knows it and nothing here does.
fn unmet(resource: &str, steps: &Registry) -> Option<String> {
    let parsed = Resource::parse(resource);
    let Resource::Integration { service, action_with_pattern, .. } = &parsed else { return None };
    let called = format!("{service}:{action_with_pattern}");
    let nested = api::INTEGRATIONS.contains(&called.as_str()) || called == "states:startExecution.waitForTaskToken";
    (parsed.is_recognized() && !nested && steps.find(resource).is_none()).then_some(called)
}

fn met(steps: &Registry) -> String {
    let names = steps.descriptions().map(|step| step.name);
    let mut names: Vec<String> = names.filter_map(|name| name.strip_prefix("aws:").map(str::to_owned)).collect();
    names.extend(api::INTEGRATIONS.map(str::to_owned));
    names.sort();
    names.join(", ")
}
