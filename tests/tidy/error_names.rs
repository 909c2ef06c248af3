//! An error name of `engine/step/error_names.rs` is written once: other code uses its constant. Otherwise a wrong letter in a rule, a check
//! or a failure is found by a user.

use std::{collections::BTreeMap, path::Path};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;

use super::{modules::is_test, report, sources, syntax::parsed_outside_tests};

/// The file with the constants.
const NAMES: &str = "engine/step/error_names.rs";
/// Macros whose tokens are JSON texts, such as definitions: they are written as users write them.
const JSON: [&str; 1] = ["json"];

/// The constants of a file, by their text.
fn constants(text: &str) -> BTreeMap<String, String> {
    let file = syn::parse_file(text).unwrap();
    let constant = |item: &syn::Item| {
        let syn::Item::Const(item) = item else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &*item.expr else { return None };
        Some((text.value(), item.ident.to_string()))
    };
    file.items.iter().filter_map(constant).collect()
}

/// The texts that equal a constant, outside tests.
struct Literals<'c> {
    constants: &'c BTreeMap<String, String>,
    found: Vec<(usize, String)>,
}

impl Literals<'_> {
    fn compare(&mut self, literal: &syn::LitStr) {
        if let Some(constant) = self.constants.get(&literal.value()) {
            self.found.push((literal.span().start().line, format!("error_names::{constant}")));
        }
    }

    fn compare_tokens(&mut self, tokens: TokenStream) {
        let mut is_json = false;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => is_json = JSON.iter().any(|json| name == json),
                TokenTree::Punct(mark) if mark.as_char() == '!' => {}
                TokenTree::Punct(_) => is_json = false,
                TokenTree::Group(group) => {
                    if !is_json {
                        self.compare_tokens(group.stream());
                    }
                    is_json = false;
                }
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.compare(&text);
                    }
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Literals<'_> {
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

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_impl(self, item);
        }
    }

    // Attributes hold no code; doc comments are among them.
    fn visit_attribute(&mut self, _attribute: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.compare(literal);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if !JSON.iter().any(|name| call.path.segments.last().is_some_and(|last| last.ident == name)) {
            self.compare_tokens(call.tokens.clone());
        }
    }
}

fn literals(file: &syn::File, constants: &BTreeMap<String, String>) -> Vec<(usize, String)> {
    let mut literals = Literals { constants, found: Vec::new() };
    literals.visit_file(file);
    literals.found
}

#[test]
fn an_error_name_is_written_once() {
    let sources = sources();
    let (_, text) = sources.iter().find(|(path, _)| path == Path::new(NAMES)).unwrap();
    let constants = constants(text);
    assert!(constants.len() > 15 && constants["States.Runtime"] == "RUNTIME", "{constants:?}");
    let is_wanted = |path: &Path, text: &str| {
        path != Path::new(NAMES) && constants.keys().any(|constant| text.contains(constant.as_str()))
    };
    let mut problems = Vec::new();
    for (path, file) in parsed_outside_tests(&sources, is_wanted) {
        let found = literals(&file, &constants).into_iter();
        problems.extend(found.map(|(line, constant)| format!("{}:{line}: write {constant}", path.display())));
    }
    report(&problems);
}

#[test]
fn a_name_in_an_expression_a_pattern_or_a_macro_is_found_and_in_tests_and_json_it_is_not() {
    let constants = constants("pub const RUNTIME: &str = \"States.Runtime\";");
    let literals = |text: &str| literals(&syn::parse_file(text).unwrap(), &constants);
    for written in [
        "fn f() -> &'static str { \"States.Runtime\" }",
        "fn f(e: &str) -> bool { match e { \"States.Runtime\" => true, _ => false } }",
        "fn f(e: &str) -> bool { matches!(e, \"States.Runtime\") }",
        "const ALL: [&str; 1] = [\"States.Runtime\"];",
    ] {
        assert_eq!(literals(written), [(1, "error_names::RUNTIME".to_owned())], "{written}");
    }
    for allowed in [
        "/// Fails with \"States.Runtime\".\nfn f() {}",
        "fn f() -> &'static str { \"fails with States.Runtime\" }",
        "fn f() -> Value { json!({ \"ErrorEquals\": [\"States.Runtime\"] }) }",
        "fn f() -> Vec<Value> { vec![json!([\"States.Runtime\"])] }",
        "#[cfg(test)] mod tests { const ERROR: &str = \"States.Runtime\"; }",
        "#[test] fn f() { g(\"States.Runtime\"); }",
    ] {
        assert!(literals(allowed).is_empty(), "{allowed}");
    }
}
