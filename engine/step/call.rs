//! Calls a step once. A panic of the step is an error of the call.

use futures::FutureExt;
use serde_json::Value;

use super::{ErrorClass, Registries, Resource, StepContext, StepError, StepResult};

/// Calls the step for `context.resource` in an environment.
///
/// # Errors
/// The errors of the step and of [`Registries::step`]; [`ErrorClass::Unknown`] if the step panics, because its effect is not known.
pub async fn call(
    registries: &dyn Registries,
    environment: &Value,
    context: StepContext,
    arguments: Value,
) -> StepResult<Value> {
    let resource = context.resource.clone();
    let called = async {
        // A step that is missing is missing in every environment: no region or credentials are asked for first.
        if !registries.is_known(&resource) {
            return Err(missing(&resource));
        }
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

/// The failure of a Task whose step does not exist. If the step is an integration, no rule matches the failure: a workflow must not
/// continue as if the service had refused a call that was never made.
fn missing(resource: &str) -> StepError {
    match Resource::parse(resource) {
        Resource::Integration { service, action_with_pattern, .. } => {
            let cause =
                format!("There is no step for the integration {service}:{action_with_pattern}: nothing was called.");
            StepError::missing_step(cause)
        }
        _ => StepError::new(ErrorClass::Invalid, format!("no step is named '{resource}'")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::step::Registry;

    /// An environment without a region. It may have a step for `lambda:invoke` only.
    struct WithoutRegion;

    #[async_trait::async_trait]
    impl Registries for WithoutRegion {
        async fn registry(&self, _environment: &Value) -> Result<Registry, StepError> {
            Err(StepError::new(ErrorClass::Credentials, "no region"))
        }

        fn is_known(&self, resource: &str) -> bool {
            resource.ends_with("lambda:invoke")
        }
    }

    #[tokio::test]
    async fn a_missing_step_is_reported_before_a_missing_region() {
        let called = async |resource: &str| {
            let resource = format!("arn:aws:states:::{resource}");
            let context = StepContext { resource, ..StepContext::for_test("Call") };
            call(&WithoutRegion, &Value::Null, context, json!({})).await.err()
        };
        let missing = called("sqs:sendMessage").await;
        assert!(missing.as_ref().is_some_and(StepError::is_missing_step), "{missing:?}");
        assert_eq!(missing.map(|error| error.error_name().to_owned()).as_deref(), Some("States.Runtime"));
        let class = called("lambda:invoke").await.map(|error| error.class);
        assert_eq!(class, Some(ErrorClass::Credentials));
    }
}
