//! One look: the step is called, whatever it does, an answer comes back.

use std::{sync::Arc, task::Poll, time::Instant};

use futures::FutureExt;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc::UnboundedSender};

use super::{Clock, message::Message, prompt::Prompt};
use crate::{
    machine::{Input, Look, StepAnswer},
    step::{Answer, ErrorClass, Registries, Resource, StepContext, StepError, StepResult},
};

/// How many steps run at once.
pub(super) const LOOKS_MAX: usize = 256;

/// Whoever carries out [`crate::machine::Command::Look`].
pub(super) trait Calls: Send {
    /// Calls a step; its answer comes back as [`Message::Answered`].
    fn call(&self, execution: &str, environment: Arc<Value>, look: Look);
}

/// Calls the steps of the registries, each in a task of its own. Those that were prompt the last time answer without one: it may be
/// taken up by another thread, and waking that takes longer than they do.
pub(super) struct Looks {
    pub registries: Arc<dyn Registries>,
    pub clock: Arc<dyn Clock>,
    pub places: Arc<Semaphore>,
    pub messages: UnboundedSender<Message>,
    pub prompt: Arc<Prompt>,
}

impl Calls for Looks {
    fn call(&self, execution: &str, environment: Arc<Value>, look: Look) {
        let Look {
            frame,
            visit,
            attempt,
            look,
            state_path,
            resource,
            arguments,
            token,
            first_look_ms,
            deadline_ms,
            created,
        } = look;
        let context = StepContext {
            execution: execution.to_owned(),
            resource: resource.clone(),
            state_path,
            frame,
            visit,
            attempt,
            look,
            token,
            now_ms: self.clock.now_ms(),
            first_look_ms,
            deadline_ms,
            created,
        };
        let (registries, clock, places) = (self.registries.clone(), self.clock.clone(), self.places.clone());
        let (id, named) = (execution.to_owned(), resource.clone());
        let mut called = Box::pin(async move {
            let _place = places.acquire_owned().await;
            let result = call(registries, &environment, &resource, context, (*arguments).clone()).await;
            let answer = answer(result, clock.as_ref());
            Message::Answered { id, input: Input::Answered { frame, visit, attempt, answer } }
        });
        if self.prompt.is(&named) {
            let began = Instant::now();
            let answered = called.as_mut().now_or_never();
            self.prompt.was(&named, began, answered.is_some());
            if let Some(answered) = answered {
                let _ = self.messages.send(answered);
                return;
            }
        }
        let (messages, prompt) = (self.messages.clone(), self.prompt.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let first = futures::poll!(called.as_mut());
            prompt.was(&named, began, first.is_ready());
            let answered = match first {
                Poll::Ready(answered) => answered,
                Poll::Pending => called.await,
            };
            let _ = messages.send(answered);
        });
    }
}

/// A step that breaks off is an answer, too: whoever waits for one hears of it.
async fn call(
    registries: Arc<dyn Registries>,
    environment: &Value,
    resource: &str,
    context: StepContext,
    arguments: Value,
) -> StepResult<Value> {
    let look = async {
        match registries.step(environment, resource).await? {
            Some(step) => step.look(context, arguments).await,
            None => Err(missing(resource)),
        }
    };
    match std::panic::AssertUnwindSafe(look).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(StepError::new(ErrorClass::Unknown, format!("the step '{resource}' broke off: {said}")))
        }
    }
}

/// The failure of a Task whose step is missing. Nothing catches that of an integration: a workflow whose call was never made must not
/// go on as if the service had refused it.
fn missing(resource: &str) -> StepError {
    match Resource::parse(resource) {
        Resource::Integration { service, action_with_pattern, .. } => {
            let cause =
                format!("There is no step for the integration {service}:{action_with_pattern}: nothing was called.");
            StepError::named("States.Runtime", cause)
        }
        _ => StepError::new(ErrorClass::Invalid, format!("no step is named '{resource}'")),
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
        },
        Err(error) => StepAnswer::Failed(error),
    }
}
