//! The displays of a watch: a tree that is redrawn, lines, JSON, or nothing.

use std::{collections::HashSet, io::IsTerminal, sync::Arc, time::Duration};

use api::view::{Typical, View};
use engine::{
    journal::JournalEntry,
    runner::{Clock, RunnerEvent},
};

use super::{
    block,
    display_status::is_driven,
    json, lines, next, record,
    screen::{Screen, is_dumb, variable},
    summary, text, tones,
    tree::{self, Shown},
};
use crate::{
    global::{Color, Global, Output, ProgressDisplay},
    proposed::{OPTIONS, quote_id, worker_command},
};

const HEARTBEAT_FIRST: Duration = Duration::from_secs(10);
const HEARTBEAT_MAX: Duration = Duration::from_secs(300);
/// The additional time that a task waits for a worker before a quiet watch reports it.
const WORKER_LATE_MS: u64 = 60_000;
/// The size of a tree that is drawn into something other than a terminal.
const COLUMNS_ELSEWHERE: usize = 100;
const ROWS_ELSEWHERE: usize = 40;

/// Shows an execution while it runs.
pub struct Display {
    kind: Kind,
    /// Whether only changes, failures and what needs a person are shown.
    quiet: bool,
    /// Whether what needs a person is left to the end of the watch, which shows it with the commands that answer.
    asks_at_end: bool,
    color: Color,
    clock: Arc<dyn Clock>,
    typical: Option<Typical>,
    /// The status in one word; `None` as long as this process drives the execution.
    display_status: Option<&'static str>,
    /// The lines below the questions.
    last_lines: Vec<String>,
    /// Whether the line about a task without a worker was printed.
    asked_for_worker: bool,
    /// The id of the execution, until the line above its first lines is printed.
    without_heading: Option<String>,
    /// The questions whose commands were printed: the path of each state, and when it was entered.
    proposed: HashSet<(String, u64)>,
    /// The date of the last line that was printed.
    date: String,
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
        let terminal = std::io::stdout().is_terminal() && !is_dumb(variable);
        let kind = match (global.output, global.progress().display) {
            (Output::Json, _) => Kind::Json,
            (_, ProgressDisplay::None) => Kind::None,
            (_, ProgressDisplay::Tree) => Kind::Tree,
            (_, ProgressDisplay::Auto) if terminal => Kind::Tree,
            _ => Kind::Lines,
        };
        let kind = if global.quiet && kind == Kind::Tree { Kind::Lines } else { kind };
        let mut display = Display::of(kind, clock);
        (display.quiet, display.color) = (global.quiet, global.color());
        display
    }

    /// A display that shows nothing.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Display::of(Kind::None, clock)
    }

    fn of(kind: Kind, clock: Arc<dyn Clock>) -> Self {
        let date = text::date(clock.now_ms());
        Display {
            kind,
            quiet: false,
            asks_at_end: false,
            color: Color::Auto,
            clock,
            typical: None,
            display_status: None,
            last_lines: Vec::new(),
            asked_for_worker: false,
            without_heading: None,
            proposed: HashSet::new(),
            date,
            heartbeat: HEARTBEAT_FIRST,
            last_output: std::time::Instant::now(),
        }
    }

    /// Whether it shows the time left, and does not know yet how long the states took in earlier executions.
    pub fn wants_time_left(&self) -> bool {
        self.typical.is_none() && (self.kind == Kind::Tree || (self.kind == Kind::Lines && !self.quiet))
    }

    /// Sets how long the states took in earlier executions.
    pub fn set_typical(&mut self, typical: Typical) {
        self.typical = Some(typical);
    }

    /// Sets the status in one word of an execution that another process may drive, and the lines that say how it continues.
    pub fn set_status(&mut self, display_status: &'static str, last_lines: Vec<String>) {
        let is_news = self.display_status.replace(display_status) != Some(display_status);
        if is_news && self.kind == Kind::Lines && !self.quiet {
            self.head(NOTHING_NEW);
            self.print_lines(&last_lines);
        }
        self.last_lines = last_lines;
    }

    /// Starts to show an execution, from the last entry that was shown.
    pub fn begin(&mut self, view: &View) {
        if self.kind == Kind::Lines && !self.quiet && view.last_sequence > 0 {
            self.without_heading = Some(view.id.clone());
        }
    }

    /// Leaves the answering commands to the end of the watch, so that each is printed once; with `--quiet` everything that needs a person.
    pub fn ask_at_end(&mut self) {
        self.asks_at_end = true;
    }

    /// Prints, once, the id of the execution whose lines follow.
    fn head(&mut self, what: &str) {
        if let Some(id) = self.without_heading.take() {
            let all = format!("flow events {}{OPTIONS}", quote_id(&id));
            self.print(&format!("{id}: {what} since the last display. Complete history:   {all}"));
        }
    }

    /// The interval at which [`Display::tick`] must be called.
    pub fn tick_interval(&self) -> Duration {
        Duration::from_millis(if self.kind == Kind::Tree { 200 } else { 1_000 })
    }

    /// Shows an event that is folded into the view.
    pub fn event(&mut self, view: &View, event: &RunnerEvent) {
        if self.kind == Kind::Json {
            json::event(view, event).into_iter().for_each(json::print);
        } else if record::records_events() {
            json::event(view, event).into_iter().for_each(|line| record::event(&json::complete(line)));
        }
        if self.kind != Kind::Lines {
            return;
        }
        match event {
            RunnerEvent::Entry { entry, .. } => self.lines(view, entry),
            event => self.ask(view, event),
        }
    }

    /// Prints, once, the question of a poll, if none of the shown entries asks it. The end of a watch shows the remaining questions.
    fn ask(&mut self, view: &View, event: &RunnerEvent) {
        let Some(entry) = lines::asking(event, self.clock.now_ms()).filter(|_| !self.asks_at_end) else { return };
        if lines::question(view, &entry).is_some_and(|(key, _)| !self.proposed.contains(&key)) {
            self.head(NOTHING_NEW);
            self.lines(view, &entry);
        }
    }

    fn lines(&mut self, view: &View, entry: &JournalEntry) {
        let is_left_out = !lines::is_worth_a_quiet_line(entry) || (self.asks_at_end && lines::asks(entry));
        if self.quiet && is_left_out {
            return;
        }
        let asked = lines::question(view, entry).filter(|_| !self.asks_at_end);
        let asked = asked.filter(|(key, _)| self.proposed.insert(key.clone()));
        for mut line in lines::lines(view, entry) {
            for command in asked.iter().flat_map(|(_, commands)| commands) {
                line.push_str(&format!("\n    {command}"));
            }
            self.head("new entries");
            self.print_date(entry.timestamp_ms);
            self.print(&line);
            self.last_output = std::time::Instant::now();
            self.heartbeat = HEARTBEAT_FIRST;
        }
    }

    /// Lines have a time of day: the date is printed above the first line of another date.
    fn print_date(&mut self, at_ms: u64) {
        let date = text::date(at_ms);
        if date != self.date {
            self.print(&date);
            self.date = date;
        }
    }

    /// Whether the next [`Display::tick`] prints a heartbeat line.
    pub fn is_heartbeat_due(&self) -> bool {
        self.kind == Kind::Lines && !self.quiet && self.last_output.elapsed() >= self.heartbeat
    }

    /// Updates what depends on time: redraws the tree, or prints a heartbeat line.
    pub fn tick(&mut self, view: &View) {
        let now_ms = self.clock.now_ms();
        self.ask_for_worker(view, now_ms);
        match self.kind {
            Kind::Tree => {
                let display_status = self.display_status.unwrap_or(if view.paused { "PAUSED" } else { "RUNNING" });
                block::draw(&self.live_tree(view, display_status, now_ms));
            }
            Kind::Lines if self.is_heartbeat_due() => {
                if let Some(line) = lines::heartbeat(view, self.typical.as_ref(), now_ms) {
                    self.head(NOTHING_NEW);
                    self.print_date(now_ms);
                    self.print(&line);
                }
                self.last_output = std::time::Instant::now();
                self.heartbeat = (self.heartbeat * 2).min(HEARTBEAT_MAX);
            }
            _ => {}
        }
    }

    /// The line that a task waits for a worker, with the command that starts one, until it is printed.
    fn line_without_worker(&self, view: &View, now_ms: u64) -> Option<String> {
        let command = worker_command().filter(|_| !self.asked_for_worker)?;
        lines::without_worker(view, now_ms, &command)
    }

    /// Whether a task waits for a worker, and that was not printed.
    pub fn lacks_worker(&self, view: &View, now_ms: u64) -> bool {
        self.line_without_worker(view, now_ms).is_some()
    }

    /// Prints, once, that a task waits for a worker, with the command that starts one. The tree shows it below its rows.
    fn ask_for_worker(&mut self, view: &View, now_ms: u64) {
        if self.kind != Kind::Lines || (self.quiet && !is_late(view, now_ms)) {
            return;
        }
        let Some(line) = self.line_without_worker(view, now_ms) else { return };
        self.asked_for_worker = true;
        self.head(NOTHING_NEW);
        self.print_date(now_ms);
        self.print(&line);
        (self.last_output, self.heartbeat) = (std::time::Instant::now(), HEARTBEAT_FIRST);
    }

    /// Draws the tree while calls in flight end after a signal, and a line about that below it.
    pub fn tick_stopping(&self, view: &View, last_line: &str) {
        if self.kind == Kind::Tree {
            let (display_status, typical) = (self.display_status.unwrap_or("RUNNING"), self.typical.as_ref());
            let shown = Shown { view, display_status, typical, now_ms: self.clock.now_ms() };
            block::draw(&tree::tree_with_last_line(&shown, last_line, &drawing_screen(self.color)));
        }
    }

    /// Removes the drawn lines, so that a message can be printed.
    pub fn clear(&self) {
        if self.kind == Kind::Tree {
            block::clear();
        }
    }

    fn tree(&self, view: &View, display_status: &str, now_ms: u64) -> Vec<String> {
        let screen = drawing_screen(self.color);
        let shown = Shown { view, display_status, typical: self.typical.as_ref(), now_ms };
        tree::tree(&shown, &screen).iter().map(|line| screen.paint(line)).collect()
    }

    /// The tree while the execution runs: below it, what a person is asked, with the commands that answer.
    fn live_tree(&self, view: &View, display_status: &str, now_ms: u64) -> Vec<String> {
        let shown = Shown { view, display_status, typical: self.typical.as_ref(), now_ms };
        let questions = summary::questions(view, is_driven(display_status), now_ms);
        let mut last_lines = self.last_lines.clone();
        last_lines.extend(next::worker_line(view, now_ms, worker_command()));
        tree::tree_with_questions(&shown, &questions, &last_lines, &drawing_screen(self.color))
    }

    /// Shows how the execution ended, or what it waits for.
    pub fn end(&mut self, view: &View, display_status: &str, now_ms: u64) {
        let driven = is_driven(display_status);
        self.record(view, driven, now_ms);
        self.head(NOTHING_NEW);
        match self.kind {
            Kind::Json => json::print(json::watch_end(view, driven, now_ms)),
            Kind::Tree => {
                block::finish(&self.tree(view, display_status, now_ms));
                self.print_lines(&summary::end(view, driven, now_ms));
            }
            Kind::Lines | Kind::None => self.print_lines(&summary::end(view, driven, now_ms)),
        }
    }

    /// Shows only what an execution needs of a person.
    pub fn needs(&mut self, view: &View, display_status: &str, now_ms: u64) {
        let driven = is_driven(display_status);
        self.record(view, driven, now_ms);
        match self.kind {
            Kind::Json => json::print(json::watch_end(view, driven, now_ms)),
            _ => {
                self.print_lines(&summary::needs(view, driven, now_ms));
                let line = self.line_without_worker(view, now_ms);
                self.print_lines(line.as_slice());
            }
        }
    }

    /// Records the end of a watch without showing it.
    pub fn record_end(&self, view: &View, display_status: &str, now_ms: u64) {
        self.record(view, is_driven(display_status), now_ms);
    }

    /// Ends the watch after a signal. Another process continues the execution.
    pub fn stop(&mut self, view: &View, display_status: &str, now_ms: u64) {
        match self.kind {
            Kind::Json => self.end(view, display_status, now_ms),
            Kind::Tree | Kind::Lines | Kind::None => self.record_end(view, display_status, now_ms),
        }
    }

    fn record(&self, view: &View, driven: bool, now_ms: u64) {
        record::ended(view);
        if self.kind != Kind::Json && record::records_events() {
            record::event(&json::complete(json::watch_end(view, driven, now_ms)));
        }
    }

    fn print_lines(&self, lines: &[String]) {
        lines.iter().for_each(|line| self.print(line));
    }

    fn print(&self, line: &str) {
        say_raw!("{}", tones::rows(line, &Screen::of_stdout(self.color)).join("\n"));
    }
}

impl Drop for Display {
    /// Leaves the tree as it is: the next output, such as an error, is printed below it.
    fn drop(&mut self) {
        if self.kind == Kind::Tree {
            block::leave();
        }
    }
}

/// Whether a task has waited so long for a worker that a person must start one: busy workers would have received it.
fn is_late(view: &View, now_ms: u64) -> bool {
    next::without_worker(view, now_ms.saturating_sub(WORKER_LATE_MS)).is_some()
}

/// The screen for lines that are drawn again: the row below them stays free for the cursor, and the last column, at which terminals
/// differ in when they wrap.
fn drawing_screen(color: Color) -> Screen {
    let screen = Screen::of_stdout(color);
    let (columns, rows) = match screen.columns {
        usize::MAX => (COLUMNS_ELSEWHERE, ROWS_ELSEWHERE),
        columns => (columns, screen.rows),
    };
    Screen { columns: columns.saturating_sub(1).max(1), rows: rows.saturating_sub(1).max(1), ..screen }
}
/// The text that [`Display::head`] prints if no line follows that was not shown before.
const NOTHING_NEW: &str = "nothing new";
