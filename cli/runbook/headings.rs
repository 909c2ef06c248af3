//! What a heading says about its section.

use std::sync::LazyLock;

use regex::Regex;

/// Whether a heading is a step: `Step 3: Drain`, `3. Drain`, `3) Drain`.
pub(super) fn is_numbered(heading: &str) -> bool {
    static NUMBERED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)^(?:(?:step|phase|task)\s+\d+\b|\d+[.)]\s)").ok());
    NUMBERED.as_ref().is_some_and(|numbered| numbered.is_match(heading))
}

/// Whether a section is for the case that the procedure does not work: `Rollback`, `If it fails`, `Escalation`.
pub(super) fn is_contingency(heading: &str) -> bool {
    static CONTINGENCY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)^(?:(?:step|phase|task|section)\s+)?(?:\d+(?:\.\d+)*[.:)]?\s+)?
              (?:how\s+to\s+|what\s+to\s+do\s+)?
              (?:roll(?:ing)?[\s-]?back|back(?:ing)?[\s-]?out|escalat|troubleshoot|contingenc|fall[\s-]?back\s+plan|abort
              |in\s+case\s+of
              |(?:if|when|what\s+if)\b.*(?:\bfail(?:s|ed|ures?)\b|\bfail$|\bwrong\b|not\s+work|n't\s+work|\bproblems?\b|\berrors?\b))",
        )
        .ok()
    });
    CONTINGENCY.as_ref().is_some_and(|contingency| contingency.is_match(heading))
}

/// Whether a heading is of a section that is read, not done: what precedes a procedure, or what it refers to.
pub(super) fn is_reference(heading: &str) -> bool {
    const BACKGROUND: [&str; 12] = [
        "overview",
        "introduction",
        "background",
        "purpose",
        "scope",
        "summary",
        "audience",
        "about",
        "meaning",
        "impact",
        "description",
        "context",
    ];
    const REFERENCE: [&str; 12] = [
        "notes",
        "references",
        "reference",
        "links",
        "appendix",
        "contacts",
        "related",
        "changelog",
        "history",
        "resources",
        "glossary",
        "owners",
    ];
    const LAST: [&str; 3] = ["contacts", "references", "links"];
    const LAST_WORDS_MAX: usize = 3;
    let words: Vec<String> = words(heading).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        // In a longer heading these are verbs.
        ["note" | "contact"] | ["see", "also"] => true,
        [first, ..] if BACKGROUND.contains(first) || REFERENCE.contains(first) => true,
        [.., last] if words.len() <= LAST_WORDS_MAX => LAST.contains(last),
        _ => false,
    }
}

/// Whether a section lists the people to call. The operator of the procedure needs it.
pub(super) fn is_of_contacts(heading: &str) -> bool {
    words(heading).any(|word| ["contacts", "contact", "owners", "phone"].contains(&word.as_str()))
}

/// The words of a heading, in lower case, without its number.
fn words(heading: &str) -> impl Iterator<Item = String> {
    let words = heading.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_say_what_their_section_is_for() {
        for heading in [
            "Rollback",
            "Roll back",
            "5. Rolling back the release",
            "Back-out plan",
            "Escalation",
            "Escalate to the vendor",
            "If it fails",
            "When something goes wrong",
            "What to do if it doesn't work",
            "Troubleshooting",
            "Step 4: Rollback",
        ] {
            assert!(is_contingency(heading), "{heading}");
        }
        for heading in
            ["Prepare the rollback", "Verify", "If you use TLS", "When to fail over", "Background", "Fail over"]
        {
            assert!(!is_contingency(heading), "{heading}");
        }
        assert!(is_reference("1. Overview") && is_reference("See also") && is_reference("On-call contacts"));
        for heading in
            ["Tell everyone about it", "Prepare", "Note the time", "Contact the owner", "Delete the resources"]
        {
            assert!(!is_reference(heading), "{heading}");
        }
        assert!(is_of_contacts("Contacts") && !is_of_contacts("Notes"));
        assert!(is_numbered("Step 3: Drain") && is_numbered("3) Drain") && !is_numbered("Drain 3"));
    }
}
