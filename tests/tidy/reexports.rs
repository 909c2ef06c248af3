//! Names that would reach a room or a crate without its path, so that no other check would find it: the macros of a crate's root, and a
//! crate that another one passes on.

use std::{collections::BTreeSet, path::Path};

use proc_macro2::TokenStream;
use syn::{Visibility, ext::IdentExt, spanned::Spanned, visit::Visit};

use super::{
    foreign::starts_processes,
    manifests,
    modules::{CRATES, is_test_item, paths_outside_tests},
    report, sources,
    syntax::{flat, is_name, parsed_outside_tests},
};

/// The attributes that give a macro a name without a path.
const MACRO_ATTRIBUTES: [&str; 2] = ["macro_export", "macro_use"];

/// The files with a macro that has one of these attributes, and why.
const WITH_MACROS: &[(&str, &str)] = &[("steps/tags.rs", "each service has a type of its own for a tag")];

/// The items that would pass on a crate or a macro, outside tests.
#[derive(Default)]
struct Reexports {
    /// The re-exports of a file, with those inside its modules.
    uses: Vec<syn::Item>,
    modules: Vec<String>,
    macro_lines: Vec<usize>,
    crate_lines: Vec<usize>,
}

impl Reexports {
    fn of(file: &syn::File) -> Self {
        let mut found = Reexports::default();
        found.visit_file(file);
        found
    }

    fn add_attributes(&mut self, tokens: &TokenStream, span: proc_macro2::Span) {
        let tokens = flat(tokens.clone());
        if tokens.iter().any(|token| MACRO_ATTRIBUTES.iter().any(|name| is_name(token, name))) {
            self.macro_lines.push(span.start().line);
        }
    }
}

impl<'ast> Visit<'ast> for Reexports {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.modules.push(item.ident.unraw().to_string());
        syn::visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !matches!(item.vis, Visibility::Inherited) {
            self.uses.push(syn::Item::Use(item.clone()));
        }
        syn::visit::visit_item_use(self, item);
    }

    /// `extern crate self as own` gives the root a second name.
    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        if !matches!(item.vis, Visibility::Inherited) || item.ident == "self" {
            self.crate_lines.push(item.span().start().line);
        }
        syn::visit::visit_item_extern_crate(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let is_conditional = attribute.path().is_ident("cfg_attr");
        match &attribute.meta {
            syn::Meta::List(list) if is_conditional => self.add_attributes(&list.tokens, attribute.span()),
            _ if MACRO_ATTRIBUTES.iter().any(|name| attribute.path().is_ident(name)) => {
                self.macro_lines.push(attribute.span().start().line);
            }
            _ => {}
        }
    }

    /// A macro may expand to another one.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_attributes(&call.tokens, call.span());
    }
}

/// A sentence for each name that reaches a room or a crate without its path. `crates` are the crates of others that the file may use.
fn problems(file: &syn::File, crates: &[String], may_have_macros: bool) -> Vec<String> {
    let found = Reexports::of(file);
    let mut problems = Vec::new();
    if !may_have_macros {
        let lines = found.macro_lines.iter();
        problems.extend(lines.map(|line| {
            format!("line {line}: a macro without a path: write `pub(crate) use` below it, and name it with its room")
        }));
    }
    let lines = found.crate_lines.iter();
    problems.extend(lines.map(|line| format!("line {line}: a second name of a crate: name the crate in each path")));
    let uses = syn::File { shebang: None, attrs: Vec::new(), items: found.uses };
    let firsts = paths_outside_tests(&uses).into_iter().filter_map(|path| path.into_iter().next());
    let is_passed_on = |first: &String| crates.contains(first) && !found.modules.contains(first);
    let passed_on: BTreeSet<String> = firsts.filter(is_passed_on).collect();
    let passed_on = passed_on.iter();
    problems
        .extend(passed_on.map(|name| format!("re-exports {name}: let each crate and room name it in its own paths")));
    if starts_processes(&uses) {
        problems.push("re-exports what starts processes: let each room name it in its own paths".to_owned());
    }
    problems
}

/// The crates of others that the manifest of a crate names, as its sources call them.
fn crates_of_others(of: &str) -> Vec<String> {
    let entries = manifests::dependencies(&manifests::manifest(of).1).into_iter().map(|entry| entry.name);
    entries.filter(|name| !CRATES.contains(&name.as_str())).map(|name| name.replace('-', "_")).collect()
}

#[test]
fn no_room_and_no_crate_is_reached_without_its_path() {
    let sources = sources();
    let is_wanted = |text: &str| {
        let is_reexport = |line: &str| line.starts_with("pub") && line.contains(" use ");
        let words = ["macro_export", "macro_use", "extern crate"];
        text.lines().any(|line| is_reexport(line.trim_start()) || words.iter().any(|word| line.contains(word)))
    };
    let files = parsed_outside_tests(&sources, |_, text| is_wanted(text));
    let mut found = Vec::new();
    for of in CRATES {
        let crates = crates_of_others(of);
        for (path, file) in files.iter().filter(|(path, _)| path.starts_with(of)) {
            let may_have_macros = WITH_MACROS.iter().any(|(listed, _)| *path == Path::new(listed));
            let problems = problems(file, &crates, may_have_macros).into_iter();
            found.extend(problems.map(|problem| format!("{}: {problem}", path.display())));
        }
    }
    report(&found);
}

#[test]
fn a_name_without_the_path_of_its_room_or_crate_is_found() {
    let crates = ["aws_sdk_sfn", "regex", "sled", "tokio"].map(str::to_owned);
    let found = |text: &str| problems(&syn::parse_file(text).unwrap(), &crates, false);
    for text in [
        "#[macro_export] macro_rules! stamp { () => { $crate::runner::now_ms() } }",
        "#[macro_use] pub mod runner;",
        "#[cfg_attr(unix, macro_use)] pub mod runner;",
        "macro_rules! declare { () => { #[macro_export] macro_rules! stamp { () => {} } } }",
        "#[macro_use] extern crate tracing;",
        "pub use aws_sdk_sfn;",
        "pub use ::aws_sdk_sfn::Client;",
        "pub(crate) use sled::{open, Tree};",
        "pub use sled as index;",
        "pub mod inner { pub use regex::*; }",
        "pub use std::process::Command;",
        "pub(super) use std::{fs, process};",
        "pub extern crate sled;",
        "extern crate self as own;",
    ] {
        assert_eq!(found(text).len(), 1, "{text}: {:?}", found(text));
    }
    for text in [
        "use sled::Tree; use std::process::Command; pub fn f(client: aws_sdk_sfn::Client) {}",
        "mod regex; pub use regex::matches;",
        "pub use engine::step::StepError; pub use std::process::ExitCode; pub use inner::sled;",
        "macro_rules! say { () => {} } pub(crate) use say;",
        "#[cfg(test)] mod tests { pub use sled::Tree; }",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
    assert_eq!(problems(&syn::parse_file("#[macro_export] macro_rules! m { () => {} }").unwrap(), &[], true), [""; 0]);
}
