//! Files beside the display: JSON lines (`--events-file`) and a JUnit report (`--progress junit=FILE`).

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

use api::view::View;
use serde_json::Value;

use super::{json, junit};
use crate::{exit::CliError, global::Global};

static RECORDER: OnceLock<Recorder> = OnceLock::new();

struct Recorder {
    events: Option<Mutex<File>>,
    junit: Option<PathBuf>,
    /// The executions that the report contains.
    watched: Mutex<BTreeMap<String, View>>,
    /// The first failure to write.
    failure: Mutex<Option<String>>,
}

/// Opens the files that the options name.
///
/// # Errors
/// One cannot be written. Nothing has been done then.
pub fn open(global: &Global) -> Result<(), CliError> {
    let create = |file: &PathBuf| {
        File::create(file).map_err(|error| CliError::refused(format!("{} cannot be written: {error}", file.display())))
    };
    let events = global.events_file.as_ref().map(create).transpose()?;
    let junit = global.progress().junit;
    if let Some(file) = &junit {
        create(file)?;
    }
    let recorder =
        Recorder { events: events.map(Mutex::new), junit, watched: Mutex::default(), failure: Mutex::default() };
    let _ = RECORDER.set(recorder);
    event(&json::complete(json::version()));
    Ok(())
}

/// Whether events are recorded.
pub fn records_events() -> bool {
    RECORDER.get().is_some_and(|recorder| recorder.events.is_some())
}

/// Adds a line to the file of events.
pub fn event(line: &Value) {
    let Some(recorder) = RECORDER.get() else { return };
    let Some(events) = &recorder.events else { return };
    let written = writeln!(events.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
    recorder.note(written);
}

/// An execution is not watched any more: writes the report again.
pub fn ended(view: &View) {
    let Some(recorder) = RECORDER.get() else { return };
    let Some(file) = &recorder.junit else { return };
    let mut watched = recorder.watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.insert(view.id.clone(), view.clone());
    recorder.note(std::fs::write(file, junit::report(watched.values())));
}

/// The first failure to write a file.
pub fn failure() -> Option<String> {
    RECORDER.get()?.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Recorder {
    fn note(&self, written: std::io::Result<()>) {
        if let Err(error) = written {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }
    }
}
