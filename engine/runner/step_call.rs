//! Makes the calls of a runner's executions on the tokio runtime and sends each answer to the dispatcher.

use std::{sync::Arc, task::Poll, time::Instant};

use futures::FutureExt;
use serde_json::Value;
use tokio::{runtime::Handle, sync::Semaphore};

use super::{
    Clock,
    fast_steps::FastSteps,
    in_flight::InFlight,
    message::{CallKey, Message, Messages},
};
use crate::{
    machine::{FrameId, Input, StepAnswer, StepCall},
    step::{self, Abandonment, Answer, Done, Registries, StepContext, StepResult},
};

/// The most calls of steps that run at a time.
pub(super) const CALLS_MAX: usize = 256;

/// Carries out [`crate::machine::Command::CallStep`].
pub(super) trait StepCaller: Send {
    /// Calls a step; its answer is sent as [`Message::Answered`], or that it was not called as [`Message::Declined`].
    fn call(&self, execution: &str, environment: Arc<Value>, call: StepCall);

    /// Signals the call of a visit that its attempt has ended. Its answer is still sent.
    fn abandon(&self, execution: &str, frame: FrameId, visit: u64);
}

/// Calls the steps of the registries, each in a task of the runtime, unless this process cannot act in the environment. If a step answered
/// at once the last time, the calling thread polls its future once first: waking another thread takes longer than such a step.
pub(super) struct StepCalls {
    pub runtime: Handle,
    pub registries: Arc<dyn Registries>,
    pub clock: Arc<dyn Clock>,
    pub permits: Arc<Semaphore>,
    pub messages: Messages,
    pub fast_steps: Arc<FastSteps>,
    pub in_flight: Arc<InFlight>,
}

impl StepCaller for StepCalls {
    fn call(&self, execution: &str, environment: Arc<Value>, call: StepCall) {
        let (frame, visit, attempt, named) = (call.frame, call.visit, call.attempt, call.resource.clone());
        let abandonment = Abandonment::default();
        let (arguments, context) = (call.arguments.clone(), self.context(execution, call, abandonment.clone()));
        let (registries, clock, permits) = (self.registries.clone(), self.clock.clone(), self.permits.clone());
        let id = execution.to_owned();
        let key = (id.clone(), frame, visit, attempt);
        let mut called = Box::pin(async move {
            let _permit = permits.acquire_owned().await;
            let call = CallKey { frame, visit, attempt };
            if let Some(reason) = registries.declines(&environment, &context.resource).await {
                return Message::Declined { id, call, has_begun: false, reason };
            }
            let result = step::call(registries.as_ref(), &environment, context, (*arguments).clone()).await;
            if let Err(error) = &result
                && let Some(reason) = registries.declines_after(&environment, error).await
            {
                return Message::Declined { id, call, has_begun: true, reason };
            }
            let answer = answer(result, clock.as_ref());
            Message::Answered { id, input: Input::Answered { frame, visit, attempt, answer } }
        });
        if self.fast_steps.contains(&named) {
            // The calling thread is not one of the runtime's. A step that uses timers or sockets needs the runtime's context.
            let _entered = self.runtime.enter();
            let began = Instant::now();
            let answered = called.as_mut().now_or_never();
            self.fast_steps.record(&named, began, answered.is_some());
            if let Some(answered) = answered {
                let _ = self.messages.send(answered);
                return;
            }
        }
        let (messages, fast_steps) = (self.messages.clone(), self.fast_steps.clone());
        let registered = self.in_flight.register(key, abandonment);
        self.runtime.spawn(async move {
            let began = Instant::now();
            let first = futures::poll!(called.as_mut());
            fast_steps.record(&named, began, first.is_ready());
            let answered = match first {
                Poll::Ready(answered) => answered,
                Poll::Pending => called.await,
            };
            drop(registered);
            let _ = messages.send(answered);
        });
    }

    fn abandon(&self, execution: &str, frame: FrameId, visit: u64) {
        self.in_flight.abandon(execution, frame, visit);
    }
}

impl StepCalls {
    fn context(&self, execution: &str, call: StepCall, abandonment: Abandonment) -> StepContext {
        StepContext {
            execution: execution.to_owned(),
            resource: call.resource,
            state_path: call.state_path,
            frame: call.frame,
            visit: call.visit,
            attempt: call.attempt,
            poll: call.poll,
            token: call.token,
            now_ms: self.clock.now_ms(),
            first_poll_ms: call.first_poll_ms,
            deadline_ms: call.deadline_ms,
            created: call.created,
            abandonment,
        }
    }
}

fn answer(result: StepResult<Value>, clock: &dyn Clock) -> StepAnswer {
    match result {
        Ok(Answer::Done(Done { output, changes, question: None })) => StepAnswer::Done { output, changes },
        Ok(Answer::Done(Done { output, changes, question: Some(question) })) => {
            StepAnswer::Asked { output, changes, question: Box::new(question) }
        }
        Ok(Answer::Pending(pending)) => StepAnswer::Pending {
            reason: pending.reason,
            next_poll_ms: clock.now_ms().saturating_add(pending.check_again_after.as_millis() as u64),
            instructions: pending.instructions,
            submitted: pending.submitted,
            execution: pending.execution,
        },
        Err(error) => StepAnswer::Failed(error),
    }
}
