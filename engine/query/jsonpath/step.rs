//! The parts of a path.

use regex::Regex;
use serde_json::Value;

/// Where a path starts.
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
    /// `[(@.length-1)]`: an index from the end, of which 1 is the last item.
    FromEnd(usize),
    /// `[from:to:step]`
    Slice { from: Option<i64>, to: Option<i64>, step: usize },
    /// `.*`, `[*]`
    Wildcard,
    /// `..`: the next step applies to every object and array below.
    Scan,
    /// `[?(…)]`
    Filter(Box<Condition>),
    /// `.length()`
    Function(Function, Vec<Argument>),
}

/// A function at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    Minimum,
    Maximum,
    Average,
    StandardDeviation,
    Sum,
    Keys,
    Concat,
    Append,
    First,
    Last,
    Index,
}

impl Function {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "length" | "size" => Function::Length,
            "min" => Function::Minimum,
            "max" => Function::Maximum,
            "avg" => Function::Average,
            "stddev" => Function::StandardDeviation,
            "sum" => Function::Sum,
            "keys" => Function::Keys,
            "concat" => Function::Concat,
            "append" => Function::Append,
            "first" => Function::First,
            "last" => Function::Last,
            "index" => Function::Index,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Function::Length => "length",
            Function::Minimum => "min",
            Function::Maximum => "max",
            Function::Average => "avg",
            Function::StandardDeviation => "stddev",
            Function::Sum => "sum",
            Function::Keys => "keys",
            Function::Concat => "concat",
            Function::Append => "append",
            Function::First => "first",
            Function::Last => "last",
            Function::Index => "index",
        }
    }
}

/// What a function is given.
#[derive(Debug, Clone)]
pub(super) enum Argument {
    Literal(Value),
    Path(Root, Vec<Step>),
}

/// What stands in a filter.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(Value),
    Pattern(Regex),
    Path(Root, Vec<Step>),
}

/// How two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    SameTypeAndEqual,
    NotSameTypeAndEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    All,
    SubsetOf,
    AnyOf,
    NoneOf,
    Size,
    Empty,
    Contains,
}

impl Step {
    fn is_definite(&self, is_last: bool) -> bool {
        match self {
            // The values of several names at the end are merged into one object.
            Step::Names(names) => names.len() == 1 || is_last,
            Step::Indices(indices) => indices.len() == 1,
            Step::FromEnd(_) | Step::Function(..) => true,
            Step::Slice { .. } | Step::Wildcard | Step::Scan | Step::Filter(_) => false,
        }
    }
}

/// Whether steps lead to one place, kept up to date step by step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definiteness {
    definite: bool,
    scanned: bool,
}

impl Definiteness {
    pub(super) fn start() -> Self {
        Definiteness { definite: true, scanned: false }
    }

    pub(super) fn is_definite(self) -> bool {
        self.definite
    }

    /// Whether a function that comes next takes all values together: it does after a deep scan, as in Jayway.
    pub(super) fn function_takes_all(self) -> bool {
        self.scanned
    }

    pub(super) fn after(self, step: &Step, is_last: bool) -> Self {
        match step {
            Step::Function(..) if self.scanned => Definiteness::start(),
            Step::Scan => Definiteness { definite: false, scanned: true },
            _ => Definiteness { definite: self.definite && step.is_definite(is_last), ..self },
        }
    }
}

/// Whether steps lead to one place.
pub(super) fn is_definite(steps: &[Step]) -> bool {
    let last = steps.len().saturating_sub(1);
    let after = |state: Definiteness, (position, step): (usize, &Step)| state.after(step, position == last);
    steps.iter().enumerate().fold(Definiteness::start(), after).is_definite()
}

/// Steps as Jayway writes them in its messages: `['a'][0]`.
pub(super) fn canonical(root: &Root, steps: &[Step]) -> String {
    let mut text = if *root == Root::Current { "@" } else { "$" }.to_owned();
    for step in steps {
        match step {
            Step::Names(names) => {
                let names: Vec<_> =
                    names.iter().map(|name| format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))).collect();
                text.push_str(&format!("[{}]", names.join(",")));
            }
            Step::Indices(indices) => {
                let indices: Vec<_> = indices.iter().map(i64::to_string).collect();
                text.push_str(&format!("[{}]", indices.join(",")));
            }
            Step::FromEnd(back) => text.push_str(&format!("[(@.length-{back})]")),
            Step::Slice { from, to, .. } => {
                let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                text.push_str(&format!("[{}:{}]", bound(from), bound(to)));
            }
            Step::Wildcard => text.push_str("[*]"),
            Step::Scan => text.push_str(".."),
            Step::Filter(_) => text.push_str("[?]"),
            Step::Function(function, _) => text.push_str(&format!(".{}()", function.name())),
        }
    }
    text
}
