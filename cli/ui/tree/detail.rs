//! What a state waits for, and until when.

use api::view::{Doing, StateView, Wait};
use engine::{journal::StateType, step::Instructions};

use crate::ui::text::{attempt_of, cause_or_error, duration, moment, one_line};

/// What a state waits for, and until when, in full. `driven`: a process drives its execution.
pub fn detail(state: &StateView, driven: bool, now_ms: u64) -> String {
    let pieces: Vec<String> = pieces(state, driven, now_ms).into_iter().map(|(_, piece)| piece).collect();
    one_line(&pieces.join(" · "))
}

/// The same in pieces, each with its importance: where the line is too long, the least important is left out first.
pub fn pieces(state: &StateView, driven: bool, now_ms: u64) -> Vec<(u8, String)> {
    // Nothing happens at its time without a process.
    let due = |coming: &str, past: &str, due_ms: u64| {
        let words = if due_ms <= now_ms && !driven { past } else { coming };
        format!("{words} {}", moment(due_ms, now_ms))
    };
    let timeout = |due: &Option<u64>| {
        let due = (*due)?;
        let verb = if due <= now_ms { "timed out" } else { "times out" };
        Some((2, format!("{verb} {}", moment(due, now_ms))))
    };
    let mut pieces = Vec::new();
    match &state.doing {
        // Nothing checks an approval: its question is shown in place of the last poll's reason.
        Doing::Waiting(Wait {
            instructions: Some(Instructions { sentence, approval: Some(_), .. }),
            deadline_ms,
            ..
        }) => {
            pieces.push((3, sentence.clone()));
            pieces.extend(timeout(deadline_ms));
        }
        Doing::Waiting(wait) => {
            pieces.push((3, wait.reason.clone()));
            // Zero: nothing polls it.
            if wait.next_poll_ms > 0 {
                pieces.push((1, format!("checked {} ago", duration(now_ms.saturating_sub(wait.polled_ms)))));
                if wait.next_poll_ms <= now_ms && !driven {
                    pieces.push((2, due("next check", "next check was due", wait.next_poll_ms)));
                }
            }
            pieces.extend(timeout(&wait.deadline_ms));
        }
        Doing::Sleeping { due_ms } => {
            pieces.push((3, due("until", "was due", *due_ms)));
            if *due_ms > now_ms {
                pieces.push((1, format!("in {}", duration(due_ms - now_ms))));
            }
        }
        Doing::Parked { deadline_ms } => {
            let verb = if state.doing.timed_out_ms(now_ms).is_some() { "waited" } else { "waits" };
            pieces.push((3, format!("{verb} for an answer")));
            pieces.extend(timeout(deadline_ms));
        }
        Doing::Retrying { attempt, attempts_max, next_attempt_ms, failure } => {
            pieces.push((3, attempt_of(*attempt, *attempts_max)));
            pieces.push((4, due("next at", "was due", *next_attempt_ms)));
            pieces.extend(Some((2, cause_or_error(failure).to_owned())).filter(|(_, cause)| !cause.is_empty()));
        }
        Doing::Failed { failure, .. } | Doing::Caught { failure, .. } | Doing::Paused { failure } => {
            pieces.push((3, cause_or_error(failure).to_owned()));
        }
        Doing::Running => {
            if state.attempt > 1 {
                pieces.push((3, attempt_of(state.attempt, state.attempts_max)));
            }
            pieces.extend(progress(state).filter(|_| !driven).map(|words| (2, words.to_owned())));
        }
        Doing::Exited { .. } | Doing::Stopped { .. } => {}
    }
    pieces
}

/// How far a state came that no process drives. A recorded call may not have been made if its process stopped in that moment.
fn progress(state: &StateView) -> Option<&'static str> {
    match state.state_type {
        StateType::Parallel | StateType::Map => None,
        StateType::Task if !state.called => Some("not called yet"),
        StateType::Task if !state.answered => Some("no answer is recorded yet"),
        _ => Some("not left yet"),
    }
}
