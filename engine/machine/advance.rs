//! The machine's only entry point: `advance` folds an input into an execution.

use super::{Execution, ExecutionStatus, Input, Transition, turn::Turn};
use crate::query::{Evaluator, Moment};

/// Applies `input` at `moment` and returns what changed. A late or repeated input changes nothing. Expressions are evaluated by
/// `evaluator` if their cost has no small bound.
pub fn advance(execution: &mut Execution, input: Input, moment: &Moment, evaluator: &dyn Evaluator) -> Transition {
    let mut turn = Turn::new(execution, moment, evaluator);
    let running = turn.execution.header.status == ExecutionStatus::Running;
    match input {
        Input::Start => turn.start(&[]),
        Input::StartFrom { path } => turn.start(&path),
        Input::Answered { frame, visit, attempt, answer } if running => turn.answered(frame, visit, attempt, answer),
        Input::TimerFired if running => turn.timer_fired(),
        Input::Signalled { frame, visit, attempt, answer, by } if running => {
            turn.signalled(frame, visit, attempt, answer, by)
        }
        Input::SignalEarly { state, answer, by } if running => turn.signal_early(state, answer, by),
        Input::WithdrawSignal { state, by } if running => turn.withdraw_signal(&state, by),
        Input::NotOffered { frame, visit, attempt } if running => turn.not_offered(frame, visit, attempt),
        Input::Fetched { frame, visit, attempt, worker } if running => turn.fetched(frame, visit, attempt, worker),
        Input::Heartbeat { frame, visit, attempt } if running => turn.heartbeat(frame, visit, attempt),
        Input::UpdateMapRun { run, limits } if running => turn.update_run(run, limits),
        Input::Cancel { error, cause } if running => turn.cancel(error, cause),
        Input::CancelAfterCalls { error, cause } if running => turn.cancel_after_calls(error, cause),
        Input::EndNext { error, cause } if running => turn.end_next(error, cause),
        Input::Resume { environment, recover } => turn.resume(environment, recover),
        Input::AwaitedSettled { execution } if running && !turn.is_cancelling() => turn.awaited_settled(&execution),
        Input::ResumeFrom { path, environment } => turn.resume_from(&path, environment),
        Input::Withheld { frame, visit, attempt, reason } if running => turn.withheld(frame, visit, attempt, &reason),
        Input::Recover if running => turn.recover(),
        _ => {}
    }
    turn.finish()
}
