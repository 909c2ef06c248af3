//! Against OpenSSH's own server where it is installed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    net::TcpListener as StdListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use russh::keys::ssh_key::{LineEnding, private::Ed25519Keypair};

use super::*;
use crate::test_server::addresses;

/// OpenSSH's server on a loopback port, ended with the test.
struct Sshd {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sshd_program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"].iter().map(PathBuf::from).find(|path| path.exists())
}

fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_key(file: &Path, seed: u8) -> PrivateKey {
    use std::os::unix::fs::PermissionsExt;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    fs::write(file, key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    key
}

impl Sshd {
    fn start(program: &Path, port: u16) -> Self {
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
        // Older servers do not know the penalties, and need no word to leave them out.
        let config = if Self::knows_penalties(program, &config, &path("sshd_config")) {
            config
        } else {
            config.replace("PerSourcePenalties no\n", "")
        };
        fs::write(path("sshd_config"), config).unwrap();
        // It insists on a folder that its start script makes elsewhere.
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

    fn user_key_file(&self) -> String {
        self.directory.path().join("user_key").display().to_string()
    }

    fn authorize_the_user(&self) {
        let key = load_secret_key(self.user_key_file(), None).unwrap();
        let line = key.public_key().to_openssh().unwrap();
        fs::write(self.directory.path().join("authorized_keys"), format!("{line}\n")).unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

async fn look_at(port: u16, key_file: Option<String>) -> Answer<LoggedIn> {
    let addresses = crate::RehearsalAddresses {
        ssh_server: SocketAddr::from(([127, 0, 0, 1], port)),
        ..addresses("http://127.0.0.1:9".to_owned())
    };
    let environment = Arc::new(Environment::for_rehearsal(addresses).unwrap());
    let input = WaitForLogin {
        host: "bastion.example.com".into(),
        port: None,
        user: current_user(),
        private_key_file: key_file,
    };
    wait_for_login(environment, StepContext::for_test("Wait until SSH lets us in"), input).await.unwrap()
}

fn reason(answer: &Answer<LoggedIn>) -> &str {
    match answer {
        Answer::Pending(pending) => &pending.reason,
        Answer::Done(done) => panic!("{:?}", done.output),
    }
}

#[tokio::test]
async fn ssh_is_waited_for_until_openssh_lets_the_user_in() {
    let Some(program) = sshd_program() else {
        println!("skipped: OpenSSH's server is not installed on this machine");
        return;
    };
    let port = free_port();
    assert_eq!(reason(&look_at(port, None).await), "connection refused");

    let sshd = Sshd::start(&program, port);
    let started = Instant::now();
    let greeted = loop {
        match look_at(sshd.port, None).await {
            Answer::Done(done) => break done.output,
            Answer::Pending(_) if started.elapsed() < Duration::from_secs(20) => tokio::task::yield_now().await,
            Answer::Pending(pending) => panic!("{}: {}", pending.reason, sshd.log()),
        }
    };
    assert!(greeted.server_banner.starts_with("SSH-2.0-OpenSSH"), "{}", greeted.server_banner);
    assert!(!greeted.logged_in);

    let refused = look_at(sshd.port, Some(sshd.user_key_file())).await;
    assert_eq!(reason(&refused), "Permission denied (publickey)", "{}", sshd.log());

    sshd.authorize_the_user();
    let Answer::Done(done) = look_at(sshd.port, Some(sshd.user_key_file())).await else {
        panic!("not let in: {}", sshd.log());
    };
    assert!(done.output.logged_in);
    assert_eq!(done.output.host, "bastion.example.com");
    assert!(done.output.server_banner.starts_with("SSH-2.0-OpenSSH"), "{}", done.output.server_banner);
}

#[tokio::test]
async fn something_that_is_not_ssh_is_waited_for_and_not_trusted() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    write_key(&file, 3);
    assert!(!reason(&look_at(port, Some(file.display().to_string())).await).is_empty());
    assert!(!reason(&look_at(port, None).await).is_empty());
}

#[tokio::test]
async fn a_missing_private_key_is_a_mistake_and_not_waited_for() {
    let error = load_key("/nowhere/key.pem").unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.cause.contains("/nowhere/key.pem"), "{error}");
}

#[test]
fn a_machine_that_cannot_reach_port_22_is_said_so_and_how_to_continue() {
    let input = WaitForLogin { host: "192.0.2.1".into(), port: None, user: "ubuntu".into(), private_key_file: None };
    assert!(is_out_of_reach("connection timed out") && is_out_of_reach("network unreachable"));
    assert!(!is_out_of_reach("connection refused") && !is_out_of_reach("Permission denied (publickey)"));
    let told = way_out(&input);
    assert!(told.sentence.contains("192.0.2.1 on port 22") && told.sentence.contains("bastion.waitForSsh: false"));
    let mut context = StepContext::for_test("Wait until SSH lets ubuntu in");
    assert!(!is_out_of_reach_for_long(&context));
    context.now_ms = 120_000;
    assert!(is_out_of_reach_for_long(&context));
    context.deadline_ms = Some(130_000);
    assert!(ends_before(&context, Duration::from_secs(30)) && !ends_before(&context, Duration::from_secs(5)));
}
