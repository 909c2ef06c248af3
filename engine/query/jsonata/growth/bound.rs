//! Upper bounds on sizes and on work, as functions of the size of an expression's scope.
//!
//! A unit is about one byte. A value has [`VALUE_UNITS`], plus the bytes of its text. Evaluating one node of the expression costs
//! [`STEP_UNITS`], so that a unit of work takes about 1 ns.

/// The size of a value without its text.
pub(super) const VALUE_UNITS: f64 = 32.0;
/// The work of evaluating one node.
pub(super) const STEP_UNITS: f64 = 64.0;
/// The highest power of the size that a bound may have.
const DEGREE_MAX: usize = 3;

/// A polynomial of the size of the expression's scope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Polynomial([f64; DEGREE_MAX + 1]);

impl Polynomial {
    pub const ZERO: Polynomial = Polynomial([0.0; DEGREE_MAX + 1]);

    pub fn constant(units: f64) -> Self {
        let mut polynomial = Polynomial::ZERO;
        polynomial.0[0] = units;
        polynomial
    }

    /// The size itself: the bound of any part of the scope.
    pub fn scope_size() -> Self {
        let mut polynomial = Polynomial::ZERO;
        polynomial.0[1] = 1.0;
        polynomial
    }

    pub fn plus(self, other: Self) -> Self {
        Polynomial(std::array::from_fn(|power| self.0[power] + other.0[power]))
    }

    pub fn scaled(self, factor: f64) -> Self {
        Polynomial(self.0.map(|coefficient| coefficient * factor))
    }

    /// The product; `None` if its degree is above `DEGREE_MAX`.
    pub fn times(self, other: Self) -> Option<Self> {
        let mut product = Polynomial::ZERO;
        for (power, coefficient) in self.0.iter().enumerate().filter(|(_, coefficient)| **coefficient > 0.0) {
            for (other_power, other_coefficient) in other.0.iter().enumerate().filter(|(_, other)| **other > 0.0) {
                *product.0.get_mut(power + other_power)? += coefficient * other_coefficient;
            }
        }
        Some(product)
    }

    pub fn degree(&self) -> usize {
        self.0.iter().rposition(|coefficient| *coefficient > 0.0).unwrap_or(0)
    }

    pub fn at(&self, size: f64) -> f64 {
        self.0.iter().rev().fold(0.0, |sum, coefficient| sum * size + coefficient)
    }
}

/// A bound inside a body that is evaluated once for each item of a list: `item` times the size of the item, plus `rest`, which does not
/// depend on the item. Summed over all items, the first part is linear in the list, whatever the number of items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    pub item: f64,
    pub rest: Polynomial,
}

impl Bound {
    pub const ZERO: Bound = Bound { item: 0.0, rest: Polynomial::ZERO };

    pub fn constant(units: f64) -> Self {
        Bound { item: 0.0, rest: Polynomial::constant(units) }
    }

    pub fn scope_size() -> Self {
        Bound { item: 0.0, rest: Polynomial::scope_size() }
    }

    /// The size of the list's item.
    pub fn item() -> Self {
        Bound { item: 1.0, rest: Polynomial::ZERO }
    }

    pub fn plus(self, other: Self) -> Self {
        Bound { item: self.item + other.item, rest: self.rest.plus(other.rest) }
    }

    pub fn scaled(self, factor: f64) -> Self {
        Bound { item: self.item * factor, rest: self.rest.scaled(factor) }
    }

    /// The smaller of two bounds, such as the work of comparing two values.
    pub fn shorter(self, other: Self) -> Self {
        let (degree, other_degree) = (self.rest.degree(), other.rest.degree());
        let item_last = |bound: Bound| (bound.rest.degree(), bound.item);
        match degree.cmp(&other_degree) {
            std::cmp::Ordering::Equal if item_last(self) <= item_last(other) => self,
            std::cmp::Ordering::Less => self,
            _ => other,
        }
    }

    /// The bound outside of the body, where an item has at most this size.
    pub fn without_item(self, item_max: Polynomial) -> Polynomial {
        self.rest.plus(item_max.scaled(self.item))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn polynomials_are_multiplied_up_to_a_degree() {
        let square = Polynomial::scope_size().plus(Polynomial::constant(2.0)).times(Polynomial::scope_size()).unwrap();
        assert_eq!(square.degree(), 2);
        assert!((square.at(10.0) - 120.0).abs() < 1e-9);
        assert_eq!(square.times(square), None);
        assert_eq!(Polynomial::ZERO.times(square), Some(Polynomial::ZERO));
    }

    #[test]
    fn comparing_an_item_with_something_long_is_linear_in_the_item() {
        assert_eq!(Bound::item().shorter(Bound::scope_size()), Bound::item());
        assert_eq!(Bound::scope_size().shorter(Bound::constant(5.0)), Bound::constant(5.0));
    }
}
