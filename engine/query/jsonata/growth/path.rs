//! The growth of paths, and of bodies that are evaluated for each item of a list.

use jsonata_core::ast::{AstNode, PathStep, Stage};

use super::{Analysis, Bound, NodeBounds, STEP_UNITS, VALUE_UNITS};

/// Comparisons for each item of a sort: two times the logarithm of the longest list.
const SORT_COMPARISONS: f64 = 40.0;
/// The cost of calling a user-defined function.
const CALL_STEPS: f64 = 10.0;

impl<'t> Analysis<'t> {
    pub(super) fn path(&mut self, steps: &'t [PathStep]) -> Option<NodeBounds> {
        let (first, rest) = steps.split_first()?;
        let mut known = match &first.node {
            // The first step of a path may be a list, of which each item is read.
            AstNode::Name(_) => NodeBounds::of_size(self.context),
            AstNode::Wildcard => self.children(NodeBounds::of_size(self.context)),
            node => self.node(node)?,
        };
        known = self.stages(first, known)?;
        for step in rest {
            self.nodes_left = self.nodes_left.checked_sub(1)?;
            let before = known;
            known = match &step.node {
                AstNode::Name(_) | AstNode::String(_) => NodeBounds {
                    // If the value is a list, every item is read. An item has at least the size of a value.
                    work: before.work.plus(before.size.scaled(STEP_UNITS / VALUE_UNITS)),
                    text: false,
                    scalar: false,
                    size: before.size.plus(Bound::constant(VALUE_UNITS)),
                },
                AstNode::Wildcard => self.children(before),
                node => self.for_each(before, &[], node)?,
            };
            known = self.stages(step, known)?;
        }
        Some(known)
    }

    /// The values of all fields.
    fn children(&self, of: NodeBounds) -> NodeBounds {
        let work = of.work.plus(of.size.scaled(2.0 * STEP_UNITS / VALUE_UNITS)).plus(Bound::constant(STEP_UNITS));
        NodeBounds { size: of.size.plus(Bound::constant(VALUE_UNITS)), work, text: false, scalar: false }
    }

    fn stages(&mut self, step: &'t PathStep, mut known: NodeBounds) -> Option<NodeBounds> {
        if binds(step) {
            return None;
        }
        for stage in &step.stages {
            known = match stage {
                Stage::KeepArray => known,
                Stage::Filter(index) if is_index(index) => {
                    NodeBounds { work: known.work.plus(known.size).plus(Bound::constant(STEP_UNITS)), ..known }
                }
                Stage::Filter(condition) => self.filtered(known, condition)?,
                Stage::Index(_) => return None,
            };
            known.text = false;
            known.scalar = false;
        }
        Some(known)
    }

    /// The items of a list for which a condition holds.
    fn filtered(&mut self, list: NodeBounds, condition: &'t AstNode) -> Option<NodeBounds> {
        let (body, condition_is_scalar) = self.body(list, &[], condition)?;
        let mut size = list.size;
        if !condition_is_scalar {
            // If the condition is a list of numbers, an item is selected as often as its index is in that list.
            let times = body.size.scaled(1.0 / VALUE_UNITS).plus(Bound::constant(1.0));
            size = self.product(list.size, times)?;
        }
        let work = list.work.plus(body.work).plus(list.size).plus(size);
        Some(NodeBounds { size, work, text: false, scalar: false })
    }

    /// A body that is evaluated for each item, and the list of its values. With parameters the body is a function's: item, index, list.
    pub(super) fn for_each(
        &mut self,
        list: NodeBounds,
        parameters: &'t [String],
        body: &'t AstNode,
    ) -> Option<NodeBounds> {
        let (values, _) = self.body(list, parameters, body)?;
        let work = list.work.plus(values.work).plus(values.size);
        Some(NodeBounds { size: values.size.plus(Bound::constant(VALUE_UNITS)), work, text: false, scalar: false })
    }

    /// `$map` and `$filter` with an inline function.
    pub(super) fn each_item(
        &mut self,
        maps: bool,
        list: &'t AstNode,
        parameters: &'t [String],
        body: &'t AstNode,
    ) -> Option<NodeBounds> {
        let list = self.node(list)?;
        let known = self.for_each(list, parameters, body)?;
        // The selected items are part of the list.
        Some(if maps { known } else { NodeBounds { size: list.size, work: known.work.plus(list.size), ..known } })
    }

    /// `list^(term, …)`.
    pub(super) fn sort(&mut self, input: &'t AstNode, terms: &'t [(AstNode, bool)]) -> Option<NodeBounds> {
        let list = self.node(input)?;
        let mut work = list.work.plus(list.size);
        for (term, _) in terms {
            let (body, _) = self.body(list, &[], term)?;
            work = work.plus(body.work.plus(body.size).scaled(SORT_COMPARISONS));
        }
        Some(NodeBounds { size: list.size, work, text: false, scalar: false })
    }

    /// Size and work of a body over all items of a list, and whether each of its values is a number or a boolean.
    fn body(&mut self, list: NodeBounds, parameters: &'t [String], body: &'t AstNode) -> Option<(NodeBounds, bool)> {
        let (outer_max, outer_context, outer_scopes) = (self.item_max, self.context, self.scopes.clone());
        let list_max = list.size.without_item(outer_max);
        // Inside, the bounds of an outer item do not depend on the inner item.
        let outside = |bound: Bound| Bound { item: 0.0, rest: bound.without_item(outer_max) };
        for (_, known) in &mut self.scopes {
            known.size = outside(known.size);
        }
        let sizes = [Bound::item(), Bound::constant(VALUE_UNITS), Bound { item: 0.0, rest: list_max }];
        for (name, size) in parameters.iter().zip(sizes) {
            self.scopes.push((name, NodeBounds::of_size(size)));
        }
        // A function does not change the context item.
        self.context = if parameters.is_empty() { Bound::item() } else { outside(outer_context) };
        self.item_max = list_max;
        let known = if parameters.len() > sizes.len() { None } else { self.node(body) };
        (self.item_max, self.context, self.scopes) = (outer_max, outer_context, outer_scopes);
        let known = known?;
        let call = if parameters.is_empty() { 2.0 } else { CALL_STEPS };
        let steps = known.work.plus(Bound::constant(call * STEP_UNITS));
        let size = self.summed(list.size, known.size)?;
        let work = self.summed(list.size, steps)?;
        Some((NodeBounds { size, work, text: false, scalar: false }, known.scalar))
    }

    /// The sum of a bound over all items of a list.
    fn summed(&self, list: Bound, each: Bound) -> Option<Bound> {
        let outside_items = Bound { item: 0.0, rest: each.rest };
        let count = list.scaled(1.0 / VALUE_UNITS).plus(Bound::constant(1.0));
        Some(list.scaled(each.item).plus(self.product(count, outside_items)?))
    }
}

/// Whether the step binds a variable: the following steps may then visit everything once for each binding.
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
