//! Benchmarks of the machine and the queries, without a store: `cargo bench -p engine`.

use std::sync::Arc;

use engine::{
    asl::{StateMachine, parse},
    machine::{Execution, Input, advance},
    query::{InThisThread, Moment},
};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn machine(definition: &Value) -> Arc<StateMachine> {
    parse(definition).unwrap_or_else(|problems| unreachable!("the definition is wrong: {problems:?}"))
}

/// Alternating Pass and Choice states: two for each pair, and two more.
fn alternating(pairs: usize) -> Value {
    let mut states = serde_json::Map::new();
    for number in 0..pairs {
        let next = format!("Pass {}", number + 1);
        let choice = json!({ "Type": "Choice", "Default": "End", "Choices": [
            { "Variable": "$.shop", "StringEquals": "example", "Next": next }
        ] });
        states.insert(format!("Pass {number}"), json!({ "Type": "Pass", "Next": format!("Choice {number}") }));
        states.insert(format!("Choice {number}"), choice);
    }
    states.insert(format!("Pass {pairs}"), json!({ "Type": "Pass", "Next": "End" }));
    states.insert("End".to_owned(), json!({ "Type": "Succeed" }));
    json!({ "StartAt": "Pass 0", "States": states })
}

fn run(bencher: divan::Bencher<'_, '_>, definition: &Value, transitions: usize) {
    let machine = machine(definition);
    bencher.counter(divan::counter::ItemsCount::new(transitions)).bench(|| {
        let mut execution = Execution::new("bench", "bench", machine.clone(), json!({ "shop": "example" }));
        advance(&mut execution, Input::Start, &Moment { now_ms: 1_000, entropy: 1 }, &InThisThread)
    });
}

#[divan::bench]
fn pass_and_choice(bencher: divan::Bencher<'_, '_>) {
    run(bencher, &alternating(1_000), 2_002);
}

#[divan::bench]
fn inline_map(bencher: divan::Bencher<'_, '_>) {
    let items: Vec<_> = (0..5_000).collect();
    let definition = json!({ "StartAt": "Items", "States": {
        "Items": { "Type": "Pass", "Result": items, "Next": "Each" },
        "Each": { "Type": "Map", "End": true, "ItemProcessor": {
            "StartAt": "Item", "States": { "Item": { "Type": "Pass", "End": true } }
        } }
    } });
    run(bencher, &definition, 5_000);
}

#[divan::bench]
fn jsonata(bencher: divan::Bencher<'_, '_>) {
    let states: serde_json::Map<String, Value> = (0..100)
        .map(|number| {
            let mut state = json!({ "Type": "Pass", "Output": { "n": "{% $states.input.n + 1 %}" } });
            match number {
                99 => state["End"] = true.into(),
                _ => state["Next"] = (number + 1).to_string().into(),
            }
            (number.to_string(), state)
        })
        .collect();
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "0", "States": states });
    let machine = machine(&definition);
    bencher.counter(divan::counter::ItemsCount::new(100_usize)).bench(|| {
        let mut execution = Execution::new("bench", "bench", machine.clone(), json!({ "n": 1 }));
        advance(&mut execution, Input::Start, &Moment { now_ms: 1_000, entropy: 1 }, &InThisThread)
    });
}

#[divan::bench]
fn read_a_definition(bencher: divan::Bencher<'_, '_>) {
    let definition = alternating(100);
    bencher.counter(divan::counter::ItemsCount::new(202_usize)).bench(|| parse(&definition));
}
