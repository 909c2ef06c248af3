//! An API is called as AWS calls it, and no secret reaches another server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::OpenOptionsExt;

use super::*;
use crate::test_server::TestServer;

const CANARY: &str = "canary-7f3a91";

/// Calls with a connection declared in a file. Returns the result and the requests that the server received.
async fn call(server: &TestServer, mut input: Value, declared: &Value) -> (StepResult<Value>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connections.json");
    let mut options = std::fs::OpenOptions::new();
    let mut open = options.write(true).create(true).mode(0o600).open(&file).unwrap();
    let name = format!("{}/{}", server.address, declared["AuthorizationType"]);
    std::io::Write::write_all(&mut open, json!({ (&name): declared }).to_string().as_bytes()).unwrap();
    input["ApiEndpoint"] = format!("{}/v1/things", server.endpoint()).into();
    let connection = match declared {
        Value::Null => Connection::default(),
        _ => Connection::declared_in(&file, &name).unwrap(),
    };
    let result = perform(&Call::read(&input).unwrap(), &connection, REQUEST_TIME_MAX).await;
    (result, server.requests())
}

fn done(result: StepResult<Value>) -> Value {
    match result.unwrap() {
        Answer::Done(done) => done.output,
        Answer::Pending(_) => panic!("it waits"),
    }
}

#[tokio::test]
async fn an_answer_has_status_headers_and_json() {
    let server = TestServer::start((201, "x-a: 1\r\nx-a: 2\r\n", r#"{"id":7}"#)).await;
    let input = json!({ "Method": "POST", "RequestBody": { "a": [1] }, "QueryParameters": { "q": ["x y", 2] },
        "Headers": { "X-Own": "o" } });
    let (result, requests) = call(&server, input, &Value::Null).await;
    let output = done(result);
    assert_eq!(output["StatusCode"], 201);
    assert_eq!(output["ResponseBody"], json!({ "id": 7 }));
    assert_eq!(output["Headers"]["x-a"], json!(["1", "2"]));
    let request = requests[0].to_lowercase();
    assert!(request.starts_with("post /v1/things?q=x+y&q=2 http/1.1"), "{request}");
    for header in [
        "content-type: application/json",
        "user-agent: amazon|stepfunctions|httpinvoke|",
        "x-own: o",
        "range: bytes=0-262144",
    ] {
        assert!(request.contains(header), "{header}: {request}");
    }
    assert!(request.ends_with(r#"{"a":[1]}"#), "{request}");
}

#[tokio::test]
async fn a_form_is_encoded_in_each_of_the_formats() {
    let body = json!({ "a": ["x", "y&z"], "b": { "c": 1 } });
    for (format, expected) in [
        ("INDICES", "a%5B0%5D=x&a%5B1%5D=y%26z&b%5Bc%5D=1"),
        ("REPEAT", "a=x&a=y%26z&b%5Bc%5D=1"),
        ("COMMAS", "a=x%2Cy%26z&b%5Bc%5D=1"),
        ("BRACKETS", "a%5B%5D=x&a%5B%5D=y%26z&b%5Bc%5D=1"),
    ] {
        let server = TestServer::start((200, "", "plain text")).await;
        let transform =
            json!({ "RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": { "ArrayFormat": format } });
        let input = json!({ "Method": "POST", "RequestBody": body, "Transform": transform });
        let (result, requests) = call(&server, input, &Value::Null).await;
        assert_eq!(done(result)["ResponseBody"], "plain text", "other output is a text");
        assert!(requests[0].ends_with(expected), "{format}: {}", requests[0]);
        assert!(requests[0].to_lowercase().contains("content-type: application/x-www-form-urlencoded"));
    }
}

#[tokio::test]
async fn a_bad_status_is_an_error_by_its_number_and_no_connection_is_a_socket_error() {
    let server = TestServer::start((503, "", "later")).await;
    let (result, _) = call(&server, json!({ "Method": "GET" }), &Value::Null).await;
    let error = result.unwrap_err();
    assert_eq!((error.error_name(), error.cause.as_str()), ("States.Http.StatusCode.503", "later"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let input = json!({ "Method": "GET", "ApiEndpoint": format!("http://{nobody}/?key={CANARY}") });
    let error = perform(&Call::read(&input).unwrap(), &Connection::default(), REQUEST_TIME_MAX).await.unwrap_err();
    assert_eq!(error.error_name(), "States.Http.Socket");
    assert!(!error.cause.contains(CANARY), "{}", error.cause);
}

#[tokio::test]
async fn credentials_reach_the_api_and_nobody_else() {
    let basic = json!({ "AuthorizationType": "BASIC", "AuthParameters": {
        "BasicAuthParameters": { "Username": "u", "Password": CANARY },
        "InvocationHttpParameters": {
            "HeaderParameters": [{ "Key": "X-Own", "Value": CANARY, "IsValueSecret": true }],
            "QueryStringParameters": [{ "Key": "q", "Value": "connection" }],
            "BodyParameters": [{ "Key": "b", "Value": CANARY }]
        } } });
    let server = TestServer::start((400, "", "no")).await;
    let input = json!({ "Method": "PUT", "QueryParameters": { "q": "task" }, "Headers": { "x-own": "task" },
        "RequestBody": { "b": "task", "c": 1 } });
    let (result, requests) = call(&server, input, &basic).await;
    let request = &requests[0];
    assert!(request.contains("authorization: Basic dTpjYW5hcnktN2YzYTkx"), "{request}");
    assert!(request.starts_with("PUT /v1/things?q=connection HTTP"), "the connection takes precedence: {request}");
    assert!(request.ends_with(&format!(r#"{{"b":"{CANARY}","c":1}}"#)) && !request.contains("task"), "{request}");
    let error = result.unwrap_err();
    assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    let key = json!({ "AuthorizationType": "API_KEY", "AuthParameters": {
        "ApiKeyAuthParameters": { "ApiKeyName": "x-api-key", "ApiKeyValue": CANARY } } });
    let server = TestServer::start((200, "", "{}")).await;
    let (result, requests) = call(&server, json!({ "Method": "GET" }), &key).await;
    assert!(requests[0].contains(&format!("x-api-key: {CANARY}")), "{}", requests[0]);
    assert!(!done(result).to_string().contains(CANARY));
}

#[tokio::test]
async fn a_token_is_fetched_once_and_anew_when_it_is_refused() {
    let tokens = TestServer::start((200, "", r#"{"access_token":"canary-7f3a91","expires_in":3600}"#)).await;
    let oauth = json!({ "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": { "OAuthParameters": {
        "AuthorizationEndpoint": tokens.endpoint(), "HttpMethod": "POST",
        "ClientParameters": { "ClientID": "id", "ClientSecret": "s" } } } });
    let server = TestServer::start((200, "", "{}")).await;
    for _ in 0..2 {
        let (result, requests) = call(&server, json!({ "Method": "GET" }), &oauth).await;
        done(result);
        assert!(requests.last().unwrap().contains("authorization: Bearer canary-7f3a91"), "{requests:?}");
    }
    assert_eq!(tokens.requests().len(), 1, "it is kept");
    assert!(tokens.requests()[0].ends_with("grant_type=client_credentials&client_id=id&client_secret=s"));
    let refusing = TestServer::start((401, "", "")).await;
    let (result, requests) = call(&refusing, json!({ "Method": "GET" }), &oauth).await;
    assert_eq!(result.unwrap_err().error_name(), "States.Http.StatusCode.401");
    assert_eq!((requests.len(), tokens.requests().len()), (2, 3), "repeated with another token");
}

#[test]
fn what_no_task_may_ask_for_is_refused() {
    let wrong = |input: Value| Call::read(&input).err().unwrap().cause;
    let url = "https://api.example.com";
    assert!(wrong(json!({ "Method": "GET" })).contains("'ApiEndpoint' is required"));
    assert!(
        wrong(json!({ "Method": "GET", "ApiEndpoint": "http://example.com" })).contains("must begin with https://")
    );
    assert!(wrong(json!({ "Method": "BREW", "ApiEndpoint": url })).contains("'BREW' is not a Method"));
    let misspelt = json!({ "Method": "GET", "ApiEndpoint": url, "Authentcation": { "ConnectionArn": "c" } });
    assert!(wrong(misspelt).contains("did you mean 'Authentication'?"), "never without its credentials");
    for header in ["Host", "X-Forwarded-For", "x-amz-date", "Transfer-Encoding"] {
        let input = json!({ "Method": "GET", "ApiEndpoint": url, "Headers": { header: "x" } });
        assert!(wrong(input).contains(header), "{header}");
    }
}

#[test]
fn a_file_of_secrets_that_others_may_read_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connections.json");
    let options = |mode| std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&file);
    options(0o644).unwrap();
    let error = Connection::declared_in(&file, "c").err().unwrap();
    assert!(error.cause.contains("chmod 600"), "{}", error.cause);
    std::fs::remove_file(&file).unwrap();
    std::io::Write::write_all(&mut options(0o600).unwrap(), br#"{ "canary-7f3a91 "#).unwrap();
    let error = Connection::declared_in(&file, "c").err().unwrap();
    assert!(error.cause.contains("is not JSON") && !error.cause.contains(CANARY), "{}", error.cause);
}

#[tokio::test]
async fn a_file_of_another_shape_is_refused_before_any_request() {
    let server = TestServer::start((200, "", "{}")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connections.json");
    let mut open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file).unwrap();
    let declared = json!({ "orders": { "type": "basic", "user": "u", "password": CANARY } });
    std::io::Write::write_all(&mut open, declared.to_string().as_bytes()).unwrap();
    let mut registry = Registry::new();
    let settings = LocalSettings { connections: Some(file), ..LocalSettings::default() };
    crate::register_local(&mut registry, &settings);
    let step = registry.find("arn:aws:states:::http:invoke").unwrap();
    let input =
        json!({ "Method": "GET", "ApiEndpoint": server.endpoint(), "Authentication": { "ConnectionArn": "orders" } });
    let error = step.poll(StepContext::for_test(""), input).await.unwrap_err();
    let said = format!("{} {}", error.cause, error.hint.clone().unwrap_or_default());
    assert!(said.contains("'orders'") && said.contains("unknown field 'type'"), "{said}");
    assert!(said.contains("AuthorizationType, AuthParameters") && said.contains("ApiKeyValue"), "{said}");
    assert!(!said.contains(CANARY), "{said}");
    assert!(server.requests().is_empty());
    let refused = settings.check(["arn:aws:states:::http:invoke"]).unwrap_err();
    assert_eq!(refused.cause, error.cause, "the same at the start of a run");
    settings.check(["flow:process:run"]).unwrap();
}

#[test]
fn the_schema_names_the_arguments_that_are_parsed() {
    let mut registry = Registry::new();
    crate::register_local(&mut registry, &LocalSettings::default());
    let schema = registry.find("arn:aws:states:::http:invoke").unwrap().description().input_schema;
    let mut names: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, arguments::ARGUMENTS);
    assert_eq!(schema["additionalProperties"], false);
}

#[tokio::test]
async fn a_large_answer_is_refused_and_one_at_the_limit_is_complete() {
    let body = |bytes: usize| -> &'static str { Box::leak("x".repeat(bytes).into_boxed_str()) };
    let server = TestServer::start((200, "", body(RESPONSE_BYTES_MAX))).await;
    let (result, _) = call(&server, json!({ "Method": "GET" }), &Value::Null).await;
    assert_eq!(done(result)["ResponseBody"].as_str().unwrap().len(), RESPONSE_BYTES_MAX);
    let server = TestServer::start((200, "", body(RESPONSE_BYTES_MAX + 1))).await;
    let (result, _) = call(&server, json!({ "Method": "GET" }), &Value::Null).await;
    assert_eq!(result.unwrap_err().error_name(), "States.DataLimitExceeded");
}

#[tokio::test]
async fn a_large_answer_holds_no_token() {
    let answer: &'static str = Box::leak(format!(r#"{{"access_token":"t","x":"{}"}}"#, "x".repeat(1 << 20)).into());
    let tokens = TestServer::start((200, "", answer)).await;
    let oauth = json!({ "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": { "OAuthParameters": {
        "AuthorizationEndpoint": tokens.endpoint(), "ClientParameters": { "ClientID": "i", "ClientSecret": CANARY } } } });
    let server = TestServer::start((200, "", "{}")).await;
    let (result, requests) = call(&server, json!({ "Method": "GET" }), &oauth).await;
    let error = result.unwrap_err();
    assert!(error.cause.contains("larger than 65536 bytes") && !error.cause.contains(CANARY), "{error}");
    assert!(requests.is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_credentials() {
    let other = TestServer::start((200, "", "{}")).await;
    let location: &'static str = Box::leak(format!("location: {}/\r\n", other.endpoint()).into_boxed_str());
    let server = TestServer::start((302, location, "elsewhere")).await;
    let key = json!({ "AuthorizationType": "API_KEY", "AuthParameters": {
        "ApiKeyAuthParameters": { "ApiKeyName": "x-api-key", "ApiKeyValue": CANARY } } });
    let (result, _) = call(&server, json!({ "Method": "GET" }), &key).await;
    assert_eq!(result.unwrap_err().error_name(), "States.Http.StatusCode.302");
    assert!(other.requests().is_empty());
}

/// Runs through the registry without an environment: an HTTP task needs no AWS account and no region.
#[tokio::test]
async fn a_call_ends_at_the_deadline_of_its_state() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut registry = Registry::new();
    crate::register_local(&mut registry, &LocalSettings::default());
    let step = registry.find("arn:aws:states:::http:invoke").unwrap();
    let context = StepContext { now_ms: 5_000, deadline_ms: Some(5_050), ..StepContext::for_test("") };
    let input = json!({ "Method": "GET", "ApiEndpoint": format!("http://{}/", silent.local_addr().unwrap()) });
    let error = step.poll(context, input).await.unwrap_err();
    assert_eq!(error.error_name(), "States.Timeout");
}

#[test]
fn a_named_pipe_or_an_endless_file_declares_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
    let private = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, private, 0).unwrap();
    let options = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&large);
    options.unwrap().set_len(1 << 30).unwrap();
    for (file, reason) in [(pipe, "not a regular file"), (large, "more than 4194304 bytes")] {
        let error = Connection::declared_in(&file, "c").err().unwrap();
        assert!(error.cause.contains(reason), "{}", error.cause);
    }
}
