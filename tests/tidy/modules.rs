//! The modules of a crate and which of them each one uses, read from the sources. Tests are left out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{UseTree, ext::IdentExt, visit::Visit};

use super::syntax::{attribute_paths, names_of_crates};

/// The crates of this project.
pub const CRATES: [&str; 8] = ["cli", "api", "bench", "deploy", "engine", "steps", "workflows", "rehearsal"];

/// The root of the program, which is a crate of its own. In every other folder, `main.rs` is a module.
const PROGRAM: &str = "cli/main.rs";

/// The path of a module inside its crate; empty for the crate itself.
pub type ModulePath = Vec<String>;

/// A crate's modules, one for each file.
pub struct Modules {
    uses: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    /// The modules that import everything from their parent, or from another module around them.
    pub globs_of_parent: Vec<PathBuf>,
    /// The files of the modules. Files for tests are left out.
    pub files_outside_tests: BTreeSet<PathBuf>,
    /// The crates that a module imports under another name, or from which it imports everything.
    pub renamed_crates: Vec<(PathBuf, String)>,
    /// The rooms of other crates that the modules use, such as `engine/step`.
    pub other_rooms: BTreeSet<String>,
}

impl Modules {
    /// Reads the modules of the crate whose sources are in `folder`.
    pub fn read(sources: &[(PathBuf, String)], folder: &str) -> Self {
        let parsed: Vec<_> = sources
            .iter()
            .filter(|(path, _)| path.starts_with(folder) && path != Path::new(PROGRAM))
            .map(|(path, text)| {
                let module = module_path(path.strip_prefix(folder).unwrap());
                let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                (path, module, file)
            })
            .collect();
        let for_tests: Vec<ModulePath> = parsed
            .iter()
            .flat_map(|(_, module, file)| {
                let declared = file.items.iter().filter_map(|item| match item {
                    syn::Item::Mod(item) if item.content.is_none() && is_test(&item.attrs) => {
                        Some(item.ident.to_string())
                    }
                    _ => None,
                });
                // A second declaration may be for the program.
                let outside = modules_outside_tests(file);
                let only_for_tests = declared.filter(move |name| !outside.contains(name));
                only_for_tests.map(move |name| [module.as_slice(), &[name]].concat())
            })
            .collect();
        let mut root = Paths::default();
        if let Some((_, _, file)) = parsed.iter().find(|(_, module, _)| module.is_empty()) {
            root.visit_file(file);
        }
        let known: BTreeSet<ModulePath> = parsed.iter().map(|(_, module, _)| module.clone()).collect();
        let roots = parsed.iter().filter(|(_, module, _)| module.is_empty());
        let in_root: BTreeSet<String> = roots.flat_map(|(_, _, file)| modules_outside_tests(file)).collect();
        // Integration tests, benchmarks and examples are crates of their own.
        let is_other_crate = |module: &ModulePath| {
            let first = module.first().filter(|first| !in_root.contains(*first));
            matches!(first.map(String::as_str), Some("tests" | "benches" | "examples"))
        };
        let is_for_tests = |module: &ModulePath| for_tests.iter().any(|test| module.starts_with(test));

        let mut modules = Modules {
            uses: BTreeMap::new(),
            globs_of_parent: Vec::new(),
            files_outside_tests: BTreeSet::new(),
            renamed_crates: Vec::new(),
            other_rooms: BTreeSet::new(),
        };
        for (path, module, file) in
            parsed.iter().filter(|(_, module, _)| !is_other_crate(module) && !is_for_tests(module))
        {
            let mut paths = Paths { base: module.clone(), ..Paths::default() };
            paths.visit_file(file);
            modules.files_outside_tests.insert((*path).clone());
            let renamed = paths.renamed_crates(&known).into_iter();
            modules.renamed_crates.extend(renamed.map(|name| ((*path).clone(), name)));
            if paths.imports_all_around(&known) {
                modules.globs_of_parent.push((*path).clone());
            }
            modules.other_rooms.extend(paths.other_rooms(&known));
            let used = paths.resolved(&known).into_iter();
            let used = used.map(|named| longest_known(&root.definition_of(named, &known), &known));
            modules.uses.insert(module.clone(), used.filter(|used| used != module).collect());
        }
        modules
    }

    /// Which file uses which.
    pub fn files(&self) -> &BTreeMap<ModulePath, BTreeSet<ModulePath>> {
        &self.uses
    }

    /// Which room uses which, where a room is a module of the crate with all modules inside it.
    pub fn rooms(&self) -> BTreeMap<String, BTreeSet<String>> {
        let room = |module: &ModulePath| module.first().map_or("lib", String::as_str).to_owned();
        let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, uses) in &self.uses {
            let used = uses.iter().map(room).filter(|used| *used != room(module));
            rooms.entry(room(module)).or_default().extend(used);
        }
        rooms
    }
}

/// The groups of nodes that use each other in a circle, largest first.
pub fn circles<N: Ord + Clone>(uses: &BTreeMap<N, BTreeSet<N>>) -> Vec<Vec<N>> {
    let reached: BTreeMap<&N, BTreeSet<&N>> = uses
        .keys()
        .map(|from| {
            let mut reached = BTreeSet::new();
            let mut pending = vec![from];
            while let Some(node) = pending.pop() {
                pending.extend(uses.get(node).into_iter().flatten().filter(|next| reached.insert(*next)));
            }
            (from, reached)
        })
        .collect();
    let both = |a: &N, b: &N| reached[a].contains(b) && reached.get(b).is_some_and(|reached| reached.contains(a));
    let mut circles: Vec<Vec<N>> = Vec::new();
    for node in uses.keys().filter(|node| both(node, node)) {
        match circles.iter_mut().find(|circle| both(&circle[0], node)) {
            Some(circle) => circle.push(node.clone()),
            None => circles.push(vec![node.clone()]),
        }
    }
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

/// The paths that a file names outside its tests, as they are written: `std::time::Instant`.
pub fn paths_outside_tests(file: &syn::File) -> Vec<Vec<String>> {
    let mut paths = Paths::default();
    paths.visit_file(file);
    paths.found.into_iter().map(|(_, path)| path).collect()
}

/// The modules that a file declares in other files and not for tests.
fn modules_outside_tests(file: &syn::File) -> Vec<String> {
    let declared = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) if item.content.is_none() && !is_test(&item.attrs) => Some(item.ident.to_string()),
        _ => None,
    });
    declared.collect()
}

fn module_path(file: &Path) -> ModulePath {
    let mut path: ModulePath = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    path.retain(|part| part != "lib");
    path
}

fn longest_known(path: &[String], known: &BTreeSet<ModulePath>) -> ModulePath {
    let length = (0..=path.len()).rev().find(|length| known.contains(&path[..*length])).unwrap_or_default();
    path[..length].to_vec()
}

/// Whether these are the attributes of an item that is compiled for tests only.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// Whether an item is compiled for tests only.
pub fn is_test_item(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => return false,
    };
    is_test(attributes)
}

/// The paths that a file names outside its tests.
#[derive(Default)]
struct Paths {
    /// The module, with the inline modules around the visited item.
    base: ModulePath,
    found: Vec<(ModulePath, Vec<String>)>,
    /// The names that `use` brings into the file, with their paths.
    imported: HashMap<String, (ModulePath, Vec<String>)>,
    /// The paths of which `use` brings in everything.
    globs: Vec<(ModulePath, Vec<String>)>,
    /// The modules inside this file.
    inline: BTreeSet<ModulePath>,
    /// The first names of the paths that `use` brings in under another name, or with everything below them.
    renamed: Vec<(ModulePath, String)>,
}

impl Paths {
    /// The paths inside this crate, from its root.
    fn resolved(&self, known: &BTreeSet<ModulePath>) -> BTreeSet<ModulePath> {
        self.found.iter().filter_map(|(base, path)| self.resolve(base, path, known, true)).collect()
    }

    /// The path at which an item is defined that this file, the root of the crate, re-exports; any other path as it is.
    fn definition_of(&self, named: ModulePath, known: &BTreeSet<ModulePath>) -> ModulePath {
        let of_root = named.split_first().filter(|(name, _)| !known.contains(std::slice::from_ref(*name)));
        let definition = of_root.and_then(|(name, rest)| {
            let (base, path) = self.imported.get(name)?;
            let path = self.resolve(base, path, known, false)?;
            Some([path.as_slice(), rest].concat())
        });
        definition.unwrap_or(named)
    }

    /// The first two names of the paths into other crates of the project, joined by a slash.
    fn other_rooms(&self, known: &BTreeSet<ModulePath>) -> BTreeSet<String> {
        let room = |(base, path): &(ModulePath, Vec<String>)| {
            let [first, second, ..] = path.as_slice() else { return None };
            let is_module = known.contains(&[base.as_slice(), std::slice::from_ref(first)].concat());
            let is_imported = self.imported.get(first).is_some_and(|(_, path)| path.first() != Some(first));
            let is_crate = CRATES.contains(&first.as_str()) && !is_module && !is_imported;
            is_crate.then(|| format!("{first}/{second}"))
        };
        self.found.iter().filter_map(room).collect()
    }

    /// Those of the renamed paths that are crates: neither modules nor types of this one.
    fn renamed_crates(&self, known: &BTreeSet<ModulePath>) -> Vec<String> {
        let is_crate = |(base, name): &&(ModulePath, String)| {
            let is_type = name.starts_with(|first: char| first.is_uppercase());
            let is_inline = self.inline.contains(&[base.as_slice(), std::slice::from_ref(name)].concat());
            !is_type && !is_inline && self.resolve(base, std::slice::from_ref(name), known, true).is_none()
        };
        self.renamed.iter().filter(is_crate).map(|(_, name)| name.clone()).collect()
    }

    /// Whether a `use` brings in everything from a module around its own: what it brings in is used without a path.
    fn imports_all_around(&self, known: &BTreeSet<ModulePath>) -> bool {
        self.globs.iter().any(|(base, path)| {
            let module = self.resolve(base, path, known, true);
            module.is_some_and(|module| module.len() < base.len() && base.starts_with(&module))
        })
    }

    fn resolve(
        &self,
        base: &[String],
        path: &[String],
        known: &BTreeSet<ModulePath>,
        imports: bool,
    ) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut resolved = base.to_vec();
        match first.as_str() {
            "crate" => resolved.clear(),
            "self" => {}
            "super" => drop(resolved.pop()),
            name => {
                let child = [base, &[name.to_owned()]].concat();
                if known.contains(&child) {
                    resolved = child;
                } else {
                    let (base, path) = self.imported.get(name).filter(|_| imports)?;
                    resolved = self.resolve(base, path, known, false)?;
                }
            }
        }
        let supers = rest.iter().take_while(|name| *name == "super").count();
        resolved.truncate(resolved.len() - supers);
        resolved.extend(rest[supers..].iter().cloned());
        Some(resolved)
    }

    fn add_use(&mut self, tree: &UseTree, mut prefix: Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.unraw().to_string());
                self.add_use(&path.tree, prefix);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, prefix.clone())),
            UseTree::Glob(_) => {
                self.globs.push((self.base.clone(), prefix.clone()));
                self.found.push((self.base.clone(), prefix));
            }
            UseTree::Name(name) if name.ident == "self" => {
                let name = prefix.last().cloned().unwrap_or_default();
                self.import(name, prefix);
            }
            UseTree::Name(name) => {
                prefix.push(name.ident.unraw().to_string());
                self.import(name.ident.unraw().to_string(), prefix);
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    prefix.push(rename.ident.unraw().to_string());
                }
                self.import(rename.rename.unraw().to_string(), prefix);
            }
        }
    }

    fn import(&mut self, name: String, path: Vec<String>) {
        self.found.push((self.base.clone(), path.clone()));
        self.imported.insert(name, (self.base.clone(), path));
    }

    /// Finds paths in the tokens of a macro's call.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.found.push((self.base.clone(), std::mem::take(&mut path)));
                    }
                    path.push(name.unraw().to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => colons = 0,
            }
        }
        self.found.push((self.base.clone(), path));
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.base.push(item.ident.to_string());
        if item.content.is_some() {
            self.inline.insert(self.base.clone());
        }
        syn::visit::visit_item_mod(self, item);
        self.base.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, Vec::new());
        let renamed = names_of_crates(&item.tree).into_iter();
        self.renamed.extend(renamed.map(|name| (self.base.clone(), name)));
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.ident.unraw().to_string();
        if item.rename.is_some() {
            self.renamed.push((self.base.clone(), name.clone()));
        }
        self.found.push((self.base.clone(), vec![name]));
    }

    /// `pub(crate)` and `pub(super)` use nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        self.found.push((self.base.clone(), names));
        syn::visit::visit_path(self, path);
    }

    /// The functions that a derive macro calls are named in the attribute's strings: `#[serde(default = "limits::most")]`.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let named = attribute_paths(attribute).into_iter();
        self.found.extend(named.map(|path| (self.base.clone(), path)));
        syn::visit::visit_attribute(self, attribute);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // A single name is a macro of this file, of the language, or one that a `use` names.
        if call.path.segments.len() > 1 {
            self.visit_path(&call.path);
        }
        self.add_tokens(call.tokens.clone());
    }
}

fn read(files: &[(&str, &str)], folder: &str) -> Modules {
    let files: Vec<_> = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
    Modules::read(&files, folder)
}

#[test]
fn an_import_of_everything_around_a_module_is_found() {
    let globs = |text: &str| {
        let files = [("x/lib.rs", "mod a; mod c;"), ("x/a.rs", "mod b;"), ("x/a/b.rs", text), ("x/c.rs", "mod d;")];
        read(&files, "x").globs_of_parent.len()
    };
    for text in [
        "use super::*;",
        "use crate::*;",
        "use super::super::*;",
        "use self::super::*;",
        "use crate::a::*;",
        "use crate::{*, c::d};",
        "use crate as own; use own::*;",
        "use super::super as own; use own::*;",
        "fn f() { use crate::*; }",
        "mod inner { use super::*; }",
    ] {
        assert_eq!(globs(text), 1, "{text}");
    }
    for text in [
        "use crate::c::*;",
        "use super::super::c::*;",
        "use super::Kind::*;",
        "mod inner {} use self::inner::*;",
        "use rand::*;",
        "#[cfg(test)] mod tests { use super::*; use crate::*; }",
    ] {
        assert_eq!(globs(text), 0, "{text}");
    }
}

#[test]
fn a_module_that_is_also_declared_for_the_program_is_not_for_tests() {
    let files = [
        ("x/lib.rs", "#[cfg(test)] mod a; #[cfg(not(test))] mod a; #[cfg(test)] mod b;"),
        ("x/a.rs", ""),
        ("x/b.rs", ""),
    ];
    let found = read(&files, "x").files_outside_tests;
    assert!(found.contains(Path::new("x/a.rs")) && !found.contains(Path::new("x/b.rs")), "{found:?}");
}

#[test]
fn only_the_root_of_the_program_is_no_module() {
    let uses = |folder: &str| {
        let file = |name: &str| format!("{folder}/{name}.rs");
        let (root, main, a) = (file("lib"), file("main"), file("a"));
        let files = [
            (root.as_str(), "mod a; mod main;"),
            (main.as_str(), ""),
            (a.as_str(), "fn f() { crate::main::stamp_ms(); }"),
        ];
        read(&files, folder).rooms()["a"].contains("main")
    };
    assert!(uses("engine"));
    assert!(!uses("cli"));
}
