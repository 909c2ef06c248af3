//! An error name is written once, in one of the files of [`NAMES`]: other code uses its constant. Otherwise a wrong letter in a rule, a
//! check or a failure is found by a user.

use std::{collections::BTreeMap, path::Path};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;

use super::{modules::is_test, report, sources, syntax::parsed_outside_tests};

/// The file with the names of Step Functions and of the classes of failures, and the codes of Tasks that cannot be called.
const RESERVED: &str = "engine/step/error_names.rs";
/// The files with the constants of error names.
const NAMES: [&str; 7] = [
    RESERVED,
    "steps/local_error_names.rs",
    "api/fault.rs",
    "api/rejection.rs",
    "deploy/task_input.rs",
    "engine/journal/event.rs",
    "steps/plan.rs",
];
/// Macros whose tokens are JSON texts, such as definitions: they are written as users write them.
const JSON: [&str; 1] = ["json"];

/// The constants of a file, by their text.
fn constants(path: &str, text: &str) -> BTreeMap<String, String> {
    let file = syn::parse_file(text).unwrap();
    let module = Path::new(path).file_stem().unwrap().to_string_lossy();
    let constant = |item: &syn::Item| {
        let syn::Item::Const(item) = item else { return None };
        let text = text_of(item).filter(|text| path == RESERVED || is_error_name(text))?;
        Some((text, format!("{module}::{}", item.ident)))
    };
    file.items.iter().filter_map(constant).collect()
}

/// The text of a constant that is a text.
fn text_of(item: &syn::ItemConst) -> Option<String> {
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &*item.expr else { return None };
    Some(text.value())
}

/// Whether a text has the form of an error name, such as `Flow.Busy`. The kind of a fault has no dot.
fn is_error_name(text: &str) -> bool {
    text.split_once('.').is_some_and(|(family, name)| {
        [family, name].iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic()))
    })
}

/// The texts that equal a constant, outside tests.
struct Literals<'c> {
    constants: &'c BTreeMap<String, String>,
    /// Whether the file has constants of its own.
    has_constants: bool,
    found: Vec<(usize, String)>,
}

impl Literals<'_> {
    fn compare(&mut self, literal: &syn::LitStr) {
        if let Some(constant) = self.constants.get(&literal.value()) {
            self.found.push((literal.span().start().line, constant.clone()));
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

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if !self.has_constants || text_of(item).is_none() {
            syn::visit::visit_item_const(self, item);
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

fn literals(file: &syn::File, constants: &BTreeMap<String, String>, has_constants: bool) -> Vec<(usize, String)> {
    let mut literals = Literals { constants, has_constants, found: Vec::new() };
    literals.visit_file(file);
    literals.found
}

#[test]
fn an_error_name_is_written_once() {
    let sources = sources();
    let of_file = |name: &&str| {
        let (_, text) = sources.iter().find(|(path, _)| path == Path::new(name)).unwrap();
        let found = constants(name, text);
        assert!(!found.is_empty(), "{name}: it has no error name");
        found
    };
    let all: Vec<(String, String)> = NAMES.iter().flat_map(of_file).collect();
    let constants: BTreeMap<String, String> = all.iter().cloned().collect();
    assert!(all.len() == constants.len() && all.len() > 40, "one name has two constants: {all:?}");
    assert_eq!(constants["States.Runtime"], "error_names::RUNTIME");
    let is_wanted = |_: &Path, text: &str| constants.keys().any(|constant| text.contains(constant.as_str()));
    let mut problems = Vec::new();
    for (path, file) in parsed_outside_tests(&sources, is_wanted) {
        let has_constants = NAMES.iter().any(|name| path == Path::new(name));
        let found = literals(&file, &constants, has_constants).into_iter();
        problems.extend(found.map(|(line, constant)| format!("{}:{line}: write {constant}", path.display())));
    }
    report(&problems);
}

#[test]
fn a_name_in_an_expression_a_pattern_or_a_macro_is_found_and_in_tests_and_json_it_is_not() {
    let constants = constants(RESERVED, "pub const RUNTIME: &str = \"States.Runtime\";");
    let literals = |text: &str| literals(&syn::parse_file(text).unwrap(), &constants, false);
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

#[test]
fn the_constants_of_a_file_are_error_names_and_its_other_literals_are_found() {
    let text = "pub const BUSY: &str = \"SubjectBusy\"; pub const REFUSED: &str = \"Flow.Refused\"; \
                pub const FILE: &str = \"a.b c\"; fn f() -> &'static str { \"Flow.Refused\" }";
    let constants = constants("api/fault.rs", text);
    assert_eq!(constants, BTreeMap::from([("Flow.Refused".to_owned(), "fault::REFUSED".to_owned())]));
    let file = syn::parse_file(text).unwrap();
    assert_eq!(literals(&file, &constants, true), [(1, "fault::REFUSED".to_owned())]);
    assert_eq!(literals(&file, &constants, false).len(), 2, "a constant in another file is a second one");
}
