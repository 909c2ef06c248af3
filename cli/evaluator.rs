//! Where JSONata that may ask for any time and memory is evaluated: in processes of ours that are ended when it does. Without
//! them, one line of a definition would end the server, and end it again after every start.

mod worker;

use std::{
    io::{BufRead, BufReader, Error, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use engine::query::{Elsewhere, ElsewhereAnswer, ElsewhereRequest};

pub(crate) use worker::{ARGUMENT, run};
use worker::{MEMORY_BYTES_MAX, TOOK_TOO_LONG};

/// How much address space the allocator of such a process reserves at once: by itself more than it is allowed.
const ARENA_KIBIBYTES: &str = "32768";

/// Processes that wait for an expression. There are as many as were ever needed at once.
#[derive(Default)]
pub(crate) struct Workers(Mutex<Vec<Worker>>);

struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Why there is no answer.
enum Trouble {
    /// The process would not start or cannot be spoken to: the expression is not to blame.
    Absent(Error),
    /// The expression ended it.
    Ended(String),
}

impl Elsewhere for Workers {
    fn answer(&self, request: &ElsewhereRequest<'_>) -> ElsewhereAnswer {
        match self.ask(request) {
            Ok(answer) => answer,
            Err(Trouble::Ended(message)) => ElsewhereAnswer::Failed(message),
            Err(Trouble::Absent(error)) => {
                tracing::warn!(%error, "no process for JSONata: it is evaluated here, without a bound on its memory");
                request.evaluate_here()
            }
        }
    }
}

impl Workers {
    fn ask(&self, request: &ElsewhereRequest<'_>) -> Result<ElsewhereAnswer, Trouble> {
        let mut line = serde_json::to_vec(request).map_err(|error| Trouble::Absent(error.into()))?;
        line.push(b'\n');
        let waited = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // One that waited may have been ended by somebody else meanwhile: then the expression is not to blame.
        if let Some(worker) = waited
            && let Ok(answer) = self.ask_one(worker, &line)
        {
            return Ok(answer);
        }
        self.ask_one(Worker::start().map_err(Trouble::Absent)?, &line)
    }

    /// Asks a process, which waits again or, without an answer, is ended.
    fn ask_one(&self, mut worker: Worker, line: &[u8]) -> Result<ElsewhereAnswer, Trouble> {
        let answer = worker.ask(line);
        match answer {
            Ok(_) => self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker),
            Err(_) => worker.end(),
        }
        answer
    }
}

impl Worker {
    fn start() -> Result<Self, Error> {
        // The program's file may have been replaced since this process began.
        let this = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
        let mut child = Command::new(this)
            .arg0("flow")
            .arg(ARGUMENT)
            // It needs nothing of what is in the environment, credentials least of all.
            .env_clear()
            .env("MIMALLOC_ARENA_RESERVE", ARENA_KIBIBYTES)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(requests), Some(answers)) => Ok(Worker { child, requests, answers: BufReader::new(answers) }),
            _ => Err(Error::other("it has no standard streams")),
        }
    }

    fn ask(&mut self, line: &[u8]) -> Result<ElsewhereAnswer, Trouble> {
        self.requests.write_all(line).map_err(Trouble::Absent)?;
        let mut answer = Vec::new();
        self.answers.read_until(b'\n', &mut answer).map_err(Trouble::Absent)?;
        if answer.last() != Some(&b'\n') {
            return Err(Trouble::Ended(self.why_it_ended()));
        }
        serde_json::from_slice(&answer).map_err(|error| Trouble::Ended(error.to_string()))
    }

    fn why_it_ended(&mut self) -> String {
        match self.child.wait() {
            Ok(status) if status.code() == Some(TOOK_TOO_LONG) => {
                "D1012: Evaluation timeout. Check for infinite loop".to_owned()
            }
            Ok(status) if status.code().is_none() => {
                let megabytes = MEMORY_BYTES_MAX >> 20;
                format!(
                    "the evaluation was ended ({status}): it asks for more than {megabytes} MiB of memory, or nests without end"
                )
            }
            Ok(status) => format!("the evaluation failed in JSONata itself ({status})"),
            Err(error) => format!("the evaluation was ended: {error}"),
        }
    }

    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let workers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        workers.into_iter().for_each(Worker::end);
    }
}
