//! A retry after a lost or refused answer creates no second resource.

use serde_json::json;

use crate::support::{Home, one_of_everything};

#[test]
fn a_lost_answer_on_every_changing_call_leaves_one_of_everything() {
    let home = Home::for_rehearsal();
    let world = home.world();
    world.faults(&json!([{ "operation": "*", "kind": "drop_after", "each": true, "mutations": true }]));
    home.rehearse(&[]);
    assert_eq!(world.inspect()["counts"], one_of_everything());
    let dropped = world.calls().iter().filter(|call| call["fault"] == "drop_after").count();
    assert!(dropped > 25, "only {dropped} answers were lost");
}

#[test]
fn every_call_throttled_twice_still_succeeds() {
    let home = Home::for_rehearsal();
    let world = home.world();
    world.faults(&json!([{ "operation": "*", "kind": "throttle", "times": 2, "each": true }]));
    home.rehearse(&[]);
    assert_eq!(world.inspect()["counts"], one_of_everything());
}

#[test]
fn a_server_error_after_the_effect_on_every_changing_call_leaves_one_of_everything() {
    let home = Home::for_rehearsal();
    let world = home.world();
    world.faults(&json!([{ "operation": "*", "kind": "error_after", "each": true, "mutations": true }]));
    home.rehearse(&[]);
    assert_eq!(world.inspect()["counts"], one_of_everything());
}
