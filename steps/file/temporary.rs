//! A file with a temporary name, which then replaces another file.
//!
//! The temporary names of a target are numbered, and creating the file reserves its name. So a writer finds the files that earlier writes
//! to the same target left in a crash, without listing the folder.

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

/// The most temporary files of one target.
const NAMES_MAX: u32 = 100;
/// The age from which an unlocked temporary file counts as left by a crash.
const ABANDONED_AGE: Duration = Duration::from_secs(3_600);
/// The number of bytes of the target's name in the temporary name: a name has at most 255.
const NAME_BYTES_MAX: usize = 200;

/// A temporary file. Dropping it deletes the file.
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

    /// Renames the file to its target durably: syncs the content first, then the name.
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

/// Creates and locks a file with this name; `None` if the name is in use.
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
    // The lock is for `remove_abandoned`. In a file system without locks only the file's age counts.
    let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
    Ok(Some(file))
}

/// Deletes a temporary file that is older than an hour and whose writer has ended. Returns whether it did.
fn remove_abandoned(folder: &OwnedFd, name: &OsStr) -> Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(true),
        // It is not a file of this program.
        Err(_) => return Ok(false),
    };
    let metadata = file.metadata()?;
    let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    if !metadata.is_file() || age.is_none_or(|age| age < ABANDONED_AGE) {
        return Ok(false);
    }
    // A writer holds the lock while it runs. Of two processes that delete the file, one gets the lock.
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
