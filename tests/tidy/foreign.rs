//! The crates of others inside a crate, and how processes start. `manifests.rs` has the walls between the crates.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    modules::{Modules, paths_outside_tests},
    report, sources,
    syntax::{is_in, parsed_outside_tests},
};

/// Rooms of one crate that alone use some crates of others.
struct Wall {
    /// The crates of others. A name that ends in `*` is the beginning of several.
    names: &'static [&'static str],
    within: &'static str,
    rooms: &'static [&'static str],
    why: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        names: &["sled"],
        within: "engine",
        rooms: &["engine/store/sled_records"],
        why: "the store hides its index",
    },
    Wall {
        names: &["lz4_flex", "crc32fast"],
        within: "engine",
        rooms: &["engine/store"],
        why: "the store knows its format",
    },
    Wall {
        names: &["tokio"],
        within: "engine",
        rooms: &["engine/runner", "engine/step/abandonment.rs"],
        why: "the runner waits, the machine and the store do not; a step learns of its abandonment",
    },
    Wall {
        names: &["rand"],
        within: "engine",
        rooms: &["engine/runner", "engine/store"],
        why: "the machine receives randomness",
    },
    Wall {
        names: &["rustix"],
        within: "engine",
        rooms: &["engine/priority", "engine/runner", "engine/store"],
        why: "the machine calls no operating system",
    },
    Wall {
        names: &["jsonata_core"],
        within: "engine",
        rooms: &["engine/query/jsonata"],
        why: "one room evaluates JSONata, with a budget",
    },
    Wall {
        names: &["axum", "hyper*", "http_body_util"],
        within: "cli",
        rooms: &["cli/wire"],
        why: "only the wire transports requests",
    },
    Wall {
        names: &["aws_credential_types", "aws_sigv4"],
        within: "cli",
        rooms: &["cli/wire/signature.rs"],
        why: "the server checks the signatures of its clients; steps calls AWS",
    },
    Wall {
        names: &["crossterm"],
        within: "cli",
        rooms: &["cli/ui/screen.rs"],
        why: "one file asks the terminal for its size",
    },
    Wall {
        names: &["clap_mangen"],
        within: "cli",
        rooms: &["cli/commands/man.rs"],
        why: "only the manual pages need it",
    },
    Wall { names: &["mimalloc"], within: "cli", rooms: &["cli/main.rs"], why: "a program has one allocator" },
];

/// The rooms that start processes, with what each starts.
const STARTERS: &[(&str, &str)] = &[
    ("bench/serve/server.rs", "the server that is measured"),
    ("bench/sleepers.rs", "a process whose memory is measured"),
    ("bench/start.rs", "the command whose start is measured"),
    ("cli/commands/bench.rs", "the processes of `flow bench`"),
    ("cli/evaluator", "the sandboxes that evaluate JSONata"),
    ("cli/world.rs", "the world of a rehearsal, which outlives the command"),
    ("rehearsal", "Python with the AWS API"),
    ("steps/process", "the programs of `flow:process` under their supervisor"),
];

/// Whether a name is one of a wall's.
fn is_named(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |begin| name.starts_with(begin))
}

/// The walls that refuse crates to a file.
fn walls(path: &Path) -> impl Iterator<Item = &'static Wall> {
    let is_outside = |wall: &Wall| is_in(path, wall.within) && !wall.rooms.iter().any(|room| is_in(path, room));
    WALLS.iter().filter(move |wall| is_outside(wall))
}

/// The crates of others that a file must not use, with the rooms that may.
fn outside_their_rooms(path: &Path, file: &syn::File) -> Vec<String> {
    let firsts = paths_outside_tests(file).into_iter().filter_map(|path| path.into_iter().next());
    let used: BTreeSet<String> = firsts.collect();
    let mut refused = Vec::new();
    for wall in walls(path) {
        let is_refused = |name: &&String| wall.names.iter().any(|pattern| is_named(pattern, name));
        let (within, rooms, why) = (wall.within, wall.rooms.join(", "), wall.why);
        refused.extend(
            used.iter().filter(is_refused).map(|name| format!("{name}: in {within}, only {rooms} may use it: {why}")),
        );
    }
    refused
}

/// Whether a text may have such a path. rustfmt writes no space before `::`.
fn may_start_processes(text: &str) -> bool {
    let ends = ["process::*", "process as", "process;", "process}", "process,", "process\n"];
    text.contains("process") && (text.contains("Command") || ends.iter().any(|end| text.contains(end)))
}

/// Whether a file can start a process: it names `process::Command`, or imports a module that has it.
pub fn starts_processes(file: &syn::File) -> bool {
    paths_outside_tests(file).iter().any(|path| {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let has_command = names.windows(2).any(|pair| pair == ["process", "Command"]);
        has_command || matches!(names.as_slice(), ["std" | "tokio", "process"])
    })
}

#[test]
fn the_crates_of_others_stay_in_their_rooms() {
    let sources = sources();
    let is_wanted = |path: &Path, text: &str| {
        let names = walls(path).flat_map(|wall| wall.names);
        names.map(|name| name.trim_end_matches('*')).any(|name| text.contains(name))
    };
    let files = parsed_outside_tests(&sources, is_wanted);
    let problems = files.iter().flat_map(|(path, file)| {
        outside_their_rooms(path, file).into_iter().map(move |problem| format!("{}: {problem}", path.display()))
    });
    report(&problems.collect::<Vec<_>>());
}

#[test]
fn only_listed_rooms_start_processes() {
    let sources = sources();
    let files = parsed_outside_tests(&sources, |_, text| may_start_processes(text));
    let starting: Vec<&Path> = files.iter().filter(|(_, file)| starts_processes(file)).map(|(path, _)| *path).collect();
    let is_listed = |path: &&Path| STARTERS.iter().any(|(room, _)| is_in(path, room));
    let unlisted = starting.iter().filter(|path| !is_listed(path)).map(|path| {
        let path = path.display();
        format!("{path}: can start a process: list the room in tests/tidy/foreign.rs, or import only what does not, such as ExitCode")
    });
    let unused = STARTERS.iter().filter(|(room, _)| !starting.iter().any(|path| is_in(path, room)));
    let unused = unused.map(|(room, what)| format!("tests/tidy/foreign.rs: {room} starts no process ({what})"));
    report(&unlisted.chain(unused).collect::<Vec<_>>());
}

#[test]
fn a_crate_of_others_is_found_however_it_is_named() {
    let refused = |path: &str, text: &str| outside_their_rooms(Path::new(path), &syn::parse_file(text).unwrap());
    for text in [
        "fn f() { ::sled::open(\"x\"); }",
        "fn f() { r#sled::open(\"x\"); }",
        "use sled as s;",
        "extern crate sled as s;",
        "use sled;",
        "use sled::{self as s};",
        "use sled::*;",
        "fn f(tree: &sled::Tree) {}",
        "fn f() { vec![sled::open(\"x\")]; }",
        "fn f() { sled::pin!(); }",
        "#[derive(A)] struct S { #[a(with = \"sled::tree\")] b: u8 }",
    ] {
        assert_eq!(refused("engine/store/listing.rs", text).len(), 1, "{text}");
        assert_eq!(refused("engine/store/sled_records/tree.rs", text), [""; 0], "{text}");
        assert_eq!(refused("engine/store/sled_records.rs", text), [""; 0], "{text}");
    }
    assert_eq!(refused("cli/owner.rs", "use hyper_util::rt::TokioIo; use ::axum::Router;").len(), 2);
    assert_eq!(refused("cli/wire.rs", "use hyper_util::rt::TokioIo; use ::axum::Router;"), [""; 0]);
    assert_eq!(refused("engine/store/listing.rs", "/// sled::open\nfn f() { g(\"sled::open\"); h::sled(); }"), [""; 0]);
    assert_eq!(refused("engine/store/listing.rs", "#[cfg(test)] mod tests { use sled::open; }"), [""; 0]);
}

#[test]
fn a_start_of_a_process_is_found_however_it_is_named() {
    for text in [
        "use std::process::Command;",
        "use std::{fs, process::{Command as C, Stdio}};",
        "fn f() { std::process::Command::new(\"x\"); }",
        "use std::process; fn f() { process::Command::new(\"x\"); }",
        "use std::process::*;",
        "use tokio::process as p;",
        "use tokio::process::Command;",
        "fn f() { vec![::std::process::Command::new(\"x\")]; }",
    ] {
        assert!(starts_processes(&syn::parse_file(text).unwrap()), "{text}");
    }
    for text in [
        "use std::process::ExitCode; fn f() { std::process::exit(1); }",
        "use crate::process; use super::process::Request;",
        "use clap::Command;",
        "#[cfg(test)] mod tests { use std::process::Command; }",
    ] {
        assert!(!starts_processes(&syn::parse_file(text).unwrap()), "{text}");
    }
}

#[test]
fn a_crate_under_another_name_is_found_and_a_renamed_module_or_type_is_not() {
    let renamed = |text: &str| {
        let files = [("cli/lib.rs", "mod a;"), ("cli/a.rs", text), ("cli/a/b.rs", "")];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
        Modules::read(&files, "cli").renamed_crates
    };
    for text in [
        "use std as s;",
        "use rand::*;",
        "use tokio::{self as t};",
        "use {sled as s};",
        "use ::clap as c;",
        "extern crate sled as s;",
    ] {
        assert_eq!(renamed(text).len(), 1, "{text}");
    }
    for text in [
        "mod b; use b as c; use b::{self as d}; use b::*;",
        "mod inner { pub struct A; } use inner::*;",
        "use crate::a as e; use super::*; use self::b as f;",
        "enum Kind { A } use Kind::*; use Kind as K; use std::fmt as f; use std::io::{self as i};",
        "#[cfg(test)] mod tests { use rand::*; }",
    ] {
        assert!(renamed(text).is_empty(), "{text}");
    }
}
