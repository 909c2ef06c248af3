//! Lines on a terminal that are drawn over and over at the same place.
//!
//! Between two drawings the cursor is in the first column of the row below the lines, so that a shell's prompt does not overwrite them
//! if the process is killed or stopped. The next drawing moves up over the rows that the lines occupy now and overwrites them line by
//! line. It never clears everything from the first cell of the screen on: tmux would move what is cleared into its history, at every
//! drawing. A message that another part of the program prints removes the lines first; the next drawing is below it. [`drawn`] knows
//! what is on the terminal, also after its size has changed.
//!
//! Nothing is drawn while another process group has the terminal, as after `bg`.

mod drawn;
mod keyboard;
#[cfg(test)]
mod tests;

use std::{
    io::Write,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Signal, getpid, kill_process};

use drawn::{Block, Terminal};
pub use keyboard::is_controlling_terminal;

static BLOCK: Mutex<Block> = Mutex::new(Block::new());
/// Whether the terminal's size has changed since the last drawing, also if it is the same again.
static RESIZED: AtomicBool = AtomicBool::new(false);
/// Whether the process is about to end. Set while the block is locked, so that nothing is drawn below its last message.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Drawings are much more frequent: after such a pause the process may have been stopped (SIGSTOP).
const STOPPED_MIN: Duration = Duration::from_secs(1);
/// The time that the handler of SIGCONT may take to run after the process was continued. Nothing is drawn meanwhile.
const CONTINUED_MAX: Duration = Duration::from_millis(300);

/// Replaces the lines that were drawn last. They must be fewer than the screen's rows, and narrower than it.
pub fn draw(lines: &[String]) {
    let mut block = block();
    if is_closed() {
        return;
    }
    let now = Instant::now();
    let called = block.called.replace(now);
    // After a stop the shell has printed something. The handler of SIGCONT calls `leave` before the next drawing.
    if called.is_some_and(|called| now.duration_since(called) >= STOPPED_MIN) {
        block.rests_until = Some(now + CONTINUED_MAX);
    }
    if block.rests_until.is_some_and(|until| now < until) {
        return;
    }
    if !keyboard::is_in_foreground() {
        // What is on the screen now is the shell's.
        block.leave();
        return;
    }
    let terminal = Terminal::of_stdout();
    let is_resized = RESIZED.swap(false, Ordering::Relaxed);
    if is_resized || block.differs(lines, terminal) {
        keyboard::silence();
        write(&block.replace(lines, terminal, is_resized));
    }
}

/// Replaces the lines that were drawn last, for good: the next output is printed below them. In the background nothing was drawn, and a
/// person may be typing a command: then the lines begin below the command.
pub fn finish(lines: &[String]) {
    let mut block = block();
    if is_closed() {
        return;
    }
    let is_in_foreground = keyboard::is_in_foreground();
    if block.is_drawn() && is_in_foreground {
        let is_resized = RESIZED.swap(false, Ordering::Relaxed);
        let drawn = block.finish(lines, Terminal::of_stdout(), is_resized);
        let left = block.leave();
        write(&format!("{drawn}{left}"));
    } else {
        block.leave();
        write(&undrawn(lines, is_in_foreground));
    }
    keyboard::restore();
}

/// Lines that replace no drawing.
fn undrawn(lines: &[String], is_in_foreground: bool) -> String {
    let above = if is_in_foreground || lines.is_empty() { "" } else { "\n" };
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{above}{lines}")
}

/// Removes the lines that were drawn last.
pub fn clear() {
    finish(&[]);
}

/// Leaves the lines that were drawn last as they are: the next output is printed below them.
pub fn leave() {
    let left = block().leave();
    write(left);
    keyboard::restore();
}

/// Ends drawing for good, in a process that is about to end. Removes the lines that were drawn last if a message is printed in their place.
pub fn close(is_replaced: bool) {
    let mut block = block();
    CLOSED.store(true, Ordering::Relaxed);
    if is_replaced && block.is_drawn() && keyboard::is_in_foreground() {
        let is_resized = RESIZED.swap(false, Ordering::Relaxed);
        write(&block.clear(Terminal::of_stdout(), is_resized));
    }
    write(block.leave());
    keyboard::restore();
}

fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Removes the lines that were drawn last and calls `print`, which prints a text and a line feed in their place.
pub fn print(text: &str, print: impl FnOnce()) {
    let mut block = block();
    let is_used = block.is_used();
    let terminal = if is_used { Terminal::of_stdout() } else { Terminal::NONE };
    if is_used {
        let is_resized = RESIZED.swap(false, Ordering::Relaxed);
        write(&block.clear(terminal, is_resized));
    }
    print();
    if is_used {
        block.printed(text, terminal);
    }
}

/// The terminal's size has changed (SIGWINCH).
pub fn resized() {
    RESIZED.store(true, Ordering::Relaxed);
}

/// Stops this process as SIGTSTP does without a handler, with the terminal as the shell expects it. The default action of SIGTTIN is
/// the same, also that nothing stops where no shell could continue the process (an orphaned process group). The drawing is then replaced
/// in place by the next one; otherwise the handler of SIGCONT has called [`leave`] before that.
///
/// A shell reports the stop as one by SIGTTIN: only the default action of SIGTSTP stops with that signal, and a handler is removed by
/// sigaction(2), for which no library has a safe function.
pub fn stop() {
    // No other thread draws until the process is stopped.
    let mut block = block();
    if block.is_full() {
        write(block.leave());
    }
    keyboard::restore();
    let _ = kill_process(getpid(), Signal::TTIN);
    block.rests_until = Some(Instant::now() + CONTINUED_MAX);
}

/// Shows what a person types again, in a process that is about to end: another thread may be drawing.
pub fn restore_keyboard() {
    keyboard::restore_unless_busy();
}

fn block() -> MutexGuard<'static, Block> {
    BLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that is gone does not stop the work.
fn write(text: &str) {
    if !text.is_empty() {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
