//! Support of `flow dev`: what to run again after a change, and the drawing of a run.

mod automation;
mod drawing;
mod rerun;
mod states;

pub use automation::Automation;
pub use drawing::{StateOutcome, tree};
pub use rerun::{Begin, Prepared, Run};
