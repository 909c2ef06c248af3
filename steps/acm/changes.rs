//! Names what a changed `domain` or `certificate.validation` does not change.

use aws_sdk_acm::types::{CertificateDetail, DomainValidation, ValidationMethod};
use engine::step::StepError;

use super::{inventory, status};
use crate::{
    Environment,
    failure::{failure, is_missing},
    service::{CheckChanges, Objections},
};

const EXISTING: &str = "EXISTING";

pub(super) async fn check(
    environment: &Environment,
    input: &CheckChanges,
    objections: &mut Objections,
) -> Result<(), StepError> {
    let (Some(domain), Some(wanted)) = (&input.domain, &input.certificate_validation) else { return Ok(()) };
    let acm = environment.acm_reads();
    for certificate in inventory::list(&acm).await? {
        let arn = certificate.certificate_arn.unwrap_or_default();
        let tags = inventory::tags_of(environment, &arn).await?;
        if !tags.is_some_and(|(tags, _)| tags.is_ours(&input.deployment)) {
            continue;
        }
        if let Some(earlier) = certificate.domain_name.filter(|earlier| earlier != domain) {
            objections.notes.push(of_earlier_domain(domain, &earlier, &arn));
            continue;
        }
        match acm.describe_certificate().certificate_arn(&arn).send().await {
            Ok(answer) => {
                objections.notes.extend(answer.certificate.and_then(|certificate| note(wanted, &arn, &certificate)));
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(failure("acm:DescribeCertificate", error)),
        }
    }
    Ok(())
}

/// The note about the certificate of an earlier `domain`.
fn of_earlier_domain(domain: &str, earlier: &str, arn: &str) -> String {
    format!(
        "domain is {domain} in the input, and an earlier run served {earlier}: its certificate {arn} and its validation \
         record stay until the teardown."
    )
}

/// The note about a certificate that an earlier run requested; `None` if it fits or cannot be used any more.
fn note(wanted: &str, arn: &str, certificate: &CertificateDetail) -> Option<String> {
    let status = status(certificate);
    if !matches!(status.as_str(), "ISSUED" | "PENDING_VALIDATION") {
        return None;
    }
    let methods = certificate.domain_validation_options().iter().filter_map(DomainValidation::validation_method);
    let method = methods.map(ValidationMethod::as_str).next()?;
    if method == wanted {
        return None;
    }
    let effect = match (wanted, status.as_str()) {
        (EXISTING, _) => "the input's certificate is used, and the earlier one stays until the teardown",
        (_, "ISSUED") => "it is still used, and the method applies to the next certificate that is requested",
        _ => "another certificate is requested, and the earlier one stays until the teardown",
    };
    Some(format!(
        "certificate.validation is {wanted} in the input, and an earlier run requested {arn} by {method}: {effect}."
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_sdk_acm::types::CertificateStatus;

    use super::*;

    fn certificate(status: CertificateStatus) -> CertificateDetail {
        let validation = DomainValidation::builder().domain_name("a.example.com");
        let validation = validation.validation_method(ValidationMethod::Dns).build().unwrap();
        CertificateDetail::builder().status(status).domain_validation_options(validation).build()
    }

    #[test]
    fn a_changed_domain_names_the_certificate_and_the_records_that_stay() {
        let note = of_earlier_domain("b.example.com", "a.example.com", "arn:c");
        assert!(note.contains("a.example.com") && note.contains("arn:c") && note.contains("stay"), "{note}");
    }

    #[test]
    fn a_changed_way_of_proof_is_named_and_never_ignored() {
        let issued = certificate(CertificateStatus::Issued);
        assert_eq!(note("DNS", "arn:c", &issued), None);
        assert!(note("EMAIL", "arn:c", &issued).unwrap().contains("it is still used"));
        assert!(note("EXISTING", "arn:c", &issued).unwrap().contains("stays until the teardown"));
        let pending = certificate(CertificateStatus::PendingValidation);
        assert!(note("EMAIL", "arn:c", &pending).unwrap().contains("another certificate is requested"));
        assert_eq!(note("EMAIL", "arn:c", &certificate(CertificateStatus::Failed)), None);
    }
}
