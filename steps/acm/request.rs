//! Requests a certificate, or adopts an existing one.

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, ValidationMethod};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IssuedCertificate, RESOURCE_TYPE, describe, issued, status};
use crate::{
    Environment,
    failure::{failure, failure_for, is_missing},
    found_tags,
    tags::{FoundTags, Tags, only_one, short_token},
};

/// Certificate Manager's limit on idempotency tokens.
const TOKEN_LENGTH: usize = 32;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "acm:requestCertificate",
        "Requests a public certificate for the domain.",
        [
            "acm:ListCertificates",
            "acm:ListTagsForCertificate",
            "acm:DescribeCertificate",
            "acm:RequestCertificate",
            "acm:AddTagsToCertificate",
        ],
        request_certificate
    );
    step!(
        registry,
        environment,
        "acm:useCertificate",
        "Checks that an existing certificate is issued and covers the domain.",
        ["acm:DescribeCertificate"],
        use_certificate
    );
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Validation {
    Dns,
    Email,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestCertificate {
    deployment: String,
    domain: String,
    /// The proof of the domain's ownership.
    validation_method: Validation,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RequestedCertificate {
    certificate_arn: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UseCertificate {
    certificate_arn: String,
    domain: String,
}

async fn request_certificate(
    environment: Arc<Environment>,
    context: StepContext,
    input: RequestCertificate,
) -> StepResult<RequestedCertificate> {
    if let Some((certificate_arn, tags)) = find(&environment, &context, &input).await? {
        let change = tags.change(&context, &certificate_arn);
        return Ok(answer(certificate_arn, change, &input.domain));
    }
    let method = match input.validation_method {
        Validation::Dns => ValidationMethod::Dns,
        Validation::Email => ValidationMethod::Email,
    };
    let requested = environment
        .acm()
        .request_certificate()
        .domain_name(&input.domain)
        .validation_method(method)
        .idempotency_token(short_token(&context, TOKEN_LENGTH))
        .set_tags(Some(Tags::new(&context, &input.deployment).named(&input.domain).acm()))
        .send()
        .await
        .map_err(|error| failure("acm:RequestCertificate", error))?;
    Ok(answer(requested.certificate_arn.unwrap_or_default(), ChangeAction::Created, &input.domain))
}

fn answer(certificate_arn: String, change: ChangeAction, domain: &str) -> Answer<RequestedCertificate> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &certificate_arn).named(domain);
    Answer::with_change(RequestedCertificate { certificate_arn }, resource_change)
}

/// The deployment's certificate for the domain, if it is issued or can still be issued with the requested validation
/// method.
async fn find(
    environment: &Environment,
    context: &StepContext,
    input: &RequestCertificate,
) -> Result<Option<(String, FoundTags)>, StepError> {
    let mut found = Vec::new();
    let mut pages = environment.acm_reads().list_certificates().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("acm:ListCertificates", error))?;
        for certificate in page.certificate_summary_list() {
            if certificate.domain_name() != Some(input.domain.as_str()) || !may_be_usable(certificate) {
                continue;
            }
            let arn = certificate.certificate_arn().unwrap_or_default();
            let Some(tags) = tags_of(environment, arn).await? else { continue };
            if tags.is_ours(&input.deployment) && is_as_wanted(&describe(environment, context, arn).await?, input) {
                found.push((arn.to_owned(), tags));
            }
        }
    }
    only_one("certificate", &input.deployment, found, |(arn, _)| Some(arn))
}

fn may_be_usable(certificate: &CertificateSummary) -> bool {
    certificate
        .status()
        .is_none_or(|status| matches!(status, CertificateStatus::Issued | CertificateStatus::PendingValidation))
}

fn is_as_wanted(certificate: &CertificateDetail, input: &RequestCertificate) -> bool {
    match status(certificate).as_str() {
        "ISSUED" => true,
        "PENDING_VALIDATION" => {
            let by_email = certificate
                .domain_validation_options()
                .iter()
                .any(|option| option.validation_method() == Some(&ValidationMethod::Email));
            by_email == (input.validation_method == Validation::Email)
        }
        _ => false,
    }
}

async fn tags_of(environment: &Environment, certificate_arn: &str) -> Result<Option<FoundTags>, StepError> {
    match environment.acm_reads().list_tags_for_certificate().certificate_arn(certificate_arn).send().await {
        Ok(answer) => Ok(Some(found_tags!(answer.tags()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("acm:ListTagsForCertificate", error)),
    }
}

async fn use_certificate(
    environment: Arc<Environment>,
    context: StepContext,
    input: UseCertificate,
) -> StepResult<IssuedCertificate> {
    let arn = &input.certificate_arn;
    let region = arn.split(':').nth(3).unwrap_or_default();
    if region != environment.region() {
        return Err(invalid(format!(
            "certificate {arn} is not in region {}, where the load balancer needs it",
            environment.region()
        )));
    }
    let answer = environment.acm_reads().describe_certificate().certificate_arn(arn).send().await;
    let certificate = match answer {
        Ok(answer) => answer.certificate,
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure_for(&context, arn, "acm:DescribeCertificate", error)),
    };
    let Some(certificate) = certificate else {
        return Err(invalid(format!("there is no certificate {arn}")));
    };
    let status = status(&certificate);
    if status != "ISSUED" {
        return Err(invalid(format!("certificate {arn} is {status}, not ISSUED")));
    }
    let names: Vec<&str> = certificate
        .domain_name()
        .into_iter()
        .chain(certificate.subject_alternative_names().iter().map(String::as_str))
        .collect();
    if !names.iter().any(|name| covers(name, &input.domain)) {
        return Err(invalid(format!("certificate {arn} is for {}, not for {}", names.join(", "), input.domain)));
    }
    Ok(Answer::done(issued(input.certificate_arn, &certificate)))
}

fn invalid(cause: String) -> StepError {
    StepError::new(ErrorClass::Invalid, cause)
        .hint("Name an issued certificate for the domain in the same region, or let one be requested.")
}

/// Whether a certificate for `name` covers `domain`: a wildcard matches exactly one label.
fn covers(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.trim_end_matches('.').to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(parent) => domain.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == domain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_does_not_cover_its_own_parent_or_two_labels() {
        assert!(covers("endpoints.example.com", "Endpoints.Example.com"));
        assert!(covers("*.example.com", "endpoints.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("example.com", "endpoints.example.com"));
        assert!(!covers("*.example.com", "endpoints.badexample.com"));
    }
}
