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
/// have one that is named `two` and runs. `m07` has 1,500 more, `q1499` to `q0000`. Only the Task of `m05` has a task token.
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
    let many = (0..if machine == "m07" { 1_500 } else { 0 }).rev().map(|number| format!("q{number:04}"));
    [format!("{machine}-a")].into_iter().chain(shared).chain(many).collect()
}

/// An execution of a state machine, as it is described and listed.
fn execution(machine: &str, name: &str) -> Value {
    let status = if name == "two" { "RUNNING" } else { "SUCCEEDED" };
    json!({
        "executionArn": format!("{ACCOUNT}:execution:{machine}:{name}"), "name": name, "status": status,
        "stateMachineArn": format!("{ACCOUNT}:stateMachine:{machine}"), "startDate": 1_000,
    })
}

/// A page of the executions of a state machine. Its token is the index of the next one.
fn page(machine: &str, request: &Value) -> Value {
    let is_listed =
        |execution: &Value| request["statusFilter"].is_null() || request["statusFilter"] == execution["status"];
    let all = names(machine).into_iter().map(|name| execution(machine, &name));
    let all: Vec<Value> = all.filter(is_listed).collect();
    let from = request["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let end = all.len().min(from + request["maxResults"].as_u64().unwrap() as usize);
    let mut page = json!({ "executions": all[from..end] });
    if end < all.len() {
        page["nextToken"] = json!(end.to_string());
    }
    page
}

/// A definition whose only Task has the token among its parameters, or none.
fn definition(machine: &str) -> String {
    let (end, parameters) = match machine {
        "m05" => (".waitForTaskToken", json!({ "Payload": { "token.$": "$$.Task.Token", "Prompt": "Go?" } })),
        _ => ("", json!({})),
    };
    let resource = format!("arn:aws:states:::lambda:invoke{end}");
    let task = json!({ "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true });
    json!({ "StartAt": "Ask", "States": { "Ask": task } }).to_string()
}

/// The history of an execution that waits in its only Task.
fn history() -> Value {
    let event = |id: u64, kind: &str, details: &str, of: Value| json!({ "id": id, "previousEventId": id - 1, "timestamp": 1_000, "type": kind, details: of });
    let (kind, resource) = ("lambda", "invoke.waitForTaskToken");
    let parameters = json!({ "Payload": { "token": "T", "Prompt": "Go?" } }).to_string();
    json!({ "events": [
        event(1, "TaskStateEntered", "stateEnteredEventDetails", json!({ "name": "Ask", "input": "{}" })),
        event(2, "TaskScheduled", "taskScheduledEventDetails", json!({
            "resourceType": kind, "resource": resource, "region": "us-east-1", "parameters": parameters })),
        event(3, "TaskSubmitted", "taskSubmittedEventDetails", json!({
            "resourceType": kind, "resource": resource, "output": "{}" })),
    ] })
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
        "ListExecutions" => page(&last("stateMachineArn"), request),
        "DescribeExecution" => {
            let name = last("executionArn");
            let machine = request["executionArn"].as_str().unwrap().rsplit(':').nth(1).unwrap();
            names(machine).contains(&name).then(|| execution(machine, &name))?
        }
        "DescribeStateMachineForExecution" => json!({
            "stateMachineArn": "", "name": "m", "definition": "{\"States\": {}}", "roleArn": "", "updateDate": 1,
        }),
        "DescribeStateMachine" => json!({
            "stateMachineArn": request["stateMachineArn"], "name": "m", "definition": definition(&last("stateMachineArn")),
            "roleArn": "", "type": "STANDARD", "creationDate": 1,
        }),
        "GetExecutionHistory" => history(),
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
    assert_eq!(count(&calls, "DescribeExecution"), 16, "{calls:?}");
    assert_eq!(calls.len(), 17, "{calls:?}");
    assert_eq!(service.find("none:m03-a").await, (Vec::new(), vec!["ListStateMachines".to_owned()]));
}

/// The number of calls of an operation.
fn count(calls: &[String], action: &str) -> usize {
    calls.iter().filter(|call| *call == action).count()
}

#[tokio::test]
async fn an_execution_of_any_age_is_found() {
    let service = Service::start().await;
    for wanted in ["q0003", "m07:q0003"] {
        assert_eq!(service.find(wanted).await.0, ["m07:q0003"], "{wanted}");
    }
    // The beginning of a name, with all pages of the list.
    let (ids, calls) = service.find("q000").await;
    assert_eq!((ids.len(), ids[0].as_str()), (10, "m07:q0009"));
    assert_eq!(count(&calls, "ListExecutions"), 17, "{calls:?}");
    assert_eq!(service.find("q2").await.0, Vec::<String>::new());
}

#[tokio::test]
async fn a_name_is_said_to_be_missing_only_if_all_were_searched() {
    let service = Service::start().await;
    let executions = service.executions().await;
    let (machines, are_all) = executions.machines(16).await.unwrap();
    assert!(are_all && executions.beginning_with(&machines, are_all, "none").await.unwrap().is_empty());
    let (machines, are_all) = executions.machines(15).await.unwrap();
    assert!(!are_all);
    let error = executions.beginning_with(&machines, are_all, "none").await.unwrap_err();
    let message = "no execution named 'none' was found in 15 state machines, and more exist";
    assert_eq!((error.exit, error.message.as_str()), (Exit::NotFound, message));
    // After the bound no list is continued.
    let bound = ListLimits { running: false, each_max: usize::MAX, all_max: 1_000 };
    let found = executions.newest(&machines, bound).await.unwrap();
    assert_eq!((found.executions.len(), found.is_complete), (1_016, false));
}

#[tokio::test]
async fn a_list_is_complete_or_says_what_it_lacks() {
    let executions = Service::start().await.executions().await;
    let listed = executions.list(flow::ListRequest::default()).await.unwrap();
    assert_eq!((listed.executions.len(), listed.left_out), (1_518, None));
    let request = flow::ListRequest { limit: Some(101), ..flow::ListRequest::default() };
    let listed = executions.list(request).await.unwrap();
    // 10,000 are counted: 625 of each state machine.
    let left_out = flow::LeftOut { executions: 625 + 17 - 101, more: true, of_machines: None };
    assert_eq!((listed.executions.len(), listed.left_out), (101, Some(left_out)));
    let request = flow::ListRequest { unfinished: true, ..flow::ListRequest::default() };
    let listed = executions.list(request).await.unwrap();
    assert_eq!((listed.executions.len(), listed.left_out), (2, None));
}

#[tokio::test]
async fn histories_are_read_only_of_executions_that_may_ask() {
    let service = Service::start().await;
    let executions = service.executions().await;
    let response = executions.person_tasks(flow::ListPersonTasksRequest::default()).await.unwrap();
    let found: Vec<_> = response.tasks.iter().map(|task| (task.workflow.as_str(), task.state.as_str())).collect();
    assert_eq!((found.as_slice(), response.truncated), ([("m05", "Ask")].as_slice(), false));
    let calls = std::mem::take(&mut *service.calls.lock().unwrap());
    assert_eq!(count(&calls, "DescribeStateMachine"), 16, "{calls:?}");
    let rest = ["ListExecutions", "GetExecutionHistory", "DescribeStateMachineForExecution"];
    assert_eq!(rest.map(|action| count(&calls, action)), [1, 1, 0], "{calls:?}");
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
