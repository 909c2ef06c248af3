//! Who may call over TCP: whoever sends the operator's token or signs with the operator's key. Without both, programs of this machine
//! may call Step Functions' own operations.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::{
    TARGET, WireFault, request_body,
    signature::{Key, Signed},
};

/// What a request must have, one of them where there are both.
#[derive(Clone, Default)]
pub struct Guard {
    /// In `Authorization: Bearer TOKEN`; never empty.
    pub token: Option<String>,
    /// The key of its signature.
    pub key: Option<Key>,
}

/// A refusal in the words of AWS.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Such as `InvalidSignatureException`.
    pub kind: &'static str,
    /// For people.
    pub message: String,
}

impl Refused {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Refused { kind, message: message.into() }
    }
}

impl IntoResponse for Refused {
    /// 400, as the services that speak AWS JSON have it.
    fn into_response(self) -> Response {
        let body = WireFault { kind: self.kind.to_owned(), message: self.message };
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-errortype", self.kind)];
        (StatusCode::BAD_REQUEST, headers, serde_json::to_string(&body).unwrap_or_default()).into_response()
    }
}

impl Guard {
    /// Whether no request needs a token or a signature.
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.key.is_none()
    }

    /// The router with this guard in front of it.
    pub fn before(self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(Arc::new(self), check))
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
        sent.zip(self.token.as_deref()).is_some_and(|(sent, token)| same(sent.as_bytes(), token.as_bytes()))
    }
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.is_open() {
        return match allowed_without_secret(request.headers(), request.uri()) {
            Ok(()) => next.run(request).await,
            Err(refused) => refused.into_response(),
        };
    }
    if guard.knows_token(request.headers()) {
        return next.run(request).await;
    }
    let Some(key) = &guard.key else {
        let message = "the Authorization header has no valid bearer token";
        return Refused::new("UnrecognizedClientException", message).into_response();
    };
    // First what needs no body: nothing is kept in memory for a request that cannot be signed by this key.
    if let Err(refused) = key.names_this_key(request.headers()) {
        return refused.into_response();
    }
    let (parts, body) = request.into_parts();
    let body = match request_body::read(body).await {
        Ok(body) => body.bytes,
        Err(refused) => return refused,
    };
    let signed = Signed { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: &body };
    match key.check(&signed, SystemTime::now()) {
        Ok(()) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(refused) => refused.into_response(),
    }
}

/// Whether a request may be answered that shows no secret: one for Step Functions' operations that a program of this machine sends.
/// A page in a browser of this machine can send requests too: to a name of its own that leads to 127.0.0.1, or with a foreign origin
/// (OWASP, "DNS rebinding" and "Cross-Site Request Forgery").
fn allowed_without_secret(headers: &HeaderMap, uri: &Uri) -> Result<(), Refused> {
    let denied = |message: &str| Err(Refused::new("AccessDeniedException", message));
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text("host").or_else(|| uri.authority().map(Authority::as_str)).unwrap_or_default();
    if !is_this_machine(host) {
        return denied(
            "Host is no name of this machine: without a token only 127.0.0.1, [::1] and localhost are answered",
        );
    }
    if text("origin").is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
        return denied("the request comes from a page of another origin");
    }
    if !text(TARGET).unwrap_or_default().starts_with(api::TARGET_PREFIX) {
        return denied("without a token only the operations of Step Functions are answered over TCP");
    }
    Ok(())
}

/// Whether a host, with or without a port, is a loopback address or `localhost` (RFC 6761). AWS's clients put the prefix `sync-`
/// before it for StartSyncExecution and TestState.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    let name = name.strip_prefix("sync-").unwrap_or(&name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.is_ok_and(|address| address.is_loopback()) || name == "localhost" || name.ends_with(".localhost")
}

/// Compares in a time that depends on the length only.
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
            "127.0.0.1 evil",
            "[::1",
            "evillocalhost",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn without_a_secret_only_step_functions_operations_of_programs_here_are_answered() {
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
