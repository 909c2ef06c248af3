//! The reference: pages that are made from what the program says of itself.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value;

use super::{anchor, files, root, shown};
use crate::support::{Home, text};

/// The width of help texts.
const COLUMNS: &str = "100";

const MADE: &str = "Made and checked by `tests/documents.rs`";

/// The output of a command, without spaces at the ends of lines.
fn printed(home: &Home, arguments: &[&str]) -> String {
    let output = home.command(arguments).env("COLUMNS", COLUMNS).output().unwrap();
    assert!(output.status.success(), "flow {arguments:?}: {}", text(&output.stderr));
    let lines: Vec<String> = text(&output.stdout).lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// The JSON lines of one type that a command prints.
fn objects(home: &Home, arguments: &[&str], kind: &str) -> Vec<Value> {
    let lines = printed(home, arguments);
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == kind).collect()
}

fn section(title: &str, text: &str) -> String {
    format!("\n## {title}\n\n```text\n{text}\n```\n")
}

/// A text as a cell of a table.
fn cell(value: &Value) -> String {
    value.as_str().unwrap().replace('|', "\\|")
}

fn commands(home: &Home) -> String {
    let help = printed(home, &["-h"]);
    let mut page = format!("# Commands\n\n{MADE}: the help texts of the program.\n");
    page += &section("flow", &help);
    let list = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let verbs = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for verb in verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help") {
        page += &section(&format!("flow {verb}"), &printed(home, &[verb, "-h"]));
    }
    page
}

/// An index of the codes, then a section for each: the anchor of a code is `errors.md#CODE` in lower case without dots.
fn errors(home: &Home) -> String {
    let pages = objects(home, &["explain", "-o", "json"], "explanation");
    let is_name = |page: &&Value| page["code"].as_str().unwrap().contains('.');
    let part = |title: &str, pages: Vec<&Value>| {
        let row = |page: &&Value| {
            let code = cell(&page["code"]);
            format!("| [`{code}`](#{}) | {} |\n", anchor(&code), cell(&page["meaning"]))
        };
        let page_of = |page: &&Value| {
            let [code, meaning, remedy] = ["code", "meaning", "remedy"].map(|field| page[field].as_str().unwrap());
            format!("\n### `{code}`\n\n{meaning}\n\n{remedy}\n")
        };
        let (rows, sections): (String, String) = (pages.iter().map(row).collect(), pages.iter().map(page_of).collect());
        format!("\n## {title}\n\n| code | meaning |\n|---|---|\n{rows}{sections}")
    };
    let intro = format!("# Error codes\n\n{MADE}: what `flow explain` says. `flow explain CODE` shows one of them.\n");
    intro
        + &part("Codes of flow check and flow deploy", pages.iter().filter(|page| !is_name(page)).collect())
        + &part("Error names of executions", pages.iter().filter(is_name).collect())
}

/// The resource that names a step in a definition.
fn resource(name: &str) -> String {
    name.strip_prefix("aws:")
        .map_or_else(|| format!("flow:{name}"), |integration| format!("arn:aws:states:::{integration}"))
}

/// The index of steps, and a page for each group.
fn steps(home: &Home) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut index = format!(
        "# Steps\n\n{MADE}: what `flow steps` lists, and on the pages of the groups what `flow steps NAME` shows.\n\n\
         | a Task's `Resource` | what the step does |\n|---|---|\n"
    );
    for found in objects(home, &["steps", "-o", "json"], "step") {
        let name = found["step"]["name"].as_str().unwrap();
        let (group, resource) = (name.split(':').next().unwrap(), resource(name));
        let anchor = resource.to_lowercase().replace([':', '.'], "");
        let summary = cell(&found["step"]["summary"]);
        index += &format!("| [`{resource}`](steps/{group}.md#{anchor}) | {summary} |\n");
        let page = pages
            .entry(format!("steps/{group}.md"))
            .or_insert_with(|| format!("# Steps: {group}\n\n{MADE}: what `flow steps NAME` shows.\n"));
        *page += &section(&resource, &printed(home, &["steps", name]));
    }
    pages.insert("steps.md".to_owned(), index);
    pages
}

#[test]
fn the_reference_is_what_the_program_says() {
    let home = Home::plain();
    let mut pages = steps(&home);
    pages.insert("commands.md".to_owned(), commands(&home));
    pages.insert("errors.md".to_owned(), errors(&home));
    let folder = root().join("docs/reference");
    if std::env::var("FLOW_DOCUMENTS").is_ok_and(|wanted| wanted == "write") {
        fs::create_dir_all(folder.join("steps")).unwrap();
        return pages.iter().for_each(|(name, page)| fs::write(folder.join(name), page).unwrap());
    }
    for (name, page) in &pages {
        let kept = fs::read_to_string(folder.join(name)).unwrap_or_default();
        let differs = kept.lines().zip(page.lines()).position(|(kept, now)| kept != now);
        assert!(
            kept == *page,
            "docs/reference/{name}, line {:?}: run this test with FLOW_DOCUMENTS=write and review the difference",
            differs.map(|line| line + 1)
        );
    }
    let made: Vec<PathBuf> = pages.keys().map(|name| folder.join(name)).collect();
    let left = files("docs/reference/steps", "md").into_iter().find(|page| !made.contains(page));
    assert_eq!(left.map(|page| shown(&page)), None, "no step is of this group any more");
}
