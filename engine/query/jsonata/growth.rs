//! Bounds on the cost of an expression as a function of the size of its scope.
//!
//! Every node of the expression gets an upper bound on the size of its value and on the work of evaluating it. A node without a
//! rule here has no bound: a user-defined function, a regular expression, a recursion, and most functions that take functions. An
//! expression without a bound is evaluated in the sandbox. One with a bound is evaluated in this process if the bound is small for
//! its scope.

mod bound;
mod functions;
mod path;

use jsonata_core::ast::{AstNode, BinaryOp};
use serde_json::Value;

use bound::{Bound, Polynomial, STEP_UNITS, VALUE_UNITS};
use functions::{Growth, Size, TEXT_OF_VALUE, Work};

/// The most units of work that are done in this process, about 10 ms.
const WORK_UNITS_MAX: f64 = 8_000_000.0;
/// The most units of work for each unit of the scope, in an expression that counts as cheap.
const CHEAP_FACTOR_MAX: f64 = 64.0;
/// The most units of work that do not depend on the scope, in an expression that counts as cheap.
const CHEAP_CONSTANT_MAX: f64 = 100_000.0;
/// The most nodes that are analysed.
const NODES_MAX: usize = 2_000;

/// The growth of an expression's cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ExpressionGrowth {
    work: Option<Polynomial>,
    scope_units_max: Option<u64>,
}

impl ExpressionGrowth {
    pub fn of(tree: &AstNode) -> Self {
        let known = Analysis::new().node(tree);
        // All values in scope are converted first, and the result at the end.
        let work = known
            .map(|known| known.work.plus(known.size).plus(Bound::scope_size()).without_item(Polynomial::scope_size()));
        ExpressionGrowth { work, scope_units_max: work.and_then(scope_units_max) }
    }

    /// Whether the work is at most a small constant times the size of the scope. Such an expression is never sent to the sandbox.
    pub fn is_cheap(&self) -> bool {
        self.scope_units_max == Some(u64::MAX)
    }

    /// The largest scope, in units, with which the expression is evaluated in this process; `None` if it never is.
    pub fn scope_units_max(&self) -> Option<u64> {
        self.scope_units_max
    }

    /// The bound on the work for a scope of this size; `None` if it has no bound.
    pub fn work_units(&self, scope_units: u64) -> Option<u64> {
        self.work.map(|work| work.at(scope_units as f64) as u64)
    }
}

/// The largest size for which the work is within its limit.
fn scope_units_max(work: Polynomial) -> Option<u64> {
    let constant = work.at(0.0);
    if work.degree() <= 1 && work.at(1.0) - constant <= CHEAP_FACTOR_MAX && constant <= CHEAP_CONSTANT_MAX {
        return Some(u64::MAX);
    }
    if constant > WORK_UNITS_MAX {
        return None;
    }
    let (mut low, mut high) = (0, WORK_UNITS_MAX as u64);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if work.at(middle as f64) <= WORK_UNITS_MAX { low = middle } else { high = middle - 1 }
    }
    Some(low)
}

/// Adds the size of a value. Stops counting above the limit.
pub(super) fn add_units(mut units: u64, value: &Value, units_max: u64) -> u64 {
    const VALUE: u64 = VALUE_UNITS as u64;
    // An object has a table of its names.
    const OBJECT: u64 = 2 * VALUE;
    let mut pending = vec![value];
    while let Some(value) = pending.pop()
        && units <= units_max
    {
        units += VALUE;
        match value {
            Value::String(text) => units += text.len() as u64,
            Value::Array(items) => pending.extend(items),
            Value::Object(fields) => {
                // A function that lists the names makes each name a value.
                units += OBJECT + fields.keys().map(|name| VALUE + name.len() as u64).sum::<u64>();
                pending.extend(fields.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    units
}

/// The bounds of a node.
#[derive(Debug, Clone, Copy)]
struct NodeBounds {
    size: Bound,
    work: Bound,
    text: bool,
    scalar: bool,
}

impl NodeBounds {
    /// A value of at most this size that already exists.
    fn of_size(size: Bound) -> Self {
        NodeBounds { size, work: Bound::constant(STEP_UNITS), text: false, scalar: false }
    }

    fn scalar(work: Bound) -> Self {
        NodeBounds {
            size: Bound::constant(VALUE_UNITS),
            work: work.plus(Bound::constant(STEP_UNITS)),
            text: false,
            scalar: true,
        }
    }

    /// The size of the value when it is written into a string.
    fn text_size(&self) -> Bound {
        if self.text { self.size } else { self.size.scaled(TEXT_OF_VALUE) }
    }
}

struct Analysis<'t> {
    nodes_left: usize,
    /// Variables that the expression defines, innermost last.
    scopes: Vec<(&'t str, NodeBounds)>,
    /// The size of the context item; it is undefined outside of lists.
    context: Bound,
    /// The largest size of an item of the innermost list.
    item_max: Polynomial,
}

impl<'t> Analysis<'t> {
    fn new() -> Self {
        let context = Bound::constant(VALUE_UNITS);
        Analysis { nodes_left: NODES_MAX, scopes: Vec::new(), context, item_max: Polynomial::ZERO }
    }

    /// The bounds of a node; `None` if it has none.
    fn node(&mut self, node: &'t AstNode) -> Option<NodeBounds> {
        self.nodes_left = self.nodes_left.checked_sub(1)?;
        match node {
            AstNode::String(text) => {
                let size = Bound::constant(VALUE_UNITS + text.len() as f64);
                Some(NodeBounds { text: true, ..NodeBounds::of_size(size) })
            }
            AstNode::Number(_) | AstNode::Boolean(_) => Some(NodeBounds::scalar(Bound::ZERO)),
            AstNode::Null | AstNode::Undefined => Some(NodeBounds::of_size(Bound::constant(VALUE_UNITS))),
            AstNode::Name(_) => Some(NodeBounds::of_size(self.context)),
            AstNode::Variable(name) if name.is_empty() => Some(NodeBounds::of_size(self.context)),
            AstNode::Variable(name) => Some(self.variable(name)),
            AstNode::Path { steps } => self.path(steps),
            AstNode::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs),
            AstNode::Unary { operand, .. } => Some(NodeBounds::scalar(self.node(operand)?.work)),
            AstNode::Function { name, args, is_builtin: true } => self.function(name, args),
            AstNode::Array(items) | AstNode::ArrayGroup(items) => self.all(items),
            AstNode::Object(fields) => self.all(fields.iter().flat_map(|(name, value)| [name, value])),
            AstNode::Block(parts) => self.block(parts),
            AstNode::FunctionApplication(inner) => self.node(inner),
            AstNode::Conditional { condition, then_branch, else_branch } => {
                let mut known = self.node(then_branch)?;
                if let Some(branch) = else_branch {
                    known = either(known, self.node(branch)?);
                }
                let condition = self.node(condition)?;
                known.work = known.work.plus(condition.work).plus(truth(&condition));
                Some(known)
            }
            AstNode::Sort { input, terms } => self.sort(input, terms),
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> NodeBounds {
        let own = self.scopes.iter().rev().find(|(own, _)| *own == name);
        own.map_or_else(
            || NodeBounds::of_size(Bound::scope_size()),
            |(_, known)| NodeBounds { work: Bound::constant(STEP_UNITS), ..*known },
        )
    }

    /// A new value composed of others.
    fn all(&mut self, nodes: impl IntoIterator<Item = &'t AstNode>) -> Option<NodeBounds> {
        let mut made = NodeBounds::of_size(Bound::constant(VALUE_UNITS));
        for node in nodes {
            let known = self.node(node)?;
            made.size = made.size.plus(known.size);
            // The parts of an array are copied into it.
            made.work = made.work.plus(known.work).plus(known.size).plus(Bound::constant(STEP_UNITS));
        }
        Some(made)
    }

    fn binary(&mut self, op: BinaryOp, lhs: &'t AstNode, rhs: &'t AstNode) -> Option<NodeBounds> {
        use BinaryOp::*;
        let (left, right) = (self.node(lhs)?, self.node(rhs)?);
        let work = left.work.plus(right.work);
        match op {
            Equal | NotEqual | LessThan | LessThanOrEqual | GreaterThan | GreaterThanOrEqual => {
                Some(NodeBounds::scalar(work.plus(left.size.shorter(right.size).scaled(2.0))))
            }
            And | Or => Some(NodeBounds::scalar(work.plus(truth(&left)).plus(truth(&right)))),
            In => Some(NodeBounds::scalar(work.plus(left.size).plus(right.size.scaled(2.0)))),
            Add | Subtract | Multiply | Divide | Modulo => Some(NodeBounds::scalar(work)),
            Concatenate => {
                let size = left.text_size().plus(right.text_size());
                let work = work.plus(size).plus(Bound::constant(STEP_UNITS));
                Some(NodeBounds { size, work, text: true, scalar: false })
            }
            Default | Coalesce => {
                let known = either(left, right);
                Some(NodeBounds { work: known.work.plus(truth(&left)), ..known })
            }
            Range | ColonEqual | FocusBind | IndexBind | ChainPipe => None,
        }
    }

    /// Parts that are evaluated in sequence; `$name := value` is visible to the following parts.
    fn block(&mut self, parts: &'t [AstNode]) -> Option<NodeBounds> {
        let outer = self.scopes.len();
        let mut known = NodeBounds::of_size(Bound::constant(VALUE_UNITS));
        for part in parts {
            let work = known.work;
            known = match part {
                AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                    let AstNode::Variable(name) = &**lhs else { return None };
                    let value = self.node(rhs)?;
                    self.scopes.push((name, value));
                    value
                }
                part => self.node(part)?,
            };
            known.work = known.work.plus(work);
        }
        self.scopes.truncate(outer);
        Some(known)
    }

    fn function(&mut self, name: &'t str, arguments: &'t [AstNode]) -> Option<NodeBounds> {
        // A variable of the expression may hold a function of this name.
        if self.scopes.iter().any(|(own, _)| *own == name) {
            return None;
        }
        if let ("map" | "filter", [list, AstNode::Lambda { params, body, .. }]) = (name, arguments) {
            return self.each_item(name == "map", list, params, body);
        }
        let growth = functions::growth(name, arguments.len())?;
        let mut known = Vec::new();
        for argument in arguments {
            known.push(self.node(argument)?);
        }
        if arguments.is_empty() {
            known.push(NodeBounds::of_size(self.context));
        }
        self.called(&growth, &known)
    }

    fn called(&self, growth: &Growth, arguments: &[NodeBounds]) -> Option<NodeBounds> {
        let sum = |part: fn(&NodeBounds) -> Bound| arguments.iter().map(part).fold(Bound::ZERO, Bound::plus);
        let all = sum(|known| known.size);
        let size = match growth.size {
            Size::Constant => Bound::constant(128.0),
            Size::Times(factor) => all.scaled(factor).plus(Bound::constant(VALUE_UNITS)),
            Size::Joined => {
                let between = arguments.get(1).map_or(Bound::ZERO, |between| between.size);
                all.plus(self.product(arguments.first()?.size.scaled(1.0 / VALUE_UNITS), between)?)
            }
        };
        let work = match growth.work {
            Work::Times(factor) => all.scaled(factor),
            Work::Squared(factor) => all.plus(self.product(all, all)?.scaled(factor)),
            Work::Result => size.scaled(4.0),
        };
        let work = sum(|known| known.work).plus(work).plus(Bound::constant(STEP_UNITS));
        Some(NodeBounds { size, work, text: growth.text, scalar: growth.scalar })
    }

    fn product(&self, bound: Bound, other: Bound) -> Option<Bound> {
        // A constant factor keeps the other factor linear in its item.
        for (constant, factor) in [(bound, other), (other, bound)] {
            if constant.item == 0.0 && constant.rest.degree() == 0 {
                return Some(factor.scaled(constant.rest.at(0.0)));
            }
        }
        let rest = bound.without_item(self.item_max).times(other.without_item(self.item_max))?;
        Some(Bound { item: 0.0, rest })
    }
}

fn either(left: NodeBounds, right: NodeBounds) -> NodeBounds {
    NodeBounds {
        size: left.size.plus(right.size),
        work: left.work.plus(right.work),
        text: left.text && right.text,
        scalar: left.scalar && right.scalar,
    }
}

/// The work of converting a value to a boolean: a list is searched.
fn truth(known: &NodeBounds) -> Bound {
    if known.scalar || known.text { Bound::ZERO } else { known.size }
}

#[cfg(test)]
mod tests;
