//! The store's Unix socket. The system takes addresses of at most 107 bytes: a longer path is reached through its open folder.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

/// The longest path that fits an address (unix(7), `sun_path`).
const PATH_BYTES_MAX: usize = 107;

/// A path that fits, and the open folder that it depends on.
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
/// Nobody listens.
pub async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let address = address(socket)?;
    UnixStream::connect(&address.path).await
}

/// Listens as the owner of a store, for processes of the same user only.
///
/// # Errors
/// The socket cannot be made.
pub fn listen(socket: &Path) -> io::Result<UnixListener> {
    // The caller holds the owner's lock: a socket found there is one that a process left that has ended.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&address(socket)?.path)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
