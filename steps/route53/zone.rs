//! Finds the hosted zone of a domain.

use std::sync::Arc;

use aws_sdk_route53::types::HostedZone;
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normal;
use crate::{
    Environment,
    failure::{failure, failure_for, is_missing},
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "route53:findHostedZone",
        "Finds the public hosted zone that the domain belongs to, if it is in this account.",
        ["route53:ListHostedZonesByName", "route53:GetHostedZone"],
        find_hosted_zone
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FindHostedZone {
    domain: String,
    /// The zone to use; without it, the longest that the domain ends with.
    #[serde(default)]
    hosted_zone_id: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundZone {
    /// Whether the zone is in this account.
    found: bool,
    hosted_zone_id: Option<String>,
    /// Without a final dot.
    zone_name: Option<String>,
    /// Whether the domain is the zone's own name, where no CNAME can be.
    is_apex: bool,
}

async fn find_hosted_zone(
    environment: Arc<Environment>,
    _context: StepContext,
    input: FindHostedZone,
) -> StepResult<FoundZone> {
    let domain = normal(&input.domain);
    let zone = match &input.hosted_zone_id {
        Some(id) => Some(zone_by_id(&environment, id, &domain).await?),
        None => zone_by_name(&environment, &domain).await?,
    };
    let zone_name = zone.as_ref().map(|zone| normal(zone.name()));
    Ok(Answer::done(FoundZone {
        found: zone.is_some(),
        hosted_zone_id: zone.map(|zone| plain_id(zone.id()).to_owned()),
        is_apex: zone_name.as_ref() == Some(&domain),
        zone_name,
    }))
}

fn plain_id(id: &str) -> &str {
    id.trim_start_matches("/hostedzone/")
}

/// The name of a hosted zone without its final dot, and its name servers.
///
/// # Errors
/// A read failed.
pub(crate) async fn zone_servers(
    environment: &Environment,
    context: &StepContext,
    zone_id: &str,
) -> Result<(String, Vec<String>), StepError> {
    let zone = environment.route53_reads().get_hosted_zone().id(zone_id).send().await;
    let zone = zone.map_err(|error| failure_for(context, zone_id, "route53:GetHostedZone", error))?;
    let name = zone.hosted_zone().map(|zone| zone.name().trim_end_matches('.').to_owned()).unwrap_or_default();
    let servers = zone.delegation_set().map(|set| set.name_servers().to_vec()).unwrap_or_default();
    Ok((name, servers))
}

async fn zone_by_id(environment: &Environment, id: &str, domain: &str) -> Result<HostedZone, StepError> {
    let zone = match environment.route53_reads().get_hosted_zone().id(id).send().await {
        Ok(answer) => answer.hosted_zone,
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("route53:GetHostedZone", error)),
    };
    let invalid = |cause| StepError::new(ErrorClass::Invalid, cause);
    let Some(zone) = zone else { return Err(invalid(format!("there is no hosted zone {id} in this account"))) };
    let name = normal(zone.name());
    if is_private(&zone) {
        return Err(invalid(format!("hosted zone {id} ({name}) is private; the domain must be found on the Internet")));
    }
    if !is_within(domain, &name) {
        return Err(invalid(format!("{domain} does not belong to hosted zone {id}, which is for {name}")));
    }
    Ok(zone)
}

async fn zone_by_name(environment: &Environment, domain: &str) -> Result<Option<HostedZone>, StepError> {
    for name in candidates(domain) {
        let zones = public_zones(environment, name).await?;
        match zones.as_slice() {
            [] => {}
            [zone] => return Ok(Some(zone.clone())),
            several => {
                let ids: Vec<&str> = several.iter().map(|zone| plain_id(zone.id())).collect();
                return Err(StepError::new(
                    ErrorClass::Invalid,
                    format!("there are {} public hosted zones for {name}: {}", ids.len(), ids.join(", ")),
                )
                .hint("Say which one with hostedZoneId."));
            }
        }
    }
    Ok(None)
}

/// The public hosted zones of this name.
async fn public_zones(environment: &Environment, name: &str) -> Result<Vec<HostedZone>, StepError> {
    let answer = environment.route53_reads().list_hosted_zones_by_name().dns_name(name).send().await;
    let answer = answer.map_err(|error| failure("route53:ListHostedZonesByName", error))?;
    // The list starts at the name: without a zone of that name, it starts with a later one.
    let zones = answer.hosted_zones.into_iter();
    Ok(zones.filter(|zone| normal(zone.name()) == name && !is_private(zone)).collect())
}

/// The ids of all public hosted zones that contain the domain.
pub(crate) async fn zone_ids_of(environment: &Environment, domain: &str) -> Result<Vec<String>, StepError> {
    let mut ids = Vec::new();
    for name in candidates(domain) {
        let zones = public_zones(environment, name).await?;
        ids.extend(zones.iter().map(|zone| plain_id(zone.id()).to_owned()));
    }
    Ok(ids)
}

fn is_private(zone: &HostedZone) -> bool {
    zone.config().is_some_and(|config| config.private_zone())
}

fn is_within(domain: &str, zone: &str) -> bool {
    domain == zone || domain.ends_with(&format!(".{zone}"))
}

/// The domain and its parents, longest first, without the top level.
fn candidates(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |name| name.split_once('.').map(|(_, parent)| parent))
        .filter(|name| name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_zone_is_asked_for_first_and_the_top_level_never() {
        let names: Vec<&str> = candidates("a.b.example.com").collect();
        assert_eq!(names, ["a.b.example.com", "b.example.com", "example.com"]);
    }

    #[test]
    fn a_domain_that_only_ends_alike_is_not_within_the_zone() {
        assert!(is_within("endpoints.example.com", "example.com"));
        assert!(!is_within("endpoints.badexample.com", "example.com"));
    }
}
