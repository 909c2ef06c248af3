//! Availability Zones.

use std::sync::Arc;

use aws_sdk_ec2::types::{AvailabilityZone, AvailabilityZoneState};
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, failure::failure};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:describeAvailabilityZones",
        "Chooses Availability Zones of the region.",
        ["ec2:DescribeAvailabilityZones"],
        describe_availability_zones
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeAvailabilityZones {
    /// The number of zones that are needed.
    count: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Zones {
    /// Their names, such as `eu-central-1a`.
    pub(super) zones: Vec<String>,
}

async fn describe_availability_zones(
    environment: Arc<Environment>,
    _context: StepContext,
    input: DescribeAvailabilityZones,
) -> StepResult<Zones> {
    let answer = environment.ec2_reads().describe_availability_zones().send().await;
    let answer = answer.map_err(|error| failure("ec2:DescribeAvailabilityZones", error))?;
    let zones = choose(answer.availability_zones(), environment.region(), input.count)?;
    Ok(Answer::done(Zones { zones }))
}

/// The names of the usable zones. Local and Wavelength Zones are not Availability Zones.
pub(super) fn available(zones: &[AvailabilityZone]) -> Vec<String> {
    let mut names: Vec<String> = zones
        .iter()
        .filter(|zone| zone.state().is_none_or(|state| *state == AvailabilityZoneState::Available))
        .filter(|zone| zone.zone_type().is_none_or(|kind| kind == "availability-zone"))
        .filter_map(|zone| zone.zone_name().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The cause and the hint of the error if a region has fewer zones than are needed.
pub(super) fn too_few(region: &str, zones: usize, needed: usize) -> (String, &'static str) {
    let plural = if zones == 1 { "" } else { "s" };
    let cause = format!("region {region} has only {zones} Availability Zone{plural}; {needed} are needed");
    (cause, "Choose another region.")
}

/// The first `count` zones by name, so that every run chooses the same zones.
fn choose(zones: &[AvailabilityZone], region: &str, count: usize) -> Result<Vec<String>, StepError> {
    let mut names = available(zones);
    if names.len() < count {
        let (cause, hint) = too_few(region, names.len(), count);
        return Err(StepError::new(ErrorClass::Invalid, cause).hint(hint));
    }
    names.truncate(count);
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn zone(name: &str, kind: &str, state: AvailabilityZoneState) -> AvailabilityZone {
        AvailabilityZone::builder().zone_name(name).zone_type(kind).state(state).build()
    }

    #[test]
    fn zones_are_the_same_whatever_the_order_of_the_answer() {
        let available = AvailabilityZoneState::Available;
        let zones = [
            zone("eu-central-1c", "availability-zone", available.clone()),
            zone("eu-central-1-ham-1a", "local-zone", available.clone()),
            zone("eu-central-1a", "availability-zone", available.clone()),
            zone("eu-central-1b", "availability-zone", AvailabilityZoneState::Impaired),
        ];
        assert_eq!(choose(&zones, "eu-central-1", 2).unwrap(), ["eu-central-1a", "eu-central-1c"]);
    }

    #[test]
    fn a_region_with_one_zone_is_refused_in_words() {
        let zones = [zone("xx-north-1a", "availability-zone", AvailabilityZoneState::Available)];
        let error = choose(&zones, "xx-north-1", 2).unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.cause.contains("region xx-north-1 has only 1 Availability Zone;"), "{error}");
    }
}
