//! The comparisons of a Choice state. Source: States Language specification, "Choice State".

mod operator;
mod pattern;
#[cfg(test)]
mod tests;
mod timestamp;

use serde_json::Value;

use super::{
    InThisThread, Path, PathError, PathErrorKind, Roots,
    budget::Budget,
    compare::{compare_numbers, compare_texts},
};
use operator::{OperandKind, Operator, Relation};
use pattern::WildcardPattern;
pub(crate) use timestamp::{NOT_A_TIMESTAMP, parse_timestamp};

/// One comparison of a Choice Rule, parsed.
#[derive(Debug, Clone)]
pub struct Comparison {
    variable: Path,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Is(OperandKind, bool),
    Matches(WildcardPattern),
    Compare(OperandKind, Relation, Operand),
}

#[derive(Debug, Clone)]
enum Operand {
    Literal(Value),
    Path(Path),
}

/// A comparison that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ComparisonError {
    /// The field that is wrong: `Variable`, or the operator.
    pub field: String,
    /// The problem.
    pub message: String,
}

impl Comparison {
    /// Parses a comparison of the value of a path with the operand of an operator.
    ///
    /// # Errors
    /// The variable is no path, the operator is unknown, or the operand is not of the operator's type.
    pub fn parse(variable: &str, operator: &str, operand: &Value) -> Result<Self, ComparisonError> {
        let wrong = |field: &str, message: String| ComparisonError { field: field.to_owned(), message };
        let variable = Path::parse(variable).map_err(|error| wrong("Variable", error.message))?;
        let known = Operator::from_name(operator)
            .ok_or_else(|| wrong(operator, format!("'{operator}' is not a comparison operator")))?;
        let test = parse_test(known, operand).map_err(|message| wrong(operator, message))?;
        Ok(Comparison { variable, test })
    }

    /// The names of all operators.
    pub fn operators() -> Vec<String> {
        Operator::all().map(|operator| operator.name()).collect()
    }

    /// The paths in the comparison.
    pub fn paths(&self) -> Vec<&Path> {
        match &self.test {
            Test::Compare(_, _, Operand::Path(path)) => vec![&self.variable, path],
            _ => vec![&self.variable],
        }
    }

    /// Whether the comparison is true. A value of another type than the operator's makes it false and is no error.
    ///
    /// # Errors
    /// A path has no value, and the operator is not IsPresent.
    pub fn holds(&self, roots: &Roots<'_>) -> Result<bool, PathError> {
        self.holds_within(roots, &Budget::new(&InThisThread))
    }

    /// Like `holds`, with the work recorded in a budget.
    pub(crate) fn holds_within(&self, roots: &Roots<'_>, budget: &Budget) -> Result<bool, PathError> {
        let found = match self.variable.evaluate_within(roots, budget) {
            Err(error) if error.is_missing() => None,
            found => Some(found?),
        };
        if let Test::Is(OperandKind::Present, expected) = self.test {
            return Ok(found.is_some() == expected);
        }
        let value = found.ok_or_else(|| invalid_value(&self.variable))?;
        match &self.test {
            Test::Is(kind, expected) => Ok(kind.is_of(&value) == *expected),
            Test::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
            Test::Compare(kind, relation, Operand::Literal(operand)) => Ok(compare(*kind, *relation, &value, operand)),
            Test::Compare(kind, relation, Operand::Path(path)) => {
                let operand = path.evaluate_within(roots, budget).map_err(|error| match error.is_missing() {
                    true => invalid_value(path),
                    false => error,
                })?;
                Ok(compare(*kind, *relation, &value, &operand))
            }
        }
    }
}

fn invalid_value(path: &Path) -> PathError {
    PathError {
        kind: PathErrorKind::Missing,
        message: format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            path.source()
        ),
    }
}

fn parse_test(operator: Operator, operand: &Value) -> Result<Test, String> {
    match operator {
        Operator::Is(kind) => operand.as_bool().map(|expected| Test::Is(kind, expected)).ok_or_else(|| must("boolean")),
        Operator::Matches => {
            operand.as_str().map(|text| Test::Matches(WildcardPattern::parse(text))).ok_or_else(|| must("string"))
        }
        Operator::Compare { kind, relation, by_path: true } => {
            let source = operand.as_str().ok_or_else(|| must("path"))?;
            let path = Path::parse(source).map_err(|error| error.message)?;
            Ok(Test::Compare(kind, relation, Operand::Path(path)))
        }
        Operator::Compare { kind, relation, by_path: false } => {
            if kind.is_of(operand) {
                return Ok(Test::Compare(kind, relation, Operand::Literal(operand.clone())));
            }
            Err(match kind {
                OperandKind::Timestamp if operand.is_string() => NOT_A_TIMESTAMP.to_owned(),
                OperandKind::Timestamp => must("timestamp"),
                OperandKind::Number => must("number"),
                OperandKind::Boolean => must("boolean"),
                OperandKind::Text | OperandKind::Null | OperandKind::Present => must("string"),
            })
        }
    }
}

fn must(be: &str) -> String {
    format!("The value must be a {be}")
}

fn compare(kind: OperandKind, relation: Relation, value: &Value, operand: &Value) -> bool {
    let order = match (kind, value, operand) {
        (OperandKind::Text, Value::String(value), Value::String(operand)) => Some(compare_texts(value, operand)),
        (OperandKind::Number, Value::Number(value), Value::Number(operand)) => compare_numbers(value, operand),
        (OperandKind::Boolean, Value::Bool(value), Value::Bool(operand)) => Some(value.cmp(operand)),
        (OperandKind::Timestamp, Value::String(value), Value::String(operand)) => {
            match (parse_timestamp(value), parse_timestamp(operand)) {
                (Some(value), Some(operand)) => Some(value.cmp(&operand)),
                _ => None,
            }
        }
        _ => None,
    };
    order.is_some_and(|order| relation.fits(order))
}
