//! Suggests states for the waits that a step's text mentions.

use std::sync::LazyLock;

use regex::Regex;

/// The comment lines that suggest a state for each wait in a text.
pub fn suggestions(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((words, seconds)) = duration(text) {
        lines.push(format!("The text says \"{words}\". As a state of its own:  Type: Wait, Seconds: {seconds}"));
    }
    if let Some(words) = condition(text) {
        lines.push(format!(
            "The text says \"{words}\". flow:wait:http, flow:wait:tcp, flow:wait:dns, flow:wait:file or flow:wait:program can wait for it."
        ));
    }
    lines
}

fn duration(text: &str) -> Option<(String, u64)> {
    static DURATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:wait|about|around|approximately|takes?|for|up to|~)\s*(?:for\s+|about\s+|up to\s+)*(\d{1,4})\s*(?:-|to\s+\d{1,4}\s*)?\s*(second|sec|minute|min|hour)s?\b").ok()
    });
    let found = DURATION.as_ref()?.captures(text)?;
    let number: u64 = found.get(1)?.as_str().parse().ok()?;
    let seconds = match found.get(2)?.as_str().to_lowercase().as_str() {
        "hour" => 3_600,
        "minute" | "min" => 60,
        _ => 1,
    };
    Some((found.get(0)?.as_str().to_owned(), number * seconds))
}

fn condition(text: &str) -> Option<String> {
    static CONDITION: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)\b(?:until|once)\s[^.;:\n]{3,60}").ok());
    Some(CONDITION.as_ref()?.find(text)?.as_str().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{condition, duration, suggestions};

    #[test]
    fn durations_and_conditions_are_found() {
        assert_eq!(duration("This takes about 5 minutes."), Some(("takes about 5 minutes".to_owned(), 300)));
        assert_eq!(duration("Wait 30 seconds, then"), Some(("Wait 30 seconds".to_owned(), 30)));
        assert_eq!(duration("keep 5 minutes of logs"), None);
        assert_eq!(
            condition("Wait until the instance is available."),
            Some("until the instance is available".to_owned())
        );
        assert_eq!(suggestions("Stop it."), [""; 0]);
    }
}
