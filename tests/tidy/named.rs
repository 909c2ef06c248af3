//! The tests, paths and answers that the documents name exist.

use std::path::{Path, PathBuf};

use super::{report, sources};

#[test]
fn every_test_that_the_documents_name_exists() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let security = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let sources = sources();
    let exists = |name: &str| sources.iter().any(|(_, text)| text.contains(&format!("fn {name}(")));
    // Only test names contain several underscores and lower-case letters only.
    let is_test = |code: &&str| {
        code.matches('_').count() > 1 && code.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let named: Vec<&str> = security.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 15, "{named:?}");
    let missing = named.iter().filter(|name| !exists(name));
    report(
        &missing
            .map(|name| format!("docs/security.md names {name}: name the test that holds the sentence"))
            .collect::<Vec<_>>(),
    );
}

/// The paths of a text in backticks: `engine/store/commit_log.rs`, `tests/{kill,crashed}.rs`.
fn named_paths(text: &str) -> Vec<String> {
    let rooms =
        ["cli", "api", "bench", "deploy", "engine", "steps", "workflows", "rehearsal", "tests", "docs", "packaging"];
    let is_path = |code: &&str| {
        let room = code.split('/').next().unwrap_or_default();
        let plain = code.chars().all(|c| c.is_alphanumeric() || "/._-{},".contains(c));
        plain && code.contains('/') && rooms.contains(&room)
    };
    let codes = text.split('`').skip(1).step_by(2).filter(is_path);
    codes
        .flat_map(|code| match code.split_once('{').zip(code.split_once('}')) {
            Some(((before, _), (inside, after))) => {
                inside[before.len() + 1..].split(',').map(|name| format!("{before}{name}{after}")).collect::<Vec<_>>()
            }
            None => vec![code.to_owned()],
        })
        .collect()
}

/// A path of LocalStack's repository.
const OTHERS: &str = "tests/aws/services/stepfunctions";

/// The documents at the root and in `docs`. A changelog names what existed.
fn documents(root: &Path) -> Vec<(PathBuf, String)> {
    let folders = [root.to_owned(), root.join("docs")];
    let paths = folders.iter().flat_map(|folder| walkdir::WalkDir::new(folder).max_depth(1)).filter_map(Result::ok);
    let paths = paths.map(|entry| entry.path().strip_prefix(root).unwrap().to_owned());
    let is_document = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "md") && path != Path::new("CHANGELOG.md")
    };
    paths.filter(is_document).map(|path| (path.clone(), std::fs::read_to_string(root.join(&path)).unwrap())).collect()
}

/// A sentence for each path that a text names and that does not exist. A room may be one file.
fn missing(root: &Path, document: &Path, text: &str) -> Vec<String> {
    let exists = |name: &String| root.join(name).exists() || root.join(format!("{name}.rs")).exists() || name == OTHERS;
    let named = named_paths(text).into_iter().filter(|name| !exists(name));
    named.map(|name| format!("{} names {name}: no such path", document.display())).collect()
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let documents = documents(&root);
    for (document, least) in [("ARCHITECTURE.md", 100), ("CONTRIBUTING.md", 1), ("docs/security.md", 1)] {
        let (_, text) = documents.iter().find(|(path, _)| path == Path::new(document)).unwrap();
        assert!(named_paths(text).len() >= least, "{document}: {:?}", named_paths(text));
    }
    report(&documents.iter().flat_map(|(path, text)| missing(&root, path, text)).collect::<Vec<_>>());
    let of = |text: &str| missing(&root, Path::new("docs/a.md"), text);
    assert_eq!(of("See `engine/store/none.rs`."), ["docs/a.md names engine/store/none.rs: no such path"]);
    assert_eq!(of("See `engine/store`, `engine/store.rs` and `engine/{store,runner}.rs`."), [""; 0]);
}

/// A question of the table has at least one path, so that it is answered by a path alone.
#[test]
fn every_question_of_the_architecture_is_answered_by_a_path() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let table = map.split("## Where is it?").nth(1).unwrap().split("**Files to touch.**").next().unwrap();
    let answers: Vec<&str> = table.lines().filter(|line| line.starts_with("| ") && line.contains('?')).collect();
    assert!(answers.len() >= 10, "{answers:?}");
    let without = answers.iter().filter(|line| named_paths(line).is_empty());
    report(&without.map(|line| format!("ARCHITECTURE.md: name the path: {line}")).collect::<Vec<_>>());
}
