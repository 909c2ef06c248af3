//! Finds the certificates of a deployment, and the DNS records that validate them.

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, DomainValidation, Filters, KeyAlgorithm};
use engine::step::StepError;

use super::claim::{RECORD, RECORD_CREATED};
use crate::{
    Environment,
    dns::is_no_name,
    failure::{failure, is_missing},
    found_tags,
    service::Found,
    tags::FoundTags,
};

/// A validation record of a certificate of this deployment.
struct Validation {
    record: String,
    /// The domain that it validates, without `*.`.
    domain: String,
}

/// Finds the certificates. A validation record validates a domain in every region and for every certificate of the
/// account (ACM User Guide, "DNS validation"). So a record is deleted only if this deployment created it and no other
/// certificate needs it.
pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let (mut validations, mut not_created) = (Vec::new(), Vec::new());
    for certificate in list(&environment.acm_reads()).await? {
        let arn = certificate.certificate_arn.clone().unwrap_or_default();
        let Some((tags, created_record)) = tags_of(environment, &arn).await? else { continue };
        if !tags.is_ours(deployment) {
            continue;
        }
        found.certificate_names.domains.extend(certificate.domain_name.clone());
        for validation in validations_of(environment, &arn).await? {
            if created_record { validations.push(validation) } else { not_created.push(validation) }
        }
        found.certificate_arns.push(arn);
    }
    for validation in without_own(not_created, &validations) {
        // A certificate that failed may never have had its record.
        if is_no_name(environment.resolver(), &validation.record).await {
            continue;
        }
        keep(
            found,
            &validation.record,
            "this deployment did not create it: it existed, a person made it, or an earlier version created it",
        );
    }
    if validations.is_empty() {
        return Ok(());
    }
    let others = others(environment, &found.certificate_arns.clone(), found).await?;
    for validation in validations {
        match others.iter().find(|(_, other)| may_use(other, &validation.domain)) {
            None => found.certificate_names.records.push(validation.record),
            Some((region, other)) => {
                let arn = other.certificate_arn().unwrap_or_default();
                keep(found, &validation.record, &format!("certificate {arn} in {region} is validated by it"));
            }
        }
    }
    Ok(())
}

/// The validations whose record no other certificate of this deployment created. All certificates of a domain have the same record, so
/// another certificate may still need it.
fn without_own(mut not_created: Vec<Validation>, created: &[Validation]) -> Vec<Validation> {
    not_created.retain(|validation| !created.iter().any(|created| base(&created.record) == base(&validation.record)));
    not_created
}

fn keep(found: &mut Found, record: &str, why: &str) {
    let line = format!("DNS record {record} CNAME: {why}");
    if !found.stays.contains(&line) {
        found.stays.push(line);
    }
}

/// All certificates with every type of key: without the filter ACM lists only those with RSA keys of 1024 and 2048 bits
/// (ACM API Reference, ListCertificates).
pub(super) async fn list(acm: &aws_sdk_acm::Client) -> Result<Vec<CertificateSummary>, StepError> {
    let every_key = Filters::builder()
        .set_key_types(Some(KeyAlgorithm::values().iter().map(|kind| KeyAlgorithm::from(*kind)).collect()));
    let mut certificates = Vec::new();
    let mut pages = acm.list_certificates().includes(every_key.build()).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("acm:ListCertificates", error))?;
        certificates.extend(page.certificate_summary_list.unwrap_or_default());
    }
    Ok(certificates)
}

/// The certificates other than `ours` in the account's enabled regions, each with its region. A region that cannot be
/// read must keep every record, so it is reported as a certificate that covers every domain.
async fn others(
    environment: &Environment,
    ours: &[String],
    found: &mut Found,
) -> Result<Vec<(String, CertificateSummary)>, StepError> {
    let regions = environment.ec2_reads().describe_regions().send().await;
    let regions = regions.map_err(|error| failure("ec2:DescribeRegions", error))?;
    let mut others = Vec::new();
    for region in regions.regions().iter().filter_map(|region| region.region_name()) {
        match list(&environment.acm_reads_in(region)).await {
            Ok(certificates) => {
                let not_ours = |certificate: &CertificateSummary| {
                    certificate.certificate_arn().is_none_or(|arn| !ours.iter().any(|ours| ours == arn))
                };
                others.extend(
                    certificates.into_iter().filter(not_ours).map(|certificate| (region.to_owned(), certificate)),
                );
            }
            Err(error) => {
                found.stays.push(format!("region {region} was not searched for certificates: {error}"));
                let unknown = CertificateSummary::builder().has_additional_subject_alternative_names(true);
                others.push((region.to_owned(), unknown.certificate_arn("of an unknown name").build()));
            }
        }
    }
    Ok(others)
}

/// Whether a certificate, which DNS may renew, covers the domain or `*.domain`.
fn may_use(other: &CertificateSummary, domain: &str) -> bool {
    let is_over = other.status().is_some_and(|status| {
        use CertificateStatus::{Expired, Failed, Revoked, ValidationTimedOut};
        matches!(status, Expired | Failed | Revoked | ValidationTimedOut)
    });
    let names =
        other.domain_name().into_iter().chain(other.subject_alternative_name_summaries().iter().map(String::as_str));
    // A summary contains only the first hundred names.
    let has_more = other.has_additional_subject_alternative_names() == Some(true);
    !is_over && (has_more || names.map(base).any(|name| name == domain))
}

/// The domain whose record validates `name`: `*.example.com` has the record of `example.com`.
fn base(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_prefix("*.").map(str::to_owned).unwrap_or(name)
}

/// The tags of a certificate, and whether this deployment created its validation record; `None` if it no longer exists.
pub(super) async fn tags_of(environment: &Environment, arn: &str) -> Result<Option<(FoundTags, bool)>, StepError> {
    match environment.acm_reads().list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => {
            let created = answer.tags().iter().any(|tag| tag.key() == RECORD && tag.value() == Some(RECORD_CREATED));
            Ok(Some((found_tags!(answer.tags()), created)))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("acm:ListTagsForCertificate", error)),
    }
}

async fn validations_of(environment: &Environment, arn: &str) -> Result<Vec<Validation>, StepError> {
    let certificate = match environment.acm_reads().describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => answer.certificate,
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("acm:DescribeCertificate", error)),
    };
    let options = certificate.and_then(|certificate| certificate.domain_validation_options).unwrap_or_default();
    let validation = |option: &DomainValidation| {
        let record = option.resource_record()?.name().to_owned();
        Some(Validation { record, domain: base(option.domain_name()) })
    };
    Ok(options.iter().filter_map(validation).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str) -> aws_sdk_acm::types::builders::CertificateSummaryBuilder {
        CertificateSummary::builder().domain_name(name)
    }

    #[test]
    fn a_record_of_two_certificates_of_the_deployment_is_not_reported_as_kept() {
        let of = |record: &str| Validation { record: record.to_owned(), domain: "a.example.com".to_owned() };
        let kept = without_own(vec![of("_x.a.example.com."), of("_z.a.example.com.")], &[of("_X.a.example.com.")]);
        assert_eq!(kept.iter().map(|one| one.record.as_str()).collect::<Vec<_>>(), ["_z.a.example.com."]);
    }

    #[test]
    fn a_record_that_another_certificate_is_renewed_by_is_kept() {
        let shared = [
            certificate("a.example.com").build(),
            certificate("*.a.example.com").build(),
            certificate("www.example.com").subject_alternative_name_summaries("A.example.com").build(),
            certificate("www.example.com").has_additional_subject_alternative_names(true).build(),
        ];
        for other in shared {
            assert!(may_use(&other, "a.example.com"), "{other:?}");
        }
        assert!(!may_use(&certificate("b.example.com").build(), "a.example.com"));
        assert!(!may_use(&certificate("a.example.com").status(CertificateStatus::Expired).build(), "a.example.com"));
    }
}
