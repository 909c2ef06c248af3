//! A running program from its owner's side.

use std::{
    ffi::OsString,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::{Notify, oneshot},
};

use super::{
    OUTPUT_BYTES_MAX,
    lines::{LineSplitter, Origin, ProgramStream},
    output::{Head, Tail},
    processes::signal_session,
    protocol::{END, REPORT_BYTES_MAX, Report, Request},
    supervisor::{GRACE, KILL_TIME_MAX, SUPERVISOR_ARGUMENT},
    turn::ProgramTurn,
};

/// The number of bytes of standard error that are kept.
const ERROR_TAIL_BYTES: usize = 16 << 10;
/// The time that a supervisor may take to end its program before the supervisor is killed.
const END_TIME_MAX: Duration = Duration::from_secs(GRACE.as_secs() + KILL_TIME_MAX.as_secs() + 2);
/// The time for which the pipes are read after the supervisor's end: a process that it could not end may hold them open.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// The result of a program that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub status: ExitStatus,
    /// At most [`OUTPUT_BYTES_MAX`] bytes.
    pub output: Vec<u8>,
    /// The last part of standard error.
    pub error_tail: String,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum ProgramFailure {
    /// The program did not start.
    CannotStart(String),
    /// The program printed more than [`OUTPUT_BYTES_MAX`] and was killed.
    TooMuchOutput,
    /// The supervisor was killed, and the program with it.
    Lost(String),
}

/// A running program. Dropping it asks the program to end. Its turn is held until it has ended.
pub(super) struct Program {
    ended: oneshot::Receiver<Result<Ended, ProgramFailure>>,
    /// Dropping this sender abandons the program.
    _kept: oneshot::Sender<()>,
}

impl Program {
    /// Starts the program below a supervisor, with these environment variables and no others.
    ///
    /// # Errors
    /// The supervisor cannot be started.
    pub fn start(
        request: &Request,
        variables: Vec<(OsString, OsString)>,
        origin: Origin,
        turn: ProgramTurn,
    ) -> Result<Self, ProgramFailure> {
        let cannot = |error: std::io::Error| ProgramFailure::CannotStart(format!("no supervisor: {error}"));
        let mut line = serde_json::to_vec(request).map_err(|error| cannot(error.into()))?;
        line.push(b'\n');
        let (supervisor, socket) = start_supervisor(variables).map_err(cannot)?;
        let (kept, abandoned) = oneshot::channel();
        let (report, ended) = oneshot::channel();
        tokio::spawn(async move {
            let result = attend(supervisor, socket, &line, abandoned, origin).await;
            // Released before the report, because the next attempt may start as soon as this one has ended.
            drop(turn);
            let _ = report.send(result);
        });
        Ok(Program { ended, _kept: kept })
    }

    /// Waits until the program and its descendants have ended.
    ///
    /// # Errors
    /// See [`ProgramFailure`].
    pub async fn ended(self) -> Result<Ended, ProgramFailure> {
        let lost = |_| Err(ProgramFailure::Lost("this process is shutting down".to_owned()));
        self.ended.await.unwrap_or_else(lost)
    }
}

/// Starts the supervisor. Returns this process's end of its socket; when that closes, the supervisor kills its program.
fn start_supervisor(variables: Vec<(OsString, OsString)>) -> std::io::Result<(Child, UnixStream)> {
    let (ours, its) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    // The executable's file may have been replaced since this process started.
    let this = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    // Not killed on drop, because it must end its program first.
    let child = Command::new(this)
        .arg0("flow")
        .arg(SUPERVISOR_ARGUMENT)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::from(OwnedFd::from(its)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

/// Sends the request to the supervisor and reads from it until it has ended.
async fn attend(
    mut supervisor: Child,
    socket: UnixStream,
    request: &[u8],
    abandoned: oneshot::Receiver<()>,
    origin: Origin,
) -> Result<Ended, ProgramFailure> {
    // Both ends of the socket are held until the supervisor has ended: it takes a closed socket for the owner's death.
    let (mut from_supervisor, mut to_supervisor) = socket.into_split();
    let stop = Notify::new();
    let id = supervisor.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut report = None;
    let (mut output, mut error) = (Head::new(OUTPUT_BYTES_MAX), Tail::new(ERROR_TAIL_BYTES));
    let (stdout, stderr) = (supervisor.stdout.take(), supervisor.stderr.take());
    let output_lines = LineSplitter::new(origin.clone(), ProgramStream::Output);
    let error_lines = LineSplitter::new(origin, ProgramStream::Error);
    let reading = async {
        tokio::join!(
            read_report(&mut from_supervisor, &mut report),
            output.fill(stdout, output_lines, || stop.notify_one()),
            error.fill(stderr, error_lines),
        )
    };
    let talking = talk(&mut to_supervisor, request, &stop, id);
    let stopping = async {
        // The sender never sends; dropping it abandons the program.
        let _ = abandoned.await;
        stop.notify_one();
    };
    let ended = {
        let mut reading = std::pin::pin!(reading);
        let mut beside = std::pin::pin!(async { tokio::join!(talking, stopping) });
        let (mut is_read, mut is_beside) = (false, false);
        let ended = loop {
            tokio::select! {
                ended = supervisor.wait() => break ended,
                _ = reading.as_mut(), if !is_read => is_read = true,
                _ = beside.as_mut(), if !is_beside => is_beside = true,
            }
        };
        if !is_read {
            let _ = tokio::time::timeout(DRAIN_TIME_MAX, reading).await;
        }
        ended
    };
    let supervisor = ended.map_err(|error| ProgramFailure::Lost(error.to_string()))?;
    if let (None, Some(session)) = (&report, id) {
        // The supervisor died without a report, so its program is not supervised any more.
        signal_session(session, Signal::KILL);
    }
    conclude(supervisor, report, output, error)
}

/// Sends the request. When `stop` is notified, asks the supervisor to end its program, and kills the supervisor if it
/// does not.
async fn talk(supervisor: &mut OwnedWriteHalf, request: &[u8], stop: &Notify, id: Option<Pid>) {
    // A write error means that the supervisor has ended, which its exit status shows.
    let _ = supervisor.write_all(request).await;
    stop.notified().await;
    let _ = supervisor.write_all(END).await;
    tokio::time::sleep(END_TIME_MAX).await;
    if let Some(id) = id {
        let _ = kill_process(id, Signal::KILL);
    }
}

async fn read_report(supervisor: &mut OwnedReadHalf, report: &mut Option<Report>) {
    let mut line = String::new();
    if BufReader::new(supervisor.take(REPORT_BYTES_MAX)).read_line(&mut line).await.is_ok() {
        *report = serde_json::from_str(&line).ok();
    }
}

fn conclude(
    supervisor: ExitStatus,
    report: Option<Report>,
    output: Head,
    error: Tail,
) -> Result<Ended, ProgramFailure> {
    match report {
        Some(Report::Ended(_)) if output.is_exceeded() => Err(ProgramFailure::TooMuchOutput),
        Some(Report::Ended(status)) => Ok(Ended {
            status: ExitStatus::from_raw(status),
            output: output.into_bytes(),
            error_tail: error.into_text(),
        }),
        Some(Report::CannotStart(cause)) => Err(ProgramFailure::CannotStart(cause)),
        None => Err(ProgramFailure::Lost(format!("its supervisor ended with {supervisor}"))),
    }
}
