//! What a Task's `Resource` stands for: a typed async function that changes or watches the world.
//!
//! A *step* is the function, a *visit* one entering of the state that names it, an *attempt* one try within a visit, a
//! *look* one call of the function within an attempt (a wait looks many times).

mod abandonment;
mod answer;
mod approval;
mod call;
mod context;
mod error;
mod registry;
mod resource;
mod token;

pub use abandonment::Abandonment;
pub use answer::{Answer, Change, Done, Effect, Instructions, Pending};
pub use approval::Approval;
pub use call::call;
pub use context::StepContext;
pub use error::{ErrorClass, StepError};
pub use registry::{Registries, Registry, Step, StepDescription};
pub use resource::{Pattern, Resource};
pub use token::{TaskToken, idempotency_token};

/// What a step function returns.
pub type StepResult<T> = Result<Answer<T>, StepError>;
