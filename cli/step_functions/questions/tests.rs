//! Tests of the questions.

use serde_json::json;
use steps::step_functions::RemoteEvent;

use super::*;
use crate::step_functions::history::History;

/// An event of the state Ask.
fn event(id: u64, kind: &str, data: &Value) -> RemoteEvent {
    RemoteEvent {
        id,
        previous_id: id - 1,
        kind: kind.to_owned(),
        name: Some("Ask".to_owned()),
        data: Some(data.to_string()),
        ..RemoteEvent::default()
    }
}

/// An execution whose Task has these fields beside its token.
fn asking(fields: Value) -> CachedExecution {
    let parameters = |token: &str, value: &str| {
        let mut payload = fields.clone();
        payload[token] = json!(value);
        json!({ "Payload": payload })
    };
    let task = json!({ "Type": "Task", "Parameters": parameters("token.$", "$$.Task.Token"), "End": true });
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": task } });
    let event = |id: u64, kind: &str| event(id, kind, &parameters("token", "T"));
    let mut history = History::new(&definition);
    history.add(&[event(1, "TaskStateEntered"), event(2, "TaskScheduled"), event(3, "TaskSubmitted")]);
    CachedExecution { arn: String::new(), definition, history, shown: 0 }
}

#[test]
fn a_question_that_cannot_be_read_is_not_answered_unchecked() {
    for (fields, problem) in [
        (json!({}), None),
        (json!({ "Choices": "now" }), None),
        (json!({ "Prompt": "Go?", "Choices": ["now"] }), None),
        (json!({ "Prompt": "Go?", "Choices": "now" }), Some("the question of \"Ask\" is malformed: ")),
    ] {
        let refused = the_task(&asking(fields.clone()), Some("Ask")).err().map(|error| error.message);
        match problem {
            None => assert_eq!(refused, None, "{fields}"),
            Some(problem) => assert!(refused.is_some_and(|message| message.starts_with(problem)), "{fields}"),
        }
    }
}

#[test]
fn a_task_without_a_question_is_not_asked_as_one_and_others_answer_a_task_without_a_token() {
    let refusal = |resource: &str| {
        let mut cached = asking(json!({}));
        cached.definition["States"]["Ask"]["Resource"] = json!(resource);
        cached.definition["States"]["Ask"]["Parameters"] = json!({ "Payload": {} });
        the_task(&cached, Some("Ask")).err().map(|error| error.message).unwrap_or_default()
    };
    let activity = refusal("arn:aws:states:us-east-1:111111111111:activity:work");
    assert!(activity.contains("a task of an activity, which only its worker answers"), "{activity}");
    let child = refusal("arn:aws:states:::states:startExecution.sync:2");
    assert!(child.contains("waits for the answer of arn:aws:states:::states:startExecution.sync:2"), "{child}");
    let hidden = refusal("arn:aws:states:::lambda:invoke.waitForTaskToken");
    assert!(hidden.contains("do not contain its task token"), "{hidden}");
    let cached = asking(json!({}));
    let task = scheduled(&cached).pop();
    let asked = task.as_ref().and_then(|task| asks(&cached, task));
    assert!(asked.is_some_and(|asked| asked.approval.is_none() && asked.sentence == NO_PROMPT));
}

#[test]
fn the_executions_that_end_with_a_cancelled_one_are_those_that_it_waits_for() {
    let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true });
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": task } });
    let arn = "arn:aws:states:us-east-1:111111111111:execution:fleet:f-1";
    let submitted = RemoteEvent {
        resource: Some("startExecution.sync:2".to_owned()),
        ..event(3, "TaskSubmitted", &json!({ "ExecutionArn": arn }))
    };
    let begun = [event(1, "TaskStateEntered", &json!({})), event(2, "TaskScheduled", &json!({})), submitted];
    let mut history = History::new(&definition);
    history.add(&begun);
    let mut cached = CachedExecution { arn: String::new(), definition, history, shown: 0 };
    assert_eq!(awaited_executions(&cached), ["fleet:f-1"]);
    cached.history.add(&[event(4, "TaskSucceeded", &json!({}))]);
    assert!(awaited_executions(&cached).is_empty());
}

#[test]
fn a_malformed_question_proposes_no_answer() {
    let cached = asking(json!({ "Prompt": "Go?", "Choices": "now" }));
    let task = scheduled(&cached).pop();
    let asked = task.as_ref().and_then(|task| asks(&cached, task));
    let lines = asked.map(|asked| next::answer_lines("job:r-1", "Ask", &asked).join("\n")).unwrap_or_default();
    assert!(lines.contains("flow cancel job:r-1") && !lines.contains("flow approve"), "{lines}");
}

#[test]
fn a_question_for_holders_of_tokens_proposes_no_command_that_is_refused() {
    let tokens = json!([{ "Label": "on call", "Sha256": "0".repeat(64) }]);
    for (more, expected) in [(json!([]), true), (json!(["ann"]), false)] {
        let cached = asking(json!({ "Prompt": "Go?", "Tokens": tokens, "Users": more }));
        let task = scheduled(&cached).pop();
        let asked = task.as_ref().and_then(|task| asks(&cached, task));
        let Some(Instructions { approval, values, .. }) = asked else { panic!("no question: {more}") };
        assert_eq!(approval.is_none(), expected, "{more}");
        assert_eq!(values.iter().any(|(_, value)| value == ONLY_WITH_TOKENS), expected, "{values:?}");
    }
}

#[test]
fn an_approval_of_a_server_needs_a_person_and_its_command_has_the_choice_and_the_fields() {
    let fields = json!({ "required": ["ticket"], "properties": { "ticket": { "type": "string" } } });
    let question = json!({ "Prompt": "Go?", "Choices": ["now", "tonight"], "Fields": fields });
    let ask = json!({ "Type": "Task", "Resource": flow::APPROVAL, "Parameters": question, "End": true });
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": ask } });
    let event = |id: u64, kind: &str| event(id, kind, &question);
    let mut history = History::new(&definition);
    history.add(&[event(1, "TaskStateEntered"), event(2, "TaskScheduled"), event(3, "TaskStarted")]);
    let arn = "arn:aws:states:us-east-1:111111111111:execution:job:r-1".to_owned();
    let mut view = View::new(&header(&arn, &RemoteExecution::default()), &definition);
    history.entries().iter().for_each(|entry| view.fold(entry));
    mark(&CachedExecution { arn: arn.clone(), definition, history, shown: 0 }, &mut view);
    assert!(view.needs_person(), "{:?}", view.states);
    let asked = crate::ui::summary::needs(&view, true, 0).join("\n");
    let command = format!("flow approve {arn} Ask --choice … --set ticket=…");
    for part in ["Go?", "choices", "now, tonight", "--set ticket=", "in the home of the server:", &command] {
        assert!(asked.contains(part), "{part:?} is not in: {asked}");
    }
    assert!(!asked.contains("check"), "{asked}");
    let longest = asked.lines().filter(|line| !line.contains(&command)).map(str::len).max();
    assert!(longest.is_some_and(|bytes| bytes < 80), "{asked}");
}
