//! Files and functions stay short, and each room uses only the rooms that it may. Every message says what to do.

mod circles;
mod error_names;
mod foreign;
mod includes;
mod manifests;
mod modules;
mod named;
mod promises;
mod purity;
mod reexports;
mod statics;
mod syntax;
mod walk;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use syn::{spanned::Spanned, visit::Visit};

use self::modules::{CRATES, Modules};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// The characters of a line. rustfmt does not wrap comments, long literals and the arguments of macros.
const LINE_CHARACTERS_MAX: usize = 140;
/// The number of wider lines that are older than this rule. Lower it when you wrap one. No new one is added.
const WIDE_LINES_MAX: usize = 86;

fn sources() -> Vec<(PathBuf, String)> {
    // Read at run time: a target folder in a cache may have been built by another clone.
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    CRATES
        .iter()
        .chain(&["tests"])
        .flat_map(|folder| walkdir::WalkDir::new(root.join(folder)))
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.path().strip_prefix(&root).unwrap().to_owned(), text)
        })
        .collect()
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn no_file_outgrows_its_room() {
    let problems: Vec<_> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(path, text)| {
            let lines = text.lines().count();
            format!("{}: {lines} lines, at most {FILE_LINES_MAX}: split it by subject", path.display())
        })
        .collect();
    report(&problems);
}

fn is_wide(line: &str) -> bool {
    line.chars().count() > LINE_CHARACTERS_MAX
}

#[test]
fn no_line_outgrows_the_width() {
    let sources = sources();
    let wide = sources.iter().flat_map(|(path, text)| {
        let numbered = text.lines().zip(1..).filter(|(line, _)| is_wide(line));
        numbered.map(move |(_, number)| (path, number))
    });
    let wide: Vec<(&PathBuf, usize)> = wide.collect();
    let at = |(path, number): &(&PathBuf, usize)| {
        format!("{}:{number}: more than {LINE_CHARACTERS_MAX} characters: wrap it", path.display())
    };
    report(&wide.iter().filter(|(path, _)| path.starts_with("cli/ui")).map(at).collect::<Vec<_>>());
    if wide.len() > WIDE_LINES_MAX {
        report(&wide.iter().map(at).collect::<Vec<_>>());
    }
}

struct Functions<'a> {
    path: &'a Path,
    problems: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
        let lines = span.end().line - span.start().line + 1;
        if lines > FUNCTION_LINES_MAX {
            let (path, line) = (self.path.display(), span.start().line);
            self.problems.push(format!(
                "{path}:{line}: fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}: \
                 keep the branching here and move the leaves into functions of their own"
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, function.span());
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, function.span());
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[test]
fn no_function_outgrows_a_screen() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut functions = Functions { path: &path, problems: Vec::new() };
        functions.visit_file(&file);
        problems.extend(functions.problems);
    }
    report(&problems);
}

/// A write elsewhere would ignore a full disk: the command would succeed without its output. Clippy's `print_stdout` refuses `println!`.
#[test]
fn only_the_checked_writer_writes_standard_output() {
    // The live tree and its keyboard are only on a terminal; the sandbox answers the process that started it.
    let writers =
        ["cli/out.rs", "cli/ui/block.rs", "cli/ui/block/keyboard.rs", "cli/evaluator/worker.rs"].map(Path::new);
    let mut problems = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| path.starts_with("cli") && !writers.contains(&&**path)) {
        for (number, line) in text.lines().enumerate() {
            let writes = line.replace("of_stdout()", "").contains("stdout()") && !line.contains("is_terminal");
            if writes || line.contains(".print_help(") || line.contains(".print_long_help(") {
                let place = format!("{}:{}", path.display(), number + 1);
                problems.push(format!("{place}: print with say!, say_raw! or crate::out, which note a failure"));
            }
        }
    }
    report(&problems);
}

/// The display of a hint adds how to continue: by a resume, by the same command again, or not at all, because nothing has begun.
#[test]
fn a_steps_hint_names_the_repair_and_leaves_the_resume_to_the_display() {
    let mut problems = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| path.starts_with("steps") && !path.ends_with("tests.rs")) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            // A command with a variable is the repair itself; a remedy is data for the display.
            let line = line.replace("StepRemedy::Resume", "").to_lowercase();
            if line.replace("flow resume {execution}", "").contains("resume") {
                problems.push(format!("{}:{}: name the repair only", path.display(), number + 1));
            }
        }
    }
    report(&problems);
}

/// The arrows of the code map: which room may use which.
fn drawn_arrows() -> BTreeMap<String, Vec<String>> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let table = map.split("## Code map").nth(1).unwrap().split("## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let room = cells[0].trim().trim_end_matches('`').to_owned();
        let arrows = cells[2].split(|c: char| !c.is_alphanumeric() && c != '/').filter(|word| !word.is_empty());
        (room, arrows.map(str::to_owned).collect())
    })
    .collect()
}

/// A crate that uses all rooms of another one draws an arrow to the crate: `→ engine`.
#[test]
fn the_crates_use_each_other_as_drawn() {
    let (drawn, sources) = (drawn_arrows(), sources());
    let mut problems = Vec::new();
    for name in CRATES.iter().filter(|name| **name != "engine") {
        let arrows =
            drawn.get(*name).unwrap_or_else(|| panic!("the code map of ARCHITECTURE.md has no row for {name}"));
        if arrows == &["all"] {
            continue;
        }
        let arrows: BTreeSet<&str> = arrows.iter().map(String::as_str).filter(|arrow| *arrow != "nothing").collect();
        let used = Modules::read(&sources, name).other_rooms;
        let used: BTreeSet<&str> = used
            .iter()
            .map(|room| {
                room.split_once('/')
                    .map_or(room.as_str(), |(of, _)| if arrows.contains(of) { of } else { room.as_str() })
            })
            .collect();
        if used != arrows {
            problems.push(format!(
                "{name} uses {used:?}, the code map of ARCHITECTURE.md draws {arrows:?}: remove the use, or draw the arrow and \
                 say in the commit why it is right"
            ));
        }
    }
    report(&problems);
}

#[test]
fn the_rooms_of_the_engine_use_each_other_as_drawn() {
    let of_engine = |(room, arrows): (String, Vec<String>)| Some((room.strip_prefix("engine/")?.to_owned(), arrows));
    let mut drawn: BTreeMap<String, Vec<String>> = drawn_arrows().into_iter().filter_map(of_engine).collect();
    let mut problems = Vec::new();
    for (room, mut used) in Modules::read(&sources(), "engine").rooms() {
        used.remove("lib");
        let mut arrows = drawn.remove(&room).unwrap_or_default();
        arrows.sort();
        let used: Vec<String> = used.into_iter().collect();
        if room != "lib" && used != arrows {
            problems.push(format!(
                "engine/{room} uses [{}], the code map of ARCHITECTURE.md draws [{}]: remove the use, or draw the arrow \
                 and say in the commit why it is right",
                used.join(", "),
                arrows.join(", ")
            ));
        }
    }
    problems.extend(drawn.keys().map(|room| format!("ARCHITECTURE.md draws engine/{room}: no such room")));
    report(&problems);
}

/// A test that names the crate of a path reads the path's first name.
#[test]
fn imports_name_what_they_use() {
    let sources = sources();
    let mut problems = Vec::new();
    for modules in CRATES.map(|folder| Modules::read(&sources, folder)) {
        let globs = modules.globs_of_parent.iter();
        problems.extend(globs.map(|file| {
            format!(
                "{}: imports everything from a module around it (use super::*, use crate::*): name what it uses",
                file.display()
            )
        }));
        let renamed = modules.renamed_crates.iter();
        problems.extend(renamed.map(|(file, name)| {
            format!("{}: gives {name} another name or imports all of it: name it in each path", file.display())
        }));
    }
    report(&problems);
}

/// A runner that gives each test its own process limits the rehearsals before they wait for a permit.
#[test]
fn every_module_that_starts_a_rehearsal_is_in_its_group_of_nextest() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let settings = std::fs::read_to_string(root.join(".config/nextest.toml")).unwrap();
    let names = settings.split("test(/^(").nth(1).unwrap().split(')').next().unwrap();
    let listed: BTreeSet<String> = names.split('|').map(str::to_owned).collect();
    // In two parts, so that this file does not contain it.
    let call = ["Home", "::for_rehearsal()"].concat();
    let tests = sources().into_iter().filter(|(path, text)| path.starts_with("tests") && text.contains(&call));
    let module = |(path, _): (PathBuf, String)| {
        let name = path.components().nth(1)?.as_os_str().to_str()?;
        Some(name.trim_end_matches(".rs").to_owned())
    };
    let starting: BTreeSet<String> = tests.filter_map(module).collect();
    assert_eq!(listed, starting, "the group `rehearsals` in .config/nextest.toml");
}
