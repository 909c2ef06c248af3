//! A client of the Step Functions API, at AWS or at a `flow serve` on another machine.

mod executions;
mod machines;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_sfn::{
    Client,
    config::Builder,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
        },
        orchestrator::HttpResponse,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{config_bag::ConfigBag, retry::RetryConfig, timeout::TimeoutConfig};
use engine::step::{ErrorClass, StepError};

pub use self::{
    executions::{RemoteEvent, RemoteExecution, event_types},
    machines::{DefinitionProblem, RemoteStateMachine, RunningExecution, StateMachineSettings},
};
use crate::{
    environment::configuration,
    failure::{HEADER_OF_SERVER, failure},
};

/// The time that a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that a call may take: a person must not wait for longer without a reason on the screen.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that GetActivityTask may take. It answers after 60 s at the latest (API Reference), and AWS asks clients to wait for 65.
const POLL_TIMEOUT: Duration = Duration::from_secs(75);

/// The operation of a `flow serve` that ends the open polls of a worker.
pub const END_POLLS: &str = "Flow.EndPolls";

/// A resource in a list of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedArn {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The endpoint of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// AWS, with the credentials of a profile.
    Aws {
        /// The profile; `None` for AWS's default.
        profile: Option<String>,
        /// The region; `None` for the profile's.
        region: Option<String>,
    },
    /// A server of the same API, such as `flow serve`.
    Url {
        /// The URL, such as `http://127.0.0.1:8083`.
        url: String,
        /// The region for which requests are signed.
        region: String,
        /// The access key id and secret with which requests are signed.
        key: Option<(String, String)>,
        /// The token that requests send as `Authorization: Bearer TOKEN` in place of a signature.
        token: Option<String>,
    },
}

/// A client of the Step Functions API. It does not repeat calls.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    header: HeaderOfServer,
    /// The URL of the endpoint, for messages; `None` for AWS.
    url: Option<String>,
}

/// A task that a worker received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTask {
    /// The task token for the answer.
    pub token: String,
    /// The task's input as JSON text.
    pub input: String,
}

/// The effect of an answer or a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It was accepted.
    Accepted,
    /// The task has ended: it timed out, another worker answered it, or its execution ended. Not an error.
    Over,
}

impl StepFunctions {
    /// Connects to an endpoint.
    ///
    /// # Errors
    /// `Invalid` if no region is configured. Missing credentials are reported by the first call.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, StepError> {
        let builder = match endpoint {
            Endpoint::Aws { profile, region } => {
                let (config, _) = configuration(profile.as_deref(), region.as_deref()).await?;
                Builder::from(&config)
            }
            Endpoint::Url { url, region, key, token } => of_url(url, region, key.as_ref(), token.as_deref()),
        };
        // A repeated GetActivityTask would lose the task that the first one received, so the caller decides.
        let builder = builder.retry_config(RetryConfig::disabled()).timeout_config(within(CALL_TIMEOUT));
        let header = HeaderOfServer::default();
        let client = Client::from_conf(builder.interceptor(header.clone()).build());
        let url = match endpoint {
            Endpoint::Aws { .. } => None,
            Endpoint::Url { url, .. } => Some(url.clone()),
        };
        Ok(StepFunctions { client, header, url })
    }

    /// The failure of a call. If nothing usable answered, it names the URL, which may be the mistake.
    fn failed<E>(&self, action: &str, error: SdkError<E, HttpResponse>) -> StepError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let has_no_code = error.code().is_none();
        let is_page = matches!(error, SdkError::ServiceError(_) | SdkError::ResponseError(_)) && has_no_code;
        let mut failure = failure(action, error);
        // A page of a proxy is no answer of the service to which it forwards, whatever its status is.
        if is_page && failure.class != ErrorClass::Throttled {
            failure.class = ErrorClass::Unknown;
            failure.hint = None;
        }
        if let (Some(url), true) = (&self.url, has_no_code) {
            failure.cause = format!("{url}: {}", failure.cause);
        }
        failure
    }

    /// Asks whether the service is a `flow serve`: each of its responses has a header that no other service has. Only an answer in the form
    /// of the API counts: the answer of a proxy does not show to which service it forwards.
    ///
    /// # Errors
    /// The service does not answer, or not in the form of the API.
    pub async fn is_flow_serve(&self) -> Result<bool, StepError> {
        match self.client.list_activities().max_results(1).send().await {
            Err(error) if !self.answered_as_flow_serve() && error.code().is_none() => {
                Err(self.failed("states:ListActivities", error))
            }
            _ => Ok(self.answered_as_flow_serve()),
        }
    }

    /// Whether a response so far was that of a `flow serve`.
    pub fn answered_as_flow_serve(&self) -> bool {
        self.header.is_seen.load(Ordering::Relaxed)
    }

    /// Every activity.
    ///
    /// # Errors
    /// The API's.
    pub async fn activities(&self) -> Result<Vec<NamedArn>, StepError> {
        let mut pages = self.client.list_activities().into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.failed("states:ListActivities", error))?;
            found.push(NamedArn { name: item.name, arn: item.activity_arn });
        }
        Ok(found)
    }

    /// Waits up to 60 s for a task of an activity.
    ///
    /// # Errors
    /// The API's; class `NotFound` if the activity does not exist.
    pub async fn activity_task(&self, arn: &str, worker: &str) -> Result<Option<ActivityTask>, StepError> {
        let call = self.client.get_activity_task().activity_arn(arn).worker_name(worker).customize();
        let answer = call.config_override(Builder::new().timeout_config(within(POLL_TIMEOUT))).send().await.map_err(
            |error| match error.code() {
                Some("ActivityDoesNotExist") => {
                    StepError::new(ErrorClass::NotFound, format!("the activity {arn} does not exist"))
                }
                _ => self.failed("states:GetActivityTask", error),
            },
        )?;
        let task = answer
            .task_token
            .filter(|token| !token.is_empty())
            .map(|token| ActivityTask { token, input: answer.input.unwrap_or_default() });
        Ok(task)
    }

    /// Makes a `flow serve` answer the open polls of a worker at once. No other service has this operation.
    ///
    /// # Errors
    /// The API's.
    pub async fn end_polls(&self, arn: &str, worker: &str) -> Result<(), StepError> {
        // Its request and its response are those of GetActivityTask.
        let call = self.client.get_activity_task().activity_arn(arn).worker_name(worker).customize();
        let call = call.mutate_request(|request| {
            request.headers_mut().insert("x-amz-target", END_POLLS);
        });
        call.send().await.map(drop).map_err(|error| self.failed(END_POLLS, error))
    }

    /// Answers a task with its output as JSON text.
    ///
    /// # Errors
    /// The API's.
    pub async fn task_succeeded(&self, token: &str, output: &str) -> Result<Receipt, StepError> {
        let sent = self.client.send_task_success().task_token(token).output(output).send().await;
        self.receipt(sent.map(drop), "states:SendTaskSuccess")
    }

    /// Answers a task with a failure.
    ///
    /// # Errors
    /// The API's.
    pub async fn task_failed(&self, token: &str, error: &str, cause: &str) -> Result<Receipt, StepError> {
        let sent = self.client.send_task_failure().task_token(token).error(error).cause(cause).send().await;
        self.receipt(sent.map(drop), "states:SendTaskFailure")
    }

    /// Reports that a task's worker is alive.
    ///
    /// # Errors
    /// The API's.
    pub async fn heartbeat(&self, token: &str) -> Result<Receipt, StepError> {
        let sent = self.client.send_task_heartbeat().task_token(token).send().await;
        self.receipt(sent.map(drop), "states:SendTaskHeartbeat")
    }

    fn receipt<E>(&self, sent: Result<(), SdkError<E, HttpResponse>>, action: &str) -> Result<Receipt, StepError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match sent {
            Ok(()) => Ok(Receipt::Accepted),
            Err(error) if matches!(error.code(), Some("InvalidToken" | "TaskTimedOut" | "TaskDoesNotExist")) => {
                Ok(Receipt::Over)
            }
            Err(error) => Err(self.failed(action, error)),
        }
    }
}

/// The limits of a call that may take this long.
fn within(call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(call).build()
}

fn of_url(url: &str, region: &str, key: Option<&(String, String)>, token: Option<&str>) -> Builder {
    let (id, secret) = key.cloned().unwrap_or_else(|| ("flow".to_owned(), "flow".to_owned()));
    let mut builder = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(id, secret, None, None, "flow"));
    if url.starts_with("http://") {
        builder = builder.http_client(aws_smithy_http_client::Builder::new().build_http());
    }
    if let Some(token) = token {
        builder = builder.interceptor(Bearer(token.to_owned()));
    }
    builder
}

/// Replaces the signature of a request by a token.
struct Bearer(String);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer")
    }
}

impl Intercept for Bearer {
    fn name(&self) -> &'static str {
        "Bearer"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.remove("authorization");
        headers.try_insert("authorization", format!("Bearer {}", self.0))?;
        Ok(())
    }
}

/// Remembers whether a response had the header of `flow serve`.
#[derive(Debug, Clone, Default)]
struct HeaderOfServer {
    is_seen: Arc<AtomicBool>,
}

impl Intercept for HeaderOfServer {
    fn name(&self) -> &'static str {
        "HeaderOfServer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.is_seen.fetch_or(context.response().headers().get(HEADER_OF_SERVER).is_some(), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_server::{Canned, TestServer};

    async fn is_flow_serve(canned: Canned) -> bool {
        let server = TestServer::start(canned).await;
        let url = server.endpoint();
        let endpoint =
            Endpoint::Url { url, region: "us-east-1".to_owned(), key: None, token: Some("token".to_owned()) };
        StepFunctions::connect(&endpoint).await.unwrap().is_flow_serve().await.unwrap()
    }

    #[tokio::test]
    async fn only_a_service_with_the_header_is_a_flow_serve() {
        const OF_FLOW: &str = "content-type: application/x-amz-json-1.0\r\nx-flow-wire: 2.0\r\n";
        const OF_ANOTHER: &str = "content-type: application/x-amz-json-1.0\r\nserver: hypercorn-h11\r\n";
        let refused = r#"{"__type":"UnrecognizedClientException","message":"no valid bearer token"}"#;
        assert!(is_flow_serve((200, OF_FLOW, r#"{"activities":[]}"#)).await);
        assert!(is_flow_serve((400, OF_FLOW, refused)).await, "also if it refuses the token");
        assert!(!is_flow_serve((200, OF_ANOTHER, r#"{"activities":[]}"#)).await);
        assert!(!is_flow_serve((400, OF_ANOTHER, refused)).await);
    }

    #[tokio::test]
    async fn the_answer_of_a_proxy_does_not_say_to_what_it_forwards() {
        const PAGE: &str = "content-type: text/html\r\n";
        for status in [200, 403, 404, 502, 503] {
            let server = TestServer::start((status, PAGE, "<html>")).await;
            let url = server.endpoint();
            let endpoint = Endpoint::Url { url: url.clone(), region: "us-east-1".to_owned(), key: None, token: None };
            let error = StepFunctions::connect(&endpoint).await.unwrap().is_flow_serve().await.unwrap_err();
            assert!(error.to_string().contains(&url), "{status}: {error}");
            let is_unreachable = matches!(error.class, ErrorClass::Unknown | ErrorClass::Throttled);
            assert!(is_unreachable, "{status}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_service_that_cannot_be_reached_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let endpoint = Endpoint::Url { url, region: "us-east-1".to_owned(), key: None, token: None };
        let error = StepFunctions::connect(&endpoint).await.unwrap().is_flow_serve().await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unknown, "{error}");
    }
}
