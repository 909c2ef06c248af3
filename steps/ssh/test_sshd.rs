//! OpenSSH's own server for tests, if it is installed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    net::TcpListener as StdListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use russh::keys::{
    PrivateKey, load_secret_key,
    ssh_key::{LineEnding, private::Ed25519Keypair},
};

/// A running server on a loopback port. Dropping it ends the server.
pub(super) struct Sshd {
    process: Child,
    pub port: u16,
    pub directory: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn sshd_program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"].iter().map(PathBuf::from).find(|path| path.exists())
}

pub(super) fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(super) fn write_key(file: &Path, seed: u8) -> PrivateKey {
    use std::os::unix::fs::PermissionsExt;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    fs::write(file, key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    key
}

impl Sshd {
    pub fn start(program: &Path, port: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        write_key(&path("host_key"), 1);
        write_key(&path("user_key"), 2);
        fs::write(path("authorized_keys"), "").unwrap();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             PerSourcePenalties no\n",
            path("host_key").display(),
            path("authorized_keys").display(),
        );
        // Older servers do not have the penalties option, and do not need it.
        let config = if Self::knows_penalties(program, &config, &path("sshd_config")) {
            config
        } else {
            config.replace("PerSourcePenalties no\n", "")
        };
        fs::write(path("sshd_config"), config).unwrap();
        // The server requires a folder that only its start script creates.
        let _ = fs::create_dir_all("/run/sshd");
        let process = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        Sshd { process, port, directory }
    }

    fn knows_penalties(program: &Path, config: &str, file: &Path) -> bool {
        fs::write(file, config).unwrap();
        let _ = fs::create_dir_all("/run/sshd");
        Command::new(program).args(["-t", "-f"]).arg(file).stderr(Stdio::null()).status().unwrap().success()
    }

    pub fn user_key_file(&self) -> String {
        self.directory.path().join("user_key").display().to_string()
    }

    pub fn authorize_the_user(&self) {
        let key = load_secret_key(self.user_key_file(), None).unwrap();
        let line = key.public_key().to_openssh().unwrap();
        fs::write(self.directory.path().join("authorized_keys"), format!("{line}\n")).unwrap();
    }

    /// Ends the processes of sessions, so that their connections are lost.
    pub fn end_sessions(&self) {
        let parent = self.process.id().to_string();
        let _ = Command::new("pkill").args(["-KILL", "-P", &parent]).status();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}
