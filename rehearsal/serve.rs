//! Creates a world, serves it and ends it.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    RehearsalError, World,
    aws::{self, Gateway},
    dns, gateway, https, python, ssh,
};

const REGION: &str = "eu-central-1";
const IDLE_POLL: Duration = Duration::from_secs(5);

/// The options of a world.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// The folder of the Python environment.
    pub cache_directory: PathBuf,
    /// The folder in which `world.json` is written.
    pub state_directory: PathBuf,
    /// The factor by which resources become ready faster than on AWS.
    pub speed: f64,
    /// The domain of the account's hosted zone.
    pub domain: String,
    /// The world ends after this time without a request.
    pub idle_exit: Duration,
    /// The Python interpreter that creates the environment.
    pub python: String,
}

#[derive(Deserialize)]
struct Idle {
    idle_seconds: f64,
}

/// Creates a world and serves it until a signal, or until it is idle for `idle_exit`. Calls `progress` at the start of
/// slow operations.
///
/// # Errors
/// A part of the world cannot be created.
pub async fn serve_world(options: WorldOptions, progress: &(dyn Fn(&str) + Send + Sync)) -> Result<(), RehearsalError> {
    let what = options.state_directory.display().to_string();
    std::fs::create_dir_all(&options.state_directory).map_err(RehearsalError::io(what))?;
    let interpreter = python::prepare(&options.cache_directory, &options.python, progress)?;
    let folder = gateway::write(&options.state_directory)?;
    let mut aws = aws::start(&interpreter, &folder, options.speed, &options.domain, REGION).await?;
    let gateway = Gateway::new(aws.ports.gateway)?;
    let (https_server, https_root_certificate_pem) = https::serve(gateway.clone(), &options.domain).await?;
    let world = World {
        id: format!("{:016x}", rand::random::<u64>()),
        pid: std::process::id(),
        moto_pid: aws.child.id().unwrap_or_default(),
        aws_endpoint: gateway.endpoint().to_owned(),
        moto_endpoint: format!("http://127.0.0.1:{}", aws.ports.moto),
        ssh_server: ssh::serve(gateway.clone()).await?,
        dns_server: dns::serve(gateway.clone()).await?,
        https_server,
        https_root_certificate_pem,
        region: REGION.to_owned(),
        domain: options.domain,
        started_at_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
        speed: options.speed,
    };
    world.write(&options.state_directory)?;
    let listen = |kind| signal(kind).map_err(RehearsalError::io("signals"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = idle(&gateway, options.idle_exit) => {}
        _ = aws.child.wait() => {}
    }
    World::forget(&options.state_directory);
    let _ = aws.child.kill().await;
    Ok(())
}

async fn idle(gateway: &Gateway, exit: Duration) {
    loop {
        tokio::time::sleep(IDLE_POLL).await;
        let idle = gateway.ask::<Idle>("idle").await.map_or(0.0, |idle| idle.idle_seconds);
        if idle > exit.as_secs_f64() {
            return;
        }
    }
}
