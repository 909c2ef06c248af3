//! Route 53: hosted zones and records.

mod alias;
mod change;
mod record;
mod zone;

use std::sync::Arc;

use engine::step::Registry;

use crate::Environment;

pub(crate) use alias::{described, points_elsewhere};
pub(crate) use record::records_at;

const RESOURCE_TYPE: &str = "AWS::Route53::RecordSet";

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    zone::register(registry, environment);
    record::register(registry, environment);
    alias::register(registry, environment);
    change::register(registry, environment);
}

/// A name in comparable form: lower case, without the final dot, and with `*` unescaped.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// The id of a record in resource changes.
fn record_id(name: &str, kind: &str) -> String {
    format!("{} {kind}", normal(name))
}
