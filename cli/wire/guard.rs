//! Who may ask: whoever brings the operator's token, or signs with the operator's key.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use super::{
    WireFault, request_body,
    signature::{Key, Signed},
};

/// What a request must bring, one of them where there are both.
#[derive(Clone, Default)]
pub struct Guard {
    /// As `Authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// What it is signed with.
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
    /// Whether anybody at all may ask.
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.key.is_none()
    }

    /// The router, behind this guard.
    pub fn before(self, router: Router) -> Router {
        if self.is_open() {
            return router;
        }
        router.layer(middleware::from_fn_with_state(Arc::new(self), check))
    }

    fn knows_token(&self, request: &Request) -> bool {
        let brought = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let brought = brought.and_then(|value| value.strip_prefix("Bearer "));
        let tokens = brought.zip(self.token.as_deref());
        tokens.is_some_and(|(brought, token)| same(brought.as_bytes(), token.as_bytes()))
    }
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.knows_token(&request) {
        return next.run(request).await;
    }
    let Some(key) = &guard.key else {
        let message = "Authorization: Bearer with the server's token is missing";
        return Refused::new("UnrecognizedClientException", message).into_response();
    };
    let (parts, body) = request.into_parts();
    let body = match request_body::read(body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let signed = Signed { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: &body };
    match key.check(&signed, SystemTime::now()) {
        Ok(()) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(refused) => refused.into_response(),
    }
}

/// Compares in a time that does not tell where the first difference is.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}
