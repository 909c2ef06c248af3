//! Finds the position of a problem inside an expression. Neither the JSONata parser nor Step Functions' messages
//! contain it.

use std::sync::LazyLock;

use engine::{
    asl::{Diagnostic, ProblemKind},
    query::{Expression, Intrinsic, Query},
    spelling::{did_you_mean, nearest},
};
use regex::Regex;

/// The longest expression, in bytes, whose prefixes are parsed to find an error. It is parsed once for each token.
const PROBED_BYTES_MAX: usize = 2_000;

/// A position in a text, with a reason if the problem's message has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The offset in characters.
    pub offset: usize,
    /// The reason.
    pub reason: Option<String>,
}

/// Finds the position of a problem in a field's text. `None` if the problem is about the complete text.
pub fn inside(problem: &Diagnostic, text: &str) -> Option<Inside> {
    let (bytes, reason) = match (problem.code, &problem.kind) {
        ("INVALID_JSONATA_EXPRESSION", _) => (in_expression(text, syntax_error)?, None),
        (_, Some(ProblemKind::WrongReference(name))) => {
            (in_expression(text, |expression| find_word(expression, name))?, None)
        }
        ("SCHEMA_VALIDATION_FAILED", _) => query(text)?,
        _ => return None,
    };
    Some(Inside { offset: text.get(..bytes)?.chars().count(), reason })
}

/// The name of the field that a problem is about, if its location is the object with the field.
pub fn named_field(problem: &Diagnostic) -> Option<&str> {
    match problem.kind.as_ref()? {
        ProblemKind::UnknownField(name)
        | ProblemKind::FieldOfDistributedMap(name)
        | ProblemKind::FieldOfLanguage(name, _)
        | ProblemKind::MisspeltField(name)
        | ProblemKind::InvalidQuery(name) => Some(name),
        ProblemKind::MissingFields(_)
        | ProblemKind::WrongReference(_)
        | ProblemKind::MissingTarget(_)
        | ProblemKind::Unreachable
        | ProblemKind::UnknownIntegration(_)
        | ProblemKind::UnknownStep(_) => None,
    }
}

/// Whether a problem is about the name of a field, not about its value.
pub fn is_about_a_name(problem: &Diagnostic) -> bool {
    named_field(problem).is_some() && !matches!(problem.kind, Some(ProblemKind::InvalidQuery(_)))
}

/// Finds a position between `{%` and `%}`, and returns it as a position in the text.
fn in_expression(text: &str, find: impl FnOnce(&str) -> Option<usize>) -> Option<usize> {
    let inner = text.strip_prefix("{%")?.strip_suffix("%}")?;
    let start = 2 + inner.len() - inner.trim_start().len();
    find(inner.trim()).map(|at| start + at)
}

/// The position of a word that is not part of a longer one.
fn find_word(expression: &str, wanted: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    expression.match_indices(wanted).map(|(at, _)| at).find(|at| {
        let before = expression[..*at].chars().next_back();
        let after = expression[at + wanted.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '$' || c == '.') && !after.is_some_and(is_part)
    })
}

/// The token at which parsing fails: the first token up to which the expression already gives the same error.
fn syntax_error(expression: &str) -> Option<usize> {
    let error = Expression::parse(expression).err()?.message;
    let ends_too_early = ["Unexpected end", "must be terminated", "Unclosed"].iter().any(|words| error.contains(words));
    if ends_too_early || expression.len() > PROBED_BYTES_MAX {
        return ends_too_early.then_some(expression.len().saturating_sub(1));
    }
    let fails_alike = |end: usize| Expression::parse(&expression[..end]).is_err_and(|early| early.message == error);
    tokens(expression).into_iter().find(|(_, end)| fails_alike(*end)).map(|(start, _)| start)
}

/// The start and end of each token, in bytes. A quoted text is one token.
fn tokens(expression: &str) -> Vec<(usize, usize)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut tokens = Vec::new();
    let mut characters = expression.char_indices().peekable();
    while let Some((start, first)) = characters.next() {
        let mut end = start + first.len_utf8();
        if is_word(first) {
            while let Some((at, c)) = characters.next_if(|(_, c)| is_word(*c)) {
                end = at + c.len_utf8();
            }
        } else if "\"'`".contains(first) {
            while let Some((at, c)) = characters.next() {
                end = at + c.len_utf8();
                match c {
                    '\\' => drop(characters.next()),
                    c if c == first => break,
                    _ => {}
                }
            }
        }
        if !first.is_whitespace() {
            tokens.push((start, end));
        }
    }
    tokens
}

/// The position of an error in a path or a call, and its reason. The texts of both name the position, as AWS's do; this only places a mark.
fn query(text: &str) -> Option<(usize, Option<String>)> {
    static POSITION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:position|index) (\d+)").ok());
    if !text.starts_with('$') && !text.starts_with("States.") {
        return None;
    }
    let reason = Query::parse(text).err()?.to_string();
    let numbered = POSITION.as_ref().and_then(|position| position.captures_iter(&reason).last());
    let at = numbered.and_then(|found| found.get(1)?.as_str().parse::<usize>().ok());
    let at = at.or_else(|| {
        let name = reason.rsplit_once(" '").and_then(|(_, rest)| rest.split_once('\'')).map(|(name, _)| name)?;
        text.find(name).filter(|_| name != text)
    });
    let at = at.unwrap_or(text.len().saturating_sub(1)).min(text.len().saturating_sub(1));
    Some((at, Some(with_suggestion(reason))))
}

/// A reason with the function that was probably meant.
fn with_suggestion(reason: String) -> String {
    let unknown = reason.split_once("there is no function '").and_then(|(_, rest)| rest.split('\'').next());
    match unknown.and_then(|name| nearest(name, Intrinsic::names())) {
        Some(near) => format!("{reason}{}", did_you_mean(Some(near))),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(problem: &Diagnostic, text: &str) -> Option<String> {
        let found = inside(problem, text)?;
        Some(text.chars().skip(found.offset).take(6).collect())
    }

    #[test]
    fn a_problem_is_found_at_its_token() {
        let problem = |code: &'static str| Diagnostic::error(code, "/States/A/Output", "A message.");
        let parse = |text: &str| at(&problem("INVALID_JSONATA_EXPRESSION"), text);
        assert_eq!(parse("{% $a + ) * 2 %}").as_deref(), Some(") * 2 "));
        assert_eq!(parse("{% [1, 2, 'é' } %}").as_deref(), Some("} %}"));
        assert_eq!(parse("{% (1 + 2 %}").as_deref(), Some("1 + 2 "), "the unclosed parenthesis");
        let wrong = |name: &str, text: &str| {
            at(&problem("UNKNOWN_FUNCTION").of_kind(ProblemKind::WrongReference(name.to_owned())), text)
        };
        assert_eq!(wrong("$sm", "{% $smx + $sm(1) %}").as_deref(), Some("$sm(1)"));
        assert_eq!(wrong("total", "{% $x.total + total %}").as_deref(), Some("total "));
    }

    #[test]
    fn a_path_or_a_call_that_cannot_be_read_says_why() {
        let found = |text: &str| {
            let problem = Diagnostic::error("SCHEMA_VALIDATION_FAILED", "/States/A/Parameters", "The value …");
            inside(&problem, text).map(|found| (found.offset, found.reason.is_some()))
        };
        assert_eq!(found("$.a b"), Some((4, true)));
        assert_eq!(found("$.a["), Some((3, true)));
        assert_eq!(found("States.Frmat('{}', $.a)"), Some((0, true)));
        assert_eq!(found("States.Array(1, )").map(|(at, _)| at), Some(16));
        assert_eq!(found("plain"), None);
    }

    #[test]
    fn a_function_that_does_not_exist_comes_with_the_one_that_was_meant() {
        let reason = |text: &str| query(text).and_then(|(_, reason)| reason).unwrap_or_default();
        let found = reason("States.Array(States.Fromat('{}', $.a))");
        assert!(found.ends_with("there is no function 'States.Fromat'; did you mean 'States.Format'?"), "{found}");
        assert!(!reason("States.Nothing()").contains("did you mean"));
    }

    /// The fields that the problems of a state name, and whether each problem is about the name.
    fn fields(state: serde_json::Value) -> Vec<(String, bool)> {
        let states = serde_json::json!({ "A": state });
        let definition = serde_json::json!({ "QueryLanguage": "JSONPath", "StartAt": "A", "States": states });
        let steps = crate::environments::described().unwrap();
        let found = crate::checks::problems(&definition, steps);
        let named = |problem: &Diagnostic| Some((named_field(problem)?.to_owned(), is_about_a_name(problem)));
        found.iter().filter_map(named).collect()
    }

    #[test]
    fn the_field_of_a_problem_is_known() {
        let of = |name: &str, is_name: bool| vec![(name.to_owned(), is_name)];
        let pass = |name: &str, value: &str| fields(serde_json::json!({ "Type": "Pass", name: value, "End": true }));
        assert_eq!(pass("Nxt", "B"), of("Nxt", true));
        assert_eq!(pass("Output", "x"), of("Output", true), "a field of JSONata in a state of JSONPath");
        let parameters = serde_json::json!({ "Type": "Pass", "Parameters": { "x.$": "no path" }, "End": true });
        assert_eq!(fields(parameters), of("x.$", false));
        let written = serde_json::json!({ "type": "Pass", "End": true });
        assert!(fields(written).contains(&("type".to_owned(), true)));
        assert_eq!(fields(serde_json::json!({ "End": true })), []);
        let inner = serde_json::json!({ "StartAt": "B", "States": { "B": { "Type": "Succeed" } } });
        let inline = serde_json::json!({ "Type": "Map", "Label": "m", "ItemProcessor": inner, "End": true });
        assert_eq!(fields(inline), of("Label", true));
    }
}
