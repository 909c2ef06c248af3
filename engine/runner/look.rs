//! One look: the step is called, whatever it does, an answer comes back.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc::UnboundedSender};

use super::{Clock, message::Message};
use crate::{
    machine::{Command, Input, StepAnswer},
    step::{Answer, ErrorClass, Registries, StepContext, StepError, StepResult},
};

/// How many steps run at once.
pub(super) const LOOKS_MAX: usize = 256;

/// Whoever carries out [`Command::Look`]; every other command is not theirs.
pub(super) trait Calls: Send {
    /// Calls a step; its answer comes back as [`Message::Answered`].
    fn call(&self, execution: &str, environment: Arc<Value>, command: Command);
}

/// Calls the steps of the registries, each in a task of its own.
pub(super) struct Looks {
    pub registries: Arc<dyn Registries>,
    pub clock: Arc<dyn Clock>,
    pub places: Arc<Semaphore>,
    pub messages: UnboundedSender<Message>,
}

impl Calls for Looks {
    fn call(&self, execution: &str, environment: Arc<Value>, command: Command) {
        let Command::Look {
            frame,
            visit,
            attempt,
            look,
            state_path,
            resource,
            arguments,
            token,
            task_token,
            first_look_ms,
            deadline_ms,
            created,
        } = command
        else {
            return;
        };
        let context = StepContext {
            execution: execution.to_owned(),
            resource: resource.clone(),
            state_path,
            visit,
            attempt,
            look,
            token,
            task_token,
            now_ms: self.clock.now_ms(),
            first_look_ms,
            deadline_ms,
            created,
        };
        let (registries, clock, places) = (self.registries.clone(), self.clock.clone(), self.places.clone());
        let (id, messages) = (execution.to_owned(), self.messages.clone());
        tokio::spawn(async move {
            let _place = places.acquire_owned().await;
            let result = call(registries, &environment, resource, context, (*arguments).clone()).await;
            let answer = answer(result, clock.as_ref());
            let _ = messages.send(Message::Answered { id, input: Input::Answered { frame, visit, attempt, answer } });
        });
    }
}

async fn call(
    registries: Arc<dyn Registries>,
    environment: &Value,
    resource: String,
    context: StepContext,
    arguments: Value,
) -> StepResult<Value> {
    let Some(step) = registries.step(environment, &resource).await? else {
        return Err(StepError::new(ErrorClass::Invalid, format!("no step is named '{resource}'")));
    };
    match std::panic::AssertUnwindSafe(step.look(context, arguments)).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(StepError::new(ErrorClass::Unknown, format!("the step '{resource}' broke off: {said}")))
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
        },
        Err(error) => StepAnswer::Failed(error),
    }
}
