//! acm
use std::sync::Arc;
use engine::step::Registry;
use crate::Environment;
/// Adds the steps.
pub(crate) fn register(_registry: &mut Registry, _environment: &Arc<Environment>) {}
