//! Where executions live: the home of real ones, and the home of rehearsals within it.

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{arguments::Global, exit::CliError};

/// What the ids of rehearsals begin with.
pub const REHEARSAL_PREFIX: &str = "rehearsal-";

/// A home folder: a store, its lock, its socket, its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    home: PathBuf,
    /// Whether this is the home of rehearsals.
    pub rehearsal: bool,
}

impl Place {
    /// The home of real executions: `--home`, else `FLOW_HOME`, else `$XDG_STATE_HOME/flow`, else `~/.local/state/flow`.
    ///
    /// # Errors
    /// None of these is set.
    pub fn real(global: &Global) -> Result<Self, CliError> {
        let state = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let user = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let home = global.home.clone().or_else(|| state().or_else(user).map(|folder| folder.join("flow")));
        let home = home.ok_or_else(|| CliError::refused("no home for executions: set --home or FLOW_HOME"))?;
        Ok(Place { home, rehearsal: false })
    }

    /// The home of rehearsals.
    ///
    /// # Errors
    /// As [`Place::real`].
    pub fn rehearsals(global: &Global) -> Result<Self, CliError> {
        let real = Place::real(global)?;
        Ok(Place { home: real.home.join("rehearsal"), rehearsal: true })
    }

    /// Makes the folder where it is missing, for its owner alone.
    ///
    /// # Errors
    /// The system's.
    pub fn make(&self) -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.home)
    }

    /// The folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// The owner's socket.
    pub fn socket(&self) -> PathBuf {
        self.home.join("flow.sock")
    }

    /// Where generated SSH keys are kept.
    pub fn keys(&self) -> PathBuf {
        self.home.join("keys")
    }

    /// Where what can be made again is kept.
    pub fn cache() -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let user = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        cache.or_else(user).unwrap_or_else(std::env::temp_dir).join("flow")
    }
}
