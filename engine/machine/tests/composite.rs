//! Parallel and Map: order of outputs, failures, redrive.

use serde_json::json;

use super::*;

fn branch(name: &str) -> Value {
    json!({ "StartAt": name, "States": { name: task(None) } })
}

fn side_by_side() -> Value {
    json!({
        "StartAt": "P",
        "States": { "P": { "Type": "Parallel", "Branches": [branch("A"), branch("B")], "Next": "C" }, "C": task(None) }
    })
}

#[test]
fn outputs_have_the_order_of_the_branches_not_of_their_ends() {
    let mut trial = Trial::start(side_by_side(), json!({}));
    trial.done("P[1]/B", json!("b"));
    trial.done("P[0]/A", json!("a"));
    assert_eq!(trial.polls()[0].3, "C");
    let row = &trial.execution.frames.in_order().next().unwrap().row;
    assert_eq!(*row.input, json!(["a", "b"]));
    assert_eq!(trial.execution.frames.len(), 1, "ended branches are forgotten");
}

#[test]
fn a_selector_of_items_sees_the_state_of_its_map() {
    let map = json!({ "Type": "Map", "Items": [1, 2], "End": true,
        "ItemSelector": { "state": "{% $states.context.State.Name %}", "item": "{% $states.context.Map.Item.Value %}" },
        "ItemProcessor": { "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } } });
    let trial = Trial::start(json!({ "StartAt": "M", "States": { "M": map } }), json!({}));
    assert_eq!(trial.output(), json!([{ "state": "M", "item": 1 }, { "state": "M", "item": 2 }]));
}

#[test]
fn a_redrive_does_not_repeat_what_had_ended_well() {
    let mut trial = Trial::start(side_by_side(), json!({}));
    trial.done("P[0]/A", json!("a"));
    trial.fail("P[1]/B", ErrorClass::Quota);
    assert_eq!((trial.status(), trial.error().as_str()), (ExecutionStatus::Failed, "Flow.Quota"));
    trial.now_ms += 5_000;
    trial.give(Input::Resume { environment: None, recover: false });
    assert_eq!(trial.status(), ExecutionStatus::Running);
    assert_eq!(trial.execution.header.stopped_total_ms, 5_000, "it was not active");
    assert_eq!(trial.polls().into_iter().map(|call| call.3).collect::<Vec<_>>(), ["P[1]/B"]);
    trial.done("P[1]/B", json!("b"));
    trial.done("C", json!("end"));
    assert_eq!(trial.output(), json!("end"));
    assert_eq!(trial.execution.header.redrive_count, 1);
}

#[test]
fn a_failed_branch_stops_the_others_and_a_redrive_continues_all_of_them() {
    let mut trial = Trial::start(side_by_side(), json!({}));
    trial.fail("P[0]/A", ErrorClass::Invalid);
    assert!(trial.commands.iter().any(|command| matches!(command, Command::Abandon { .. })));
    trial.give(Input::Resume { environment: None, recover: false });
    assert_eq!(trial.polls().len(), 2);
    trial.done("P[0]/A", json!(1));
    trial.done("P[1]/B", json!(2));
    trial.done("C", json!(3));
    assert_eq!(trial.status(), ExecutionStatus::Succeeded);
}

#[test]
fn inner_branches_see_outer_variables_but_cannot_change_them() {
    let definition = json!({
        "StartAt": "A",
        "States": {
            "A": { "Type": "Pass", "Assign": { "x": 1 }, "Next": "P" },
            "P": {
                "Type": "Parallel",
                "Branches": [{
                    "StartAt": "I",
                    "States": { "I": { "Type": "Pass", "Output": "{% $x + 1 %}", "Assign": { "y": 9 }, "End": true } }
                }],
                "Assign": { "z": "{% $states.result[0] %}" },
                "Next": "E"
            },
            "E": { "Type": "Pass", "Output": { "x": "{% $x %}", "z": "{% $z %}", "y": "{% $exists($y) %}" }, "End": true }
        }
    });
    let trial = Trial::start(definition, json!({}));
    assert_eq!(trial.output(), json!({ "x": 1, "z": 2, "y": false }));
}

#[test]
fn states_inside_a_distributed_map_alone_do_not_see_outer_variables() {
    let seen = |mode: &str| {
        let processor = json!({ "ProcessorConfig": { "Mode": mode, "ExecutionType": "STANDARD" }, "StartAt": "I", "States": {
            "I": { "Type": "Pass", "Assign": { "own": 1 }, "Next": "J" },
            "J": { "Type": "Pass", "Output": "{% [$exists($x), $exists($own)] %}", "End": true }
        } });
        let definition = json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Assign": { "x": [7, 8] }, "Next": "M" },
            "M": { "Type": "Map", "Items": "{% $x %}", "ItemProcessor": processor, "End": true }
        } });
        Trial::start(definition, json!({})).output()
    };
    assert_eq!(seen("DISTRIBUTED"), json!([[false, true], [false, true]]));
    assert_eq!(seen("INLINE"), json!([[true, true], [true, true]]));
}

#[test]
fn each_child_execution_has_an_identity_of_its_own() {
    let context =
        "{% [$states.context.Execution.Id, $states.context.Execution.Name, $states.context.StateMachine.Name] %}";
    let inner = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "Output": context, "End": true } } });
    let processor = json!({ "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": "N", "States": {
        "N": { "Type": "Map", "Items": [1, 2], "ItemProcessor": inner, "End": true }
    } });
    let map = json!({ "Type": "Map", "Items": [1, 2, 3], "Label": "run", "ItemProcessor": processor, "Next": "P" });
    let pass = json!({ "Type": "Pass", "Output": { "items": "{% $states.input %}", "parent": context }, "End": true });
    let output = Trial::start(json!({ "StartAt": "M", "States": { "M": map, "P": pass } }), json!({})).output();
    let ids: Vec<&Value> =
        output["items"].as_array().unwrap().iter().flat_map(|item| item.as_array().unwrap()).collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(|id| id[0].as_str().unwrap()).collect();
    assert_eq!((ids.len(), distinct.len()), (6, 3), "the iterations of the inline Map belong to one child: {output}");
    for id in ids {
        assert_eq!(id[2], format!("{}/run", output["parent"][2].as_str().unwrap()));
        assert!(id[0].as_str().unwrap().ends_with(id[1].as_str().unwrap()) && id[0] != output["parent"][0], "{output}");
    }
}

#[test]
fn a_map_runs_no_more_at_once_than_it_may_and_keeps_the_order() {
    let definition = json!({
        "StartAt": "M",
        "States": { "M": {
            "Type": "Map", "Items": "{% $states.input.items %}", "MaxConcurrency": 2, "End": true,
            "ItemProcessor": { "StartAt": "T", "States": { "T": {
                "Type": "Task", "Resource": "flow:test:step", "End": true,
                "Arguments": { "item": "{% $states.input %}", "at": "{% $states.context.Map.Item.Index %}" }
            } } }
        } }
    });
    let mut trial = Trial::start(definition, json!({ "items": ["a", "b", "c"] }));
    assert_eq!(trial.polls().len(), 2);
    trial.done("M[1]/T", json!("B"));
    trial.done("M[2]/T", json!("C"));
    trial.done("M[0]/T", json!("A"));
    assert_eq!(trial.output(), json!(["A", "B", "C"]));
    let arguments: Vec<_> = trial
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::CallStep(call) => Some((*call.arguments).clone()),
            _ => None,
        })
        .collect();
    assert!(arguments.contains(&json!({ "item": "c", "at": 2 })), "{arguments:?}");
}

#[test]
fn a_failed_map_continues_with_the_items_left() {
    let definition = json!({
        "StartAt": "M",
        "States": { "M": {
            "Type": "Map", "MaxConcurrency": 1, "End": true,
            "ItemProcessor": { "StartAt": "T", "States": { "T": task(None) } }
        } }
    });
    let mut trial = Trial::start(definition, json!([1, 2, 3]));
    trial.done("M[0]/T", json!("one"));
    trial.fail("M[1]/T", ErrorClass::Busy);
    assert_eq!(trial.status(), ExecutionStatus::Failed);
    trial.give(Input::Resume { environment: None, recover: false });
    trial.done("M[1]/T", json!("two"));
    trial.done("M[2]/T", json!("three"));
    assert_eq!(trial.output(), json!(["one", "two", "three"]));
}

#[test]
fn an_empty_map_ends_at_once() {
    let definition = json!({
        "StartAt": "M",
        "States": { "M": { "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "T", "States": { "T": task(None) } } } }
    });
    assert_eq!(Trial::start(definition, json!([])).output(), json!([]));
}

#[test]
fn a_parallel_that_retries_begins_again_with_all_branches() {
    let mut definition = side_by_side();
    definition["States"]["P"]["Retry"] = json!([{ "ErrorEquals": ["Flow.Busy"], "IntervalSeconds": 1 }]);
    let mut trial = Trial::start(definition, json!({}));
    trial.done("P[0]/A", json!(1));
    trial.fail("P[1]/B", ErrorClass::Busy);
    trial.sleep();
    assert_eq!(trial.polls().len(), 2);
}
