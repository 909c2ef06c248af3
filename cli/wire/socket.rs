//! The store's Unix socket. The system limits addresses to 107 bytes: a longer path is reached through its open folder.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    net::{UnixListener, UnixStream},
    time::{Interval, MissedTickBehavior},
};

/// The longest path in an address (unix(7), `sun_path`).
const PATH_BYTES_MAX: usize = 107;

/// A path that fits, and the open folder that it needs.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

fn address(socket: &Path) -> io::Result<Address> {
    if socket.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok(Address { path: socket.to_owned(), _folder: None });
    }
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no file", socket.display())));
    };
    let folder = File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok(Address { path, _folder: Some(folder) })
}

/// Connects to the owner of a store.
///
/// # Errors
/// No process listens.
pub async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let address = address(socket)?;
    UnixStream::connect(&address.path).await
}

/// The interval at which an owner checks that its socket exists.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The socket of a store's owner, for processes of the same user only. It is created again if it is removed, for
/// instance by a program that cleans temporary folders, and is removed when this value is dropped.
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
    file: Option<FileId>,
    check: Interval,
}

/// A file's device and inode.
type FileId = (u64, u64);

impl Socket {
    /// Listens in a folder. The caller holds the owner's lock.
    ///
    /// # Errors
    /// The socket cannot be created.
    pub fn listen(path: &Path) -> io::Result<Self> {
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Socket { path: path.to_owned(), listener: bind(path)?, file: file_id(path), check })
    }

    fn remake_if_removed(&mut self) {
        if file_id(&self.path) == self.file {
            return;
        }
        // If the folder is gone too, the next check tries again.
        if let Ok(listener) = bind(&self.path) {
            (self.listener, self.file) = (listener, file_id(&self.path));
        }
    }
}

impl Listener for Socket {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (UnixStream, Self::Addr) {
        loop {
            tokio::select! {
                accepted = Listener::accept(&mut self.listener) => return accepted,
                _ = self.check.tick() => self.remake_if_removed(),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if file_id(&self.path) == self.file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    std::fs::symlink_metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // The caller holds the owner's lock, so an existing socket belongs to a process that has ended. Anything else is somebody's file.
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            let message = format!("{} is not a socket: move it away", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
    let listener = UnixListener::bind(&address(path)?.path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
