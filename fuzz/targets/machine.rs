//! A definition and an input are run with answers at random: it ends, or waits for something.
#![no_main]

use engine::{
    asl,
    machine::{Command, Execution, ExecutionStatus, Input, StepAnswer, advance},
    query::{InThisThread, Moment},
    step::{ErrorClass, StepError},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// The maximum number of inputs of an execution.
const INPUTS_MAX: usize = 200;

fuzz_target!(|given: (&str, &str, [u8; 16])| {
    let (definition, input, answers) = given;
    let (Ok(definition), Ok(input)) = (serde_json::from_str::<Value>(definition), serde_json::from_str::<Value>(input))
    else {
        return;
    };
    let Ok(machine) = asl::parse(&definition) else { return };
    let mut execution = Execution::new("fuzz-1", "fuzz", machine, input);
    let mut now_ms = 1_000;
    let mut waiting = std::collections::VecDeque::from([Input::Start]);
    for number in 0..INPUTS_MAX {
        if execution.header.status != ExecutionStatus::Running || execution.header.paused {
            return;
        }
        let next = waiting.pop_front().or_else(|| {
            now_ms = execution.header.next_wake_ms?.max(now_ms);
            Some(Input::TimerFired)
        });
        let Some(next) = next else { return };
        let transition = advance(&mut execution, next, &Moment { now_ms, entropy: number as u64 }, &InThisThread);
        for command in transition.commands {
            if let Command::CallStep(call) = command {
                let answer = answer(answers[number % answers.len()], now_ms);
                let (frame, visit, attempt) = (call.frame, call.visit, call.attempt);
                waiting.push_back(Input::Answered { frame, visit, attempt, answer });
            }
        }
    }
});

fn answer(kind: u8, now_ms: u64) -> StepAnswer {
    match kind % 6 {
        0 => StepAnswer::Failed(StepError::new(ErrorClass::Unknown, "lost")),
        1 => StepAnswer::Failed(StepError::named("Named", "x".repeat(usize::from(kind) * 200))),
        2 => StepAnswer::Pending {
            reason: "soon".to_owned(),
            next_poll_ms: now_ms + 1,
            instructions: None,
            submitted: None,
        },
        3 => StepAnswer::Done {
            output: json!({ "a": [1, null, { "b": "x".repeat(usize::from(kind)) }] }),
            changes: Vec::new(),
        },
        _ => StepAnswer::Done { output: json!(kind), changes: Vec::new() },
    }
}
