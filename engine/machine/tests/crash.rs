//! A crash between any two turns leaves the outcome unchanged.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

/// The contents of a store after a number of turns.
#[derive(Clone, Default)]
struct Durable {
    header: Option<ExecutionHeader>,
    frames: BTreeMap<FrameId, FrameRow>,
    entries: Vec<crate::journal::JournalEntry>,
    map_runs: BTreeMap<u64, MapRun>,
    children: BTreeMap<ChildId, Child>,
    child_events: BTreeMap<ChildId, Vec<u64>>,
}

impl Durable {
    fn commit(&mut self, transition: &Transition) {
        if let Some(header) = &transition.header {
            self.header = Some((**header).clone());
        }
        for row in &transition.frames_put {
            self.frames.insert(row.row.id, row.row.clone());
        }
        for (id, _) in &transition.frames_deleted {
            self.frames.remove(id);
        }
        self.entries.extend(transition.entries.iter().cloned());
        let changes = &transition.map_runs;
        self.map_runs.extend(changes.runs.iter().map(|run| (run.number, run.clone())));
        self.children.extend(changes.children.iter().map(|child| (child.id, child.clone())));
        for added in &changes.entries {
            let events = self.child_events.entry(added.id).or_default();
            events.extend(added.entries.iter().map(|entry| entry.sequence));
        }
    }
}

fn definition() -> Value {
    json!({
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {
            "First": { "Type": "Task", "Resource": "flow:test:step", "Assign": { "n": "{% $states.result.n %}" }, "Next": "Both" },
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    { "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 30, "Next": "L" }, "L": {
                        "Type": "Task", "Resource": "flow:test:step", "TimeoutSeconds": 500, "End": true
                    } } },
                    { "StartAt": "M", "States": { "M": {
                        "Type": "Map", "Items": [1, 2, 3], "MaxConcurrency": 2, "End": true,
                        "ItemProcessor": { "StartAt": "T", "States": { "T": {
                            "Type": "Task", "Resource": "flow:test:step", "Retry": [{ "ErrorEquals": ["States.ALL"] }], "End": true
                        } } }
                    } } },
                    { "StartAt": "D", "States": { "D": {
                        "Type": "Map", "Items": [1, 2, 3], "MaxConcurrency": 2, "ToleratedFailureCount": 1, "End": true,
                        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED" }, "StartAt": "T", "States": { "T": {
                            "Type": "Task", "Resource": "flow:test:step", "Next": "W"
                        }, "W": { "Type": "Wait", "Seconds": 5, "End": true } } }
                    } } }
                ],
                "Output": { "n": "{% $n %}", "all": "{% $states.result %}" },
                "End": true
            }
        }
    })
}

/// The answers of the simulated services: they depend on the call alone.
fn world(state_path: &str, attempt: u32, poll: u32) -> StepAnswer {
    match (state_path, attempt, poll) {
        ("Both[0]/L", _, poll) if poll < 3 => StepAnswer::creating(0),
        (path, 1, _) if path.starts_with("Both[1]/M[1]") => {
            StepAnswer::Failed(StepError::new(ErrorClass::Unknown, "lost"))
        }
        (path, ..) if path.starts_with("Both[2]/D[1]") => StepAnswer::Failed(StepError::named("Bad", "as meant")),
        (path, ..) => StepAnswer::Done { output: json!({ "n": path }), changes: Vec::new() },
    }
}

/// Runs to the end; after the turn `crash_after` only the durable rows are kept. Returns the output, the map runs' records, and the number
/// of turns.
fn run(crash_after: Option<usize>) -> ((Value, Value), usize) {
    let machine = asl::parse(&definition()).unwrap();
    let mut execution = Execution::new("crash-0001", "crash", machine.clone(), json!({}));
    let (mut durable, mut turns, mut now_ms) = (Durable::default(), 0, 1_000);
    let mut inputs = std::collections::VecDeque::from([Input::Start]);
    while execution.header.status == ExecutionStatus::Running {
        let input = inputs.pop_front().unwrap_or_else(|| {
            now_ms = execution.header.next_wake_ms.expect("nothing is due").max(now_ms);
            Input::TimerFired
        });
        let transition = advance(&mut execution, input, &Moment { now_ms, entropy: 7 }, &InThisThread);
        durable.commit(&transition);
        turns += 1;
        let mut commands = transition.commands;
        if crash_after == Some(turns) {
            inputs.clear();
            let rows = durable.frames.values().cloned().collect();
            execution = Execution::restore(durable.header.clone().unwrap(), machine.clone(), rows);
            let recovered = advance(&mut execution, Input::Recover, &Moment { now_ms, entropy: 8 }, &InThisThread);
            durable.commit(&recovered);
            commands = recovered.commands;
        }
        for command in commands {
            if let Command::CallStep(call) = command {
                let StepCall { frame, visit, attempt, poll, state_path, .. } = *call;
                let mut answer = world(&state_path, attempt, poll);
                if let StepAnswer::Pending { next_poll_ms, .. } = &mut answer {
                    *next_poll_ms = now_ms + 10_000;
                }
                inputs.push_back(Input::Answered { frame, visit, attempt, answer });
            }
        }
        assert!(turns < 1_000, "it does not end");
    }
    let sequences: Vec<_> = durable.entries.iter().map(|entry| entry.sequence).collect();
    assert!(sequences.iter().copied().eq(1..=sequences.len() as u64), "the journal is dense");
    assert_eq!(execution.header.status, ExecutionStatus::Succeeded);
    assert!(
        durable.child_events.values().all(|events| events.iter().copied().eq(1..=events.len() as u64)),
        "so are the journals of child executions"
    );
    let runs = durable.map_runs.values().map(|run| json!([run.uuid, run.status, run.executions, run.items]));
    let children = durable.children.values().map(|child| json!([child.id, child.status, child.last_event_id]));
    let reported = json!([runs.collect::<Vec<_>>(), children.collect::<Vec<_>>()]);
    ((Value::clone(execution.header.output.as_ref().unwrap()), reported), turns)
}

#[test]
fn a_crash_after_any_turn_and_a_resume_give_the_outcome_without_the_crash() {
    let (expected, turns) = run(None);
    assert!(turns > 10, "{turns} turns");
    for turn in 1..turns {
        assert_eq!(run(Some(turn)).0, expected, "crash after turn {turn}");
    }
}
