//! Which expressions take time and memory in proportion to what they see: no function of their own, no loop in a loop, no
//! builtin whose answer is longer than its arguments.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// The most nodes of a plain expression: each may stand for a whole payload.
const NODES_MAX: usize = 64;

/// Builtins that read their arguments once and answer nothing longer.
const FUNCTIONS: [&str; 35] = [
    "abs",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "contains",
    "count",
    "exists",
    "floor",
    "hash",
    "keys",
    "length",
    "lowercase",
    "max",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "parse",
    "partition",
    "power",
    "random",
    "round",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "trim",
    "type",
    "uppercase",
    "uuid",
];

/// Whether it plainly is one of them.
pub(super) fn is_plain(tree: &AstNode) -> bool {
    Look { nodes_left: NODES_MAX }.whole(tree)
}

struct Look {
    nodes_left: usize,
}

impl Look {
    fn count(&mut self) -> bool {
        let more = self.nodes_left > 0;
        self.nodes_left = self.nodes_left.saturating_sub(1);
        more
    }

    /// What may stand anywhere outside a loop.
    fn whole(&mut self, node: &AstNode) -> bool {
        match node {
            AstNode::Path { steps } => self.count() && steps.iter().all(|step| self.step(step)),
            AstNode::Array(items) => self.count() && items.iter().all(|item| self.whole(item)),
            AstNode::Object(fields) => {
                self.count() && fields.iter().all(|(name, value)| self.short(name) && self.whole(value))
            }
            AstNode::Block(parts) if parts.len() == 1 => self.count() && parts.iter().all(|part| self.whole(part)),
            AstNode::Conditional { condition, then_branch, else_branch } => {
                self.count()
                    && self.short(condition)
                    && self.whole(then_branch)
                    && else_branch.as_deref().is_none_or(|branch| self.whole(branch))
            }
            _ => self.short(node),
        }
    }

    /// A step is taken for each item: what it does must neither be a loop again nor make a text.
    fn step(&mut self, step: &PathStep) -> bool {
        let made = |look: &mut Self, node: &AstNode| match node {
            AstNode::Object(fields) => {
                look.count() && fields.iter().all(|(name, value)| look.condition(name) && look.condition(value))
            }
            AstNode::Wildcard => look.count(),
            _ => look.condition(node),
        };
        !binds(step)
            && made(self, &step.node)
            && step.stages.iter().all(|stage| match stage {
                Stage::Filter(condition) => self.condition(condition),
                Stage::KeepArray => true,
                Stage::Index(_) => false,
            })
    }

    /// What is asked of each item: an index, or a comparison of fields and literals.
    fn condition(&mut self, node: &AstNode) -> bool {
        self.count()
            && match node {
                AstNode::Binary { op, lhs, rhs } => compares(*op) && self.condition(lhs) && self.condition(rhs),
                AstNode::Unary { operand, .. } => self.condition(operand),
                AstNode::Path { steps } => {
                    steps.iter().all(|step| !binds(step) && step.stages.is_empty() && self.leaf(&step.node))
                }
                _ => self.leaf(node),
            }
    }

    /// What is no longer than what it sees: fields, literals, operators, functions of such.
    fn short(&mut self, node: &AstNode) -> bool {
        self.count()
            && match node {
                AstNode::Path { steps } => steps.iter().all(|step| {
                    !binds(step)
                        && self.leaf(&step.node)
                        && step.stages.iter().all(|stage| matches!(stage, Stage::Filter(index) if is_index(index)))
                }),
                AstNode::Binary { op, lhs, rhs } => {
                    (compares(*op) || computes(*op)) && self.short(lhs) && self.short(rhs)
                }
                AstNode::Unary { operand, .. } => self.short(operand),
                AstNode::Block(parts) if parts.len() == 1 => parts.iter().all(|part| self.short(part)),
                AstNode::Function { name, args, is_builtin: true } => {
                    FUNCTIONS.contains(&name.as_str()) && args.iter().all(|argument| self.short(argument))
                }
                _ => self.leaf(node),
            }
    }

    fn leaf(&mut self, node: &AstNode) -> bool {
        self.count()
            && matches!(
                node,
                AstNode::String(_)
                    | AstNode::Name(_)
                    | AstNode::Number(_)
                    | AstNode::Boolean(_)
                    | AstNode::Null
                    | AstNode::Undefined
                    | AstNode::Variable(_)
                    | AstNode::ParentVariable(_)
            )
    }
}

/// Whether the step names what it goes through: then the next ones may go through everything for each of it.
fn binds(step: &PathStep) -> bool {
    step.focus.is_some()
        || step.index_var.is_some()
        || step.ancestor_label.is_some()
        || step.is_tuple
        || step.inner_tuple
}

fn is_index(node: &AstNode) -> bool {
    match node {
        AstNode::Number(_) => true,
        AstNode::Unary { operand, .. } => matches!(**operand, AstNode::Number(_)),
        _ => false,
    }
}

fn compares(op: BinaryOp) -> bool {
    use BinaryOp::{And, Equal, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, NotEqual, Or};
    matches!(op, Equal | NotEqual | LessThan | LessThanOrEqual | GreaterThan | GreaterThanOrEqual | And | Or)
}

fn computes(op: BinaryOp) -> bool {
    use BinaryOp::{Add, Coalesce, Concatenate, Default, Divide, In, Modulo, Multiply, Subtract};
    matches!(op, Add | Subtract | Multiply | Divide | Modulo | Concatenate | In | Coalesce | Default)
}
