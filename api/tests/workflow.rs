//! `flow run` starts the same kind of execution as StartExecution, and older executions are adopted.

use engine::runner::NewExecution;

use super::*;
use crate::{
    CheckedDefinition, Operation,
    flow::{
        AnswerApproval, AnswerApprovalRequest, Decision, MarkShown, MarkShownRequest, SignalTask, SignalTaskRequest,
        StartExecutionRequest, TaskOutcome, TrackUnfinished, TrackUnfinishedRequest,
    },
    state_machine_name,
};

/// A request that starts an execution of the workflow `work`.
pub(super) fn workflow(id: &str, definition: &Value) -> StartExecutionRequest {
    StartExecutionRequest {
        id: id.to_owned(),
        workflow: "work".to_owned(),
        subject: None,
        environment: Value::Null,
        from: Vec::new(),
        definition: CheckedDefinition::read(definition.clone(), false, &|_| true).0.unwrap(),
        input: json!({ "a": 1 }),
    }
}

#[tokio::test]
async fn what_a_workflow_begins_is_seen_stopped_and_redriven_by_its_arn() {
    let world = World::new();
    let header = world.api.start_workflow(workflow("work-7k3f", &wait())).await.unwrap();
    assert_eq!(header.id, "work-7k3f", "the id is the one in the request");
    let machine = format!("{PREFIX}:stateMachine:work");
    let described = world.ask("DescribeStateMachine", json!({ "stateMachineArn": machine })).await;
    assert_eq!(serde_json::from_str::<Value>(&text(&described["definition"])).unwrap(), wait());
    let listed = world.ask("ListExecutions", json!({ "stateMachineArn": machine })).await;
    let arn = format!("{PREFIX}:execution:work:work-7k3f");
    assert_eq!(listed["executions"][0]["executionArn"], arn);
    let response = world.ask("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&response["status"], &response["input"]), (&json!("RUNNING"), &json!(r#"{"a":1}"#)));
    assert_eq!(world.history(&arn).await[0]["type"], "ExecutionStarted");
    world.ask("StopExecution", json!({ "executionArn": arn, "error": "E" })).await;
    assert_eq!(world.ended(&arn).await["error"], "E");
    world.ask("RedriveExecution", json!({ "executionArn": arn })).await;
    world.ask("StopExecution", json!({ "executionArn": arn })).await;
    world.api.resume("work-7k3f", None, Vec::new(), None).await.unwrap();
    let response = world.ask("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&response["status"], &response["redriveCount"]), (&json!("RUNNING"), &json!(2)), "both redrives count");
    assert!(response["redriveDate"].is_number());
    let pinned = world.ask("DescribeStateMachineForExecution", json!({ "executionArn": arn })).await;
    assert_eq!(pinned["stateMachineArn"], machine);
}

#[tokio::test]
async fn the_context_object_says_what_awss_says() {
    let world = World::new();
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": {
        "Type": "Pass", "Output": "{% $states.context.Execution.Id & ' ' & $states.context.StateMachine.Name %}", "End": true
    } } });
    world.api.start_workflow(workflow("w-1", &definition)).await.unwrap();
    let arn = format!("{PREFIX}:execution:work:w-1");
    assert_eq!(world.ended(&arn).await["output"], format!("\"{arn} work\""));
}

#[tokio::test]
async fn one_name_is_one_execution_for_every_caller() {
    let world = World::new();
    world.api.start_workflow(workflow("w-1", &wait())).await.unwrap();
    world.api.start_workflow(workflow("w-1", &wait())).await.unwrap();
    let other = StartExecutionRequest { input: json!({ "a": 2 }), ..workflow("w-1", &wait()) };
    assert_eq!(world.api.start_workflow(other).await.unwrap_err().kind, "ExecutionAlreadyExists");
    let edited = world.api.start_workflow(workflow("w-1", &pass())).await.unwrap_err();
    assert_eq!((edited.kind, edited.execution.as_deref()), ("ExecutionAlreadyExists", Some("w-1")));
    assert!(edited.message.ends_with("with another definition"), "{}", edited.message);
    let machine = format!("{PREFIX}:stateMachine:work");
    let again = |input: &str| json!({ "stateMachineArn": machine, "name": "w-1", "input": input });
    let same = world.ask("StartExecution", again(r#"{"a":1}"#)).await;
    assert_eq!(same["executionArn"], format!("{PREFIX}:execution:work:w-1"), "it returns the running execution");
    assert_eq!(world.refused("StartExecution", again("{}")).await.0, "ExecutionAlreadyExists");
    world.ask("StartExecution", json!({ "stateMachineArn": machine, "name": "w-2" })).await;
    let taken = StartExecutionRequest { input: json!({}), ..workflow("w-2", &wait()) };
    assert_eq!(world.api.start_workflow(taken).await.unwrap_err().kind, "ExecutionAlreadyExists");
    let listed = world.ask("ListExecutions", json!({ "stateMachineArn": machine })).await;
    assert_eq!(listed["executions"].as_array().unwrap().len(), 2);
    for id in ["a:b", "", "a b"] {
        assert_eq!(world.api.start_workflow(workflow(id, &wait())).await.unwrap_err().kind, "InvalidName", "{id}");
    }
}

/// The store writes records that it can read again, so that one deep input does not stop every list.
#[tokio::test]
async fn an_input_that_the_store_could_not_read_again_is_refused() {
    let world = World::new();
    let nested = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
    let request = |levels: usize| StartExecutionRequest {
        input: nested(levels),
        ..workflow(&format!("nested-{levels}"), &pass())
    };
    for levels in [101, 125, 126, 127, 1_000] {
        let refused = world.api.start_workflow(request(levels)).await.unwrap_err();
        assert!(refused.message.contains("deeper than 100 levels"), "{levels}: {}", refused.message);
    }
    let id = world.api.start_workflow(request(100)).await.unwrap().id;
    assert_eq!(*world.api.header(&id).unwrap().0.input, nested(100));
}

#[tokio::test]
async fn a_changed_workflow_updates_its_state_machine_and_no_other() {
    let world = World::new();
    let machine = json!({ "stateMachineArn": format!("{PREFIX}:stateMachine:work") });
    world.api.start_workflow(workflow("w-1", &wait())).await.unwrap();
    let first = world.ask("DescribeStateMachine", machine.clone()).await;
    world.api.start_workflow(workflow("w-2", &wait())).await.unwrap();
    assert_eq!(world.ask("DescribeStateMachine", machine.clone()).await, first, "the same definition is no update");
    world.api.start_workflow(workflow("w-3", &pass())).await.unwrap();
    let second = world.ask("DescribeStateMachine", machine.clone()).await;
    assert_eq!(second["definition"], pass().to_string());
    assert!(second["revisionId"].is_string() && first["revisionId"].is_null());
    let pinned = json!({ "executionArn": format!("{PREFIX}:execution:work:w-1") });
    let pinned = world.ask("DescribeStateMachineForExecution", pinned).await;
    assert_eq!(pinned["definition"], wait().to_string(), "a running execution keeps its definition");
    world.machine("mine", &pass()).await;
    let mine =
        |definition: &Value| StartExecutionRequest { workflow: "mine".to_owned(), ..workflow("m-1", definition) };
    let refused = world.api.start_workflow(mine(&wait())).await.unwrap_err();
    assert_eq!(refused.kind, "StateMachineAlreadyExists");
    world.api.start_workflow(mine(&pass())).await.unwrap();
}

#[tokio::test]
async fn executions_of_earlier_versions_are_known_by_arn_too() {
    let world = World::new();
    let old = |id: &str, workflow: &str, definition: Value| {
        NewExecution::new(id, workflow, &definition, json!({ "old": true }))
    };
    world.runner.start_execution(old("old-1", "old", wait())).await.unwrap();
    world.api.adopt().unwrap();
    world.api.adopt().unwrap();
    let arn = format!("{PREFIX}:execution:old:old-1");
    let response = world.ask("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&response["name"], &response["input"]), (&json!("old-1"), &json!(r#"{"old":true}"#)));
    world.ask("StopExecution", json!({ "executionArn": arn })).await;
    world.api.resume("old-1", None, Vec::new(), None).await.unwrap();
    let listed = world.ask("ListExecutions", json!({ "stateMachineArn": format!("{PREFIX}:stateMachine:old") })).await;
    assert_eq!(listed["executions"][0]["executionArn"], arn);
    let start = StartExecutionRequest {
        workflow: "old".to_owned(),
        input: json!({ "old": true }),
        ..workflow("old-1", &wait())
    };
    assert_eq!(world.api.start_workflow(start).await.unwrap().id, "old-1", "the same start attaches");
}

#[tokio::test]
async fn a_busy_subject_is_a_fault_of_its_own() {
    let world = World::new();
    let on_subject = |id: &str| StartExecutionRequest { subject: Some("shop".to_owned()), ..workflow(id, &wait()) };
    world.api.start_workflow(on_subject("w-1")).await.unwrap();
    let busy = world.api.start_workflow(on_subject("w-2")).await.unwrap_err();
    assert_eq!((busy.kind, busy.http_status()), (crate::SUBJECT_BUSY, 400));
    assert_eq!(busy.message, "w-1 works on shop and has not ended");
    assert_eq!(busy.execution.as_deref(), Some("w-1"));
}

#[tokio::test]
async fn a_waiting_state_is_answered_by_its_name() {
    let world = World::new();
    world.api.start_workflow(workflow("w-1", &task("flow:test:waits"))).await.unwrap();
    let answer = |state: &str| {
        let by = engine::journal::Signaller { user: "alice".to_owned(), host: "here".to_owned(), comment: None };
        let (id, state, outcome) = ("w-1".to_owned(), state.to_owned(), TaskOutcome::Success("[1]".to_owned()));
        SignalTask::answer(&world.api, SignalTaskRequest { id, state, outcome, by, early: false })
    };
    // It waits once the first poll has returned. Then the message names it.
    let refused = loop {
        let refused = answer("B").await.unwrap_err();
        if refused.message.contains("\"A\"") {
            break refused;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    assert_eq!(refused.kind, "TaskDoesNotExist");
    answer("A").await.unwrap();
    assert_eq!(world.ended(&format!("{PREFIX}:execution:work:w-1")).await["output"], "[1]");
}

#[tokio::test]
async fn only_a_worker_answers_the_task_of_an_activity() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "work" })).await["activityArn"]);
    world.api.start_workflow(workflow("w-1", &task(&activity))).await.unwrap();
    let refused = async |state: &str| {
        let by = engine::journal::Signaller { user: "alice".to_owned(), host: "here".to_owned(), comment: None };
        let (id, state, outcome) = ("w-1".to_owned(), state.to_owned(), TaskOutcome::Success("[1]".to_owned()));
        let request = SignalTaskRequest { id, state, outcome, by, early: false };
        SignalTask::answer(&world.api, request).await.unwrap_err()
    };
    let doing = || {
        let frames = world.runner.store().frames("w-1").unwrap();
        (frames[0].waits_for_worker(), frames[0].runs_at_worker())
    };
    assert_eq!((refused("A").await.kind, doing()), (crate::IS_OF_ACTIVITY, (true, false)));
    let offered = world.ask("GetActivityTask", json!({ "activityArn": activity })).await;
    assert_eq!((refused("A").await.kind, doing()), (crate::IS_OF_ACTIVITY, (false, true)));
    assert!(refused("B").await.message.ends_with("no task waits"), "it proposes no task that a signal cannot answer");
    world.ask("SendTaskSuccess", json!({ "taskToken": offered["taskToken"], "output": "2" })).await;
    assert_eq!(world.ended(&format!("{PREFIX}:execution:work:w-1")).await["output"], "2");
}

#[tokio::test]
async fn an_early_answer_is_kept_for_a_task_that_may_wait_and_refused_for_one_that_never_does() {
    let world = World::new();
    let activity = text(&world.ask("CreateActivity", json!({ "name": "work" })).await["activityArn"]);
    let states = json!({
        "Rest": { "Type": "Wait", "Seconds": 3600, "Next": "Run" },
        "Run": { "Type": "Task", "Resource": "flow:process:run", "Next": "Work" },
        "Work": { "Type": "Task", "Resource": activity, "Next": "Choose" },
        "Choose": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Next": "Ask", "Parameters": {
            "FunctionName": "f", "Payload": { "token.$": "$$.Task.Token", "Prompt.$": "$.prompt" } } },
        "Ask": { "Type": "Task", "Resource": "flow:test:waits", "End": true }
    });
    let definition = json!({ "StartAt": "Rest", "States": states });
    world.api.start_workflow(workflow("w-1", &definition)).await.unwrap();
    let early = |state: &str| {
        let by = engine::journal::Signaller { user: "alice".to_owned(), host: "here".to_owned(), comment: None };
        let (id, state, outcome) = ("w-1".to_owned(), state.to_owned(), TaskOutcome::Success("1".to_owned()));
        SignalTask::answer(&world.api, SignalTaskRequest { id, state, outcome, by, early: true })
    };
    let refused = early("Run").await.unwrap_err();
    assert!(
        refused.message.contains("\"Run\" of w-1 never waits for an answer: flow:process:run"),
        "{}",
        refused.message
    );
    assert_eq!(early("Work").await.unwrap_err().kind, crate::IS_OF_ACTIVITY);
    assert_eq!(early("Choose").await.unwrap_err().kind, crate::APPROVAL_DOES_NOT_WAIT, "a person answers its question");
    assert!(early("Ask").await.unwrap().is_kept);
    let header = world.runner.store().header("w-1").unwrap().unwrap();
    assert_eq!(header.early_signals.len(), 1, "only the answer for the Task that may wait is kept");
}

#[tokio::test]
async fn no_signal_answers_a_question_while_the_call_that_asks_it_is_in_flight() {
    let world = World::new();
    let resource = "arn:aws:states:::events:putEvents.waitForTaskToken";
    let parameters = json!({ "Entries": { "token.$": "$$.Task.Token", "Prompt": "Go?" } });
    let ask = json!({ "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true });
    let definition = json!({ "StartAt": "A", "States": { "A": ask } });
    world.api.start_workflow(workflow("w-1", &definition)).await.unwrap();
    let by = engine::journal::Signaller { user: "alice".to_owned(), host: "here".to_owned(), comment: None };
    let (id, state, outcome) = ("w-1".to_owned(), "A".to_owned(), TaskOutcome::Success("1".to_owned()));
    for early in [false, true] {
        let request =
            SignalTaskRequest { id: id.clone(), state: state.clone(), outcome: outcome.clone(), by: by.clone(), early };
        let refused = SignalTask::answer(&world.api, request).await.unwrap_err();
        assert_eq!(refused.kind, crate::APPROVAL_DOES_NOT_WAIT, "{}", refused.message);
    }
}

#[tokio::test]
async fn only_the_holder_of_the_task_token_answers_a_malformed_question() {
    let world = World::new();
    let resource = "arn:aws:states:::sns:publish.waitForTaskToken";
    let parameters = json!({ "Message": { "token.$": "$$.Task.Token" } });
    let ask = json!({ "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true });
    let definition = json!({ "StartAt": "A", "States": { "A": ask } });
    world.api.start_workflow(workflow("w-1", &definition)).await.unwrap();
    let row = loop {
        let frames = world.runner.store().frames("w-1").unwrap();
        if let Some(row) = frames.into_iter().find(|row| row.waits_for_token()) {
            break row;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    let by = || engine::journal::Signaller { user: "alice".to_owned(), host: "here".to_owned(), comment: None };
    let (id, state, outcome) = ("w-1".to_owned(), "A".to_owned(), TaskOutcome::Success("1".to_owned()));
    let request = SignalTaskRequest { id: id.clone(), state, outcome, by: by(), early: false };
    assert_eq!(SignalTask::answer(&world.api, request).await.unwrap_err().kind, crate::MALFORMED_QUESTION);
    let request = AnswerApprovalRequest { id, state: None, decision: Decision::Reject, by: by(), groups: Vec::new() };
    let refused = AnswerApproval::answer(&world.api, request).await.unwrap_err();
    assert_eq!(refused.message, "the question of \"A\" is malformed: Choices: no list; nothing was answered");
    let (execution, frame, visit, attempt) = ("w-1".to_owned(), row.id, row.visit, row.attempt);
    let token = engine::step::TaskToken { execution, frame, visit, attempt };
    assert!(world.runner.answer_task(&token, Ok(json!(1)), None).await.unwrap());
    assert_eq!(world.ended(&format!("{PREFIX}:execution:work:w-1")).await["output"], "1");
}

/// Sends the executions that have not ended and those whose end was reported. Returns those that are to be reported.
async fn track(world: &World, ids: &[&str], reported: &[&str], keeps_ended: bool) -> Vec<String> {
    let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    let (ids, reported) = (texts(ids), texts(reported));
    let request = TrackUnfinishedRequest { ids, reported, keeps_ended, said_needs_ms: None };
    let ended = TrackUnfinished::answer(&world.api, request).await.unwrap().ended;
    ended.into_iter().map(|header| header.id).collect()
}

#[tokio::test]
async fn an_end_that_nobody_reported_is_reported_once_by_the_next_request() {
    let world = World::new();
    let ids = ["w-1", "w-2", "w-3"];
    for id in ids {
        world.api.start_workflow(workflow(id, &wait())).await.unwrap();
    }
    assert!(track(&world, &ids, &[], false).await.is_empty());
    for id in ids {
        let arn = format!("{PREFIX}:execution:work:{id}");
        world.ask("StopExecution", json!({ "executionArn": arn })).await;
        world.ended(&arn).await;
    }
    let sequence = world.runner.store().summary("w-2").unwrap().unwrap().last_sequence;
    MarkShown::answer(&world.api, MarkShownRequest { id: "w-2".to_owned(), sequence, continues: false }).await.unwrap();
    // The caller listed w-2 and w-3 before they ended, and reported the end of w-1. The person who stopped w-2 knows of its end.
    assert!(track(&world, &["w-2", "w-3"], &["w-1"], true).await.is_empty());
    assert_eq!(track(&world, &[], &[], false).await, ["w-3"]);
    assert!(track(&world, &[], &[], false).await.is_empty());
}

/// The request depends on whether the end was shown, and not on whether a command saw the execution unfinished.
#[tokio::test]
async fn an_end_that_no_command_saw_coming_is_reported_until_it_is_shown() {
    let world = World::new();
    let fails = json!({ "StartAt": "A", "States": { "A": { "Type": "Fail", "Error": "Broken" } } });
    for (id, definition) in [("w-1", fails.clone()), ("w-2", pass())] {
        world.api.start_workflow(workflow(id, &definition)).await.unwrap();
        world.ended(&format!("{PREFIX}:execution:work:{id}")).await;
    }
    let machine = world.machine("api", &fails).await;
    world.ended(&world.start(&machine, "one").await).await;
    let succeeds = world.machine("fine", &pass()).await;
    world.ended(&world.start(&succeeds, "one").await).await;
    let shown = async |id: &str, continues: bool| {
        let sequence = world.runner.store().summary(id).unwrap().unwrap().last_sequence;
        MarkShown::answer(&world.api, MarkShownRequest { id: id.to_owned(), sequence, continues }).await.unwrap();
    };
    // A display that was killed did not show the end.
    shown("w-1", true).await;
    let mut ended = track(&world, &[], &[], false).await;
    ended.sort();
    assert_eq!(ended, ["api:one", "w-1", "w-2"], "of a client's executions only the failures");
    for id in ["api:one", "w-2"] {
        shown(id, false).await;
    }
    // The command was killed before it printed w-1.
    assert_eq!(track(&world, &[], &[], false).await, ["w-1"]);
    shown("w-1", false).await;
    assert!(track(&world, &[], &[], false).await.is_empty());
    world.api.resume("w-1", None, Vec::new(), None).await.unwrap();
    world.ended(&format!("{PREFIX}:execution:work:w-1")).await;
    assert_eq!(track(&world, &[], &[], false).await, ["w-1"], "it has failed again");
}

#[tokio::test]
async fn a_success_that_was_shown_is_not_reported_by_a_request_that_listed_it_before() {
    let world = World::new();
    world.api.start_workflow(workflow("w-1", &pass())).await.unwrap();
    world.ended(&format!("{PREFIX}:execution:work:w-1")).await;
    let sequence = world.runner.store().summary("w-1").unwrap().unwrap().last_sequence;
    MarkShown::answer(&world.api, MarkShownRequest { id: "w-1".to_owned(), sequence, continues: false }).await.unwrap();
    assert!(track(&world, &["w-1"], &[], false).await.is_empty());
    assert!(track(&world, &[], &[], true).await.is_empty());
    assert!(track(&world, &[], &[], false).await.is_empty());
}

#[tokio::test]
async fn the_times_at_which_needs_were_said_are_stored_until_they_are_replaced() {
    let world = World::new();
    let said = |id: &str| std::collections::BTreeMap::from([(id.to_owned(), 1)]);
    let request = |said_needs_ms| TrackUnfinishedRequest { said_needs_ms, ..TrackUnfinishedRequest::default() };
    for (sent, expected) in [
        (Some(said("one")), None),
        (None, Some(said("one"))),
        (Some(said("two")), Some(said("one"))),
        (None, Some(said("two"))),
    ] {
        let response = TrackUnfinished::answer(&world.api, request(sent)).await.unwrap();
        assert_eq!(response.said_needs_ms, expected.unwrap_or_default());
    }
}

#[test]
fn any_file_has_a_name_for_its_state_machine() {
    for (workflow, expected) in [("endpoints-aws", "endpoints-aws"), ("my flow, new", "my-flow--new"), ("", "workflow")]
    {
        assert_eq!(state_machine_name(workflow), expected);
    }
    assert!(engine::store::is_name(&state_machine_name(&"ä/".repeat(90))));
}
