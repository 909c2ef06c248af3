//! A definition from anywhere: read, checked and reported, without a panic and in bounded time.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(definition) = serde_json::from_slice(bytes) else { return };
    let problems = engine::asl::check(&definition, &|_| true);
    let errors = problems.iter().any(|problem| problem.severity == engine::asl::Severity::Error);
    assert!(errors || engine::asl::parse(&definition).is_ok(), "nothing is wrong with it, and it cannot be read");
});
