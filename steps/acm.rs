//! Certificate Manager.

mod changes;
mod claim;
mod inventory;
mod request;
mod wait;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_acm::types::{CertificateDetail, DomainValidation};
use engine::step::{ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment, Nothing,
    failure::{failure, failure_for, is_missing},
    outcome::{gone, gone_already},
    policy::{REQUEST_TAGGED, Restriction, Scope, request_tag, resource_tag},
    service::{CheckChanges, Found, Objections, Service, UsualWait},
    tags::Tags,
};

const RESOURCE_TYPE: &str = "AWS::CertificateManager::Certificate";

/// The certificates that a request tags with the deployment: AWS checks `acm:AddTagsToCertificate` also for the tags of
/// a new certificate, which has no tags yet (Service Authorization Reference, "Actions, resources, and condition keys
/// for AWS Certificate Manager": `aws:RequestTag` for this action, `aws:ResourceTag` for certificates).
const CERTIFICATES_WITH_TAG: Scope =
    Scope { id: "TagCertificatesWithTheDeployment", resources: all_certificates, condition: request_tag };
/// The certificates with the deployment's tag.
const CERTIFICATES_OF_DEPLOYMENT: Scope =
    Scope { id: "CertificatesOfTheDeployment", resources: all_certificates, condition: resource_tag };

fn all_certificates(restriction: &Restriction) -> Vec<String> {
    vec![restriction.arn("acm", "certificate/*")]
}

/// Certificate Manager: the certificates of a deployment.
pub(crate) struct CertificateManager;

#[async_trait]
impl Service for CertificateManager {
    fn name(&self) -> &'static str {
        "acm"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["acm:ListCertificates", "acm:ListTagsForCertificate", "acm:DescribeCertificate", "ec2:DescribeRegions"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn change_actions(&self) -> &'static [&'static str] {
        &["acm:ListCertificates", "acm:ListTagsForCertificate", "acm:DescribeCertificate"]
    }

    async fn check_changes(
        &self,
        environment: &Environment,
        input: &CheckChanges,
        objections: &mut Objections,
    ) -> Result<(), StepError> {
        changes::check(environment, input, objections).await
    }

    fn waits(&self) -> &'static [UsualWait] {
        &[
            UsualWait { step: "acm:describeValidation", usual_seconds: (5, 30), takes: None },
            UsualWait {
                step: "acm:waitForCertificate",
                usual_seconds: (120, 1_800),
                takes: Some("about 2.5 min once the DNS record is there"),
            },
        ]
    }

    fn scopes(&self, call: &str) -> &'static [&'static Scope] {
        match call {
            "RequestCertificate" => &[&REQUEST_TAGGED],
            "AddTagsToCertificate" => &[&CERTIFICATES_WITH_TAG, &CERTIFICATES_OF_DEPLOYMENT],
            _ => &[&CERTIFICATES_OF_DEPLOYMENT],
        }
    }
}

impl Environment {
    /// The client for changes.
    fn acm(&self) -> aws_sdk_acm::Client {
        self.client_for_changes(aws_sdk_acm::Client::new)
    }

    /// The client for reads.
    fn acm_reads(&self) -> aws_sdk_acm::Client {
        self.client_for_reads(aws_sdk_acm::Client::new)
    }

    /// The client for reads in another region of the same account.
    fn acm_reads_in(&self, region: &str) -> aws_sdk_acm::Client {
        let builder = aws_sdk_acm::config::Builder::from(self.config_of_reads());
        let builder = builder.region(aws_config::Region::new(region.to_owned()));
        aws_sdk_acm::Client::from_conf(builder.build())
    }
}

impl Tags {
    /// The tags in Certificate Manager's form.
    fn acm(&self) -> Vec<aws_sdk_acm::types::Tag> {
        // Building a tag fails only without a key, and every pair has one.
        self.pairs()
            .filter_map(|(key, value)| aws_sdk_acm::types::Tag::builder().key(key).value(value).build().ok())
            .collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    claim::register(registry, environment);
    request::register(registry, environment);
    wait::register(registry, environment);
    step!(
        registry,
        environment,
        "acm:deleteCertificate",
        "Deletes a certificate.",
        ["acm:DeleteCertificate"],
        delete_certificate
    );
}

/// A DNS record that proves who owns the domain.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ValidationRecord {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// An issued certificate.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct IssuedCertificate {
    certificate_arn: String,
    status: String,
    /// The end of its validity, such as `2027-01-31T23:59:59Z`.
    not_after: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateArn {
    certificate_arn: String,
}

async fn describe(
    environment: &Environment,
    context: &StepContext,
    certificate_arn: &str,
) -> Result<CertificateDetail, StepError> {
    let answer = environment.acm_reads().describe_certificate().certificate_arn(certificate_arn).send().await;
    let answer = answer.map_err(|error| failure_for(context, certificate_arn, "acm:DescribeCertificate", error))?;
    answer.certificate.ok_or_else(|| {
        StepError::new(ErrorClass::Unknown, "the answer holds no certificate").during("acm:DescribeCertificate")
    })
}

fn status(certificate: &CertificateDetail) -> String {
    certificate.status().map_or("PENDING_VALIDATION", |status| status.as_str()).to_owned()
}

fn issued(certificate_arn: String, certificate: &CertificateDetail) -> IssuedCertificate {
    use aws_smithy_types::date_time::Format;
    let not_after = certificate.not_after().and_then(|time| time.fmt(Format::DateTime).ok());
    IssuedCertificate { certificate_arn, status: status(certificate), not_after }
}

fn record(certificate: &CertificateDetail) -> Option<ValidationRecord> {
    let record = certificate.domain_validation_options().iter().find_map(DomainValidation::resource_record)?;
    Some(ValidationRecord {
        name: record.name().to_owned(),
        kind: record.r#type().as_str().to_owned(),
        value: record.value().to_owned(),
    })
}

/// The failure of a certificate that will never be issued.
fn failed_for_good(certificate: &CertificateDetail) -> Option<StepError> {
    let status = status(certificate);
    if !matches!(status.as_str(), "FAILED" | "VALIDATION_TIMED_OUT" | "EXPIRED" | "REVOKED" | "INACTIVE") {
        return None;
    }
    let domain = certificate.domain_name().unwrap_or_default();
    let reason = match (certificate.failure_reason(), status.as_str()) {
        (Some(reason), _) => format!(": {reason}"),
        (None, "VALIDATION_TIMED_OUT") => ": the domain was not validated within 72 hours".to_owned(),
        (None, _) => String::new(),
    };
    let error = StepError::new(ErrorClass::Failed, format!("the certificate for {domain} is {status}{reason}"));
    let shown = certificate.certificate_arn().unwrap_or("ARN");
    Some(error.hint_of_new_execution(format!(
        "Repair the cause, which   aws acm describe-certificate --certificate-arn {shown}   shows, and run again with the same input: a new \
         certificate is requested, this one is not used."
    )))
}

async fn delete_certificate(
    environment: Arc<Environment>,
    context: StepContext,
    input: CertificateArn,
) -> StepResult<Nothing> {
    match environment.acm().delete_certificate().certificate_arn(&input.certificate_arn).send().await {
        Ok(_) => gone(RESOURCE_TYPE, &input.certificate_arn),
        Err(error) if is_missing(&error) => gone_already(&context, RESOURCE_TYPE, &input.certificate_arn),
        Err(error) => {
            let mut failure = failure("acm:DeleteCertificate", error);
            if failure.class == ErrorClass::Busy
                && let Ok(certificate) = describe(&environment, &context, &input.certificate_arn).await
            {
                failure.cause = format!("{}; in use by {}", failure.cause, certificate.in_use_by().join(", "));
            }
            Err(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_sdk_acm::types::CertificateStatus;

    use super::*;

    #[test]
    fn a_certificate_that_is_never_issued_names_the_command_that_shows_why() {
        let of = |status: CertificateStatus| {
            CertificateDetail::builder().certificate_arn("arn:c").domain_name("a.example.com").status(status).build()
        };
        let error = failed_for_good(&of(CertificateStatus::Failed)).unwrap();
        let hint = error.hint.unwrap();
        assert!(hint.contains("   aws acm describe-certificate --certificate-arn arn:c   "), "{hint}");
        assert!(failed_for_good(&of(CertificateStatus::PendingValidation)).is_none());
    }
}
