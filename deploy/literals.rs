//! The texts between quotation marks in an expression. The expression is not parsed: one that is malformed has texts too.

/// A text between quotation marks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// The text, with its escapes as they are written.
    pub text: String,
    /// The name of the field of an object whose value is, or begins with, this literal; `None` if it is no such value.
    pub field: Option<String>,
    /// Whether the expression consists of this text.
    pub is_complete: bool,
    /// Whether it is the item of a list after the text before it.
    pub follows: bool,
}

/// The texts of a JSONata expression in a definition, or of an intrinsic call.
pub(crate) fn of(expression: &str) -> Vec<Literal> {
    let trimmed = expression.trim();
    let inside = trimmed.strip_prefix("{%").map_or(trimmed, |rest| rest.strip_suffix("%}").unwrap_or(rest)).trim();
    let mut found: Vec<Literal> = Vec::new();
    let mut rest = inside;
    // Whether the last text may name a field.
    let mut is_name = false;
    while let Some(at) = rest.find(['\'', '"']) {
        let (between, quoted) = rest.split_at(at);
        let Some((text, after)) = closed(quoted) else { break };
        let field = found.last().filter(|_| is_name && between.trim() == ":").map(|name| name.text.clone());
        is_name = between.trim_end().ends_with(['{', ',']);
        let is_complete = text.len() + 2 == inside.len();
        let follows = !found.is_empty() && between.trim() == ",";
        found.push(Literal { text: text.to_owned(), field, is_complete, follows });
        rest = after;
    }
    found
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
        let follows = |expression: &str| of(expression).iter().map(|literal| literal.follows).collect::<Vec<_>>();
        assert_eq!(follows("{% ['a', 'b', $c, 'd'] %}"), [false, true, false]);
    }
}
