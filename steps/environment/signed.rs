//! Reads of services without a client: one call does not justify an SDK crate. Requests are signed with the SDK's
//! signer.

use std::time::SystemTime;

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use serde_json::Value;

use super::{Environment, chain, clients::READ_ATTEMPTS, identity::provided};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The start of the problem of a call without an answer.
const NO_ANSWER: &str = "no answer: ";
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
                Err(why) if will_pass(&why) => tokio::time::sleep(wait).await,
                answer => return answer,
            }
            wait = wait.saturating_mul(2);
        }
        self.call_json_once(service, target, body).await
    }

    async fn call_json_once(&self, service: &str, target: &str, body: &Value) -> Result<Value, String> {
        let config = self.clients.config();
        let url = match config.endpoint_url() {
            Some(endpoint) => endpoint.to_owned(),
            None => {
                let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{service}.{}.{suffix}/", self.region)
            }
        };
        let identity = provided(config).await.map_err(|error| chain(&error))?.into();
        let body = body.to_string();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| chain(&error))?
            .into();
        let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", target)];
        let signable =
            SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|request| sign(request, &params)).map_err(|error| chain(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut request = self.https.post(&url).body(body.clone());
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        read(request.send().await.map_err(|error| format!("{NO_ANSWER}{}", chain(&error)))?).await
    }
}

/// Whether the problem is throttling, an error of the service or a lost answer, which the clients for reads retry too.
fn will_pass(why: &str) -> bool {
    let status =
        why.strip_prefix("HTTP ").and_then(|rest| rest.split(' ').next()).and_then(|status| status.parse().ok());
    match status {
        Some(429 | 500..=599_u16) => true,
        Some(_) => why.contains("Throttl") || why.contains("TooManyRequests"),
        None => why.starts_with(NO_ANSWER),
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Value, String> {
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
    }
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if status.is_success() {
        return Ok(json);
    }
    let code = json["__type"].as_str().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or(code);
    let message = json["message"].as_str().or_else(|| json["Message"].as_str()).unwrap_or_default();
    Err(format!("HTTP {} {code} {message}", status.as_u16()).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_errors_of_the_service_pass_and_refusals_do_not() {
        for why in ["HTTP 400 ThrottlingException Rate exceeded", "HTTP 503", "HTTP 429", "no answer: reset"] {
            assert!(will_pass(why), "{why}");
        }
        for why in ["HTTP 400 AccessDeniedException not allowed", "no credentials", "HTTP 404 NoSuchResourceException"]
        {
            assert!(!will_pass(why), "{why}");
        }
    }
}
