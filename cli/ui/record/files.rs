//! Files that a command line names for writing: opened without waiting, followed by name, replaced at once.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, IsTerminal, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

use crate::ui::{block, json};

/// The names of standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
/// The controlling terminal of each process.
const CONTROLLING_TERMINAL: &str = "/dev/tty";
/// The folder in which the system shows the open files of a process by number.
const DESCRIPTORS: [&str; 4] = ["/dev/fd", "/proc/self/fd", "/dev/stderr", "/dev/stdout"];
/// The number of symbolic links that are followed, as by the system.
const LINKS_MAX: usize = 40;

/// Whether a file is standard output or its terminal: text that is written there must not cut a drawing.
pub fn is_standard_output(file: &Path) -> bool {
    STANDARD_OUTPUT.iter().any(|name| file == Path::new(name)) || is_terminal_of_output(file)
}

fn is_terminal_of_output(file: &Path) -> bool {
    if file == Path::new(CONTROLLING_TERMINAL) {
        return block::is_controlling_terminal();
    }
    if !io::stdout().is_terminal() {
        return false;
    }
    let device = |file: &Path| fs::metadata(file).ok().filter(|file| file.file_type().is_char_device());
    match (device(file), device(Path::new("/dev/stdout"))) {
        (Some(file), Some(out)) => file.rdev() == out.rdev(),
        _ => false,
    }
}

/// Whether a path names an open file of this process. Its reader would not see a renamed file.
fn is_descriptor(file: &Path) -> bool {
    DESCRIPTORS.iter().any(|folder| file.starts_with(folder))
}

/// Whether two paths name one file, or both standard output.
pub fn is_one_file(one: &Path, other: &Path) -> bool {
    if is_standard_output(one) && is_standard_output(other) {
        return true;
    }
    let same = match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    };
    same && fs::metadata(one).is_ok_and(|metadata| metadata.is_file())
}

/// Opens a file so that each write adds to its end. Opening does not wait: a named pipe without a reader is an error.
fn open_to_add(file: &Path) -> io::Result<File> {
    let no_wait = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().append(true).create(true).custom_flags(no_wait).open(file);
    let opened = opened.map_err(|error| {
        let is_pipe = fs::metadata(file).is_ok_and(|metadata| metadata.file_type().is_fifo());
        match error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) && is_pipe {
            true => io::Error::other("it is a named pipe, and nobody reads it"),
            false => error,
        }
    })?;
    // A write waits until the reader has read, as on standard output.
    let flags = fcntl_getfl(&opened)?;
    fcntl_setfl(&opened, flags.difference(OFlags::NONBLOCK))?;
    Ok(opened)
}

/// A file that JSON lines are added to.
pub enum EventsFile {
    /// Standard output.
    StandardOutput,
    /// Any other file.
    Named {
        /// Its name.
        path: PathBuf,
        /// The open file.
        file: File,
        /// The device and the inode of a regular file; the file is opened again when its name is of another one.
        identity: Option<(u64, u64)>,
    },
}

impl EventsFile {
    /// Opens a file and adds the first line. A last line that a crash cut gets its line feed, so that the next line can be read.
    ///
    /// # Errors
    /// The file cannot be written, or it is a named pipe without a reader.
    pub fn open(path: &Path) -> io::Result<Self> {
        if is_standard_output(path) {
            say_raw!("{}", first_line());
            return Ok(EventsFile::StandardOutput);
        }
        let mut file = open_to_add(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && ends_within_a_line(path)? {
            file.write_all(b"\n")?;
        }
        file.write_all(format!("{}\n", first_line()).as_bytes())?;
        let identity = Some(identity(&metadata)).filter(|_| metadata.is_file() && !is_descriptor(path));
        Ok(EventsFile::Named { path: path.to_owned(), file, identity })
    }

    /// Adds a line. A file that was moved or removed since the last line is not changed: the line is added to a new file of the same name.
    ///
    /// # Errors
    /// The file cannot be written. Where only the new file cannot be opened, the earlier one has the line.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        let followed = self.follow_name();
        let written = match self {
            EventsFile::StandardOutput => {
                say_raw!("{line}");
                Ok(())
            }
            // One write for a line: those of another process that appends to the same file are not mixed into it.
            EventsFile::Named { file, .. } => file.write_all(format!("{line}\n").as_bytes()),
        };
        followed.and(written)
    }

    fn follow_name(&mut self) -> io::Result<()> {
        let EventsFile::Named { path, identity: Some(opened), .. } = self else { return Ok(()) };
        if fs::metadata(&*path).is_ok_and(|metadata| identity(&metadata) == *opened) {
            return Ok(());
        }
        let again = EventsFile::open(path)?;
        *self = again;
        Ok(())
    }
}

fn first_line() -> String {
    json::text(&json::complete(json::version()))
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
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

/// A file with one document.
pub enum DocumentFile {
    /// Standard output: it receives the document at the end.
    StandardOutput,
    /// A file that is not regular, such as a pipe, or an open file of this process: it receives the document at the end.
    AtEnd(File),
    /// A file that has a complete document at every time.
    Replaced(PathBuf),
}

impl DocumentFile {
    /// Opens a file. If it can be replaced, writes a first document.
    ///
    /// # Errors
    /// The file cannot be written, or it is a named pipe without a reader.
    pub fn open(file: &Path, first: &str) -> io::Result<Self> {
        if is_standard_output(file) {
            return Ok(DocumentFile::StandardOutput);
        }
        if is_descriptor(file) || fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
            return open_to_add(file).map(DocumentFile::AtEnd);
        }
        replace(file, first)?;
        Ok(DocumentFile::Replaced(file.to_owned()))
    }

    /// Writes a newer document, except where it is written at the end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn update(&self, document: &str) -> io::Result<()> {
        match self {
            DocumentFile::StandardOutput | DocumentFile::AtEnd(_) => Ok(()),
            DocumentFile::Replaced(file) => replace(file, document),
        }
    }

    /// Writes the last document where only the last one is written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self, document: &str) -> io::Result<()> {
        match self {
            DocumentFile::StandardOutput => say_raw!("{}", document.trim_end()),
            DocumentFile::AtEnd(mut file) => file.write_all(document.as_bytes())?,
            DocumentFile::Replaced(_) => {}
        }
        Ok(())
    }
}

/// Replaces a file by a complete document: a reader sees the earlier document or this one, never a part. A symbolic link is kept: its
/// target is replaced, or created.
fn replace(file: &Path, document: &str) -> io::Result<()> {
    let target = target_of(file)?;
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

/// The path that symbolic links of this name end at.
fn target_of(file: &Path) -> io::Result<PathBuf> {
    let mut target = file.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(next) = fs::read_link(&target) else { return Ok(target) };
        target = target.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(Errno::LOOP.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{os::unix::fs::symlink, process::Command};

    use super::*;

    fn pipe(folder: &Path) -> PathBuf {
        let pipe = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    }

    fn lines(file: &Path) -> Vec<String> {
        fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_is_added_to_a_file_also_after_one_that_a_crash_cut() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.jsonl");
        for (before, kept) in [("", &[][..]), ("one\n", &["one"][..]), ("one\n{\"cut", &["one", "{\"cut"][..])] {
            fs::write(&file, before).unwrap();
            EventsFile::open(&file).unwrap().add("new").unwrap();
            let lines = lines(&file);
            assert_eq!(lines[..kept.len()], *kept);
            assert!(lines[kept.len()].contains("\"version\""), "{lines:?}");
            assert_eq!(lines[kept.len() + 1..], ["new"]);
        }
        assert!(EventsFile::open(Path::new("/dev/null")).is_ok());
        assert!(EventsFile::open(Path::new("/dev/full")).is_err(), "refused before anything is done");
        assert!(EventsFile::open(folder.path()).is_err());
    }

    #[test]
    fn lines_follow_the_name_of_a_file_that_is_moved_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, moved) = (folder.path().join("events.jsonl"), folder.path().join("events.jsonl.1"));
        let mut events = EventsFile::open(&file).unwrap();
        events.add("one").unwrap();
        fs::rename(&file, &moved).unwrap();
        events.add("two").unwrap();
        events.add("three").unwrap();
        assert_eq!(lines(&moved)[1..], ["one"]);
        assert_eq!(lines(&file)[1..], ["two", "three"]);
        assert!(lines(&file)[0].contains("\"version\""), "the new file can be read alone");
        fs::remove_file(&file).unwrap();
        events.add("four").unwrap();
        assert_eq!(lines(&file)[1..], ["four"]);
        fs::rename(&file, &moved).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(events.add("five").is_err(), "a name that cannot be opened again is reported");
        assert_eq!(lines(&moved)[1..], ["four", "five"], "and no line is lost");
    }

    #[test]
    fn a_named_pipe_that_nobody_reads_is_refused_and_one_with_a_reader_gets_one_document() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe(folder.path());
        for refused in [EventsFile::open(&pipe).err(), DocumentFile::open(&pipe, "first").err()] {
            assert!(refused.unwrap().to_string().contains("nobody reads it"));
        }
        let no_wait = OFlags::NONBLOCK.bits().cast_signed();
        let mut reader = OpenOptions::new().read(true).custom_flags(no_wait).open(&pipe).unwrap();
        let document = DocumentFile::open(&pipe, "first").unwrap();
        document.update("second").unwrap();
        document.finish("last").unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "last");
    }

    #[test]
    fn a_report_replaces_a_file_at_once_and_is_written_to_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("report.xml"), folder.path().join("link.xml"));
        fs::write(&file, "an earlier and longer report").unwrap();
        let mut earlier = File::open(&file).unwrap();
        symlink("report.xml", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mut seen = String::new();
        earlier.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "an earlier and longer report", "a reader that has the file open reads one document");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
        fs::remove_file(&file).unwrap();
        replace(&link, "also without a target").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "also without a target");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(replace(&circle, "new").is_err());
        DocumentFile::open(Path::new("/dev/null"), "new").unwrap().finish("new").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(replace(&folder.path().join("none/report.xml"), "new").is_err());
    }

    #[test]
    fn two_names_of_one_file_are_one_file_and_a_device_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "").unwrap();
        assert!(is_one_file(&file, &folder.path().join("./a")));
        assert!(!is_one_file(&file, &folder.path().join("b")));
        assert!(!is_one_file(Path::new("/dev/null"), Path::new("/dev/null")));
        assert!(is_one_file(Path::new("-"), Path::new("/dev/stdout")));
    }
}
