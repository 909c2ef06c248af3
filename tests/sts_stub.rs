//! A stub of AWS STS on loopback with two accounts, selected by their access keys.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub const STAGING: &str = "111111111111";
pub const PRODUCTION: &str = "222222222222";

/// The running stub.
pub struct Sts {
    endpoint: String,
    asked: Arc<AtomicUsize>,
    /// The accounts whose requests get no identity.
    troubles: Arc<Mutex<Vec<(String, Trouble)>>>,
}

/// The response to the requests of an account in place of an identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No answer.
    Silent,
    /// The end of the connection.
    Dropped,
    /// HTTP 500.
    ServerError,
    /// The page of a network that asks for a login.
    Garbage,
    /// AccessDenied.
    Denied,
}

impl Sts {
    pub fn start() -> Self {
        Sts::start_slow(Duration::ZERO)
    }

    /// A stub that takes this long for each answer.
    pub fn start_slow(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let troubles = Arc::new(Mutex::new(Vec::new()));
        let (count, of_accounts) = (asked.clone(), troubles.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, of_accounts) = (count.clone(), of_accounts.clone());
                std::thread::spawn(move || answer(stream, &count, (delay, &of_accounts)));
            }
        });
        Sts { endpoint, asked, troubles }
    }

    /// From now on requests of an account get no answer.
    pub fn be_silent_to(&self, account: &str) {
        self.fail_for(account, Trouble::Silent);
    }

    /// From now on requests of an account get no identity.
    pub fn fail_for(&self, account: &str, trouble: Trouble) {
        self.troubles.lock().unwrap().push((account.to_owned(), trouble));
    }

    /// From now on all requests get their identities again.
    pub fn answer_again(&self) {
        self.troubles.lock().unwrap().clear();
    }

    /// The number of requests for the caller's identity.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The environment variables with a file of profiles, which each have the credentials of an account.
    pub fn profiles(&self, file: &Path, profiles: &[(&str, &str)]) -> [(&'static str, String); 3] {
        let section = |(name, account): &(&str, &str)| {
            format!("[{name}]\naws_access_key_id = {account}\naws_secret_access_key = secret\n")
        };
        std::fs::write(file, profiles.iter().map(section).collect::<String>()).unwrap();
        [
            ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap().to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// The environment variables with the credentials of an account.
    pub fn credentials<'s>(&'s self, account: &'s str) -> [(&'s str, &'s str); 4] {
        [
            ("AWS_ACCESS_KEY_ID", account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", "us-east-1"),
        ]
    }
}

fn answer(stream: TcpStream, count: &AtomicUsize, (delay, troubles): (Duration, &Mutex<Vec<(String, Trouble)>>)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut account, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_lowercase();
            if let Some(credential) = line.split("Credential=").nth(1) {
                account = credential.split('/').next().unwrap().to_owned();
            }
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        count.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(delay);
        let trouble = troubles.lock().unwrap().iter().find(|(of, _)| *of == account).map(|(_, trouble)| *trouble);
        let identity = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/test</Arn><UserId>U</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        let (status, body) = match trouble {
            None => ("200 OK", identity.as_str()),
            // The client ends the connection.
            Some(Trouble::Silent) => return drop(reader.read_to_end(&mut Vec::new())),
            Some(Trouble::Dropped) => return,
            Some(Trouble::ServerError) => ("500 Internal Server Error", ""),
            Some(Trouble::Garbage) => ("200 OK", "<html><body>Log in</body></html>"),
            Some(Trouble::Denied) => (
                "403 Forbidden",
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not allowed</Message></Error></ErrorResponse>",
            ),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}
