//! Requests without the key are refused, and requests with it are accepted.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::{Key, Signed};

const BODY: &[u8] = br#"{"stateMachineArn":"a"}"#;
const TIME: &str = "20261123T181500Z";

fn at(text: &str) -> SystemTime {
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).unwrap();
    date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().into()
}

fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let plain = [("host", "127.0.0.1:8083"), ("x-amz-date", TIME), ("x-amz-target", "AWSStepFunctions.StartExecution")];
    let named =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    plain.iter().chain(more).map(named).collect()
}

/// Signed with Python's hmac and hashlib by the rules of the IAM User Guide, not by this program.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/states/aws4_request, \
                      SignedHeaders=host;x-amz-date;x-amz-target, \
                      Signature=e9eb5dc50584f6ad29196e3548417df7ecb12a3a67e5a26f6d3134ccda3014dd";

fn answer(headers: &HeaderMap, body: &[u8], now: SystemTime) -> &'static str {
    let key = Key::new("AKIDEXAMPLE", "a secret", "us-east-1");
    let request = Signed { method: &Method::POST, uri: &Uri::from_static("/"), headers, body };
    key.check(&request, now).map_or_else(|refused| refused.kind, |()| "let in")
}

fn answer_to(authorization: &str) -> &'static str {
    answer(&headers(&[("authorization", authorization)]), BODY, at(TIME))
}

#[test]
fn what_was_signed_elsewhere_with_the_key_is_let_in_and_nothing_else() {
    let signed = headers(&[("authorization", SIGNED)]);
    assert_eq!(answer(&signed, BODY, at(TIME)), "let in");
    assert_eq!(answer(&signed, b"{}", at(TIME)), "InvalidSignatureException", "another body");
    let mut other = signed.clone();
    other.insert("x-amz-target", HeaderValue::from_static("AWSStepFunctions.StopExecution"));
    assert_eq!(answer(&other, BODY, at(TIME)), "InvalidSignatureException", "another operation");
    let mut other = signed.clone();
    other.insert("x-amz-security-token", HeaderValue::from_static("t"));
    assert_eq!(answer(&other, BODY, at(TIME)), "UnrecognizedClientException", "an unknown session");
    let mut other = signed;
    other.insert("x-amz-more", HeaderValue::from_static("t"));
    assert_eq!(answer(&other, BODY, at(TIME)), "InvalidSignatureException", "an unsigned header");
}

#[test]
fn five_minutes_are_the_limit_on_either_side() {
    let signed = headers(&[("authorization", SIGNED)]);
    for (seconds, expected) in [(0, "let in"), (300, "let in"), (301, "InvalidSignatureException")] {
        let distance = Duration::from_secs(seconds);
        assert_eq!(answer(&signed, BODY, at(TIME) + distance), expected, "{seconds} s late");
        assert_eq!(answer(&signed, BODY, at(TIME) - distance), expected, "{seconds} s early");
    }
}

#[test]
fn what_is_not_a_signature_is_refused_by_its_name() {
    assert_eq!(answer(&headers(&[]), BODY, at(TIME)), "MissingAuthenticationTokenException");
    for broken in
        ["Bearer token", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c", "AWS4-HMAC-SHA256 ,=,"]
    {
        assert_eq!(answer_to(broken), "IncompleteSignatureException", "{broken}");
    }
    assert_eq!(answer_to(&SIGNED.replace("AKID", "AKIE")), "UnrecognizedClientException");
    for (from, to) in [
        ("/states/", "/ec2/"),
        ("us-east-1", "us-west-2"),
        ("/20261123/", "/20261122/"),
        ("x-amz-date;x-amz-target", "x-amz-date"),
        ("host;x-amz-date;x-amz-target", "host;host;x-amz-date;x-amz-target"),
        ("Signature=", "Signature=0"),
    ] {
        assert_eq!(answer_to(&SIGNED.replace(from, to)), "InvalidSignatureException", "{to}");
    }
}
