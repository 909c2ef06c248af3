//! The home folders: one for real executions, and inside it one for rehearsals.

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{exit::CliError, global::Global, person};

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

    /// The folder of the home of real executions, which `--home` names.
    pub fn real_folder(&self) -> &Path {
        self.folder.parent().filter(|_| self.rehearsal).unwrap_or(&self.folder)
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
            Err(error) => {
                self.refuse_file()?;
                let hint = match person::command_as_owner(self.real_folder()) {
                    Some(command) => format!("run it as the owner of the home:   {command}"),
                    None => "run it as the owner of the home, or give another --home".to_owned(),
                };
                Err(CliError::refused(format!("{} cannot be read: {error}", self.folder.display())).hint(hint))
            }
        }
    }

    /// Refuses a home whose path names a file, or a folder inside a file.
    ///
    /// # Errors
    /// It does. The message names the file.
    pub fn refuse_file(&self) -> Result<(), CliError> {
        let existing = self.folder.ancestors().find(|path| path.exists());
        let Some(file) = existing.filter(|path| !path.is_dir()) else { return Ok(()) };
        let message = format!("the home is a folder, and {} is a file", file.display());
        Err(CliError::refused(message)
            .hint("name a folder with --home or FLOW_HOME; it is created if it does not exist"))
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
