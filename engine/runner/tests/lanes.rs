//! An expression does not delay other executions.

use super::*;

/// Takes tens of milliseconds and has no bound on its cost.
const LONG: &str = "{% $sum($map([1..10], function($v) { $sum([1..20000]) })) %}";

#[tokio::test]
async fn an_execution_starts_and_ends_while_others_evaluate() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    let each = definition(json!({ "A": { "Type": "Pass", "Output": LONG, "End": true } }));
    let map = json!({ "Type": "Map", "Items": (0..2_000).collect::<Vec<_>>(), "ItemProcessor": each, "End": true });
    for number in 0..4 {
        let header = handle
            .start_execution(new(&format!("long-{number}"), definition(json!({ "A": map.clone() }))))
            .await
            .unwrap();
        assert_eq!(header.status, ExecutionStatus::Running);
    }
    let quick = definition(json!({ "A": { "Type": "Pass", "Output": "{% $states.input %}", "End": true } }));
    for number in 0..20 {
        let id = format!("quick-{number}");
        handle.start_execution(new(&id, quick.clone())).await.unwrap();
        assert_eq!(until_settled(&handle, &id).await.status, ExecutionStatus::Succeeded);
    }
    // Expressions of another state machine are evaluated in the meantime too.
    let evaluates =
        definition(json!({ "A": { "Type": "Pass", "Output": "{% $replace('a', /a/, 'b') %}", "End": true } }));
    let header =
        handle.start_execution(NewExecution { workflow: "other".to_owned(), ..new("other", evaluates) }).await.unwrap();
    assert_eq!(header.status, ExecutionStatus::Running);
    assert_eq!(until_settled(&handle, "other").await.status, ExecutionStatus::Succeeded);
    for number in 0..4 {
        let id = format!("long-{number}");
        assert_eq!(
            handle.store().header(&id).unwrap().unwrap().status,
            ExecutionStatus::Running,
            "the long executions are still running"
        );
        handle.cancel(&id, "Stopped", "enough").await.unwrap();
    }
    assert!(handle.drain(DRAIN_MAX).await.has_ended);
}

/// The cancel must not precede the resume, which would continue the cancelled execution.
#[tokio::test]
async fn a_stop_after_a_resume_that_waits_for_a_lane_is_not_undone() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    let wait = json!({ "Type": "Wait", "Seconds": 1_000_000, "End": true });
    let states = json!({ "A": { "Type": "Pass", "Output": LONG, "Next": "W" }, "W": wait });
    handle.start_execution(new("one", definition(states))).await.unwrap();
    handle.cancel("one", "Stopped", "").await.unwrap();
    let rest = json!({ "Type": "Map", "Items": (0..100).collect::<Vec<_>>(),
        "ItemProcessor": definition(json!({ "A": { "Type": "Pass", "Output": LONG, "End": true } })), "End": true });
    for number in 0..6 {
        handle.start_execution(new(&format!("long-{number}"), definition(json!({ "A": rest.clone() })))).await.unwrap();
    }
    let (resumed, cancelled) = tokio::join!(handle.resume("one", None), handle.cancel("one", "Stopped", ""));
    resumed.unwrap();
    cancelled.unwrap();
    for number in 0..6 {
        handle.cancel(&format!("long-{number}"), "Stopped", "").await.unwrap();
    }
    assert_eq!(handle.store().header("one").unwrap().unwrap().status, ExecutionStatus::Aborted);
    assert!(handle.drain(DRAIN_MAX).await.has_ended);
}

#[tokio::test]
async fn what_reaches_an_execution_during_its_turn_is_done_after_it() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    let long = json!({ "Type": "Pass", "Output": "{% $sum([1..20000].($ * 2)) > 0 %}", "Next": "W" });
    let states = json!({ "A": long, "W": { "Type": "Wait", "Seconds": 1_000_000, "End": true } });
    handle.start_execution(new("one", definition(states))).await.unwrap();
    let cancelled = handle.cancel("one", "Stopped", "");
    let (cancelled, asleep) = tokio::join!(cancelled, handle.start_execution(new("two", chain())));
    cancelled.unwrap();
    asleep.unwrap();
    assert_eq!(until_settled(&handle, "one").await.status, ExecutionStatus::Aborted);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_turns_of_other_executions() {
    let (records, calls) = (MemoryRecords::new(), Arc::default());
    let handle = runner(&records, &calls);
    // Two lanes evaluate for the state machine, so the last executions wait for the first ones.
    let each = definition(json!({ "A": { "Type": "Pass", "Output": LONG, "End": true } }));
    let map = json!({ "Type": "Map", "Items": (0..200).collect::<Vec<_>>(), "ItemProcessor": each, "End": true });
    for number in 0..12 {
        handle.start_execution(new(&format!("long-{number}"), definition(json!({ "A": map.clone() })))).await.unwrap();
    }
    handle.cancel("long-11", "Stopped", "enough").await.unwrap();
    let header = handle.store().header("long-11").unwrap().unwrap();
    assert_eq!(header.status, ExecutionStatus::Aborted);
    assert!(header.last_sequence <= 3, "the turn that waited was dropped: {} entries", header.last_sequence);
    handle.cancel_after_calls("long-10", "Stopped", "enough").await.unwrap();
    for number in 0..10 {
        handle.cancel(&format!("long-{number}"), "Stopped", "enough").await.unwrap();
    }
    assert_eq!(until_settled(&handle, "long-10").await.status, ExecutionStatus::Aborted);
    assert!(handle.drain(DRAIN_MAX).await.has_ended);
}
