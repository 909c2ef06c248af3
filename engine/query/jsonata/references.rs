//! References of an expression to what Step Functions does not offer: it has no context item, and only a catcher has
//! `$states.errorOutput`. Source: Developer Guide, "Transforming data with JSONata"; floci, issues 2670 and 2745 (measured on AWS).

use std::collections::{BTreeMap, BTreeSet};

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// References of an expression that a definition may not contain, or not everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Names that are read from a context item that does not exist, such as `phone` in `phone.number`; `$` for `$$`.
    pub unbound: Vec<String>,
    /// Whether `$states.errorOutput` is read.
    pub error_output: bool,
    /// Whether `$states.result` is read.
    pub result: bool,
    /// Names after a `$` that the expression does not define, such as `uppercase` in `$uppercase(x)`; `true` if the name is called.
    pub names: BTreeMap<String, bool>,
    /// Names that the expression defines: parameters of functions, `$x := 1`, `@$x`, `#$x`.
    defined: BTreeSet<String>,
}

impl References {
    pub(super) fn of(tree: &AstNode) -> Self {
        let mut references = References::default();
        references.node(tree, false);
        let References { names, defined, .. } = &mut references;
        names.retain(|name, _| !name.is_empty() && !defined.contains(name));
        references
    }

    fn add(&mut self, name: &str) {
        if !self.unbound.iter().any(|known| known == name) {
            self.unbound.push(name.to_owned());
        }
    }

    fn name(&mut self, name: &str, called: bool) {
        *self.names.entry(name.to_owned()).or_default() |= called;
    }

    fn nodes<'n>(&mut self, nodes: impl IntoIterator<Item = &'n AstNode>, bound: bool) {
        nodes.into_iter().for_each(|node| self.node(node, bound));
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], bound: bool) {
        pairs.iter().for_each(|(name, value)| self.nodes([name, value], bound));
    }

    /// Collects the references of a node. `bound`: whether a context item exists.
    fn node(&mut self, node: &AstNode, bound: bool) {
        match node {
            AstNode::Name(name) if !bound => self.add(name),
            AstNode::ParentVariable(_) => self.add("$"),
            AstNode::Variable(name) => self.name(name, false),
            AstNode::Path { steps } => self.path(steps, bound),
            AstNode::Binary { op, lhs, rhs } => {
                if let (BinaryOp::ColonEqual | BinaryOp::FocusBind | BinaryOp::IndexBind, AstNode::Variable(name)) =
                    (op, if *op == BinaryOp::ColonEqual { &**lhs } else { &**rhs })
                {
                    self.defined.insert(name.clone());
                }
                self.nodes([&**lhs, rhs], bound);
            }
            AstNode::Unary { operand, .. } => self.node(operand, bound),
            AstNode::Function { name, args, .. } => {
                self.name(name, true);
                self.nodes(args, bound);
            }
            AstNode::Call { procedure, args } => {
                if let AstNode::Variable(name) = &**procedure {
                    self.name(name, true);
                }
                self.node(procedure, bound);
                self.nodes(args, bound);
            }
            AstNode::Lambda { params, body, .. } => {
                self.defined.extend(params.iter().cloned());
                self.node(body, bound);
            }
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

    /// A path has a context item after its first step.
    fn path(&mut self, steps: &[PathStep], bound: bool) {
        if let [first, second, ..] = steps
            && matches!(&first.node, AstNode::Variable(name) if name == "states")
            && let AstNode::Name(field) = &second.node
        {
            self.error_output |= field == "errorOutput";
            self.result |= field == "result";
        }
        for (index, step) in steps.iter().enumerate() {
            self.node(&step.node, bound || index > 0);
            self.defined.extend(step.focus.iter().chain(&step.index_var).cloned());
            for stage in &step.stages {
                match stage {
                    Stage::Filter(condition) => self.node(condition, true),
                    Stage::Index(name) => drop(self.defined.insert(name.clone())),
                    Stage::KeepArray => {}
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
    fn names_that_the_expression_does_not_define_are_found() {
        let names = |source: &str| {
            let names = Expression::parse(source).unwrap().references().names;
            names
                .into_iter()
                .map(|(name, called)| format!("{name}{}", if called { "()" } else { "" }))
                .collect::<Vec<_>>()
        };
        for (source, expected) in [
            ("$uppercse('x') & $statse.input", &["statse", "uppercse()"][..]),
            ("$map($x, function($v, $i) { $v.a + $i })", &["map()", "x"]),
            ("($f := function($n) { $n + $m }; $f(1))", &["m"]),
            ("$states.input.a@$l.b#$i[$l.x = $i].{ 'y': $z }", &["states", "z"]),
            ("$x ~> $trim", &["trim", "x"]),
            ("$x.(a & $)", &["x"]),
            ("$map(a, $string)", &["map()", "string"]),
        ] {
            assert_eq!(names(source), expected, "{source}");
        }
    }

    #[test]
    fn the_error_is_found_wherever_it_is_read() {
        let reads = |source: &str| Expression::parse(source).unwrap().references().error_output;
        assert!(reads("$states.errorOutput") && reads("{ 'a': [$states.errorOutput.Cause] }"));
        assert!(!reads("$states.input.errorOutput") && !reads("'$states.errorOutput'"));
    }

    #[test]
    fn the_result_is_found_wherever_it_is_read() {
        let reads = |source: &str| Expression::parse(source).unwrap().references().result;
        assert!(reads("$states.result") && reads("$sum($states.result.items.price)"));
        assert!(!reads("$states.input.result") && !reads("$result"));
    }
}
