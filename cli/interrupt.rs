//! Handles SIGINT, SIGTERM and SIGHUP. The first signal requests an orderly end, a second SIGINT or SIGTERM ends the process. Two signals
//! of one kind that arrive together are one: timeout(1) sends SIGTERM to its child and then to the process group of both. Without
//! an [`Orderly`] value the first signal ends the process too. If [`begun`] was not called, the process reports that
//! nothing was begun. A process that ignores SIGHUP when it starts, as under nohup(1), continues to ignore it. SIGQUIT (Ctrl-\) ends the
//! process as a second SIGINT does.
//!
//! Signals that end a process without a handler have one here, so that the terminal shows typed characters again. SIGABRT has none: it
//! requests a core dump of the process as it is. SIGKILL cannot be handled.

use std::{
    io::IsTerminal,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{
    signal::unix::{self, SignalKind, signal},
    sync::watch,
};

use crate::{
    exit::{CliError, Exit},
    ui::{
        self,
        stopped::{self, StopMessage},
    },
};

/// SIGXFSZ (signal(7)): a file exceeded the size limit. With a handler, the write fails with an error that can be
/// reported.
const SIGXFSZ: i32 = 25;

/// The signals that end the process without a message.
const SILENT: [Signal; 6] = [Signal::USR1, Signal::USR2, Signal::ALARM, Signal::VTALARM, Signal::PROF, Signal::XCPU];

/// The number that is added to the number of a signal that ends a process to get its exit code, as in shells.
const OF_SIGNAL: i32 = 128;

/// The status of this process: its signals, among others. Systems other than Linux have no such file: the signals that [`unless_ignored`]
/// handles then have their default action.
const OWN_STATUS: &str = "/proc/self/status";

/// The message of a command that a signal ends before it begins something.
const NOTHING_BEGUN: &str = "stopped; nothing was begun";

/// The message, for programs, of a command that the first signal ends.
const STOPPED: &str = "stopped by a signal before the command ended";

/// The time within which two signals of one kind are one request. A person who presses Ctrl-C twice takes longer.
const SAME_REQUEST_MAX: Duration = Duration::from_millis(300);

/// The time that printing the last line of a process that a signal ends may take.
const PRINT_MAX: Duration = Duration::from_millis(500);

/// The message of a command that a second signal ends, unless [`at_second_signal`] gives one, without the command that continues.
const STOPPED_AT_ONCE: &str = "stopped at once. A call that was in flight is made again.";
/// The message that [`at_second_signal`] gave.
static AT_SECOND_SIGNAL: Mutex<Option<StopMessage>> = Mutex::new(None);
/// The calls in flight that [`breaks_off`] gave.
static BROKEN_OFF: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// After a signal, how long the owner of the store is given to confirm a call.
const CONFIRMATION_MAX: Duration = Duration::from_secs(2);

/// Whether this process may have begun something.
static BEGUN: AtomicBool = AtomicBool::new(false);
/// The reception of this process.
static RECEPTION: Mutex<Reception> = Mutex::new(Reception::NEW);
/// The exit code of a received signal.
static ASKED: OnceLock<watch::Sender<Option<Exit>>> = OnceLock::new();

/// The state that determines whether a signal ends the process. The lock of [`RECEPTION`] is held while a signal is handled: otherwise a
/// command that ends in order because of the signal could drop its [`Orderly`] value in between.
struct Reception {
    /// The number of [`Orderly`] values.
    orderly: usize,
    /// Whether the command has ended.
    is_ended: bool,
    /// The last request, and when it arrived.
    last: Option<(Exit, Instant)>,
}

impl Reception {
    /// Before the first signal.
    const NEW: Reception = Reception { orderly: 0, is_ended: false, last: None };

    /// Whether a signal that arrives at `now` repeats the last request. If not, it is recorded as the last request.
    fn repeats(&mut self, exit: Exit, now: Instant) -> bool {
        let is_same =
            |(last, at): (Exit, Instant)| last == exit && now.saturating_duration_since(at) < SAME_REQUEST_MAX;
        let repeats = self.last.is_some_and(is_same);
        if !repeats {
            self.last = Some((exit, now));
        }
        repeats
    }

    /// Records a signal with `record`, which returns whether it is a second signal; SIGQUIT counts as a second one. If the signal ends the
    /// process, returns this value. Returns `None` if the command ends in order or has ended.
    fn signal(&self, exit: Exit, record: impl FnOnce() -> bool) -> Option<bool> {
        if self.is_ended {
            return None;
        }
        let again = record() || exit == Exit::Quit;
        (again || self.orderly == 0).then_some(again)
    }
}

fn reception() -> MutexGuard<'static, Reception> {
    RECEPTION.lock().unwrap_or_else(PoisonError::into_inner)
}

fn asked() -> &'static watch::Sender<Option<Exit>> {
    ASKED.get_or_init(|| watch::Sender::new(None))
}

/// The signals that request the end of the process.
struct EndSignals {
    /// `None` in a process that ignores it.
    hangup: Option<unix::Signal>,
    /// `None` in a process that ignores it, such as a job of a shell without job control.
    quit: Option<unix::Signal>,
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl EndSignals {
    /// `status`: that of this process.
    fn install(status: &str) -> std::io::Result<Self> {
        let (hangup, quit) = (unless_ignored(status, Signal::HUP)?, unless_ignored(status, Signal::QUIT)?);
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(EndSignals { hangup, quit, interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal and returns its exit code.
    async fn next(&mut self) -> Exit {
        let EndSignals { hangup, quit, interrupt, terminate } = self;
        tokio::select! {
            biased;
            () = arrival(hangup.as_mut()) => Exit::HungUp,
            () = arrival(quit.as_mut()) => Exit::Quit,
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
        }
    }
}

/// Installs a handler, unless the process, by its `status`, has inherited that it ignores the signal: the handler would replace that.
fn unless_ignored(status: &str, number: Signal) -> std::io::Result<Option<unix::Signal>> {
    is_not_ignored(status, number).then(|| signal(SignalKind::from_raw(number.as_raw()))).transpose()
}

/// Waits for a signal; for ever for one that is ignored.
async fn arrival(signal: Option<&mut unix::Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether a process does not ignore a signal, by its status file (proc_pid_status(5)).
fn is_not_ignored(status: &str, signal: Signal) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored & (1 << (signal.as_raw() - 1)) == 0)
}

/// Installs the signal handlers. Called once, within the runtime, before the command line is read.
///
/// # Errors
/// The system refuses a handler.
pub fn install() -> std::io::Result<()> {
    // Every command starts with this, so the file is read once. Without it nothing is known to be handled.
    let status = std::fs::read_to_string(OWN_STATUS).unwrap_or_default();
    let mut signals = EndSignals::install(&status)?;
    let mut file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    tokio::spawn(async move { while file_too_large.recv().await.is_some() {} });
    // The process was stopped, and the shell has printed below the tree: the next drawing goes below that.
    let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    tokio::spawn(async move {
        while continued.recv().await.is_some() {
            ui::block::leave();
        }
    });
    for number in SILENT {
        if let Some(signal) = unless_ignored(&status, number)? {
            tokio::spawn(end_silently(signal, number));
        }
    }
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
            let exit = signals.next().await;
            // When a terminal closes, the kernel and the shell each send SIGHUP, and a person may have pressed Ctrl-C: that is no request
            // to end at once.
            if exit == Exit::HungUp && received().is_some() {
                continue;
            }
            handle(exit);
        }
    });
    Ok(())
}

/// Ends the process when a signal arrives, without a message.
async fn end_silently(mut signal: unix::Signal, number: Signal) {
    arrival(Some(&mut signal)).await;
    briefly(|| ui::block::close(false));
    ui::block::restore_keyboard();
    std::process::exit(OF_SIGNAL + number.as_raw())
}

/// Leaves a signal to the command, or ends the process.
fn handle(exit: Exit) {
    // Locked until the process has ended: the command does not end it meanwhile with another exit code.
    let mut reception = reception();
    if reception.repeats(exit, Instant::now()) {
        return;
    }
    let Some(again) = reception.signal(exit, || asked().send_replace(Some(exit)).is_some()) else { return };
    let (words, above) = match (again, BEGUN.load(Ordering::SeqCst)) {
        // The terminal shows `^C`.
        (_, false) => (NOTHING_BEGUN.to_owned(), Some("\n")),
        (true, true) => (stopped_at_once(), Some("\n")),
        // People see at the prompt that the command was stopped.
        (false, true) => (STOPPED.to_owned(), None),
    };
    let error = CliError::new(exit, words);
    briefly(move || {
        ui::block::close(above.is_some() && std::io::stderr().is_terminal());
        ui::error::print_last(&error, above);
        ui::record::finish();
    });
    ui::block::restore_keyboard();
    std::process::exit(i32::from(exit as u8));
}

/// Notes that the command has ended and its last line is printed: a signal changes neither its output nor its exit code. Does not return
/// if a signal is ending the process.
pub fn ended() {
    reception().is_ended = true;
}

/// Sets the message of a second signal: which calls it breaks off, and how their execution continues.
pub fn at_second_signal(message: StopMessage) {
    *AT_SECOND_SIGNAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
}

/// Adds a call that a second signal breaks off, for the message of a command that has several executions.
pub fn breaks_off(call: String) {
    BROKEN_OFF.lock().unwrap_or_else(PoisonError::into_inner).push(call);
}

fn stopped_at_once() -> String {
    let given = AT_SECOND_SIGNAL.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let message = given.unwrap_or_else(|| stopped::of_several(STOPPED_AT_ONCE.to_owned()));
    message.with_calls(&BROKEN_OFF.lock().unwrap_or_else(PoisonError::into_inner)).to_string()
}

/// Prints what is last. A reader that does not read must not keep the process from ending.
fn briefly(print: impl FnOnce() + Send + 'static) {
    let (done, printed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        print();
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
        reception().orderly += 1;
        begun();
        Orderly(())
    }
}

impl Drop for Orderly {
    fn drop(&mut self) {
        reception().orderly -= 1;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn a_second_signal_names_the_command_that_continues() {
        assert!(stopped_at_once().ends_with("To continue:   flow resume --all"), "{}", stopped_at_once());
    }

    #[test]
    fn a_signal_is_left_to_a_command_that_ends_while_the_signal_is_handled() {
        let reception = Arc::new(Mutex::new(Reception { orderly: 1, ..Reception::NEW }));
        let mut command = None;
        let ends = reception.lock().unwrap().signal(Exit::Interrupted, || {
            let (receives, received) = mpsc::channel();
            let reception = reception.clone();
            command = Some(std::thread::spawn(move || {
                receives.send(()).unwrap();
                reception.lock().unwrap().orderly -= 1;
            }));
            received.recv().unwrap();
            false
        });
        assert_eq!(ends, None);
        command.unwrap().join().unwrap();
        let next = reception.lock().unwrap().signal(Exit::Interrupted, || false);
        assert_eq!(next, Some(false), "nothing handles it in order any more");
    }

    #[test]
    fn a_second_signal_ends_the_process_and_none_follows_the_end_of_the_command() {
        let mut reception = Reception { orderly: 1, ..Reception::NEW };
        assert_eq!(reception.signal(Exit::Interrupted, || true), Some(true));
        assert_eq!(reception.signal(Exit::Terminated, || false), None, "the command ends in order");
        assert_eq!(reception.signal(Exit::Quit, || false), Some(true), "Ctrl-\\ does not wait");
        reception.is_ended = true;
        assert_eq!(reception.signal(Exit::Interrupted, || true), None);
    }

    #[test]
    fn signals_of_one_kind_that_arrive_together_are_one_request() {
        let (mut reception, first) = (Reception::NEW, Instant::now());
        let after = |milliseconds| first + Duration::from_millis(milliseconds);
        assert!(!reception.repeats(Exit::Terminated, first));
        assert!(reception.repeats(Exit::Terminated, first), "timeout sends two");
        assert!(reception.repeats(Exit::Terminated, after(299)));
        assert!(!reception.repeats(Exit::Terminated, after(300)), "a repetition does not prolong the time");
        assert!(!reception.repeats(Exit::Interrupted, after(301)), "Ctrl-C is another request");
        assert!(reception.repeats(Exit::Interrupted, after(302)));
    }

    #[test]
    fn a_process_under_nohup_ignores_the_end_of_its_terminal() {
        let status = |ignored: &str| format!("Name:\tflow\nSigBlk:\t0000000000000000\nSigIgn:\t{ignored}\n");
        // SIGPIPE is ignored in every process of Rust.
        assert!(is_not_ignored(&status("0000000000001000"), Signal::HUP));
        assert!(!is_not_ignored(&status("0000000000001001"), Signal::HUP));
        assert!(!is_not_ignored(&status("0000000000001000"), Signal::PIPE));
        assert!(!is_not_ignored("Name:\tflow\n", Signal::HUP), "it is not known, so the disposition stays");
    }
}
