//! Reads of services without a client: one call does not justify an SDK crate. Requests are signed with the SDK's
//! signer.

use std::time::SystemTime;

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use serde_json::Value;

use super::{Environment, clients::READ_ATTEMPTS, identity::provided};
use crate::failure::chain;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

impl Environment {
    /// Calls an operation of a service with the JSON protocol; `target` is the value of `X-Amz-Target`.
    ///
    /// # Errors
    /// A sentence: no credentials, no answer, or the service's error.
    pub(crate) async fn call_json(&self, service: &str, target: &str, body: &Value) -> Result<Value, String> {
        let mut wait = self.read_backoff;
        for _ in 1..READ_ATTEMPTS {
            match self.call_json_once(service, target, body).await {
                Err(failure) if failure.will_pass() => tokio::time::sleep(wait).await,
                answer => return answer.map_err(|failure| failure.to_string()),
            }
            wait = wait.saturating_mul(2);
        }
        self.call_json_once(service, target, body).await.map_err(|failure| failure.to_string())
    }

    async fn call_json_once(&self, service: &str, target: &str, body: &Value) -> Result<Value, Failure> {
        let config = self.clients.config();
        let url = match config.endpoint_url() {
            Some(endpoint) => endpoint.to_owned(),
            None => {
                let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{service}.{}.{suffix}/", self.region)
            }
        };
        let identity = provided(config).await.map_err(|error| not_sent(&error))?.into();
        let body = body.to_string();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| not_sent(&error))?
            .into();
        let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", target)];
        let signable =
            SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|request| sign(request, &params)).map_err(|error| not_sent(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut request = self.https.post(&url).body(body.clone());
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        read(request.send().await.map_err(|error| Failure::NoAnswer(chain(&error)))?).await
    }
}

/// Why a call has no result.
#[derive(Debug)]
enum Failure {
    /// It was not sent, or its answer cannot be used: a sentence.
    Other(String),
    /// No answer arrived.
    NoAnswer(String),
    /// The service answered with an error.
    Service {
        /// The status of HTTP.
        status: u16,
        /// The error code; empty if the answer has none.
        code: String,
        /// The service's message; empty if the answer has none.
        message: String,
    },
}

impl Failure {
    /// Whether this is throttling, an error of the service or a lost answer, which the clients for reads retry too.
    fn will_pass(&self) -> bool {
        match self {
            Failure::Other(_) => false,
            Failure::NoAnswer(_) | Failure::Service { status: 429 | 500..=599, .. } => true,
            Failure::Service { code, .. } => code.contains("Throttl") || code.contains("TooManyRequests"),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Other(why) => f.write_str(why),
            Failure::NoAnswer(why) => write!(f, "no answer: {why}"),
            Failure::Service { status, code, message } => {
                f.write_str(format!("HTTP {status} {code} {message}").trim_end())
            }
        }
    }
}

/// The failure of a call that was not sent.
fn not_sent(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::Other(chain(error))
}

async fn read(mut answer: reqwest::Response) -> Result<Value, Failure> {
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Failure::Other(chain(&error)))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Other(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if status.is_success() {
        return Ok(json);
    }
    let code = json["__type"].as_str().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or(code);
    let message = json["message"].as_str().or_else(|| json["Message"].as_str()).unwrap_or_default();
    let (code, message) = (code.to_owned(), message.to_owned());
    Err(Failure::Service { status: status.as_u16(), code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_errors_of_the_service_pass_and_refusals_do_not() {
        let of_service = |status, code: &str, message: &str| {
            let (code, message) = (code.to_owned(), message.to_owned());
            Failure::Service { status, code, message }
        };
        let throttled = of_service(400, "ThrottlingException", "Rate exceeded");
        assert_eq!(throttled.to_string(), "HTTP 400 ThrottlingException Rate exceeded");
        assert_eq!(of_service(503, "", "").to_string(), "HTTP 503");
        let no_answer = Failure::NoAnswer("reset".to_owned());
        assert_eq!(no_answer.to_string(), "no answer: reset");
        for failure in [throttled, of_service(503, "", ""), of_service(429, "", ""), no_answer] {
            assert!(failure.will_pass(), "{failure}");
        }
        let refused = of_service(400, "AccessDeniedException", "Throttling is not allowed");
        let missing = of_service(404, "NoSuchResourceException", "");
        for failure in [refused, missing, Failure::Other("no answer: no credentials".to_owned())] {
            assert!(!failure.will_pass(), "{failure}");
        }
    }
}
