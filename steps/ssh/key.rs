//! SSH keys on this machine.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use rand::RngCore;
use russh::keys::{
    PrivateKey, PublicKey,
    ssh_key::{HashAlg, LineEnding, private::Ed25519Keypair},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_file::{read_key_file, read_private_key};
use crate::{Environment, environment::default_keys_directory, planned::KNOWN_AFTER_APPLY};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ssh:generateKey",
        "Creates an Ed25519 key in a file that only this user can read, or uses the existing one.",
        [],
        generate_key
    );
    step!(
        registry,
        environment,
        "ssh:readPublicKey",
        "Reads a public key file, and finds the private key beside it.",
        [],
        read_public_key
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenerateKey {
    deployment: String,
    /// Names the file too.
    key_name: String,
    /// The public key that EC2 has already. The private key is needed only to create it: another user or machine goes without.
    #[serde(default)]
    existing_public_key: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GeneratedKey {
    /// In OpenSSH's format, such as `ssh-ed25519 AAAA…`.
    public_key: String,
    /// None where EC2 has the key pair and this machine does not have its private key.
    private_key_file: Option<String>,
    /// Why this user cannot log in, and what to do.
    notes: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadPublicKey {
    public_key_file: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReadKey {
    /// In OpenSSH's format, such as `ssh-ed25519 AAAA…`.
    public_key: String,
    /// None when there is no private key beside the public one.
    private_key_file: Option<String>,
}

async fn generate_key(
    environment: Arc<Environment>,
    _context: StepContext,
    input: GenerateKey,
) -> StepResult<GeneratedKey> {
    let name = format!("{}.pem", file_name(&input.key_name));
    if let Some(public_key) = input.existing_public_key {
        let (private_key_file, notes) = match kept_key(&environment, &name, &public_key) {
            Ok(file) => (Some(file.display().to_string()), Vec::new()),
            Err(note) => (None, vec![note]),
        };
        return Ok(Answer::done(GeneratedKey { public_key, private_key_file, notes }));
    }
    let file = environment.keys_directory().join(name);
    let comment = format!("{} of {}", input.key_name, input.deployment);
    let key = match read_private_key(&file) {
        Ok(key) => key,
        Err(_) if !file.exists() && environment.is_planning() => {
            let private_key_file = Some(file.display().to_string());
            let public_key = KNOWN_AFTER_APPLY.to_owned();
            return Ok(Answer::done(GeneratedKey { public_key, private_key_file, notes: Vec::new() }));
        }
        Err(_) if !file.exists() => {
            let key = new_key(&comment)?;
            keep(&key, &file)?
        }
        Err(error) => {
            return Err(invalid(format!("{} cannot be read as a private key: {error}", file.display()))
                .hint("Move the file away to have a new key made."));
        }
    };
    let public_key = in_openssh_format(key.public_key())?;
    let private_key_file = Some(file.display().to_string());
    Ok(Answer::done(GeneratedKey { public_key, private_key_file, notes: Vec::new() }))
}

/// The file with the private key of `public_key`, in this home's folder of keys or in that of earlier versions. The error
/// is the note for a user who does not have it: neither the file nor the key pair is replaced.
fn kept_key(environment: &Environment, name: &str, public_key: &str) -> Result<PathBuf, String> {
    let wanted = PublicKey::from_openssh(public_key.trim()).ok();
    let wanted_fingerprint =
        wanted.as_ref().map_or_else(|| "unknown".to_owned(), |key| key.fingerprint(HashAlg::Sha256).to_string());
    let folders = [environment.keys_directory().to_owned(), default_keys_directory()];
    let mut other = None;
    for file in folders.iter().map(|folder| folder.join(name)) {
        let Ok(key) = read_private_key(&file) else { continue };
        if wanted.as_ref().is_some_and(|wanted| wanted.key_data() == key.public_key().key_data()) {
            return Ok(file);
        }
        other = other.or_else(|| Some((file, key.public_key().fingerprint(HashAlg::Sha256).to_string())));
    }
    Err(match other {
        Some((file, fingerprint)) => format!(
            "This user cannot log in to the bastion: {} has the key {fingerprint}, and the key pair in EC2 is {wanted_fingerprint}. Neither \
             is replaced. Copy the private key from the user who made the first run, or replace bastion and key pair: a run with \
             bastion.enabled=false, then one with true.",
            file.display()
        ),
        None => format!(
            "This user cannot log in to the bastion: its private key, {name} ({wanted_fingerprint}), is not in this home's folder of keys, {}. \
             Copy it from the user who made the first run.",
            environment.keys_directory().display()
        ),
    })
}

fn new_key(comment: &str) -> Result<PrivateKey, StepError> {
    let mut seed = [0_u8; 32];
    rand::rng().fill_bytes(&mut seed);
    let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    seed.fill(0);
    key.set_comment(comment);
    Ok(key)
}

/// Writes the key unless the file exists. If another process wrote it first, returns that key.
fn keep(key: &PrivateKey, file: &Path) -> Result<PrivateKey, StepError> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        invalid(format!("{} cannot be {what}: {error}", file.display()))
            .hint("The folder of keys must be writable for this user.")
    };
    let text = key.to_openssh(LineEnding::LF).map_err(|error| cannot("encoded", &error))?;
    let directory = file.parent().unwrap_or(Path::new("."));
    create_private_directory(directory).map_err(|error| cannot("written", &error))?;
    // Written under another name first, so that a crash never leaves a partial key under the final name.
    let unfinished = directory.join(format!(".{}.{}", std::process::id(), file_name(&file.display().to_string())));
    let written = write_private_file(&unfinished, text.as_bytes()).and_then(|()| std::fs::hard_link(&unfinished, file));
    let removed = std::fs::remove_file(&unfinished);
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && file.exists() => {}
        Err(error) => return Err(cannot("written", &error)),
    }
    removed.map_err(|error| cannot("tidied up", &error))?;
    read_private_key(file).map_err(|error| cannot("read back", &error))
}

#[cfg(unix)]
fn create_private_directory(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_private_directory(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)
}

fn write_private_file(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(file)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Replaces every character of a name that could lead out of the folder.
fn file_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    name.trim_start_matches('.').to_owned()
}

async fn read_public_key(
    _environment: Arc<Environment>,
    _context: StepContext,
    input: ReadPublicKey,
) -> StepResult<ReadKey> {
    let file = expanded(&input.public_key_file);
    let text = read_key_file(&file)
        .map_err(|error| invalid(format!("public key file {} cannot be read: {error}", file.display())))?;
    if text.contains("PRIVATE KEY") {
        return Err(invalid(format!("{} is a private key; name the public one, which ends in .pub", file.display())));
    }
    let key = PublicKey::from_openssh(text.trim())
        .map_err(|error| invalid(format!("{} is no public key in OpenSSH's format: {error}", file.display())))?;
    let private = file.with_extension("");
    let has_private = file.extension().is_some_and(|extension| extension == "pub") && private.is_file();
    let private_key_file = has_private.then(|| private.display().to_string());
    Ok(Answer::done(ReadKey { public_key: in_openssh_format(&key)?, private_key_file }))
}

fn in_openssh_format(key: &PublicKey) -> Result<String, StepError> {
    key.to_openssh().map_err(|error| invalid(format!("the public key cannot be encoded: {error}")))
}

fn expanded(file: &str) -> PathBuf {
    match (file.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(file),
    }
}

fn invalid(cause: String) -> StepError {
    StepError::new(ErrorClass::Invalid, cause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_kept_key_is_never_replaced_and_nobody_else_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keys").join("demo.pem");
        let first = keep(&new_key("one").unwrap(), &file).unwrap();
        let second = keep(&new_key("two").unwrap(), &file).unwrap();
        assert_eq!(first.public_key().key_data(), second.public_key().key_data());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[tokio::test]
    async fn another_machine_goes_without_the_private_key_and_makes_no_second_one() {
        let directory = tempfile::tempdir().unwrap();
        let server = crate::test_server::TestServer::start((200, "", "")).await;
        let environment =
            || Arc::new(crate::test_server::environment(&server).with_keys_directory(directory.path().join("keys")));
        let input = |existing: Option<String>| GenerateKey {
            deployment: "demo".into(),
            key_name: "demo-bastion".into(),
            existing_public_key: existing,
        };
        let run = async |existing| match generate_key(environment(), StepContext::for_test(""), input(existing)).await {
            Ok(Answer::Done(done)) => done.output,
            other => panic!("{other:?}"),
        };
        let elsewhere = in_openssh_format(new_key("elsewhere").unwrap().public_key()).unwrap();
        let without = run(Some(elsewhere.clone())).await;
        assert_eq!((without.public_key, without.private_key_file), (elsewhere.clone(), None));
        assert!(without.notes[0].contains("demo-bastion.pem (SHA256:"), "{:?}", without.notes);
        assert!(!directory.path().join("keys").exists(), "no key was made");
        let made = run(None).await;
        let again = run(Some(made.public_key.clone())).await;
        assert_eq!(again.private_key_file, made.private_key_file);
        assert!(made.private_key_file.is_some() && again.notes.is_empty());
        let file = made.private_key_file.unwrap();
        let before = std::fs::read_to_string(&file).unwrap();
        let other = run(Some(elsewhere)).await;
        assert_eq!(other.private_key_file, None);
        assert!(other.notes[0].contains(&file) && other.notes[0].contains("Neither is replaced"), "{:?}", other.notes);
        assert_eq!(other.notes[0].matches("SHA256:").count(), 2, "both fingerprints: {:?}", other.notes);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    }

    #[test]
    fn a_key_name_cannot_lead_out_of_the_folder() {
        assert_eq!(file_name("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(file_name("demo bastion"), "demo-bastion");
    }
}
