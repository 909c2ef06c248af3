//! Steps: the typed async functions that a Task's `Resource` names. They change or observe external resources.
//!
//! A *step* is the function, a *visit* one entering of the state that names it, an *attempt* one try within a visit, a
//! *poll* one call of the function within an attempt. A step that waits is polled several times.

mod abandonment;
mod answer;
mod approval;
mod call;
mod context;
mod error;
pub mod error_names;
mod registry;
mod resource;
mod token;

pub use abandonment::Abandonment;
pub use answer::{Answer, ChangeAction, Done, Instructions, Pending, ResourceChange};
pub use approval::{Approval, ApprovalToken};
pub use call::call;
pub use context::StepContext;
pub use error::{ErrorClass, StepError, StepRemedy};
pub use registry::{Registries, Registry, Step, StepDescription};
pub use resource::{Pattern, Resource, optimized_integrations, waits_for_token};
pub use token::{TaskToken, idempotency_token};

/// The largest input, output or result of a state, in bytes of JSON; also the largest variable, and the most that one `Assign`
/// sets. Source: Step Functions Developer Guide, "Service quotas".
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// The result of a step function.
pub type StepResult<T> = Result<Answer<T>, StepError>;
