//! A file under a temporary name, which then replaces another.
//!
//! The names of a target are numbered, and a name is taken by creating its file. So a writer finds what a crash left of an earlier
//! write to the same target without a list of the folder.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufWriter, Error, Result, Write},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fsync, openat, renameat, statat, unlinkat},
    io::Errno,
};
use serde_json::Value;

/// How many temporary files one target may have at once.
const NAMES_MAX: u32 = 100;
/// How old a temporary file is that a crash has left.
const ABANDONED_AGE: Duration = Duration::from_secs(3_600);
/// How much of the target's name is in the temporary one, in bytes: a name has at most 255.
const NAME_BYTES_MAX: usize = 200;

/// A temporary file. Dropping it removes it.
pub(super) struct Temporary<'folder> {
    folder: &'folder OwnedFd,
    name: OsString,
    file: File,
    replaced: bool,
}

impl<'folder> Temporary<'folder> {
    /// Creates an empty file in the folder, for the target's name.
    ///
    /// # Errors
    /// The folder cannot be written, or all names of the target are in use.
    pub fn beside(folder: &'folder OwnedFd, target: &OsStr) -> Result<Self> {
        for number in 0..NAMES_MAX {
            let name = temporary_name(target, number);
            if let Some(file) = create(folder, &name)? {
                return Ok(Temporary { folder, name, file, replaced: false });
            }
        }
        Err(Error::other(format!("{NAMES_MAX} other writes of it are in progress")))
    }

    /// Writes the content.
    pub fn write(&mut self, content: &Value) -> Result<()> {
        let mut writer = BufWriter::new(&mut self.file);
        serde_json::to_writer(&mut writer, content)?;
        writer.flush()
    }

    /// Gives the file its target's name, durably: the content first, then the name.
    pub fn replace(mut self, target: &OsStr) -> Result<()> {
        self.file.sync_all()?;
        renameat(self.folder, &self.name, self.folder, target)?;
        self.replaced = true;
        Ok(fsync(self.folder)?)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.replaced {
            let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}

fn temporary_name(target: &OsStr, number: u32) -> OsString {
    let bytes = target.as_bytes();
    let mut name = OsString::from(".");
    name.push(OsStr::from_bytes(bytes.get(..NAME_BYTES_MAX).unwrap_or(bytes)));
    name.push(format!(".flow-temporary-{number}"));
    name
}

/// A new and locked file of this name; `None` where the name is in use.
fn create(folder: &OwnedFd, name: &OsStr) -> Result<Option<File>> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(folder, name, flags, Mode::from_raw_mode(0o666));
    let file = match open() {
        Err(Errno::EXIST) if remove_abandoned(folder, name)? => match open() {
            Err(Errno::EXIST) => return Ok(None),
            file => file?,
        },
        Err(Errno::EXIST) => return Ok(None),
        file => file?,
    };
    let file = File::from(file);
    // For `remove_abandoned`. A file system without locks leaves the file to its age.
    let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
    Ok(Some(file))
}

/// Removes a temporary file that is older than an hour and whose writer is gone; whether it did.
fn remove_abandoned(folder: &OwnedFd, name: &OsStr) -> Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(true),
        // Not a file of ours.
        Err(_) => return Ok(false),
    };
    let metadata = file.metadata()?;
    let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    if !metadata.is_file() || age.is_none_or(|age| age < ABANDONED_AGE) {
        return Ok(false);
    }
    // Its writer holds the lock while it lives; of two that remove it, one holds it.
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    let is_same = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|named| (named.st_dev, named.st_ino) == (metadata.dev(), metadata.ino()));
    if is_same {
        unlinkat(folder, name, AtFlags::empty())?;
    }
    Ok(is_same)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_long_name_leaves_room_for_the_number() {
        let longest = OsString::from("x".repeat(255));
        assert!(temporary_name(&longest, NAMES_MAX).len() <= 255);
        assert_eq!(temporary_name(OsStr::new("a.json"), 7), ".a.json.flow-temporary-7");
    }

    #[test]
    fn an_abandoned_file_is_removed_and_neither_a_young_nor_a_locked_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let directory = OwnedFd::from(File::open(folder.path()).unwrap());
        let target = OsStr::new("a");
        let path = |number| folder.path().join(temporary_name(target, number));
        let old = SystemTime::now() - ABANDONED_AGE - Duration::from_secs(1);
        for number in 0..3 {
            std::fs::write(path(number), "left by a crash").unwrap();
        }
        let writer = File::options().write(true).open(path(1)).unwrap();
        flock(&writer, FlockOperation::LockExclusive).unwrap();
        writer.set_modified(old).unwrap();
        File::options().write(true).open(path(2)).unwrap().set_modified(old).unwrap();
        let temporary = Temporary::beside(&directory, target).unwrap();
        assert_eq!(temporary.name, temporary_name(target, 2));
        assert_eq!(std::fs::read(path(2)).unwrap(), b"");
        assert!(path(0).exists() && path(1).exists());
        drop(temporary);
        assert!(!path(2).exists());
    }

    #[test]
    fn names_run_out_with_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let directory = OwnedFd::from(File::open(folder.path()).unwrap());
        let all: Vec<_> = (0..NAMES_MAX).map(|_| Temporary::beside(&directory, OsStr::new("a")).unwrap()).collect();
        assert!(Temporary::beside(&directory, OsStr::new("a")).err().unwrap().to_string().contains("in progress"));
        drop(all);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
