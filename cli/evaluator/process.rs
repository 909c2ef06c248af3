//! An evaluator process, with the thread that writes to it and reads from it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Duration,
};

use engine::query::SandboxAnswer;

use super::worker::{MEMORY_BYTES_MAX, TOOK_TOO_LONG};

/// The longest answer: the engine's limit on a result, as JSON.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// The failure of an expression that takes too long, as JSONata names it.
const TIMEOUT: &str = "D1012: Evaluation timeout. Check for infinite loop";

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The process had ended before it read the request.
    Gone(String),
    /// The process ended, or was killed, while it evaluated.
    Ended(String),
}

/// A running process. It is killed when this is dropped.
pub(super) struct EvaluatorProcess {
    child: Child,
    requests: SyncSender<Vec<u8>>,
    answers: Receiver<io::Result<Vec<u8>>>,
    was_used: bool,
}

impl EvaluatorProcess {
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no standard streams"));
        };
        let (requests, requested) = sync_channel(1);
        let (answered, answers) = sync_channel(1);
        let process = EvaluatorProcess { child, requests, answers, was_used: false };
        // A pipe has no time-out. With a separate thread, a stopped process delays its caller only until the deadline.
        let thread = std::thread::Builder::new().name("evaluator".to_owned());
        thread.spawn(move || exchange(input, output, &requested, &answered))?;
        Ok(process)
    }

    /// Kills the process, as another program might.
    #[cfg(test)]
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it has answered before.
    pub fn was_used(&self) -> bool {
        self.was_used
    }

    /// Sends a request and waits for the answer. After an error the process cannot be used again.
    pub fn ask(&mut self, request: Vec<u8>, wait_max: Duration) -> Result<SandboxAnswer, Trouble> {
        if self.requests.send(request).is_err() {
            return Err(Trouble::Gone(self.end_reason()));
        }
        match self.answers.recv_timeout(wait_max) {
            Ok(Ok(answer)) if answer.last() == Some(&b'\n') => {
                self.was_used = true;
                serde_json::from_slice(&answer)
                    .map_err(|error| Trouble::Ended(format!("the evaluator's answer: {error}")))
            }
            Ok(Err(_)) => Err(Trouble::Gone(self.end_reason())),
            Ok(Ok(_)) | Err(RecvTimeoutError::Disconnected) => Err(Trouble::Ended(self.end_reason())),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = wait_max.as_secs();
                Err(Trouble::Ended(format!("{TIMEOUT} (the evaluator process was killed after {seconds} s)")))
            }
        }
    }

    fn end_reason(&mut self) -> String {
        // The process has closed its standard output, so it cannot be used again even if it runs.
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) if status.code() == Some(TOOK_TOO_LONG) => TIMEOUT.to_owned(),
            Ok(status) if status.code().is_none() => {
                let megabytes = MEMORY_BYTES_MAX >> 20;
                format!(
                    "the evaluation was ended ({status}): it needs more than {megabytes} MiB of memory, or never ends"
                )
            }
            Ok(status) => format!("the evaluation failed in JSONata itself ({status})"),
            Err(error) => format!("the evaluation was ended: {error}"),
        }
    }
}

impl Drop for EvaluatorProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes each request and reads its answer. The answer is the write error if the process did not take the request, and
/// an empty or partial line if it ended during the evaluation.
fn exchange(
    mut input: ChildStdin,
    output: ChildStdout,
    requests: &Receiver<Vec<u8>>,
    answers: &SyncSender<io::Result<Vec<u8>>>,
) {
    let mut output = BufReader::new(output);
    while let Ok(request) = requests.recv() {
        let answer = input.write_all(&request).map(|()| {
            let mut answer = Vec::new();
            // After a read error the answer is a partial line.
            let _ = output.by_ref().take(ANSWER_BYTES_MAX).read_until(b'\n', &mut answer);
            answer
        });
        if answers.send(answer).is_err() {
            return;
        }
    }
}
