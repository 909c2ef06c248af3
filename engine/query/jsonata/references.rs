//! What an expression refers to that Step Functions does not offer it: there is no context item, and `$states.errorOutput` is there
//! for a catcher alone. Source: Developer Guide, "Transforming data with JSONata"; floci, issues 2670 and 2745 (measured on AWS).

use jsonata_core::ast::{AstNode, PathStep, Stage};

/// References of an expression that a definition may not have, or not everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Names that are read from the context item where there is none, such as `phone` in `phone.number`; `$` for `$$`.
    pub unbound: Vec<String>,
    /// Whether `$states.errorOutput` is read.
    pub error_output: bool,
}

impl References {
    pub(super) fn of(tree: &AstNode) -> Self {
        let mut references = References::default();
        references.node(tree, false);
        references
    }

    fn add(&mut self, name: &str) {
        if !self.unbound.iter().any(|known| known == name) {
            self.unbound.push(name.to_owned());
        }
    }

    fn nodes<'n>(&mut self, nodes: impl IntoIterator<Item = &'n AstNode>, bound: bool) {
        nodes.into_iter().for_each(|node| self.node(node, bound));
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], bound: bool) {
        pairs.iter().for_each(|(name, value)| self.nodes([name, value], bound));
    }

    /// `bound`: whether a context item is there.
    fn node(&mut self, node: &AstNode, bound: bool) {
        match node {
            AstNode::Name(name) if !bound => self.add(name),
            AstNode::ParentVariable(_) => self.add("$"),
            AstNode::Path { steps } => self.path(steps, bound),
            AstNode::Binary { lhs, rhs, .. } => self.nodes([&**lhs, rhs], bound),
            AstNode::Unary { operand, .. } => self.node(operand, bound),
            AstNode::Function { args, .. } => self.nodes(args, bound),
            AstNode::Call { procedure, args } => {
                self.node(procedure, bound);
                self.nodes(args, bound);
            }
            AstNode::Lambda { body, .. } => self.node(body, bound),
            AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => self.nodes(items, bound),
            AstNode::Object(pairs) => self.pairs(pairs, bound),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, bound);
                self.pairs(pattern, true);
            }
            AstNode::Conditional { condition, then_branch, else_branch } => {
                self.nodes([&**condition, then_branch], bound);
                self.nodes(else_branch.as_deref(), bound);
            }
            AstNode::FunctionApplication(inner) => self.node(inner, bound),
            AstNode::Sort { input, terms } => {
                self.node(input, bound);
                self.nodes(terms.iter().map(|(term, _)| term), true);
            }
            AstNode::Transform { location, update, delete } => {
                self.nodes([&**location, update], true);
                self.nodes(delete.as_deref(), true);
            }
            _ => {}
        }
    }

    /// After its first step a path has a context item.
    fn path(&mut self, steps: &[PathStep], bound: bool) {
        if let [first, second, ..] = steps
            && matches!(&first.node, AstNode::Variable(name) if name == "states")
            && matches!(&second.node, AstNode::Name(name) if name == "errorOutput")
        {
            self.error_output = true;
        }
        for (index, step) in steps.iter().enumerate() {
            self.node(&step.node, bound || index > 0);
            for stage in &step.stages {
                if let Stage::Filter(condition) = stage {
                    self.node(condition, true);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::query::Expression;

    #[test]
    fn a_name_needs_something_to_be_read_from() {
        let unbound = |source: &str| Expression::parse(source).unwrap().references().unbound;
        for (source, names) in [
            ("phone.number", &["phone"][..]),
            ("a & b & a", &["a", "b"]),
            ("$f(a, { 'k': [b] })", &["a", "b"]),
            ("a[b = 1]", &["a"]),
            ("$$", &["$"]),
            ("$states.input.x.($$.y)", &["$"]),
        ] {
            assert_eq!(unbound(source), names, "{source}");
        }
        for source in [
            "$states.input.a.b",
            "$x[a = 1].b",
            "$x.(a & b)",
            "$x^(a, >b)",
            "$x{ a: b }",
            "$map($x, function($v) { $v.a })",
            "$x ~> |a|{ 'b': c }|",
            "'phone'",
            "$states.input.list.{ 'id': id }",
            "$x.{ id: name }[0]",
        ] {
            assert_eq!(unbound(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn the_error_is_found_wherever_it_is_read() {
        let reads = |source: &str| Expression::parse(source).unwrap().references().error_output;
        assert!(reads("$states.errorOutput") && reads("{ 'a': [$states.errorOutput.Cause] }"));
        assert!(!reads("$states.input.errorOutput") && !reads("'$states.errorOutput'"));
    }
}
