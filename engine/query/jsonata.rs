//! JSONata. (first slice follows)
/// An expression.
#[derive(Debug)]
pub struct Expression;
/// It cannot be read.
#[derive(Debug, Clone)]
pub struct ParseError;
/// It cannot be evaluated.
#[derive(Debug, Clone)]
pub struct EvaluationError;
/// All time and randomness an evaluation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// A random number.
    pub entropy: u64,
}
/// What an expression can see.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// `$states`.
    pub states: &'a serde_json::Value,
    /// Variables, innermost scope first.
    pub variables: &'a [&'a serde_json::Map<String, serde_json::Value>],
}
