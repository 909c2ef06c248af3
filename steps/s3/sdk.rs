//! The AWS SDK integrations of S3: `arn:aws:states:::aws-sdk:s3:getObject` and the like. Parameters and results have the names of Step
//! Functions, which are those of AWS's SDK for Java in Pascal case.
//! Sources: Developer Guide, "Learning to use AWS service SDK integrations"; recordings of November 2025 (LocalStack's test suite).

mod answers;
mod failures;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use aws_sdk_s3::{
    primitives::{ByteStream, DateTime, DateTimeFormat},
    types::{
        ChecksumMode, EncodingType, ObjectCannedAcl, OptionalObjectAttributes, RequestPayer, ServerSideEncryption,
        StorageClass,
    },
};
use engine::step::{Answer, ErrorClass, PAYLOAD_BYTES_MAX, Registry, StepContext, StepError, StepResult, error_names};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::through;
use crate::Environment;
use failures::failed;

/// The largest result of a Task, in bytes of JSON. A larger object is not read to its end.
const RESULT_BYTES_MAX: u64 = PAYLOAD_BYTES_MAX as u64;
/// The type of a body without `ContentType`: AWS writes bodies as text (recorded).
const TEXT: &str = "text/plain; charset=UTF-8";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "aws:aws-sdk:s3:getObject",
        "Reads an object; the result has its text under Body.",
        ["s3:GetObject"],
        get_object
    );
    step!(
        registry,
        environment,
        "aws:aws-sdk:s3:headObject",
        "Reads an object's metadata, without its content.",
        ["s3:GetObject"],
        head_object
    );
    step!(
        registry,
        environment,
        "aws:aws-sdk:s3:listObjectsV2",
        "Lists objects, at most 1000 in one call.",
        ["s3:ListBucket"],
        list_objects
    );
    step!(
        registry,
        environment,
        "aws:aws-sdk:s3:putObject",
        "Writes an object whose content is Body as JSON.",
        ["s3:PutObject"],
        put_object
    );
    step!(
        registry,
        environment,
        "aws:aws-sdk:s3:deleteObject",
        "Deletes an object.",
        ["s3:DeleteObject"],
        delete_object
    );
}

/// The parameters of GetObject and HeadObject. Those for a customer's own keys are refused: a journal holds no secret.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ReadObject {
    bucket: String,
    key: String,
    version_id: Option<String>,
    /// Such as `bytes=0-99`.
    range: Option<String>,
    part_number: Option<i32>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    /// A time in ISO 8601, as is `IfUnmodifiedSince`.
    if_modified_since: Option<String>,
    if_unmodified_since: Option<String>,
    /// `ENABLED` for the checksums in the result.
    checksum_mode: Option<String>,
    expected_bucket_owner: Option<String>,
    request_payer: Option<String>,
    response_cache_control: Option<String>,
    response_content_disposition: Option<String>,
    response_content_encoding: Option<String>,
    response_content_language: Option<String>,
    response_content_type: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListObjects {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    encoding_type: Option<String>,
    max_keys: Option<i32>,
    /// `NextContinuationToken` of an earlier result.
    continuation_token: Option<String>,
    start_after: Option<String>,
    fetch_owner: Option<bool>,
    optional_object_attributes: Option<Vec<String>>,
    expected_bucket_owner: Option<String>,
    request_payer: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutObject {
    bucket: String,
    key: String,
    /// Any value; a text is written in quotes, as AWS does.
    body: Option<Value>,
    /// `text/plain; charset=UTF-8` if it is left out.
    content_type: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_disposition: Option<String>,
    cache_control: Option<String>,
    metadata: Option<HashMap<String, String>>,
    /// Such as `a=1&b=2`.
    tagging: Option<String>,
    acl: Option<String>,
    storage_class: Option<String>,
    server_side_encryption: Option<String>,
    ssekms_key_id: Option<String>,
    bucket_key_enabled: Option<bool>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    expected_bucket_owner: Option<String>,
    request_payer: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteObject {
    bucket: String,
    key: String,
    version_id: Option<String>,
    if_match: Option<String>,
    bypass_governance_retention: Option<bool>,
    expected_bucket_owner: Option<String>,
    request_payer: Option<String>,
}

/// The parameters of [`ReadObject`], set in the call of GetObject or HeadObject.
macro_rules! with_parameters {
    ($call:expr, $input:expr) => {{
        let input = $input;
        let (since, unless) = (moment(input.if_modified_since)?, moment(input.if_unmodified_since)?);
        $call
            .bucket(input.bucket)
            .key(input.key)
            .set_version_id(input.version_id)
            .set_range(input.range)
            .set_part_number(input.part_number)
            .set_if_match(input.if_match)
            .set_if_none_match(input.if_none_match)
            .set_if_modified_since(since)
            .set_if_unmodified_since(unless)
            .set_checksum_mode(input.checksum_mode.as_deref().map(ChecksumMode::from))
            .set_expected_bucket_owner(input.expected_bucket_owner)
            .set_request_payer(input.request_payer.as_deref().map(RequestPayer::from))
            .set_response_cache_control(input.response_cache_control)
            .set_response_content_disposition(input.response_content_disposition)
            .set_response_content_encoding(input.response_content_encoding)
            .set_response_content_language(input.response_content_language)
            .set_response_content_type(input.response_content_type)
    }};
}

/// A time in ISO 8601.
fn moment(text: Option<String>) -> Result<Option<DateTime>, StepError> {
    let Some(text) = text else { return Ok(None) };
    let refuse = |_| {
        StepError::new(ErrorClass::Invalid, format!("'{text}' is no time in ISO 8601, such as 2026-01-31T12:00:00Z"))
    };
    DateTime::from_str(&text, DateTimeFormat::DateTimeWithOffset).map(Some).map_err(refuse)
}

async fn get_object(environment: Arc<Environment>, _context: StepContext, input: ReadObject) -> StepResult<Value> {
    let wants_checksums = input.checksum_mode.is_some();
    let call = with_parameters!(environment.s3_reads().get_object(), input);
    let answer = call.send().await.map_err(|error| failed("s3:GetObject", error))?;
    let mut members = answers::without_unrequested_checksums(answers::members_of_object!(answer), wants_checksums);
    let bytes = through::collect(answer.body, RESULT_BYTES_MAX).await.map_err(|error| error.during("s3:GetObject"))?;
    let bytes = bytes.ok_or_else(too_large)?;
    let refuse = |_| StepError::new(ErrorClass::Invalid, "the object is not a text in UTF-8").during("s3:GetObject");
    members.insert("Body".to_owned(), String::from_utf8(bytes).map_err(refuse)?.into());
    Ok(Answer::done(Value::Object(members)))
}

/// The failure of a call whose result is too large, in AWS's words.
fn too_large() -> StepError {
    let cause = "The state/task 'aws-sdk:s3' returned a result with a size exceeding the maximum number of bytes service limit.";
    StepError::named(error_names::DATA_LIMIT_EXCEEDED, cause)
}

async fn head_object(environment: Arc<Environment>, _context: StepContext, input: ReadObject) -> StepResult<Value> {
    let wants_checksums = input.checksum_mode.is_some();
    let call = with_parameters!(environment.s3_reads().head_object(), input);
    let answer = call.send().await.map_err(|error| failed("s3:GetObject", error))?;
    let members = answers::without_unrequested_checksums(answers::members_of_object!(answer), wants_checksums);
    Ok(Answer::done(Value::Object(members)))
}

async fn list_objects(environment: Arc<Environment>, _context: StepContext, input: ListObjects) -> StepResult<Value> {
    let attributes = input.optional_object_attributes.map(|names| {
        names
            .iter()
            .map(|name| OptionalObjectAttributes::from(name.as_str()))
            .collect::<Vec<OptionalObjectAttributes>>()
    });
    let call = environment
        .s3_reads()
        .list_objects_v2()
        .bucket(input.bucket)
        .set_prefix(input.prefix)
        .set_delimiter(input.delimiter)
        .set_encoding_type(input.encoding_type.as_deref().map(EncodingType::from))
        .set_max_keys(input.max_keys)
        .set_continuation_token(input.continuation_token)
        .set_start_after(input.start_after)
        .set_fetch_owner(input.fetch_owner)
        .set_optional_object_attributes(attributes)
        .set_expected_bucket_owner(input.expected_bucket_owner)
        .set_request_payer(input.request_payer.as_deref().map(RequestPayer::from));
    let answer = call.send().await.map_err(|error| failed("s3:ListBucket", error))?;
    Ok(Answer::done(Value::Object(answers::of_list(&answer))))
}

async fn put_object(environment: Arc<Environment>, _context: StepContext, input: PutObject) -> StepResult<Value> {
    let text = input.body.map(|body| body.to_string());
    let content_type = input.content_type.or_else(|| text.is_some().then(|| TEXT.to_owned()));
    let call = environment
        .s3_changes()
        .put_object()
        .bucket(input.bucket)
        .key(input.key)
        .body(ByteStream::from(text.unwrap_or_default().into_bytes()))
        .set_content_type(content_type)
        .set_content_encoding(input.content_encoding)
        .set_content_language(input.content_language)
        .set_content_disposition(input.content_disposition)
        .set_cache_control(input.cache_control)
        .set_metadata(input.metadata)
        .set_tagging(input.tagging)
        .set_acl(input.acl.as_deref().map(ObjectCannedAcl::from))
        .set_storage_class(input.storage_class.as_deref().map(StorageClass::from))
        .set_server_side_encryption(input.server_side_encryption.as_deref().map(ServerSideEncryption::from))
        .set_ssekms_key_id(input.ssekms_key_id)
        .set_bucket_key_enabled(input.bucket_key_enabled)
        .set_if_match(input.if_match)
        .set_if_none_match(input.if_none_match)
        .set_expected_bucket_owner(input.expected_bucket_owner)
        .set_request_payer(input.request_payer.as_deref().map(RequestPayer::from));
    let answer = call.send().await.map_err(|error| failed("s3:PutObject", error))?;
    Ok(Answer::done(Value::Object(answers::of_put(&answer))))
}

async fn delete_object(environment: Arc<Environment>, _context: StepContext, input: DeleteObject) -> StepResult<Value> {
    let call = environment
        .s3_changes()
        .delete_object()
        .bucket(input.bucket)
        .key(input.key)
        .set_version_id(input.version_id)
        .set_if_match(input.if_match)
        .set_bypass_governance_retention(input.bypass_governance_retention)
        .set_expected_bucket_owner(input.expected_bucket_owner)
        .set_request_payer(input.request_payer.as_deref().map(RequestPayer::from));
    let answer = call.send().await.map_err(|error| failed("s3:DeleteObject", error))?;
    Ok(Answer::done(Value::Object(answers::of_delete(&answer))))
}
