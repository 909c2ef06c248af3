//! The supervisor: a process between the owner (the `flow` process that runs the execution) and one program.
//!
//! It is the subreaper of the program's descendants, so that none escapes when its parent ends. It ends all of them
//! when the owner asks for it, when the owner's end of the socket closes (the kernel closes it however the owner dies),
//! and when the program itself has ended. Then it exits with the program's status.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::{
        fd::AsFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Command, ExitCode, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, kill_process_group, wait, waitid},
};

use super::{
    processes::signal_children,
    protocol::{REQUEST_BYTES_MAX, Report, Request},
};

/// The first argument that makes this program a supervisor. `main` checks for it first and calls [`supervise`].
pub const SUPERVISOR_ARGUMENT: &str = "supervise-program";

/// The time that a program may take to end after SIGTERM, before SIGKILL.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// The time for which SIGKILL is repeated: a process that waits for a device does not end.
pub(super) const KILL_TIME_MAX: Duration = Duration::from_secs(2);
/// The interval of SIGKILL: descendants of a killed process become children of the supervisor.
const KILL_INTERVAL: Duration = Duration::from_millis(10);

/// The events of the supervisor.
enum Event {
    /// At least one child has ended, or none is left.
    ChildEnded,
    /// The owner or the system requests the end of the program.
    EndAsked,
    /// The owner has died or closed its socket.
    OwnerGone,
    /// The time of the current phase has passed.
    Timer,
}

/// The phase of ending the program.
enum Phase {
    Running,
    /// SIGTERM was sent; SIGKILL follows at this time.
    Terminating(Instant),
    /// SIGKILL is being sent; processes that still run at this time are left.
    Killing(Instant),
}

/// Runs one program for the owner at the other end of the socket on standard input. The program inherits the
/// supervisor's output. Returns the program's exit code, or 128 plus the number of the signal that ended it.
pub fn supervise() -> ExitCode {
    match run() {
        Ok(status) => exit_code(status),
        // The owner has received a report, or is gone.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> std::io::Result<WaitStatus> {
    let mut owner = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    // A session without the owner's terminal: the terminal's signals must not reach the program, and the program cannot
    // prompt on it. If the supervisor is killed, the owner finds the program by this session.
    rustix::process::setsid()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut lines = BufReader::new(owner.try_clone()?);
    let mut request = String::new();
    Read::by_ref(&mut lines).take(REQUEST_BYTES_MAX).read_line(&mut request)?;
    let request: Request = serde_json::from_str(&request)?;
    let (events, inbox) = mpsc::channel();
    // Installed first: SIGTERM would otherwise end the supervisor and leave the program.
    watch_signals(events.clone())?;
    let program = start(request).inspect_err(|error| send(&mut owner, &Report::CannotStart(error.to_string())))?;
    watch_owner(lines, events.clone());
    let reaped = watch_children(events);
    let status = Supervisor { program, status: None, phase: Phase::Running }.run(&inbox, &reaped);
    let status = status.ok_or_else(|| std::io::Error::other("the program does not end"))?;
    send(&mut owner, &Report::Ended(status.as_raw()));
    Ok(status)
}

/// Starts the program in its own process group and writes its input.
fn start(request: Request) -> std::io::Result<Pid> {
    let mut command = Command::new(&request.program);
    command.envs(&request.environment);
    if let Some(folder) = &request.folder {
        command.current_dir(folder);
    }
    let mut child = command.args(&request.arguments).stdin(Stdio::piped()).process_group(0).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read its input.
        std::thread::spawn(move || drop(stdin.write_all(request.input.as_bytes())));
    }
    Ok(Pid::from_child(&child))
}

/// Sends a report. A write error means that the owner is gone, which `watch_owner` detects.
fn send(owner: &mut UnixStream, report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let _ = owner.write_all(&line);
    }
}

fn watch_owner(mut lines: BufReader<UnixStream>, events: Sender<Event>) {
    std::thread::spawn(move || {
        let mut line = String::new();
        let limit = |lines: &mut BufReader<UnixStream>, line: &mut String| lines.take(64).read_line(line);
        while limit(&mut lines, &mut line).is_ok_and(|count| count > 0) {
            line.clear();
            let _ = events.send(Event::EndAsked);
        }
        let _ = events.send(Event::OwnerGone);
    });
}

/// Translates the signals that usually end a process into requests to end the program.
fn watch_signals(events: Sender<Event>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hang_up.recv() => {}
                }
                let _ = events.send(Event::EndAsked);
            }
        })
    });
    Ok(())
}

/// Reports ended children without reaping them. Only the main thread reaps, so that the ids that it signals are valid.
/// It answers each report after it has reaped.
fn watch_children(events: Sender<Event>) -> SyncSender<()> {
    let (reaped, turns) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        loop {
            let ended = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            if ended.as_ref().is_err_and(|error| *error == Errno::INTR) {
                continue;
            }
            let none_left = ended.is_err();
            if events.send(Event::ChildEnded).is_err() || none_left || turns.recv().is_err() {
                return;
            }
        }
    });
    reaped
}

struct Supervisor {
    /// The id of the program and of its process group.
    program: Pid,
    status: Option<WaitStatus>,
    phase: Phase,
}

impl Supervisor {
    /// Runs until the program and all its descendants have ended. Returns the program's status; `None` if it could not
    /// be ended.
    fn run(mut self, inbox: &Receiver<Event>, reaped: &SyncSender<()>) -> Option<WaitStatus> {
        loop {
            match self.next(inbox) {
                Event::ChildEnded => {
                    if !self.reap() {
                        return self.status;
                    }
                    let _ = reaped.send(());
                    if self.status.is_some() {
                        self.terminate();
                    }
                }
                Event::EndAsked => self.terminate(),
                Event::OwnerGone => self.kill(),
                Event::Timer => match self.phase {
                    Phase::Killing(until) if until <= Instant::now() => return self.status,
                    _ => self.kill(),
                },
            }
        }
    }

    fn next(&self, inbox: &Receiver<Event>) -> Event {
        let time = match self.phase {
            Phase::Running => None,
            Phase::Terminating(until) => Some(until.saturating_duration_since(Instant::now())),
            Phase::Killing(_) => Some(KILL_INTERVAL),
        };
        let event = match time {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(time) => inbox.recv_timeout(time),
        };
        event.unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Event::Timer,
            RecvTimeoutError::Disconnected => Event::OwnerGone,
        })
    }

    /// Reaps ended children. Returns whether children are left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((id, status))) if id == self.program => self.status = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    fn terminate(&mut self) {
        if matches!(self.phase, Phase::Running) {
            self.signal(Signal::TERM);
            // A stopped process receives SIGTERM when it continues.
            self.signal(Signal::CONT);
            self.phase = Phase::Terminating(Instant::now() + GRACE);
        }
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        if !matches!(self.phase, Phase::Killing(_)) {
            self.phase = Phase::Killing(Instant::now() + KILL_TIME_MAX);
        }
    }

    fn signal(&self, signal: Signal) {
        // The group is signalled first, without reading the list of processes, which takes longer and may not be
        // readable. After the program is reaped, its id may belong to another process.
        if self.status.is_none() {
            let _ = kill_process_group(self.program, signal);
        }
        signal_children(signal);
    }
}

fn exit_code(status: WaitStatus) -> ExitCode {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
