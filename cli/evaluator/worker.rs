//! The process itself: a request a line on standard input, an answer a line on standard output. It guards itself, and ends when
//! the one that started it does.

use std::{
    io::{BufRead, Write},
    process::ExitCode,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use engine::query::{EVALUATION_MS_MAX, ElsewhereRequest};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The argument that makes this program such a process.
pub(crate) const ARGUMENT: &str = "evaluate-jsonata";

/// What an evaluation may take beside what the program takes anyway.
pub(super) const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// The exit code when an evaluation did not end in time.
pub(super) const TOOK_TOO_LONG: i32 = 70;
/// How long an evaluation may take that does not end itself.
const TIME_MAX: Duration = Duration::from_millis(EVALUATION_MS_MAX + 1_000);

/// Evaluates until nobody asks any more.
pub(crate) fn run() -> ExitCode {
    limit_memory();
    let (watcher, turns) = mpsc::channel();
    std::thread::spawn(move || watch(&turns));
    let (mut requests, mut answers) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        match requests.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return ExitCode::SUCCESS,
            Ok(_) => {}
        }
        let Ok(request) = serde_json::from_slice::<ElsewhereRequest<'_>>(&line) else { return ExitCode::FAILURE };
        let _ = watcher.send(Turn::Began);
        let answer = serde_json::to_vec(&request.evaluate_here());
        let _ = watcher.send(Turn::Ended);
        let Ok(mut answer) = answer else { return ExitCode::FAILURE };
        answer.push(b'\n');
        if answers.write_all(&answer).and_then(|()| answers.flush()).is_err() {
            return ExitCode::SUCCESS;
        }
    }
}

/// What the watch is told.
#[derive(PartialEq, Eq)]
enum Turn {
    Began,
    Ended,
}

/// Ends the process when an evaluation does not: a builtin at work looks at no clock.
fn watch(turns: &Receiver<Turn>) {
    while let Ok(turn) = turns.recv() {
        if matches!(turn, Turn::Began) && turns.recv_timeout(TIME_MAX) == Err(RecvTimeoutError::Timeout) {
            std::process::exit(TOOK_TOO_LONG);
        }
    }
}

/// What is asked for beyond it is not given, which ends the process.
fn limit_memory() {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
    let most = pages * rustix::param::page_size() as u64 + MEMORY_BYTES_MAX;
    let limit = |resource, most: u64| {
        let maximum = getrlimit(resource).maximum;
        let most = maximum.map_or(most, |maximum| maximum.min(most));
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum });
    };
    limit(Resource::As, most);
    limit(Resource::Core, 0);
}
