//! A folder whose files are reached without leaving it, whatever links it contains.

use std::{
    fs::File,
    io::{Error, Result},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fstat, fsync, mkdirat, openat},
    io::Errno,
};

/// The number of times that a path is resolved again after it was renamed meanwhile.
const RESOLUTIONS_MAX: usize = 32;
/// Opens a folder to access its content.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Locates a file without opening it: a device may act when it is opened.
#[cfg(target_os = "linux")]
const FIND: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FIND: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The folder that the operator names.
pub(super) struct Folder(OwnedFd);

/// The object that a path refers to.
pub(super) enum Existing {
    RegularFile,
    Nothing,
    /// A folder, a device, a named pipe, a socket.
    Other,
}

impl Folder {
    /// Opens the operator's folder. Its own path may contain links.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Folder(openat(CWD, path, DIRECTORY, Mode::empty())?))
    }

    /// Opens a regular file for reading. Does not wait for the writer of a named pipe.
    ///
    /// # Errors
    /// Errno XDEV if the path leads out of the folder, NOSYS if the kernel cannot check that.
    pub fn open_regular(&self, relative: &Path) -> Result<File> {
        match self.existing(relative)? {
            Existing::RegularFile => {}
            Existing::Nothing => return Err(Errno::NOENT.into()),
            Existing::Other => return Err(super::not_regular()),
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = self.reach(relative, flags)?;
        // Another file may have replaced it meanwhile.
        if file_type(&file)? != FileType::RegularFile {
            return Err(super::not_regular());
        }
        Ok(File::from(file))
    }

    /// The object that the path refers to, through links inside the folder.
    ///
    /// # Errors
    /// As [`Folder::open_regular`].
    pub fn existing(&self, relative: &Path) -> Result<Existing> {
        match self.reach(relative, FIND) {
            Ok(found) => Ok(match file_type(&found)? {
                FileType::RegularFile => Existing::RegularFile,
                _ => Existing::Other,
            }),
            Err(Errno::NOENT) => Ok(Existing::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// The parent folder of a path. Creates it durably if it does not exist.
    ///
    /// # Errors
    /// As [`Folder::open_regular`].
    pub fn make_parent(&self, relative: &Path) -> Result<OwnedFd> {
        let mut parent = self.0.try_clone()?;
        let mut path = PathBuf::new();
        for name in relative.parent().unwrap_or(Path::new("")).iter() {
            path.push(name);
            // Resolved from the operator's folder each time: a link may lead to another folder inside it.
            let next = match self.reach(&path, DIRECTORY) {
                Err(Errno::NOENT) => {
                    match mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
                        // Another writer has created it.
                        Ok(()) | Err(Errno::EXIST) => fsync(&parent)?,
                        Err(error) => return Err(error.into()),
                    }
                    self.reach(&path, DIRECTORY)?
                }
                found => found?,
            };
            parent = next;
        }
        Ok(parent)
    }

    #[cfg(target_os = "linux")]
    fn reach(&self, relative: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        use rustix::fs::{ResolveFlags, openat2};
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut result = Err(Errno::AGAIN);
        for _ in 0..RESOLUTIONS_MAX {
            result = openat2(&self.0, relative, flags, Mode::empty(), beneath);
            if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        result
    }

    #[cfg(not(target_os = "linux"))]
    fn reach(&self, _relative: &Path, _flags: OFlags) -> rustix::io::Result<OwnedFd> {
        Err(Errno::NOSYS)
    }
}

fn file_type(file: &impl AsFd) -> std::result::Result<FileType, Error> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode))
}
