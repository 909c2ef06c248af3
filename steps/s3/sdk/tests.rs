#![allow(clippy::unwrap_used)]

use engine::step::Step;
use serde_json::json;

use super::*;
use crate::test_server::{Canned, TestServer, environment};

/// Calls a step at a server with one answer. Returns the step's answer and the requests that the server received.
async fn call(canned: Canned, action: &str, input: Value) -> (Result<Value, StepError>, Vec<String>) {
    let server = TestServer::start(canned).await;
    let registry = crate::registry(Arc::new(environment(&server)));
    let step: Arc<dyn Step> = registry.find(&format!("arn:aws:states:::aws-sdk:s3:{action}")).unwrap();
    let output = match step.poll(StepContext::for_test("Call"), input).await {
        Ok(Answer::Done(done)) => Ok(done.output),
        Ok(Answer::Pending(pending)) => unreachable!("{pending:?}"),
        Err(error) => Err(error),
    };
    (output, server.requests())
}

fn object() -> Value {
    json!({ "Bucket": "data", "Key": "a.txt" })
}

/// Recorded in November 2025, with and without content.
#[tokio::test]
async fn an_object_is_read_as_aws_reads_it() {
    let headers = "accept-ranges: bytes\r\ncontent-type: binary/octet-stream\r\netag: \"e1a4\"\r\nx-amz-meta-b: 2\r\n\
                   x-amz-meta-a: 1\r\nlast-modified: Thu, 06 Nov 2025 12:22:00 GMT\r\nx-amz-server-side-encryption: AES256\r\n";
    let (output, _) = call((200, headers, "binary data"), "getObject", object()).await;
    let expected = json!({
        "AcceptRanges": "bytes", "ContentLength": 11, "ContentType": "binary/octet-stream", "ETag": "\"e1a4\"",
        "LastModified": "2025-11-06T12:22:00Z", "Metadata": { "a": "1", "b": "2" }, "ServerSideEncryption": "AES256",
        "Body": "binary data",
    });
    assert_eq!(output.unwrap(), expected);
    let (output, _) = call((200, "etag: \"d41d\"\r\n", ""), "getObject", object()).await;
    assert_eq!(output.unwrap(), json!({ "ContentLength": 0, "ETag": "\"d41d\"", "Metadata": {}, "Body": "" }));
}

#[tokio::test]
async fn the_steps_are_found_by_an_arn_with_region_and_account_too() {
    let server = TestServer::start((200, "", "")).await;
    let registry = crate::registry(Arc::new(environment(&server)));
    for action in
        ["getObject", "headObject", "listObjectsV2", "putObject", "deleteObject", "putObject.waitForTaskToken"]
    {
        let located = format!("arn:aws:states:eu-central-1:111111111111:aws-sdk:s3:{action}");
        assert!(registry.find(&located).is_some(), "{located}");
    }
    assert!(registry.find("arn:aws:states:::aws-sdk:s3:copyObject").is_none());
}

#[tokio::test]
async fn an_object_whose_result_would_be_too_large_fails_as_on_aws() {
    let body: &'static str = Box::leak("x".repeat(RESULT_BYTES_MAX as usize + 1).into_boxed_str());
    let (output, _) = call((200, "", body), "getObject", object()).await;
    let error = output.unwrap_err();
    assert_eq!(error.error_name(), "States.DataLimitExceeded");
    assert!(error.cause.starts_with("The state/task 'aws-sdk:s3' returned a result"), "{error}");
}

/// Recorded in June 2023 and January 2025.
#[tokio::test]
async fn refusals_have_the_names_and_causes_of_aws() {
    let ids = "content-type: application/xml\r\nx-amz-request-id: R\r\nx-amz-id-2: E\r\n";
    for (code, message, name) in [
        ("NoSuchKey", "The specified key does not exist.", "S3.NoSuchKeyException"),
        ("NoSuchBucket", "The specified bucket does not exist", "S3.NoSuchBucketException"),
        ("AccessDenied", "Access Denied", "S3.S3Exception"),
    ] {
        let text = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let body: &'static str = Box::leak(text.into_boxed_str());
        let (output, _) = call((404, ids, body), "getObject", object()).await;
        let error = output.unwrap_err();
        let cause = format!("{message} (Service: S3, Status Code: 404, Request ID: R, Extended Request ID: E)");
        assert_eq!((error.error_name(), error.cause.as_str()), (name, cause.as_str()));
    }
    let (output, _) = call((404, ids, ""), "headObject", object()).await;
    assert_eq!(output.unwrap_err().error_name(), "S3.NoSuchKeyException");
    let expired = "<Error><Code>ExpiredToken</Code><Message>Expired.</Message></Error>";
    let (output, _) = call((403, ids, expired), "getObject", object()).await;
    assert_eq!(output.unwrap_err().class, ErrorClass::Credentials);
}

/// Recorded in November 2025: a text is written in quotes, other values as compact JSON.
#[tokio::test]
async fn a_body_is_written_as_json() {
    for (body, written) in [
        (json!("text data"), "\"text data\""),
        (json!(["List", "Data"]), "[\"List\",\"Data\"]"),
        (json!(false), "false"),
    ] {
        let input = json!({ "Bucket": "data", "Key": "a.txt", "Body": body });
        let (output, requests) = call((200, "etag: \"2b5d\"\r\n", ""), "putObject", input).await;
        assert_eq!(output.unwrap(), json!({ "ETag": "\"2b5d\"" }));
        let (head, sent) = requests[0].split_once("\r\n\r\n").unwrap();
        assert!(sent.contains(written), "{head}\n{sent}");
        assert!(head.to_lowercase().contains("content-type: text/plain; charset=utf-8"), "{head}");
    }
}

#[tokio::test]
async fn a_change_is_sent_once_and_a_read_again_when_the_server_fails() {
    for (action, requests) in [("putObject", 1), ("deleteObject", 1), ("getObject", 3), ("listObjectsV2", 3)] {
        let input = match action {
            "listObjectsV2" => json!({ "Bucket": "data" }),
            _ => object(),
        };
        let (output, sent) = call((500, "", ""), action, input).await;
        let error = output.unwrap_err();
        assert_eq!((error.class, error.error_name()), (ErrorClass::Unknown, "S3.S3Exception"), "{action}");
        assert_eq!(sent.len(), requests, "{action}");
    }
}

#[tokio::test]
async fn a_listing_has_the_members_of_aws_and_none_that_are_empty() {
    let listed = "<ListBucketResult><Name>data</Name><Prefix></Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys>\
                  <IsTruncated>false</IsTruncated><Contents><Key>a.txt</Key><LastModified>2025-11-06T12:22:00.000Z</LastModified>\
                  <ETag>&quot;e1a4&quot;</ETag><Size>11</Size><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>";
    let (output, _) =
        call((200, "content-type: application/xml\r\n", listed), "listObjectsV2", json!({ "Bucket": "data" })).await;
    let object = json!({
        "ETag": "\"e1a4\"", "Key": "a.txt", "LastModified": "2025-11-06T12:22:00Z", "Size": 11, "StorageClass": "STANDARD",
    });
    let expected = json!({
        "Contents": [object], "IsTruncated": false, "KeyCount": 1, "MaxKeys": 1000, "Name": "data", "Prefix": "",
    });
    assert_eq!(output.unwrap(), expected);
}

#[tokio::test]
async fn an_unknown_parameter_and_a_wrong_time_are_refused_without_a_call() {
    for (name, value) in
        [("Versionid", json!("1")), ("SSECustomerKey", json!("secret")), ("IfModifiedSince", json!("noon"))]
    {
        let mut input = object();
        input[name] = value;
        let (output, requests) = call((200, "", ""), "getObject", input).await;
        assert_eq!((output.unwrap_err().class, requests.len()), (ErrorClass::Invalid, 0), "{name}");
    }
}
