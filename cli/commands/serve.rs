//! `flow serve`.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    place::Place,
    session::Session,
    socket::server::router,
};

/// Arguments of `flow serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Where to listen; other than on this machine only with a token.
    #[arg(long, default_value = "127.0.0.1:8083", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// What every request must bring as `Authorization: Bearer TOKEN`.
    #[arg(long, env = "FLOW_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// Owns the store and serves it until SIGINT or SIGTERM.
pub async fn run(global: &Global, arguments: ServeArguments) -> Result<Exit, CliError> {
    if !arguments.listen.ip().is_loopback() && arguments.token.is_none() {
        let message = format!("{} can be reached from other machines, and no token is set", arguments.listen);
        return Err(CliError::refused(message).hint("set FLOW_TOKEN, or listen on 127.0.0.1"));
    }
    let place = Place::real(global)?;
    let session = Session::own(&place)?;
    let Some((served, runner)) = session.served() else { return Ok(Exit::Unreachable) };
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    let recovered = runner.recover_all().await.map_err(|error| CliError::refused(error.to_string()))?;
    let address = listener.local_addr()?;
    match global.output {
        Output::Human => {
            say!("Step Functions API on http://{address}; {} executions go on", recovered.len());
        }
        Output::Json => {
            say!(
                "{}",
                serde_json::json!({ "type": "serving", "endpoint": format!("http://{address}"), "recovered": recovered })
            );
        }
    }
    let router = guarded(router(served), arguments.token);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    session.close().await;
    Ok(Exit::Success)
}

fn guarded(router: Router, token: Option<String>) -> Router {
    match token {
        None => router,
        Some(token) => router.layer(middleware::from_fn_with_state(token, check)),
    }
}

async fn check(State(token): State<String>, request: Request, next: Next) -> Response {
    let brought = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let brought = brought.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if same(brought.as_bytes(), token.as_bytes()) {
        return next.run(request).await;
    }
    let refusal = serde_json::json!({
        "__type": "UnrecognizedClientException", "message": "Authorization: Bearer with the server's token is missing",
    });
    (StatusCode::FORBIDDEN, axum::Json(refusal)).into_response()
}

/// Compares in a time that does not tell where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}
