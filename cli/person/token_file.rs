//! Files that hold a token, which only their owner may read, and environment variables that hold a secret.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::exit::CliError;

/// The longest token file, in bytes.
const BYTES_MAX: u64 = 4_096;

/// Reads the token of a file that `--token-file` names.
///
/// # Errors
/// The file cannot be read, is open to others, or is empty.
pub fn read(file: &Path) -> Result<String, CliError> {
    let refused = |what: &str| CliError::refused(format!("--token-file {}: {what}", file.display()));
    let mut text = String::new();
    // A folder or a device has no mode to correct, and opening a pipe would wait for a writer. `<(command)` is a pipe that has one.
    let kind = std::fs::metadata(file).map_err(|error| refused(&error.to_string()))?.file_type();
    let is_substitution = kind.is_fifo() && file.starts_with("/dev/fd");
    if !kind.is_file() && !is_substitution {
        return Err(refused("it is no regular file").hint("flow approvals --new-token FILE   writes one"));
    }
    let opened = File::open(file).map_err(|error| refused(&error.to_string()))?;
    let mode = opened.metadata().map_err(|error| refused(&error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 && !is_substitution {
        let hint = format!("chmod 600 {}", file.display());
        return Err(refused(&format!("it is open to others (mode {:o})", mode & 0o777)).hint(hint));
    }
    opened.take(BYTES_MAX).read_to_string(&mut text).map_err(|error| refused(&error.to_string()))?;
    match text.trim() {
        "" => Err(refused("it holds no token")),
        token => Ok(token.to_owned()),
    }
}

/// The secret in an environment variable. White space around it is no part of it, as in a file. A variable without more counts as
/// unset.
///
/// # Errors
/// No header of a request can have it.
pub fn of_variable(name: &str) -> Result<Option<String>, CliError> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    let secret = value.to_str().map(of_text);
    let secret =
        secret.ok_or_else(|| CliError::refused(format!("{name} is not UTF-8")).hint(format!("set {name} again")))?;
    secret.map(|secret| for_header(name, secret)).transpose()
}

fn of_text(text: &str) -> Option<String> {
    Some(text.trim()).filter(|secret| !secret.is_empty()).map(str::to_owned)
}

/// A secret that the header of a request can have. `source` is where it was read.
///
/// # Errors
/// It has a line break or another control character.
pub fn for_header(source: &str, secret: String) -> Result<String, CliError> {
    let problem = match secret.chars().find(|c| c.is_control() && *c != '\t') {
        None => return Ok(secret),
        Some('\n' | '\r') => "a line break",
        Some(_) => "a control character",
    };
    let message = format!("{source} has {problem} within it, which no request can send");
    Err(CliError::refused(message).hint("it must be one line of text"))
}

/// Writes a new random token to a file that does not exist, and returns the token.
///
/// # Errors
/// The file exists or cannot be written.
pub fn write_new(file: &Path) -> Result<String, CliError> {
    let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    let refused = |error: std::io::Error| CliError::refused(format!("{}: {error}", file.display()));
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut written = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::refused(format!("{} exists: a token is never overwritten", file.display()))
                .hint("choose another name")
        }
        _ => refused(error),
    })?;
    writeln!(written, "{token}").map_err(refused)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_secret_of_white_space_counts_as_unset() {
        assert_eq!((of_text(""), of_text(" \n\t")), (None, None));
        assert_eq!(of_text(" secret\n").as_deref(), Some("secret"));
    }

    #[test]
    fn a_secret_that_no_header_can_have_is_refused_and_not_shown() {
        for (secret, problem) in [("a\nb", "a line break"), ("a\rb", "a line break"), ("a\x1bb", "a control character")]
        {
            let refused = for_header("FLOW_TOKEN", secret.to_owned()).unwrap_err();
            assert_eq!(refused.message, format!("FLOW_TOKEN has {problem} within it, which no request can send"));
        }
        for secret in ["two words", "a\tb", "gr\u{fc}n"] {
            assert_eq!(for_header("FLOW_TOKEN", secret.to_owned()).unwrap(), secret);
        }
    }

    #[test]
    fn a_new_token_is_readable_by_its_owner_only_and_replaces_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("on-call.token");
        let token = write_new(&file).unwrap();
        assert_eq!((token.len(), read(&file).unwrap()), (64, token.clone()));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_new(&file).unwrap_err().message.contains("never overwritten"));
        for other in ["/dev/null", "/"] {
            let refused = read(Path::new(other)).unwrap_err();
            assert!(refused.message.contains("no regular file"), "{}", refused.message);
        }
        assert_eq!(read(&file).unwrap(), token, "the file is as it was");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&file).unwrap_err().hint.unwrap(), format!("chmod 600 {}", file.display()));
    }
}
