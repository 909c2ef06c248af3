//! The displays of a watch: a tree that is redrawn, lines, JSON, or nothing.

use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use api::view::View;
use crossterm::{cursor, queue, terminal};
use engine::runner::{Clock, RunnerEvent};

use super::{json, lines, summary, tree};
use crate::arguments::{Global, Output, Progress};

const HEARTBEAT_FIRST: Duration = Duration::from_secs(10);
const HEARTBEAT_MAX: Duration = Duration::from_secs(300);

/// Shows an execution while it runs.
pub struct Display {
    kind: Kind,
    /// Whether only changes, failures and what needs a person are shown.
    quiet: bool,
    clock: Arc<dyn Clock>,
    drawn_lines: u16,
    heartbeat: Duration,
    last_output: std::time::Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tree,
    Lines,
    Json,
    None,
}

impl Display {
    /// The display that the options select.
    pub fn new(global: &Global, clock: Arc<dyn Clock>) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let kind = match (global.output, global.progress) {
            (Output::Json, _) => Kind::Json,
            (_, Progress::None) => Kind::None,
            (_, Progress::Tree) => Kind::Tree,
            (_, Progress::Auto) if terminal => Kind::Tree,
            _ => Kind::Lines,
        };
        let kind = if global.quiet && kind == Kind::Tree { Kind::Lines } else { kind };
        Display { quiet: global.quiet, ..Display::of(kind, clock) }
    }

    /// A display that shows nothing.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Display::of(Kind::None, clock)
    }

    fn of(kind: Kind, clock: Arc<dyn Clock>) -> Self {
        let last_output = std::time::Instant::now();
        Display { kind, quiet: false, clock, drawn_lines: 0, heartbeat: HEARTBEAT_FIRST, last_output }
    }

    /// Starts to show an execution, from the last entry that was shown.
    pub fn begin(&mut self, view: &View) {
        if self.kind == Kind::Lines && !self.quiet && view.last_sequence > 0 {
            say!("{}: what is new since it was shown last; all of it: flow events {}", view.id, view.id);
        }
    }

    /// The interval at which [`Display::tick`] must be called.
    pub fn tick_interval(&self) -> Duration {
        Duration::from_millis(if self.kind == Kind::Tree { 200 } else { 1_000 })
    }

    /// Shows an event that is folded into the view.
    pub fn event(&mut self, view: &View, event: &RunnerEvent) {
        match (self.kind, event) {
            (Kind::Json, event) => {
                if let Some(line) = json::event(view, event) {
                    say!("{line}");
                }
            }
            (Kind::Lines, RunnerEvent::Entry { entry, .. }) => {
                if self.quiet && !lines::is_worth_a_quiet_line(entry) {
                    return;
                }
                for line in lines::lines(view, entry) {
                    say!("{line}");
                    self.last_output = std::time::Instant::now();
                    self.heartbeat = HEARTBEAT_FIRST;
                }
            }
            _ => {}
        }
    }

    /// Updates what depends on time: redraws the tree, or prints a heartbeat line.
    pub fn tick(&mut self, view: &View) {
        match self.kind {
            Kind::Tree => self.draw(&tree::fitted(view, "RUNNING", self.clock.now_ms(), rows())),
            Kind::Lines if !self.quiet && self.last_output.elapsed() >= self.heartbeat => {
                if let Some(line) = lines::heartbeat(view, self.clock.now_ms()) {
                    say!("{line}");
                }
                self.last_output = std::time::Instant::now();
                self.heartbeat = (self.heartbeat * 2).min(HEARTBEAT_MAX);
            }
            _ => {}
        }
    }

    /// Shows how the execution ended, or what it waits for.
    pub fn end(&mut self, view: &View, standing: &str, now_ms: u64) {
        match self.kind {
            Kind::Json => say!("{}", json::ended(view, now_ms)),
            Kind::Tree => {
                self.draw(&tree::fitted(view, standing, now_ms, rows()));
                print_lines(&summary::end(view, now_ms));
            }
            Kind::Lines | Kind::None => print_lines(&summary::end(view, now_ms)),
        }
    }

    /// Shows only what an execution needs of a person.
    pub fn needs(&mut self, view: &View, now_ms: u64) {
        match self.kind {
            Kind::Json => say!("{}", json::ended(view, now_ms)),
            _ => print_lines(&summary::needs(view, now_ms)),
        }
    }

    /// Replaces the previous drawing.
    fn draw(&mut self, wanted: &[String]) {
        let columns = terminal::size().map_or(100, |(columns, _)| columns);
        let mut out = std::io::stdout().lock();
        let up = self.drawn_lines;
        let mut drawn = 0;
        let mut text = String::new();
        for line in wanted.iter().take(rows()) {
            text.extend(line.chars().take(usize::from(columns.saturating_sub(1))));
            text.push('\n');
            drawn += 1;
        }
        let moved = if up > 0 { queue!(out, cursor::MoveToPreviousLine(up)) } else { Ok(()) };
        let drawn_well = moved
            .and_then(|()| queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown)))
            .and_then(|()| out.write_all(text.as_bytes()))
            .and_then(|()| out.flush());
        // A terminal that is gone does not stop the work.
        if drawn_well.is_ok() {
            self.drawn_lines = drawn;
        }
    }
}

/// The most lines that may be drawn without scrolling.
fn rows() -> usize {
    let rows = terminal::size().map_or(40, |(_, rows)| rows);
    usize::from(rows.saturating_sub(2)).max(1)
}

fn print_lines(lines: &[String]) {
    for line in lines {
        say!("{line}");
    }
}
