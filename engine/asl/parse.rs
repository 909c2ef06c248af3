//! Parsing. (first slice follows)
use std::sync::Arc;
use super::{Diagnostic, StateMachine};
/// Parses a definition.
pub fn parse(_definition: &serde_json::Value) -> Result<Arc<StateMachine>, Vec<Diagnostic>> {
    Err(Vec::new())
}
