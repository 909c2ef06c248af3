//! The owner's side: the store's socket, and any other listener that is given the same router.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use api::Fault;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use engine::{
    machine::ExecutionStatus,
    runner::{RunnerError, RunnerHandle},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixListener;

use super::{
    protocol::{Entries, From, Id, Ids, List, Refusal, Start, Status, TARGET, TaskToken, Waiting, Which},
    request_body,
};
use crate::commands::export::lines;

/// What the owner of a store answers with.
pub struct Served {
    runner: RunnerHandle,
    api: Arc<api::Api>,
}

impl Served {
    /// The runner's own operations (`Flow.*`) and the Step Functions API.
    pub fn new(runner: RunnerHandle, api: Arc<api::Api>) -> Arc<Self> {
        Arc::new(Served { runner, api })
    }
}

/// The router of every listener.
pub fn router(served: Arc<Served>) -> Router {
    Router::new().fallback(answer).with_state(served)
}

/// Serves on a socket (mode 0600) until the process ends.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(served: Arc<Served>, socket: &Path) -> std::io::Result<()> {
    // We hold the owner's lock: whatever lies there was left by a process that has ended.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(served)).await {
            tracing::error!("the socket has failed: {error}");
        }
    });
    Ok(())
}

async fn answer(State(served): State<Arc<Served>>, headers: HeaderMap, body: Body) -> Response {
    let body = match request_body::read(body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let target = headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(operation) = target.strip_prefix(api::TARGET_PREFIX) {
        return step_functions(&served.api, operation, &body).await;
    }
    let runner = &served.runner;
    let answer = match target {
        "Flow.Start" => start(&served, &body).await,
        "Flow.List" => list(runner, &body).await,
        "Flow.Export" => export(runner, &body),
        "Flow.Status" => status(&served, &body).await,
        "Flow.Recover" => with_id(&body, async |id| Ok(runner.recover(&id).await?)).await,
        "Flow.Resume" => with_id(&body, async |id| served.api.resume(&id).await).await,
        "Flow.TaskToken" => task_token(&served.api, &body),
        "Flow.Entries" => entries(runner, &body),
        "Flow.Follow" => follow(runner, &body),
        other => Err(refusal(StatusCode::BAD_REQUEST, "UnknownOperationException", format!("no operation '{other}'"))),
    };
    answer.unwrap_or_else(|refused| refused)
}

/// AWS JSON 1.0: the answer, or the fault by its name.
async fn step_functions(api: &api::Api, operation: &str, body: &[u8]) -> Response {
    let (status, body) = match api.call(operation, body).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err(fault) => (status_of(&fault), serde_json::json!({ "__type": fault.kind, "message": fault.message })),
    };
    let request_id = format!("{:032x}", rand::random::<u128>());
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", request_id.as_str())];
    (status, headers, body.to_string()).into_response()
}

type Answer = Result<Response, Response>;

pub(super) fn refusal(status: StatusCode, kind: &str, message: impl Into<String>) -> Response {
    let body = Refusal { kind: kind.to_owned(), message: message.into() };
    (status, axum::Json(body)).into_response()
}

fn refused(fault: Fault) -> Response {
    refusal(status_of(&fault), fault.kind, fault.message)
}

fn status_of(fault: &Fault) -> StatusCode {
    StatusCode::from_u16(fault.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Response> {
    serde_json::from_slice(body)
        .map_err(|error| refusal(StatusCode::BAD_REQUEST, "SerializationException", error.to_string()))
}

fn write<T: Serialize>(value: T) -> Answer {
    Ok(axum::Json(value).into_response())
}

async fn with_id(body: &[u8], act: impl AsyncFnOnce(String) -> Result<(), Fault>) -> Answer {
    let Id { id } = read(body)?;
    act(id).await.map_err(refused)?;
    write(serde_json::json!({}))
}

async fn start(served: &Served, body: &[u8]) -> Answer {
    let Start { id, workflow, subject, environment, definition, input } = read(body)?;
    let start = api::WorkflowStart { id, workflow, subject, environment, definition, input };
    let header = served.api.start_workflow(start).await.map_err(refused)?;
    if header.status == ExecutionStatus::Running {
        served.runner.recover(&header.id).await.map_err(|error| refused(error.into()))?;
    }
    write(header)
}

async fn list(runner: &RunnerHandle, body: &[u8]) -> Answer {
    let which: Which = read(body)?;
    let headers = which.headers(runner.store()).map_err(|error| refused(error.into()))?;
    write(List { headers, driven: runner.driven().await })
}

async fn status(served: &Served, body: &[u8]) -> Answer {
    let Id { id } = read(body)?;
    let failed = |error: engine::store::StoreError| refused(error.into());
    let store = served.runner.store();
    let missing = || refused(RunnerError::ExecutionDoesNotExist { id: id.clone() }.into());
    let header = store.header(&id).map_err(failed)?.ok_or_else(missing)?;
    let frames = store.frames(&id).map_err(failed)?;
    let (_, definition) = store.definition(&id).map_err(failed)?.ok_or_else(missing)?;
    let driven = served.runner.driven().await.contains(&id);
    let execution_arn = served.api.arn_of_execution(&id).ok();
    write(Status { header, frames, definition, driven, execution_arn })
}

fn task_token(api: &api::Api, body: &[u8]) -> Answer {
    let Waiting { id, state } = read(body)?;
    write(TaskToken { task_token: api.task_token(&id, &state).map_err(refused)? })
}

fn entries(runner: &RunnerHandle, body: &[u8]) -> Answer {
    let From { id, from_sequence } = read(body)?;
    let entries = runner.store().entries(&id, from_sequence, usize::MAX).map_err(|error| refused(error.into()))?;
    write(Entries { entries })
}

/// The lines of an export; the first that cannot be read ends it.
fn export(runner: &RunnerHandle, body: &[u8]) -> Answer {
    let Ids { ids } = read(body)?;
    let failed = |error: engine::store::StoreError| refused(error.into());
    let mut text = String::new();
    for line in lines(runner.store(), &ids).map_err(failed)? {
        let line = serde_json::to_string(&line.map_err(failed)?);
        text.push_str(
            &line.map_err(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, "StoreFailed", error.to_string()))?,
        );
        text.push('\n');
    }
    Ok(text.into_response())
}

/// A line of JSON for each event, until the client goes or the runner stops.
fn follow(runner: &RunnerHandle, body: &[u8]) -> Answer {
    let From { id, from_sequence } = read(body)?;
    let follow = runner.follow(&id, from_sequence);
    let lines = futures::stream::unfold(follow, |mut follow| async move {
        let event = follow.next().await.ok()??;
        let mut line = serde_json::to_vec(&event).ok()?;
        line.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(axum::body::Bytes::from(line)), follow))
    });
    Ok(Response::new(Body::from_stream(lines)))
}
