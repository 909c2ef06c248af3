//! The states that the compiler adds to a definition: their names, by which a history leaves them out.

use std::collections::BTreeSet;

use engine::asl::STATE_NAME_CHARACTERS_MAX;

/// The beginning of their names.
const NAME: &str = "flow: keep the index of this iteration";

/// Whether the compiler added the state of this name.
pub fn is_added_state(name: &str) -> bool {
    name.starts_with(NAME)
}

/// The name of a state that is added to a Map. State names are unique in a definition: `names` has all of them, and the new name is added
/// to it.
pub(crate) fn added_state_name(map: &str, names: &mut BTreeSet<String>) -> String {
    let full = format!("{NAME} {map}");
    let mut number = 1_u64;
    loop {
        let suffix = if number == 1 { String::new() } else { format!(" {number}") };
        let name: String = full.chars().take(STATE_NAME_CHARACTERS_MAX - suffix.len()).collect();
        let name = name + &suffix;
        if names.insert(name.clone()) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_name_is_new_short_and_recognized() {
        let long = "Ä".repeat(79);
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        let mut names = BTreeSet::from(["Each".to_owned(), one.clone(), other.clone()]);
        let taken = added_state_name("Each", &mut BTreeSet::new());
        names.insert(taken.clone());
        let added = ["Each", one.as_str(), other.as_str(), long.as_str()].map(|map| added_state_name(map, &mut names));
        assert_eq!(names.len(), 4 + added.len(), "each is new: {added:?}");
        assert_eq!(added[0], format!("{taken} 2"));
        for name in added {
            assert!(is_added_state(&name) && name.chars().count() <= STATE_NAME_CHARACTERS_MAX, "{name}");
        }
        assert!(!is_added_state("Each") && !is_added_state(&one));
    }
}
