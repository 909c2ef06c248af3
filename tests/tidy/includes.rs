//! Every source is a module whose path is its file's path: no check would read a text that is included from elsewhere.

use std::{ffi::OsStr, path::Path};

use proc_macro2::TokenStream;
use syn::visit::Visit;

use super::{
    report, sources,
    syntax::{flat, is_mark, is_name},
};

/// The files that name the files of their modules.
const WITH_PATHS: &[(&str, usize, &str)] =
    &[("workflows/lib.rs", 2, "the rules of a workflow's input are in its folder, whose name is no name of a module")];

/// Why the place of a file has no path of a module that the checks know; `None` if it has.
fn misplaced(path: &Path) -> Option<String> {
    let names: Vec<&OsStr> = path.iter().collect();
    let (file, folders) = names.split_last()?;
    if *file == "mod.rs" {
        return Some(format!("{}: name the file after its module: lookup.rs instead of lookup/mod.rs", path.display()));
    }
    let is_root = *file == "lib.rs" && folders.len() == 1;
    let has_name = folders.contains(&OsStr::new("lib")) || *file == "lib.rs" && !is_root;
    has_name
        .then(|| format!("{}: only the root of a crate is called lib: give the module another name", path.display()))
}

/// How often a file includes a text as source, and names the file of a module.
#[derive(Debug, Default, PartialEq, Eq)]
struct Includes {
    texts: usize,
    paths: usize,
}

impl Includes {
    fn of(file: &syn::File) -> Self {
        let mut includes = Includes::default();
        includes.visit_file(file);
        includes
    }

    fn add_tokens(&mut self, tokens: &TokenStream) {
        let tokens = flat(tokens.clone());
        let is_include = |pair: &&[proc_macro2::TokenTree]| is_name(&pair[0], "include") && is_mark(&pair[1], '!');
        self.texts += tokens.windows(2).filter(is_include).count();
    }
}

impl<'ast> Visit<'ast> for Includes {
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.texts += usize::from(call.path.segments.last().is_some_and(|name| name.ident == "include"));
        self.add_tokens(&call.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let is_conditional = attribute.path().is_ident("cfg_attr");
        let has_path = || match &attribute.meta {
            syn::Meta::List(list) => flat(list.tokens.clone()).iter().any(|token| is_name(token, "path")),
            _ => false,
        };
        self.paths += usize::from(attribute.path().is_ident("path") || is_conditional && has_path());
    }
}

#[test]
fn every_module_is_in_the_file_of_its_name() {
    // rustfmt writes an attribute without spaces. A file without these words is not parsed.
    let words = ["include!", "#[path", "#![path", "cfg_attr"];
    let sources = sources();
    let mut problems: Vec<String> = sources.iter().filter_map(|(path, _)| misplaced(path)).collect();
    for (path, text) in sources.iter().filter(|(_, text)| words.iter().any(|word| text.contains(word))) {
        let includes = Includes::of(&syn::parse_file(text).unwrap());
        let listed = WITH_PATHS.iter().find(|(listed, ..)| path == Path::new(listed)).map_or(0, |(_, paths, _)| *paths);
        if includes != (Includes { texts: 0, paths: listed }) {
            let path = path.display();
            problems.push(format!("{path}: include! or #[path]: move the source to the file of a module's name"));
        }
    }
    report(&problems);
}

#[test]
fn a_file_whose_module_has_another_path_is_found() {
    for path in ["engine/machine/lookup/mod.rs", "engine/mod.rs", "engine/machine/lib.rs", "engine/lib/clock.rs"] {
        assert!(misplaced(Path::new(path)).is_some(), "{path}");
    }
    for path in ["engine/lib.rs", "engine/machine/library.rs", "cli/main.rs", "tests/main.rs"] {
        assert_eq!(misplaced(Path::new(path)), None, "{path}");
    }
}

#[test]
fn an_included_text_and_the_path_of_a_module_are_found() {
    let of = |text: &str| Includes::of(&syn::parse_file(text).unwrap());
    for text in [
        "include!(\"clock.inc\");",
        "fn f() -> u64 { include!(\"clock.inc\") }",
        "fn f() { std::include!(\"clock.inc\"); }",
        "fn f() { vec![include!(\"clock.inc\")]; }",
        "macro_rules! m { () => { include!(\"clock.inc\"); } }",
    ] {
        assert_eq!(of(text), Includes { texts: 1, paths: 0 }, "{text}");
    }
    for text in [
        "#[path = \"../runner/clock.rs\"] mod clock;",
        "#[cfg_attr(unix, path = \"../runner/clock.rs\")] mod clock;",
        "mod inner { #[path = \"x.inc\"] mod clock; }",
    ] {
        assert_eq!(of(text), Includes { texts: 0, paths: 1 }, "{text}");
    }
    for text in ["const A: &str = include_str!(\"a\");", "#[serde(path = \"a\")] struct S;", "fn include() { path(); }"]
    {
        assert_eq!(of(text), Includes::default(), "{text}");
    }
}
