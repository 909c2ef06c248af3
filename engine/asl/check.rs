//! Checking. (first slice follows)
/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot run.
    Error,
    /// It can run.
    Warning,
}
/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// AWS's code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// JSON pointer.
    pub location: String,
}
/// Every finding.
pub fn check(_definition: &serde_json::Value, _known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    Vec::new()
}
