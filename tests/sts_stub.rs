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
    /// The account whose requests get no answer.
    silent: Arc<Mutex<String>>,
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
        let silent = Arc::new(Mutex::new(String::new()));
        let (count, without_answer) = (asked.clone(), silent.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, without_answer) = (count.clone(), without_answer.clone());
                std::thread::spawn(move || answer(stream, &count, (delay, &without_answer)));
            }
        });
        Sts { endpoint, asked, silent }
    }

    /// From now on requests of an account get no answer.
    pub fn be_silent_to(&self, account: &str) {
        account.clone_into(&mut self.silent.lock().unwrap());
    }

    /// How often the caller's identity was requested.
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

fn answer(stream: TcpStream, count: &AtomicUsize, (delay, silent): (Duration, &Mutex<String>)) {
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
        if *silent.lock().unwrap() == account {
            // The client ends the connection.
            return drop(reader.read_to_end(&mut Vec::new()));
        }
        let xml = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/test</Arn><UserId>U</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", xml.len());
        if stream.write_all(format!("{head}{xml}").as_bytes()).is_err() {
            return;
        }
    }
}
