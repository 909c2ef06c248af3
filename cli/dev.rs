//! Writing a workflow: what `flow dev` runs again after a change, and how it draws a run.

mod automation;
mod drawing;
mod rerun;
mod states;

pub use automation::Automation;
pub use drawing::{Outcome, tree};
pub use rerun::{Begin, Prepared, Run};
