//! Every code in a message has a page in `flow explain`.

use std::fs;

use crate::support::{Home, text};

/// The codes in the sources of the checks and the compiler: the first argument of the calls that report problems.
fn codes() -> Vec<String> {
    let mut codes = Vec::new();
    for folder in ["engine/asl", "cli/checks", "cli/commands", "deploy"] {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        for entry in walkdir::WalkDir::new(format!("{root}{folder}")).into_iter().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            for call in ["Diagnostic::error(", "Diagnostic::warning(", "self.refuse(", "self.warn("] {
                let calls = text.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
                codes.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn every_code_of_a_check_has_a_page() {
    let home = Home::plain();
    let codes = codes();
    assert!(codes.len() > 8, "{codes:?}");
    let all = home.succeed(&["explain"]);
    for code in &codes {
        assert!(all.lines().any(|line| line.split(' ').next() == Some(code)), "flow explain has no page for {code}");
    }
    assert!(home.succeed(&["explain", "placeholder"]).contains("--substitute"));
    let unknown = home.flow(&["explain", "States.Timout"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(text(&unknown.stderr).contains("did you mean 'States.Timeout'?"), "{}", text(&unknown.stderr));
}
