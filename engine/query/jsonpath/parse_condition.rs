//! Parses filters. Source: Jayway JsonPath 2.0.0, `PathCompiler`, `Filter` and `Criteria`. Jayway splits a filter into strings and does
//! not parse it. So parentheses do not group, `&&` always binds closer than `||`, and operators of letters, such as `in`, do not exist.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    parse::Parser,
    step::{FilterCondition, FilterOperator, Operand, PathStep, Root, is_definite},
};

/// The largest compiled regular expression, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;
/// The deepest nesting of a regular expression.
const PATTERN_DEPTH_MAX: u32 = 50;

/// The operators, in the order in which they are searched.
const OPERATORS: [(&str, FilterOperator); 7] = [
    ("==", FilterOperator::Equal),
    (">=", FilterOperator::GreaterOrEqual),
    ("<=", FilterOperator::LessOrEqual),
    ("!=", FilterOperator::NotEqual),
    ("<", FilterOperator::Less),
    (">", FilterOperator::Greater),
    ("=~", FilterOperator::Matches),
];

/// Reads `(…)` after the `?` of a filter, up to the `]` that closes the filter.
pub(super) fn filter(parser: &mut Parser<'_>) -> Result<FilterCondition, String> {
    let text = parser.take_filter()?;
    let inner = text.trim().strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let inner = inner.ok_or_else(|| format!("Filter must start with '[?(' and end with ')]'. {}", text.trim()))?;
    let all = |text: &str| text.split("&&").map(|text| one(parser, text)).collect::<Result<Vec<_>, _>>();
    let any = inner.split("||").map(all).collect::<Result<Vec<_>, _>>()?;
    Ok(single_or(any.into_iter().map(|all| single_or(all, FilterCondition::All)).collect(), FilterCondition::Any))
}

fn single_or(
    mut conditions: Vec<FilterCondition>,
    combine: fn(Vec<FilterCondition>) -> FilterCondition,
) -> FilterCondition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            combine(conditions)
        }
    }
}

fn one(parser: &Parser<'_>, text: &str) -> Result<FilterCondition, String> {
    let text = text.trim_start_matches(['[', '?', '(', ' ']).trim_end_matches([')', ' ']);
    let found = OPERATORS.into_iter().find_map(|(symbol, operator)| Some((text.split_once(symbol)?, operator)));
    if let Some(((left, right), operator)) = found {
        return Ok(FilterCondition::Compare(operand(parser, left.trim())?, operator, operand(parser, right.trim())?));
    }
    let (path, wanted) = text.strip_prefix('!').map_or((text, true), |path| (path, false));
    if !path.starts_with(['@', '$']) {
        return Err(format!("CriteriaType can not be parsed: {text}"));
    }
    let (root, steps) = definite(parser, path)?;
    Ok(FilterCondition::Exists { root, steps, wanted })
}

fn operand(parser: &Parser<'_>, text: &str) -> Result<Operand, String> {
    if text.starts_with("!@") {
        return Err("Invalid negation! Can only be used for existence check e.g [?(!@.foo)]".to_owned());
    }
    if text.starts_with(['@', '$']) {
        return definite(parser, text).map(|(root, steps)| Operand::Path(root, steps));
    }
    let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    if let Some(quoted) = quoted {
        return Ok(Operand::Text(Value::String(quoted.to_owned())));
    }
    if let Some((source, flags)) = text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'))
        && (flags.is_empty() || flags == "i")
    {
        return pattern(source, flags == "i").map(Operand::Pattern);
    }
    Ok(Operand::Text(Value::String(text.to_owned())))
}

fn definite(parser: &Parser<'_>, text: &str) -> Result<(Root, Vec<PathStep>), String> {
    let (root, steps) = parser.inner_path(text)?;
    match is_definite(&steps) {
        true => Ok((root, steps)),
        false => Err(format!("the predicate path: {text} is not definite")),
    }
}

fn pattern(source: &str, ignores_case: bool) -> Result<Regex, String> {
    let build = |source: &str| {
        RegexBuilder::new(source)
            .case_insensitive(ignores_case)
            .size_limit(PATTERN_SIZE_MAX)
            .dfa_size_limit(PATTERN_SIZE_MAX)
            .nest_limit(PATTERN_DEPTH_MAX)
            .build()
            .map_err(|error| error.to_string())
    };
    // Compiled alone first: the parentheses that anchor it must not make `a)|(b` valid.
    build(source)?;
    build(&format!(r"\A(?:{source})\z"))
}
