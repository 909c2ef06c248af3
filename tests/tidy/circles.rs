//! No rooms use each other in a circle: what two rooms use is in a room below both. A module of a crate is a room, with all modules inside
//! it. The root of a crate is not a room: what it re-exports belongs to the room that defines it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use syn::spanned::Spanned;

use super::{
    drawn_arrows,
    modules::{CRATES, Modules, circles},
    report, sources,
};

/// The most files of the command line that use each other in a circle. A file and the files inside it may use each other.
const CIRCLE_FILES_MAX: usize = 7;

fn room(module: &[String]) -> String {
    module.first().cloned().unwrap_or_default()
}

/// Which files of a circle of rooms use which files of another one of its rooms: `view/failure → flow`.
fn arrows(modules: &Modules, circle: &[String]) -> Vec<String> {
    let mut arrows = Vec::new();
    for (module, all_used) in modules.files() {
        for used in all_used {
            let (from, to) = (room(module), room(used));
            if from != to && circle.contains(&from) && circle.contains(&to) {
                arrows.push(format!("{} → {}", module.join("/"), used.join("/")));
            }
        }
    }
    arrows
}

/// A sentence for each circle of rooms of a crate.
fn circles_of_rooms(sources: &[(PathBuf, String)], name: &str) -> Vec<String> {
    let modules = Modules::read(sources, name);
    let mut rooms = modules.rooms();
    rooms.remove("lib");
    let found = circles(&rooms).into_iter().map(|circle| {
        format!(
            "{name}: these rooms use each other in a circle: {}: move what both use to a room of its own. {}",
            circle.join(", "),
            arrows(&modules, &circle).join(", ")
        )
    });
    found.collect()
}

#[test]
fn the_rooms_of_each_crate_use_each_other_one_way() {
    let sources = sources();
    report(&CRATES.iter().flat_map(|name| circles_of_rooms(&sources, name)).collect::<Vec<_>>());
}

#[test]
fn few_files_of_the_command_line_use_each_other_in_a_circle() {
    let modules = Modules::read(&sources(), "cli");
    let files = circles(modules.files());
    let problems = files.iter().filter(|circle| circle.len() > CIRCLE_FILES_MAX).map(|circle| {
        let files: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
        format!(
            "cli: {} files use each other in a circle, at most {CIRCLE_FILES_MAX}: {}: let each use only files below it",
            files.len(),
            files.join(", ")
        )
    });
    report(&problems.collect::<Vec<_>>());
}

/// The sources are compared with the drawing, so a circle that is drawn would be allowed.
#[test]
fn the_arrows_of_the_code_map_have_no_circle() {
    let arrows = drawn_arrows().into_iter().map(|(from, to)| {
        // A room of the engine is drawn without the name of its crate where another one uses it.
        let prefix = if from.starts_with("engine/") { "engine/" } else { "" };
        let to: BTreeSet<String> = to.into_iter().map(|to| format!("{prefix}{to}")).collect();
        (from, to)
    });
    let arrows: BTreeMap<String, BTreeSet<String>> = arrows.collect();
    let circles = circles(&arrows).into_iter().map(|circle| {
        format!("the code map of ARCHITECTURE.md draws a circle: {}: draw the arrows one way", circle.join(", "))
    });
    report(&circles.collect::<Vec<_>>());
}

/// Every room may name the root, so an item or a re-export in it would be an arrow from every room that nobody draws.
#[test]
fn the_root_of_the_engine_only_lists_its_rooms() {
    let sources = sources();
    let (_, text) = sources.iter().find(|(path, _)| path == Path::new("engine/lib.rs")).unwrap();
    let items = syn::parse_file(text).unwrap().items;
    let is_room = |item: &&syn::Item| matches!(item, syn::Item::Mod(module) if module.content.is_none());
    let others = items.iter().filter(|item| !is_room(item)).map(|item| {
        format!("engine/lib.rs:{}: only `mod` belongs here: let the rooms name each other", item.span().start().line)
    });
    report(&others.collect::<Vec<_>>());
}

fn crate_of(files: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
    files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
}

#[test]
fn a_circle_of_rooms_is_found_however_the_rooms_name_each_other() {
    let root = "mod list; mod view; pub use view::View;";
    for list in
        ["fn f() { crate::view::show(); }", "use super::view::show;", "fn f(_: crate::View) {}", "use super::View;"]
    {
        for view in ["fn f() { crate::list::all(); }", "fn f() { println!(\"{}\", crate::list::all()); }"] {
            let sources =
                crate_of(&[("x/lib.rs", root), ("x/list.rs", list), ("x/view/fold.rs", view), ("x/view.rs", "")]);
            let found = circles_of_rooms(&sources, "x");
            let [only] = found.as_slice() else { panic!("{list} {view} {found:?}") };
            assert!(only.contains("list → view") && only.contains("view/fold → list"), "{only}");
        }
    }
}

#[test]
fn a_room_that_uses_its_own_files_and_the_rooms_below_it_is_in_no_circle() {
    let sources = crate_of(&[
        ("x/lib.rs", "mod list; mod view; pub use view::View; fn f() { list::all(); }"),
        ("x/list.rs", "use crate::{View, view::show}; struct Api;"),
        ("x/view.rs", "mod fold; fn f() { fold::all(); } #[cfg(test)] mod tests { use crate::list::all; }"),
        ("x/view/fold.rs", "use super::View; fn f() { crate::answer(); }"),
    ]);
    assert_eq!(circles_of_rooms(&sources, "x"), [""; 0]);
}
