//! Each counted request was made, succeeded, and carried the token.
#![allow(clippy::unwrap_used)]

use std::{convert::Infallible, sync::Mutex};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;

/// The operations that a stub received, each with its authorization and its request.
type Asked = Arc<Mutex<Vec<(String, Option<String>, Value)>>>;

/// A server that answers every operation with `answer`. Returns its address and the requests it received.
async fn stub(answer: fn(&str) -> (u16, Value)) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Asked::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let seen = seen.clone();
                async move {
                    let header =
                        |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
                    let operation = header("x-amz-target").unwrap().replace("AWSStepFunctions.", "");
                    let authorization = header("authorization");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let (status, answer) = answer(&operation);
                    seen.lock().unwrap().push((operation, authorization, serde_json::from_slice(&body).unwrap()));
                    let body = Full::new(Bytes::from(answer.to_string()));
                    Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, asked)
}

fn answer(operation: &str) -> (u16, Value) {
    (
        200,
        match operation {
            "CreateActivity" => json!({ "activityArn": "activity" }),
            "CreateStateMachine" => json!({ "stateMachineArn": "machine" }),
            "GetActivityTask" => json!({ "taskToken": "token", "input": "{}" }),
            "ListExecutions" => json!({ "executions": [], "nextToken": "next" }),
            _ => json!({}),
        },
    )
}

fn count(asked: &Asked, operation: &str) -> usize {
    asked.lock().unwrap().iter().filter(|(asked, ..)| asked == operation).count()
}

#[tokio::test]
async fn every_request_is_made_once_and_with_the_token() {
    let (address, asked) = stub(answer).await;
    let figures = drive(&address, Some("secret"), ServeWorkload::Starts(200)).await.unwrap();
    assert_eq!((figures.count, count(&asked, "StartExecution")), (200, 200));
    assert!(figures.per_second > 0.0 && figures.p50_ms <= figures.p99_ms, "{figures:?}");
    assert!(asked.lock().unwrap().iter().all(|(_, sent, _)| sent.as_deref() == Some("Bearer secret")));
}

#[tokio::test]
async fn a_round_trip_answers_the_task_that_it_fetched() {
    let (address, asked) = stub(answer).await;
    drive(&address, None, ServeWorkload::RoundTrips(50)).await.unwrap();
    for operation in ["StartExecution", "GetActivityTask", "SendTaskSuccess"] {
        assert_eq!(count(&asked, operation), 50, "{operation}");
    }
    let asked = asked.lock().unwrap();
    let answered = asked.iter().find(|(operation, ..)| operation == "SendTaskSuccess").unwrap();
    assert_eq!((&answered.1, &answered.2), (&None, &json!({ "taskToken": "token", "output": "{}" })));
}

#[tokio::test]
async fn pages_follow_one_another() {
    let (address, asked) = stub(answer).await;
    drive(&address, None, ServeWorkload::Pages(40)).await.unwrap();
    let asked = asked.lock().unwrap();
    let tokens: Vec<&Value> = asked
        .iter()
        .filter(|(asked, ..)| asked == "ListExecutions")
        .map(|(.., request)| &request["nextToken"])
        .collect();
    let first = tokens.iter().filter(|token| token.is_null()).count();
    assert!(tokens.len() == 40 && (1..=4).contains(&first), "{first} of {} have no token", tokens.len());
}

#[tokio::test]
async fn a_refusal_is_an_error_and_no_figure() {
    let refuse = |operation: &str| match operation {
        "StartExecution" => (400, json!({ "__type": "StateMachineDeleting" })),
        _ => answer(operation),
    };
    let (address, _) = stub(refuse).await;
    let error = drive(&address, None, ServeWorkload::Starts(10)).await.unwrap_err().to_string();
    assert!(error.contains("StartExecution") && error.contains("StateMachineDeleting"), "{error}");
    assert!(drive("127.0.0.1:1", None, ServeWorkload::Starts(1)).await.is_err());
}
