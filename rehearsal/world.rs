//! The description of a running world, in `world.json` of its folder.

use std::{
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::RehearsalError;

/// The addresses of a world, all on loopback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Its id, unique for each world.
    pub id: String,
    /// Its process id.
    pub pid: u32,
    /// The process id of its AWS API.
    pub moto_pid: u32,
    /// The AWS API, through the gateway: `http://127.0.0.1:PORT`.
    pub aws_endpoint: String,
    /// The AWS API without the gateway, for tests that call it directly.
    pub moto_endpoint: String,
    /// The SSH server of the simulated bastion.
    pub ssh_server: SocketAddr,
    /// The DNS server.
    pub dns_server: SocketAddr,
    /// The HTTPS server of the simulated application.
    pub https_server: SocketAddr,
    /// The authority that signed the HTTPS server's certificate.
    pub https_root_certificate_pem: String,
    /// The region.
    pub region: String,
    /// The domain of the hosted zone.
    pub domain: String,
    /// When it started, in milliseconds since the Unix epoch: the start of its clock.
    pub started_at_ms: u64,
    /// The factor by which its time runs faster.
    pub speed: f64,
}

fn path(state_directory: &Path) -> PathBuf {
    state_directory.join("world.json")
}

impl World {
    /// Reads the world of a folder. The world may have ended.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn read(state_directory: &Path) -> Result<Option<World>, RehearsalError> {
        let path = path(state_directory);
        match std::fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RehearsalError::io(path.display().to_string())(error)),
        }
    }

    pub(crate) fn write(&self, state_directory: &Path) -> Result<(), RehearsalError> {
        let path = path(state_directory);
        let new = path.with_extension("new");
        let write = || {
            let mut file =
                std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            std::fs::rename(&new, &path)
        };
        write().map_err(RehearsalError::io(path.display().to_string()))
    }

    pub(crate) fn remove_description(state_directory: &Path) {
        let _ = std::fs::remove_file(path(state_directory));
    }

    /// Sends orders for faults to the gateway. They end with this process.
    ///
    /// # Errors
    /// The gateway does not answer.
    pub async fn order(&self, orders: &[serde_json::Value]) -> Result<(), RehearsalError> {
        let failed = |error: reqwest::Error| RehearsalError::Aws { output: error.to_string() };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().map_err(failed)?;
        let mut orders = orders.to_vec();
        for order in &mut orders {
            order["pid"] = std::process::id().into();
        }
        let body = serde_json::Value::from(orders).to_string();
        let answer = client.post(format!("{}/world/faults", self.aws_endpoint)).body(body).send().await;
        answer.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        Ok(())
    }

    /// Ends the faults that this process ordered.
    ///
    /// # Errors
    /// The gateway does not answer.
    pub async fn disarm(&self) -> Result<(), RehearsalError> {
        let failed = |error: reqwest::Error| RehearsalError::Aws { output: error.to_string() };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().map_err(failed)?;
        let body = serde_json::json!({ "pid": std::process::id() }).to_string();
        let answer = client.post(format!("{}/world/disarm", self.aws_endpoint)).body(body).send().await;
        answer.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        Ok(())
    }

    /// The texts of the ordered faults that no call has met.
    ///
    /// # Errors
    /// The gateway does not answer.
    pub async fn never_occurred(&self) -> Result<Vec<String>, RehearsalError> {
        let failed = |error: reqwest::Error| RehearsalError::Aws { output: error.to_string() };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().map_err(failed)?;
        let answer = client.get(format!("{}/world/never-occurred", self.aws_endpoint)).send().await;
        answer.and_then(reqwest::Response::error_for_status).map_err(failed)?.json().await.map_err(failed)
    }

    /// Whether the world runs: its process exists and its AWS API answers.
    pub async fn answers(&self) -> bool {
        let url = format!("{}/world/health", self.aws_endpoint);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
        let Ok(client) = client else { return false };
        let living = std::path::Path::new(&format!("/proc/{}", self.pid)).exists();
        living && client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }
}
