//! The files behind a manifest or a listing. Sources: Developer Guide, "ItemReader (Map)"; User Guide of S3, "Locating your
//! inventory list"; User Guide of Athena, "UNLOAD".

use std::io::Read;

use aws_sdk_s3::{primitives::ByteStream, types::Object};
use engine::step::{ErrorClass, StepError};
use flate2::read::MultiGzDecoder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{READER, failed};
use crate::Environment;

/// The most that one file may hold once unpacked, in bytes: a small file that unpacks without end must not fill the memory.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// How the items are found.
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
    /// The columns, parted by commas.
    file_schema: String,
    files: Vec<InventoryFile>,
}

#[derive(Deserialize)]
struct InventoryFile {
    key: String,
}

/// What the files hold that a manifest names.
pub(super) async fn manifest(
    environment: &Environment,
    through: ReadThrough,
    bucket: &str,
    text: &str,
) -> Result<Value, StepError> {
    if through == ReadThrough::AthenaData {
        let places = text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty());
        let places: Vec<_> = places.map(place).collect::<Result<_, _>>()?;
        return Ok(json!({ "Files": read_all(environment, &places).await? }));
    }
    let told = |error| StepError::named(READER, format!("This is no manifest of an S3 inventory: {error}"));
    let inventory: Inventory = serde_json::from_str(text).map_err(told)?;
    if inventory.file_format != "CSV" {
        let told = format!("The inventory's files are {}; CSV is read.", inventory.file_format);
        return Err(StepError::named(READER, told));
    }
    let bucket = inventory.destination_bucket.as_deref().unwrap_or(bucket);
    let bucket = bucket.rsplit(':').next().unwrap_or(bucket).to_owned();
    let places: Vec<_> = inventory.files.into_iter().map(|file| (bucket.clone(), file.key)).collect();
    let columns: Vec<&str> = inventory.file_schema.split(',').map(str::trim).collect();
    Ok(json!({ "Columns": columns, "Files": read_all(environment, &places).await? }))
}

/// What the objects of a listing hold.
pub(super) async fn objects(environment: &Environment, bucket: &str, found: &[Object]) -> Result<Value, StepError> {
    // What ends in a stroke stands for a folder and holds nothing.
    let keys = found.iter().filter_map(Object::key).filter(|key| !key.ends_with('/'));
    let places: Vec<_> = keys.map(|key| (bucket.to_owned(), key.to_owned())).collect();
    Ok(json!({ "Files": read_all(environment, &places).await? }))
}

/// Bucket and key of `s3://bucket/key`.
fn place(uri: &str) -> Result<(String, String), StepError> {
    let parts = uri.strip_prefix("s3://").and_then(|place| place.split_once('/'));
    let (bucket, key) = parts.ok_or_else(|| StepError::named(READER, format!("'{uri}' is no s3://bucket/key.")))?;
    Ok((bucket.to_owned(), key.to_owned()))
}

async fn read_all(environment: &Environment, places: &[(String, String)]) -> Result<Vec<String>, StepError> {
    let mut texts = Vec::with_capacity(places.len());
    for (bucket, key) in places {
        let answer = environment.s3().get_object().bucket(bucket).key(key).send().await;
        texts.push(text(key, answer.map_err(|error| failed(READER, error))?.body).await?);
    }
    Ok(texts)
}

/// The text of an object, unpacked where its key says that it is packed.
///
/// # Errors
///
/// Where the body breaks off, is not what its key says or is no text.
pub(super) async fn text(key: &str, body: ByteStream) -> Result<String, StepError> {
    let body = body.collect().await.map_err(|error| StepError::new(ErrorClass::Unknown, error.to_string()))?;
    let refuse = |told: &str| StepError::named(READER, format!("{key} {told}"));
    let mut bytes = body.to_vec();
    if key.ends_with(".gz") {
        bytes = unpacked(&bytes, FILE_BYTES_MAX).map_err(|error| refuse(&format!("cannot be unpacked: {error}")))?;
    }
    String::from_utf8(bytes).map_err(|_| refuse("is no text in UTF-8"))
}

fn unpacked(bytes: &[u8], most: u64) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > most {
        return Err(std::io::Error::other(format!("it holds more than {most} bytes")));
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
}
