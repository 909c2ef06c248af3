//! The HTTP client of the AWS clients for changes in a plan. It has no socket.

use std::sync::Arc;

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use super::PlanRecord;

/// The body of the answer to an operation, of the service whose steps require fields in it.
pub(crate) type AnswerOfService = fn(&str) -> Option<String>;

/// Records every call and answers it with a success that has the fewest fields that steps can parse.
#[derive(Debug, Clone)]
pub(crate) struct NoConnection {
    record: Arc<PlanRecord>,
    answer: AnswerOfService,
}

impl NoConnection {
    pub(crate) fn new(record: Arc<PlanRecord>, answer: AnswerOfService) -> Self {
        NoConnection { record, answer }
    }
}

impl HttpClient for NoConnection {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for NoConnection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation(&request);
        self.record.record_call(&operation);
        let is_json = request.headers().get("x-amz-target").is_some();
        let (content_type, fewest) = if is_json {
            ("application/x-amz-json-1.1", "{}".to_owned())
        } else {
            ("text/xml", query_answer(&operation, ""))
        };
        let body = (self.answer)(&operation).unwrap_or(fewest);
        let answer = StatusCode::try_from(200).map(|status| {
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", content_type);
            response
        });
        HttpConnectorFuture::ready(answer.map_err(|error| ConnectorError::other(error.into(), None)))
    }
}

/// The operation's name: in a header in the JSON protocol, in the body in the Query protocols. Route 53 has only one.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let body = request.body().bytes().unwrap_or_default();
    let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action");
    action.map_or_else(|| "ChangeResourceRecordSets".to_owned(), |(_, action)| action.into_owned())
}

/// An answer in the Query protocol.
pub(crate) fn query_answer(operation: &str, content: &str) -> String {
    format!("<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>")
}
