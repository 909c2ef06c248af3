//! Rewrites a `flow:` Task as a Task of an activity.

use std::time::Duration;

use engine::{
    asl::{JitterStrategy, Retrier, retriers},
    machine::retry_delay_ms,
    step::error_names::{ALL, HEARTBEAT_TIMEOUT},
};
use serde_json::{Map, Value, json};

use crate::{CompileOptions, WORKER_STOPPED};

/// The number of retries that the compiler adds for workers that end. A rule of the author for `States.ALL` with more
/// attempts raises it.
const WORKER_ATTEMPTS: u32 = 6;
/// The interval before the first of these retries, in seconds, its factor for each further one, and the longest.
const WORKER_INTERVAL_SECONDS: u64 = 1;
const WORKER_BACKOFF_RATE: u32 = 2;
const WORKER_DELAY_SECONDS_MAX: u64 = 30;

/// The scope of a Task.
#[derive(Debug, Clone)]
pub(crate) struct TaskScope {
    /// Whether its expressions are JSONata.
    pub jsonata: bool,
    /// The names of the states that contain it.
    pub path: Vec<String>,
    /// The number of inline Maps that contain it within its execution.
    pub depth: usize,
}

impl TaskScope {
    /// The path of a state.
    pub fn state_path(&self, name: &str) -> String {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        path.join("/")
    }

    /// The variable with the index of the inline Map at a depth.
    fn variable(depth: usize) -> String {
        format!("flowIndex{depth}")
    }

    /// The state that assigns the index of the innermost Map to a variable for the Maps inside it: the context object
    /// has only the innermost index.
    pub fn index_state(&self, next: &str) -> Value {
        let variable = TaskScope::variable(self.depth.saturating_sub(1));
        let assign = match self.jsonata {
            true => json!({ variable: "{% $states.context.Map.Item.Index %}" }),
            false => json!({ format!("{variable}.$"): "$$.Map.Item.Index" }),
        };
        let mut state = json!({ "Type": "Pass", "Assign": assign, "Next": next });
        if self.jsonata {
            state["QueryLanguage"] = json!("JSONata");
        }
        state
    }

    fn index(&self) -> (&'static str, Value) {
        let outer = (0..self.depth.saturating_sub(1)).map(|depth| format!("${}", TaskScope::variable(depth)));
        match (self.depth, self.jsonata) {
            (0, _) => ("index", json!([])),
            (_, true) => {
                let all: Vec<_> = outer.chain(["$states.context.Map.Item.Index".to_owned()]).collect();
                ("index", json!(format!("{{% [{}] %}}", all.join(", "))))
            }
            (_, false) => {
                let all: Vec<_> = outer.chain(["$$.Map.Item.Index".to_owned()]).collect();
                ("index.$", json!(format!("States.Array({})", all.join(", "))))
            }
        }
    }
}

/// Rewrites the Task `name` in place.
pub(crate) fn wrap(
    state: &mut Map<String, Value>,
    name: &str,
    scope: &TaskScope,
    arn: String,
    options: &CompileOptions,
) {
    state.insert("Resource".to_owned(), Value::String(arn));
    add_heartbeat(state, options.heartbeat_seconds, scope.jsonata);
    let mut flow = visit(name, scope);
    if only_workers_retry(state) {
        add_context(&mut flow, "redriveCount", "Execution.RedriveCount", scope.jsonata);
    }
    add_retry(state);
    copy_seconds(state, "HeartbeatSeconds", "heartbeatSeconds", &mut flow);
    copy_seconds(state, "TimeoutSeconds", "timeoutSeconds", &mut flow);
    if scope.jsonata {
        let input = state.get("Arguments").cloned().unwrap_or_else(|| json!("{% $states.input %}"));
        state.insert("Arguments".to_owned(), json!({ "flow": flow, "input": input }));
    } else {
        let wrapped = match state.get("Parameters") {
            Some(input) => json!({ "flow": flow, "input": input }),
            None => json!({ "flow": flow, "input.$": "$" }),
        };
        state.insert("Parameters".to_owned(), wrapped);
    }
}

/// The visit, as an object in the state's query language.
fn visit(name: &str, scope: &TaskScope) -> Map<String, Value> {
    let fields = [
        ("execution", "Execution.Id"),
        ("startedAt", "Execution.StartTime"),
        ("enteredAt", "State.EnteredTime"),
        ("retryCount", "State.RetryCount"),
    ];
    let mut flow = Map::new();
    flow.insert("statePath".to_owned(), Value::String(scope.state_path(name)));
    for (field, path) in fields {
        add_context(&mut flow, field, path, scope.jsonata);
    }
    let (field, index) = scope.index();
    flow.insert(field.to_owned(), index);
    flow
}

/// Adds a value of the context object to a visit.
fn add_context(flow: &mut Map<String, Value>, field: &str, path: &str, jsonata: bool) {
    match jsonata {
        true => flow.insert(field.to_owned(), json!(format!("{{% $states.context.{path} %}}"))),
        false => flow.insert(format!("{field}.$"), json!(format!("$$.{path}"))),
    };
}

/// Whether a Task with a time-out is retried only by the rule that [`add_retry`] adds: each retry then follows the end of a worker.
fn only_workers_retry(state: &Map<String, Value>) -> bool {
    let has_time_out = ["TimeoutSeconds", "TimeoutSecondsPath"].iter().any(|field| state.contains_key(*field));
    let has_own_rules = state.get("Retry").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    has_time_out && !has_own_rules
}

/// Adds HeartbeatSeconds if the author gave none. It must be less than TimeoutSeconds, which may be an expression.
fn add_heartbeat(state: &mut Map<String, Value>, seconds: u64, jsonata: bool) {
    if state.contains_key("HeartbeatSeconds") || state.contains_key("HeartbeatSecondsPath") {
        return;
    }
    let timeout = state.get("TimeoutSeconds");
    let expression = timeout.and_then(Value::as_str).filter(|_| jsonata);
    let expression = expression.and_then(|text| text.trim().strip_prefix("{%")?.strip_suffix("%}"));
    let seconds: Value = match (timeout.and_then(Value::as_u64), expression) {
        (Some(0 | 1), _) => return,
        (Some(timeout), _) => seconds.min(timeout - 1).into(),
        (None, Some(expression)) => json!(format!("{{% $min([{seconds}, ({}) - 1]) %}}", expression.trim())),
        (None, None) => seconds.into(),
    };
    state.insert("HeartbeatSeconds".to_owned(), seconds);
}

/// Adds a first rule for tasks that another worker must receive. These are tasks that a worker gives back, and tasks of a worker that sends
/// no more heartbeats, unless a rule of the author names missed heartbeats. The rule does not match `States.Timeout`: then the author's
/// TimeoutSeconds or a limit of the step has passed, and the state ends as it does without workers. The rule allows at least as many
/// attempts as the author allows for every error: an error never reaches a second rule.
fn add_retry(state: &mut Map<String, Value>) {
    let own = state.get("Retry").and_then(Value::as_array).cloned().unwrap_or_default();
    let of_author = retriers(&own);
    let rule_for = |error: &str| of_author.iter().find(|rule| rule.error_equals.iter().any(|name| name == error));
    let mut errors = vec![WORKER_STOPPED];
    if rule_for(HEARTBEAT_TIMEOUT).is_none() {
        errors.push(HEARTBEAT_TIMEOUT);
    }
    let allowed = rule_for(ALL).map_or(0, |rule| rule.max_attempts);
    let rule = json!({
        "ErrorEquals": errors, "IntervalSeconds": WORKER_INTERVAL_SECONDS, "BackoffRate": WORKER_BACKOFF_RATE,
        "MaxAttempts": allowed.max(WORKER_ATTEMPTS), "MaxDelaySeconds": WORKER_DELAY_SECONDS_MAX,
    });
    let rules: Vec<Value> = std::iter::once(rule).chain(own).collect();
    state.insert("Retry".to_owned(), Value::Array(rules));
}

/// The time until the next attempt of a task that a worker gives back, after this number of retries in its visit.
pub fn retried_after(retry_count: u32) -> Duration {
    let rule = Retrier {
        error_equals: vec![WORKER_STOPPED.to_owned()],
        interval_seconds: WORKER_INTERVAL_SECONDS,
        max_attempts: WORKER_ATTEMPTS,
        backoff_rate: WORKER_BACKOFF_RATE.into(),
        max_delay_seconds: Some(WORKER_DELAY_SECONDS_MAX),
        jitter_strategy: JitterStrategy::None,
    };
    Duration::from_millis(retry_delay_ms(&rule, retry_count))
}

fn copy_seconds(state: &Map<String, Value>, field: &str, name: &str, flow: &mut Map<String, Value>) {
    if let Some(value) = state.get(field) {
        flow.insert(name.to_owned(), value.clone());
    } else if let Some(path) = state.get(&format!("{field}Path")) {
        flow.insert(format!("{name}.$"), path.clone());
    }
}
