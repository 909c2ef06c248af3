//! The servers that the operator of this machine allows in the file that `FLOW_SSH_HOSTS` names.

use std::{
    collections::BTreeMap,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use engine::step::{ErrorClass, StepError};
use russh::keys::{PublicKey, known_hosts::check_known_hosts_path, parse_public_key_base64};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{local_error_names::SSH_HOST_KEY_REFUSED, local_settings::SSH_HOSTS, regular_file::refuse_other_than_file};

/// The largest file of hosts, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file with one host.
const EXAMPLE: &str =
    r#"{ "web": { "host": "web.example.com", "user": "deploy", "privateKeyFile": "/home/you/.ssh/id_ed25519" } }"#;

/// A server, and the login to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SshHost {
    /// A name or an address.
    pub host: String,
    #[serde(default = "port")]
    pub port: u16,
    pub user: String,
    /// A private key without a passphrase.
    pub private_key_file: PathBuf,
    /// The host key, as OpenSSH writes it: `ssh-ed25519 AAAA…`.
    #[serde(default, deserialize_with = "pinned_key")]
    host_key: Option<PublicKey>,
    /// The file with the host key if none is pinned; default `~/.ssh/known_hosts`.
    #[serde(default)]
    known_hosts_file: Option<PathBuf>,
}

fn port() -> u16 {
    22
}

/// Reads a pinned host key with the file, so that a mistake in it is found at the start of a run, not when the step runs.
fn pinned_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PublicKey>, D::Error> {
    let Some(written) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let base64 = written.split_whitespace().nth(1).unwrap_or(&written);
    let key = parse_public_key_base64(base64).map_err(|error| {
        D::Error::custom(format!(
            "hostKey is no public key ({error}): copy the first two words of /etc/ssh/ssh_host_ed25519_key.pub of the host"
        ))
    })?;
    Ok(Some(key))
}

fn refuse(cause: String) -> StepError {
    StepError::new(ErrorClass::Permission, cause)
}

/// The hosts that a file declares.
///
/// # Errors
/// The file cannot be read, others may write it, or its format is wrong.
pub(super) fn declared_hosts(file: &Path) -> Result<BTreeMap<String, SshHost>, StepError> {
    let shown = file.display();
    let unreadable =
        |error: std::io::Error| refuse(format!("{shown}, the file of {SSH_HOSTS}, cannot be read: {error}"));
    // Opening a named pipe would wait for its writer.
    refuse_other_than_file(file).map_err(unreadable)?;
    let open = std::fs::File::open(file).map_err(unreadable)?;
    if open.metadata().map_err(unreadable)?.permissions().mode() & 0o022 != 0 {
        return Err(refuse(format!(
            "other users may write {shown}, the file of {SSH_HOSTS}, which says where programs run: chmod 600 {shown}"
        )));
    }
    let mut text = String::new();
    open.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(|error| {
        let hint = format!("An example of the format: {EXAMPLE}");
        refuse(format!("{shown} cannot be read: {error}")).hint(hint)
    })
}

impl SshHost {
    /// Finds a host in the file, for an execution that the hint proposes to resume.
    ///
    /// # Errors
    /// There is no file, others may write it, or it has no such host.
    pub fn find(file: Option<&Path>, name: &str, execution: &str) -> Result<Self, StepError> {
        let host = EXAMPLE.replacen("web", name, 1);
        let file = file.ok_or_else(|| {
            refuse(format!("the SSH host '{name}' is not known: {SSH_HOSTS} names no file")).hint(format!(
                "To allow it, write a file with mode 600, such as {host}, then   {SSH_HOSTS}=FILE flow resume {execution}"
            ))
        })?;
        let (shown, mut hosts) = (file.display(), declared_hosts(file)?);
        let names: Vec<String> = hosts.keys().cloned().collect();
        hosts.remove(name).ok_or_else(|| {
            refuse(format!("{shown} has no host '{name}'; it has {}", names.join(", ")))
                .hint(format!("To allow it, add {host} to {shown}, the file of {SSH_HOSTS}."))
        })
    }

    /// Verifies that a key is the host's.
    ///
    /// # Errors
    /// It is not, or no host key is known. The message contains the key for comparison.
    pub fn check(&self, key: &PublicKey) -> Result<(), StepError> {
        let fingerprint = key.fingerprint(Default::default());
        let refuse = |reason: String| {
            let written = key.to_openssh().unwrap_or_default();
            let hint = format!(
                "Compare the key on the host itself. If it is right, pin it in the file of {SSH_HOSTS}: \"hostKey\": \"{written}\""
            );
            let cause = format!("{} has the host key {fingerprint}: {reason}", self.host);
            Err(StepError::named(SSH_HOST_KEY_REFUSED, cause).hint(hint))
        };
        if let Some(pinned) = &self.host_key {
            return match pinned.key_data() == key.key_data() {
                true => Ok(()),
                false => refuse("the pinned key is another one".to_owned()),
            };
        }
        let Some(file) = self.known_hosts() else {
            return refuse("no key is pinned, and without HOME there is no known_hosts file".to_owned());
        };
        if let Err(error) = refuse_other_than_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return refuse(format!("{}: {error}", file.display()));
        }
        match check_known_hosts_path(&self.host, self.port, key, &file) {
            Ok(true) => Ok(()),
            Ok(false) => refuse(format!("it is not in {}", file.display())),
            Err(error) => refuse(format!("{}: {error}", file.display())),
        }
    }

    fn known_hosts(&self) -> Option<PathBuf> {
        let home = || Some(Path::new(&std::env::var_os("HOME")?).join(".ssh/known_hosts"));
        self.known_hosts_file.clone().or_else(home)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, fs::Permissions};

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_host_key_that_is_no_key_is_refused_with_the_file_and_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts.json");
        let declared = |key: Value| {
            let host = json!({ "host": "web.example.com", "user": "deploy", "privateKeyFile": "/k", "hostKey": key });
            fs::write(&file, format!("{:#}", json!({ "web": host }))).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            declared_hosts(&file)
        };
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIIfC5rkQhZ1l7w0aHuGLx3cUO3vzcCSxjyrYBGXy4uaR";
        for good in [json!(key), json!(format!("ssh-ed25519 {key}")), Value::Null] {
            assert!(declared(good.clone()).is_ok(), "{good}");
        }
        for wrong in ["", "ssh-ed25519", "ssh-ed25519 AAAA…", &key[..40]] {
            let refused = declared(json!(wrong)).unwrap_err().cause;
            for words in ["hosts.json", "hostKey is no public key", "ssh_host_ed25519_key.pub", " at line "] {
                assert!(refused.contains(words), "{words:?} is not in: {refused}");
            }
        }
    }
}
