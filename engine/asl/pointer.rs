//! JSON pointers (RFC 6901) into a definition, with AWS's notation for the items of a list: `/States/A/Branches[0]`.

/// A name as a part of a pointer.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A pointer extended by one name.
pub fn below(pointer: &str, name: &str) -> String {
    match name.contains(['~', '/']) {
        true => [pointer, "/", &escaped(name)].concat(),
        false => [pointer, "/", name].concat(),
    }
}

/// A pointer extended by the index of an item.
pub fn item(pointer: &str, index: usize) -> String {
    format!("{pointer}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name that a part of a pointer means.
    fn unescaped(part: &str) -> String {
        part.replace("~1", "/").replace("~0", "~")
    }

    #[test]
    fn a_name_is_one_part_of_a_pointer_whatever_it_contains() {
        assert_eq!(item(&below(&below("", "States"), "A/B~1"), 2), "/States/A~1B~01[2]");
        for name in ["A", "A/B", "~", "~1", "/~0", ""] {
            assert_eq!(unescaped(&escaped(name)), name);
        }
    }
}
