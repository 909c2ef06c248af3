//! Intrinsic functions, such as `States.Format(…)`. Sources: Step Functions Developer Guide, "Intrinsic functions for JSONPath states",
//! and the States Language specification. Where AWS was measured to differ, this follows AWS.

mod arrays;
mod function;
mod numbers;
mod objects;
mod parse;
#[cfg(test)]
mod tests;
mod texts;

use serde_json::Value;

use super::{
    InThisThread, Path, PathError, PathErrorKind, Roots,
    budget::Budget,
    jsonata::Moment,
    random::{JavaRandom, Numbers},
};
use function::Function;

/// The error of a function that does not accept its arguments.
struct InvalidArguments;

type Answer = Result<Value, InvalidArguments>;

/// A call of an intrinsic function, parsed.
#[derive(Debug, Clone)]
pub struct Intrinsic {
    source: String,
    call: Call,
}

#[derive(Debug, Clone)]
struct Call {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    Literal(Value),
    /// A text in quotes. `raw` keeps the escapes, which `States.Format` interprets.
    Text {
        raw: String,
        plain: String,
    },
    Path(Path),
    Call(Call),
}

/// The reason why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrinsicErrorKind {
    /// The text is not a call of an intrinsic function.
    Malformed,
    /// A path among the arguments has no value.
    MissingArgument,
    /// The function does not accept these arguments.
    InvalidArguments,
    /// The evaluation would take too long or allocate too much.
    Limit,
}

/// A call that cannot be parsed or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IntrinsicError {
    /// Why it failed.
    pub kind: IntrinsicErrorKind,
    /// AWS's text, such as `The function 'States.MathAdd(1, $.a)' had the following error: Invalid arguments in
    /// States.MathAdd`.
    pub message: String,
}

impl Intrinsic {
    /// Parses a call.
    ///
    /// # Errors
    /// The text is no call, names an unknown function, or nests more than 10 calls.
    pub fn parse(source: &str) -> Result<Self, IntrinsicError> {
        match parse::parse(source) {
            Ok(call) => Ok(Intrinsic { source: source.to_owned(), call }),
            Err(reason) => Err(IntrinsicError {
                kind: IntrinsicErrorKind::Malformed,
                message: format!("'{source}' is not a valid intrinsic function call: {reason}"),
            }),
        }
    }

    /// The names of all functions, such as `States.Format`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Function::ALL.into_iter().map(Function::name)
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name of the function that it calls.
    pub fn function(&self) -> &'static str {
        self.call.function.name()
    }

    /// The name of a function, nested calls included, that does not take the number of its arguments.
    pub(crate) fn wrong_count(&self) -> Option<&'static str> {
        let mut pending = vec![&self.call];
        while let Some(call) = pending.pop() {
            if !call.function.takes(call.arguments.len()) {
                return Some(call.function.name());
            }
            pending.extend(call.arguments.iter().filter_map(|argument| match argument {
                Argument::Call(call) => Some(call),
                Argument::Literal(_) | Argument::Text { .. } | Argument::Path(_) => None,
            }));
        }
        None
    }

    /// The paths among the arguments, nested calls included.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        let mut pending = vec![&self.call];
        while let Some(call) = pending.pop() {
            for argument in &call.arguments {
                match argument {
                    Argument::Path(path) => paths.push(path),
                    Argument::Call(call) => pending.push(call),
                    Argument::Literal(_) | Argument::Text { .. } => {}
                }
            }
        }
        paths
    }

    /// Evaluates the call. All randomness comes from the moment.
    ///
    /// # Errors
    /// A path has no value, a function does not accept its arguments, or a limit was reached.
    pub fn evaluate(&self, roots: &Roots<'_>, moment: &Moment) -> Result<Value, IntrinsicError> {
        self.evaluate_within(roots, moment, &Budget::new(&InThisThread))
    }

    /// Like `evaluate`, with the work recorded in a budget.
    pub(crate) fn evaluate_within(
        &self,
        roots: &Roots<'_>,
        moment: &Moment,
        outer: &Budget,
    ) -> Result<Value, IntrinsicError> {
        let numbers = Numbers::new(moment.entropy);
        let evaluation = Evaluation { roots, numbers: &numbers, budget: Budget::new(outer.evaluator) };
        let value = evaluation.call(&self.call).map_err(|failure| failure.with_source(&self.source));
        outer.charge_work(evaluation.budget.work_units());
        value
    }
}

/// One evaluation of a call and its nested calls.
struct Evaluation<'e> {
    roots: &'e Roots<'e>,
    numbers: &'e Numbers,
    budget: Budget<'e>,
}

struct Failure {
    kind: IntrinsicErrorKind,
    reason: String,
}

impl Failure {
    fn with_source(self, source: &str) -> IntrinsicError {
        let message = format!("The function '{source}' had the following error: {}", self.reason);
        IntrinsicError { kind: self.kind, message }
    }

    fn limit() -> Self {
        Failure { kind: IntrinsicErrorKind::Limit, reason: "The evaluation builds too much".to_owned() }
    }
}

impl Evaluation<'_> {
    fn call(&self, call: &Call) -> Result<Value, Failure> {
        let values = call.arguments.iter().map(|argument| self.argument(argument)).collect::<Result<Vec<_>, _>>()?;
        let invalid = || Failure {
            kind: IntrinsicErrorKind::InvalidArguments,
            reason: format!("Invalid arguments in {}", call.function.name()),
        };
        if !call.function.takes(values.len()) {
            return Err(invalid());
        }
        let value = self.apply(call, &values).map_err(|InvalidArguments| invalid())?;
        if self.budget.spend(&value) { Ok(value) } else { Err(Failure::limit()) }
    }

    fn argument(&self, argument: &Argument) -> Result<Value, Failure> {
        let value = match argument {
            Argument::Literal(value) => value.clone(),
            Argument::Text { plain, .. } => Value::String(plain.clone()),
            Argument::Call(call) => return self.call(call),
            Argument::Path(path) => {
                path.evaluate_within(self.roots, &self.budget).map_err(|error| self.path_failure(path, &error))?
            }
        };
        if self.budget.spend(&value) { Ok(value) } else { Err(Failure::limit()) }
    }

    fn path_failure(&self, path: &Path, error: &PathError) -> Failure {
        if error.kind == PathErrorKind::Limit {
            return Failure::limit();
        }
        let document = if path.starts_at_context() { self.roots.context } else { self.roots.input };
        let field = path.source_from_input();
        let reason =
            format!("The JsonPath argument for the field '{field}' could not be found in the input '{document}'");
        Failure { kind: IntrinsicErrorKind::MissingArgument, reason }
    }

    fn apply(&self, call: &Call, values: &[Value]) -> Answer {
        match call.function {
            Function::Format => match call.arguments.first() {
                Some(Argument::Text { raw, .. }) => texts::format(raw, values.get(1..).unwrap_or_default()),
                _ => texts::format_value(values),
            },
            Function::StringToJson => objects::string_to_json(values),
            Function::JsonToString => objects::json_to_string(values),
            Function::JsonMerge => objects::json_merge(values),
            Function::Array => Ok(Value::Array(values.to_vec())),
            Function::ArrayPartition => arrays::partition(values),
            Function::ArrayContains => arrays::contains(values),
            Function::ArrayRange => arrays::range(values),
            Function::ArrayGetItem => arrays::item(values),
            Function::ArrayLength => arrays::length(values),
            Function::ArrayUnique => arrays::unique(values),
            Function::Base64Encode => texts::encode(values),
            Function::Base64Decode => texts::decode(values),
            Function::Hash => texts::hash(values),
            Function::StringSplit => texts::split(values),
            Function::MathAdd => numbers::add(values),
            Function::MathRandom => numbers::random(values, |seed, bound| match seed {
                Some(seed) => JavaRandom::new(seed).next_below(bound),
                None => (self.numbers.next() % u64::from(bound.unsigned_abs()).max(1)) as i32,
            }),
            Function::Uuid => Ok(Value::String(self.numbers.next_uuid())),
        }
    }
}
