//! The subject and the end of a state's wait.

use api::view::{AwaitedHeartbeat, StateStatus, StateView, Wait};
use engine::{journal::StateType, step::Instructions};

use crate::ui::text::{attempt_of, cause_or_error, duration, moment, one_line};

/// A check that is due may be in flight at the moment. So long after its time no process makes it: one minute.
const CHECK_MS_MAX: u64 = 60_000;

/// The time at which the next check of a wait is due, or was due if no process makes it. `driven`: a process drives its execution.
pub fn next_check(next_poll_ms: u64, driven: bool, now_ms: u64) -> String {
    let may_be_in_flight_ms = if driven { CHECK_MS_MAX } else { 0 };
    let was_due = if next_poll_ms.saturating_add(may_be_in_flight_ms) <= now_ms { "was due " } else { "" };
    format!("next check {was_due}{}", moment(next_poll_ms, now_ms))
}

/// The subject and the end of a state's wait, in full. `driven`: a process drives its execution.
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
    match &state.status {
        // Nothing checks an approval: its question is shown in place of the last poll's reason.
        StateStatus::Waiting(Wait {
            instructions: Some(Instructions { sentence, approval: Some(_), .. }),
            deadline_ms,
            ..
        }) => {
            pieces.push((3, sentence.clone()));
            pieces.extend(timeout(deadline_ms));
        }
        StateStatus::Waiting(wait) => {
            pieces.push((4, wait.reason.clone()));
            // Zero: nothing polls it.
            if wait.next_poll_ms > 0 {
                pieces.push((1, format!("checked {} ago", duration(now_ms.saturating_sub(wait.polled_ms)))));
                pieces.push((3, next_check(wait.next_poll_ms, driven, now_ms)));
            }
            pieces.extend(timeout(&wait.deadline_ms));
        }
        StateStatus::Sleeping { due_ms } => {
            pieces.push((3, due("until", "was due", *due_ms)));
            if *due_ms > now_ms {
                pieces.push((1, format!("in {}", duration(due_ms - now_ms))));
            }
        }
        StateStatus::Parked { deadline_ms, heartbeat } => {
            let verb = if state.status.timed_out_ms(now_ms).is_some() { "waited" } else { "waits" };
            pieces.push((3, format!("{verb} for an answer")));
            pieces.extend(timeout(deadline_ms));
            pieces.extend(heartbeat.map(|heartbeat| (2, heartbeat_words(heartbeat, now_ms))));
        }
        StateStatus::Retrying { attempt, attempts_max, next_attempt_ms, failure } => {
            pieces.push((3, attempt_of(*attempt, *attempts_max)));
            pieces.push((4, due("next at", "was due", *next_attempt_ms)));
            pieces.extend(Some((2, cause_or_error(failure).to_owned())).filter(|(_, cause)| !cause.is_empty()));
        }
        StateStatus::Failed { failure, .. } | StateStatus::Caught { failure, .. } | StateStatus::Paused { failure } => {
            pieces.push((3, cause_or_error(failure).to_owned()));
        }
        StateStatus::Running => {
            if state.attempt > 1 {
                pieces.push((3, attempt_of(state.attempt, state.attempts_max)));
            }
            pieces.extend(progress(state).filter(|_| !driven).map(|words| (2, words.to_owned())));
        }
        StateStatus::Exited { .. } | StateStatus::Stopped { .. } => {}
    }
    pieces
}

/// The time-out of a state without a heartbeat of the holder of its token. A heartbeat moves that time, so it is no time-out yet.
fn heartbeat_words(heartbeat: AwaitedHeartbeat, now_ms: u64) -> String {
    match heartbeat {
        AwaitedHeartbeat::DueMs(due_ms) if due_ms <= now_ms => format!("no heartbeat until {}", moment(due_ms, now_ms)),
        AwaitedHeartbeat::DueMs(due_ms) => format!("next heartbeat due {}", moment(due_ms, now_ms)),
        AwaitedHeartbeat::EverySeconds(seconds) => {
            format!("fails {} after the last heartbeat", duration(seconds.saturating_mul(1_000)))
        }
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::story::{Story, approval, sections};

    fn waiting(instructions: Option<Instructions>) -> Story {
        let mut story = Story::new("release-7k3f", &sections(&["Poll"]));
        story.enter(0.0, "", StateType::Task, "Poll").waiting(1.0, "Poll", "no such file", instructions);
        story
    }

    #[test]
    fn a_wait_says_when_its_next_check_is_beside_an_owner_and_without_one() {
        let story = waiting(None);
        let shown = |driven, seconds| detail(&story.view.states["Poll"], driven, Story::at(seconds));
        for driven in [true, false] {
            let expected = "no such file · checked 4.0s ago · next check 12:08:31 · times out 2026-11-27 12:08";
            assert_eq!(shown(driven, 5.0), expected);
        }
        assert!(shown(true, 40.0).contains(" next check 12:08:31 "), "it may be in flight");
        for (driven, seconds) in [(false, 40.0), (true, 600.0)] {
            assert!(shown(driven, seconds).contains(" next check was due 12:08:31 "), "no process makes it");
        }
        let asks = waiting(Some(approval()));
        assert!(
            !detail(&asks.view.states["Poll"], true, Story::at(5.0)).contains("check"),
            "nothing checks an approval"
        );
    }

    #[test]
    fn an_awaited_heartbeat_is_no_time_out() {
        let mut story = waiting(None);
        let mut shown = |deadline_ms: Option<u64>, heartbeat: AwaitedHeartbeat, seconds: f64| {
            let state = story.view.states.get_mut("Poll").unwrap();
            state.status = StateStatus::Parked { deadline_ms, heartbeat: Some(heartbeat) };
            detail(state, true, Story::at(seconds))
        };
        let due = AwaitedHeartbeat::DueMs(Story::at(30.0));
        assert_eq!(shown(None, due, 5.0), "waits for an answer · next heartbeat due 12:08:30");
        assert_eq!(shown(None, due, 30.0), "waited for an answer · no heartbeat until 12:08:30");
        let both = shown(Some(Story::at(50.0)), AwaitedHeartbeat::EverySeconds(600), 5.0);
        assert_eq!(both, "waits for an answer · times out 12:08:50 · fails 10m00s after the last heartbeat");
    }

    #[test]
    fn where_the_line_is_too_short_the_next_check_stays_longest_beside_the_reason() {
        let story = waiting(None);
        let mut all = pieces(&story.view.states["Poll"], true, Story::at(5.0));
        all.sort_by_key(|(importance, _)| std::cmp::Reverse(*importance));
        let words: Vec<&str> = all.iter().filter_map(|(_, piece)| piece.split(' ').next()).collect();
        assert_eq!(words, ["no", "next", "times", "checked"]);
    }
}
