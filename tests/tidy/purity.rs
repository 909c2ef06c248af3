//! The names that a pure room may use: data and functions that depend on their arguments alone. Every other name is refused, so that a
//! clock, a file, a thread or a random number has no name by which a pure room could reach it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use proc_macro2::TokenTree;
use syn::{UseTree, ext::IdentExt, spanned::Spanned, visit::Visit};

use super::{
    manifests,
    modules::{Modules, is_test, paths_outside_tests},
    report, sources,
    syntax::{declare_static, flat, is_in, is_mark, is_name, names_of_crates},
};

/// The names that a kind of rooms may use.
struct Rules {
    rooms: &'static [&'static str],
    /// The modules of the standard library besides those in `STANDARD`.
    standard: &'static [&'static str],
    /// The parts of further modules and crates that are used.
    names: &'static [&'static [&'static str]],
    /// The crates besides those in `CRATES`.
    crates: &'static [&'static str],
    is_async: bool,
}

/// The pure rooms.
static PURE: Rules = Rules {
    rooms: &["engine/asl", "engine/journal", "engine/machine", "engine/query"],
    standard: &[],
    names: &[],
    crates: &[],
    is_async: false,
};
/// The rooms that pure rooms use. They may wait, and they reach no clock, file, thread and process either.
static CALLED: Rules = Rules {
    rooms: &["engine/lib", "engine/spelling", "engine/step"],
    standard: &["error", "future", "marker", "panic"],
    names: &[&["std", "sync", "atomic"], &["tokio", "sync", "Notify"]],
    crates: &["async_trait", "futures", "schemars", "subtle"],
    is_async: true,
};

/// The compiler to definitions of Step Functions. It uses the pure rooms of the engine and those that they use.
static COMPILER: Rules = Rules {
    rooms: &["deploy"],
    standard: &["error"],
    names: &[
        &["engine", "asl"],
        &["engine", "journal"],
        &["engine", "machine"],
        &["engine", "query"],
        &["engine", "step"],
    ],
    crates: &[],
    is_async: false,
};

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
const CRATES: [&str; 11] =
    ["base64", "hex", "itoa", "jsonata_core", "md5", "regex", "serde", "serde_json", "sha1", "sha2", "thiserror"];
/// The parts that are used of crates that also read a clock or the settings of this machine: jiff's time zones are files.
const NAMES: [[&str; 2]; 4] = [
    ["backoff", "ExponentialBackoffBuilder"],
    ["backoff", "backoff"],
    ["jiff", "SignedDuration"],
    ["jiff", "Timestamp"],
];
/// Functions and types of these names read a clock or draw random numbers, whatever has them. A local variable may have the name.
const READERS: [&str; 2] = ["now", "RandomState"];
/// Methods that read a clock, draw random numbers or read a time zone, whatever value has them.
const METHODS: [&str; 6] = ["now", "elapsed", "get_elapsed_time", "hasher", "hash_one", "in_tz"];
/// Macros that write, or that declare a static.
const MACROS: [&str; 6] = ["dbg", "eprint", "eprintln", "print", "println", "thread_local"];
/// The files with a hash map or set, and why its order, which is random, has no effect.
const HASHED: [(&str, &str); 4] = [
    ("engine/journal/recorded.rs", "read by key"),
    ("engine/machine/frame/frames.rs", "has a hasher without random numbers, and is sorted before it is iterated"),
    ("engine/query/intrinsic/texts.rs", "only asked what it contains"),
    ("engine/query/java.rs", "read by key"),
];

const OTHER_NAME: &str = "this gives a crate another name: name the crate in each path";
const INSTEAD: &str = "hand in what reads a clock, a file or a random number, as data (a Moment, an Input) or with the Evaluator; \
                       add what only computes to the lists of tests/tidy/purity.rs";

impl Rules {
    fn apply_to(&self, path: &Path) -> bool {
        self.rooms.iter().any(|room| is_in(path, room))
    }

    /// The names that a file must not use. `crates` are those on which its crate depends.
    fn violations(&self, text: &str, crates: &[String]) -> Vec<String> {
        let file = syn::parse_file(text).unwrap();
        let mut items = Items { crates, is_async: self.is_async, problems: Vec::new() };
        items.visit_file(&file);
        let paths = paths_outside_tests(&file);
        items.problems.into_iter().chain(paths.iter().filter_map(|path| self.refusal(path, crates))).collect()
    }

    /// Why a path must not be used; `None` if it may.
    fn refusal(&self, path: &[String], crates: &[String]) -> Option<String> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_listed = self.names.iter().any(|listed| names.starts_with(listed));
        let is_allowed = match names.as_slice() {
            ["RandomState", ..] => false,
            [_, below @ ..] if below.iter().any(|name| READERS.contains(name)) => false,
            [name] => !MACROS.contains(name),
            _ if is_listed => true,
            ["std" | "core" | "alloc", module, ..] if STANDARD.contains(module) || self.standard.contains(module) => {
                true
            }
            ["std" | "core" | "alloc", module, name, ..] => STANDARD_NAMES.contains(&[*module, *name]),
            ["std" | "core" | "alloc", ..] => false,
            [first, ..] if CRATES.contains(first) || self.crates.contains(first) => true,
            [first, name, ..] if NAMES.contains(&[*first, *name]) => true,
            [first, ..] => !crates.iter().any(|of| of == first),
            [] => true,
        };
        (!is_allowed).then(|| format!("{}: {INSTEAD}", names.join("::")))
    }
}

/// Whether a file names a hash map or set outside its tests.
fn has_hashed(text: &str) -> bool {
    let paths = paths_outside_tests(&syn::parse_file(text).unwrap());
    paths.iter().flatten().any(|name| ["HashMap", "HashSet"].contains(&name.as_str()))
}

/// The items and expressions outside tests that no pure room has, also inside functions.
struct Items<'c> {
    crates: &'c [String],
    is_async: bool,
    problems: Vec<String>,
}

impl Items<'_> {
    fn refuse(&mut self, span: proc_macro2::Span, what: &str) {
        self.problems.push(format!("line {}: {what}", span.start().line));
    }
}

impl<'ast> Visit<'ast> for Items<'_> {
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
        let is_crate = |name: &String| ["std", "core", "alloc"].contains(&name.as_str()) || self.crates.contains(name);
        if !matches!(item.tree, UseTree::Path(_)) || names_of_crates(&item.tree).iter().any(is_crate) {
            self.refuse(item.span(), OTHER_NAME);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() && !self.is_async {
            self.refuse(signature.span(), "an async function waits: return a Command and receive an Input");
        }
        syn::visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        if !self.is_async {
            self.refuse(block.span(), "an async block waits: return a Command and receive an Input");
        }
        syn::visit::visit_expr_async(self, block);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if METHODS.iter().any(|method| call.method.unraw() == method) {
            self.refuse(call.method.span(), INSTEAD);
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    /// `<Timestamp>::now` has one name: the type before it is no part of the path.
    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        let names = || expression.path.segments.iter().map(|segment| segment.ident.unraw());
        if expression.qself.is_some() && names().any(|name| READERS.iter().chain(&METHODS).any(|reader| name == reader))
        {
            self.refuse(expression.span(), INSTEAD);
        }
        syn::visit::visit_expr_path(self, expression);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|name| MACROS.iter().any(|refused| name.ident == *refused)) {
            self.refuse(call.span(), INSTEAD);
        }
        let tokens = flat(call.tokens.clone());
        if declare_static(&tokens) {
            self.refuse(call.span(), "a static outlives an execution: keep it in the execution");
        }
        let is_call =
            |pair: &[TokenTree]| is_mark(&pair[0], '.') && METHODS.iter().any(|method| is_name(&pair[1], method));
        if tokens.windows(2).any(is_call) {
            self.refuse(call.span(), INSTEAD);
        }
    }
}

/// The violations of a crate. Adds its files with a hash map or set, and counts those that are checked.
fn violations_of_crate<'s>(
    name: &str,
    sources: &'s [(PathBuf, String)],
    hashed: &mut BTreeSet<&'s Path>,
    files: &mut usize,
) -> Vec<String> {
    let (_, manifest) = manifests::manifest(name);
    let names = manifests::dependencies(&manifest).into_iter().map(|entry| entry.name.replace('-', "_"));
    let crates: Vec<String> = names.collect();
    let modules = Modules::read(sources, name);
    let mut problems = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| modules.files_outside_tests.contains(path)) {
        let Some(rules) = [&PURE, &CALLED, &COMPILER].into_iter().find(|rules| rules.apply_to(path)) else { continue };
        *files += 1;
        let found = rules.violations(text, &crates).into_iter();
        problems.extend(found.map(|problem| format!("{}: {problem}", path.display())));
        if text.contains("Hash") && has_hashed(text) {
            hashed.insert(path);
        }
    }
    problems
}

#[test]
fn the_machine_the_query_languages_and_the_compiler_stay_pure() {
    let sources = sources();
    let (mut hashed, mut files) = (BTreeSet::new(), 0);
    let mut problems = violations_of_crate("engine", &sources, &mut hashed, &mut files);
    assert!(files > 100, "{files} files of the engine");
    problems.extend(violations_of_crate("deploy", &sources, &mut hashed, &mut files));
    let listed: BTreeSet<&Path> = HASHED.iter().map(|(path, _)| Path::new(*path)).collect();
    let unlisted = hashed.symmetric_difference(&listed).map(|path| {
        let path = path.display();
        format!("{path}: HASHED of tests/tidy/purity.rs lists the files with a HashMap or HashSet, and why their order has no effect")
    });
    problems.extend(unlisted);
    report(&problems);
}

/// A room that is not checked could read the clock for a pure one.
#[test]
fn a_pure_room_uses_only_rooms_whose_sources_are_checked() {
    let is_checked = |room: &str| {
        let path = Path::new("engine").join(room).with_extension("rs");
        PURE.apply_to(&path) || CALLED.apply_to(&path)
    };
    let rooms = Modules::read(&sources(), "engine").rooms();
    let checked = rooms.iter().filter(|(room, _)| is_checked(room));
    let uses = checked.flat_map(|(room, used)| used.iter().map(move |used| (room, used)));
    let problems = uses.filter(|(_, used)| !is_checked(used)).map(|(room, used)| {
        format!("engine/{room} uses engine/{used}, which tests/tidy/purity.rs does not check: add it to CALLED")
    });
    report(&problems.collect::<Vec<_>>());
}

#[test]
fn a_clock_a_file_and_a_static_are_found_however_they_are_named() {
    let crates = ["backoff", "rand", "serde_json", "tokio", "jiff"].map(str::to_owned);
    let impurities = |text: &str, crates: &[String]| PURE.violations(text, crates);
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
        "use backoff::SystemClock;",
        "fn f(clock: &impl Any) { clock.now(); }",
        "fn f(start: Start) -> u64 { start.elapsed() }",
        "fn f(start: Start) { assert!(g(start.elapsed())); }",
        "fn f(at: jiff::Timestamp) { at.in_tz(\"Europe/Berlin\"); }",
        "fn f() -> jiff::Timestamp { <jiff::Timestamp>::now() }",
        "fn f() -> Vec<u64> { g().map(jiff::Timestamp::now).collect() }",
        "use rand::*; fn f() -> u64 { random() }",
        "use rand::{self as r}; fn f() -> u64 { r::random() }",
        "use jiff::*; fn f() { TimeZone::system(); }",
        "use tokio::{self as t}; fn f() { t::spawn(g()); }",
        "use std::{self as s};",
        "use tokio::{self as t, sync::Notify};",
        "fn f() { r#std::time::Instant::now(); }",
        "use std::hash::*; fn f() -> RandomState { RandomState::new() }",
        "fn f() -> u64 { HashMap::<u8, u8>::new().hasher().hash_one(0) }",
        "macro_rules! m { () => { static COUNT: Count = Count::new(); } }",
        "fn f() { tokio::select!(); }",
        "#[derive(Deserialize)] struct S { #[serde(default = \"std::time::Instant::now\")] at: At }",
    ] {
        assert!(!impurities(impure, &crates).is_empty(), "{impure}");
    }
    for pure in [
        "use std::{cell::Cell, sync::Arc, time::Duration}; const MAX: u64 = u64::MAX;",
        "fn f(now: u64, rand: u64) -> u64 { now + rand }",
        "fn f() -> jiff::Timestamp { jiff::Timestamp::UNIX_EPOCH }",
        "fn f() -> serde_json::Value { serde_json::json!({ \"a\": [1] }) }",
        "#[cfg(test)] mod tests { use std::{fs, time::Instant}; }",
        "use backoff::{ExponentialBackoffBuilder, backoff::Backoff};",
        "use Kind::*; use super::inner::*; fn f(text: &'static str) { assert!(g::<&'static str>(text)); }",
        "fn f(frame: Frame) -> u64 { frame.now + frame.elapsed }",
        "#[derive(Deserialize)] struct S { #[serde(default = \"Vec::new\")] at: Vec<u8> }",
    ] {
        assert_eq!(impurities(pure, &crates), [""; 0], "{pure}");
    }
}

#[test]
fn a_room_that_a_pure_one_uses_may_wait_and_reads_no_clock_either() {
    let crates = ["async_trait", "futures", "rand", "tokio"].map(str::to_owned);
    for impure in [
        "pub fn stamp_ms() -> u64 { std::time::SystemTime::now() }",
        "use std::time::Instant;",
        "use std::env;",
        "async fn f() { tokio::time::sleep(g()).await; }",
        "async fn f() { tokio::spawn(g()).await; }",
        "fn f() -> u64 { rand::random() }",
        "static COUNT: AtomicU64 = AtomicU64::new(0);",
    ] {
        assert!(!CALLED.violations(impure, &crates).is_empty(), "{impure}");
    }
    for pure in [
        "use tokio::sync::Notify; async fn f(notify: &Notify) { notify.notified().await }",
        "use std::{future::Future, sync::{Arc, atomic::AtomicBool}};",
        "#[async_trait::async_trait] trait Step { async fn poll(&self); }",
    ] {
        assert_eq!(CALLED.violations(pure, &crates), [""; 0], "{pure}");
    }
    let crates = ["engine", "jiff", "tokio"].map(str::to_owned);
    for impure in ["use engine::runner::Runner;", "use engine::store::Store;", "use std::fs;", "use jiff::Zoned;"] {
        assert!(!COMPILER.violations(impure, &crates).is_empty(), "{impure}");
    }
    assert_eq!(COMPILER.violations("use engine::asl::each_state; use jiff::Timestamp;", &crates), [""; 0]);
    for path in ["engine/machine.rs", "engine/machine/turn.rs", "engine/machine/recordings.rs"] {
        assert!(PURE.apply_to(Path::new(path)), "{path}");
    }
    for path in ["engine/step.rs", "engine/step/call.rs", "engine/lib.rs", "engine/spelling.rs"] {
        assert!(CALLED.apply_to(Path::new(path)) && !PURE.apply_to(Path::new(path)), "{path}");
    }
}
