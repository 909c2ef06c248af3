//! Parses and checks definitions, and reports problems in AWS's words.

use engine::{
    asl::{self, Diagnostic, Severity},
    step::Resource,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, malformed,
    records::{StateMachineType, set},
};

/// The most diagnostics of one answer (API Reference, ValidateStateMachineDefinition, `maxResults`).
const DIAGNOSTICS_MAX: usize = 100;

/// A request of ValidateStateMachineDefinition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidateRequest {
    definition: String,
    #[serde(default, rename = "type")]
    kind: StateMachineType,
    #[serde(default)]
    severity: Option<Least>,
    #[serde(default)]
    max_results: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Least {
    Error,
    Warning,
}

impl Api {
    pub(crate) fn validate(&self, request: &ValidateRequest) -> Answer {
        let (definition, mut found) = diagnose(&request.definition, request.kind);
        if request.severity != Some(Least::Warning) {
            found.retain(|diagnostic| diagnostic.severity == Severity::Error);
        } else if let Some(definition) = definition {
            let has_step = |resource: &str| self.options.host.has_step(resource);
            found.extend(asl::without_step(&definition, &has_step));
        }
        let failed = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let shown = if request.max_results == 0 { DIAGNOSTICS_MAX } else { request.max_results.min(DIAGNOSTICS_MAX) };
        let truncated = found.len() > shown;
        let diagnostics: Vec<Value> = found.iter().take(shown).map(diagnostic_json).collect();
        Ok(json!({ "result": if failed { "FAIL" } else { "OK" }, "diagnostics": diagnostics, "truncated": truncated }))
    }
}

fn diagnostic_json(diagnostic: &Diagnostic) -> Value {
    let severity = if diagnostic.severity == Severity::Error { "ERROR" } else { "WARNING" };
    let mut json = json!({ "severity": severity, "code": diagnostic.code, "message": diagnostic.message });
    set(&mut json, "location", Some(diagnostic.location.as_str()).filter(|location| !location.is_empty()));
    json
}

/// Parses a definition and returns every diagnostic; `None` if it is not JSON.
fn diagnose(definition: &str, kind: StateMachineType) -> (Option<Value>, Vec<Diagnostic>) {
    match serde_json::from_str::<Value>(definition) {
        Err(error) => {
            let message = malformed::complaint(definition, &error);
            let code = "INVALID_JSON_DESCRIPTION";
            (None, vec![Diagnostic::error(code, "", message)])
        }
        Ok(value) => {
            let express = kind == StateMachineType::Express;
            let recognized = |resource: &str| Resource::parse(resource).is_recognized();
            let mut found = asl::repeated_keys(definition);
            found.extend(asl::check_as(&value, express, &recognized));
            (Some(value), found)
        }
    }
}

/// The diagnostics of a definition that is JSON.
pub(crate) fn errors(machine: &Value) -> Vec<Diagnostic> {
    let mut found = asl::check_as(machine, false, &|resource| Resource::parse(resource).is_recognized());
    found.retain(|problem| problem.severity == Severity::Error);
    found
}

/// The definition as JSON.
pub(crate) fn runnable(definition: &str, kind: StateMachineType) -> Result<Value, Fault> {
    let (value, found) = diagnose(definition, kind);
    let errors: Vec<&Diagnostic> = found.iter().filter(|found| found.severity == Severity::Error).collect();
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(invalid(&errors)),
    }
}

/// The fault for a definition with these errors, joined as AWS joins them. An error about the definition as such has
/// the location null.
pub(crate) fn invalid(errors: &[&Diagnostic]) -> Fault {
    let shown = |error: &&Diagnostic| match error.location.as_str() {
        "" if error.code == "INVALID_JSON_DESCRIPTION" => format!("{}: {}", error.code, error.message),
        "" => format!("{}: {} at null", error.code, error.message),
        location => format!("{}: {} at {location}", error.code, error.message),
    };
    let messages: Vec<String> = errors.iter().map(shown).collect();
    Fault::new("InvalidDefinition", format!("Invalid State Machine Definition: '{}'", messages.join(", ")))
}
