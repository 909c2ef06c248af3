//! Suggests the name that a person probably meant.

/// The most characters of a name that are compared: the comparison takes quadratic time.
const NAME_CHARACTERS_MAX: usize = 80;

/// The candidate closest to a name, if at most a third of the characters differ. The first one of several equally close.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted: Vec<char> = name.to_lowercase().chars().take(NAME_CHARACTERS_MAX).collect();
    let distance_max = (wanted.len() / 3).clamp(1, 4);
    let measured = candidates.into_iter().filter(|candidate| *candidate != name).filter_map(|candidate| {
        let characters: Vec<char> = candidate.to_lowercase().chars().take(NAME_CHARACTERS_MAX).collect();
        // The distance is at least the difference of the lengths, which takes no time to compare.
        if characters.len().abs_diff(wanted.len()) > distance_max {
            return None;
        }
        let distance = distance(&wanted, &characters);
        (distance <= distance_max && distance < wanted.len()).then_some((distance, candidate))
    });
    measured.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// The end of a message: `; did you mean 'NAME'?`, or a full stop without a candidate.
pub fn did_you_mean(candidate: Option<impl std::fmt::Display>) -> String {
    candidate.map_or_else(|| ".".to_owned(), |candidate| format!("; did you mean '{candidate}'?"))
}

/// The Damerau-Levenshtein distance: insertions, deletions, replacements and swaps of neighbouring characters.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_corrected_and_another_word_is_not() {
        let fields = ["Next", "End", "Parameters", "ResultPath", "TimeoutSeconds"];
        for (written, meant) in [
            ("Nxt", Some("Next")),
            ("Netx", Some("Next")),
            ("next", Some("Next")),
            ("Paramaters", Some("Parameters")),
            ("TimeoutSecond", Some("TimeoutSeconds")),
            ("Colour", None),
            ("Next", None),
            ("", None),
            ("X", None),
        ] {
            assert_eq!(nearest(written, fields), meant, "{written}");
        }
    }
}
