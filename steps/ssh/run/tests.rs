//! Runs programs through OpenSSH's own server, if it is installed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;

use super::*;
use crate::ssh::test_sshd::{Sshd, current_user, free_port, sshd_program};

fn settings(folder: &Path, hosts: &Value) -> Arc<LocalSettings> {
    let file = folder.join("hosts.json");
    fs::write(&file, hosts.to_string()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    Arc::new(LocalSettings { ssh_hosts: Some(file), ..LocalSettings::default() })
}

fn host_key(sshd: &Sshd) -> String {
    let key = russh::keys::load_secret_key(sshd.directory.path().join("host_key"), None).unwrap();
    key.public_key().to_openssh().unwrap()
}

fn host(sshd: &Sshd, host_key: Option<&str>) -> Value {
    let none: PathBuf = sshd.directory.path().join("known_hosts");
    json!({ "host": "127.0.0.1", "port": sshd.port, "user": current_user(), "privateKeyFile": sshd.user_key_file(),
            "hostKey": host_key, "knownHostsFile": none })
}

fn sh(script: &str) -> Run {
    let arguments = vec!["-c".to_owned(), script.to_owned(), "it's $0".to_owned()];
    Run { host: "web".to_owned(), program: "/bin/sh".to_owned(), arguments, input: json!({ "n": 7 }) }
}

async fn output(settings: &Arc<LocalSettings>, run: Run) -> Result<Value, StepError> {
    match super::run(settings.clone(), StepContext::for_test("Run"), run).await? {
        Answer::Done(done) => Ok(done.output),
        Answer::Pending(_) => panic!("it is pending"),
    }
}

/// Starts the server, and waits until it accepts the user.
async fn started() -> Option<(Sshd, Arc<LocalSettings>)> {
    let Some(program) = sshd_program() else {
        println!("skipped: OpenSSH's server is not installed on this machine");
        return None;
    };
    let sshd = Sshd::start(&program, free_port());
    sshd.authorize_the_user();
    let key = host_key(&sshd);
    let settings = settings(sshd.directory.path(), &json!({ "web": host(&sshd, Some(&key)) }));
    let began = Instant::now();
    loop {
        match output(&settings, sh("echo ready")).await {
            Ok(_) => return Some((sshd, settings)),
            Err(error) if began.elapsed() < Duration::from_secs(20) => {
                assert_eq!(error.error_name(), "Ssh.CannotConnect", "{error}");
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}: {}", sshd.log()),
        }
    }
}

#[tokio::test]
async fn a_program_gets_its_input_and_its_output_comes_back_or_its_failure() {
    let Some((_sshd, settings)) = started().await else { return };
    let json_output = output(&settings, sh("cat")).await.unwrap();
    assert_eq!(json_output, json!({ "n": 7 }));
    let text = output(&settings, sh("echo \"$0\" \"${#FLOW_IDEMPOTENCY_TOKEN}\"")).await.unwrap();
    let length = StepContext::for_test("Run").token.len();
    assert_eq!(text, format!("it's $0 {length}"), "the host's shell expands nothing");
    let failed = output(&settings, sh("echo out; echo 'no disk' >&2; exit 3")).await.unwrap_err();
    assert_eq!((failed.error_name(), failed.cause.as_str()), ("Ssh.Failed", "/bin/sh on web: exit status: 3: no disk"));
    let much = output(&settings, sh("head -c 300000 /dev/zero")).await.unwrap_err();
    assert_eq!(much.error_name(), "States.DataLimitExceeded");
}

#[tokio::test]
async fn a_host_key_that_is_not_the_pinned_or_known_one_is_refused_before_login() {
    let Some((sshd, _)) = started().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIfC5rkQhZ1l7w0aHuGLx3cUO3vzcCSxjyrYBGXy4uaR";
    let hosts = settings(folder.path(), &json!({ "web": host(&sshd, Some(other)) }));
    let refused = output(&hosts, sh("touch x")).await.unwrap_err();
    assert_eq!(refused.error_name(), "Ssh.HostKeyRefused");
    assert!(refused.cause.contains("SHA256:"), "{refused}");

    let unknown = settings(folder.path(), &json!({ "web": host(&sshd, None) }));
    let refused = output(&unknown, sh("touch x")).await.unwrap_err();
    assert!(refused.cause.contains("it is not in"), "{refused}");
    assert!(refused.hint.unwrap().contains(&host_key(&sshd)), "the hint has the key to pin");

    let line = format!("[127.0.0.1]:{} {}\n", sshd.port, host_key(&sshd));
    fs::write(sshd.directory.path().join("known_hosts"), line).unwrap();
    assert_eq!(output(&unknown, sh("echo 1")).await.unwrap(), json!(1), "known_hosts has the key");
}

#[tokio::test]
async fn what_may_still_run_is_said_and_never_started_again_by_itself() {
    let Some((sshd, settings)) = started().await else { return };
    let mut context = StepContext::for_test("Run");
    context.deadline_ms = Some(context.now_ms + 300);
    let late = super::run(settings.clone(), context, sh("sleep 5")).await.unwrap_err();
    assert_eq!(late.error_name(), "States.Timeout");
    assert!(late.cause.contains("may have been cut off, or may still run."), "{late}");
    assert!(late.cause.contains("/bin/sh on web did not end in time, and was sent the signal TERM"), "{late}");

    let mut context = StepContext::for_test("Run");
    context.poll = 2;
    let folder = sshd.directory.path().join("again");
    let again = super::run(settings.clone(), context, sh(&format!("touch {}", folder.display()))).await.unwrap_err();
    assert_eq!(again.error_name(), "Ssh.OutcomeUnknown");
    assert!(!folder.exists(), "a dead process may have started it, so it is not started again");

    let started = sshd.directory.path().join("started");
    let script = format!("touch {}; sleep 5", started.display());
    let running = tokio::spawn({
        let settings = settings.clone();
        async move { output(&settings, sh(&script)).await }
    });
    while !started.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sshd.end_sessions();
    let lost = running.await.unwrap().unwrap_err();
    assert_eq!(lost.error_name(), "Ssh.ConnectionLost", "{lost}");
}

#[test]
fn only_hosts_in_a_file_that_nobody_else_may_write_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let error = SshHost::find(None, "web", "deploy-7k3f").unwrap_err();
    assert!(error.cause.contains("FLOW_SSH_HOSTS names no file"), "{error}");
    let hint = error.hint.unwrap();
    assert!(hint.contains("FLOW_SSH_HOSTS=FILE flow resume deploy-7k3f") && hint.contains("\"web\""), "{hint}");
    let web = json!({ "host": "h", "user": "u", "privateKeyFile": "/k" });
    let hosts = settings(folder.path(), &json!({ "web": web }));
    let file = hosts.ssh_hosts.as_deref();
    assert_eq!(SshHost::find(file, "web", "deploy-7k3f").unwrap().port, 22);
    assert!(SshHost::find(file, "db", "deploy-7k3f").unwrap_err().cause.contains("it has web"));
    fs::set_permissions(file.unwrap(), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(SshHost::find(file, "web", "deploy-7k3f").unwrap_err().cause.contains("chmod 600"));
}
