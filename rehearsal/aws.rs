//! The AWS API: moto and the gateway, in a Python process that ends with this process.

use std::{path::Path, process::Stdio, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::RehearsalError;

/// On a busy machine the Python imports alone take a minute.
const START_WAIT_MAX: Duration = Duration::from_secs(180);

/// The running AWS API.
pub(crate) struct Aws {
    pub child: Child,
    pub ports: Ports,
    /// The process runs until this pipe is closed. The kernel closes it when this process ends, however it ends.
    _stdin: ChildStdin,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Ports {
    pub gateway: u16,
    pub moto: u16,
}

/// Starts the process and waits until it listens.
pub(crate) async fn start(
    python: &Path,
    gateway: &Path,
    speed: f64,
    domain: &str,
    region: &str,
) -> Result<Aws, RehearsalError> {
    let mut child = Command::new(python)
        .arg(gateway)
        .args([&speed.to_string(), domain, region])
        .env("MOTO_ACM_VALIDATION_WAIT", "0")
        .env("MOTO_ECS_SERVICE_RUNNING", "1")
        .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ACCESS_KEY_ID", "rehearsal")
        .env("AWS_SECRET_ACCESS_KEY", "rehearsal")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(RehearsalError::io("the rehearsal's AWS API"))?;
    let missing = || RehearsalError::Aws { output: "it has no standard streams".to_owned() };
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let mut stderr = child.stderr.take().ok_or_else(missing)?;
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    let read = tokio::time::timeout(START_WAIT_MAX, reader.read_line(&mut line)).await;
    let Some(ports) = read.ok().and_then(|_| serde_json::from_str(&line).ok()) else {
        let _ = child.start_kill();
        let mut output = String::new();
        let _ = stderr.read_to_string(&mut output).await;
        return Err(RehearsalError::Aws { output: output.lines().last().unwrap_or("it said nothing").to_owned() });
    };
    // Drains the request log: a full pipe would block the process.
    tokio::spawn(async move {
        let mut sink = tokio::io::sink();
        let _ = tokio::io::copy(&mut stderr, &mut sink).await;
    });
    Ok(Aws { child, ports, _stdin: stdin })
}

/// A client for the state of the world in the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    client: reqwest::Client,
    endpoint: String,
}

impl Gateway {
    pub fn new(port: u16) -> Result<Self, RehearsalError> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
        let client = client.map_err(|error| RehearsalError::Aws { output: error.to_string() })?;
        Ok(Gateway { client, endpoint: format!("http://127.0.0.1:{port}") })
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// `None` when the gateway does not answer.
    pub async fn ask<T: DeserializeOwned>(&self, what: &str) -> Option<T> {
        let answer = self.client.get(format!("{}/world/{what}", self.endpoint)).send().await.ok()?;
        answer.json().await.ok()
    }
}
