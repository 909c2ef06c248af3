//! Tags stay at their resource and are not lost.

use serde_json::json;

use super::*;

async fn tags(world: &World, arn: &str) -> Value {
    world.ask("ListTagsForResource", json!({ "resourceArn": arn })).await["tags"].clone()
}

#[tokio::test]
async fn a_tag_is_added_replaced_and_taken_away() {
    let world = World::new();
    let machine = world.machine("m", &pass()).await;
    let request =
        json!({ "resourceArn": machine, "tags": [{ "key": "a", "value": "1" }, { "key": "b", "value": "" }] });
    world.ask("TagResource", request).await;
    world.ask("TagResource", json!({ "resourceArn": machine, "tags": [{ "key": "a", "value": "2" }] })).await;
    assert_eq!(tags(&world, &machine).await, json!([{ "key": "a", "value": "2" }, { "key": "b", "value": "" }]));
    world.ask("UntagResource", json!({ "resourceArn": machine, "tagKeys": ["a", "unknown"] })).await;
    assert_eq!(tags(&world, &machine).await, json!([{ "key": "b", "value": "" }]));
}

#[tokio::test]
async fn a_resource_has_fifty_tags_at_most() {
    let world = World::new();
    let many =
        |count: usize| -> Vec<Value> { (0..count).map(|n| json!({ "key": format!("k{n}"), "value": "" })).collect() };
    let request = json!({ "name": "m", "definition": pass().to_string(), "roleArn": ROLE, "tags": many(51) });
    assert_eq!(world.refused("CreateStateMachine", request).await.0, "TooManyTags");
    let machine = world.machine("m", &wait()).await;
    world.ask("TagResource", json!({ "resourceArn": machine, "tags": many(50) })).await;
    let one = json!([{ "key": "another", "value": "" }]);
    assert_eq!(world.refused("TagResource", json!({ "resourceArn": machine, "tags": one })).await.0, "TooManyTags");
}

#[tokio::test]
async fn what_has_no_tags_is_not_found() {
    let world = World::new();
    let request = json!({ "name": "m", "definition": pass().to_string(), "roleArn": ROLE, "publish": true });
    let version = text(&world.ask("CreateStateMachine", request).await["stateMachineVersionArn"]);
    for arn in [version, format!("{PREFIX}:stateMachine:none"), format!("{PREFIX}:activity:none")] {
        let refused = world.refused("TagResource", json!({ "resourceArn": arn, "tags": [] })).await;
        assert_eq!(refused, pair("ResourceNotFound", &format!("Resource not found: '{arn}'")));
    }
}
