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
pub(super) enum Step {
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
    Filter(Box<Condition>),
}

/// The condition of a filter.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// `@.a`, or `!@.a` if `wanted` is false.
    Exists {
        root: Root,
        steps: Vec<Step>,
        wanted: bool,
    },
    Compare(Operand, Operator, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A string in single quotes, or any other text that is no path and no pattern: numbers, `true` and `null` are strings too.
    Text(Value),
    Pattern(Regex),
    Path(Root, Vec<Step>),
}

/// The operator of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    GreaterOrEqual,
    LessOrEqual,
    NotEqual,
    Less,
    Greater,
    Matches,
}

impl Step {
    pub(super) fn is_definite(&self) -> bool {
        match self {
            // The values of several names are merged into one object.
            Step::Names(_) | Step::FromEnd(_) => true,
            Step::Indices(indices) => indices.len() == 1,
            Step::Slice { .. } | Step::Wildcard | Step::Scan | Step::Filter(_) => false,
        }
    }
}

/// Whether steps select a single value.
pub(super) fn is_definite(steps: &[Step]) -> bool {
    steps.iter().all(Step::is_definite)
}

/// Steps in the notation of Jayway's messages: `['a'][0]`.
pub(super) fn canonical(root: &Root, steps: &[Step]) -> String {
    let mut text = if *root == Root::Current { "@" } else { "$" }.to_owned();
    for step in steps {
        match step {
            Step::Names(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
                text.push_str(&format!("[{}]", names.join(", ")));
            }
            Step::Indices(indices) => {
                let indices: Vec<_> = indices.iter().map(i64::to_string).collect();
                text.push_str(&format!("[{}]", indices.join(",")));
            }
            Step::FromEnd(back) => text.push_str(&format!("[(@.length-{back})]")),
            Step::Slice { from, to } => {
                let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                text.push_str(&format!("[{}:{}]", bound(from), bound(to)));
            }
            Step::Wildcard => text.push_str("[*]"),
            Step::Scan => text.push_str(".."),
            Step::Filter(_) => text.push_str("[?]"),
        }
    }
    text
}
