//! `flow bench` reports what its workloads measured, and a durable step costs one fdatasync.

use serde_json::Value;

use crate::support::{Home, text};

#[test]
fn a_small_measurement_reports_what_it_did() {
    let home = Home::plain();
    for workload in ["chain", "fan", "pure", "sleepers", "growth"] {
        let reported = home.succeed(&["bench", workload, "-n", "20", "-o", "json"]);
        let line: Value = serde_json::from_str(reported.lines().last().unwrap()).unwrap();
        for figure in ["figure", "diskFdatasyncsPerSecond", "rssBytes", "diskBytes"] {
            assert!(line[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {line}");
        }
    }
}

#[test]
fn a_durable_step_costs_one_fdatasync_and_concurrent_executions_share_it() {
    let home = Home::plain();
    let fsyncs_per_step = |workload: &str| {
        let reported = home.succeed(&["bench", workload, "-n", "20", "-o", "json"]);
        let line: Value = serde_json::from_str(reported.lines().last().unwrap()).unwrap();
        line["fsyncsPerStep"].as_f64().unwrap()
    };
    // The start has a commit of its own.
    let one_by_one = fsyncs_per_step("chain");
    assert!((1.0..1.2).contains(&one_by_one), "{one_by_one}");
    let together = fsyncs_per_step("fan");
    assert!(together < 0.8, "{together}");
}

#[test]
fn the_serve_workload_measures_starts_round_trips_and_pages() {
    let home = Home::plain();
    let mut command = home.command(&["bench", "serve", "-n", "200", "-o", "json"]);
    // The server of the benchmark must ignore the caller's token.
    let output = command.env("FLOW_TOKEN", "a token").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let reports: Vec<Value> =
        text(&output.stdout).lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let did: Vec<&str> = reports.iter().map(|report| report["did"].as_str().unwrap()).collect();
    assert_eq!(
        did,
        [
            "200 StartExecution, 64 connections",
            "40 StartExecution, GetActivityTask and SendTaskSuccess, 16 connections",
            "8 ListExecutions, 100 to a page, 4 connections",
        ]
    );
    for report in &reports {
        let [p50, p99] = ["p50", "p99"].map(|name| {
            let found = report["more"].as_array().unwrap().iter().find(|figure| figure[0] == name);
            found.unwrap()[1].as_f64().unwrap()
        });
        assert!(0.0 < p50 && p50 <= p99, "{report}");
        for figure in ["figure", "diskFdatasyncsPerSecond", "rssBytes", "diskBytes"] {
            assert!(report[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {report}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("bench-")), "{left:?}");
}
