#![allow(clippy::unwrap_used)]

use engine::step::Step;
use serde_json::{Value, json};

use super::*;
use crate::{register_local, test_server::TestServer};

fn step(name: &str, settings: &LocalSettings) -> Arc<dyn Step> {
    let mut registry = Registry::new();
    register_local(&mut registry, settings);
    registry.find(name).unwrap()
}

async fn poll(name: &str, settings: &LocalSettings, input: Value) -> StepResult<Value> {
    step(name, settings).poll(StepContext::for_test("Wait"), input).await
}

/// The reason of a poll whose condition does not hold, else its output as text.
async fn result(name: &str, settings: &LocalSettings, input: Value) -> String {
    match poll(name, settings, input).await.unwrap() {
        Answer::Pending(pending) => {
            assert_eq!(pending.check_again_after, Duration::from_secs(7));
            pending.reason
        }
        Answer::Done(done) => done.output.to_string(),
    }
}

#[tokio::test]
async fn http_waits_for_the_status_and_the_body() {
    let server = TestServer::start((503, "", "starting")).await;
    let none = LocalSettings::default();
    let url = server.endpoint();
    let input = |more: Value| {
        let mut input = json!({ "Url": url, "IntervalSeconds": 7 });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    assert_eq!(result("flow:wait:http", &none, input(json!({}))).await, "HTTP 503");
    let done = result("flow:wait:http", &none, input(json!({ "Status": [503], "BodyMatches": "^start" }))).await;
    assert_eq!(done, json!({ "Url": url, "Status": 503 }).to_string());
    let wrong = result("flow:wait:http", &none, input(json!({ "Status": [503], "BodyMatches": "ready" }))).await;
    assert_eq!(wrong, "HTTP 503, but the body does not match");
    assert!(poll("flow:wait:http", &none, input(json!({ "BodyMatches": "(" }))).await.is_err());
}

#[tokio::test]
async fn tcp_waits_for_a_listener() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let none = LocalSettings::default();
    let input = json!({ "Host": "127.0.0.1", "Port": port, "IntervalSeconds": 7 });
    assert_eq!(
        result("flow:wait:tcp", &none, input.clone()).await,
        json!({ "Address": format!("127.0.0.1:{port}") }).to_string()
    );
    drop(listener);
    assert!(result("flow:wait:tcp", &none, input).await.contains("refused"));
}

#[tokio::test]
async fn a_file_is_waited_for_below_the_operators_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LocalSettings { files: Some(folder.path().to_owned()), ..LocalSettings::default() };
    let input = |gone: bool| json!({ "Path": "a/done", "Gone": gone, "IntervalSeconds": 7 });
    assert_eq!(result("flow:wait:file", &settings, input(false)).await, "no such file");
    assert_eq!(
        result("flow:wait:file", &settings, input(true)).await,
        json!({ "Path": "a/done", "Bytes": 0 }).to_string()
    );
    std::fs::create_dir(folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("a/done"), "1234").unwrap();
    assert_eq!(
        result("flow:wait:file", &settings, input(false)).await,
        json!({ "Path": "a/done", "Bytes": 4 }).to_string()
    );
    assert_eq!(result("flow:wait:file", &settings, input(true)).await, "the file exists");
    assert!(poll("flow:wait:file", &settings, json!({ "Path": "../x" })).await.is_err());
    assert!(poll("flow:wait:file", &LocalSettings::default(), json!({ "Path": "x" })).await.is_err());
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_waited_for() {
    let none = LocalSettings::default();
    let input = json!({ "Name": "a.example.com", "Server": "127.0.0.1:9", "IntervalSeconds": 7 });
    // Depending on the machine, the query is refused immediately or unanswered until the limit.
    assert!(result("flow:wait:dns", &none, input).await.starts_with("no answer from DNS"));
    assert!(poll("flow:wait:dns", &none, json!({ "Name": "a", "Server": "nowhere" })).await.is_err());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_finding_before_the_deadline_and_an_attempt_that_is_over_ends_at_once() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let input = json!({ "Name": "a.example.com", "Server": silent.local_addr().unwrap().to_string() });
    let dns = step("flow:wait:dns", &LocalSettings::default());
    let mut context = StepContext::for_test("Wait");
    context.deadline_ms = Some(context.now_ms + 2_000);
    match dns.poll(context.clone(), input.clone()).await.unwrap() {
        Answer::Pending(pending) => assert_eq!(pending.reason, "no answer from DNS within 1 s"),
        Answer::Done(_) => unreachable!("nothing answers"),
    }
    context.deadline_ms = None;
    context.abandonment.abandon();
    let began = std::time::Instant::now();
    assert!(matches!(dns.poll(context, input).await.unwrap(), Answer::Pending(_)));
    assert!(began.elapsed() < POLL_TIME_MAX / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_url_that_is_not_of_http_is_refused_at_once() {
    let refused = poll("flow:wait:http", &LocalSettings::default(), json!({ "Url": "ftp://127.0.0.1/" })).await;
    assert!(refused.unwrap_err().cause.contains("http:// or https://"));
    let schema = step("flow:wait:http", &LocalSettings::default()).description().input_schema;
    assert_eq!(schema["properties"]["Url"]["pattern"], "^https?://");
    assert_eq!(schema["properties"]["IntervalSeconds"]["minimum"], 1);
}

#[test]
fn a_wait_without_a_deadline_ends_after_a_day() {
    let mut context = StepContext::for_test("Wait");
    context.now_ms = 24 * 3_600_000;
    assert_eq!(not_yet::<()>(&context, "HTTP 503".to_owned(), 10).unwrap_err().error_name(), "States.Timeout");
    context.deadline_ms = Some(48 * 3_600_000);
    assert!(not_yet::<()>(&context, "HTTP 503".to_owned(), 10).is_ok());
}

/// The settings are compared before a program starts, so the refusals need none.
#[tokio::test]
async fn a_program_that_is_waited_for_gets_only_allowed_variables_and_folders() {
    let settings = LocalSettings { programs: vec!["/bin/sh".into()], ..LocalSettings::default() };
    let refused = async |more: Value| {
        let mut input = json!({ "Program": "/bin/sh" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        poll("flow:wait:program", &settings, input).await.unwrap_err().cause
    };
    let cause = refused(json!({ "Environment": { "LEVEL": "7" } })).await;
    assert!(cause.contains("LEVEL is not among the variables that FLOW_PROGRAM_VARIABLES allows"), "{cause}");
    let cause = refused(json!({ "Folder": "relative" })).await;
    assert!(cause.contains("is not an absolute path"), "{cause}");
}
