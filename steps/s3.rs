//! S3 objects that distributed Maps read as items and write as results, and the AWS SDK integrations of S3 ([`sdk`]).
//! Source: Developer Guide, "ItemReader (Map)" and "ResultWriter (Map)".

mod sdk;
mod through;

use std::sync::Arc;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::Object,
};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::through::ReadThrough;
use crate::{
    Environment, READ_BYTES_MAX,
    failure::{code_of, failure},
};

/// The most objects of a listing: all of them are in memory.
const OBJECTS_MAX: usize = 500_000;

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(registry, environment, "aws:s3:getObject", "Reads an object.", ["s3:GetObject"], get_object);
    step!(registry, environment, "aws:s3:listObjectsV2", "Lists objects.", ["s3:ListBucket"], list_objects);
    step!(registry, environment, "aws:s3:putObject", "Writes a Map's results.", ["s3:PutObject"], put_results);
    sdk::register(registry, environment);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct GetObject {
    bucket: String,
    key: String,
    version_id: Option<String>,
    expected_bucket_owner: Option<String>,
    /// Set by the engine where the object is a manifest.
    read_through: Option<ReadThrough>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct ListObjects {
    bucket: String,
    prefix: Option<String>,
    start_after: Option<String>,
    expected_bucket_owner: Option<String>,
    /// Set by the engine where the objects themselves are to be read.
    read_through: Option<ReadThrough>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct PutResults {
    bucket: String,
    #[serde(default)]
    prefix: String,
    /// `JSONL` for a line for each result; set by the engine, as are the results.
    output_type: Option<String>,
    results: Value,
}

/// The location of the results' manifest.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Written {
    bucket: String,
    key: String,
}

async fn get_object(environment: Arc<Environment>, _context: StepContext, input: GetObject) -> StepResult<Value> {
    let call = environment.s3().get_object().bucket(&input.bucket).key(&input.key);
    let call = call.set_version_id(input.version_id).set_expected_bucket_owner(input.expected_bucket_owner);
    let answer = call.send().await.map_err(|error| failed("s3:GetObject", error))?;
    let text = through::text(&input.key, answer.body, READ_BYTES_MAX).await?;
    let read = match input.read_through {
        Some(through) => through::manifest(&environment, through, &input.bucket, &text).await?,
        None => text.into(),
    };
    Ok(Answer::done(read))
}

async fn list_objects(environment: Arc<Environment>, _context: StepContext, input: ListObjects) -> StepResult<Value> {
    let call = environment.s3().list_objects_v2().bucket(&input.bucket).set_prefix(input.prefix);
    let call = call.set_start_after(input.start_after).set_expected_bucket_owner(input.expected_bucket_owner);
    let mut pages = call.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend_from_slice(page.map_err(|error| failed("s3:ListBucket", error))?.contents());
        if found.len() > OBJECTS_MAX {
            return Err(StepError::new(ErrorClass::Invalid, format!("There are more than {OBJECTS_MAX} objects.")));
        }
    }
    if input.read_through.is_some() {
        return Ok(Answer::done(through::objects(&environment, &input.bucket, &found).await?));
    }
    Ok(Answer::done(Value::Array(found.iter().map(shown).collect())))
}

fn shown(object: &Object) -> Value {
    json!({
        "Etag": object.e_tag(), "Key": object.key(), "LastModified": object.last_modified().map(|time| time.secs()),
        "Size": object.size(), "StorageClass": object.storage_class().map(|class| class.as_str()),
    })
}

/// Writes the results and then the manifest that names them, so that a manifest is never incomplete.
async fn put_results(environment: Arc<Environment>, context: StepContext, input: PutResults) -> StepResult<Written> {
    let PutResults { bucket, prefix, output_type, results } = input;
    let prefix = if prefix.is_empty() || prefix.ends_with('/') { prefix } else { format!("{prefix}/") };
    // The same for every attempt: a lost answer leaves one set of objects.
    let folder = format!("{prefix}{}", context.token.get(..32).unwrap_or(&context.token));
    let put = async |key: String, body: String| {
        let body = ByteStream::from(body.into_bytes());
        let answer = environment.s3().put_object().bucket(&bucket).key(key).body(body).send().await;
        answer.map(drop).map_err(|error| failed("s3:PutObject", error))
    };
    let lines = output_type.as_deref() == Some("JSONL");
    let ending = if lines { "jsonl" } else { "json" };
    let (results_key, key) = (format!("{folder}/SUCCEEDED_0.{ending}"), format!("{folder}/manifest.json"));
    let text = match &results {
        Value::Array(items) if lines => items.iter().map(|item| format!("{item}\n")).collect(),
        results => results.to_string(),
    };
    let file = json!({ "Key": results_key, "Size": text.len() });
    put(results_key, text).await?;
    let manifest = json!({
        "DestinationBucket": bucket, "ResultFiles": { "FAILED": [], "PENDING": [], "SUCCEEDED": [file] },
    });
    put(key.clone(), manifest.to_string()).await?;
    let resource_change = ResourceChange::new(ChangeAction::Created, "AWS::S3::Object", format!("s3://{bucket}/{key}"));
    Ok(Answer::with_change(Written { bucket, key }, resource_change))
}

/// The failure of a call. The service's refusals have the names of the SDK integration, such as `S3.NoSuchKeyException`;
/// the engine renames those of a Map's reader or writer. Refused credentials, a lost answer and throttling keep their
/// class.
fn failed<E>(action: &str, error: SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let name = code_of(&error).map(error_name);
    let failure = failure(action, error);
    let is_refusal = !matches!(failure.class, ErrorClass::Credentials | ErrorClass::Throttled | ErrorClass::Unknown);
    match (name, &failure.code) {
        (Some(name), Some(code)) if is_refusal => {
            StepError { name: Some(name), cause: format!("{code}: {}", failure.cause), ..failure }
        }
        _ => failure,
    }
}

/// The name of an error in Step Functions' SDK integration: errors that the API's model lists have their own.
fn error_name(code: &str) -> String {
    match code {
        "NoSuchKey"
        | "NoSuchBucket"
        | "InvalidObjectState"
        | "EncryptionTypeMismatch"
        | "InvalidRequest"
        | "InvalidWriteOffset"
        | "TooManyParts" => format!("S3.{code}Exception"),
        _ => "S3.S3Exception".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{TestServer, environment};

    async fn read(status: u16, body: &'static str) -> StepError {
        let server = TestServer::start((status, "content-type: application/xml\r\n", body)).await;
        let input = GetObject {
            bucket: "data".to_owned(),
            key: "a.json".to_owned(),
            version_id: None,
            expected_bucket_owner: None,
            read_through: None,
        };
        let read = get_object(Arc::new(environment(&server)), StepContext::for_test("Read"), input).await;
        read.err().unwrap_or_else(|| StepError::new(ErrorClass::Failed, "it succeeded"))
    }

    #[tokio::test]
    async fn refused_credentials_pause_and_other_refusals_have_the_names_of_aws() {
        for body in [
            "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
            "<Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message></Error>",
            "<Error><Code>SignatureDoesNotMatch</Code><Message>Wrong secret.</Message></Error>",
        ] {
            let error = read(403, body).await;
            assert_eq!((error.class, error.error_name()), (ErrorClass::Credentials, "Flow.Credentials"), "{error}");
            assert_eq!(error.action.as_deref(), Some("s3:GetObject"), "{error}");
        }
        let error = read(404, "<Error><Code>NoSuchKey</Code><Message>No such object.</Message></Error>").await;
        assert_eq!((error.error_name(), error.cause.as_str()), ("S3.NoSuchKeyException", "NoSuchKey: No such object."));
        let error = read(403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>").await;
        assert_eq!((error.error_name(), error.action.as_deref()), ("S3.S3Exception", Some("s3:GetObject")));
    }
}
