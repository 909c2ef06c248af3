//! The HeartbeatSeconds with which a definition was deployed. A deployment without the option keeps them.

use std::collections::BTreeMap;

use engine::asl::each_state;
use serde_json::Value;

use crate::is_of_step;

/// HeartbeatSeconds of a Task that a deployment added.
#[derive(Debug, Clone, Copy)]
enum Added {
    /// The value of the option.
    Exact(u64),
    /// The most that TimeoutSeconds allow: the option has this value or a larger one.
    AtLeast(u64),
}

/// The HeartbeatSeconds that a deployment added to Tasks without that field, from what it deployed. `source` is the definition that is
/// deployed next: a HeartbeatSeconds in it is the author's. `default_seconds` if no Task shows it.
pub fn deployed_heartbeat(deployed: &Value, source: &Value, default_seconds: u64) -> u64 {
    let mut has_own = BTreeMap::new();
    each_state(source, &mut |state| {
        let fields = ["HeartbeatSeconds", "HeartbeatSecondsPath"];
        has_own.insert(state.name, fields.iter().any(|field| state.json.get(*field).is_some()));
    });
    let (mut of_source, mut of_others) = (Vec::new(), Vec::new());
    each_state(deployed, &mut |state| match (added(state.json), has_own.get(state.name)) {
        (Some(added), Some(false)) => of_source.push(added),
        (Some(added), None) => of_others.push(added),
        _ => {}
    });
    let all = if of_source.is_empty() { of_others } else { of_source };
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    let mut at_least = default_seconds;
    for added in all {
        match added {
            Added::Exact(seconds) => *counts.entry(seconds).or_default() += 1,
            Added::AtLeast(seconds) => at_least = at_least.max(seconds),
        }
    }
    // A Task whose author removed a HeartbeatSeconds has another value than the others.
    let most_frequent = counts.into_iter().max_by_key(|(_, count)| *count);
    most_frequent.map_or(at_least, |(seconds, _)| seconds)
}

/// The HeartbeatSeconds of a Task of a step, as they may have been added.
fn added(state: &Value) -> Option<Added> {
    let resource = state["Resource"].as_str().filter(|_| state["Type"] == "Task")?;
    resource.rsplit_once(":activity:").filter(|(_, name)| is_of_step(name))?;
    let seconds = &state["HeartbeatSeconds"];
    if let Some(text) = seconds.as_str() {
        let (seconds, _) = text.strip_prefix("{% $min([")?.split_once(',')?;
        return seconds.parse().ok().map(Added::Exact);
    }
    let seconds = seconds.as_u64()?;
    let is_limited = state["TimeoutSeconds"].as_u64().is_some_and(|limit| limit <= seconds.saturating_add(1));
    Some(if is_limited { Added::AtLeast(seconds) } else { Added::Exact(seconds) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The definition of a Task with these fields, and the name of its state.
    fn with(name: &str, fields: &Value, resource: &str) -> Value {
        let mut task = json!({ "Type": "Task", "Resource": resource, "End": true });
        for (field, value) in fields.as_object().into_iter().flatten() {
            task[field] = value.clone();
        }
        json!({ "StartAt": name, "States": { name: task } })
    }

    #[test]
    fn the_option_of_a_deployment_is_read_from_what_it_deployed() {
        let arn = "arn:aws:states:us-east-1:111111111111:activity:flow-process-run-1a2b3c4d";
        let heartbeat = |source: &Value, deployed: Value| {
            deployed_heartbeat(&with("A", &deployed, arn), &with("A", source, "flow:process:run"), 60)
        };
        for (source, deployed, expected) in [
            (json!({}), json!({ "HeartbeatSeconds": 300 }), 300),
            (json!({}), json!({ "HeartbeatSeconds": 5, "TimeoutSeconds": 90 }), 5),
            (json!({}), json!({ "HeartbeatSeconds": "{% $min([20, ($t) - 1]) %}" }), 20),
            // The time limit, not the option.
            (json!({}), json!({ "HeartbeatSeconds": 8, "TimeoutSeconds": 9 }), 60),
            (json!({}), json!({ "HeartbeatSeconds": 98, "TimeoutSeconds": 99 }), 98),
            (json!({}), json!({ "TimeoutSeconds": 1 }), 60),
            // The author's.
            (json!({ "HeartbeatSeconds": 9 }), json!({ "HeartbeatSeconds": 9 }), 60),
            (json!({ "HeartbeatSecondsPath": "$.s" }), json!({ "HeartbeatSecondsPath": "$.s" }), 60),
        ] {
            assert_eq!(heartbeat(&source, deployed.clone()), expected, "{source} {deployed}");
        }
        let renamed = with("B", &json!({}), "flow:process:run");
        let seconds = json!({ "HeartbeatSeconds": 7 });
        assert_eq!(deployed_heartbeat(&with("A", &seconds, arn), &renamed, 60), 7, "the state has another name now");
        let own = "arn:aws:states:us-east-1:111111111111:activity:people";
        assert_eq!(deployed_heartbeat(&with("A", &seconds, own), &renamed, 60), 60, "an activity of the author");
    }
}
