//! The evaluator process: reads a request per line from standard input and writes an answer per line to standard
//! output. It sets its own limits, and ends when standard input ends.

use std::{
    io::{self, BufRead, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use engine::query::{EVALUATION_MS_MAX, SandboxRequest};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The argument that makes this program an evaluator process.
pub(crate) const ARGUMENT: &str = "evaluate-jsonata";

/// The memory of an evaluation, in addition to the memory of the program.
pub(super) const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// The exit code if an evaluation does not end in time.
pub(super) const TOOK_TOO_LONG: i32 = 70;
/// The processor time of an evaluation that does not end. On a busy machine the elapsed time is much longer.
const PROCESSOR_TIME_MAX: Duration = Duration::from_millis(EVALUATION_MS_MAX + 1_000);
/// The longest elapsed time of an evaluation, whatever else the machine does.
pub(super) const TIME_MAX: Duration = Duration::from_secs(30);

/// The unit of times in proc_pid_stat(5). It is the same on every Linux that Rust supports.
const TICKS_PER_SECOND: u64 = 100;
/// The address space that the allocator of an evaluator reserves at once: its default exceeds the process's limit.
const ARENA_KIBIBYTES: &str = "32768";

/// Creates the command that starts an evaluator process.
pub(super) fn command() -> io::Result<Command> {
    // The program's file may have been replaced or deleted since this process started.
    let this = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    let mut command = Command::new(this);
    // The process needs no environment variables, least of all credentials.
    command.arg0("flow").arg(ARGUMENT).env_clear().env("MIMALLOC_ARENA_RESERVE", ARENA_KIBIBYTES);
    Ok(command)
}

/// Evaluates until standard input ends.
pub(crate) fn run() -> ExitCode {
    limit_memory();
    // If the machine runs out of memory, the system kills this process first.
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

/// Messages to the watch thread.
#[derive(PartialEq, Eq)]
enum Turn {
    Began,
    Ended,
}

/// Ends the process if an evaluation does not end: a running builtin checks no clock.
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

/// The processor time of this process: `utime` and `stime` of proc_pid_stat(5). Zero without such a file; then only the
/// elapsed time is limited.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses, which may contain spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// Limits the address space. An allocation beyond the limit fails and ends the process.
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
