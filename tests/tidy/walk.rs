//! The walk over a definition's JSON: which fields of a state contain state machines is decided once, in `engine/asl/raw.rs`.

use std::path::Path;

use proc_macro2::TokenStream;
use syn::visit::Visit;

use super::{
    modules::is_test,
    report, sources,
    syntax::{flat, is_in, parsed_outside_tests, strings},
};

/// The fields of a state that contain state machines.
const FIELDS: [&str; 3] = ["Branches", "ItemProcessor", "Iterator"];

/// Where the fields are named, and why.
const ROOMS: &[(&str, &str)] = &[
    ("engine/asl/raw.rs", "the walk"),
    ("engine/asl/parse", "the parser reports the fields that a state lacks"),
    ("workflows/assemble.rs", "workflows uses no other room"),
    ("cli/checks/suggestions.rs", "the names of all fields, for misspelled ones"),
    ("cli/definition/asl_schema.rs", "the schema of the fields"),
    ("bench/pure.rs", "writes a definition"),
];

/// Whether a file names one of the fields in a string, outside its tests and comments.
fn names_fields(file: &syn::File) -> bool {
    let mut literals = Literals::default();
    literals.visit_file(file);
    literals.names_fields
}

#[derive(Default)]
struct Literals {
    names_fields: bool,
}

impl Literals {
    /// A string is the field's name, JSON with the field, or a pointer to it.
    fn add(&mut self, string: &str) {
        let is_named = |field: &str| {
            string == field || string.contains(&format!("\"{field}\"")) || string.contains(&format!("/{field}"))
        };
        self.names_fields |= FIELDS.into_iter().any(is_named);
    }

    fn add_tokens(&mut self, tokens: &TokenStream) {
        strings(&flat(tokens.clone())).iter().for_each(|string| self.add(string));
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.add(&literal.value());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(&call.tokens);
    }

    /// `#[serde(rename = "Branches")]`. A doc comment is an attribute with a value.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(&list.tokens);
        }
    }
}

#[test]
fn one_walk_decides_which_fields_contain_state_machines() {
    let sources = sources();
    let words = FIELDS.map(|field| [format!("\"{field}"), format!("/{field}")]);
    let is_wanted = |_: &Path, text: &str| words.iter().flatten().any(|word| text.contains(word));
    let files = parsed_outside_tests(&sources, is_wanted);
    let naming: Vec<&Path> = files.iter().filter(|(_, file)| names_fields(file)).map(|(path, _)| *path).collect();
    let is_listed = |path: &Path| ROOMS.iter().any(|(room, _)| is_in(path, room));
    let unlisted = naming.iter().filter(|path| !is_listed(path)).map(|path| {
        let path = path.display();
        format!("{path}: names a field that contains state machines: use engine/asl/raw.rs, or list the file in tests/tidy/walk.rs")
    });
    let unused = ROOMS.iter().filter(|(room, _)| !naming.iter().any(|path| is_in(path, room)));
    let unused = unused.map(|(room, _)| format!("tests/tidy/walk.rs: {room} names no such field"));
    report(&unlisted.chain(unused).collect::<Vec<_>>());
}

#[test]
fn a_field_that_contains_state_machines_is_found_in_every_string() {
    for text in [
        "fn f(state: &Value) -> &Value { &state[\"Branches\"] }",
        "const FIELDS: [&str; 1] = [\"Iterator\"];",
        "fn f() -> Value { json!({ \"ItemProcessor\": {} }) }",
        "const MAP: &str = r#\"{\"Type\": \"Map\", \"ItemProcessor\": {}}\"#;",
        "fn f(state: &Value) { state.pointer(\"/ItemProcessor/States\"); }",
        "struct S { #[serde(rename = \"Branches\")] branches: Vec<Value> }",
    ] {
        assert!(names_fields(&syn::parse_file(text).unwrap()), "{text}");
    }
    for text in [
        "/// The \"Branches\" of a Parallel.\nstruct Branches; impl Iterator for Branches {}",
        "const HINT: &str = \"An ItemProcessor has states.\";",
        "#[cfg(test)] mod tests { const A: &str = \"Branches\"; }",
    ] {
        assert!(!names_fields(&syn::parse_file(text).unwrap()), "{text}");
    }
}
