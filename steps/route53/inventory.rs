//! Finds the DNS records of a deployment. They have no tags. A record belongs to the deployment if it points the
//! deployment's domain at its load balancer, or if the deployment created it to validate a certificate.

use std::collections::BTreeSet;

use aws_sdk_route53::types::{HostedZone, ResourceRecordSet, RrType};
use engine::step::StepError;

use super::described;
use crate::{
    Environment,
    failure::{failure, is_missing},
    service::{Found, FoundRecord},
};

/// The suffix of the values that validate certificates.
const VALIDATION: &str = ".acm-validations.aws";

/// The part that the DNS names of load balancers contain in every partition.
const BALANCER: &str = ".elb.amazonaws.com";

/// The criteria for the deployment's records.
struct Ours {
    /// The DNS names of the deployment's load balancers.
    balancers: Vec<String>,
    /// The domains that this deployment has pointed at the load balancers: the domain of the input, and those of earlier inputs.
    domains: Vec<String>,
    /// The names of the validation records that this deployment created.
    validations: Vec<String>,
}

/// Finds the records that lead to the load balancers and certificates in `found`.
pub(super) async fn find(environment: &Environment, found: &mut Found) -> Result<(), StepError> {
    let (balancers, certificates) = (&found.balancers, &found.certificate_names);
    let domains = balancers.iter().flat_map(|balancer| &balancer.domains).chain(&certificates.domains);
    let ours = Ours {
        balancers: balancers.iter().map(|balancer| normal(&balancer.dns_name)).collect(),
        domains: domains.map(|domain| normal(domain)).collect::<BTreeSet<_>>().into_iter().collect(),
        validations: certificates.records.iter().map(|name| normal(name)).collect(),
    };
    if ours.domains.is_empty() && ours.balancers.is_empty() && ours.validations.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    let mut zones = environment.route53_reads().list_hosted_zones().into_paginator().send();
    while let Some(page) = zones.next().await {
        let page = page.map_err(|error| failure("route53:ListHostedZones", error))?;
        for zone in page.hosted_zones().iter().filter(|zone| !is_private(zone)) {
            of_zone(environment, zone, &ours, found).await?;
            names.push(normal(zone.name()));
        }
    }
    found.stays.extend(ours.domains.iter().filter(|domain| !has_zone(domain, &names)).map(|domain| outside(domain)));
    Ok(())
}

/// Whether one of the hosted zones contains the domain.
fn has_zone(domain: &str, zones: &[String]) -> bool {
    zones
        .iter()
        .any(|zone| domain == zone || domain.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.')))
}

/// The report about a domain whose DNS is not in this account.
fn outside(domain: &str) -> String {
    format!(
        "DNS records of {domain} at its DNS host, which is not in this account: delete there the record of {domain} that leads to the \
         load balancer, and each CNAME below {domain} whose value ends in {VALIDATION}"
    )
}

fn is_private(zone: &HostedZone) -> bool {
    zone.config().is_some_and(|config| config.private_zone())
}

async fn of_zone(
    environment: &Environment,
    zone: &HostedZone,
    ours: &Ours,
    found: &mut Found,
) -> Result<(), StepError> {
    let hosted_zone_id = zone.id().trim_start_matches("/hostedzone/");
    let mut start = None;
    loop {
        let call = environment.route53_reads().list_resource_record_sets().hosted_zone_id(hosted_zone_id);
        let call = match start.take() {
            None => call,
            Some((name, kind, identifier)) => {
                call.set_start_record_name(name).set_start_record_type(kind).set_start_record_identifier(identifier)
            }
        };
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(failure("route53:ListResourceRecordSets", error)),
        };
        for record in page.resource_record_sets() {
            let leads_to_ours = leads_to(record, &ours.balancers);
            if leads_to_ours && !ours.domains.contains(&normal(record.name())) {
                // The record belongs to someone else and stops working without the load balancer. It is reported, so
                // that its owner can act.
                let (name, kind) = (normal(record.name()), record.r#type().as_str());
                found.stays.push(format!(
                    "DNS record {name} {kind}: this deployment did not create it, but it leads to its load balancer"
                ));
            } else if !leads_to_ours && leads_to_a_balancer(record) && ours.domains.contains(&normal(record.name())) {
                // Whether the load balancer was this deployment's cannot be read once it is deleted.
                let (name, content) = (normal(record.name()), described(record));
                found.stays.push(format!(
                    "DNS record {name} {content}: no load balancer of this deployment has this name; delete the record if it is no longer used"
                ));
            } else if leads_to_ours || validates(record, &ours.validations) {
                found.records.push(FoundRecord {
                    hosted_zone_id: hosted_zone_id.to_owned(),
                    name: normal(record.name()),
                    kind: record.r#type().as_str().to_owned(),
                });
            }
        }
        if !page.is_truncated {
            return Ok(());
        }
        start = Some((page.next_record_name, page.next_record_type, page.next_record_identifier));
    }
}

fn leads_to(record: &ResourceRecordSet, balancers: &[String]) -> bool {
    let is_ours = |target: &str| {
        let target = normal(target);
        balancers.iter().any(|balancer| target.trim_start_matches("dualstack.") == balancer)
    };
    let by_alias = record.alias_target().is_some_and(|target| is_ours(target.dns_name()));
    let by_name = *record.r#type() == RrType::Cname && record.resource_records().iter().any(|one| is_ours(one.value()));
    by_alias || by_name
}

/// Whether a record leads to a load balancer of any account.
fn leads_to_a_balancer(record: &ResourceRecordSet) -> bool {
    let is_one = |target: &str| normal(target).contains(BALANCER);
    let by_alias = record.alias_target().is_some_and(|target| is_one(target.dns_name()));
    by_alias || (*record.r#type() == RrType::Cname && record.resource_records().iter().any(|one| is_one(one.value())))
}

/// Whether a record validates a certificate. Name and value must match: the name may be used for something else by now.
fn validates(record: &ResourceRecordSet, validations: &[String]) -> bool {
    *record.r#type() == RrType::Cname
        && validations.contains(&normal(record.name()))
        && record.resource_records().iter().all(|one| normal(one.value()).ends_with(VALIDATION))
}

/// A name in lower case without the final dot.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use aws_sdk_route53::types::{AliasTarget, ResourceRecord};

    use super::*;

    fn cname(name: &str, value: &str) -> ResourceRecordSet {
        let value = ResourceRecord::builder().value(value).build().unwrap();
        ResourceRecordSet::builder().name(name).r#type(RrType::Cname).resource_records(value).build().unwrap()
    }

    #[test]
    fn a_record_that_leads_elsewhere_is_never_deleted() {
        let ours = ["demo-1.eu-central-1.elb.amazonaws.com".to_owned()];
        let alias = |to: &str| {
            let target = AliasTarget::builder().dns_name(to).hosted_zone_id("Z2").evaluate_target_health(false);
            let record = ResourceRecordSet::builder().name("a.example.com.").r#type(RrType::A);
            record.alias_target(target.build().unwrap()).build().unwrap()
        };
        assert!(leads_to(&alias("dualstack.Demo-1.eu-central-1.elb.amazonaws.com."), &ours));
        assert!(leads_to(&cname("a.example.com.", "demo-1.eu-central-1.elb.amazonaws.com"), &ours));
        assert!(!leads_to(&alias("other-demo-1.eu-central-1.elb.amazonaws.com."), &ours));
        assert!(!leads_to(&cname("a.example.com.", "www.example.com"), &ours));
    }

    #[test]
    fn a_domain_without_a_hosted_zone_is_named_and_one_with_a_zone_is_not() {
        let zones = ["example.com".to_owned()];
        assert!(has_zone("example.com", &zones) && has_zone("a.b.example.com", &zones));
        assert!(!has_zone("badexample.com", &zones) && !has_zone("example.org", &zones));
        assert!(outside("a.example.org").contains("a.example.org"));
    }

    #[test]
    fn a_record_of_a_load_balancer_that_is_gone_is_recognised() {
        assert!(leads_to_a_balancer(&cname("a.example.com.", "Gone-1.eu-central-1.elb.amazonaws.com.")));
        assert!(!leads_to_a_balancer(&cname("a.example.com.", "www.example.com")));
    }

    #[test]
    fn only_a_validation_record_of_ours_is_deleted() {
        let ours = ["_x.a.example.com".to_owned()];
        assert!(validates(&cname("_x.A.example.com.", "_y.jkddzztszm.acm-validations.aws."), &ours));
        assert!(!validates(&cname("_z.a.example.com.", "_y.acm-validations.aws."), &ours));
        assert!(!validates(&cname("_x.a.example.com.", "www.example.com."), &ours));
    }
}
