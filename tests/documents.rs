//! The documents are true: links resolve, commands are understood, the book has every page, the reference is up to date.
//!
//! The book is `docs`. Its reference is generated from the program; with `FLOW_DOCUMENTS=write`, the test of the reference writes it.

mod commands;
mod container;
mod figures;
mod proposed;
mod reference;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::support::rules;

/// The most lines that the README may have: two screens.
const README_LINES_MAX: usize = 110;

/// Read at run time: a shared target folder may have been built by another clone.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap().into()
}

/// The files with an extension below a folder of the project.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(root().join(folder)).sort_by_file_name().into_iter().map(Result::unwrap);
    let paths = entries.map(walkdir::DirEntry::into_path);
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// The Markdown files at the top of the project.
fn top() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == "md")).collect();
    found.sort();
    found
}

/// Every document that people read.
fn documents() -> Vec<PathBuf> {
    let mut all = top();
    all.extend(files("docs", "md"));
    all.extend(files("workflows", "md"));
    all
}

/// A path as messages name it.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn parse(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// The targets of a document's links and images.
fn links(text: &str) -> Vec<String> {
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    };
    parse(text).filter_map(target).collect()
}

/// The anchors of a document's headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let (mut found, mut counts) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    let mut heading: Option<String> = None;
    for event in parse(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(open) = &mut heading {
                    open.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let count = counts.entry(anchor.clone()).or_default();
                found.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
                *count += 1;
            }
            _ => {}
        }
    }
    found
}

/// The anchor of a heading's text.
fn anchor(heading: &str) -> String {
    let plain = heading.to_lowercase();
    let kept = plain.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The file that `{{#include FILE}}` of a page names.
fn included(page: &Path, text: &str) -> Vec<PathBuf> {
    let folder = page.parent().unwrap();
    let names = text.split("{{#include ").skip(1).filter_map(|rest| rest.split_once("}}"));
    names.map(|(name, _)| normal(&folder.join(name.split(':').next().unwrap().trim()))).collect()
}

/// Why a link of a document is broken.
fn broken(document: &Path, text: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = match file {
        "" => document.to_owned(),
        file => normal(&document.parent().unwrap().join(file)),
    };
    let book = root().join("docs");
    if !target.is_file() {
        return Some("there is no such file".to_owned());
    }
    if document.starts_with(&book) && !target.starts_with(&book) {
        return Some("it leads out of the book".to_owned());
    }
    let anchor = anchor?;
    let target_text = if target == document { text.to_owned() } else { fs::read_to_string(&target).unwrap() };
    (!anchors(&target_text).contains(anchor)).then(|| "there is no such heading".to_owned())
}

#[test]
fn the_summary_names_every_page_once() {
    let book = root().join("docs");
    let summary = book.join("SUMMARY.md");
    let named: Vec<PathBuf> =
        links(&fs::read_to_string(&summary).unwrap()).iter().map(|link| book.join(link)).collect();
    let unique: BTreeSet<&PathBuf> = named.iter().collect();
    assert_eq!(unique.len(), named.len(), "a page is named twice: {named:?}");
    let pages: Vec<PathBuf> = files("docs", "md").into_iter().filter(|page| *page != summary).collect();
    let missing: Vec<_> = pages.iter().filter(|page| !unique.contains(page)).map(|page| shown(page)).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md does not name {missing:?}");
    let absent: Vec<_> = named.iter().filter(|page| !page.is_file()).map(|page| shown(page)).collect();
    assert!(absent.is_empty(), "docs/SUMMARY.md names {absent:?}, which do not exist");
}

#[test]
fn every_link_and_anchor_resolves() {
    let mut problems = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            problems.extend(broken(&document, &text, &link).map(|why| format!("{}: {link}: {why}", shown(&document))));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn what_a_page_includes_exists_and_has_no_link_that_the_book_breaks() {
    let mut count = 0;
    for page in files("docs", "md") {
        for file in included(&page, &fs::read_to_string(&page).unwrap()) {
            count += 1;
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", shown(&file)));
            let is_markdown = file.extension().is_some_and(|extension| extension == "md");
            let relative = links(&text).into_iter().find(|link| is_markdown && !link.contains("://"));
            assert_eq!(relative, None, "{} is a page of the book and has a relative link", shown(&file));
        }
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn the_readme_is_two_screens() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines: move something to docs");
}

/// The exit codes of `cli/exit.rs`, and those of the parser and of nothing to report.
#[test]
fn every_exit_code_of_the_program_is_documented() {
    let source = fs::read_to_string(root().join("cli/exit.rs")).unwrap();
    let (_, variants) = source.split_once("pub enum Exit {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let codes =
        variants.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = ")).map(|found| found.1);
    let codes: Vec<&str> = codes.chain(["2"]).collect();
    assert!(codes.len() >= 10, "{codes:?}");
    let page = fs::read_to_string(root().join("docs/reference/exit-codes.md")).unwrap();
    let missing: Vec<_> = codes.iter().filter(|code| !page.contains(&format!("\n| {code} | "))).collect();
    assert!(missing.is_empty(), "docs/reference/exit-codes.md does not have {missing:?}");
}

#[test]
fn every_variable_of_the_program_is_documented() {
    // Those for tests, and those that stop the program at a commit.
    let internal = ["FLOW_TEST_", "FLOW_CRASH_", "FLOW_SIMULATION_", "FLOW_RECORDINGS"];
    let page = fs::read_to_string(root().join("docs/reference/environment.md")).unwrap();
    let mut missing = BTreeSet::new();
    for folder in ["api", "bench", "cli", "deploy", "engine", "rehearsal", "steps", "workflows"] {
        for file in files(folder, "rs") {
            let text = fs::read_to_string(&file).unwrap();
            let names = text.split("\"FLOW_").skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name);
            let names = names.filter(|name| name.chars().all(|c| c == '_' || c.is_ascii_uppercase()));
            // A prefix of variables is none.
            let names = names.filter(|name| !name.is_empty()).map(|name| format!("FLOW_{name}"));
            let names = names.filter(|name| !internal.iter().any(|prefix| name.starts_with(prefix)));
            missing.extend(names.filter(|name| !page.contains(&format!("`{name}`"))));
        }
    }
    assert!(missing.is_empty(), "docs/reference/environment.md does not have {missing:?}");
}

#[test]
fn the_upgrade_page_has_the_formats_that_the_store_reads() {
    let source = fs::read_to_string(root().join("engine/store/codec.rs")).unwrap();
    let after = |words: &str| source.split_once(words).unwrap().1;
    let current = after("FORMAT: u32 = ").split(';').next().unwrap();
    let earlier = after("EARLIER_FORMATS: [u32; ").split_once("= [").unwrap().1.split(']').next().unwrap();
    let page = fs::read_to_string(root().join("docs/upgrade.md")).unwrap();
    for format in earlier.split(", ").chain([current]) {
        assert!(page.contains(&format!("\n| {format} | ")), "docs/upgrade.md has no row for format {format}");
    }
    assert!(
        page.contains(&format!("\n| {current} | (current) | written by this version")),
        "format {current} is the newest"
    );
}

#[test]
fn the_changelog_has_this_version_and_the_licences_exist() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains(&format!("\n## {version}")), "CHANGELOG.md has no section for {version}");
    for (file, words) in [("LICENSE-MIT", "MIT License"), ("LICENSE-APACHE", "Version 2.0, January 2004")] {
        assert!(fs::read_to_string(root().join(file)).unwrap().contains(words), "{file}");
    }
}

/// The types of JSON lines that no literal names: the file and the variable that has the type, and the values of the variable.
const VARIABLE_TYPES: [(&str, &str, &[&str]); 3] = [
    ("cli/commands/approve.rs", "word", &["approved", "rejected"]),
    ("cli/commands/deploy/shown.rs", "kind", &["change", "changed"]),
    ("cli/commands/status/state.rs", "line", &["state"]),
];
/// The files that write JSON schemas, whose types are not those of lines.
const SCHEMA_FILES: [&str; 2] = ["cli/definition/asl_schema.rs", "cli/step_manual.rs"];

/// The types of the JSON lines that a source file prints: the literals, and the variables.
fn line_types(source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut literals, mut variables) = (BTreeSet::new(), BTreeSet::new());
    for rest in source.split("\"type\": ").skip(1) {
        match rest.strip_prefix('"') {
            Some(literal) => literals.extend(literal.split('"').next().map(str::to_owned)),
            None => {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                variables.insert(name);
            }
        }
    }
    if source.contains("(line[\"type\"], ") {
        variables.insert("line".to_owned());
    }
    (literals, variables)
}

/// The types of all JSON lines that the program prints.
fn all_line_types() -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    let mut problems = Vec::new();
    for path in files("cli", "rs") {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if SCHEMA_FILES.contains(&name.as_str()) || name.ends_with("tests.rs") {
            continue;
        }
        let (literals, variables) = line_types(text);
        types.extend(literals);
        for variable in variables {
            match VARIABLE_TYPES.iter().find(|(file, known, _)| *file == name && *known == variable) {
                Some((_, _, values)) => types.extend(values.iter().map(|value| (*value).to_owned())),
                None => problems.push(format!("{name}: a line's type is {variable}: add it to VARIABLE_TYPES")),
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    types
}

#[test]
fn every_type_of_a_json_line_is_described_and_has_a_rule() {
    let page = fs::read_to_string(root().join("docs/json-lines.md")).unwrap();
    let (types, rules) = (all_line_types(), rules());
    assert!(types.len() > 35, "{types:?}");
    let with_rule: BTreeSet<String> = rules.keys().cloned().collect();
    assert_eq!(types, with_rule, "left: types that the program prints; right: types with a rule in the schema");
    let mut problems = Vec::new();
    for (kind, rule) in &rules {
        if !rule["properties"].is_object() {
            problems.push(format!("the rule of {kind} names no field"));
        }
        // The line of type `version` is described in a sentence.
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&format!("| `{kind}` |"))).collect();
        if rows.is_empty() && kind != "version" {
            problems.push(format!("docs/json-lines.md does not describe the lines of type {kind}"));
        }
        let alternatives = rule["oneOf"].as_array().into_iter().flatten();
        let required = [rule].into_iter().chain(alternatives).flat_map(|part| part["required"].as_array());
        for field in required.flatten().map(|field| field.as_str().unwrap()) {
            // `approved` and `rejected`, `change` and `changed` have the same fields.
            let is_same = rows.iter().any(|row| row.contains("the same"));
            if !is_same && !rows.is_empty() && !rows.iter().any(|row| row.contains(&format!("`{field}`"))) {
                problems.push(format!("docs/json-lines.md: the row of {kind} does not name {field}"));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
