//! The HTTPS server of the simulated application: answers 503 until a service has rolled out, then 200.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{RehearsalError, aws::Gateway};

#[derive(Deserialize)]
struct Health {
    healthy: bool,
}

/// Serves on a free loopback port. Returns the address and the certificate of the authority to trust.
pub(crate) async fn serve(gateway: Gateway, domain: &str) -> Result<(SocketAddr, String), RehearsalError> {
    let (config, root) = certificates(domain).map_err(RehearsalError::Certificate)?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(RehearsalError::io("the HTTPS server"))?;
    let address = listener.local_addr().map_err(RehearsalError::io("the HTTPS server"))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, gateway) = (acceptor.clone(), gateway.clone());
            tokio::spawn(async move { drop(answer(acceptor, stream, gateway).await) });
        }
    });
    Ok((address, root))
}

fn certificates(domain: &str) -> Result<(ServerConfig, String), String> {
    let message = |error: rcgen::Error| error.to_string();
    let authority_key = KeyPair::generate().map_err(message)?;
    let mut authority = CertificateParams::new(Vec::new()).map_err(message)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).map_err(message)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().map_err(message)?;
    let names = vec![domain.to_owned(), format!("*.{domain}")];
    let certificate = CertificateParams::new(names).map_err(message)?.signed_by(&key, &issuer).map_err(message)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(|error| error.to_string())?;
    Ok((config, root.pem()))
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream, gateway: Gateway) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut request = [0_u8; 4_096];
    let length = stream.read(&mut request).await?;
    let asks_health = request[..length].starts_with(b"GET /health-check ");
    let healthy = gateway.ask::<Health>("https").await.is_some_and(|health| health.healthy);
    let status = match (asks_health, healthy) {
        (true, true) => "200 OK",
        (true, false) => "503 Service Unavailable",
        (false, _) => "404 Not Found",
    };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
