//! The API's reports of a map run and its child executions match their events, also after a crash.

use serde_json::json;

use super::*;
use crate::{
    Operation,
    flow::{DescribeExecution, DescribeExecutionRequest},
};

/// A distributed Map over the input: `"wait"` waits an hour, `"bad"` fails, `"repaired"` fails until [`World::repair`],
/// others succeed.
fn map(fields: &Value) -> Value {
    let to = |text: &str, next: &str| json!({ "Variable": "$", "StringEquals": text, "Next": next });
    let mut state = json!({ "Type": "Map", "Label": "Rows", "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": "Which",
        "States": {
            "Which": { "Type": "Choice", "Default": "Ends", "Choices": [to("wait", "Waits"), to("bad", "Fails"), to("repaired", "Repaired")] },
            "Waits": { "Type": "Wait", "Seconds": 3600, "End": true },
            "Fails": { "Type": "Fail", "Error": "Bad", "Cause": "as meant" },
            "Repaired": { "Type": "Task", "Resource": "flow:test:repaired", "End": true },
            "Ends": { "Type": "Pass", "End": true },
        },
    }, "End": true });
    state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "StartAt": "Each", "States": { "Each": state } })
}

/// Starts an execution `e` of [`map`]. Returns its ARN and the state machine's.
async fn started(world: &World, fields: Value, items: Value) -> String {
    let machine = world.machine("m", &map(&fields)).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": items.to_string() });
    text(&world.ask("StartExecution", request).await["executionArn"])
}

async fn run_of(world: &World, execution: &str) -> Value {
    let runs = world.ask("ListMapRuns", json!({ "executionArn": execution })).await;
    let [run] = runs["mapRuns"].as_array().unwrap().as_slice() else { panic!("{runs}") };
    world.ask("DescribeMapRun", json!({ "mapRunArn": run["mapRunArn"] })).await
}

/// The counts other than 0.
fn counts(run: &Value, which: &str) -> Value {
    let counts = run[which].as_object().unwrap().iter().filter(|(_, count)| **count != 0);
    counts.map(|(name, count)| (name.clone(), count.clone())).collect::<serde_json::Map<_, _>>().into()
}

async fn children(world: &World, run: &Value, more: Value) -> Vec<Value> {
    let mut request = json!({ "mapRunArn": run["mapRunArn"], "maxResults": 2 });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut found = Vec::new();
    loop {
        let page = world.ask("ListExecutions", request.clone()).await;
        found.extend(page["executions"].as_array().unwrap().clone());
        let Some(token) = page.get("nextToken") else { return found };
        request["nextToken"] = token.clone();
    }
}

fn statuses(children: &[Value]) -> Vec<String> {
    children.iter().map(|child| text(&child["status"])).collect()
}

#[tokio::test]
async fn a_map_run_that_succeeded_is_described_completely_and_its_history_names_it() {
    let world = World::new();
    let execution =
        started(&world, json!({ "ToleratedFailureCount": 1, "MaxConcurrency": 2 }), json!([1, "bad", 3])).await;
    world.ended(&execution).await;
    let run = run_of(&world, &execution).await;
    let arn = text(&run["mapRunArn"]);
    assert!(arn.starts_with(&format!("{PREFIX}:mapRun:m/Rows:")), "{arn}");
    let history = world.history(&execution).await;
    let response = history.iter().find(|event| event["type"] == "MapRunStarted").unwrap();
    assert_eq!(response["mapRunStartedEventDetails"]["mapRunArn"], run["mapRunArn"]);
    assert_eq!(
        (&run["status"], &run["executionArn"], &run["maxConcurrency"], &run["toleratedFailureCount"]),
        (&json!("SUCCEEDED"), &json!(execution), &json!(2), &json!(1))
    );
    assert_eq!((&run["redriveCount"], run.get("redriveDate")), (&json!(0), None));
    assert!(run["stopDate"].as_f64() >= run["startDate"].as_f64());
    for which in ["itemCounts", "executionCounts"] {
        assert_eq!(
            counts(&run, which),
            json!({ "succeeded": 2, "failed": 1, "resultsWritten": 2, "total": 3 }),
            "{which}"
        );
    }
    let listed = world.ask("ListMapRuns", json!({ "executionArn": execution })).await;
    let expected = json!({ "executionArn": execution, "mapRunArn": arn, "startDate": run["startDate"],
        "stopDate": run["stopDate"], "stateMachineArn": format!("{PREFIX}:stateMachine:m/Rows") });
    assert_eq!(listed["mapRuns"], json!([expected]));
}

#[tokio::test]
async fn a_view_counts_the_iterations_of_a_distributed_map_that_has_ended() {
    let world = World::new();
    let execution = started(&world, json!({ "ToleratedFailureCount": 1 }), json!([1, "bad", 3])).await;
    world.ended(&execution).await;
    let request = DescribeExecutionRequest { id: "m:e".to_owned(), as_shown: false };
    let view = DescribeExecution::answer(&world.api, request).await.unwrap().view;
    let map = view.maps["Each"];
    assert_eq!((map.total, map.succeeded, map.failed), (3, 2, 1));
}

#[tokio::test]
async fn children_are_listed_described_and_have_histories() {
    let world = World::new();
    let execution = started(&world, json!({ "ToleratedFailureCount": 1 }), json!([1, "bad", 3])).await;
    world.ended(&execution).await;
    let run = run_of(&world, &execution).await;
    let all = children(&world, &run, json!({})).await;
    assert_eq!(statuses(&all), ["SUCCEEDED", "FAILED", "SUCCEEDED"]);
    assert_eq!(statuses(&children(&world, &run, json!({ "statusFilter": "FAILED" })).await), ["FAILED"]);
    assert_eq!(children(&world, &run, json!({ "redriveFilter": "REDRIVEN" })).await, Vec::<Value>::new());
    let failed = &all[1];
    assert_eq!((&failed["itemCount"], &failed["mapRunArn"]), (&json!(1), &run["mapRunArn"]));
    let arn = text(&failed["executionArn"]);
    assert_eq!(arn, format!("{PREFIX}:execution:m/Rows:{}", text(&failed["name"])));
    let response = world.ask("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!(
        (&response["input"], &response["error"], &response["cause"]),
        (&json!("\"bad\""), &json!("Bad"), &json!("as meant"))
    );
    assert_eq!(
        (&response["redriveStatus"], &response["mapRunArn"]),
        (&json!("REDRIVABLE_BY_MAP_RUN"), &run["mapRunArn"])
    );
    let first = world.ask("DescribeExecution", json!({ "executionArn": all[2]["executionArn"] })).await;
    assert_eq!((&first["input"], &first["output"]), (&json!("1"), &json!("1")));
    let history = world.history(&text(&all[2]["executionArn"])).await;
    let types: Vec<_> = history.iter().map(|event| text(&event["type"])).collect();
    let expected = [
        "ExecutionStarted",
        "ChoiceStateEntered",
        "ChoiceStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(types, expected);
    let ids: Vec<_> = history.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    assert_eq!(history[0]["executionStartedEventDetails"]["input"], "1");
    let machine = world.ask("DescribeStateMachineForExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&machine["label"], &machine["mapRunArn"]), (&json!("Rows"), &run["mapRunArn"]));
    let definition: Value = serde_json::from_str(&text(&machine["definition"])).unwrap();
    assert_eq!(definition, map(&json!({}))["States"]["Each"]["ItemProcessor"]);
}

#[tokio::test]
async fn a_threshold_exceeded_and_a_stop_leave_counts_that_add_up() {
    let world = World::new();
    let execution = started(&world, json!({ "MaxConcurrency": 2 }), json!(["wait", "bad", 3, 4])).await;
    assert_eq!(world.ended(&execution).await["status"], "FAILED");
    let run = run_of(&world, &execution).await;
    assert_eq!(run["status"], "FAILED");
    assert_eq!(counts(&run, "executionCounts"), json!({ "aborted": 1, "failed": 1, "pending": 2, "total": 4 }));
    let world = World::new();
    let execution = started(&world, json!({}), json!(["wait", 2, "wait"])).await;
    let run = run_of(&world, &execution).await;
    assert_eq!((&run["status"], run.get("stopDate")), (&json!("RUNNING"), None));
    assert_eq!(counts(&run, "itemCounts"), json!({ "running": 2, "succeeded": 1, "total": 3 }));
    world.ask("StopExecution", json!({ "executionArn": execution })).await;
    let run = run_of(&world, &execution).await;
    assert_eq!(run["status"], "ABORTED");
    assert_eq!(counts(&run, "executionCounts"), json!({ "aborted": 2, "succeeded": 1, "total": 3 }));
    let aborted = children(&world, &run, json!({ "statusFilter": "ABORTED" })).await;
    let history = world.history(&text(&aborted[0]["executionArn"])).await;
    assert_eq!(history.last().unwrap()["type"], "ExecutionAborted");
}

#[tokio::test]
async fn batches_count_their_items() {
    let world = World::new();
    let fields = json!({ "ItemBatcher": { "MaxItemsPerBatch": 2 } });
    let execution = started(&world, fields, json!([1, 2, 3])).await;
    world.ended(&execution).await;
    let run = run_of(&world, &execution).await;
    assert_eq!(counts(&run, "itemCounts"), json!({ "succeeded": 3, "resultsWritten": 3, "total": 3 }));
    assert_eq!(counts(&run, "executionCounts"), json!({ "succeeded": 2, "resultsWritten": 2, "total": 2 }));
    let items: Vec<_> =
        children(&world, &run, json!({})).await.iter().map(|child| child["itemCount"].clone()).collect();
    assert_eq!(items, [1, 2]);
}

#[tokio::test]
async fn another_process_answers_the_same_and_goes_by_the_limits_that_were_set() {
    let records = MemoryRecords::new();
    let world = World::over(&records);
    let execution = started(&world, json!({ "MaxConcurrency": 1 }), json!(["wait", "wait", "wait", 4])).await;
    let arn = run_of(&world, &execution).await["mapRunArn"].clone();
    world.ask("UpdateMapRun", json!({ "mapRunArn": arn, "maxConcurrency": 2, "toleratedFailureCount": 7 })).await;
    let run = run_of(&world, &execution).await;
    assert_eq!(counts(&run, "executionCounts"), json!({ "running": 2, "pending": 2, "total": 4 }));
    world.runner.drain(std::time::Duration::from_secs(10)).await;
    drop(world);
    let world = World::over(&records);
    world.runner.recover_all().await.unwrap();
    assert_eq!(run_of(&world, &execution).await, run);
    world.ask("UpdateMapRun", json!({ "mapRunArn": arn, "maxConcurrency": 0 })).await;
    let run = run_of(&world, &execution).await;
    assert_eq!((&run["maxConcurrency"], &run["toleratedFailureCount"]), (&json!(0), &json!(7)));
    assert_eq!(counts(&run, "executionCounts"), json!({ "running": 3, "succeeded": 1, "total": 4 }));
}

#[tokio::test]
async fn a_lower_threshold_judges_what_has_failed_already() {
    let world = World::new();
    let execution = started(&world, json!({ "ToleratedFailureCount": 5 }), json!(["bad", "bad", "wait"])).await;
    let arn = run_of(&world, &execution).await["mapRunArn"].clone();
    world.ask("UpdateMapRun", json!({ "mapRunArn": arn, "toleratedFailureCount": 2 })).await;
    assert_eq!(run_of(&world, &execution).await["status"], "RUNNING");
    world.ask("UpdateMapRun", json!({ "mapRunArn": arn, "toleratedFailureCount": 1 })).await;
    let response = world.ended(&execution).await;
    assert_eq!(response["error"], "States.ExceedToleratedFailureThreshold");
    assert_eq!(run_of(&world, &execution).await["status"], "FAILED");
    for limits in [json!({ "maxConcurrency": 1 }), json!({})] {
        let mut request = json!({ "mapRunArn": arn });
        request.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        assert_eq!(world.refused("UpdateMapRun", request).await.0, "ValidationException");
    }
}

#[tokio::test]
async fn a_redrive_repeats_what_failed_and_nothing_else() {
    let world = World::new();
    let execution = started(&world, json!({ "MaxConcurrency": 1 }), json!([1, "repaired", 3])).await;
    assert_eq!(world.ended(&execution).await["status"], "FAILED");
    let failed = run_of(&world, &execution).await;
    assert_eq!(counts(&failed, "executionCounts"), json!({ "succeeded": 1, "failed": 1, "pending": 1, "total": 3 }));
    world.repair();
    world.ask("RedriveExecution", json!({ "executionArn": execution })).await;
    assert_eq!(world.ended(&execution).await["output"], "[1,\"repaired\",3]");
    let run = run_of(&world, &execution).await;
    assert_eq!((&run["mapRunArn"], &run["status"]), (&failed["mapRunArn"], &json!("SUCCEEDED")));
    assert_eq!((&run["redriveCount"], run["redriveDate"].is_number()), (&json!(1), true));
    assert_eq!(counts(&run, "executionCounts"), json!({ "succeeded": 3, "resultsWritten": 3, "total": 3 }));
    let all = children(&world, &run, json!({})).await;
    let redrives: Vec<_> = all.iter().map(|child| child["redriveCount"].clone()).collect();
    assert_eq!(redrives, [0, 1, 0]);
    let history = world.history(&text(&all[1]["executionArn"])).await;
    let response: Vec<_> = history.iter().map(|event| text(&event["type"])).collect();
    assert!(
        response.contains(&"ExecutionFailed".to_owned()) && response.contains(&"ExecutionRedriven".to_owned()),
        "{response:?}"
    );
    assert_eq!(response.last().unwrap(), "ExecutionSucceeded");
    assert!(world.history(&execution).await.iter().any(|event| event["type"] == "MapRunRedriven"));
}

#[tokio::test]
async fn a_nested_map_run_belongs_to_the_child_that_started_it() {
    let world = World::new();
    let inner = map(&json!({ "Label": "Inner", "ItemsPath": "$.rows" }));
    let mut outer = map(&json!({}));
    outer["States"]["Each"]["ItemProcessor"]["StartAt"] = "Inner".into();
    outer["States"]["Each"]["ItemProcessor"]["States"] = json!({ "Inner": inner["States"]["Each"] });
    let machine = world.machine("m", &outer).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": "[{\"rows\": [1, 2]}]" });
    let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
    assert_eq!(world.ended(&execution).await["output"], "[[1,2]]");
    let run = run_of(&world, &execution).await;
    let child = text(&children(&world, &run, json!({})).await[0]["executionArn"]);
    let nested = run_of(&world, &child).await;
    assert_eq!((&nested["executionArn"], nested["executionCounts"]["succeeded"].as_u64()), (&json!(child), Some(2)));
    assert!(world.history(&child).await.iter().any(|event| event["type"] == "MapRunSucceeded"));
}

#[tokio::test]
async fn express_children_are_described_and_not_listed() {
    let world = World::new();
    let mut definition = map(&json!({}));
    definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS".into();
    let machine = world.machine("m", &definition).await;
    let request = json!({ "stateMachineArn": machine, "name": "e", "input": "[1]" });
    let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
    world.ended(&execution).await;
    let run = run_of(&world, &execution).await;
    assert_eq!(run["executionCounts"]["succeeded"], 1);
    let (kind, _) = world.refused("ListExecutions", json!({ "mapRunArn": run["mapRunArn"] })).await;
    assert_eq!(kind, "StateMachineTypeNotSupported");
}

#[tokio::test]
async fn a_name_that_nothing_has_is_an_error() {
    let world = World::new();
    let execution = started(&world, json!({}), json!([1])).await;
    world.ended(&execution).await;
    let run = text(&run_of(&world, &execution).await["mapRunArn"]);
    let other = run.replace("/Rows:", "/Other:");
    for (operation, member) in [("DescribeMapRun", "mapRunArn"), ("ListExecutions", "mapRunArn")] {
        let response = pair("ResourceNotFound", &format!("Resource not found: '{other}'"));
        assert_eq!(world.refused(operation, json!({ member: other })).await, response, "{operation}");
    }
    // The name of a child execution that never started, and the map run's own UUID as a child's name.
    let prefix = &run[..run.len() - 12].replace(":mapRun:", ":execution:");
    for name in [format!("{prefix}0000000000ff"), run.replace(":mapRun:", ":execution:"), format!("{prefix}x")] {
        for operation in ["DescribeExecution", "GetExecutionHistory", "DescribeStateMachineForExecution", "ListMapRuns"]
        {
            let (kind, _) = world.refused(operation, json!({ "executionArn": name })).await;
            assert_eq!(kind, "ExecutionDoesNotExist", "{operation} {name}");
        }
    }
}

#[tokio::test]
async fn a_deleted_execution_leaves_no_map_run() {
    let world = World::new();
    let execution = started(&world, json!({}), json!([1])).await;
    world.ended(&execution).await;
    let run = run_of(&world, &execution).await;
    let child = children(&world, &run, json!({})).await[0]["executionArn"].clone();
    world.runner.store().delete_execution("m:e").unwrap();
    let (kind, _) = world.refused("DescribeMapRun", json!({ "mapRunArn": run["mapRunArn"] })).await;
    assert_eq!(kind, "ResourceNotFound");
    let (kind, _) = world.refused("DescribeExecution", json!({ "executionArn": child })).await;
    assert_eq!(kind, "ExecutionDoesNotExist");
    assert_eq!(world.runner.store().map_runs("m:e").unwrap(), []);
}

#[tokio::test]
async fn the_history_of_a_child_that_runs_is_the_same_in_both_orders() {
    let world = World::new();
    let task = |next: &str| json!({ "Type": "Task", "Resource": "flow:test:echo", "Next": next });
    for tasks in [0, 1, 2, 5, 9] {
        let name = |at: usize| if at < tasks { format!("T{at}") } else { "Waits".to_owned() };
        let mut states = json!({ "Waits": { "Type": "Wait", "Seconds": 3600, "End": true } });
        (0..tasks).for_each(|at| states[name(at)] = task(&name(at + 1)));
        let processor = json!({ "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": name(0), "States": states });
        let map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
        let definition = json!({ "StartAt": "Each", "States": { "Each": map } });
        let machine = world.machine(&format!("m{tasks}"), &definition).await;
        let request = json!({ "stateMachineArn": machine, "name": "e", "input": "[1]" });
        let execution = text(&world.ask("StartExecution", request).await["executionArn"]);
        let child = loop {
            let runs = world.ask("ListMapRuns", json!({ "executionArn": execution })).await;
            let run = json!({ "mapRunArn": runs["mapRuns"][0]["mapRunArn"] });
            if run["mapRunArn"].is_string()
                && let Some(child) = children(&world, &run, json!({})).await.first()
            {
                break text(&child["executionArn"]);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let ids = async |reverse: bool| {
            let request = json!({ "executionArn": child, "reverseOrder": reverse });
            let history = world.ask("GetExecutionHistory", request).await;
            let events = history["events"].as_array().unwrap().iter();
            events.map(|event| (event["id"].as_u64().unwrap(), text(&event["type"]))).collect::<Vec<_>>()
        };
        while ids(false).await.last().is_none_or(|(_, kind)| kind != "WaitStateEntered") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut reversed = ids(true).await;
        reversed.reverse();
        assert_eq!(reversed, ids(false).await, "{tasks} tasks");
    }
}
