//! Decides which requests over TCP are allowed: those with the operator's token or signed with the operator's key.
//! Without both, programs of this machine may call the operations with [`Access::WithoutSecret`]. `server.rs` refuses those with
//! [`Access::SocketOnly`] over TCP in any case.

use std::{net::IpAddr, time::SystemTime};

use api::{Access, Fault};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Uri, uri::Authority},
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::{
    TARGET, request_body,
    response::fault_response,
    signature::{Key, Signed},
};

/// The secrets that permit a request; either one if both are set.
#[derive(Clone, Default)]
pub struct Guard {
    /// The token in `Authorization: Bearer TOKEN`; never empty.
    pub token: Option<String>,
    /// The key that signs requests.
    pub key: Option<Key>,
}

/// A refusal in AWS's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The error name, such as `InvalidSignatureException`.
    pub kind: &'static str,
    /// The message, for people.
    pub message: String,
}

impl Refused {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Refused { kind, message: message.into() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        fault_response(&Fault::new(self.kind, self.message))
    }
}

impl Guard {
    /// Whether no request needs a token or a signature.
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.key.is_none()
    }

    /// Checks a request, and returns it with its body.
    ///
    /// # Errors
    /// The refusal.
    pub async fn check(&self, request: Request) -> Result<Request, Response> {
        if self.is_open() {
            let allowed = allowed_without_secret(request.headers(), request.uri());
            return allowed.map(|()| request).map_err(IntoResponse::into_response);
        }
        if self.knows_token(request.headers()) {
            return Ok(request);
        }
        let Some(key) = &self.key else {
            let message = "the Authorization header has no valid bearer token";
            return Err(Refused::new("UnrecognizedClientException", message).into_response());
        };
        // Checks first what needs no body, so that the body of a request with another key is not buffered.
        key.names_this_key(request.headers()).map_err(IntoResponse::into_response)?;
        let (parts, body) = request.into_parts();
        let body = request_body::read(&parts.headers, body).await?.bytes;
        let signed = Signed { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: &body };
        key.check(&signed, SystemTime::now()).map_err(IntoResponse::into_response)?;
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
        let sent = sent.and_then(bearer_token);
        sent.zip(self.token.as_deref()).is_some_and(|(sent, token)| same(sent.as_bytes(), token.as_bytes()))
    }
}

/// The token of an Authorization header with the scheme `Bearer`, in any case (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// Refuses a request without a secret, unless a program of this machine calls an operation that needs none. A page in a browser on
/// this machine can send requests too: to a name of its server that resolves to 127.0.0.1, or with a foreign origin (OWASP, "DNS rebinding"
/// and "Cross-Site Request Forgery").
fn allowed_without_secret(headers: &HeaderMap, uri: &Uri) -> Result<(), Refused> {
    let denied = |message: &str| Err(Refused::new("AccessDeniedException", message));
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // A proxy may have evaluated the other one of two headers.
    if ["host", "origin", TARGET].iter().any(|name| headers.get_all(*name).iter().count() > 1) {
        return denied("the request has Host, Origin or X-Amz-Target twice");
    }
    let named = uri.authority().map(Authority::as_str);
    let host = text("host").or(named).unwrap_or_default();
    if !is_this_machine(host) || named.is_some_and(|named| !is_this_machine(named)) {
        return denied(
            "Host is no name of this machine: without a token only 127.0.0.1, [::1] and localhost are answered",
        );
    }
    if text("origin").is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
        return denied("the request comes from a page of another origin");
    }
    if !needs_no_secret(text(TARGET).unwrap_or_default()) {
        return denied("this operation is not answered over TCP without a token");
    }
    Ok(())
}

/// Whether programs of this machine may call the operation of a target without a secret. A name that Step Functions does not have is
/// answered as at AWS.
fn needs_no_secret(target: &str) -> bool {
    match api::operation_info(target) {
        Some(operation) => operation.access == Access::WithoutSecret,
        None => target.starts_with(api::TARGET_PREFIX),
    }
}

/// Whether a host, with or without a port, is a loopback address or `localhost` (RFC 6761). AWS's clients add the
/// prefix `sync-` for StartSyncExecution and TestState.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let has_port = host.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    if host.contains('@') || (has_port && authority.port_u16().is_none()) {
        return false;
    }
    let name = authority.host().to_ascii_lowercase();
    let name = name.strip_prefix("sync-").unwrap_or(&name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.is_ok_and(|address| address.is_loopback()) || name == "localhost" || name.ends_with(".localhost")
}

/// Compares in a time that depends only on the length.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<(axum::http::HeaderName, _)>>()
            .into_iter()
            .collect()
    }

    #[test]
    fn only_names_of_this_machine_are_hosts_of_it() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8083",
            "127.1.2.3",
            "[::1]:8083",
            "localhost",
            "LocalHost:1",
            "states.localhost:1",
            "sync-localhost",
            "sync-127.0.0.1:1",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8083",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "x@127.0.0.1.evil.example",
            "evil.example@127.0.0.1",
            "127.0.0.1:evil",
            "127.0.0.1:99999",
            "[::1]:evil",
            "127.0.0.1 evil",
            "[::1",
            "evillocalhost",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn the_scheme_of_a_token_is_read_in_any_case() {
        let guard = Guard { token: Some("secret".to_owned()), key: None };
        for value in ["Bearer secret", "bearer secret", "BEARER  secret"] {
            assert!(guard.knows_token(&headers(&[("authorization", value)])), "{value}");
        }
        for value in ["Bearer Secret", "Bearer", "Bearersecret", "Basic secret", "secret", "Bearer secret secret"] {
            assert!(!guard.knows_token(&headers(&[("authorization", value)])), "{value}");
        }
    }

    #[test]
    fn each_operation_needs_a_secret_as_its_list_says() {
        let allowed = |target: &str| {
            let fields = [("host", "127.0.0.1:8083"), ("x-amz-target", target)];
            allowed_without_secret(&headers(&fields), &"/".parse().unwrap()).is_ok()
        };
        assert!(allowed("AWSStepFunctions.GetActivityTask") && allowed("Flow.EndPolls"), "without a secret");
        assert!(allowed("AWSStepFunctions.NoSuchOperation"), "it is answered with UnknownOperationException");
        for target in ["Flow.CancelExecution", "Flow.ExportExecutions", "Flow.AnswerWithToken"] {
            assert!(!allowed(target), "{target} needs a secret");
        }
        for target in ["Flow.StartExecution", "Flow.PruneExecutions"] {
            assert!(!allowed(target), "{target} is for the socket");
        }
        assert!(!allowed("Flow.NoSuchOperation"));
        for operation in api::flow::OPERATIONS {
            assert_eq!(allowed(operation.target), operation.access == Access::WithoutSecret, "{operation:?}");
        }
    }

    #[test]
    fn without_a_secret_only_operations_that_need_none_are_answered_to_programs_here() {
        let uri: Uri = "/".parse().unwrap();
        let host = ("host", "127.0.0.1:8083");
        let target = ("x-amz-target", "AWSStepFunctions.ListStateMachines");
        let allowed =
            |fields: &[(&'static str, &str)], uri: &Uri| allowed_without_secret(&headers(fields), uri).is_ok();
        assert!(allowed(&[host, target], &uri));
        assert!(allowed(&[host, target, ("origin", "http://127.0.0.1:8083")], &uri));
        assert!(allowed(&[target], &"http://127.0.0.1:8083/".parse().unwrap()), "HTTP/2 has an authority");
        for fields in [
            &[target][..],
            &[host],
            &[("host", "evil.example:8083"), target],
            &[host, target, ("origin", "http://evil.example")],
            &[host, target, ("origin", "https://127.0.0.1:8083")],
            &[host, target, ("origin", "null")],
            &[host, ("x-amz-target", "Flow.ExportExecutions")],
            &[host, ("x-amz-target", "")],
        ] {
            assert!(!allowed(fields, &uri), "{fields:?}");
        }
    }
}
