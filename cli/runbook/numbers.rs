//! The numbers of sections and steps. Those of the document stay, so that its references lead to the right place.

use std::collections::BTreeSet;

/// The number of each part, from those that the document has. If the document repeats a number, the parts are counted.
pub(super) fn assigned(documented: &[Option<String>]) -> Vec<String> {
    let given: BTreeSet<String> = documented.iter().flatten().cloned().collect();
    let is_unique = given.len() == documented.iter().flatten().count();
    let mut used = if is_unique { given } else { BTreeSet::new() };
    let mut last = "0".to_owned();
    let mut numbers = Vec::new();
    for number in documented {
        last = match number {
            Some(number) if is_unique => number.clone(),
            _ => following(&last, &used),
        };
        used.insert(last.clone());
        numbers.push(last.clone());
    }
    numbers
}

/// The number after another one that no part has: 3 after 2, or 2a if the document has a 3.
fn following(last: &str, used: &BTreeSet<String>) -> String {
    let base = last.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let next = match (base, last.chars().next()) {
        ("", Some(letter @ 'a'..='y')) => char::from_u32(u32::from(letter) + 1).map(String::from).unwrap_or_default(),
        _ => {
            let digits: String = base.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap_or(0).saturating_add(1).to_string()
        }
    };
    if !used.contains(&next) {
        return next;
    }
    let suffixes = ('a'..='z').map(String::from).chain((27_u32..).map(|number| format!("-{number}")));
    suffixes.map(|suffix| format!("{base}{suffix}")).find(|number| !used.contains(number)).unwrap_or(next)
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn numbers_of_the_document_stay_and_others_are_counted() {
        for (documented, numbers) in [
            (&["", "", ""][..], &["1", "2", "3"][..]),
            (&["2", "", "3", ""], &["2", "2a", "3", "4"]),
            (&["1", "", "", "2"], &["1", "1a", "1b", "2"]),
            (&["1", "2", "1"], &["1", "2", "3"]),
            (&["", "2"], &["1", "2"]),
            (&["3", "3a", "4.1", "4.2", ""], &["3", "3a", "4.1", "4.2", "5"]),
            (&["a", "b", ""], &["a", "b", "c"]),
        ] {
            let documented: Vec<Option<String>> = documented
                .iter()
                .map(|number| Some((*number).to_owned()).filter(|number| !number.is_empty()))
                .collect();
            assert_eq!(assigned(&documented), numbers);
        }
    }
}
