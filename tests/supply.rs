//! Every dependency has an allowed licence and comes from an allowed source. `deny.toml` lists what is allowed, in the
//! format of `cargo deny`. That program takes longer to build than this workspace, so licences and sources are checked
//! without it. Advisories are not checked: their database is on the network.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// The only allowed registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every package of this machine's build, as `cargo metadata` describes it.
fn packages() -> Vec<Value> {
    let output = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let rustc = output("rustc", &["-vV"]);
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let metadata = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&output(&cargo, &metadata)).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn root() -> std::path::PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap().into()
}

fn allowed() -> BTreeSet<String> {
    let file: toml::Table = std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    let allowed = file["licenses"]["allow"].as_array().unwrap();
    allowed.iter().map(|license| license.as_str().unwrap().to_owned()).collect()
}

/// Whether allowed licences satisfy a licence expression (SPDX Specification 2.3, annex D). A slash is an older form of
/// OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = any_of(&mut rest, allowed);
    met == Some(true) && rest.is_empty()
}

fn any_of<'w>(words: &mut &'w [&'w str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = all_of(words, allowed)?;
    while let Some(("OR", rest)) = first(words) {
        *words = rest;
        met |= all_of(words, allowed)?;
    }
    Some(met)
}

fn all_of<'w>(words: &mut &'w [&'w str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while let Some(("AND", rest)) = first(words) {
        *words = rest;
        met &= one(words, allowed)?;
    }
    Some(met)
}

fn one<'w>(words: &mut &'w [&'w str], allowed: &BTreeSet<String>) -> Option<bool> {
    let (word, rest) = first(words)?;
    *words = rest;
    if word != "(" {
        return Some(allowed.contains(&word.replace("+WITH+", " WITH ")));
    }
    let met = any_of(words, allowed)?;
    let (end, rest) = first(words)?;
    *words = rest;
    (end == ")").then_some(met)
}

fn first<'w>(words: &&'w [&'w str]) -> Option<(&'w str, &'w [&'w str])> {
    words.split_first().map(|(word, rest)| (*word, rest))
}

#[test]
fn a_licence_expression_needs_every_part_of_an_and_and_one_of_an_or() {
    let allowed: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for expression in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "MIT AND ISC",
        "MIT AND (GPL-3.0 OR ISC)",
        "Apache-2.0 WITH LLVM-exception",
        "(MIT)",
    ] {
        assert!(is_allowed(expression, &allowed), "{expression}");
    }
    for expression in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "MIT OR", "(MIT", "MIT ISC", "MIT AND (GPL-3.0 OR X)"]
    {
        assert!(!is_allowed(expression, &allowed), "{expression}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let allowed = allowed();
    let problem = |package: &Value| {
        let name = format!("{} {}", package["name"].as_str()?, package["version"].as_str()?);
        let license = package["license"].as_str().unwrap_or_default();
        match package["source"].as_str() {
            Some(source) if source != REGISTRY => Some(format!("{name} comes from {source}")),
            _ if !is_allowed(license, &allowed) => Some(format!("{name} has the licence '{license}'")),
            _ => None,
        }
    };
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    let problems: Vec<String> = packages.iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn the_crate_whose_timing_leaks_private_keys_is_no_dependency() {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let rsa = lock["package"].as_array().unwrap().iter().find(|package| package["name"].as_str() == Some("rsa"));
    assert!(rsa.is_none(), "RUSTSEC-2023-0071: {rsa:?}");
}

/// `cargo metadata` describes the packages of one platform; the lock file has those of all.
#[test]
fn every_locked_package_of_any_platform_comes_from_the_registry() {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let source = |package: &toml::Value| package.get("source").and_then(toml::Value::as_str).map(str::to_owned);
    let others: Vec<_> =
        packages.iter().filter(|package| source(package).is_some_and(|from| from != REGISTRY)).collect();
    assert!(packages.len() > 100 && others.is_empty(), "{others:?}");
    let unchecked = packages.iter().filter(|package| source(package).is_some() && package.get("checksum").is_none());
    assert_eq!(unchecked.count(), 0, "each has a checksum, which cargo compares");
}
