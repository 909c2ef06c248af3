//! An evaluator that hangs, ends or does not start affects no other evaluation, and never leads to an evaluation
//! without limits.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::*;

const LIMITS: Limits = Limits { wait_max: Duration::from_millis(600), answer_wait_max: Duration::from_millis(400) };

fn shell(script: &str) -> io::Result<Command> {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    Ok(command)
}

fn request() -> SandboxRequest<'static> {
    serde_json::from_str(r#"{"source":"1","values":{},"moment":{"now_ms":0,"entropy":0}}"#).unwrap()
}

fn answers() -> io::Result<Command> {
    shell(r#"while read -r line; do echo '{"Value":1}'; done"#)
}

#[test]
fn an_evaluator_is_used_again() {
    let evaluators = Evaluators::new(answers, LIMITS);
    for _ in 0..3 {
        assert!(matches!(evaluators.answer(&request()), SandboxAnswer::Value(_)));
    }
    let pool = evaluators.pool();
    assert_eq!((pool.count, pool.idle.len(), pool.waiting), (1, 1, 0));
}

#[test]
fn an_evaluator_that_was_killed_while_it_was_idle_is_replaced() {
    let evaluators = Evaluators::new(answers, LIMITS);
    for _ in 0..3 {
        assert!(matches!(evaluators.answer(&request()), SandboxAnswer::Value(_)));
        evaluators.pool().idle.iter_mut().for_each(EvaluatorProcess::kill);
    }
    assert_eq!(evaluators.pool().count, 1);
}

#[test]
fn a_hung_evaluator_is_killed_at_its_deadline_and_delays_no_other_one() {
    let evaluators = Evaluators::new(|| shell("exec sleep 1000"), LIMITS);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..PROCESSES_MAX {
            scope.spawn(|| {
                let SandboxAnswer::Failed(message) = evaluators.answer(&request()) else { panic!() };
                assert!(message.contains("killed"), "{message}");
            });
        }
    });
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(evaluators.pool().count, 0);
}

#[test]
fn an_evaluator_that_ends_during_an_evaluation_fails_it() {
    let evaluators = Evaluators::new(|| shell("read -r line; exit 70"), LIMITS);
    let SandboxAnswer::Failed(message) = evaluators.answer(&request()) else { panic!() };
    assert!(message.starts_with("D1012"), "{message}");
}

#[test]
fn where_no_evaluator_starts_the_evaluation_fails_and_says_so() {
    let evaluators = Evaluators::new(|| Err(io::Error::other("too many open files")), LIMITS);
    let SandboxAnswer::Failed(message) = evaluators.answer(&request()) else { panic!() };
    assert!(message.contains("could be started") && message.contains("too many open files"), "{message}");
    let pool = evaluators.pool();
    assert_eq!((pool.count, pool.waiting), (0, 0));
}
