//! Writes the texts of a document so that a workflow shows them as they are: `{% … %}` would be an expression, and `${…}` a
//! placeholder of a template.

use std::borrow::Cow;

use crate::checks::is_placeholder;

/// The text that begins an expression for the engine.
const EXPRESSION: &str = "{%";

/// The value of a field that yields this text.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    match is_placeholder(text) {
        true => Cow::Owned(string_of_jsonata(text)),
        false => commands(text),
    }
}

/// The value of a field that yields these commands. `${…}` stays: in commands it is the shell's.
pub(super) fn commands(text: &str) -> Cow<'_, str> {
    match text.trim_start().starts_with(EXPRESSION) {
        true => Cow::Owned(string_of_jsonata(text)),
        false => Cow::Borrowed(text),
    }
}

/// A comment of the definition, which nothing evaluates: it does not begin as an expression does.
pub(super) fn comment<'t>(name: &str, text: &'t str) -> Cow<'t, str> {
    match text.trim_start().starts_with(EXPRESSION) {
        true => Cow::Owned(format!("{name}: {text}")),
        false => Cow::Borrowed(text),
    }
}

/// An expression that yields the text. No `$` is followed by a name or a brace, so nothing takes the text for a variable, a function or
/// a placeholder.
fn string_of_jsonata(text: &str) -> String {
    // JSONata has no escape for a single quote.
    let quote = if text.contains('\'') { '"' } else { '\'' };
    let mut written = String::from(quote);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\\' || c == quote {
            written.push('\\');
        }
        written.push(c);
        if c == '$' && characters.peek().is_some_and(|next| next.is_alphanumeric() || "_{".contains(*next)) {
            written.push_str(&format!("{quote} & {quote}"));
        }
    }
    format!("{EXPRESSION} {written}{quote} %}}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use engine::query::{Expression, Moment, Scope};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use workflows::DefinitionText;

    use super::string_of_jsonata;
    use crate::{
        checks, environments,
        runbook::{
            Document,
            step::{RunbookSection, RunbookStep},
            workflow,
        },
    };

    /// The engine's result for the value of a field.
    fn yielded(value: &Value) -> String {
        let value = value.as_str().unwrap_or_else(|| unreachable!("{value}"));
        let Some(source) = value.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")) else {
            return value.to_owned();
        };
        let expression = Expression::parse(source.trim()).unwrap_or_else(|error| unreachable!("{value}: {error:?}"));
        let (states, variables) = (json!({}), Map::new());
        let scope = Scope { states: &states, variables: &[&variables] };
        let evaluated = expression.evaluate(&scope, &Moment { now_ms: 0, entropy: 0 }).unwrap();
        evaluated.unwrap().as_str().unwrap().to_owned()
    }

    /// Writes a document that has the text everywhere, and compares what the workflow would show with the text.
    fn shows_exactly(text: &str) {
        let texts = || vec![text.to_owned()];
        let step = RunbookStep { text: text.to_owned(), commands: texts(), ..RunbookStep::default() };
        let section = RunbookSection {
            title: text.to_owned(),
            introduction: texts(),
            steps: vec![step.clone(), step],
            remarks: texts(),
            ..RunbookSection::default()
        };
        let failure = RunbookSection { is_contingency: true, ..section.clone() };
        let document = Document {
            title: text.to_owned(),
            introduction: texts(),
            notices: texts(),
            sections: vec![section.clone(), section, failure],
        };
        let (prompt, rest) = text.split_once('\n').unwrap_or((text, ""));
        let below = [text, text, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        for run_commands in [false, true] {
            let written = workflow("w", &document, run_commands);
            let definition = DefinitionText::of("w.asl.yaml", &written).definition();
            let definition = definition.unwrap_or_else(|error| unreachable!("{error}\n{written}"));
            let mut problems = checks::problems(&definition, environments::described().unwrap());
            // A section whose steps are all commands has no approval that could be rejected.
            problems.retain(|problem| problem.code != "ERROR_CANNOT_OCCUR");
            assert_eq!(problems, [], "{written}");
            assert!(definition["Comment"].as_str().unwrap().ends_with(text), "{written}");
            let first = |machine: &Value| machine["States"][machine["StartAt"].as_str().unwrap()].clone();
            let shown = first(&first(&definition)["Branches"][0]);
            let arguments = &shown["Arguments"];
            if shown["Resource"] == "flow:process:run" {
                assert_eq!(yielded(&arguments["Arguments"][1]), text, "{written}");
                continue;
            }
            assert_eq!(yielded(&arguments["Prompt"]), prompt, "{written}");
            assert_eq!(yielded(&arguments["Text"]), below, "{written}");
            assert_eq!(yielded(&arguments["Commands"][0]), text, "{written}");
        }
    }

    #[test]
    fn what_a_document_says_is_shown_and_never_evaluated() {
        for text in [
            "{% $error('x') %}",
            "{% $error(\"x\") & 'y' %}",
            "{% include x.md %}",
            "{% $eval('1') & $states.inptu %}",
            "{%",
            "{% not closed",
            "Open {% x %}",
            "cd ${HOME} && ls ${X:-y} $HOME",
            "Call ${Who}: it's \"done\" \\ now",
            "{% ${A} %}\nnext line   \n\n  - {% x %}",
            "%}",
            "a\u{2028}b\u{85}c\u{feff}d\u{7f}e\u{1b}f",
        ] {
            shows_exactly(text);
        }
    }

    #[test]
    fn a_text_that_would_be_evaluated_is_a_string_that_a_person_can_read() {
        assert_eq!(string_of_jsonata("{% include x.md %}"), "{% '{% include x.md %}' %}");
        assert_eq!(string_of_jsonata("Ask ${Who}"), "{% 'Ask $' & '{Who}' %}");
        assert_eq!(string_of_jsonata("{% it's \\ \"x\" %}"), r#"{% "{% it's \\ \"x\" %}" %}"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn any_text_is_shown_exactly(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "{%", "%}", "${", "}", "$", "HOME", "'", "\"", "\\", "\n", " ", "a", "eval(", "states.inptu", "{{", "#", ": ",
                    "- ", "é", "|", "\t", ")", "/*", "*/",
                ]),
                1..12,
            ),
        ) {
            let text = parts.concat().trim().to_owned();
            prop_assume!(!text.is_empty());
            shows_exactly(&text);
        }
    }
}
