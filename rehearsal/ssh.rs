//! The SSH server of the simulated bastion: refuses connections at first, then the key, and then accepts the user
//! `ubuntu`.

use std::{net::SocketAddr, sync::Arc};

use russh::{
    MethodKind, MethodSet,
    keys::{PrivateKey, ssh_key::private::Ed25519Keypair},
    server::{Auth, Config, Handler, VerifiedPublicKey, run_stream},
};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::{RehearsalError, aws::Gateway};

#[derive(Deserialize)]
struct Phase {
    phase: String,
}

/// Serves on a free loopback port.
pub(crate) async fn serve(gateway: Gateway) -> Result<SocketAddr, RehearsalError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(RehearsalError::io("the SSH server"))?;
    let address = listener.local_addr().map_err(RehearsalError::io("the SSH server"))?;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&rand::random()));
    let config = Arc::new(Config {
        keys: vec![key],
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: std::time::Duration::from_millis(10),
        auth_rejection_time_initial: Some(std::time::Duration::ZERO),
        ..Config::default()
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let phase = gateway.ask::<Phase>("ssh").await.map_or_else(String::new, |answer| answer.phase);
            if phase != "open" && phase != "refuses" {
                // Closes the connection without an answer, as a client sees it while sshd does not run yet.
                continue;
            }
            let (config, bastion) = (config.clone(), Bastion { lets_in: phase == "open" });
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, stream, bastion).await {
                    let _ = session.await;
                }
            });
        }
    });
    Ok(address)
}

struct Bastion {
    lets_in: bool,
}

impl Handler for Bastion {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, _key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(if self.lets_in && user == "ubuntu" { Auth::Accept } else { Auth::reject() })
    }
}
