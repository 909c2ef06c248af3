//! The meaning of a heading for its section.

use std::sync::LazyLock;

use regex::Regex;

/// Whether a heading is a step: `Step 3: Drain`, `3. Drain`, `3) Drain`.
pub(super) fn is_numbered(heading: &str) -> bool {
    static NUMBERED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?:(?:step|phase|task)\s+\d+\b|\d+[.)]\s|\d{1,2}(?:\.\d{1,2}){1,2}[.):]?\s)").ok()
    });
    NUMBERED.as_ref().is_some_and(|numbered| numbered.is_match(heading))
}

/// Splits a heading into its number, if it has one, and its words.
pub(super) fn split_number(heading: &str) -> (Option<&str>, &str) {
    static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)^\s*(?:(?:step|phase|task|section|part|schritt|abschnitt)\s+(\d{1,3}(?:\.\d{1,2}){0,2})\b[:.)\s–—-]*
              |(\d{1,2}(?:\.\d{1,2}){1,2})[.):]?\s+
              |(\d{1,3})(?:[.):]\s+|\s+[-–—]\s+))",
        )
        .ok()
    });
    let found = NUMBER.as_ref().and_then(|number| number.captures(heading));
    let Some(found) = found else { return (None, heading) };
    let number = found.iter().skip(1).flatten().next().map(|number| number.as_str());
    let words = found.get(0).and_then(|all| heading.get(all.end()..)).unwrap_or_default();
    (number, if words.is_empty() { heading } else { words })
}

/// The number of a heading or of a step below a section: without the number of the section, `1` for `3.1` in section 3.
pub(super) fn number_in(section: &str, heading: &str) -> Option<String> {
    let number = split_number(heading).0?;
    if !number.contains('.') {
        return Some(number.to_owned());
    }
    let rest = number.strip_prefix(split_number(section).0?)?.strip_prefix('.')?;
    Some(rest.to_owned())
}

/// The letter and the text of a lettered step: `b) Start it`.
pub(super) fn lettered(text: &str) -> Option<(&str, &str)> {
    let (letter, rest) = text.trim_start().split_at_checked(1)?;
    let step = rest.strip_prefix([')', '.'])?;
    let is_step = letter.starts_with(|c: char| c.is_ascii_lowercase()) && step.starts_with(char::is_whitespace);
    is_step.then(|| (letter, step.trim_start()))
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

/// Whether a section lists what is needed before the procedure begins.
pub(super) fn is_of_prerequisites(heading: &str) -> bool {
    const NAMES: [&str; 9] = [
        "prerequisite",
        "prerequisites",
        "precondition",
        "preconditions",
        "requirements",
        "voraussetzung",
        "voraussetzungen",
        "before you begin",
        "before you start",
    ];
    let heading = words(heading).collect::<Vec<_>>().join(" ");
    NAMES.iter().any(|name| heading == *name || heading.starts_with(&format!("{name} ")))
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
        assert!(is_of_prerequisites("2. Prerequisites") && is_of_prerequisites("Before you begin"));
        assert!(!is_of_prerequisites("Before") && !is_of_prerequisites("Check the requirements"));
        assert!(is_numbered("3.1 Verify") && !is_numbered("10.0.0.1 is down"));
        assert!(is_numbered("Step 3: Drain") && is_numbered("3) Drain") && !is_numbered("Drain 3"));
    }

    #[test]
    fn numbers_of_headings_are_found() {
        for (heading, expected) in [
            ("1. Triage", (Some("1"), "Triage")),
            ("3.1 Verify", (Some("3.1"), "Verify")),
            ("Step 2 - Stop", (Some("2"), "Stop")),
            ("Section 4: Start", (Some("4"), "Start")),
            ("30 seconds later", (None, "30 seconds later")),
            ("10.0.0.1 is down", (None, "10.0.0.1 is down")),
            ("Step down the primary", (None, "Step down the primary")),
        ] {
            assert_eq!(split_number(heading), expected, "{heading}");
        }
        assert_eq!(number_in("3. Fix", "3.1 Verify"), Some("1".to_owned()));
        assert_eq!((number_in("Fix", "3.1 Verify"), number_in("3. Fix", "Step 2: Stop")), (None, Some("2".to_owned())));
        assert_eq!((lettered("b) Start it"), lettered("e.g. this")), (Some(("b", "Start it")), None));
    }
}
