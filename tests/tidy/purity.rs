//! The names that a pure room may use: data and functions that depend on their arguments alone. Every other name is refused, so that a
//! clock, a file, a thread or a random number has no name by which a pure room could reach it.

mod items;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use syn::visit::Visit;

use super::{
    manifests,
    modules::{Modules, paths_outside_tests},
    report, sources,
    syntax::is_in,
};

use self::items::Items;

/// The names that a kind of rooms may use.
struct Rules {
    rooms: &'static [&'static str],
    /// The files of these rooms that are not pure.
    except: &'static [&'static str],
    /// The modules of the standard library besides those in `STANDARD`.
    standard: &'static [&'static str],
    /// The parts of further modules and crates that are used.
    names: &'static [&'static [&'static str]],
    /// The crates besides those in `CRATES`.
    crates: &'static [&'static str],
    is_async: bool,
    /// Whether the rooms have statics. `statics.rs` refuses those that change.
    has_tables: bool,
}

/// The pure rooms.
static PURE: Rules = Rules {
    rooms: &["engine/asl", "engine/journal", "engine/machine", "engine/query"],
    except: &[],
    standard: &[],
    names: &[],
    crates: &[],
    is_async: false,
    has_tables: false,
};
/// The rooms that pure rooms use. They may wait, and they reach no clock, file, thread and process either.
static CALLED: Rules = Rules {
    rooms: &["engine/lib", "engine/spelling", "engine/step"],
    except: &[],
    standard: &["future"],
    names: &[
        &["futures", "FutureExt"],
        &["std", "panic", "AssertUnwindSafe"],
        &["std", "sync", "atomic"],
        &["tokio", "sync", "Notify"],
    ],
    crates: &["async_trait", "schemars", "subtle"],
    is_async: true,
    has_tables: false,
};

/// The compiler to definitions of Step Functions. It uses the pure rooms of the engine and those that they use.
static COMPILER: Rules = Rules {
    rooms: &["deploy"],
    except: &[],
    standard: &[],
    names: &[
        &["engine", "asl"],
        &["engine", "journal"],
        &["engine", "machine"],
        &["engine", "query"],
        &["engine", "step"],
    ],
    crates: &[],
    is_async: false,
    has_tables: false,
};

/// The shipped workflows: what they check and compute depends on a definition and an input alone.
static WORKFLOWS: Rules = Rules {
    rooms: &["workflows"],
    except: &["workflows/load.rs", "workflows/text.rs"],
    standard: &["path"],
    names: &[&["std", "io", "Error"], &["std", "net", "Ipv4Addr"]],
    crates: &["granit_parser", "jsonschema", "serde_saphyr", "toml"],
    is_async: false,
    has_tables: true,
};

static RULES: [&Rules; 4] = [&PURE, &CALLED, &COMPILER, &WORKFLOWS];

/// The modules of the standard library that are used. The others hold clocks, files, threads, processes or what these share.
const STANDARD: [&str; 25] = [
    "any",
    "array",
    "borrow",
    "cell",
    "char",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "ptr",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "vec",
];
/// The parts of further modules that are used.
const STANDARD_NAMES: [[&str; 2]; 3] = [["sync", "Arc"], ["sync", "Weak"], ["time", "Duration"]];
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
/// Methods that read a clock, draw random numbers, or read a time zone or a file, whatever value has them.
const METHODS: [&str; 12] = [
    "now",
    "elapsed",
    "get_elapsed_time",
    "hasher",
    "hash_one",
    "in_tz",
    "canonicalize",
    "exists",
    "is_dir",
    "is_file",
    "metadata",
    "read_dir",
];
/// The settings of backoff's builder: with `0.0` it draws no random numbers, with `None` it reads no clock. Its defaults do both.
const BACKOFF: [&str; 2] = ["with_randomization_factor", "with_max_elapsed_time"];
/// The fields that these settings change.
const BACKOFF_FIELDS: [&str; 2] = ["randomization_factor", "max_elapsed_time"];
const BACKOFF_INSTEAD: &str = "backoff draws random numbers and reads the clock: call `.with_randomization_factor(0.0)` and \
                               `.with_max_elapsed_time(None)` on its builder, and change neither later";
/// Macros that write, or that declare a static.
const MACROS: [&str; 6] = ["dbg", "eprint", "eprintln", "print", "println", "thread_local"];
/// The files with a hash map or set, and why its order, which is random, has no effect.
const HASHED: [(&str, &str); 5] = [
    ("engine/journal/recorded.rs", "read by key"),
    ("engine/machine/frame/frames.rs", "has a hasher without random numbers, and is sorted before it is iterated"),
    ("engine/query/intrinsic/texts.rs", "only asked what it contains"),
    ("engine/query/java.rs", "read by key"),
    ("workflows/keys.rs", "read by key"),
];

const OTHER_NAME: &str = "this gives a crate another name: name the crate in each path";
const INSTEAD: &str = "hand in what reads a clock, a file or a random number, as data (a Moment, an Input) or with the Evaluator; \
                       add what only computes to the lists of tests/tidy/purity.rs";

impl Rules {
    fn apply_to(&self, path: &Path) -> bool {
        let is_excepted = self.except.iter().any(|file| path == Path::new(file));
        !is_excepted && self.rooms.iter().any(|room| is_in(path, room))
    }

    /// The names that a file must not use. `crates` are those on which its crate depends.
    fn violations(&self, text: &str, crates: &[String]) -> Vec<String> {
        let file = syn::parse_file(text).unwrap();
        let mut items = Items { rules: self, crates, deterministic: [0; 2], problems: Vec::new() };
        items.visit_file(&file);
        let paths = paths_outside_tests(&file);
        let is_builder = |path: &&Vec<String>| path.windows(2).any(|pair| pair[0] == "ExponentialBackoffBuilder");
        let builders = paths.iter().filter(is_builder).count();
        if items.deterministic.iter().any(|calls| *calls < builders) {
            items.problems.push(BACKOFF_INSTEAD.to_owned());
        }
        items.problems.into_iter().chain(paths.iter().filter_map(|path| self.refusal(path, crates))).collect()
    }

    /// Why a path must not be used; `None` if it may.
    fn refusal(&self, path: &[String], crates: &[String]) -> Option<String> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_listed = self.names.iter().any(|listed| names.starts_with(listed));
        let is_allowed = match names.as_slice() {
            ["RandomState", ..] => false,
            [_, below @ ..] if below.iter().any(|name| reads(name)) => false,
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

/// Whether a function or method of this name reads a clock, a random number or a time zone, whatever has it.
fn reads(name: &str) -> bool {
    READERS.iter().chain(&METHODS).chain(&BACKOFF).any(|reader| *reader == name)
}

/// Whether a file names a hash map or set outside its tests.
fn has_hashed(text: &str) -> bool {
    let paths = paths_outside_tests(&syn::parse_file(text).unwrap());
    paths.iter().flatten().any(|name| ["HashMap", "HashSet"].contains(&name.as_str()))
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
        let Some(rules) = RULES.into_iter().find(|rules| rules.apply_to(path)) else { continue };
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
    problems.extend(violations_of_crate("workflows", &sources, &mut hashed, &mut files));
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
fn a_method_is_found_in_paths_and_macros_and_a_field_of_its_name_is_not() {
    let crates = ["backoff", "jiff"].map(str::to_owned);
    for impure in [
        "fn f(map: &HashMap<u8, u8>) { HashMap::hasher(map); }",
        "fn f(state: &State) -> u64 { BuildHasher::hash_one(state, 0) }",
        "fn f(at: jiff::Timestamp) { jiff::Timestamp::in_tz(at, \"Europe/Berlin\"); }",
        "fn f(starts: Vec<Start>) -> Vec<u64> { starts.iter().map(Start::elapsed).collect() }",
        "fn f(x: &u8) -> String { format!(\"{x:p}\") }",
        "fn f() { ExponentialBackoffBuilder::new().with_max_elapsed_time(None).build(); }",
        "fn f() { ExponentialBackoffBuilder::new().with_randomization_factor(0.5).with_max_elapsed_time(None).build(); }",
        "fn f() { ExponentialBackoffBuilder::new().with_randomization_factor(0.0).with_max_elapsed_time(max).build(); }",
        "fn f(b: Builder) { ExponentialBackoffBuilder::with_randomization_factor(b, 0.5); }",
        "fn f(b: Builder) { vec![b.with_max_elapsed_time(g())]; }",
        "fn f(mut b: Exponential) { b.randomization_factor = 0.5; }",
    ] {
        assert!(!PURE.violations(impure, &crates).is_empty(), "{impure}");
    }
    for pure in [
        "fn f(frame: Frame) { assert!(frame.now > 0); vec![frame.elapsed]; }",
        "fn f() { ExponentialBackoffBuilder::new().with_randomization_factor(0.0).with_max_elapsed_time(None).build(); }",
        "use std::{any::type_name, error::Error, marker::PhantomData, option::IntoIter, sync::Weak};",
        "#[cfg(test)] static COUNT: u64 = 0; #[cfg(test)] thread_local! { static A: u64 = 0; } #[cfg(test)] use std::fs;",
        "struct S; impl S { #[cfg(test)] fn f(start: Start) -> u64 { start.elapsed() } }",
        "#[cfg(test)] fn f(start: Start) -> u64 { start.elapsed() } #[cfg(test)] impl S { async fn f() {} }",
    ] {
        assert_eq!(PURE.violations(pure, &crates), [""; 0], "{pure}");
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
        "fn f() { futures::executor::block_on(g()); }",
        "fn f() { std::panic::set_hook(g()); }",
        "static COUNT: AtomicU64 = AtomicU64::new(0);",
    ] {
        assert!(!CALLED.violations(impure, &crates).is_empty(), "{impure}");
    }
    for pure in [
        "use tokio::sync::Notify; async fn f(notify: &Notify) { notify.notified().await }",
        "use std::{future::Future, sync::{Arc, atomic::AtomicBool}};",
        "#[async_trait::async_trait] trait Step { async fn poll(&self); }",
        "use futures::FutureExt; async fn f() { std::panic::AssertUnwindSafe(g()).catch_unwind().await; }",
    ] {
        assert_eq!(CALLED.violations(pure, &crates), [""; 0], "{pure}");
    }
    let crates = ["engine", "jiff", "tokio"].map(str::to_owned);
    for impure in ["use engine::runner::Runner;", "use engine::store::Store;", "use std::fs;", "use jiff::Zoned;"] {
        assert!(!COMPILER.violations(impure, &crates).is_empty(), "{impure}");
    }
    assert_eq!(COMPILER.violations("use engine::asl::each_state; use jiff::Timestamp;", &crates), [""; 0]);
    let crates = ["jsonschema", "toml"].map(str::to_owned);
    for impure in [
        "fn f() -> Time { std::time::SystemTime::now() }",
        "use std::fs;",
        "use std::io;",
        "fn f(path: &std::path::Path) -> bool { path.is_file() }",
        "fn f(path: &std::path::Path) -> bool { std::path::Path::exists(path) }",
    ] {
        assert!(!WORKFLOWS.violations(impure, &crates).is_empty(), "{impure}");
    }
    let pure =
        "use std::{net::Ipv4Addr, path::Path}; static USES: [(&str, u64); 1] = [(\"a\", 1)]; use toml::from_str;";
    assert_eq!(WORKFLOWS.violations(pure, &crates), [""; 0]);
    assert!(
        WORKFLOWS.apply_to(Path::new("workflows/prepare.rs")) && !WORKFLOWS.apply_to(Path::new("workflows/text.rs"))
    );
    for path in ["engine/machine.rs", "engine/machine/turn.rs", "engine/machine/recordings.rs"] {
        assert!(PURE.apply_to(Path::new(path)), "{path}");
    }
    for path in ["engine/step.rs", "engine/step/call.rs", "engine/lib.rs", "engine/spelling.rs"] {
        assert!(CALLED.apply_to(Path::new(path)) && !PURE.apply_to(Path::new(path)), "{path}");
    }
}
