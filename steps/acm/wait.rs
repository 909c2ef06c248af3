//! Waits for a certificate.

use std::{sync::Arc, time::Duration};

use engine::step::{Answer, Instructions, Pending, Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{CertificateArn, IssuedCertificate, ValidationRecord, describe, failed_for_good, issued, record, status};
use crate::{Environment, failure::poll_again_or};

/// The usual time until a certificate has a validation record.
const TYPICAL_RECORD: Duration = Duration::from_secs(5);
/// The shortest usual time until ACM finds the record; it takes two to thirty minutes.
const TYPICAL_VALIDATION: Duration = Duration::from_secs(150);
const NO_RECORD: &str = "record not published yet";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "acm:describeValidation",
        "Waits until Certificate Manager says which DNS record proves who owns the domain.",
        ["acm:DescribeCertificate"],
        describe_validation
    );
    step!(
        registry,
        environment,
        "acm:waitForCertificate",
        "Waits until the certificate is issued.",
        ["acm:DescribeCertificate"],
        wait_for_certificate
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForCertificate {
    certificate_arn: String,
    domain: String,
    /// `DNS` or `EMAIL`.
    validation_method: String,
    /// Whether a person must add the record.
    #[serde(default)]
    instructions: Option<bool>,
    /// The record to show; without it, the one that Certificate Manager names.
    #[serde(default)]
    record: Option<ValidationRecord>,
}

async fn describe_validation(
    environment: Arc<Environment>,
    context: StepContext,
    input: CertificateArn,
) -> StepResult<ValidationRecord> {
    if let Some(later) = context.first_poll_after(&input.certificate_arn, TYPICAL_RECORD) {
        return Ok(Answer::pending(NO_RECORD, later));
    }
    let certificate = match describe(&environment, &context, &input.certificate_arn).await {
        Ok(certificate) => certificate,
        Err(error) => return poll_again_or(error, &context),
    };
    if let Some(failure) = failed_for_good(&certificate) {
        return Err(failure);
    }
    match record(&certificate) {
        Some(record) => Ok(Answer::done(record)),
        None => {
            let interval = context.poll_towards(TYPICAL_RECORD);
            Ok(Answer::pending(NO_RECORD, interval))
        }
    }
}

async fn wait_for_certificate(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForCertificate,
) -> StepResult<IssuedCertificate> {
    let certificate = match describe(&environment, &context, &input.certificate_arn).await {
        Ok(certificate) => certificate,
        Err(error) => return poll_again_or(error, &context),
    };
    if let Some(failure) = failed_for_good(&certificate) {
        return Err(failure);
    }
    let status = status(&certificate);
    if status == "ISSUED" {
        return Ok(Answer::done(issued(input.certificate_arn, &certificate)));
    }
    let shown = input.record.clone().or_else(|| record(&certificate));
    let instructions = instructions(&input, shown);
    Ok(Answer::Pending(Pending { instructions, ..Pending::new(status, context.poll_towards(TYPICAL_VALIDATION)) }))
}

fn instructions(input: &WaitForCertificate, record: Option<ValidationRecord>) -> Option<Instructions> {
    let domain = &input.domain;
    if input.validation_method == "EMAIL" {
        return Some(Instructions {
            sentence: format!("Click the link in the e-mail from Amazon Certificates that asks to approve {domain}:"),
            values: vec![
                ("from".to_owned(), "no-reply@certificates.amazon.com".to_owned()),
                ("to".to_owned(), format!("admin@, administrator@, hostmaster@, postmaster@ or webmaster@ {domain}")),
            ],
            answer: Some(as_issued(input)),
            approval: None,
        });
    }
    let record = record.filter(|_| input.instructions == Some(true))?;
    Some(Instructions {
        sentence: format!("Add this record at the DNS host of {domain}:"),
        values: vec![
            ("name".to_owned(), record.name),
            ("type".to_owned(), record.kind),
            ("value".to_owned(), record.value),
        ],
        answer: Some(as_issued(input)),
        approval: None,
    })
}

/// The output with which a person may answer the wait: later sections need only the ARN.
fn as_issued(input: &WaitForCertificate) -> serde_json::Value {
    serde_json::json!({ "certificateArn": input.certificate_arn, "status": "ISSUED", "notAfter": null })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn input(method: &str, instructions: bool) -> WaitForCertificate {
        WaitForCertificate {
            certificate_arn: "arn".into(),
            domain: "a.example.com".into(),
            validation_method: method.into(),
            instructions: Some(instructions),
            record: None,
        }
    }

    #[test]
    fn nobody_is_asked_to_add_a_record_that_flow_added_itself() {
        let record = ValidationRecord { name: "_x.a.example.com.".into(), kind: "CNAME".into(), value: "_y.".into() };
        assert_eq!(instructions(&input("DNS", false), Some(record.clone())), None);
        let reported = instructions(&input("DNS", true), Some(record)).unwrap();
        assert_eq!(reported.values[0], ("name".into(), "_x.a.example.com.".into()));
        assert!(instructions(&input("EMAIL", false), None).unwrap().sentence.contains("e-mail"));
    }
}
