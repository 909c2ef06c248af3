//! The home folders: one for real executions, and inside it one for rehearsals.

use std::{
    fs::FileType,
    os::unix::fs::{DirBuilderExt, FileTypeExt},
    path::{Path, PathBuf},
};

use engine::store::{lacks_room, refuse_shared};

use crate::{
    exit::{CliError, no_room},
    global::Global,
    person,
    shell::quote_word,
};

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
    /// None of these is set, or it cannot be a home.
    pub fn real(global: &Global) -> Result<Self, CliError> {
        let state = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let user = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let folder = global.home.clone().or_else(|| state().or_else(user).map(|folder| folder.join("flow")));
        let folder =
            folder.ok_or_else(|| CliError::refused("no home for executions is known: set --home or FLOW_HOME"))?;
        Home::checked(std::path::absolute(folder)?, false)
    }

    /// The home of rehearsals.
    ///
    /// # Errors
    /// As [`Home::real`].
    pub fn rehearsals(global: &Global) -> Result<Self, CliError> {
        let real = Home::real(global)?;
        Home::checked(real.folder.join("rehearsal"), true)
    }

    /// Creates the folder if it does not exist, with access for its owner only.
    ///
    /// # Errors
    /// It cannot be created. The message names the folder and what the system refused, the hint a folder that works.
    pub fn make(&self) -> Result<(), CliError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| self.refuse_file().err().unwrap_or_else(|| self.unusable("created", &error)))
    }

    /// The error of a home that the system refuses to create or to read.
    fn unusable(&self, what: &str, error: &std::io::Error) -> CliError {
        let reason = reason(error);
        let folder = self.real_folder();
        let message = format!("the home {} cannot be {what}: {reason}", folder.display());
        if lacks_room(error.kind()) {
            return no_room(message, error.kind());
        }
        let default = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state/flow"));
        let other = match default.filter(|default| default != folder && default.is_absolute()) {
            Some(default) => quote_word(&default.display().to_string()),
            None => "\"$(mktemp -d)\"".to_owned(),
        };
        CliError::refused(message).hint(format!(
            "name another folder with --home, or with   export FLOW_HOME={other}   and repeat the command"
        ))
    }

    /// The error of a home whose lock this process cannot take.
    pub fn not_locked(&self, error: std::io::Error) -> CliError {
        match error.kind() {
            kind if lacks_room(kind) => no_room(reason(&error), kind),
            std::io::ErrorKind::ReadOnlyFilesystem => self.read_only(reason(&error)),
            _ => error.into(),
        }
    }

    /// The error of a home, or of its store, on a file system that is read only.
    pub fn read_only(&self, message: impl Into<String>) -> CliError {
        let folder = quote_word(&self.real_folder().display().to_string());
        CliError::refused(message).hint(format!(
            "every command needs the lock of the home: make the file system writable, then repeat the command. To read a copy:   \
             copy=\"$(mktemp -d)/home\"; cp -r {folder} \"$copy\"   and then the command with   --home \"$copy\"   at its end. \
             Do not resume an execution in the copy: the home does not know of those calls and makes them again"
        ))
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
    /// The folder belongs to another user, others may write to it, it cannot be read, or it is not a folder.
    pub fn has_store(&self) -> Result<bool, CliError> {
        match std::fs::metadata(self.store()) {
            Ok(_) => self.refuse_shared().map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.refuse_shared().map(|()| false),
            // The owner of a folder may read it; nobody can use a path that the system does not accept.
            Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => {
                self.refuse_file()?;
                Err(self.unusable("read", &error))
            }
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

    /// Refuses an existing folder of another user, or one that others may write to, as the lock of the store does.
    ///
    /// # Errors
    /// The folder is such a folder. The message has a hint.
    pub fn refuse_shared(&self) -> Result<(), CliError> {
        match refuse_shared(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The home with this folder.
    ///
    /// # Errors
    /// The folder cannot be a home: see [`Home::refuse_file`] and [`Home::refuse_misplaced`].
    fn checked(folder: PathBuf, rehearsal: bool) -> Result<Self, CliError> {
        let home = Home { folder, rehearsal };
        home.refuse_file()?;
        home.refuse_misplaced()?;
        Ok(home)
    }

    /// Refuses a home whose path names a file or a link to nothing, or a folder inside a file.
    ///
    /// # Errors
    /// It does. The message names the file.
    pub fn refuse_file(&self) -> Result<(), CliError> {
        let existing = self.folder.ancestors().find(|path| path.symlink_metadata().is_ok());
        let Some(file) = existing.filter(|path| !path.is_dir()) else { return Ok(()) };
        let shown = file.display();
        let message = match file.exists() {
            true => format!("the home is a folder, and {shown} is a file"),
            false => format!("the home is a folder, and {shown} is a symbolic link to nothing: remove the link"),
        };
        Err(CliError::refused(message)
            .hint("name a folder with --home or FLOW_HOME; it is created if it does not exist"))
    }

    /// Refuses a home in which something else has the name of the lock, the socket or the store.
    ///
    /// # Errors
    /// It has. The message names it.
    fn refuse_misplaced(&self) -> Result<(), CliError> {
        type Test = fn(&FileType) -> bool;
        let entries: [(PathBuf, &str, Test); 3] = [
            (self.folder.join("owner.lock"), "file with its lock", |found| found.is_file()),
            (self.socket(), "socket", |found| found.is_socket()),
            (self.store(), "folder of its store", |found| found.is_dir()),
        ];
        for (path, what, is_right) in entries {
            // What cannot be read is reported where it is used.
            let Ok(found) = path.symlink_metadata() else { continue };
            // The folder of the store may be on another disk.
            let is_linked_store = found.is_symlink() && path == self.store() && path.is_dir();
            if is_right(&found.file_type()) || is_linked_store {
                continue;
            }
            let message = format!(
                "{} is {}, and this is the path of the {what}: nothing was changed",
                path.display(),
                described(&found.file_type())
            );
            return Err(CliError::refused(message).hint("move it away, or name another home with --home or FLOW_HOME"));
        }
        Ok(())
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

/// The text of an error without the system's number, which does not help a person.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The type of a directory entry, in words.
fn described(file_type: &FileType) -> &'static str {
    if file_type.is_symlink() {
        "a symbolic link"
    } else if file_type.is_dir() {
        "a folder"
    } else if file_type.is_file() {
        "a file"
    } else {
        "a special file"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn refused(folder: &Path) -> String {
        let error = Home::checked(folder.to_owned(), false).unwrap_err();
        assert_eq!(error.exit, crate::exit::Exit::Refused);
        assert!(error.hint.is_some_and(|hint| hint.contains("--home")));
        error.message
    }

    #[test]
    fn a_home_that_is_no_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        symlink(folder.path().join("nothing"), &link).unwrap();
        assert!(refused(&file).contains("file is a file"));
        assert!(refused(&file.join("inner")).contains("file is a file"));
        assert!(refused(&link).contains("link is a symbolic link to nothing"));
        assert!(Home::checked(folder.path().join("new"), false).is_ok());
    }

    #[test]
    fn a_home_that_the_system_refuses_is_named_with_one_that_works() {
        let folder = tempfile::tempdir().unwrap();
        let long = Home::checked(folder.path().join("n".repeat(300)), false).unwrap();
        for error in [long.make().unwrap_err(), long.has_store().unwrap_err()] {
            let (message, hint) = (error.message, error.hint.unwrap_or_default());
            assert_eq!(error.exit, crate::exit::Exit::Refused);
            assert!(message.contains("nnn cannot be ") && message.ends_with(": File name too long"), "{message}");
            assert!(hint.contains("   export FLOW_HOME=") && !hint.contains("sudo"), "{hint}");
        }
        let process = Home::checked("/proc/1/x".into(), false).unwrap().make().unwrap_err();
        assert!(process.message.starts_with("the home /proc/1/x cannot be created: "), "{}", process.message);
        assert!(!process.message.contains("os error"), "{}", process.message);
    }

    #[test]
    fn a_lock_that_cannot_be_written_says_why_and_what_works() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::checked(folder.path().join("a b"), false).unwrap();
        let refused = |kind: std::io::ErrorKind| home.not_locked(std::io::Error::new(kind, "the reason"));
        for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded] {
            let error = refused(kind);
            assert_eq!((error.exit, error.message.as_str()), (crate::exit::Exit::Failed, "the reason"));
            let hint = error.hint.unwrap();
            assert!(hint.contains("make room") && hint.ends_with("then repeat the command"), "{hint}");
        }
        let error = refused(std::io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(error.exit, crate::exit::Exit::Refused);
        let copied = format!("cp -r '{}' \"$copy\" ", home.folder().display());
        assert!(error.hint.as_ref().is_some_and(|hint| hint.contains(&copied)), "{:?}", error.hint);
        assert_eq!(refused(std::io::ErrorKind::PermissionDenied).hint, None);
    }

    #[test]
    fn a_home_in_which_something_else_has_a_name_of_flow_is_refused() {
        type Make = fn(&Path);
        let entries: [(&str, Make, &str); 6] = [
            (
                "owner.lock",
                |path| std::fs::create_dir(path).unwrap(),
                "is a folder, and this is the path of the file with its lock",
            ),
            ("owner.lock", |path| symlink("elsewhere", path).unwrap(), "is a symbolic link"),
            ("flow.sock", |path| std::fs::create_dir(path).unwrap(), "is a folder, and this is the path of the socket"),
            ("flow.sock", |path| std::fs::write(path, "").unwrap(), "is a file, and this is the path of the socket"),
            (
                "store",
                |path| std::fs::write(path, "").unwrap(),
                "is a file, and this is the path of the folder of its store",
            ),
            ("store", |path| symlink("nothing", path).unwrap(), "is a symbolic link"),
        ];
        for (name, create, words) in entries {
            let folder = tempfile::tempdir().unwrap();
            create(&folder.path().join(name));
            let message = refused(folder.path());
            assert!(message.contains(name) && message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_home_that_others_may_write_to_is_refused_also_without_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let set_mode = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let home = Home::checked(folder.path().to_owned(), false).unwrap();
        set_mode(0o755);
        assert!(!home.has_store().unwrap(), "others may read it");
        set_mode(0o777);
        let error = home.has_store().unwrap_err();
        assert_eq!(error.exit, crate::exit::Exit::Refused);
        assert!(error.message.contains("may be written by other users (mode 777): run chmod 700"), "{}", error.message);
        std::fs::create_dir(home.store()).unwrap();
        assert_eq!(home.has_store().unwrap_err().message, error.message);
        set_mode(0o700);
        assert!(home.has_store().unwrap());
    }

    #[test]
    fn a_store_on_another_disk_may_be_linked() {
        let (folder, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(disk.path(), folder.path().join("store")).unwrap();
        assert!(Home::checked(folder.path().to_owned(), false).is_ok());
    }
}
