//! For tests: a loopback HTTP server that gives every request the same answer and records the requests.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{Environment, RehearsalAddresses};

/// The answer: status, headers, body.
pub(crate) type Canned = (u16, &'static str, &'static str);

/// A server that runs as long as the test's runtime.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    pub(crate) async fn start(canned: Canned) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, canned, Arc::clone(&kept)));
            }
        });
        TestServer { address, requests }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads and bodies of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, (status, headers, body): Canned, kept: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut buffer = [0_u8; 4096];
    while !is_complete(&request) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    kept.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Canned\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).map(|value| value.trim().parse());
    body.len() >= length.and_then(Result::ok).unwrap_or(0)
}

/// A rehearsal whose AWS endpoint is `aws_endpoint` and whose other servers do not exist.
pub(crate) fn addresses(aws_endpoint: String) -> RehearsalAddresses {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    RehearsalAddresses {
        aws_endpoint,
        region: "eu-central-1".to_owned(),
        dns_server: nowhere,
        ssh_server: nowhere,
        https_server: nowhere,
        https_root_certificate_pem: String::new(),
        speed: 1.0,
    }
}

pub(crate) fn environment(server: &TestServer) -> Environment {
    Environment::for_rehearsal(addresses(server.endpoint())).unwrap()
}
