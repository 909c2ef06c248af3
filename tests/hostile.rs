//! No expression of a definition can use up the server's memory or block its dispatcher, not even after a restart.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    campaign::call,
    serve::Server,
    support::{Home, text},
};

/// The longest time that an expression may take, with a margin for a busy machine.
const TIME_MAX: Duration = Duration::from_secs(20);
/// The server's largest allowed peak memory, in bytes.
const MEMORY_BYTES_MAX: u64 = 400 << 20;

/// Expressions that use unlimited resources, and the expected message.
const EXPRESSIONS: [(&str, &str); 12] = [
    ("$reduce([1..60], function($a, $b){ $a & $a }, 'x')", "MiB of memory"),
    ("$pad('x', 2000000000)", "MiB of memory"),
    ("($s := $pad('a', 100000, 'a'); $replace($s, 'a', $s))", "MiB of memory"),
    ("($s := $pad('a', 100000, 'a'); $join([1..100000].$s))", "MiB of memory"),
    (
        "($n := $reduce([1..60], function($a, $b){ { 'a': $a, 'b': $a } }, 'x'); $string($n))",
        "D1012: Evaluation timeout. Check",
    ),
    ("($n := $reduce([1..60], function($a, $b){ { 'a': $a, 'b': $a } }, 'x'); $n)", "larger than"),
    ("$reduce([1..100000], function($a, $b){ { 'a': $a } }, 'x')", "nested deeper than"),
    ("($l := [1..30000]; $count($l@$a.$l@$b))", "MiB of memory"),
    ("$formatInteger(1000000000000000, 'I')", "MiB of memory"),
    ("$fromMillis(1, '[Y,1000000000-1000000000]')", "failed in JSONata itself"),
    ("($f := function($x){ $f($x + 1) }; $f(1))", "D1012"),
    ("($f := function($x){ 1 + $f($x + 1) }; $f(1))", "D1011"),
];

#[test]
fn an_expression_that_asks_for_everything_fails_its_execution_and_nothing_else() {
    let home = Home::plain();
    let server = Server::start(&home);
    let sleeper = written(&home, "sleeper", &json!({ "Type": "Wait", "Seconds": 3600, "End": true }));
    assert_eq!(home.flow(&["run", &sleeper, "--yes", "--no-wait", "--id", "s-1"]).status.code(), Some(75));
    for (number, (expression, reported)) in EXPRESSIONS.iter().enumerate() {
        let output = format!("{{% {expression} %}}");
        let state = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": output, "End": true });
        let (file, id) = (written(&home, &format!("hostile-{number}"), &state), format!("h-{number}"));
        let began = Instant::now();
        let output = home.flow(&["run", &file, "--yes", "--id", &id]);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{expression}: {said}");
        assert!(began.elapsed() < TIME_MAX, "{expression} took {:?}", began.elapsed());
        // On a busy machine the time limit can be reached before the memory limit.
        assert!(said.contains(reported) || said.contains("D1012"), "{expression}: {said}");
    }
    assert!(home.succeed(&["status", "s-1"]).contains("RUNNING"));
    let peak_bytes = server.peak_memory_bytes();
    assert!(peak_bytes < MEMORY_BYTES_MAX, "the server grew to {} MiB", peak_bytes >> 20);
}

#[test]
fn what_evaluates_ends_with_the_server() {
    let home = Home::plain();
    let server = Server::start(&home);
    let state = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $sum([1..10]) %}", "End": true });
    home.succeed(&["run", &written(&home, "sum", &state), "--yes"]);
    let workers = server.children();
    assert_eq!(workers.len(), 1, "one evaluator is started and kept");
    drop(server);
    let gone_by = Instant::now() + Duration::from_secs(10);
    while workers.iter().any(|worker| is_evaluating(*worker)) {
        assert!(Instant::now() < gone_by, "the evaluator outlives the server");
        std::thread::yield_now();
    }
}

/// An expression succeeds although an idle evaluator process was killed.
#[test]
fn an_evaluator_that_was_killed_is_replaced() {
    let home = Home::plain();
    let server = Server::start(&home);
    let state = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $sum([1..10]) %}", "End": true });
    let file = written(&home, "sum", &state);
    home.succeed(&["run", &file, "--yes", "--id", "first"]);
    let first = server.children();
    for worker in &first {
        assert!(std::process::Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap().success());
    }
    home.succeed(&["run", &file, "--yes", "--id", "second"]);
    assert!(server.children().iter().all(|worker| !first.contains(worker)));
}

/// Maps that sum, double strings and sort in each of their iterations.
const HOSTILE_MAPS: usize = 30;
const STARTS: usize = 200;

/// 30 Maps of 500 items keep all evaluators busy. The start of another client's execution does not wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn beside_thirty_maps_of_expensive_expressions_a_start_takes_less_than_100_ms() {
    let home = Home::plain();
    let server = Server::start(&home);
    let client = reqwest::Client::new();
    let sum = "$sum([1..20000])";
    let doubled = "$length($reduce([1..16], function($text, $number){ $text & $text }, 'ab'))";
    let sorted = "$count($sort([1..2000], function($left, $right){ $left < $right }))";
    let mut machines = Vec::new();
    for (number, expression) in [sum, doubled, sorted].into_iter().enumerate() {
        let pass = json!({ "Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true });
        let processor = json!({ "StartAt": "Evaluate", "States": { "Evaluate": pass } });
        let map = json!({ "Type": "Map", "Items": "{% [1..500] %}", "ItemProcessor": processor, "End": true });
        machines.push(machine(&client, &server, &format!("map-{number}"), &map).await);
    }
    let quick = machine(&client, &server, "quick", &json!({ "Type": "Pass", "End": true })).await;
    for number in 0..HOSTILE_MAPS {
        start(&client, &server, &machines[number % machines.len()], &format!("hostile-{number}")).await;
    }
    let mut milliseconds = Vec::new();
    for number in 0..STARTS {
        let begun = Instant::now();
        start(&client, &server, &quick, &format!("quick-{number}")).await;
        milliseconds.push(begun.elapsed().as_millis());
    }
    let running = json!({ "stateMachineArn": machines[0], "statusFilter": "RUNNING" });
    let running = call(&client, &server.endpoint, "ListExecutions", &running).await;
    assert!(!running["executions"].as_array().unwrap().is_empty(), "the Maps ended before the last start");
    milliseconds.sort_unstable();
    let p99 = milliseconds[STARTS * 99 / 100 - 1];
    assert!(p99 <= 100, "p99 of StartExecution is {p99} ms: {milliseconds:?}");
}

async fn machine(client: &reqwest::Client, server: &Server, name: &str, state: &serde_json::Value) -> String {
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": state } }).to_string();
    let role = "arn:aws:iam::111111111111:role/flow";
    let request = json!({ "name": name, "roleArn": role, "definition": definition });
    let created = call(client, &server.endpoint, "CreateStateMachine", &request).await;
    created["stateMachineArn"].as_str().unwrap().to_owned()
}

async fn start(client: &reqwest::Client, server: &Server, machine: &str, name: &str) {
    let started =
        call(client, &server.endpoint, "StartExecution", &json!({ "stateMachineArn": machine, "name": name })).await;
    assert!(started["executionArn"].is_string(), "{started}");
}

fn written(home: &Home, name: &str, state: &serde_json::Value) -> String {
    let file = home.path().join(format!("{name}.asl.json"));
    std::fs::write(&file, json!({ "StartAt": "A", "States": { "A": state } }).to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn is_evaluating(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.contains("evaluate-jsonata"))
}
