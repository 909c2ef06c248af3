//! Calls a step once. A panic of the step is an error of the call.

use futures::FutureExt;
use serde_json::Value;

use super::{ErrorClass, Registries, Resource, StepContext, StepError, StepResult};

/// Calls the step for `context.resource` in an environment.
///
/// # Errors
/// Those of the step and of [`Registries::step`]; [`ErrorClass::Unknown`] if the step panics, because its effect is not known.
pub async fn call(
    registries: &dyn Registries,
    environment: &Value,
    context: StepContext,
    arguments: Value,
) -> StepResult<Value> {
    let resource = context.resource.clone();
    let called = async {
        match registries.step(environment, &resource).await? {
            Some(step) => step.poll(context, arguments).await,
            None => Err(missing(&resource)),
        }
    };
    match std::panic::AssertUnwindSafe(called).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(StepError::new(ErrorClass::Unknown, format!("the step '{resource}' panicked: {message}")))
        }
    }
}

/// The failure of a Task whose step does not exist. For an integration no rule matches it: a workflow whose call was never made must
/// not continue as if the service had refused it.
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
