//! Files beside the display: JSON lines (`--events-file`) and a JUnit report (`--progress junit=FILE`).

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
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

/// Opens the files that the options name. Lines are added to a file of events that exists; a report replaces an earlier one.
///
/// # Errors
/// One cannot be written, or both options name one file. Nothing has been done then.
pub fn open(global: &Global) -> Result<(), CliError> {
    let refused =
        |file: &Path, error: &io::Error| CliError::refused(format!("{} cannot be written: {error}", file.display()));
    let append = |file: &PathBuf| appended(file).map_err(|error| refused(file, &error));
    let events = global.events_file.as_ref().map(append).transpose()?;
    let junit = global.progress().junit;
    if let Some(file) = &junit {
        if global.events_file.as_ref().is_some_and(|events| is_one_file(events, file)) {
            let message = format!("--events-file and --progress junit= both name {}", file.display());
            return Err(CliError::usage(message).hint("name two files"));
        }
        // The report of an earlier command is not taken for this one's, also if this one is killed.
        replace(file, &junit::report(std::iter::empty())).map_err(|error| refused(file, &error))?;
    }
    let recorder =
        Recorder { events: events.map(Mutex::new), junit, watched: Mutex::default(), failure: Mutex::default() };
    let _ = RECORDER.set(recorder);
    event(&json::complete(json::version()));
    Ok(())
}

/// Opens a file so that each write adds to its end. A last line that a crash cut gets its line feed, so that the next line can be read.
fn appended(file: &Path) -> io::Result<File> {
    let mut events = OpenOptions::new().append(true).create(true).open(file)?;
    if events.metadata()?.is_file() && ends_within_a_line(file)? {
        events.write_all(b"\n")?;
    }
    Ok(events)
}

/// Whether a file has a last line without a line feed. One that cannot be read counts as complete.
fn ends_within_a_line(file: &Path) -> io::Result<bool> {
    let Ok(mut read) = File::open(file) else { return Ok(false) };
    if read.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    read.seek(SeekFrom::End(-1))?;
    read.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Whether two paths name one regular file.
fn is_one_file(one: &Path, other: &Path) -> bool {
    let same = match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    };
    same && fs::metadata(one).is_ok_and(|metadata| metadata.is_file())
}

/// Replaces a file by a complete document: a reader sees the earlier document or this one, never a part. What is no regular file, such as
/// a pipe, is written to; a symbolic link keeps its target's name.
fn replace(file: &Path, document: &str) -> io::Result<()> {
    if fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        return OpenOptions::new().write(true).open(file)?.write_all(document.as_bytes());
    }
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(format!(".{}", std::process::id()));
    let temporary = target.with_file_name(name);
    let replaced = fs::write(&temporary, document).and_then(|()| fs::rename(&temporary, &target));
    if replaced.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

/// Whether events are recorded.
pub fn records_events() -> bool {
    RECORDER.get().is_some_and(|recorder| recorder.events.is_some())
}

/// Adds a line to the file of events.
pub fn event(line: &Value) {
    let Some(recorder) = RECORDER.get() else { return };
    let Some(events) = &recorder.events else { return };
    // One write for a line: those of another process that appends to the same file are not mixed into it.
    let line = format!("{line}\n");
    recorder.note(events.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()));
}

/// An execution is not watched any more: writes the report again.
pub fn ended(view: &View) {
    let Some(recorder) = RECORDER.get() else { return };
    let Some(file) = &recorder.junit else { return };
    let mut watched = recorder.watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.insert(view.id.clone(), view.clone());
    recorder.note(replace(file, &junit::report(watched.values())));
}

/// The first failure to write a file.
pub fn failure() -> Option<String> {
    RECORDER.get()?.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Recorder {
    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_added_to_a_file_also_after_one_that_a_crash_cut() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.jsonl");
        for (before, after) in [("", "new\n"), ("one\n", "one\nnew\n"), ("one\n{\"cut", "one\n{\"cut\nnew\n")] {
            fs::write(&file, before).unwrap();
            appended(&file).unwrap().write_all(b"new\n").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), after);
        }
        assert!(appended(Path::new("/dev/null")).is_ok());
    }

    #[test]
    fn a_report_replaces_a_file_at_once_and_is_written_to_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("report.xml"), folder.path().join("link.xml"));
        fs::write(&file, "an earlier and longer report").unwrap();
        let mut earlier = File::open(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mut seen = String::new();
        earlier.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "an earlier and longer report", "a reader that has the file open reads one document");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
        replace(Path::new("/dev/null"), "new").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(replace(&folder.path().join("none/report.xml"), "new").is_err());
    }

    #[test]
    fn two_names_of_one_file_are_one_file_and_a_device_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "").unwrap();
        assert!(is_one_file(&file, &folder.path().join("./a")));
        assert!(!is_one_file(&file, &folder.path().join("b")));
        assert!(!is_one_file(Path::new("/dev/null"), Path::new("/dev/null")));
    }
}
