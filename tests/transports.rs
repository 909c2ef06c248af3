//! `flow serve` answers only permitted clients, and none of them can block the others.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    serve::Server,
    support::{Home, python, text, until},
};

const LIST: (&str, &str) = ("x-amz-target", "AWSStepFunctions.ListStateMachines");

/// Sends an HTTP/1.1 request and returns the response, whatever its status.
pub fn request(server: &Server, headers: &[(&str, &str)], body: &str) -> String {
    let address = server.endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = format!("POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn is_answered(server: &Server, headers: &[(&str, &str)]) -> bool {
    request(server, headers, "{}").contains("stateMachines")
}

#[test]
fn without_a_token_a_page_in_a_browser_reaches_nothing() {
    let home = Home::plain();
    let server = Server::start(&home);
    assert!(is_answered(&server, &[LIST]));
    assert!(is_answered(&server, &[("host", "states.localhost:8083"), LIST]));
    for foreign in [
        &[("host", "evil.example:8083"), LIST][..],
        &[("origin", "http://evil.example"), LIST],
        &[("origin", "null"), LIST],
    ] {
        let response = request(&server, foreign, "{}");
        assert!(response.starts_with("HTTP/1.1 400") && response.contains("AccessDeniedException"), "{response}");
    }
    for target in ["Flow.ExportExecutions", "Flow.ListExecutions", "Flow.CancelExecution", "Flow.StartExecution", ""] {
        let response = request(&server, &[("x-amz-target", target)], "{}");
        assert!(response.contains("AccessDeniedException"), "{target}: {response}");
    }
}

#[test]
fn a_token_from_a_file_or_a_variable_opens_and_an_empty_one_is_ignored() {
    let home = Home::plain();
    let file = home.path().join("token");
    std::fs::write(&file, "secret-1\n").unwrap();
    let open_to = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    open_to(0o640);
    let refused = home.exits(&["serve", "--listen", "127.0.0.1:0", "--token-file", file.to_str().unwrap()], 3);
    assert!(refused.contains("chmod 600"), "{refused}");
    open_to(0o600);
    let bearer = |token: &str| format!("Bearer {token}");
    let flow = ("x-amz-target", "Flow.ListExecutions");
    {
        let server = Server::start_as(&home, &["--token-file", file.to_str().unwrap()], &[("FLOW_TOKEN", "other")]);
        assert!(is_answered(&server, &[LIST, ("authorization", &bearer("secret-1")), ("host", "flow.example")]));
        assert!(request(&server, &[flow, ("authorization", &bearer("secret-1"))], "{}").contains("executions"));
        for wrong in ["", "secret-", "secret-11", "other"] {
            assert!(!is_answered(&server, &[LIST, ("authorization", &bearer(wrong))]), "{wrong:?}");
        }
        assert!(!is_answered(&server, &[LIST]));
        let lock = std::fs::read_to_string(home.path().join("owner.lock")).unwrap();
        assert!(!lock.contains("secret-1") && !lock.contains("token"), "{lock}");
    }
    let server = Server::start_as(&home, &[], &[("FLOW_TOKEN", "")]);
    assert!(is_answered(&server, &[LIST]), "an empty variable counts as unset");
    assert!(!is_answered(&server, &[("host", "flow.example"), LIST]));
    drop(server);
    std::fs::write(&file, " \n").unwrap();
    home.exits(&["serve", "--listen", "127.0.0.1:0", "--token-file", file.to_str().unwrap()], 3);
    home.exits(&["serve", "--listen", "127.0.0.1:0", "--token-file", "/nonexistent"], 3);
    home.exits(&["serve", "--listen", "0.0.0.0:0"], 3);
    home.exits_with(&["serve", "--listen", "0.0.0.0:0"], &[("FLOW_TOKEN", " ")], 3);
}

#[test]
fn with_a_key_an_unsigned_request_is_refused_before_its_body_is_read() {
    let home = Home::plain();
    let variables = [("FLOW_TOKEN", ""), ("FLOW_ACCESS_KEY_ID", "AK"), ("FLOW_SECRET_ACCESS_KEY", "SK")];
    let server = Server::start_with(&home, &variables);
    assert!(!is_answered(&server, &[LIST, ("authorization", "Bearer ")]));
    let address = server.endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n{").unwrap();
    let mut response = [0; 12];
    stream.read_exact(&mut response).unwrap();
    assert_eq!(text(&response), "HTTP/1.1 400");
}

#[test]
fn a_request_that_another_key_signed_is_refused_before_its_body_is_read() {
    let home = Home::plain();
    let variables = [("FLOW_TOKEN", ""), ("FLOW_ACCESS_KEY_ID", "AK"), ("FLOW_SECRET_ACCESS_KEY", "SK")];
    let server = Server::start_with(&home, &variables);
    let mut stream = TcpStream::connect(server.endpoint.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let signed = "AWS4-HMAC-SHA256 Credential=OTHER/20261129/us-east-1/states/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=00";
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\nauthorization: {signed}\r\ncontent-length: 2000000\r\n\r\n{{");
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = [0; 12];
    stream.read_exact(&mut response).unwrap();
    assert_eq!(text(&response), "HTTP/1.1 400");
}

#[test]
fn operations_for_the_user_of_this_machine_are_refused_over_tcp_also_with_the_token() {
    let home = Home::plain();
    let server = Server::start_with(&home, &[("FLOW_TOKEN", "secret-1")]);
    let authorized = ("authorization", "Bearer secret-1");
    let socket_only = || api::flow::OPERATIONS.iter().filter(|operation| operation.access == api::Access::SocketOnly);
    assert!(socket_only().count() >= 8);
    for target in socket_only().map(|operation| operation.target) {
        let refused = request(&server, &[("x-amz-target", target), authorized], "{}");
        assert!(refused.contains("AccessDeniedException") && refused.contains("socket only"), "{target}: {refused}");
    }
    let listed = request(&server, &[("x-amz-target", "Flow.ListExecutions"), authorized], "{}");
    assert!(listed.contains("executions"), "{listed}");
}

#[test]
fn a_program_that_a_client_over_tcp_starts_is_one_that_the_server_allows() {
    let home = Home::plain();
    let program = home.program("hello.sh", "echo 1");
    let states = json!({ "A": { "Type": "Task", "Resource": "flow:process:run", "Parameters": { "Program": program }, "End": true } });
    let definition = json!({ "StartAt": "A", "States": states }).to_string();
    let role = "arn:aws:iam::111111111111:role/x";
    for (allowed, status) in [("", "FAILED"), (&*program, "SUCCEEDED")] {
        let server = Server::start_with(&home, &[("FLOW_PROGRAMS", allowed)]);
        let machine =
            server.call("CreateStateMachine", &json!({ "name": "m", "definition": definition, "roleArn": role }));
        let arn = &machine["stateMachineArn"];
        let started = server.call("StartExecution", &json!({ "stateMachineArn": arn, "name": status, "input": "{}" }));
        let describe = || server.call("DescribeExecution", &json!({ "executionArn": started["executionArn"] }));
        until(20, "it ends", || describe()["status"] != "RUNNING");
        assert_eq!(describe()["status"], status);
    }
}

#[test]
fn half_open_requests_do_not_keep_others_out() {
    let home = Home::plain();
    let server = Server::start_with_handles(&home, 256);
    let address = server.endpoint.strip_prefix("http://").unwrap();
    let mut held = Vec::new();
    for number in 0..400 {
        let Ok(mut stream) = TcpStream::connect(address) else { break };
        // Nothing, a part of a head, and a part of a body.
        let parts =
            ["", "POST / HTTP/1.1\r\nx-a: ", "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{"];
        let _ = stream.write_all(parts[if number % 10 == 0 { 2 } else { number % 2 }].as_bytes());
        held.push(stream);
    }
    let begun = Instant::now();
    assert!(is_answered(&server, &[LIST]));
    home.exits(&["status"], 0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{} connections, {:?}", held.len(), begun.elapsed());
}

/// AWS's clients add `sync-` to the host of two operations; the documented environment variable disables that.
#[test]
fn operations_with_a_host_prefix_are_answered() {
    const SCRIPT: &str = "import sys, boto3, json
client = boto3.client('stepfunctions', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x')
state = json.dumps({'Type': 'Pass', 'Result': 1, 'End': True})
print(client.test_state(definition=state, roleArn='arn:aws:iam::111111111111:role/x')['output'])";
    let home = Home::plain();
    let server = Server::start(&home);
    let mut command = std::process::Command::new(python());
    let command = command.args(["-c", SCRIPT, &server.endpoint]).env("AWS_DISABLE_HOST_PREFIX_INJECTION", "true");
    let output = command.output().unwrap();
    assert_eq!(text(&output.stdout).trim(), "1", "{}", text(&output.stderr));
}
