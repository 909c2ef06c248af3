//! The texts between quotation marks in an expression. The expression is not parsed: one that is malformed has texts too.

/// The text in place of a computed part of a text. It is no secret.
const COMPUTED: &str = "$";

/// A text between quotation marks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// The text, with its escapes as they are written.
    pub text: String,
    /// The name of the field or the variable whose value begins with this text; `None` if there is none.
    pub field: Option<String>,
    /// Whether the expression consists of this text.
    pub is_complete: bool,
    /// Whether it is the item of a list after the text before it.
    pub follows_in_list: bool,
}

/// The texts of a JSONata expression in a definition, or of an intrinsic call. Texts that `&` connects are one.
pub(crate) fn of(expression: &str) -> Vec<Literal> {
    let inside = inside(expression);
    let mut found: Vec<Literal> = Vec::new();
    let mut rest = inside;
    // Whether the last text may be the name of a field.
    let mut may_be_name = false;
    // Whether the expression begins with the last text.
    let mut is_first = false;
    while let Some(at) = rest.find(['\'', '"']) {
        let (between, quoted) = rest.split_at(at);
        let Some((text, after)) = closed(quoted) else { break };
        rest = after;
        if let Some(last) = found.last_mut().filter(|_| between.trim() == "&") {
            last.text.push_str(text);
            last.is_complete = is_first && after.is_empty();
            continue;
        }
        let of_object = found.last().filter(|_| may_be_name && between.trim() == ":").map(|name| name.text.clone());
        let field = of_object.or_else(|| assigned_variable(between).map(str::to_owned));
        may_be_name = between.trim_end().ends_with(['{', ',']);
        is_first = found.is_empty() && between.is_empty();
        let is_complete = is_first && after.is_empty();
        let follows_in_list = !found.is_empty() && between.trim() == ",";
        found.push(Literal { text: text.to_owned(), field, is_complete, follows_in_list });
    }
    found
}

/// The texts that calls of `States.Format` make, with `$` in place of what is computed.
pub(crate) fn formatted(expression: &str) -> Vec<String> {
    let calls = inside(expression).split("States.Format(").skip(1);
    let quoted = |argument: &str| match closed(argument.trim()) {
        Some((text, "")) if argument.trim().starts_with(['\'', '"']) => text.to_owned(),
        _ => COMPUTED.to_owned(),
    };
    calls
        .map(|call| {
            let mut arguments = arguments_of(call).into_iter().map(quoted);
            let template = arguments.next().unwrap_or_default();
            let mut parts = template.split("{}");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| text + &arguments.next().unwrap_or_else(|| COMPUTED.to_owned()) + part)
        })
        .collect()
}

/// The expression without `{%` and `%}`.
fn inside(expression: &str) -> &str {
    let trimmed = expression.trim();
    trimmed.strip_prefix("{%").map_or(trimmed, |rest| rest.strip_suffix("%}").unwrap_or(rest)).trim()
}

/// The variable to which the value after a part of an expression is assigned: `$name :=`.
fn assigned_variable(part: &str) -> Option<&str> {
    let before = part.trim_end().strip_suffix(":=")?.trim_end();
    let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    before.strip_suffix(name).is_some_and(|rest| rest.ends_with('$')).then_some(name)
}

/// The arguments of a call, of which the text begins after `(`.
fn arguments_of(call: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth, mut at) = (Vec::new(), 0, 0_u32, 0);
    while let Some(c) = call[at..].chars().next() {
        match c {
            '\'' | '"' => {
                let Some((_, after)) = closed(&call[at..]) else { break };
                at = call.len() - after.len();
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(&call[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    all.push(&call[start..at]);
    all
}

/// Splits a text that begins with a quotation mark into the quoted text and the text after it; `None` if the closing mark is missing.
fn closed(quoted: &str) -> Option<(&str, &str)> {
    let mut characters = quoted.char_indices();
    let (_, mark) = characters.next()?;
    let mut is_escaped = false;
    let (end, _) = characters.find(|(_, c)| {
        let ends = *c == mark && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    })?;
    Some((&quoted[mark.len_utf8()..end], &quoted[end + mark.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(expression: &str) -> Vec<(String, Option<String>, bool)> {
        of(expression).into_iter().map(|literal| (literal.text, literal.field, literal.is_complete)).collect()
    }

    fn literal(text: &str, field: Option<&str>, is_complete: bool) -> (String, Option<String>, bool) {
        (text.to_owned(), field.map(str::to_owned), is_complete)
    }

    #[test]
    fn a_text_has_the_name_of_the_field_whose_value_it_is() {
        assert_eq!(texts("{% 'a' %}"), [literal("a", None, true)]);
        assert_eq!(
            texts(r#"{% { "it's": 'b' , 'c' : d & 'e' } %}"#),
            [
                literal("it's", None, false),
                literal("b", Some("it's"), false),
                literal("c", None, false),
                literal("e", None, false)
            ]
        );
        assert_eq!(texts(r"States.Format('a\'b', 'c')"), [literal(r"a\'b", None, false), literal("c", None, false)]);
        let alternatives = [literal("password", None, false), literal("b", None, false)];
        assert_eq!(texts("{% $a ? 'password' : 'b' %}"), alternatives, "of a condition");
        assert_eq!(texts("{% 'without an end %}"), []);
        assert_eq!(texts("{% 'a' & \"b\" %}"), [literal("ab", None, true)], "texts that are connected are one");
        assert_eq!(texts("{% 'a' & $b & 'c' %}"), [literal("a", None, false), literal("c", None, false)]);
        assert_eq!(
            texts("{% ($name := 'a'; $b = 'c') %}"),
            [literal("a", Some("name"), false), literal("c", None, false)]
        );
        let follows_in_list =
            |expression: &str| of(expression).iter().map(|literal| literal.follows_in_list).collect::<Vec<_>>();
        assert_eq!(follows_in_list("{% ['a', 'b', $c, 'd'] %}"), [false, true, false]);
    }
    #[test]
    fn a_formatted_text_has_a_placeholder_for_what_is_computed() {
        assert_eq!(formatted("States.Format('--password={} of {}', 'a,b', $.user)"), ["--password=a,b of $"]);
        assert_eq!(formatted("States.Format('{}{}', States.Hash($.x, 'MD5'), 'b')"), ["$b"]);
        assert_eq!(formatted("States.Array(States.Format('{}', 'a'), States.Format('b'))"), ["a", "b"]);
        assert_eq!(formatted("States.Format($.template, 'a"), ["$"], "malformed");
        assert_eq!(formatted("$.x"), [""; 0]);
    }
}
