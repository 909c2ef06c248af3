//! A program never outlives its attempt or its owner, never runs beside the next attempt, and uses bounded memory.
//!
//! Runs without the test harness, because the supervisor of a program is this test's own executable.

mod programs {
    pub mod ending;
    pub mod owner;
    pub mod running;
    pub mod support;
}

use std::process::ExitCode;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(steps::SUPERVISOR_ARGUMENT) => return steps::supervise(),
        Some(programs::owner::OWNER_ARGUMENT) => return programs::owner::run(&arguments[1..]),
        _ => {}
    }
    let tests: Vec<Test> = [programs::running::TESTS, programs::ending::TESTS, programs::owner::TESTS].concat();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if has("--list") {
        // As cargo-nextest reads it. No test is ignored.
        let listed = tests.iter().filter(|_| !has("--ignored"));
        listed.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let names: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    let is_named = |test: &str, name: &str| if has("--exact") { test == name } else { test.contains(name) };
    let wanted = |test: &&Test| names.is_empty() || names.iter().any(|name| is_named(test.0, name));
    let mut failed = 0;
    for (name, test) in tests.iter().filter(wanted) {
        // The panic's own message precedes this line.
        let passed = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("{failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
