//! Finds conditions in the text that introduces code.

use std::sync::LazyLock;

use regex::Regex;

/// A condition at the start of a sentence, in lower case.
static START: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^(?:[-*\s]|then\s|and\s|but\s|also\s)*
          (?:if|otherwise|else|in\s+(?:the\s+)?case|only\s+(?:if|when|in)|unless|or|alternatively|as\s+an\s+alternative
          |as\s+a\s+last\s+resort|when|whenever|should|optionally|optional|instead
          |falls|sonst|andernfalls|ansonsten|oder|alternativ|wenn|nur\s+(?:falls|wenn|bei)|im\s+falle?|bei\s+bedarf
          |notfalls)\b",
    )
    .ok()
});
/// A condition inside a sentence.
static INSIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?:if|unless|otherwise|in\s+case|only\s+when|alternatively|as\s+(?:a\s+last\s+resort|needed|necessary)
          |falls|sofern|bei\s+bedarf)\b",
    )
    .ok()
});
/// Texts that are no conditions: an indirect question, and a text in parentheses.
static OTHER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:check|see|verify|test|confirm|determine|ask|know|shows?|find out|look|validate|decide)(?:\s+\w+)?\s+if\b|\([^()]*\)",
    )
    .ok()
});

/// Whether a text says that the code after it is only for some case, or replaces other code: `If this fails, kill it:`.
pub(super) fn introduces(text: &str) -> bool {
    let text = text.to_lowercase();
    let text = OTHER.as_ref().map_or_else(|| text.clone(), |other| other.replace_all(&text, " ").into_owned());
    let sentences = || text.split(['\n', ';']).flat_map(|line| line.split(". ")).map(str::trim);
    let starts = |clause: &str| START.as_ref().is_some_and(|start| start.is_match(clause.trim()));
    let last = sentences().filter(|sentence| !sentence.is_empty()).last().unwrap_or_default();
    sentences().flat_map(|sentence| sentence.split(": ")).any(starts)
        || INSIDE.as_ref().is_some_and(|inside| inside.is_match(last))
}

#[cfg(test)]
mod tests {
    use super::introduces;

    #[test]
    fn a_condition_introduces_code_for_some_cases_only() {
        for text in [
            "If this fails, kill it:",
            "- if it hangs:",
            "Otherwise:",
            "Or use the socket:",
            "Alternatively, stop the host:",
            "Only when the disk is full:",
            "Wait a minute. If it still runs, kill it:",
            "Kill it if it does not stop:",
            "Rollback: unless it runs, start it:",
            "Falls der Dienst läuft:",
        ] {
            assert!(introduces(text), "{text}");
        }
        for text in [
            "Stop it:",
            "Check if it runs:",
            "See first if the queue is empty:",
            "Stop the writer (longer if it is busy):",
            "Stop or start it:",
            "Then start it:",
        ] {
            assert!(!introduces(text), "{text}");
        }
    }
}
