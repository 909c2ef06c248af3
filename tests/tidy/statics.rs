//! State that outlives a call and belongs to no value: the files that have it, with the reason. The pure rooms have none (`purity.rs`).

use std::path::Path;

use proc_macro2::TokenStream;
use syn::{ext::IdentExt, visit::Visit};

use super::{
    modules::is_test_item,
    report, sources,
    syntax::{declare_static, flat, parsed_outside_tests},
};

/// The files with statics that change, or that are made from this process and its machine.
const STATES: &[(&str, &str)] = &[
    ("cli/environments.rs", "the steps' schemas, made once"),
    ("cli/interrupt.rs", "a process receives its signals once"),
    ("cli/main.rs", "the allocator"),
    ("cli/out.rs", "a process has one standard output"),
    ("cli/proposed.rs", "every message repeats the options of this command"),
    ("cli/this_process.rs", "a process has one name"),
    ("cli/ui/block.rs", "a process has one terminal"),
    ("cli/ui/block/keyboard.rs", "a process has one terminal, whose modes it restores when it ends"),
    ("cli/ui/error.rs", "a process prints its errors in one format"),
    ("cli/ui/json.rs", "a process has one standard output"),
    ("cli/ui/record.rs", "a process has one record of its display"),
    ("cli/ui/text.rs", "the time zone of this machine"),
    ("cli/wire/connections.rs", "the beginning of a monotonic clock"),
    ("cli/wire/request_body.rs", "the memory for the bodies of all connections has one limit"),
    ("engine/runner/evaluation.rs", "a process has one sandbox, and one monotonic clock for its evaluations"),
    ("engine/store/codec.rs", "a buffer of each thread: the records of a commit allocate no other"),
    ("engine/store/commit_log/file.rs", "counts the synchronizations of this process for measurements"),
    ("engine/store/sled_records/opening.rs", "sled starts its threads once in a process"),
    ("engine/store/sled_records/panics.rs", "a process has one panic hook"),
    ("steps/http.rs", "the connections to a host are reused"),
    ("steps/http/connection.rs", "the tokens of HTTP connections are reused until they expire"),
    ("steps/process/lines.rs", "programs of all executions send their lines to the displays of this process"),
    ("steps/process/turn.rs", "two attempts of one state do not run at once"),
];

/// The types of the other statics: regular expressions, which are compiled at their first use, and tables of the program.
const CONSTANT: [&str; 9] = ["LazyLock", "Option", "Regex", "Vec", "str", "Service", "UsualWait", "Used", "Workflow"];
/// The further types of the elements of a table.
const ELEMENTS: [&str; 10] = ["bool", "char", "f64", "i32", "i64", "u8", "u16", "u32", "u64", "usize"];

/// Whether a file has a static whose type is not constant, or one in a macro.
fn has_state(file: &syn::File) -> bool {
    let mut statics = Statics::default();
    statics.visit_file(file);
    statics.has_state
}

#[derive(Default)]
struct Statics {
    has_state: bool,
}

impl Statics {
    fn add_tokens(&mut self, tokens: &TokenStream) {
        self.has_state |= declare_static(&flat(tokens.clone()));
    }
}

impl<'ast> Visit<'ast> for Statics {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let mut names = Names::default();
        names.visit_type(&item.ty);
        let is_mutable = !matches!(item.mutability, syn::StaticMutability::None);
        let is_constant = |name: &String| CONSTANT.iter().chain(&ELEMENTS).any(|constant| name == constant);
        self.has_state |= is_mutable || !names.0.iter().all(is_constant);
        syn::visit::visit_item_static(self, item);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(&call.tokens);
    }
}

/// The names in a type.
#[derive(Default)]
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.extend(path.segments.iter().map(|segment| segment.ident.unraw().to_string()));
        syn::visit::visit_path(self, path);
    }
}

#[test]
fn only_listed_files_have_state_outside_of_values() {
    let sources = sources();
    let files = parsed_outside_tests(&sources, |_, text| text.replace("'static", "").contains("static"));
    let found: Vec<&Path> = files.iter().filter(|(_, file)| has_state(file)).map(|(path, _)| *path).collect();
    let is_listed = |path: &&&Path| STATES.iter().any(|(listed, _)| **path == Path::new(listed));
    let unlisted = found.iter().filter(|path| !is_listed(path)).map(|path| {
        format!(
            "{}: a static: make a table a `const`, keep state in a value, or name the file and the reason in tests/tidy/statics.rs",
            path.display()
        )
    });
    let unused = STATES.iter().filter(|(listed, _)| !found.contains(&Path::new(listed)));
    let unused = unused.map(|(listed, _)| format!("tests/tidy/statics.rs: {listed} has no such static"));
    report(&unlisted.chain(unused).collect::<Vec<_>>());
}

#[test]
fn a_static_with_state_is_found_and_a_table_is_not() {
    for text in [
        "static COUNT: AtomicU64 = AtomicU64::new(0);",
        "static mut COUNT: u64 = 0;",
        "fn f() { static CLOCK: LazyLock<Instant> = LazyLock::new(Instant::now); }",
        "static TOKENS: LazyLock<Option<Mutex<Tokens>>> = LazyLock::new(g);",
        "thread_local! { static COUNT: Cell<u64> = const { Cell::new(0) }; }",
        "macro_rules! count { () => { static COUNT: Count = Count::new(); } }",
        "fn f() { lazy!(static COUNT: u64 = 0); }",
    ] {
        assert!(has_state(&syn::parse_file(text).unwrap()), "{text}");
    }
    for text in [
        "static WORDS: [(&str, &[&str]); 1] = [(\"a\", &[\"b\"])];",
        "static TABLE: [u8; 256] = [0; 256]; static LIMITS: [(&str, u64); 1] = [(\"a\", 1)];",
        "#[cfg(test)] static COUNT: AtomicU64 = AtomicU64::new(0);",
        "#[cfg(test)] thread_local! { static COUNT: Cell<u64> = const { Cell::new(0) }; }",
        "static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(\"x\").ok());",
        "fn f(text: &'static str) { assert!(g::<&'static str>(text)); }",
        "#[cfg(test)] mod tests { static COUNT: AtomicU64 = AtomicU64::new(0); }",
    ] {
        assert!(!has_state(&syn::parse_file(text).unwrap()), "{text}");
    }
}
