//! Calls a step once and sends its answer to the dispatcher.

use std::{sync::Arc, task::Poll, time::Instant};

use futures::FutureExt;
use serde_json::Value;
use tokio::{runtime::Handle, sync::Semaphore};

use super::{
    Clock,
    in_flight::InFlight,
    message::{Message, Messages},
    prompt::Prompt,
};
use crate::{
    machine::{FrameId, Input, Look, StepAnswer},
    step::{self, Abandonment, Answer, Registries, StepContext, StepResult},
};

/// The most calls of steps that run at a time.
pub(super) const LOOKS_MAX: usize = 256;

/// Carries out [`crate::machine::Command::Look`].
pub(super) trait Calls: Send {
    /// Calls a step; its answer is sent as [`Message::Answered`].
    fn call(&self, execution: &str, environment: Arc<Value>, look: Look);

    /// Signals the call of a visit that its attempt has ended. Its answer is still sent.
    fn abandon(&self, execution: &str, frame: FrameId, visit: u64);
}

/// Calls the steps of the registries, each in a task of the runtime. If a step answered at once the last time, the calling thread polls
/// its future once first: waking another thread takes longer than such a step.
pub(super) struct Looks {
    pub runtime: Handle,
    pub registries: Arc<dyn Registries>,
    pub clock: Arc<dyn Clock>,
    pub places: Arc<Semaphore>,
    pub messages: Messages,
    pub prompt: Arc<Prompt>,
    pub in_flight: Arc<InFlight>,
}

impl Calls for Looks {
    fn call(&self, execution: &str, environment: Arc<Value>, look: Look) {
        let (frame, visit, attempt, named) = (look.frame, look.visit, look.attempt, look.resource.clone());
        let abandonment = Abandonment::default();
        let (arguments, context) = (look.arguments.clone(), self.context(execution, look, abandonment.clone()));
        let (registries, clock, places) = (self.registries.clone(), self.clock.clone(), self.places.clone());
        let id = execution.to_owned();
        let key = (id.clone(), frame, visit, attempt);
        let mut called = Box::pin(async move {
            let _place = places.acquire_owned().await;
            let result = step::call(registries.as_ref(), &environment, context, (*arguments).clone()).await;
            let answer = answer(result, clock.as_ref());
            Message::Answered { id, input: Input::Answered { frame, visit, attempt, answer } }
        });
        if self.prompt.is(&named) {
            // The calling thread is not one of the runtime's. A step that uses timers or sockets needs the runtime's context.
            let _entered = self.runtime.enter();
            let began = Instant::now();
            let answered = called.as_mut().now_or_never();
            self.prompt.was(&named, began, answered.is_some());
            if let Some(answered) = answered {
                let _ = self.messages.send(answered);
                return;
            }
        }
        let (messages, prompt) = (self.messages.clone(), self.prompt.clone());
        let registered = self.in_flight.register(key, abandonment);
        self.runtime.spawn(async move {
            let began = Instant::now();
            let first = futures::poll!(called.as_mut());
            prompt.was(&named, began, first.is_ready());
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

impl Looks {
    fn context(&self, execution: &str, look: Look, abandonment: Abandonment) -> StepContext {
        StepContext {
            execution: execution.to_owned(),
            resource: look.resource,
            state_path: look.state_path,
            frame: look.frame,
            visit: look.visit,
            attempt: look.attempt,
            look: look.look,
            token: look.token,
            now_ms: self.clock.now_ms(),
            first_look_ms: look.first_look_ms,
            deadline_ms: look.deadline_ms,
            created: look.created,
            abandonment,
        }
    }
}

fn answer(result: StepResult<Value>, clock: &dyn Clock) -> StepAnswer {
    match result {
        Ok(Answer::Done(done)) => StepAnswer::Done { output: done.output, effects: done.effects },
        Ok(Answer::Pending(pending)) => StepAnswer::Pending {
            reason: pending.reason,
            next_look_ms: clock.now_ms().saturating_add(pending.check_again_after.as_millis() as u64),
            instructions: pending.instructions,
            submitted: pending.submitted,
            execution: pending.execution,
        },
        Err(error) => StepAnswer::Failed(error),
    }
}
