//! Which crate may depend on which crates of others: a crate without an entry in its Cargo.toml cannot use another one.

use std::path::PathBuf;

use super::{modules::CRATES, report};

/// Crates of others that reach outside the process or hide in one place, and who may depend on them.
struct Wall {
    /// The crates of others. A name that ends in `*` is the beginning of several. The first wall that names a crate counts.
    names: &'static [&'static str],
    crates: &'static [&'static str],
    /// The crates whose tests may also use them.
    tests: &'static [&'static str],
    why: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        names: &["aws-credential-types", "aws-sigv4"],
        crates: &["cli", "steps"],
        tests: &[],
        why: "steps calls AWS, and the server of cli checks the signatures of its clients",
    },
    Wall {
        names: &["aws-*"],
        crates: &["steps"],
        tests: &["cli"],
        why: "AWS is called by steps; the end-to-end tests are clients of the server",
    },
    Wall { names: &["sled"], crates: &["engine"], tests: &[], why: "the store hides its index" },
    Wall { names: &["clap*"], crates: &["cli"], tests: &[], why: "the other crates have no command line" },
    Wall { names: &["axum"], crates: &["cli"], tests: &[], why: "only the wire of cli serves HTTP" },
    Wall {
        names: &["hyper*", "http-body-util"],
        crates: &["bench", "cli"],
        tests: &[],
        why: "the wire of cli, and a client of the server that bench measures",
    },
    Wall {
        names: &["reqwest", "russh", "hickory-*"],
        crates: &["rehearsal", "steps"],
        tests: &["cli"],
        why: "steps calls other machines, and a rehearsal has servers for them",
    },
    Wall { names: &["tokio-rustls", "rcgen"], crates: &["rehearsal"], tests: &[], why: "a rehearsal serves HTTPS" },
    Wall {
        names: &["tokio"],
        crates: &["api", "bench", "cli", "engine", "rehearsal", "steps"],
        tests: &CRATES,
        why: "the compiler and the workflows wait for nothing",
    },
    Wall {
        names: &["rand"],
        crates: &["api", "cli", "engine", "rehearsal", "steps"],
        tests: &[],
        why: "the compiler and the workflows draw no random numbers",
    },
    Wall {
        names: &["rustix"],
        crates: &["cli", "engine", "steps"],
        tests: &[],
        why: "terminals and processes, the store's files, and programs of steps",
    },
    Wall {
        names: &["jiff"],
        crates: &["api", "bench", "cli", "deploy", "engine"],
        tests: &[],
        why: "it reads the clock and the time zones, and the compiler uses its durations",
    },
    Wall { names: &["backoff"], crates: &["engine"], tests: &[], why: "retries are decided by the machine" },
    Wall { names: &["mimalloc"], crates: &["cli"], tests: &["bench"], why: "a program has one allocator" },
    Wall { names: &["crossterm"], crates: &["cli"], tests: &[], why: "the other crates have no terminal" },
    Wall { names: &["tracing-subscriber"], crates: &["cli"], tests: &[], why: "a program has one subscriber" },
    Wall { names: &["tempfile"], crates: &["bench"], tests: &CRATES, why: "bench measures in folders of its own" },
    Wall {
        names: &["divan", "insta", "proc-macro2", "proptest", "syn", "walkdir"],
        crates: &[],
        tests: &CRATES,
        why: "they are for tests",
    },
];

/// The crates that only compute, which all may use.
const COMPUTING: &[&str] = &[
    "async-trait",
    "base64",
    "crc32fast",
    "flate2",
    "form_urlencoded",
    "futures",
    "granit-parser",
    "hex",
    "itoa",
    "jsonata-core",
    "jsonschema",
    "lz4_flex",
    "md5",
    "memchr",
    "pulldown-cmark",
    "regex",
    "regex-lite",
    "schemars",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha1",
    "sha2",
    "subtle",
    "thiserror",
    "toml",
    "tracing",
    "unicode-width",
];

/// An entry of a manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name by which the crate's sources call it.
    pub name: String,
    is_for_tests: bool,
    /// Whether the entry gives a package another name.
    is_renamed: bool,
}

/// The entries of all tables of a Cargo.toml whose name ends in `dependencies`, except the versions of the workspace.
pub fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    add_dependencies(&manifest.parse::<toml::Table>().unwrap(), &mut found);
    found
}

fn add_dependencies(tables: &toml::Table, found: &mut Vec<Dependency>) {
    for (name, value) in tables {
        let Some(table) = value.as_table().filter(|_| name != "workspace") else { continue };
        if name.ends_with("dependencies") {
            found.extend(table.iter().map(|(entry, settings)| Dependency {
                name: entry.clone(),
                is_for_tests: name.starts_with("dev"),
                is_renamed: settings.get("package").is_some(),
            }));
        } else {
            add_dependencies(table, found);
        }
    }
}

/// The entries of the workspace that give a package another name: a crate that names the entry would depend on the package.
fn renamed_in_workspace(manifest: &str) -> Vec<String> {
    let manifest = manifest.parse::<toml::Table>().unwrap();
    let entries = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let entries = entries.and_then(toml::Value::as_table).into_iter().flatten();
    entries.filter(|(_, settings)| settings.get("package").is_some()).map(|(name, _)| name.clone()).collect()
}

/// Why a crate must not have an entry in its manifest; `None` if it may.
fn refusal(of: &str, entry: &Dependency) -> Option<String> {
    let name = entry.name.as_str();
    if entry.is_renamed {
        return Some(format!("{name}: an entry must have the name of its package"));
    }
    if CRATES.contains(&name) || COMPUTING.contains(&name) {
        return None;
    }
    let is_named = |pattern: &&str| pattern.strip_suffix('*').map_or(*pattern == name, |begin| name.starts_with(begin));
    let Some(wall) = WALLS.iter().find(|wall| wall.names.iter().any(is_named)) else {
        return Some(format!(
            "{name}: say in tests/tidy/manifests.rs whether it only computes, and else who may use it"
        ));
    };
    let is_allowed = wall.crates.contains(&of) || entry.is_for_tests && wall.tests.contains(&of);
    let rooms = wall.crates.join(", ");
    (!is_allowed).then(|| format!("{name}: only [{rooms}] may depend on it: {}", wall.why))
}

/// The manifest of a crate of this project. The command line's is the one of the workspace.
pub fn manifest(of: &str) -> (PathBuf, String) {
    let path = if of == "cli" { PathBuf::from("Cargo.toml") } else { PathBuf::from(of).join("Cargo.toml") };
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let text = std::fs::read_to_string(root.join(&path)).unwrap();
    (path, text)
}

#[test]
fn each_crate_depends_on_the_crates_of_others_that_it_may() {
    let mut problems = Vec::new();
    for of in CRATES {
        let (path, text) = manifest(of);
        let entries = dependencies(&text);
        assert!(entries.len() > 5, "{}: {entries:?}", path.display());
        let refused = entries.iter().filter_map(|entry| refusal(of, entry));
        problems.extend(refused.map(|problem| format!("{}: {problem}", path.display())));
    }
    let renamed = renamed_in_workspace(&manifest("cli").1).into_iter();
    problems.extend(renamed.map(|name| format!("Cargo.toml: {name}: an entry must have the name of its package")));
    report(&problems);
}

#[test]
fn an_entry_is_found_in_every_table_of_dependencies() {
    let refused = |of: &str, manifest: &str| {
        let entries = dependencies(manifest);
        entries.iter().filter_map(|entry| refusal(of, entry)).collect::<Vec<_>>()
    };
    for manifest in [
        "[dependencies]\nsled.workspace = true",
        "[dependencies.sled]\nversion = \"1\"",
        "[dependencies]\nrustix = { version = \"1\" }",
        "[target.'cfg(unix)'.dependencies]\naxum = \"0.8\"",
        "[target.'cfg(unix)'.dependencies.aws-types]\nversion = \"1\"",
        "[build-dependencies]\nreqwest = \"1\"",
        "[dev-dependencies]\naws-sdk-ec2 = \"1\"",
        "[dependencies]\nserde = { version = \"1\", package = \"sled\" }",
        "[dependencies]\nproptest = \"1\"",
        "[dependencies]\nduct = \"1\"",
    ] {
        assert_eq!(refused("deploy", manifest).len(), 1, "{manifest}");
    }
    for manifest in [
        "[dependencies]\nserde.workspace = true\nengine.workspace = true\n[dev-dependencies]\nproptest = \"1\"",
        "[workspace.dependencies]\nsled = \"0.34\"\n[profile.dev.package.sled]\nopt-level = 3",
    ] {
        assert_eq!(refused("deploy", manifest), [""; 0], "{manifest}");
    }
    let in_workspace = |entry: &str| renamed_in_workspace(&format!("[workspace.dependencies]\n{entry}"));
    assert_eq!(in_workspace("hex = { package = \"rand\", version = \"0.9\" }\nmd5 = \"0.8\""), ["hex"]);
    assert_eq!(in_workspace("hex = { version = \"0.4\", features = [\"package\"] }"), [""; 0]);
    assert_eq!(refused("cli", "[dependencies]\naws-sdk-sfn = \"1\"").len(), 1);
    assert_eq!(refused("deploy", "[dependencies]\ntokio.workspace = true").len(), 1);
    assert_eq!(refused("deploy", "[dev-dependencies]\ntokio.workspace = true"), [""; 0]);
    assert_eq!(refused("cli", "[dev-dependencies]\naws-sdk-sfn = \"1\""), [""; 0]);
}
