//! The steps of a rehearsal. They are those of a real run; only the advice for expired credentials differs.

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{ErrorClass, Step, StepContext, StepDescription, StepError, StepResult};
use serde_json::Value;

/// The advice after a fault has expired the credentials of a rehearsal.
const HINT: &str =
    "The credentials of a rehearsal are simulated, and a fault has made them expire: no login is needed.";

/// A step in the world of a rehearsal.
pub struct Rehearsed(pub Arc<dyn Step>);

#[async_trait]
impl Step for Rehearsed {
    fn description(&self) -> StepDescription {
        self.0.description()
    }

    async fn poll(&self, context: StepContext, input: Value) -> StepResult<Value> {
        self.0.poll(context, input).await.map_err(advised)
    }
}

fn advised(error: StepError) -> StepError {
    match error.class {
        ErrorClass::Credentials => error.hint(HINT),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_credentials_of_a_rehearsal_need_no_login() {
        let of = |class| advised(StepError::new(class, "why").hint("aws sso login")).hint.unwrap_or_default();
        assert_eq!(of(ErrorClass::Credentials), HINT);
        assert_eq!(of(ErrorClass::Permission), "aws sso login");
    }
}
