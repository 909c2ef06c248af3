//! SIGINT and SIGTERM: once asks to stop, twice stops at once. Where nothing needs an orderly end, once is enough.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::exit::Exit;

/// SIGXFSZ (signal(7)): a file grew above the limit. Handled, so that the write fails with an error that can be reported.
const SIGXFSZ: i32 = 25;

/// How many parts of this process want an orderly end.
static ORDERLY: AtomicUsize = AtomicUsize::new(0);
/// The first signal's exit code.
static ASKED: OnceLock<watch::Sender<Option<Exit>>> = OnceLock::new();

fn asked() -> &'static watch::Sender<Option<Exit>> {
    ASKED.get_or_init(|| watch::Sender::new(None))
}

/// Handles signals from now on; called once, within the runtime.
///
/// # Errors
/// The system refuses a handler.
pub fn install() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    tokio::spawn(async move { while file_too_large.recv().await.is_some() {} });
    tokio::spawn(async move {
        loop {
            let exit = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
            };
            let again = asked().send_replace(Some(exit)).is_some();
            if again || ORDERLY.load(Ordering::SeqCst) == 0 {
                std::process::exit(i32::from(exit as u8));
            }
        }
    });
    Ok(())
}

/// Asks for an orderly end as long as it lives: the first signal is left to [`requested`].
pub struct Orderly(());

impl Orderly {
    /// One more part that wants it.
    pub fn begin() -> Self {
        ORDERLY.fetch_add(1, Ordering::SeqCst);
        Orderly(())
    }
}

impl Drop for Orderly {
    fn drop(&mut self) {
        ORDERLY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for the first signal; answers with its exit code, at once where it came before.
pub async fn requested() -> Exit {
    let mut asked = asked().subscribe();
    match asked.wait_for(Option::is_some).await.map(|exit| *exit) {
        Ok(Some(exit)) => exit,
        _ => std::future::pending().await,
    }
}

/// The exit code of the signal that came, if one did.
pub fn received() -> Option<Exit> {
    *asked().borrow()
}
