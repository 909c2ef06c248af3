//! Logs in to OpenSSH's own server, if it is installed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use super::*;
use crate::{
    ssh::test_sshd::{Sshd, current_user, free_port, sshd_program, write_key},
    test_server::addresses,
};

async fn poll_at(port: u16, key_file: Option<String>) -> Answer<LoggedIn> {
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
    assert_eq!(reason(&poll_at(port, None).await), "connection refused");

    let sshd = Sshd::start(&program, port);
    let started = Instant::now();
    let greeted = loop {
        match poll_at(sshd.port, None).await {
            Answer::Done(done) => break done.output,
            Answer::Pending(_) if started.elapsed() < Duration::from_secs(20) => tokio::task::yield_now().await,
            Answer::Pending(pending) => panic!("{}: {}", pending.reason, sshd.log()),
        }
    };
    assert!(greeted.server_banner.starts_with("SSH-2.0-OpenSSH"), "{}", greeted.server_banner);
    assert!(!greeted.logged_in);

    let refused = poll_at(sshd.port, Some(sshd.user_key_file())).await;
    assert_eq!(reason(&refused), "Permission denied (publickey)", "{}", sshd.log());

    sshd.authorize_the_user();
    let Answer::Done(done) = poll_at(sshd.port, Some(sshd.user_key_file())).await else {
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
    assert!(!reason(&poll_at(port, Some(file.display().to_string())).await).is_empty());
    assert!(!reason(&poll_at(port, None).await).is_empty());
}

#[tokio::test]
async fn a_missing_private_key_is_a_mistake_and_not_waited_for() {
    let error = load_key("/nowhere/key.pem").unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.cause.contains("/nowhere/key.pem"), "{error}");
}

#[test]
fn a_key_that_is_refused_until_the_deadline_is_named_with_the_way_out() {
    let input = WaitForLogin { host: "192.0.2.1".into(), port: None, user: "ubuntu".into(), private_key_file: None };
    let failed = refused_key(&input, "/home/me/keys/demo.pem", "Permission denied (publickey)");
    assert_eq!(
        failed.cause,
        "ubuntu@192.0.2.1 refuses the private key /home/me/keys/demo.pem: Permission denied (publickey)"
    );
    assert!(failed.hint.is_some_and(|hint| hint.contains("--set bastion.enabled=false")));
}

#[test]
fn a_machine_that_cannot_reach_port_22_is_said_so_and_how_to_continue() {
    let input = WaitForLogin { host: "192.0.2.1".into(), port: None, user: "ubuntu".into(), private_key_file: None };
    let reported = way_out(&input);
    assert!(
        reported.sentence.contains("192.0.2.1 on port 22") && reported.sentence.contains("bastion.waitForSsh: false")
    );
}

#[tokio::test]
async fn polls_without_an_answer_for_long_say_how_to_continue_and_the_last_one_fails_with_it() {
    let port = free_port();
    let Answer::Pending(pending) = poll_at(port, None).await else { panic!("nothing listens on {port}") };
    assert!(pending.instructions.is_none(), "a server that starts needs no person");
    let addresses = crate::RehearsalAddresses {
        ssh_server: SocketAddr::from(([127, 0, 0, 1], port)),
        ..addresses("http://127.0.0.1:9".to_owned())
    };
    let environment = Arc::new(Environment::for_rehearsal(addresses).unwrap());
    let host = || WaitForLogin { host: "192.0.2.1".into(), port: None, user: "ubuntu".into(), private_key_file: None };
    let mut context = StepContext::for_test("Wait until SSH lets ubuntu in");
    context.now_ms = context.first_poll_ms + OUT_OF_REACH_MS;
    let pending = wait_for_login(environment.clone(), context.clone(), host()).await.unwrap();
    let Answer::Pending(pending) = pending else { panic!("nothing listens on {port}") };
    assert!(pending.instructions.is_some_and(|way_out| way_out.sentence.contains("192.0.2.1 on port 22")));
    context.deadline_ms = Some(context.now_ms);
    let failed = wait_for_login(environment, context, host()).await.unwrap_err();
    assert_eq!(failed.cause, "this machine cannot reach 192.0.2.1 on port 22: connection refused");
    assert!(
        failed.hint.is_some_and(|hint| hint.contains("--set bastion.waitForSsh=false") && !hint.contains("resume"))
    );
}
