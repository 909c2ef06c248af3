//! The root and the steps of a path.

use regex::Regex;
use serde_json::Value;

/// The root of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// `$`
    Input,
    /// `$$`
    Context,
    /// `$name`
    Variable(String),
    /// `@`, in a filter
    Current,
}

/// One step of a path.
#[derive(Debug, Clone)]
pub(super) enum PathStep {
    /// `.name`, `['name']`, `['a','b']`
    Names(Vec<String>),
    /// `[1]`, `[-1]`, `[1,2]`
    Indices(Vec<i64>),
    /// `[(@.length-1)]`: an index from the end; 1 is the last item.
    FromEnd(usize),
    /// `[from:to]`
    Slice { from: Option<i64>, to: Option<i64> },
    /// `.*`, `[*]`
    Wildcard,
    /// `..`: the next step applies to every object and array below.
    Scan,
    /// `[?(…)]`
    Filter(Box<FilterCondition>),
}

/// The condition of a filter.
#[derive(Debug, Clone)]
pub(super) enum FilterCondition {
    All(Vec<FilterCondition>),
    Any(Vec<FilterCondition>),
    /// `@.a`, or `!@.a` if `wanted` is false.
    Exists {
        root: Root,
        steps: Vec<PathStep>,
        wanted: bool,
    },
    Compare(Operand, FilterOperator, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A string in single quotes, or any other text that is no path and no pattern: numbers, `true` and `null` are strings too.
    Text(Value),
    Pattern(Regex),
    Path(Root, Vec<PathStep>),
}

/// The operator of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterOperator {
    Equal,
    GreaterOrEqual,
    LessOrEqual,
    NotEqual,
    Less,
    Greater,
    Matches,
}

impl PathStep {
    pub(super) fn is_definite(&self) -> bool {
        match self {
            // The values of several names are merged into one object.
            PathStep::Names(_) | PathStep::FromEnd(_) => true,
            PathStep::Indices(indices) => indices.len() == 1,
            PathStep::Slice { .. } | PathStep::Wildcard | PathStep::Scan | PathStep::Filter(_) => false,
        }
    }
}

/// Whether steps select a single value.
pub(super) fn is_definite(steps: &[PathStep]) -> bool {
    steps.iter().all(PathStep::is_definite)
}

/// Steps in the notation of Jayway's messages: `['a'][0]`.
pub(super) fn canonical(root: &Root, steps: &[PathStep]) -> String {
    let mut text = if *root == Root::Current { "@" } else { "$" }.to_owned();
    for step in steps {
        match step {
            PathStep::Names(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
                text.push_str(&format!("[{}]", names.join(", ")));
            }
            PathStep::Indices(indices) => {
                let indices: Vec<_> = indices.iter().map(i64::to_string).collect();
                text.push_str(&format!("[{}]", indices.join(",")));
            }
            PathStep::FromEnd(back) => text.push_str(&format!("[(@.length-{back})]")),
            PathStep::Slice { from, to } => {
                let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                text.push_str(&format!("[{}:{}]", bound(from), bound(to)));
            }
            PathStep::Wildcard => text.push_str("[*]"),
            PathStep::Scan => text.push_str(".."),
            PathStep::Filter(_) => text.push_str("[?]"),
        }
    }
    text
}
