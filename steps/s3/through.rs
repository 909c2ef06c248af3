//! Reads the files that a manifest or a listing names. Sources: Developer Guide, "ItemReader (Map)"; User Guide of S3,
//! "Locating your inventory list"; User Guide of Athena, "UNLOAD".

use std::io::Read;

use aws_sdk_s3::{primitives::ByteStream, types::Object};
use engine::step::{ErrorClass, StepError};
use flate2::read::MultiGzDecoder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failed;
use crate::{Environment, READ_BYTES_MAX};

/// The kind of manifest or listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum ReadThrough {
    S3Inventory,
    AthenaData,
    LoadAndFlatten,
}

/// An inventory's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inventory {
    /// An ARN.
    destination_bucket: Option<String>,
    file_format: String,
    /// The columns, separated by commas.
    file_schema: String,
    files: Vec<InventoryFile>,
}

#[derive(Deserialize)]
struct InventoryFile {
    key: String,
}

/// The items in the files that a manifest names.
pub(super) async fn manifest(
    environment: &Environment,
    through: ReadThrough,
    bucket: &str,
    text: &str,
) -> Result<Value, StepError> {
    if through == ReadThrough::AthenaData {
        let locations = text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty());
        let locations: Vec<_> = locations.map(bucket_and_key).collect::<Result<_, _>>()?;
        return Ok(json!({ "Files": read_all(environment, &locations).await? }));
    }
    let unreadable =
        |error| StepError::new(ErrorClass::Invalid, format!("This is no manifest of an S3 inventory: {error}"));
    let inventory: Inventory = serde_json::from_str(text).map_err(unreadable)?;
    if inventory.file_format != "CSV" {
        let message = format!("The inventory's files are {}; CSV is read.", inventory.file_format);
        return Err(StepError::new(ErrorClass::Invalid, message));
    }
    let bucket = inventory.destination_bucket.as_deref().unwrap_or(bucket);
    let bucket = bucket.rsplit(':').next().unwrap_or(bucket).to_owned();
    let locations: Vec<_> = inventory.files.into_iter().map(|file| (bucket.clone(), file.key)).collect();
    let columns: Vec<&str> = inventory.file_schema.split(',').map(str::trim).collect();
    Ok(json!({ "Columns": columns, "Files": read_all(environment, &locations).await? }))
}

/// The items in the objects of a listing.
pub(super) async fn objects(environment: &Environment, bucket: &str, found: &[Object]) -> Result<Value, StepError> {
    // A key that ends in a slash represents a folder and has no content.
    let keys = found.iter().filter_map(Object::key).filter(|key| !key.ends_with('/'));
    let locations: Vec<_> = keys.map(|key| (bucket.to_owned(), key.to_owned())).collect();
    Ok(json!({ "Files": read_all(environment, &locations).await? }))
}

/// The bucket and the key of `s3://bucket/key`.
fn bucket_and_key(uri: &str) -> Result<(String, String), StepError> {
    let parts = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (bucket, key) =
        parts.ok_or_else(|| StepError::new(ErrorClass::Invalid, format!("'{uri}' is no s3://bucket/key.")))?;
    Ok((bucket.to_owned(), key.to_owned()))
}

async fn read_all(environment: &Environment, locations: &[(String, String)]) -> Result<Vec<String>, StepError> {
    let mut texts = Vec::new();
    let mut bytes_left = READ_BYTES_MAX;
    for (bucket, key) in locations {
        let answer = environment.s3().get_object().bucket(bucket).key(key).send().await;
        let text = text(key, answer.map_err(|error| failed("s3:GetObject", error))?.body, bytes_left).await?;
        bytes_left = bytes_left.saturating_sub(text.len() as u64);
        texts.push(text);
    }
    Ok(texts)
}

/// The text of an object, at most `bytes_max`; decompressed if its key ends in `.gz`.
///
/// # Errors
///
/// The body ends early, is larger, cannot be decompressed or is not UTF-8.
pub(super) async fn text(key: &str, body: ByteStream, bytes_max: u64) -> Result<String, StepError> {
    let refuse = |cause: &str| StepError::new(ErrorClass::Invalid, format!("{key} {cause}"));
    let mut bytes = collect(body, bytes_max).await?.ok_or_else(|| refuse(&too_large(bytes_max)))?;
    if key.ends_with(".gz") {
        bytes = unpacked(&bytes, bytes_max).map_err(|error| refuse(&format!("cannot be unpacked: {error}")))?;
    }
    String::from_utf8(bytes).map_err(|_| refuse("is not a text in UTF-8"))
}

fn too_large(bytes_max: u64) -> String {
    match bytes_max {
        READ_BYTES_MAX => format!("has more than {READ_BYTES_MAX} bytes"),
        left => format!("has more than the {left} bytes that are left of {READ_BYTES_MAX} for all objects together"),
    }
}

/// The bytes of a body; `None` if there are more than `bytes_max`. Checks the announced length first.
pub(super) async fn collect(mut body: ByteStream, bytes_max: u64) -> Result<Option<Vec<u8>>, StepError> {
    if body.size_hint().0 > bytes_max {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let broken =
        |error: aws_sdk_s3::primitives::ByteStreamError| StepError::new(ErrorClass::Unknown, error.to_string());
    while let Some(chunk) = body.try_next().await.map_err(broken)? {
        if bytes.len() as u64 + chunk.len() as u64 > bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

fn unpacked(bytes: &[u8], bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes).take(bytes_max + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > bytes_max {
        return Err(std::io::Error::other(format!("it {}", too_large(bytes_max))));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_packed_file_is_read_and_one_without_end_is_refused() -> std::io::Result<()> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&[b'a'; 5_000])?;
        let packed = packed.finish()?;
        assert_eq!(unpacked(&packed, 5_000)?, vec![b'a'; 5_000]);
        assert!(unpacked(&packed, 4_999).is_err());
        assert!(unpacked(packed.get(..20).unwrap_or_default(), 5_000).is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_whether_or_not_it_announces_its_length() {
        use aws_smithy_types::body::SdkBody;
        let streamed = || ByteStream::new(SdkBody::from("x".repeat(100)));
        for body in [streamed, || ByteStream::from(vec![b'x'; 100])] {
            assert_eq!(text("a.csv", body(), 100).await.ok(), Some("x".repeat(100)));
            let error = text("a.csv", body(), 99).await.err().map(|error| error.cause).unwrap_or_default();
            assert!(error.contains("a.csv has more than the 99 bytes"), "{error}");
        }
    }
}
