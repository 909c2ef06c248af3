//! Handles SIGINT and SIGTERM. The first signal requests an orderly end, the second ends the process. Without
//! an [`Orderly`] value the first signal ends the process too. If [`begun`] was not called, the process reports that
//! nothing was begun.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    exit::{CliError, Exit},
    ui,
};

/// SIGXFSZ (signal(7)): a file exceeded the size limit. With a handler, the write fails with an error that can be
/// reported.
const SIGXFSZ: i32 = 25;

/// The message of a command that a signal ends before it begins something.
const NOTHING_BEGUN: &str = "stopped; nothing was begun";

/// The message, for programs, of a command that the first signal ends.
const STOPPED: &str = "stopped by a signal before the command ended";

/// How long the last line of a process that a signal ends may take to be printed.
const PRINT_MAX: Duration = Duration::from_millis(500);

/// The message of a command that a second signal ends, unless [`at_second_signal`] gives one.
const STOPPED_AT_ONCE: &str = "stopped. A call that was in flight is made again by the next flow resume";
/// The message that [`at_second_signal`] gave.
static AT_SECOND_SIGNAL: Mutex<Option<String>> = Mutex::new(None);

/// After a signal, how long the owner of the store is given to confirm a call.
const CONFIRMATION_MAX: Duration = Duration::from_secs(2);

/// Whether this process may have begun something.
static BEGUN: AtomicBool = AtomicBool::new(false);
/// The number of [`Orderly`] values.
static ORDERLY: AtomicUsize = AtomicUsize::new(0);
/// The exit code of a received signal.
static ASKED: OnceLock<watch::Sender<Option<Exit>>> = OnceLock::new();

fn asked() -> &'static watch::Sender<Option<Exit>> {
    ASKED.get_or_init(|| watch::Sender::new(None))
}

/// Installs the signal handlers. Called once, within the runtime, before the command line is read.
///
/// # Errors
/// The system refuses a handler.
pub fn install() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    tokio::spawn(async move { while file_too_large.recv().await.is_some() {} });
    // The process was stopped, and the shell has printed below the tree: the next drawing goes below that.
    let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    tokio::spawn(async move {
        while continued.recv().await.is_some() {
            ui::block::leave();
        }
    });
    let mut asked_to_stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    tokio::spawn(async move {
        while asked_to_stop.recv().await.is_some() {
            ui::block::stop();
        }
    });
    let mut resized = signal(SignalKind::window_change())?;
    tokio::spawn(async move {
        while resized.recv().await.is_some() {
            ui::block::resized();
        }
    });
    tokio::spawn(async move {
        loop {
            let exit = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
            };
            let again = asked().send_replace(Some(exit)).is_some();
            let is_orderly = ORDERLY.load(Ordering::SeqCst) > 0;
            if again || !is_orderly {
                let (words, above) = match (again, BEGUN.load(Ordering::SeqCst)) {
                    (true, _) => (stopped_at_once(), Some("\n")),
                    // The terminal shows `^C`.
                    (false, false) => (NOTHING_BEGUN.to_owned(), Some("\n")),
                    // People see at the prompt that the command was stopped.
                    (false, true) => (STOPPED.to_owned(), None),
                };
                print_briefly(CliError::new(exit, words), above);
                ui::block::restore_keyboard();
                std::process::exit(i32::from(exit as u8));
            }
        }
    });
    Ok(())
}

/// Sets the message of a second signal: which calls it breaks off, and how their execution continues.
pub fn at_second_signal(words: String) {
    *AT_SECOND_SIGNAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
}

fn stopped_at_once() -> String {
    let given = AT_SECOND_SIGNAL.lock().unwrap_or_else(PoisonError::into_inner).clone();
    given.unwrap_or_else(|| STOPPED_AT_ONCE.to_owned())
}

/// Prints the last line and writes the last report. A reader that does not read must not keep the process from ending.
fn print_briefly(error: CliError, above: Option<&'static str>) {
    let (done, printed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        ui::error::print_last(&error, above);
        ui::record::finish();
        let _ = done.send(());
    });
    let _ = printed.recv_timeout(PRINT_MAX);
}

/// Notes that this process may begin something from now on.
pub fn begun() {
    BEGUN.store(true, Ordering::SeqCst);
}

/// While a value exists, the first signal does not end the process and is left to [`requested`].
pub struct Orderly(());

impl Orderly {
    /// Leaves the first signal to [`requested`] from now on.
    pub fn begin() -> Self {
        ORDERLY.fetch_add(1, Ordering::SeqCst);
        begun();
        Orderly(())
    }
}

impl Drop for Orderly {
    fn drop(&mut self) {
        ORDERLY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for the first signal and returns its exit code. Returns immediately if a signal arrived earlier.
pub async fn requested() -> Exit {
    let mut asked = asked().subscribe();
    match asked.wait_for(Option::is_some).await.map(|exit| *exit) {
        Ok(Some(exit)) => exit,
        _ => std::future::pending().await,
    }
}

/// Waits for the answer of a call that begins something. After a signal, the owner of the store has a short time to confirm it.
///
/// # Errors
/// As the call, or `unconfirmed` with the signal's exit code.
pub async fn confirmed<T>(
    call: impl Future<Output = Result<T, CliError>>,
    unconfirmed: impl FnOnce(Exit) -> CliError,
) -> Result<T, CliError> {
    let stopped = async {
        let exit = requested().await;
        tokio::time::sleep(CONFIRMATION_MAX).await;
        exit
    };
    tokio::select! {
        biased;
        answer = call => answer,
        exit = stopped => Err(unconfirmed(exit)),
    }
}

/// The exit code of a received signal.
pub fn received() -> Option<Exit> {
    *asked().borrow()
}

/// The error of a command that a signal has ended in order.
pub fn stopped(exit: Exit) -> CliError {
    CliError::new(exit, STOPPED)
}

/// The error of a command that a signal ends before it begins something.
pub fn nothing_begun(exit: Exit) -> CliError {
    CliError::new(exit, NOTHING_BEGUN)
}

/// Refuses to begin something after a signal.
///
/// # Errors
/// A signal was received.
pub fn check() -> Result<(), CliError> {
    received().map_or(Ok(()), |exit| Err(nothing_begun(exit)))
}
