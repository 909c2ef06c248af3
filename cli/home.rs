//! The home folders: one for real executions, and inside it one for rehearsals.

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{exit::CliError, global::Global};

/// The prefix of rehearsals' ids.
pub const REHEARSAL_PREFIX: &str = "rehearsal-";

/// A home folder: a store, its lock, its socket, its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
    /// Whether this is the home of rehearsals.
    pub rehearsal: bool,
}

impl Home {
    /// The home of real executions: `--home`, else `FLOW_HOME`, else `$XDG_STATE_HOME/flow`, else `~/.local/state/flow`.
    ///
    /// # Errors
    /// None of these is set.
    pub fn real(global: &Global) -> Result<Self, CliError> {
        let state = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let user = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let folder = global.home.clone().or_else(|| state().or_else(user).map(|folder| folder.join("flow")));
        let folder = folder.ok_or_else(|| CliError::refused("no home for executions: set --home or FLOW_HOME"))?;
        Ok(Home { folder: std::path::absolute(folder)?, rehearsal: false })
    }

    /// The home of rehearsals.
    ///
    /// # Errors
    /// As [`Home::real`].
    pub fn rehearsals(global: &Global) -> Result<Self, CliError> {
        let real = Home::real(global)?;
        Ok(Home { folder: real.folder.join("rehearsal"), rehearsal: true })
    }

    /// Creates the folder if it does not exist, with access for its owner only.
    ///
    /// # Errors
    /// The system's.
    pub fn make(&self) -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }

    /// The folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Whether the home has a store.
    ///
    /// # Errors
    /// The folder cannot be read: it belongs to another user, or is not a folder.
    pub fn has_store(&self) -> Result<bool, CliError> {
        match std::fs::metadata(self.store()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(CliError::refused(format!("{} cannot be read: {error}", self.folder.display()))
                .hint("run it as the user whose it is, or give another --home")),
        }
    }

    /// The owner's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("flow.sock")
    }

    /// The folder of generated SSH keys.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// The folder of data that can be recreated.
    pub fn cache() -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let user = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        cache.or_else(user).unwrap_or_else(std::env::temp_dir).join("flow")
    }
}
