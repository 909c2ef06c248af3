//! Creates a world, serves it and ends it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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

/// Creates a world and serves it until a signal, until it is idle for `idle_exit`, or until its description is gone or names another world:
/// then no client can find it. Calls `progress` at the start of slow operations.
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
    // Two commands may start a world at the same time: the later one ends, so that all commands find the same.
    if let Some(other) = World::read(&options.state_directory)?
        && other.answers().await
    {
        let _ = aws.child.kill().await;
        return Ok(());
    }
    world.write(&options.state_directory)?;
    let listen = |kind| signal(kind).map_err(RehearsalError::io("signals"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = idle(&gateway, options.idle_exit) => {}
        () = replaced(&options.state_directory, &world.id) => {}
        _ = aws.child.wait() => {}
    }
    if is_named(&options.state_directory, &world.id) {
        World::remove_description(&options.state_directory);
    }
    let _ = aws.child.kill().await;
    Ok(())
}

async fn idle(gateway: &Gateway, exit: Duration) {
    let mut answered = Instant::now();
    loop {
        tokio::time::sleep(IDLE_POLL).await;
        match gateway.ask::<Idle>("idle").await {
            Some(idle) if idle.idle_seconds > exit.as_secs_f64() => return,
            Some(_) => answered = Instant::now(),
            // A gateway that does not answer serves no client either.
            None if answered.elapsed() > exit => return,
            None => {}
        }
    }
}

/// Returns when the description in the folder is not that of this world: the folder was deleted, or two commands started a world each.
async fn replaced(state_directory: &Path, id: &str) {
    while is_named(state_directory, id) {
        tokio::time::sleep(IDLE_POLL).await;
    }
}

fn is_named(state_directory: &Path, id: &str) -> bool {
    match World::read(state_directory) {
        Ok(world) => world.is_some_and(|world| world.id == id),
        // A description that cannot be read at the moment may be this world's.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_world_is_found_as_long_as_the_description_in_its_folder_is_its_own() {
        let folder = std::env::temp_dir().join(format!("flow-world-{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&folder).unwrap();
        assert!(!is_named(&folder, "1"), "no description");
        let address = "127.0.0.1:1".parse().unwrap();
        let world = World {
            id: "1".to_owned(),
            pid: 1,
            moto_pid: 2,
            aws_endpoint: String::new(),
            moto_endpoint: String::new(),
            ssh_server: address,
            dns_server: address,
            https_server: address,
            https_root_certificate_pem: String::new(),
            region: REGION.to_owned(),
            domain: "example.com".to_owned(),
            started_at_ms: 0,
            speed: 60.0,
        };
        world.write(&folder).unwrap();
        assert!(is_named(&folder, "1") && !is_named(&folder, "2"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(!is_named(&folder, "1"), "the folder is gone");
    }
}
