//! The names of states. People type them in `--from` and `flow approve`, so they are short and consist of words.

use super::headings::split_number;

/// The longest name without its number, in characters.
const CHARACTERS_MAX: usize = 36;
/// The minimum number of words of a clause that is a name.
const CLAUSE_WORDS_MIN: usize = 2;

/// A name that starts with its number, so that it is unique and sorts in the document's order.
pub(super) fn numbered(number: &str, title: &str) -> String {
    let title = title.lines().next().unwrap_or_default();
    let title = split_number(title).1;
    let title = title.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ')').trim();
    let plain = without_code(title);
    let mut name = String::new();
    for word in clause(&plain).split_whitespace().filter_map(word) {
        if !name.is_empty() && name.chars().count() + 1 + word.chars().count() > CHARACTERS_MAX {
            break;
        }
        // One long word, such as a sentence without spaces, is cut: the name of a state has at most 80 characters.
        name = if name.is_empty() { word.chars().take(CHARACTERS_MAX).collect() } else { format!("{name} {word}") };
    }
    let name = without_last_function_words(&name);
    if name.is_empty() { number.trim_end_matches('.').to_owned() } else { format!("{number} {name}") }
}

/// A title without its inline code, unless that is a word.
fn without_code(title: &str) -> String {
    let parts = title.split('`').enumerate();
    let kept = parts.map(|(index, part)| match index % 2 {
        1 if word(part).is_none() => " ",
        _ => part,
    });
    kept.collect()
}

/// The first clause, if it has enough words.
fn clause(title: &str) -> &str {
    let sentence = title.split(". ").next().unwrap_or(title);
    let ends = [" (", ", and ", ", then ", "; ", ": ", " – ", " — ", " - "];
    let end = ends.iter().filter_map(|end| sentence.find(end)).min().unwrap_or(sentence.len());
    let clause = &sentence[..end];
    if clause.split_whitespace().count() >= CLAUSE_WORDS_MIN { clause } else { sentence }
}

/// A word without punctuation around it; `None` for a path, an option, a placeholder and the like.
fn word(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '-' && c != '/' && c != '<' && c != '$');
    let text = text.trim_end_matches('-');
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let plain = |c: char| c.is_alphanumeric() || "-_'’".contains(c);
    let is_word = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain);
    (is_word || is_number && !text.is_empty()).then_some(text)
}

fn without_last_function_words(name: &str) -> &str {
    const FUNCTION_WORDS: [&str; 19] = [
        "to", "from", "the", "in", "at", "on", "of", "and", "a", "an", "with", "for", "as", "is", "into", "by", "or",
        "if", "about",
    ];
    let mut name = name;
    while let Some((start, last)) = name.rsplit_once(' ')
        && FUNCTION_WORDS.contains(&last.to_lowercase().as_str())
    {
        name = start;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{CHARACTERS_MAX, numbered};

    #[test]
    fn a_name_consists_of_words() {
        for (title, name) in [
            ("Restore `/etc/ssl/www.crt.bak`", "1 Restore"),
            ("Copy /etc/hosts to the new host", "1 Copy to the new host"),
            ("Promote `db2` with `--force`:", "1 Promote db2"),
            ("Stop the \"writer\": now", "1 Stop the writer"),
            ("Switch the traffic, and wait about 5 minutes.", "1 Switch the traffic"),
            ("Step 3: Verify", "1 Verify"),
            ("3. Install it:", "1 Install it"),
            ("Update www.example.com in DNS (5 minutes)", "1 Update in DNS"),
            ("Fail over: the database", "1 Fail over"),
            ("`/usr/bin/x`", "1"),
            ("Wait until replication of the second region is idle again", "1 Wait until replication of the second"),
        ] {
            assert_eq!(numbered("1", title), name, "{title}");
        }
        assert_eq!(numbered("1", &"x".repeat(1_100)).chars().count(), 2 + CHARACTERS_MAX);
        assert_eq!(numbered("1", &"数".repeat(90)).chars().count(), 2 + CHARACTERS_MAX);
    }
}
