//! Certificates, and the DNS records that validate them.

use aws_sdk_acm::types::{CertificateSummary, DomainValidation};
use engine::step::StepError;

use super::Found;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
};

/// Finds them and answers the names of the records that validate ours and nothing else.
pub(super) async fn find(
    environment: &Environment,
    deployment: &str,
    found: &mut Found,
) -> Result<Vec<String>, StepError> {
    let mut ours: Vec<CertificateSummary> = Vec::new();
    let mut others: Vec<CertificateSummary> = Vec::new();
    let mut pages = environment.acm_reads().list_certificates().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("acm:ListCertificates", error))?;
        for certificate in page.certificate_summary_list.unwrap_or_default() {
            let is_ours = is_ours(environment, deployment, certificate.certificate_arn().unwrap_or_default()).await?;
            if is_ours { ours.push(certificate) } else { others.push(certificate) }
        }
    }
    let mut records = Vec::new();
    for certificate in ours {
        let Some(arn) = certificate.certificate_arn else { continue };
        // One record validates every certificate of the account for the same domain.
        let is_shared = others.iter().any(|other| other.domain_name() == certificate.domain_name.as_deref());
        if !is_shared {
            records.extend(validation_records(environment, &arn).await?);
        }
        found.certificate_arns.push(arn);
    }
    Ok(records)
}

async fn is_ours(environment: &Environment, deployment: &str, arn: &str) -> Result<bool, StepError> {
    match environment.acm_reads().list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(found_tags!(answer.tags()).is_ours(deployment)),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(failure("acm:ListTagsForCertificate", error)),
    }
}

async fn validation_records(environment: &Environment, arn: &str) -> Result<Vec<String>, StepError> {
    let certificate = match environment.acm_reads().describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => answer.certificate,
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("acm:DescribeCertificate", error)),
    };
    let options = certificate.and_then(|certificate| certificate.domain_validation_options).unwrap_or_default();
    let records = options.iter().filter_map(DomainValidation::resource_record);
    Ok(records.map(|record| record.name().to_owned()).collect())
}
