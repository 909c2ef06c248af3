//! The walk over a definition's JSON: which fields of a state contain state machines is decided once, in `engine/asl/raw.rs`.

use std::path::Path;

use proc_macro2::TokenStream;
use syn::{ext::IdentExt, visit::Visit};

use super::{
    modules::is_test_item,
    report, sources,
    syntax::{flat, is_in, parsed_outside_tests, strings},
};

/// The fields of a state that contain state machines.
const FIELDS: [&str; 3] = ["Branches", "ItemProcessor", "Iterator"];

/// The names of the same fields in a type whose names are converted: `#[serde(rename_all = "PascalCase")]`.
const RUST_FIELDS: [&str; 3] = ["branches", "item_processor", "iterator"];

/// Where the fields are named, and why.
const ROOMS: &[(&str, &str)] = &[
    ("engine/asl/raw.rs", "the walk"),
    ("engine/asl/parse", "the parser reports the fields that a state lacks"),
    ("workflows/assemble.rs", "workflows uses no other room"),
    ("cli/checks/suggestions.rs", "the names of all fields, for misspelled ones"),
    ("cli/definition/asl_schema.rs", "the schema of the fields"),
    ("bench/pure.rs", "writes a definition"),
];

/// Whether a file names one of the fields in a string or in a type that is read from JSON, outside its tests and comments.
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
    /// A string is the field's name, a path or pointer to it, or JSON with the field. Another text with spaces is a sentence.
    fn add(&mut self, string: &str) {
        let is_sentence = string.contains(char::is_whitespace);
        let is_named = |field: &str| {
            let is_quoted = || string.contains(&format!("\"{field}\"")) || string.contains(&format!("/{field}"));
            string.contains(field) && (!is_sentence || is_quoted())
        };
        self.names_fields |= FIELDS.into_iter().any(is_named);
    }

    fn add_fields(&mut self, attributes: &[syn::Attribute], fields: &syn::Fields) {
        let is_converted = attributes.iter().any(|attribute| {
            matches!(&attribute.meta, syn::Meta::List(list)
                if strings(&flat(list.tokens.clone())).iter().any(|text| text == "PascalCase"))
        });
        self.names_fields |= fields.iter().filter_map(|field| field.ident.as_ref()).any(|name| {
            FIELDS.iter().any(|field| name == field)
                || is_converted && RUST_FIELDS.iter().any(|field| name.unraw() == field)
        });
    }

    fn add_tokens(&mut self, tokens: &TokenStream) {
        strings(&flat(tokens.clone())).iter().for_each(|string| self.add(string));
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add_fields(&item.attrs, &item.fields);
        syn::visit::visit_item_struct(self, item);
    }

    /// `rename_all_fields` of an enum, or `rename_all` of a variant.
    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        for variant in &item.variants {
            self.add_fields(&[item.attrs.as_slice(), &variant.attrs].concat(), &variant.fields);
        }
        syn::visit::visit_item_enum(self, item);
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
    let marks = ["\"", "/", "."].map(|mark| FIELDS.map(|field| format!("{mark}{field}")));
    let is_wanted = |_: &Path, text: &str| {
        let has_fields = RUST_FIELDS.iter().chain(&FIELDS[..2]).any(|field| text.contains(&format!("{field}: ")));
        has_fields || marks.iter().flatten().any(|word| text.contains(word))
    };
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
        "#[serde(rename_all = \"PascalCase\")] struct S { branches: Option<Vec<Value>> }",
        "#[serde(rename_all = \"PascalCase\")] struct S { item_processor: Option<Value> }",
        "#[derive(Deserialize)] #[allow(non_snake_case)] struct S { Branches: Vec<Value> }",
        "#[serde(rename_all_fields = \"PascalCase\")] enum S { Map { iterator: Value } }",
        "enum S { #[serde(rename_all = \"PascalCase\")] Map { iterator: Value } }",
        "const PATH: &str = \"$..Branches\";",
        "const PATH: &str = \"$.States.ItemProcessor.States\";",
    ] {
        assert!(names_fields(&syn::parse_file(text).unwrap()), "{text}");
    }
    for text in [
        "/// The \"Branches\" of a Parallel.\nstruct Branches; impl Iterator for Branches {}",
        "const HINT: &str = \"An ItemProcessor has states.\";",
        "struct S { branches: Vec<Value> } enum Kind { Parallel { branches: usize } }",
        "#[serde(rename_all = \"PascalCase\")] struct S { branch: u64 } struct Iterator { iterator: u64 }",
        "#[cfg(test)] mod tests { const A: &str = \"Branches\"; }",
    ] {
        assert!(!names_fields(&syn::parse_file(text).unwrap()), "{text}");
    }
}
