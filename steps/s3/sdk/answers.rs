//! The results of the calls. A member without a value is left out, as AWS does (recorded for GetObject and PutObject).

use std::collections::BTreeMap;

use aws_sdk_s3::{
    operation::{delete_object::DeleteObjectOutput, list_objects_v2::ListObjectsV2Output, put_object::PutObjectOutput},
    types::Object,
};
use serde_json::{Map, Value, json};

/// A result or a part of one.
pub(super) type Members = Map<String, Value>;

/// The members that have a value.
pub(super) fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Members {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The members that the answers of GetObject and HeadObject have in common, by name.
macro_rules! members_of_object {
    ($answer:expr) => {{
        let answer = &$answer;
        $crate::s3::sdk::answers::present([
            ("AcceptRanges", answer.accept_ranges().map(::serde_json::Value::from)),
            ("BucketKeyEnabled", answer.bucket_key_enabled().map(::serde_json::Value::from)),
            ("CacheControl", answer.cache_control().map(::serde_json::Value::from)),
            ("ChecksumCRC32", answer.checksum_crc32().map(::serde_json::Value::from)),
            ("ChecksumCRC32C", answer.checksum_crc32_c().map(::serde_json::Value::from)),
            ("ChecksumCRC64NVME", answer.checksum_crc64_nvme().map(::serde_json::Value::from)),
            ("ChecksumSHA1", answer.checksum_sha1().map(::serde_json::Value::from)),
            ("ChecksumSHA256", answer.checksum_sha256().map(::serde_json::Value::from)),
            ("ChecksumType", answer.checksum_type().map(|kind| kind.as_str().into())),
            ("ContentDisposition", answer.content_disposition().map(::serde_json::Value::from)),
            ("ContentEncoding", answer.content_encoding().map(::serde_json::Value::from)),
            ("ContentLanguage", answer.content_language().map(::serde_json::Value::from)),
            ("ContentLength", answer.content_length().map(::serde_json::Value::from)),
            ("ContentRange", answer.content_range().map(::serde_json::Value::from)),
            ("ContentType", answer.content_type().map(::serde_json::Value::from)),
            ("DeleteMarker", answer.delete_marker().map(::serde_json::Value::from)),
            ("ETag", answer.e_tag().map(::serde_json::Value::from)),
            ("Expiration", answer.expiration().map(::serde_json::Value::from)),
            ("ExpiresString", answer.expires_string().map(::serde_json::Value::from)),
            ("LastModified", answer.last_modified().map(|time| time.to_string().into())),
            ("Metadata", Some($crate::s3::sdk::answers::metadata(answer.metadata()))),
            ("MissingMeta", answer.missing_meta().map(::serde_json::Value::from)),
            ("ObjectLockLegalHoldStatus", answer.object_lock_legal_hold_status().map(|status| status.as_str().into())),
            ("ObjectLockMode", answer.object_lock_mode().map(|mode| mode.as_str().into())),
            ("ObjectLockRetainUntilDate", answer.object_lock_retain_until_date().map(|time| time.to_string().into())),
            ("PartsCount", answer.parts_count().map(::serde_json::Value::from)),
            ("ReplicationStatus", answer.replication_status().map(|status| status.as_str().into())),
            ("RequestCharged", answer.request_charged().map(|charged| charged.as_str().into())),
            ("Restore", answer.restore().map(::serde_json::Value::from)),
            ("ServerSideEncryption", answer.server_side_encryption().map(|kind| kind.as_str().into())),
            ("SsekmsKeyId", answer.ssekms_key_id().map(::serde_json::Value::from)),
            ("StorageClass", answer.storage_class().map(|class| class.as_str().into())),
            ("TagCount", answer.tag_count().map(::serde_json::Value::from)),
            ("VersionId", answer.version_id().map(::serde_json::Value::from)),
            ("WebsiteRedirectLocation", answer.website_redirect_location().map(::serde_json::Value::from)),
        ])
    }};
}
pub(super) use members_of_object;

/// Removes the checksums unless the caller set `ChecksumMode`: the SDK requests them itself to verify the content.
pub(super) fn without_unrequested_checksums(mut members: Members, wants_checksums: bool) -> Members {
    members.retain(|name, _| wants_checksums || !name.starts_with("Checksum"));
    members
}

/// An object's own metadata, in the order of its names. AWS returns an empty object for none.
pub(super) fn metadata(metadata: Option<&std::collections::HashMap<String, String>>) -> Value {
    let sorted: BTreeMap<&String, &String> = metadata.into_iter().flatten().collect();
    json!(sorted)
}

pub(super) fn of_put(answer: &PutObjectOutput) -> Members {
    present([
        ("BucketKeyEnabled", answer.bucket_key_enabled().map(Value::from)),
        ("ChecksumCRC32", answer.checksum_crc32().map(Value::from)),
        ("ChecksumCRC32C", answer.checksum_crc32_c().map(Value::from)),
        ("ChecksumCRC64NVME", answer.checksum_crc64_nvme().map(Value::from)),
        ("ChecksumSHA1", answer.checksum_sha1().map(Value::from)),
        ("ChecksumSHA256", answer.checksum_sha256().map(Value::from)),
        ("ChecksumType", answer.checksum_type().map(|kind| kind.as_str().into())),
        ("ETag", answer.e_tag().map(Value::from)),
        ("Expiration", answer.expiration().map(Value::from)),
        ("RequestCharged", answer.request_charged().map(|charged| charged.as_str().into())),
        ("ServerSideEncryption", answer.server_side_encryption().map(|kind| kind.as_str().into())),
        ("Size", answer.size().map(Value::from)),
        ("SsekmsKeyId", answer.ssekms_key_id().map(Value::from)),
        ("VersionId", answer.version_id().map(Value::from)),
    ])
}

pub(super) fn of_delete(answer: &DeleteObjectOutput) -> Members {
    present([
        ("DeleteMarker", answer.delete_marker().map(Value::from)),
        ("RequestCharged", answer.request_charged().map(|charged| charged.as_str().into())),
        ("VersionId", answer.version_id().map(Value::from)),
    ])
}

/// A listing. Without objects it has no `Contents`, and without common prefixes no `CommonPrefixes`.
pub(super) fn of_list(answer: &ListObjectsV2Output) -> Members {
    let list = |items: Vec<Value>| (!items.is_empty()).then_some(Value::Array(items));
    let prefixes = answer.common_prefixes().iter().map(|prefix| json!({ "Prefix": prefix.prefix() })).collect();
    let contents = answer.contents().iter().map(|object| Value::Object(of_listed(object))).collect();
    present([
        ("CommonPrefixes", list(prefixes)),
        ("Contents", list(contents)),
        ("ContinuationToken", answer.continuation_token().map(Value::from)),
        ("Delimiter", answer.delimiter().map(Value::from)),
        ("EncodingType", answer.encoding_type().map(|kind| kind.as_str().into())),
        ("IsTruncated", answer.is_truncated().map(Value::from)),
        ("KeyCount", answer.key_count().map(Value::from)),
        ("MaxKeys", answer.max_keys().map(Value::from)),
        ("Name", answer.name().map(Value::from)),
        ("NextContinuationToken", answer.next_continuation_token().map(Value::from)),
        ("Prefix", answer.prefix().map(Value::from)),
        ("RequestCharged", answer.request_charged().map(|charged| charged.as_str().into())),
        ("StartAfter", answer.start_after().map(Value::from)),
    ])
}

fn of_listed(object: &Object) -> Members {
    let algorithms: Vec<&str> = object.checksum_algorithm().iter().map(|algorithm| algorithm.as_str()).collect();
    let owner = object.owner().map(|owner| {
        Value::Object(present([
            ("DisplayName", owner.display_name().map(Value::from)),
            ("Id", owner.id().map(Value::from)),
        ]))
    });
    present([
        ("ChecksumAlgorithm", (!algorithms.is_empty()).then(|| json!(algorithms))),
        ("ChecksumType", object.checksum_type().map(|kind| kind.as_str().into())),
        ("ETag", object.e_tag().map(Value::from)),
        ("Key", object.key().map(Value::from)),
        ("LastModified", object.last_modified().map(|time| time.to_string().into())),
        ("Owner", owner),
        ("Size", object.size().map(Value::from)),
        ("StorageClass", object.storage_class().map(|class| class.as_str().into())),
    ])
}
