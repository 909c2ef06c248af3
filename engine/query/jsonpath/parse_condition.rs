//! Text to filter.

use regex::{Regex, RegexBuilder};

use super::{
    parse::Parser,
    step::{Condition, Operand, Operator},
};

/// The largest compiled regular expression, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;
/// The deepest nesting of a regular expression.
const PATTERN_DEPTH_MAX: u32 = 50;

/// Reads `(…)`, which stands behind the `?` of a filter.
pub(super) fn filter(parser: &mut Parser<'_>) -> Result<Condition, String> {
    if !parser.cursor.take_text("(") {
        return Err("Filter must start with '[?(' and end with ')]'.".to_owned());
    }
    let condition = any(parser)?;
    parser.cursor.skip_blanks();
    if parser.cursor.take_text(")") {
        Ok(condition)
    } else {
        Err("Failed to parse filter. Brackets are not balanced.".to_owned())
    }
}

fn any(parser: &mut Parser<'_>) -> Result<Condition, String> {
    let mut conditions = vec![all(parser)?];
    loop {
        parser.cursor.skip_blanks();
        if !parser.cursor.take_text("||") {
            return Ok(single_or(conditions, Condition::Any));
        }
        conditions.push(all(parser)?);
    }
}

fn all(parser: &mut Parser<'_>) -> Result<Condition, String> {
    let mut conditions = vec![one(parser)?];
    loop {
        parser.cursor.skip_blanks();
        if !parser.cursor.take_text("&&") {
            return Ok(single_or(conditions, Condition::All));
        }
        conditions.push(one(parser)?);
    }
}

fn single_or(mut conditions: Vec<Condition>, combine: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            combine(conditions)
        }
    }
}

fn one(parser: &mut Parser<'_>) -> Result<Condition, String> {
    parser.cursor.skip_blanks();
    match parser.cursor.peek() {
        Some('!') => {
            parser.cursor.take();
            Ok(Condition::Not(Box::new(parser.nested(one)?)))
        }
        Some('(') => parser.nested(filter),
        _ => comparison(parser),
    }
}

fn comparison(parser: &mut Parser<'_>) -> Result<Condition, String> {
    let left = operand(parser)?;
    parser.cursor.skip_blanks();
    let ended = parser.cursor.at_end() || [")", "&&", "||"].iter().any(|end| parser.cursor.rest().starts_with(end));
    if ended {
        return match left {
            Operand::Path(..) => Ok(Condition::Exists(left)),
            _ => Err("Expected path node".to_owned()),
        };
    }
    let operator = operator(parser)?;
    let right = operand(parser)?;
    Ok(Condition::Compare(left, operator, right))
}

fn operator(parser: &mut Parser<'_>) -> Result<Operator, String> {
    let symbol = parser.cursor.take_while(|c| "<>=~!".contains(c));
    let text = if symbol.is_empty() { parser.cursor.take_while(|c| c.is_ascii_alphabetic()) } else { symbol };
    Ok(match text.to_ascii_lowercase().as_str() {
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "===" => Operator::SameTypeAndEqual,
        "!==" => Operator::NotSameTypeAndEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "=~" => Operator::Matches,
        "in" => Operator::In,
        "nin" => Operator::NotIn,
        "all" => Operator::All,
        "subsetof" => Operator::SubsetOf,
        "anyof" => Operator::AnyOf,
        "noneof" => Operator::NoneOf,
        "size" => Operator::Size,
        "empty" => Operator::Empty,
        "contains" => Operator::Contains,
        _ => return Err(format!("Filter operator {text} is not supported!")),
    })
}

fn operand(parser: &mut Parser<'_>) -> Result<Operand, String> {
    parser.cursor.skip_blanks();
    match parser.cursor.peek() {
        Some('@' | '$') => parser.inner_path().map(|(root, steps)| Operand::Path(root, steps)),
        Some('/') => pattern(parser).map(Operand::Pattern),
        _ => parser.literal_or_word().map(Operand::Literal),
    }
}

fn pattern(parser: &mut Parser<'_>) -> Result<Regex, String> {
    parser.cursor.take();
    let mut source = String::new();
    loop {
        match parser.cursor.take() {
            None => return Err("Pattern not closed. Expected /".to_owned()),
            Some('/') => break,
            Some('\\') if parser.cursor.take_text("/") => source.push('/'),
            Some('\\') => {
                source.push('\\');
                source.extend(parser.cursor.take());
            }
            Some(other) => source.push(other),
        }
    }
    let flags = parser.cursor.take_while(|c| "dixmsuU".contains(c));
    let build = |source: &str| {
        RegexBuilder::new(source)
            .case_insensitive(flags.contains('i'))
            .ignore_whitespace(flags.contains('x'))
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(flags.contains('s'))
            .size_limit(PATTERN_SIZE_MAX)
            .dfa_size_limit(PATTERN_SIZE_MAX)
            .nest_limit(PATTERN_DEPTH_MAX)
            .build()
            .map_err(|error| error.to_string())
    };
    // On its own first: `a)|(b` must not become valid by the parentheses that anchor it.
    build(&source)?;
    let line_end = if flags.contains('x') { "\n" } else { "" };
    build(&format!(r"\A(?:{source}{line_end})\z"))
}
