//! Files beside the display: JSON lines (`--events-file`) and a JUnit report (`--progress junit=FILE`).

mod files;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use api::view::View;
use serde_json::Value;

use self::files::{DocumentFile, EventsFile, is_one_file, is_standard_output};
use super::{json, junit};
use crate::{
    exit::CliError,
    global::{Global, Output},
};

static RECORDER: OnceLock<Recorder> = OnceLock::new();

struct Recorder {
    events: Option<Mutex<EventsFile>>,
    /// Whether the last line that was added is of a type that ends a command.
    is_at_end: AtomicBool,
    /// `None` after the last report.
    report: Mutex<Option<DocumentFile>>,
    /// Whether what is recorded can be read after the display has no reader any more.
    is_beside_the_display: bool,
    /// The executions that the report contains.
    watched: Mutex<BTreeMap<String, View>>,
    /// The first failure to write.
    failure: Mutex<Option<String>>,
}

/// Opens the files that the options name. Lines are added to a file of events that exists; a report replaces an earlier one.
///
/// # Errors
/// One cannot be written, is a named pipe that nobody reads, or both options name one file. Nothing has been done then.
pub fn open(global: &Global) -> Result<(), CliError> {
    let junit = global.progress().junit;
    let files = [global.events_file.as_ref(), junit.as_ref()];
    if let [Some(events), Some(report)] = files
        && is_one_file(events, report)
    {
        let message = format!("--events-file and --progress junit= both name {}", report.display());
        return Err(CliError::usage(message).hint("name two files"));
    }
    let has_standard_output = files.into_iter().flatten().any(|file| is_standard_output(file));
    if has_standard_output && global.output == Output::Json {
        let message = "with -o json, standard output has the JSON lines and nothing else";
        return Err(CliError::usage(message).hint("name a file for --events-file and --progress junit="));
    }
    let refused = |file: &Path, error: io::Error| {
        CliError::refused(format!("{} cannot be written: {error}; nothing was begun", file.display()))
    };
    let open_events = |file: &PathBuf| EventsFile::open(file).map_err(|error| refused(file, error));
    // The report of an earlier command is not taken for this one's, also if this one is killed.
    let empty = junit::report(std::iter::empty());
    let open_report = |file: &PathBuf| DocumentFile::open(file, &empty).map_err(|error| refused(file, error));
    let [events, report] = files;
    let recorder = Recorder {
        events: events.map(open_events).transpose()?.map(Mutex::new),
        is_at_end: AtomicBool::new(false),
        report: Mutex::new(report.map(open_report).transpose()?),
        is_beside_the_display: files.into_iter().flatten().any(|file| !is_standard_output(file)),
        watched: Mutex::default(),
        failure: Mutex::default(),
    };
    let _ = RECORDER.set(recorder);
    Ok(())
}

/// Whether events are recorded.
pub fn records_events() -> bool {
    RECORDER.get().is_some_and(|recorder| recorder.events.is_some())
}

/// Whether something is recorded in a file other than standard output.
pub fn is_beside_the_display() -> bool {
    RECORDER.get().is_some_and(|recorder| recorder.is_beside_the_display)
}

/// Adds a line to the file of events.
pub fn event(line: &Value) {
    let Some(recorder) = RECORDER.get() else { return };
    let Some(events) = &recorder.events else { return };
    recorder.is_at_end.store(json::ends_command(line), Ordering::SeqCst);
    let written = locked(events).add(&json::text(line));
    recorder.note(written);
}

/// Adds the last line of a command that a signal ends, unless the last line that was added ends the command.
pub fn last_event(line: &Value) {
    if !RECORDER.get().is_some_and(|recorder| recorder.is_at_end.load(Ordering::SeqCst)) {
        event(line);
    }
}

/// An execution is not watched any more: writes the report again.
pub fn ended(view: &View) {
    let Some(recorder) = RECORDER.get() else { return };
    let report = locked(&recorder.report);
    let Some(file) = &*report else { return };
    let mut watched = locked(&recorder.watched);
    watched.insert(view.id.clone(), view.clone());
    recorder.note(file.update(&junit::report(watched.values())));
}

/// The command ends: writes a report that is written only once. Later calls have no effect.
pub fn finish() {
    let Some(recorder) = RECORDER.get() else { return };
    let Some(file) = locked(&recorder.report).take() else { return };
    recorder.note(file.finish(&junit::report(locked(&recorder.watched).values())));
}

/// The first failure to write a file.
pub fn failure() -> Option<String> {
    locked(&RECORDER.get()?.failure).clone()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Reports the first failure when it happens: the command may have nights to go.
    fn note(&self, written: io::Result<()>) {
        let Err(error) = written else { return };
        let mut failure = locked(&self.failure);
        if failure.is_none() {
            report!(
                "flow: the events or the report cannot be written: {error}. The command continues, and exits with 1"
            );
            *failure = Some(error.to_string());
        }
    }
}
