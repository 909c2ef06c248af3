//! The declarations of the lists of operations to transports.

use crate::{Cost, flow, operation_info, step_functions};

fn is_long_read(target: &str) -> bool {
    operation_info(target).is_some_and(|operation| operation.cost == Cost::LongRead)
}

#[test]
fn every_list_is_a_long_read_and_no_start_is() {
    let all = || step_functions::OPERATIONS.iter().chain(flow::OPERATIONS).map(|operation| operation.target);
    assert!(all().filter(|target| target.contains(".List")).count() > 8);
    for target in all() {
        let reads_much =
            [".List", ".GetEntries", ".GetExecutionHistory", ".Export"].iter().any(|part| target.contains(part));
        assert!(is_long_read(target) || !reads_much, "{target}");
        let starts =
            [".Start", ".Resume", ".Send", ".Create", ".GetActivityTask"].iter().any(|part| target.contains(part));
        assert!(!is_long_read(target) || !starts, "{target}");
    }
    assert_eq!(operation_info(""), None);
}

#[test]
fn a_target_names_one_operation() {
    for operation in step_functions::OPERATIONS.iter().chain(flow::OPERATIONS) {
        assert_eq!(operation_info(operation.target), Some(operation));
        assert_eq!(operation.target.starts_with(crate::TARGET_PREFIX), step_functions::OPERATIONS.contains(operation));
    }
}
