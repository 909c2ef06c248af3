//! Checks whether the domain can be pointed at the load balancer: its record is free, and its hosted zone is the public
//! one.

use std::{collections::BTreeSet, sync::Arc};

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use hickory_resolver::proto::rr::{RData, RecordType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment,
    elbv2::balancer_named,
    route53::{described, leads_to, points_elsewhere, records_at, zone_ids_of, zone_servers},
    service::Balancer,
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkDomain",
        "Checks that the domain has no other record in its hosted zone, and that public DNS asks this zone.",
        [
            "route53:ListResourceRecordSets",
            "route53:GetHostedZone",
            "route53:ListHostedZonesByName",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags"
        ],
        check_domain
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckDomain {
    domain: String,
    /// The hosted zone; null where the zone is not in this account.
    hosted_zone_id: Option<String>,
    /// Whether another record may be replaced.
    overwrite: bool,
    /// The deployment's load balancer, to which the domain may lead already.
    load_balancer_name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedDomain {
    /// Whether public DNS names the hosted zone's servers; null where that is not known.
    is_delegated: Option<bool>,
    /// The records of an earlier input that stay, each in a sentence.
    notes: Vec<String>,
}

/// The addition to a refusal if the records lead to an earlier load balancer of this deployment, which may have been deleted by hand.
fn of_earlier_balancer(exists: bool, name: &str, records: &[String]) -> &'static str {
    let leads_to = format!("{name}-");
    let is_own = |record: &String| record.contains(&leads_to) && record.contains(".elb.");
    match !exists && records.iter().all(is_own) {
        true => {
            ", which is this deployment's own: it leads to its earlier load balancer, which does not exist any more"
        }
        false => "",
    }
}

async fn check_domain(
    environment: Arc<Environment>,
    context: StepContext,
    input: CheckDomain,
) -> StepResult<CheckedDomain> {
    let balancer = balancer_named(&environment, &input.load_balancer_name).await?;
    let notes = match &balancer {
        Some(balancer) => earlier_records(&environment, &context, &input, balancer).await?,
        None => Vec::new(),
    };
    let Some(zone_id) = &input.hosted_zone_id else {
        return Ok(Answer::done(CheckedDomain { is_delegated: None, notes }));
    };
    let mut problems = Vec::new();
    let records = records_at(&environment, &context, zone_id, &input.domain).await?;
    if !input.overwrite && !records.is_empty() {
        let dns_name = balancer.as_ref().map(|balancer| balancer.dns_name.as_str());
        let other = records.iter().filter(|record| points_elsewhere(record, dns_name));
        let other: Vec<String> = other.map(described).collect();
        if !other.is_empty() {
            let own = of_earlier_balancer(balancer.is_some(), &input.load_balancer_name, &other);
            problems.push(format!(
                "{} has a record already ({}){own}: remove it, or set overwriteDnsRecord: true to replace it",
                input.domain,
                other.join("; ")
            ));
        }
    }
    let (zone_name, servers) = zone_servers(&environment, &context, zone_id).await?;
    let ours: BTreeSet<String> = servers.iter().map(|name| normal(name)).collect();
    let public = name_servers(&environment, &zone_name).await;
    let is_delegated = public.as_ref().filter(|_| !ours.is_empty()).map(|public| !public.is_disjoint(&ours));
    if is_delegated == Some(false) {
        problems.push(not_delegated(zone_id, &zone_name, &ours, public.as_ref()));
    }
    if problems.is_empty() {
        return Ok(Answer::done(CheckedDomain { is_delegated, notes }));
    }
    Err(StepError::new(ErrorClass::Invalid, problems.join("; ")))
}

/// Names the records of earlier inputs that lead to the load balancer: those of the domain in other hosted zones, and those of other
/// domains.
async fn earlier_records(
    environment: &Environment,
    context: &StepContext,
    input: &CheckDomain,
    balancer: &Balancer,
) -> Result<Vec<String>, StepError> {
    let mut notes = Vec::new();
    let earlier =
        balancer.domains.iter().map(String::as_str).filter(|domain| !domain.eq_ignore_ascii_case(&input.domain));
    for domain in std::iter::once(input.domain.as_str()).chain(earlier) {
        let is_of_input = domain == input.domain;
        let what = if is_of_input { "zone" } else { "domain" };
        for zone_id in zone_ids_of(environment, domain).await? {
            if is_of_input && input.hosted_zone_id.as_ref() == Some(&zone_id) {
                continue;
            }
            let records = records_at(environment, context, &zone_id, domain).await?;
            let ours = records.iter().filter(|record| leads_to(record, &balancer.dns_name));
            notes.extend(ours.map(|record| {
                format!(
                    "The record of {domain} in hosted zone {zone_id} ({}) stays until the teardown: the input uses another {what}.",
                    described(record)
                )
            }));
        }
    }
    Ok(notes)
}

/// The zone's name servers in public DNS: empty if it has none, `None` if DNS does not answer.
async fn name_servers(environment: &Environment, zone: &str) -> Option<BTreeSet<String>> {
    match environment.resolver().lookup(format!("{zone}."), RecordType::NS).await {
        Ok(answer) => {
            let names = answer.answers().iter().filter_map(|record| match &record.data {
                RData::NS(name) => Some(normal(&name.to_string())),
                _ => None,
            });
            Some(names.collect())
        }
        Err(error) if error.is_nx_domain() || error.is_no_records_found() => Some(BTreeSet::new()),
        Err(_) => None,
    }
}

fn not_delegated(id: &str, zone: &str, ours: &BTreeSet<String>, public: Option<&BTreeSet<String>>) -> String {
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let public_answer = match public.filter(|public| !public.is_empty()) {
        Some(public) => format!("asks {}", list(public)),
        None => "has no name servers".to_owned(),
    };
    format!(
        "public DNS does not ask hosted zone {id}: {zone} {public_answer}. Set the NS records of {zone} at its registrar to {}, or give the \
         zone that is asked as hostedZoneId",
        list(ours)
    )
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_nobody_asks_names_the_records_to_set() {
        let ours = BTreeSet::from(["ns-1.awsdns-1.com".to_owned(), "ns-2.awsdns-2.org".to_owned()]);
        let other = BTreeSet::from(["ns.registrar.example".to_owned()]);
        let reported = not_delegated("Z1", "example.com", &ours, Some(&other));
        assert!(reported.contains("example.com asks ns.registrar.example"), "{reported}");
        assert!(reported.contains("to ns-1.awsdns-1.com, ns-2.awsdns-2.org"), "{reported}");
        assert!(not_delegated("Z1", "example.com", &ours, Some(&BTreeSet::new())).contains("has no name servers"));
    }

    #[test]
    fn a_record_of_an_earlier_load_balancer_is_named_as_the_deployments_own() {
        let records = ["A alias demo-https-123.us-east-1.elb.amazonaws.com".to_owned()];
        assert!(of_earlier_balancer(false, "demo-https", &records).contains("own"));
        assert_eq!(of_earlier_balancer(true, "demo-https", &records), "");
        assert_eq!(of_earlier_balancer(false, "other-https", &records), "");
    }
}
