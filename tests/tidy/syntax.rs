//! Reads the syntax of a file for the checks of this folder, and decides which files are for tests.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{UseTree, ext::IdentExt};

use super::modules::{CRATES, is_test};

/// Whether a path is in a room: the room's file, or a file inside its folder. `room` may also be a file.
pub fn is_in(path: &Path, room: &str) -> bool {
    path.starts_with(room) || path == Path::new(&format!("{room}.rs"))
}

/// The tokens of a macro's call or of an attribute, with those inside its brackets.
pub fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => flat(group.stream()),
        token => vec![token],
    });
    tokens.collect()
}

/// The strings among tokens.
pub fn strings(tokens: &[TokenTree]) -> Vec<String> {
    let strings = tokens.iter().filter_map(|token| {
        let TokenTree::Literal(literal) = token else { return None };
        let is_string = literal.to_string().starts_with(['"', 'r']);
        match is_string.then(|| syn::Lit::new(literal.clone()))? {
            syn::Lit::Str(string) => Some(string.value()),
            _ => None,
        }
    });
    strings.collect()
}

/// Whether a token is this name.
pub fn is_name(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.unraw() == name)
}

/// Whether a token is this mark.
pub fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// Whether tokens declare a static. `'static` does not.
pub fn declare_static(tokens: &[TokenTree]) -> bool {
    let after_a_quote = |at: usize| at > 0 && is_mark(&tokens[at - 1], '\'');
    tokens.iter().enumerate().any(|(at, token)| is_name(token, "static") && !after_a_quote(at))
}

/// The paths with several names in the strings of an attribute.
pub fn attribute_paths(attribute: &syn::Attribute) -> Vec<Vec<String>> {
    // A doc comment is an attribute with a name and a value.
    let syn::Meta::List(list) = &attribute.meta else { return Vec::new() };
    let paths = strings(&flat(list.tokens.clone())).into_iter().filter(|string| string.contains("::"));
    let paths = paths.filter_map(|string| syn::parse_str::<syn::Path>(&string).ok());
    paths.map(|path| path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect()).collect()
}

/// The first names of the paths that a `use` brings in under another name, or with everything directly below them: `rand` for
/// `use rand as r`, `use rand::*` and `use rand::{self as r}`.
pub fn names_of_crates(tree: &UseTree) -> Vec<String> {
    let mut found = Vec::new();
    add_names_of_crates(tree, None, &mut found);
    found
}

fn add_names_of_crates(tree: &UseTree, first: Option<&syn::Ident>, found: &mut Vec<String>) {
    match (tree, first) {
        (UseTree::Path(path), None) => add_names_of_crates(&path.tree, Some(&path.ident), found),
        (UseTree::Path(_) | UseTree::Name(_), _) | (UseTree::Glob(_), None) => {}
        (UseTree::Group(group), _) => group.items.iter().for_each(|tree| add_names_of_crates(tree, first, found)),
        (UseTree::Glob(_), Some(first)) => found.push(first.unraw().to_string()),
        (UseTree::Rename(rename), None) => found.push(rename.ident.unraw().to_string()),
        (UseTree::Rename(rename), Some(first)) if rename.ident == "self" => found.push(first.unraw().to_string()),
        (UseTree::Rename(_), Some(_)) => {}
    }
}

/// The wanted files that are not for tests. To parse all takes seconds: a file that does not contain what is searched for is not wanted.
pub fn parsed_outside_tests(
    sources: &[(PathBuf, String)],
    is_wanted: impl Fn(&Path, &str) -> bool,
) -> Vec<(&Path, syn::File)> {
    let mut declarations = Declarations { sources, by_file: HashMap::new() };
    let named = sources.iter().filter(|(path, text)| is_wanted(path, text));
    let named = named.filter(|(path, _)| !declarations.is_for_tests(path));
    named.map(|(path, text)| (path.as_path(), parsed(path, text))).collect()
}

fn parsed(path: &Path, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The modules that files declare.
struct Declarations<'s> {
    sources: &'s [(PathBuf, String)],
    /// The modules in files of their own, and whether they are for tests.
    by_file: HashMap<PathBuf, Vec<(String, bool)>>,
}

impl Declarations<'_> {
    /// Whether a file is a module for tests or inside one, or belongs to an integration test, a benchmark or an example.
    fn is_for_tests(&mut self, path: &Path) -> bool {
        let names: Vec<String> =
            path.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if !CRATES.contains(&names[0].as_str()) {
            return true;
        }
        (1..names.len()).any(|length| {
            let parent = if length == 1 { Path::new(&names[0]).join("lib") } else { names[..length].iter().collect() };
            let declared = self.of(&parent.with_extension("rs")).iter().filter(|(name, _)| *name == names[length]);
            let for_tests: Vec<bool> = declared.map(|(_, is_for_tests)| *is_for_tests).collect();
            let is_own_crate = length == 1 && ["tests", "benches", "examples"].contains(&names[1].as_str());
            // A second declaration may be for the program.
            if for_tests.is_empty() { is_own_crate } else { for_tests.iter().all(|is_for_tests| *is_for_tests) }
        })
    }

    fn of(&mut self, file: &Path) -> &[(String, bool)] {
        let sources = self.sources;
        self.by_file.entry(file.to_owned()).or_insert_with(|| {
            let Some((path, text)) = sources.iter().find(|(path, _)| path == file) else { return Vec::new() };
            let declared = parsed(path, text).items.into_iter().filter_map(|item| match item {
                syn::Item::Mod(item) if item.content.is_none() => {
                    Some((item.ident.unraw().to_string(), is_test(&item.attrs)))
                }
                _ => None,
            });
            declared.collect()
        })
    }
}

#[test]
fn files_for_tests_are_known_by_their_declaration_and_not_by_their_name() {
    let file = |path: &str, text: &str| (PathBuf::from(path), format!("{text} // word"));
    let sources = [
        file("engine/lib.rs", "mod a; #[cfg(test)] mod b; mod tests; #[cfg(test)] mod f; #[cfg(not(test))] mod f;"),
        file("engine/f.rs", ""),
        file("engine/a.rs", "mod recordings; #[cfg(test)] mod c;"),
        file("engine/a/recordings.rs", ""),
        file("engine/a/c.rs", "mod d;"),
        file("engine/a/c/d.rs", ""),
        file("engine/b.rs", ""),
        file("engine/tests.rs", ""),
        file("engine/benches/a.rs", ""),
        file("tests/a.rs", ""),
        (PathBuf::from("engine/a/e.rs"), String::new()),
    ];
    let found: Vec<&Path> =
        parsed_outside_tests(&sources, |_, text| text.contains("word")).into_iter().map(|(path, _)| path).collect();
    let outside = ["engine/lib.rs", "engine/f.rs", "engine/a.rs", "engine/a/recordings.rs", "engine/tests.rs"];
    assert_eq!(found, outside.map(Path::new));
}
