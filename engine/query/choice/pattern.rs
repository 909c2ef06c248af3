//! The pattern of `StringMatches`.

/// A pattern in which `*` matches any text.
#[derive(Debug, Clone)]
pub(super) struct WildcardPattern {
    /// The literal text at the beginning.
    first: String,
    /// The literal texts that follow, each after a `*`.
    others: Vec<String>,
}

impl WildcardPattern {
    /// Parses a pattern; `\*` is an asterisk and `\\` a backslash.
    pub(super) fn parse(pattern: &str) -> Self {
        let (mut first, mut others) = (String::new(), Vec::new());
        let mut rest = pattern.chars().peekable();
        while let Some(character) = rest.next() {
            let literal = match character {
                '*' => {
                    others.push(String::new());
                    continue;
                }
                '\\' => rest.next_if(|next| matches!(next, '*' | '\\')).unwrap_or('\\'),
                other => other,
            };
            others.last_mut().unwrap_or(&mut first).push(literal);
        }
        WildcardPattern { first, others }
    }

    /// Whether the entire text matches. Each literal is searched once, so the time is linear for every pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((last, middle)) = self.others.split_last() else { return text == self.first };
        let Some(mut rest) = text.strip_prefix(self.first.as_str()) else { return false };
        for part in middle {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}
