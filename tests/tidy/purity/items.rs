//! The items and expressions that no pure room has, whatever names they use.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{UseTree, ext::IdentExt, spanned::Spanned, visit::Visit};

use super::{
    super::{
        modules::{is_test, is_test_item},
        syntax::{declare_static, flat, is_mark, names_of_crates, strings},
    },
    BACKOFF, BACKOFF_FIELDS, BACKOFF_INSTEAD, INSTEAD, MACROS, METHODS, OTHER_NAME, Rules, reads,
};

/// Whether a call of a setting of backoff has the value with which backoff only computes.
fn is_deterministic(call: &syn::ExprMethodCall) -> bool {
    match call.args.first() {
        Some(syn::Expr::Lit(literal)) => {
            matches!(&literal.lit, syn::Lit::Float(number) if number.base10_digits() == "0.0")
        }
        Some(syn::Expr::Path(value)) => value.path.is_ident("None"),
        _ => false,
    }
}

/// The method that the tokens of a macro's call call and a pure room must not call. A field may have such a name.
fn refused_call(tokens: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let found = tokens.windows(3).find_map(|three| {
        let [dot, TokenTree::Ident(method), TokenTree::Group(arguments)] = three else { return None };
        let method = method.unraw().to_string();
        let is_call = is_mark(dot, '.') && arguments.delimiter() == Delimiter::Parenthesis;
        (is_call && METHODS.iter().chain(&BACKOFF).any(|refused| *refused == method)).then_some(method)
    });
    found.or_else(|| {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Group(group) => refused_call(group.stream()),
            _ => None,
        })
    })
}

/// The items and expressions outside tests that no pure room has, also inside functions.
pub(super) struct Items<'r> {
    pub(super) rules: &'r Rules,
    pub(super) crates: &'r [String],
    /// How often each setting of `BACKOFF` has the value with which backoff only computes.
    pub(super) deterministic: [usize; 2],
    pub(super) problems: Vec<String>,
}

impl Items<'_> {
    fn refuse(&mut self, span: proc_macro2::Span, what: &str) {
        self.problems.push(format!("line {}: {what}", span.start().line));
    }
}

impl<'ast> Visit<'ast> for Items<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if !self.rules.has_tables {
            self.refuse(item.span(), "a static outlives an execution: keep it in the execution");
        }
        syn::visit::visit_item_static(self, item);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.refuse(item.span(), OTHER_NAME);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_crate = |name: &String| ["std", "core", "alloc"].contains(&name.as_str()) || self.crates.contains(name);
        if !matches!(item.tree, UseTree::Path(_)) || names_of_crates(&item.tree).iter().any(is_crate) {
            self.refuse(item.span(), OTHER_NAME);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() && !self.rules.is_async {
            self.refuse(signature.span(), "an async function waits: return a Command and receive an Input");
        }
        syn::visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        if !self.rules.is_async {
            self.refuse(block.span(), "an async block waits: return a Command and receive an Input");
        }
        syn::visit::visit_expr_async(self, block);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let method = call.method.unraw().to_string();
        if METHODS.contains(&method.as_str()) {
            self.refuse(call.method.span(), &format!(".{method}(): {INSTEAD}"));
        }
        match BACKOFF.iter().position(|setting| *setting == method) {
            Some(setting) if is_deterministic(call) => self.deterministic[setting] += 1,
            Some(_) => self.refuse(call.method.span(), BACKOFF_INSTEAD),
            None => {}
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_member(&mut self, member: &'ast syn::Member) {
        if BACKOFF_FIELDS.iter().any(|field| matches!(member, syn::Member::Named(name) if name.unraw() == field)) {
            self.refuse(member.span(), BACKOFF_INSTEAD);
        }
    }

    /// `<Timestamp>::now` has one name: the type before it is no part of the path.
    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        let mut names = expression.path.segments.iter().map(|segment| segment.ident.unraw().to_string());
        if let Some(name) = names.find(|name| expression.qself.is_some() && reads(name)) {
            self.refuse(expression.span(), &format!("{name}: {INSTEAD}"));
        }
        syn::visit::visit_expr_path(self, expression);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|name| MACROS.iter().any(|refused| name.ident == *refused)) {
            self.refuse(call.span(), INSTEAD);
        }
        let tokens = flat(call.tokens.clone());
        if declare_static(&tokens) {
            self.refuse(call.span(), "a static outlives an execution: keep it in the execution");
        }
        if let Some(method) = refused_call(call.tokens.clone()) {
            self.refuse(call.span(), &format!(".{method}(): {INSTEAD}"));
        }
        if strings(&tokens).iter().any(|text| text.contains(":p}")) {
            self.refuse(call.span(), "{:p} writes an address, which is another one in each process");
        }
    }
}
