//! The process itself: it reads a request a line from standard input and writes an answer a line to standard output. It limits
//! itself, and ends when standard input ends.

use std::{
    io::{self, BufRead, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use engine::query::{EVALUATION_MS_MAX, SandboxRequest};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The argument that makes this program such a process.
pub(crate) const ARGUMENT: &str = "evaluate-jsonata";

/// What an evaluation may take beside what the program takes anyway.
pub(super) const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// The exit code when an evaluation did not end in time.
pub(super) const TOOK_TOO_LONG: i32 = 70;
/// How much processor time an evaluation may take that does not end itself. On a busy machine that is much less than the time that passes.
const PROCESSOR_TIME_MAX: Duration = Duration::from_millis(EVALUATION_MS_MAX + 1_000);
/// How long an evaluation may take at most, whatever the machine does beside it.
pub(super) const TIME_MAX: Duration = Duration::from_secs(30);

/// How much address space the allocator of such a process reserves at once: its default is more than the process may have.
const ARENA_KIBIBYTES: &str = "32768";

/// What starts such a process.
pub(super) fn command() -> io::Result<Command> {
    // The program's file may have been replaced or deleted since this process started.
    let this = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    let mut command = Command::new(this);
    // It needs nothing of what is in the environment, credentials least of all.
    command.arg0("flow").arg(ARGUMENT).env_clear().env("MIMALLOC_ARENA_RESERVE", ARENA_KIBIBYTES);
    Ok(command)
}

/// Evaluates until standard input ends.
pub(crate) fn run() -> ExitCode {
    limit_memory();
    // Where the machine itself runs out of memory, this process ends first.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
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
        let Ok(request) = serde_json::from_slice::<SandboxRequest<'_>>(&line) else { return ExitCode::FAILURE };
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
        if turn == Turn::Began && !ends_in_time(turns) {
            std::process::exit(TOOK_TOO_LONG);
        }
    }
}

fn ends_in_time(turns: &Receiver<Turn>) -> bool {
    let (began, processor_time_before) = (Instant::now(), processor_time());
    loop {
        let left = PROCESSOR_TIME_MAX.saturating_sub(processor_time().saturating_sub(processor_time_before));
        if left.is_zero() || began.elapsed() >= TIME_MAX {
            return false;
        }
        match turns.recv_timeout(left.max(Duration::from_millis(10))) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(_) | Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
}

/// The processor time that this process has taken.
fn processor_time() -> Duration {
    let taken = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(taken.tv_sec).unwrap_or_default(), u32::try_from(taken.tv_nsec).unwrap_or_default())
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
