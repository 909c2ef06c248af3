//! The Containerfile builds this project and copies what the build makes. CI has no container tool: what the build needs is compared with
//! the project, the build's command is that of the Debian package, and `packaging/try-deb` runs what the second stage does.

use std::{fs, os::unix::fs::PermissionsExt};

use super::root;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The instructions with a name, with continued lines joined.
fn instructions(text: &str, name: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    joined.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned)).collect()
}

#[test]
fn the_first_stage_builds_this_project_with_its_compiler() {
    let (container, manifest) = (read("Containerfile"), read("Cargo.toml"));
    let value = |name: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")).unwrap();
        line.trim_end_matches('"').to_owned()
    };
    let from = instructions(&container, "FROM");
    let compiler = format!("docker.io/library/rust:{}-", value("rust-version"));
    let suite = from[0].strip_prefix(&compiler).and_then(|rest| rest.strip_suffix(" AS build")).unwrap();
    assert_eq!(from[1], format!("docker.io/library/debian:{suite}-slim"), "one C library builds and runs it");
    assert_eq!(instructions(&container, "WORKDIR"), ["/flow"]);
    let build = "cargo build --release --locked --bin flow";
    assert!(container.contains(&format!("COPY . .\nRUN {build}\n")), "{container}");
    assert!(read("packaging/build-deb").contains(&format!("    {build}\n")), "the package is built alike");
    assert!(manifest.contains("[[bin]]\nname = \"flow\"\n") && root().join("Cargo.lock").exists());
    // Nothing that the build reads is left out of the copy.
    for ignored in read(".containerignore").lines() {
        assert!(["target", ".git", "__pycache__"].contains(&ignored), "does the build read {ignored}?");
    }
    // Cargo's settings are copied with the project, and the wrapper that they name needs no more than a shell.
    let wrapper = root().join(".cargo/rustc-wrapper");
    assert!(read(".cargo/config.toml").contains("rustc-wrapper = \".cargo/rustc-wrapper\""));
    assert!(fs::read_to_string(&wrapper).unwrap().starts_with("#!/bin/sh\n"));
    assert_ne!(fs::metadata(&wrapper).unwrap().permissions().mode() & 0o111, 0, "it is executable");
}

#[test]
fn the_second_stage_copies_what_exists_and_starts_it() {
    let container = read("Containerfile");
    let mut programs = 0;
    for copy in instructions(&container, "COPY --from=build") {
        let mut files: Vec<&str> = copy.split_whitespace().collect();
        let target = files.pop().unwrap();
        for file in files {
            let file = file.strip_prefix("/flow/").unwrap();
            match file == "target/release/flow" {
                true => {
                    programs += 1;
                    assert_eq!(instructions(&container, "ENTRYPOINT"), [format!("[\"{target}\"]")]);
                }
                false => assert!(root().join(file).is_file(), "{file}"),
            }
        }
    }
    assert_eq!(programs, 1, "{container}");
}
