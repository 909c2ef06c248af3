//! A Lambda endpoint on this machine, for tests.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// The endpoint. It ends when this is dropped.
pub struct LambdaStub {
    process: Child,
    endpoint: String,
}

impl LambdaStub {
    pub fn start() -> Self {
        let program = ["-c", include_str!("lambda_stub.py")];
        let mut process = Command::new("python3").args(program).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        LambdaStub { process, endpoint: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// The environment of a process that calls its functions.
    pub fn variables(&self) -> [(&str, &str); 3] {
        [("AWS_ENDPOINT_URL_LAMBDA", &self.endpoint), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")]
    }
}

impl Drop for LambdaStub {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
