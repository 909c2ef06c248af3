//! The responses of the wire: AWS JSON 1.0, the answer or a fault by its name.

use api::Fault;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::WireFault;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The response for an answer or a fault.
pub(super) fn json_response(answer: Result<Value, Fault>) -> Response {
    match answer {
        Ok(answer) => {
            let request_id = request_id();
            let headers = [("content-type", CONTENT_TYPE), ("x-amzn-requestid", request_id.as_str())];
            (StatusCode::OK, headers, answer.to_string()).into_response()
        }
        Err(fault) => fault_response(&fault),
    }
}

/// The response for a fault. Its kind is in the body and in a header: AWS's clients differ in which one they read.
pub(super) fn fault_response(fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let request_id = request_id();
    let headers =
        [("content-type", CONTENT_TYPE), ("x-amzn-requestid", request_id.as_str()), ("x-amzn-errortype", fault.kind)];
    let body = serde_json::to_string(&WireFault::of(fault)).unwrap_or_default();
    (status, headers, body).into_response()
}

fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
