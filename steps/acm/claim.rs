//! Records on a certificate that its validation record belongs to this deployment: records have no tags.

use std::sync::Arc;

use aws_sdk_acm::types::Tag;
use engine::step::{ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Environment, Nothing,
    failure::{failure, failure_for},
    outcome::nothing_to_do,
    route53::records_at,
};

/// The tag with the origin of a certificate's validation record.
pub(super) const RECORD: &str = "flow:validation-record";
/// The value of [`RECORD`] if the deployment creates the record.
pub(super) const RECORD_CREATED: &str = "created";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "acm:claimValidationRecord",
        "Tags a certificate whose validation record does not exist yet, so that the teardown can find whose record it is.",
        ["route53:ListResourceRecordSets", "acm:ListTagsForCertificate", "acm:AddTagsToCertificate"],
        claim_validation_record
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClaimValidationRecord {
    certificate_arn: String,
    hosted_zone_id: String,
    /// The record's name.
    name: String,
    /// The record's type, such as `CNAME`.
    #[serde(rename = "type")]
    kind: String,
}

/// Tags the certificate before the record is created: a crash in between leaves a tag without a record, never a record
/// without a tag.
async fn claim_validation_record(
    environment: Arc<Environment>,
    context: StepContext,
    input: ClaimValidationRecord,
) -> StepResult<Nothing> {
    let records = records_at(&environment, &context, &input.hosted_zone_id, &input.name).await?;
    if records.iter().any(|record| record.r#type().as_str() == input.kind) {
        return nothing_to_do();
    }
    let arn = &input.certificate_arn;
    let tags = environment.acm_reads().list_tags_for_certificate().certificate_arn(arn).send().await;
    let tags = tags.map_err(|error| failure_for(&context, arn, "acm:ListTagsForCertificate", error))?;
    if tags.tags().iter().any(|tag| tag.key() == RECORD) {
        return nothing_to_do();
    }
    let tag = Tag::builder().key(RECORD).value(RECORD_CREATED).build();
    let tag = tag.map_err(|error| StepError::new(ErrorClass::Invalid, error.to_string()))?;
    let tagged = environment.acm().add_tags_to_certificate().certificate_arn(arn).tags(tag).send().await;
    tagged.map_err(|error| failure("acm:AddTagsToCertificate", error))?;
    nothing_to_do()
}
