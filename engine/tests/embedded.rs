//! The example prints the output of its workflow, a second process finds the first execution, and the book shows the example as it is.
#![allow(clippy::unwrap_used)]

use std::{path::PathBuf, process::Command};

/// The most lines of code that the example may have.
const LINES_MAX: usize = 40;

fn read(path: &str) -> String {
    std::fs::read_to_string(PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join(path)).unwrap()
}

/// The example, which `cargo test` builds before it runs this test.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples/embedded");
    assert!(example.is_file(), "run cargo build -p engine --example embedded first");
    example
}

#[test]
fn the_example_runs_its_workflow_and_keeps_the_execution() {
    let home = tempfile::tempdir().unwrap();
    let run = || {
        let output = Command::new(example()).arg(home.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(), "greeting-1: Succeeded \"Hello, Ada\"\nin the store: greeting-1\n");
    assert_eq!(run(), "greeting-2: Succeeded \"Hello, Ada\"\nin the store: greeting-2, greeting-1\n");
}

#[test]
fn the_example_is_short_and_the_book_shows_it() {
    let example = read("examples/embedded.rs");
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    assert!(example.lines().filter(is_code).count() <= LINES_MAX);
    let (_, code) = example.split_once("\n\n").unwrap();
    let page = read("../docs/embedding.md");
    let code = &code[code.find("use std").unwrap()..];
    assert!(page.contains(code), "docs/embedding.md shows another example than engine/examples/embedded.rs");
}
