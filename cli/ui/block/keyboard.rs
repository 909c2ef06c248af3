//! The keyboard of the terminal while something is drawn on it. Typed characters are not shown: they would move the cursor away from the
//! row where the next drawing expects it. They remain in the terminal's input for the program that reads next, such as the shell. A
//! terminal has one set of modes for all descriptors, so they are set through standard output.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError, TryLockError},
};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr},
};

/// The modes that show typed characters (ECHO), and line feeds also without it (ECHONL).
const ECHO: LocalModes = LocalModes::ECHO.union(LocalModes::ECHONL);

/// The modes that were switched off.
static SILENCED: Mutex<Option<LocalModes>> = Mutex::new(None);

/// Whether this process may draw on the terminal: its process group is in the foreground. Also true if the terminal does
/// not report its foreground group, because it is the terminal of another session.
pub fn is_in_foreground() -> bool {
    let out = std::io::stdout();
    !out.is_terminal() || tcgetpgrp(&out).map_or(true, |group| group == getpgrp())
}

/// Whether standard output is the controlling terminal of this process: only that one reports its foreground process group.
pub fn is_controlling_terminal() -> bool {
    let out = std::io::stdout();
    out.is_terminal() && tcgetpgrp(&out).is_ok()
}

/// Stops showing what is typed on the terminal on which this process draws, wherever its standard input is from.
pub fn silence() {
    let mut silenced = SILENCED.lock().unwrap_or_else(PoisonError::into_inner);
    let keyboard = std::io::stdout();
    // A process in the background that changes a terminal is stopped (SIGTTOU).
    if silenced.is_some() || !keyboard.is_terminal() || tcgetpgrp(&keyboard).ok() != Some(getpgrp()) {
        return;
    }
    let Ok(mut modes) = tcgetattr(&keyboard) else { return };
    let shown = modes.local_modes & ECHO;
    // A terminal that does not collect lines belongs to a program that shows what is typed itself.
    if shown.is_empty() || !modes.local_modes.contains(LocalModes::ICANON) {
        return;
    }
    modes.local_modes.remove(ECHO);
    if tcsetattr(&keyboard, OptionalActions::Now, &modes).is_ok() {
        *silenced = Some(shown);
    }
}

/// Shows again what is typed.
pub fn restore() {
    restored(&mut SILENCED.lock().unwrap_or_else(PoisonError::into_inner));
}

/// [`restore`] for a thread that must not wait for the lock, such as one that panics.
pub fn restore_unless_busy() {
    match SILENCED.try_lock() {
        Ok(mut silenced) => restored(&mut silenced),
        Err(TryLockError::Poisoned(poisoned)) => restored(&mut poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {}
    }
}

fn restored(silenced: &mut Option<LocalModes>) {
    let Some(shown) = silenced.take() else { return };
    let keyboard = std::io::stdout();
    // Otherwise the shell has set the modes that it wants.
    if tcgetpgrp(&keyboard).ok() == Some(getpgrp())
        && let Ok(mut modes) = tcgetattr(&keyboard)
    {
        modes.local_modes.insert(shown);
        let _ = tcsetattr(&keyboard, OptionalActions::Now, &modes);
    }
}
