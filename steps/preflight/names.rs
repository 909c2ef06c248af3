//! names
use std::sync::Arc;
use engine::step::Registry;
use crate::Environment;
pub(super) fn register(_registry: &mut Registry, _environment: &Arc<Environment>) {}
