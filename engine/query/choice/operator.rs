//! The comparison operators and their names.

use std::cmp::Ordering;

use serde_json::Value;

use super::parse_timestamp;

/// The type that an operator compares or tests for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperandKind {
    Text,
    Number,
    Boolean,
    Timestamp,
    Null,
    Present,
}

impl OperandKind {
    /// Whether a value is of this kind.
    pub(super) fn is_of(self, value: &Value) -> bool {
        match self {
            OperandKind::Text => value.is_string(),
            OperandKind::Number => value.is_number(),
            OperandKind::Boolean => value.is_boolean(),
            OperandKind::Timestamp => value.as_str().is_some_and(|text| parse_timestamp(text).is_some()),
            OperandKind::Null => value.is_null(),
            OperandKind::Present => true,
        }
    }
}

/// The relation between variable and operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

impl Relation {
    const ALL: [Relation; 5] = [
        Relation::Equals,
        Relation::LessThan,
        Relation::GreaterThan,
        Relation::LessThanEquals,
        Relation::GreaterThanEquals,
    ];

    pub(super) fn fits(self, order: Ordering) -> bool {
        match self {
            Relation::Equals => order.is_eq(),
            Relation::LessThan => order.is_lt(),
            Relation::GreaterThan => order.is_gt(),
            Relation::LessThanEquals => order.is_le(),
            Relation::GreaterThanEquals => order.is_ge(),
        }
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Is(OperandKind),
    Matches,
    Compare { kind: OperandKind, relation: Relation, by_path: bool },
}

impl Operator {
    pub(super) fn all() -> impl Iterator<Item = Operator> {
        let compared = [OperandKind::Text, OperandKind::Number, OperandKind::Timestamp]
            .into_iter()
            .flat_map(|kind| Relation::ALL.map(|relation| (kind, relation)))
            .chain([(OperandKind::Boolean, Relation::Equals)])
            .flat_map(|(kind, relation)| [false, true].map(|by_path| Operator::Compare { kind, relation, by_path }));
        let asked = [
            OperandKind::Null,
            OperandKind::Present,
            OperandKind::Number,
            OperandKind::Text,
            OperandKind::Boolean,
            OperandKind::Timestamp,
        ];
        compared.chain([Operator::Matches]).chain(asked.map(Operator::Is))
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Operator::all().find(|operator| operator.name() == name)
    }

    pub(super) fn name(self) -> String {
        let kind_name = |kind| match kind {
            OperandKind::Text => "String",
            OperandKind::Number => "Numeric",
            OperandKind::Boolean => "Boolean",
            OperandKind::Timestamp => "Timestamp",
            OperandKind::Null => "Null",
            OperandKind::Present => "Present",
        };
        match self {
            Operator::Is(kind) => format!("Is{}", kind_name(kind)),
            Operator::Matches => "StringMatches".to_owned(),
            Operator::Compare { kind, relation, by_path } => {
                format!("{}{relation:?}{}", kind_name(kind), if by_path { "Path" } else { "" })
            }
        }
    }
}
