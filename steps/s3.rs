//! S3, as far as a distributed Map reads its items from there and writes its results there.
//! Source: Developer Guide, "ItemReader (Map)" and "ResultWriter (Map)".

use std::sync::Arc;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::Object,
};
use engine::step::{Answer, Change, Effect, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Environment;

const READER: &str = "States.ItemReaderFailed";
const WRITER: &str = "States.ResultWriterFailed";

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(registry, environment, "aws:s3:getObject", "Reads an object.", ["s3:GetObject"], get_object);
    step!(registry, environment, "aws:s3:listObjectsV2", "Lists objects.", ["s3:ListBucket"], list_objects);
    step!(registry, environment, "aws:s3:putObject", "Writes a Map's results.", ["s3:PutObject"], put_results);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct GetObject {
    bucket: String,
    key: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct ListObjects {
    bucket: String,
    prefix: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct PutResults {
    bucket: String,
    #[serde(default)]
    prefix: String,
    results: Value,
}

/// Where the results' manifest lies.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Written {
    bucket: String,
    key: String,
}

async fn get_object(environment: Arc<Environment>, _context: StepContext, input: GetObject) -> StepResult<String> {
    let answer = environment.s3().get_object().bucket(&input.bucket).key(&input.key).send().await;
    let body = answer.map_err(|error| failed(READER, error))?.body.collect().await;
    let body = body.map_err(|error| StepError::new(ErrorClass::Unknown, error.to_string()))?;
    let text = String::from_utf8(body.to_vec());
    text.map(Answer::done).map_err(|_| StepError::named(READER, format!("{} is no text in UTF-8", input.key)))
}

async fn list_objects(environment: Arc<Environment>, _context: StepContext, input: ListObjects) -> StepResult<Value> {
    let call = environment.s3().list_objects_v2().bucket(&input.bucket).set_prefix(input.prefix);
    let mut pages = call.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page.map_err(|error| failed(READER, error))?.contents().iter().map(shown));
    }
    Ok(Answer::done(Value::Array(found)))
}

fn shown(object: &Object) -> Value {
    json!({
        "Etag": object.e_tag(), "Key": object.key(), "LastModified": object.last_modified().map(|time| time.secs()),
        "Size": object.size(), "StorageClass": object.storage_class().map(|class| class.as_str()),
    })
}

/// The results, then the manifest that names them: who finds a manifest finds all of it.
async fn put_results(environment: Arc<Environment>, context: StepContext, input: PutResults) -> StepResult<Written> {
    let PutResults { bucket, prefix, results } = input;
    let prefix = if prefix.is_empty() || prefix.ends_with('/') { prefix } else { format!("{prefix}/") };
    // The same for every attempt: a lost answer leaves one set of objects.
    let folder = format!("{prefix}{}", context.token.get(..32).unwrap_or(&context.token));
    let put = async |key: String, body: String| {
        let body = ByteStream::from(body.into_bytes());
        let answer = environment.s3().put_object().bucket(&bucket).key(key).body(body).send().await;
        answer.map(drop).map_err(|error| failed(WRITER, error))
    };
    let (results_key, key) = (format!("{folder}/SUCCEEDED_0.json"), format!("{folder}/manifest.json"));
    let text = results.to_string();
    let file = json!({ "Key": results_key, "Size": text.len() });
    put(results_key, text).await?;
    let manifest = json!({
        "DestinationBucket": bucket, "ResultFiles": { "FAILED": [], "PENDING": [], "SUCCEEDED": [file] },
    });
    put(key.clone(), manifest.to_string()).await?;
    let effect = Effect::new(Change::Created, "AWS::S3::Object", format!("s3://{bucket}/{key}"));
    Ok(Answer::with_effect(Written { bucket, key }, effect))
}

fn failed<E: ProvideErrorMetadata + std::error::Error + 'static>(
    name: &str,
    error: SdkError<E, HttpResponse>,
) -> StepError {
    match error.as_service_error() {
        Some(service) => {
            let (code, message) = (service.code().unwrap_or("Unknown"), service.message().unwrap_or_default());
            StepError::named(name, format!("{code}: {message}"))
        }
        None => match error {
            SdkError::ConstructionFailure(_) => StepError::new(ErrorClass::Credentials, error.to_string()),
            _ => StepError::new(ErrorClass::Unknown, error.to_string()),
        },
    }
}
