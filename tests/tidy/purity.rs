//! The names that a pure room may use: data and functions that depend on their arguments alone. Every other name is refused, so that a
//! clock, a file, a thread or a random number has no name by which a pure room could reach it.

use std::path::Path;

use syn::{UseTree, spanned::Spanned, visit::Visit};

use super::modules::{is_test, paths_outside_tests};

/// The pure rooms. The machine also uses `engine/step`, which is not one of them: a function there that reads a clock is not found.
const ROOMS: [&str; 4] = ["engine/asl", "engine/journal", "engine/machine", "engine/query"];

/// The modules of the standard library that are used. The others hold clocks, files, threads, processes or what these share.
const STANDARD: [&str; 18] = [
    "array",
    "borrow",
    "cell",
    "cmp",
    "collections",
    "convert",
    "fmt",
    "hash",
    "iter",
    "mem",
    "num",
    "ops",
    "ptr",
    "rc",
    "slice",
    "str",
    "string",
    "vec",
];
/// The parts of further modules that are used.
const STANDARD_NAMES: [[&str; 2]; 2] = [["sync", "Arc"], ["time", "Duration"]];
/// The crates that are used.
const CRATES: [&str; 12] = [
    "backoff",
    "base64",
    "hex",
    "itoa",
    "jsonata_core",
    "md5",
    "regex",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "thiserror",
];
/// The parts of jiff that are used. Its time zones read this machine's settings and files.
const JIFF: [&str; 2] = ["SignedDuration", "Timestamp"];
/// Functions and types of these names read a clock or draw random numbers, whatever has them.
const READERS: [&str; 2] = ["now", "RandomState"];
/// Macros that write, or that declare a static.
const MACROS: [&str; 6] = ["dbg", "eprint", "eprintln", "print", "println", "thread_local"];

const OTHER_NAME: &str = "this gives a crate another name: name the crate in each path";
const INSTEAD: &str = "hand it in, as data (a Moment, an Input) or with the Evaluator";

/// Whether a file is in a pure room and is no test.
pub fn is_pure(path: &Path) -> bool {
    let for_tests = path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "recordings.rs");
    !for_tests && ROOMS.iter().any(|room| path.starts_with(room))
}

/// The crates that a crate depends on, from its Cargo.toml.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let table = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let rows = table.take_while(|line| !line.starts_with('['));
    let names = rows.filter_map(|line| line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()));
    names.map(|name| name.replace('-', "_")).collect()
}

/// The names that a file of a pure room must not use. `crates` are those that its crate depends on.
pub fn impurities(text: &str, crates: &[String]) -> Vec<String> {
    let file = syn::parse_file(text).unwrap();
    let mut items = Items::default();
    items.visit_file(&file);
    let paths = paths_outside_tests(&file);
    items.0.into_iter().chain(paths.iter().filter_map(|path| refusal(path, crates))).collect()
}

/// Why a pure room must not use a path; `None` if it may.
fn refusal(path: &[String], crates: &[String]) -> Option<String> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_allowed = match names.as_slice() {
        [.., _, last] if READERS.contains(last) => false,
        ["std" | "core" | "alloc", module, ..] if STANDARD.contains(module) => true,
        ["std" | "core" | "alloc", module, name, ..] => STANDARD_NAMES.contains(&[*module, *name]),
        ["std" | "core" | "alloc", ..] => false,
        ["jiff", name, ..] => JIFF.contains(name),
        [name] => !MACROS.contains(name),
        [first, ..] => CRATES.contains(first) || !crates.iter().any(|of| of == first),
        [] => true,
    };
    (!is_allowed).then(|| format!("{}: {INSTEAD}", names.join("::")))
}

/// The items and expressions outside tests that no pure room has, also inside functions.
#[derive(Default)]
struct Items(Vec<String>);

impl Items {
    fn refuse(&mut self, span: proc_macro2::Span, what: &str) {
        self.0.push(format!("line {}: {what}", span.start().line));
    }
}

impl<'ast> Visit<'ast> for Items {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.refuse(item.span(), "a static outlives an execution: keep it in the execution");
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.refuse(item.span(), OTHER_NAME);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !matches!(item.tree, UseTree::Path(_)) {
            self.refuse(item.span(), OTHER_NAME);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() {
            self.refuse(signature.span(), "an async function waits: return a Command and receive an Input");
        }
        syn::visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.refuse(block.span(), "an async block waits: return a Command and receive an Input");
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|name| MACROS.iter().any(|refused| name.ident == *refused)) {
            self.refuse(call.span(), INSTEAD);
        }
    }
}

#[test]
fn a_clock_a_file_and_a_static_are_found_however_they_are_named() {
    let crates = ["rand", "serde_json", "tokio", "jiff"].map(str::to_owned);
    for impure in [
        "use std::{cell::Cell, env};",
        "use std::time::{Duration, Instant};",
        "use std::time;",
        "use std as s;",
        "use std::sync::{Arc, Mutex};",
        "use rand as r;",
        "use jiff::Zoned; fn f() { Zoned::now(); }",
        "fn f() -> u64 { g(jiff::tz::TimeZone::system()) }",
        "fn f() { vec![std::fs::read(\"x\")]; }",
        "fn f() { vec![println!()]; }",
        "fn f() { static COUNT: u64 = 0; }",
        "thread_local! { static COUNT: u64 = 0; }",
        "fn f() { dbg!(1); }",
        "async fn f() {}",
        "fn f() { async {}; }",
        "extern crate rand as r;",
        "fn f() { tokio::spawn(g()); }",
        "type Shared = std::sync::LazyLock<u64>;",
    ] {
        assert!(!impurities(impure, &crates).is_empty(), "{impure}");
    }
    for pure in [
        "use std::{cell::Cell, sync::Arc, time::Duration}; const MAX: u64 = u64::MAX;",
        "fn f(now: u64, rand: u64) -> u64 { now + rand }",
        "fn f() -> jiff::Timestamp { jiff::Timestamp::UNIX_EPOCH }",
        "fn f() -> serde_json::Value { serde_json::json!({ \"a\": [1] }) }",
        "#[cfg(test)] mod tests { use std::{fs, time::Instant}; }",
    ] {
        assert_eq!(impurities(pure, &crates), [""; 0], "{pure}");
    }
}
