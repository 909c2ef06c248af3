#![allow(clippy::unwrap_used)]
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use steps::step_functions::{Endpoint, StepFunctions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

const ACCOUNT: &str = "arn:aws:states:us-east-1:111111111111";

/// A service of the same API with 16 state machines, `m00` to `m15`. Each has an execution that is named after it, such as `m03-a`; two
/// have one that is named `two`.
struct Service {
    url: String,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let made = calls.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, made.clone()));
            }
        });
        Service { url, calls }
    }

    async fn executions(&self) -> Arc<Executions> {
        let url = self.url.clone();
        let endpoint = Endpoint::Url { url, region: "us-east-1".to_owned(), key: None, token: None };
        Executions::new(StepFunctions::connect(&endpoint).await.unwrap(), &endpoint)
    }

    /// The ids that a word finds, with their state machines, and the calls that find them.
    async fn find(&self, wanted: &str) -> (Vec<String>, Vec<String>) {
        let request = flow::FindRequest { wanted: wanted.to_owned() };
        let found = self.executions().await.find(request).await.unwrap();
        let ids = found.matches.iter().map(|header| format!("{}:{}", header.workflow, header.id)).collect();
        (ids, std::mem::take(&mut *self.calls.lock().unwrap()))
    }
}

fn names(machine: &str) -> Vec<String> {
    let shared = ["m05", "m09"].contains(&machine).then(|| "two".to_owned());
    [format!("{machine}-a")].into_iter().chain(shared).collect()
}

/// An execution of a state machine, as it is described and listed.
fn execution(machine: &str, name: &str) -> Value {
    json!({
        "executionArn": format!("{ACCOUNT}:execution:{machine}:{name}"), "name": name, "status": "SUCCEEDED",
        "stateMachineArn": format!("{ACCOUNT}:stateMachine:{machine}"), "startDate": 1_000, "stopDate": 1_001,
    })
}

/// The response to a call; `None` if the execution does not exist.
fn response(action: &str, request: &Value) -> Option<Value> {
    let last = |field: &str| request[field].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    Some(match action {
        "ListStateMachines" => {
            let machine = |number: u32| {
                let name = format!("m{number:02}");
                let arn = format!("{ACCOUNT}:stateMachine:{name}");
                json!({ "name": name, "stateMachineArn": arn, "type": "STANDARD", "creationDate": 1 })
            };
            json!({ "stateMachines": (0..16).map(machine).collect::<Vec<_>>() })
        }
        "ListExecutions" => {
            let machine = last("stateMachineArn");
            let all: Vec<Value> = names(&machine).iter().map(|name| execution(&machine, name)).collect();
            json!({ "executions": all })
        }
        "DescribeExecution" => {
            let name = last("executionArn");
            let machine = request["executionArn"].as_str().unwrap().rsplit(':').nth(1).unwrap();
            names(machine).contains(&name).then(|| execution(machine, &name))?
        }
        "DescribeStateMachineForExecution" => json!({
            "stateMachineArn": "", "name": "m", "definition": "{\"States\": {}}", "roleArn": "", "updateDate": 1,
        }),
        other => panic!("{other}"),
    })
}

async fn answer(mut stream: TcpStream, calls: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut buffer = [0_u8; 4096];
    let (head, body) = loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
        if body.len() >= length.trim().parse().unwrap() {
            break (text.split_once("\r\n\r\n").unwrap().0.to_owned(), body.to_owned());
        }
    };
    let target = head.lines().find_map(|line| line.rsplit_once("AWSStepFunctions.")).unwrap();
    let action = target.1.trim().to_owned();
    let response = response(&action, &serde_json::from_str(&body).unwrap());
    calls.lock().unwrap().push(action);
    let missing = || json!({ "__type": "ExecutionDoesNotExist", "message": "none" });
    let status = if response.is_some() { "200 OK" } else { "400 Bad Request" };
    let body = response.unwrap_or_else(missing).to_string();
    let head =
        format!("content-type: application/x-amz-json-1.0\r\nconnection: close\r\ncontent-length: {}", body.len());
    let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").as_bytes()).await;
}

#[tokio::test]
async fn an_execution_is_found_without_a_call_for_every_state_machine() {
    let service = Service::start().await;
    let open = "DescribeStateMachineForExecution";
    let of_one = ["ListStateMachines", "DescribeExecution", open];
    for (wanted, found) in [("m03:m03-a", "m03:m03-a"), ("m03-a", "m03:m03-a"), ("m09:two", "m09:two")] {
        let (ids, calls) = service.find(wanted).await;
        assert_eq!((ids, calls.as_slice()), (vec![found.to_owned()], of_one.map(str::to_owned).as_slice()), "{wanted}");
    }
    let arn = format!("{ACCOUNT}:execution:m09:two");
    assert_eq!(service.find(&arn).await.1, ["DescribeExecution", open]);
    // The beginning of a name in one state machine.
    let (ids, calls) = service.find("m03:m0").await;
    assert_eq!((ids.as_slice(), calls.len()), (["m03:m03-a".to_owned()].as_slice(), 4), "{calls:?}");
    // A name that several have, and that says nothing of its state machine.
    let (mut ids, calls) = service.find("two").await;
    ids.sort();
    assert_eq!(ids, ["m05:two", "m09:two"]);
    assert_eq!(calls.iter().filter(|call| *call == "ListExecutions").count(), 16, "{calls:?}");
    assert_eq!(calls.len(), 17, "{calls:?}");
    assert_eq!(service.find("none:m03-a").await, (Vec::new(), vec!["ListStateMachines".to_owned()]));
    let listed = service.executions().await.list(flow::ListRequest::default()).await.unwrap();
    assert_eq!(listed.executions.len(), 18);
}

#[test]
fn a_name_that_is_complete_is_not_the_beginning_of_another() {
    let all = || ["two", "twofold", "one"].map(|name| RemoteExecution { name: name.to_owned(), ..Default::default() });
    let named = |wanted: &str| {
        let mut matches = all().to_vec();
        retain_named(&mut matches, wanted);
        matches.into_iter().map(|remote| remote.name).collect::<Vec<_>>()
    };
    assert_eq!(named("two"), ["two"]);
    assert_eq!(named("tw"), ["two", "twofold"]);
}
