//! The simulated services: the effects of steps and their answers. They outlive every crash, and an answer depends on the call alone, not
//! on its time. So a run with crashes must end like the run without.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::simulated_rng::of_text;
use crate::{
    machine::{Input, StepAnswer, StepCall},
    step::{ErrorClass, StepError},
};

/// The time that a polled wait takes, and its poll interval.
const READY_AFTER_MS: u64 = 30_000;
const POLL_AGAIN_MS: u64 = 10_000;

/// Placeholders for a delay that the seed determines, and for one beyond the deadline.
const LATE: u64 = u64::MAX;
const STALE: u64 = u64::MAX - 1;

/// An answer that has not arrived yet.
pub struct PendingAnswer {
    pub due_ms: u64,
    pub input: Input,
}

pub struct SimulatedWorld {
    seed: u64,
    /// The tokens that have had an effect, for each task of each execution.
    pub effects: BTreeMap<(String, String), BTreeSet<String>>,
    /// Executions whose cause of failure a person has repaired.
    repaired: BTreeSet<String>,
}

impl SimulatedWorld {
    pub fn new(seed: u64) -> Self {
        SimulatedWorld { seed, effects: BTreeMap::new(), repaired: BTreeSet::new() }
    }

    /// A person repairs what made calls of an execution fail.
    pub fn repair(&mut self, execution: &str) {
        self.repaired.insert(execution.to_owned());
    }

    /// Receives a call; its answers arrive later, once, twice or never.
    pub fn call(&mut self, execution: &str, call: StepCall, now_ms: u64) -> Vec<PendingAnswer> {
        let StepCall { frame, visit, attempt, state_path, token, first_poll_ms, deadline_ms, .. } = call;
        let mut random = of_text(self.seed, &format!("{execution} {state_path}"));
        let kind = random.below(14);
        let repaired = self.repaired.contains(execution);
        let late_ms = 5_000 + random.below(60_000) as u64;
        let done =
            StepAnswer::Done { output: json!({ "path": state_path, "n": random.below(10) }), changes: Vec::new() };
        let failed = |class| StepAnswer::Failed(StepError::new(class, "as the seed wants it"));
        let mut effect = || {
            let tokens = self.effects.entry((execution.to_owned(), state_path.clone())).or_default();
            tokens.insert(token.clone());
        };
        let (delays, answer): (&[u64], StepAnswer) = match (kind, attempt) {
            (0, 1) => (&[0], failed(ErrorClass::Throttled)),
            (1, 1) => {
                effect();
                (&[0], failed(ErrorClass::Unknown))
            }
            // A last poll after the deadline is never answered.
            (2, 1) if deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms) => (&[], done),
            // The answer arrives after the deadline, when the next attempt is in progress.
            (2, 1) if deadline_ms.is_some() => {
                (&[STALE], StepAnswer::Done { output: json!("stale"), changes: Vec::new() })
            }
            (2, _) if deadline_ms.is_some() => {
                effect();
                (&[LATE], done)
            }
            (3, _) if !repaired => (&[0], failed(ErrorClass::Credentials)),
            // Failures that the workflow catches are permanent. A person repairs the others before the redrive.
            (4, _) if !repaired || state_path.contains('[') => {
                (&[0], StepAnswer::Failed(StepError::named("Bad", "as the seed wants it")))
            }
            (5, _) => {
                effect();
                let answer = if now_ms < first_poll_ms + READY_AFTER_MS { pending(now_ms) } else { done };
                (&[0], answer)
            }
            (6, _) if deadline_ms.is_none() => {
                effect();
                (&[LATE], done)
            }
            (7 | 8, _) => {
                effect();
                (&[0, 3_000], done)
            }
            _ => {
                effect();
                (&[0], done)
            }
        };
        let due = |delay: &u64| match *delay {
            LATE => now_ms + late_ms,
            STALE => deadline_ms.unwrap_or(now_ms) + 2_500,
            delay => now_ms + delay,
        };
        let input = |answer: StepAnswer| Input::Answered { frame, visit, attempt, answer };
        delays.iter().map(|delay| PendingAnswer { due_ms: due(delay), input: input(answer.clone()) }).collect()
    }
}

fn pending(now_ms: u64) -> StepAnswer {
    StepAnswer::creating(now_ms + POLL_AGAIN_MS)
}

/// A workflow whose shape the seed determines. No task is visited twice.
pub fn definition(seed: u64, number: usize) -> Value {
    let mut random = of_text(seed, &format!("definition {number}"));
    let deadline = random.in_thousand(400);
    let task = |more: Value| {
        let mut task = json!({ "Type": "Task", "Resource": "flow:test:step", "Retry": [{
            "ErrorEquals": ["Flow.Throttled", "Flow.Unknown", "States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 3,
            "JitterStrategy": "FULL" }] });
        if let (Value::Object(task), Value::Object(more)) = (&mut task, more) {
            task.extend(more);
            if deadline {
                task.insert("TimeoutSeconds".to_owned(), json!(2_000));
            }
        }
        task
    };
    let caught = json!([{ "ErrorEquals": ["States.ALL"], "Output": { "caught": "{% $states.errorOutput.Error %}" }, "Next": "End" }]);
    let safe = |name: &str| {
        let state = task(json!({ "Catch": caught, "Next": "End" }));
        json!({ "StartAt": name, "States": { name: state, "End": { "Type": "Succeed" } } })
    };
    let wait = |seconds: usize, next: &str| json!({ "Type": "Wait", "Seconds": seconds, "Next": next });
    let both = json!({ "Type": "Parallel", "Branches": [safe("L"), safe("R")], "Next": "After", "Output": { "both": "{% $states.result %}" } });
    let mut map = json!({ "Type": "Map", "Items": [1, 2, 3], "MaxConcurrency": 2, "ItemProcessor": safe("Item"), "Next": "After",
        "Output": { "all": "{% $states.result %}" } });
    if random.in_thousand(400) {
        map["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED" });
    }
    let choice = json!({ "Type": "Choice", "Choices": [{ "Condition": "{% $states.input.n > 5 %}", "Next": "Both" }], "Default": "Each" });
    let next = ["Pick", "Pause", "After"][random.below(3)];
    let first = task(json!({ "Assign": { "first": "{% $states.result %}" }, "Next": next }));
    let last = task(
        json!({ "Output": { "first": "{% $first %}", "before": "{% $states.input %}", "last": "{% $states.result %}" }, "End": true }),
    );
    json!({ "QueryLanguage": "JSONata", "StartAt": "First", "States": {
        "First": first, "Pause": wait(random.below(100), "Pick"), "Pick": choice, "Both": both, "Each": map,
        "After": wait(random.below(3), "Last"), "Last": last } })
}
