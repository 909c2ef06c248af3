//! Paths of states: which is inside which.

use std::ops::{Bound, RangeBounds};

/// Whether a state's path is inside another state: in its only branch, or in one of its branches or iterations.
pub fn is_inside(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['/', '[']))
}

/// Whether a state's path is that of another state or inside it.
pub fn is_or_is_inside(path: &str, outer: &str) -> bool {
    path == outer || is_inside(path, outer)
}

/// The paths around a path, as [`is_inside`] defines, the shortest first. There may be no state with such a path.
pub fn outer_paths(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices(['/', '[']).map(move |(at, _)| &path[..at])
}

/// The range of the sorted paths that begin with a path: the path itself, the paths inside it, and those of states whose names begin with
/// its name.
pub(super) struct PathRange<'p> {
    path: &'p str,
    end: String,
}

impl<'p> PathRange<'p> {
    pub(super) fn beginning_with(path: &'p str) -> Self {
        PathRange { path, end: format!("{path}{}", char::MAX) }
    }
}

impl RangeBounds<str> for PathRange<'_> {
    fn start_bound(&self) -> Bound<&str> {
        Bound::Included(self.path)
    }

    fn end_bound(&self) -> Bound<&str> {
        Bound::Excluded(&self.end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_range_of_a_path_has_what_is_inside_it_and_ends_with_what_begins_with_it() {
        let paths = ["", "A", "Map", "Map/T", "Map[0]/T", "Map[10]/T", "Mapped", "Mao", "May", "Ö"];
        let sorted: BTreeMap<&str, ()> = paths.into_iter().map(|path| (path, ())).collect();
        let range: Vec<&str> =
            sorted.range::<str, _>(PathRange::beginning_with("Map")).map(|(path, ())| *path).collect();
        assert_eq!(range, ["Map", "Map/T", "Map[0]/T", "Map[10]/T", "Mapped"]);
        let inside: Vec<&str> = range.into_iter().filter(|path| is_inside(path, "Map")).collect();
        assert_eq!(inside, ["Map/T", "Map[0]/T", "Map[10]/T"]);
        assert_eq!(sorted.range::<str, _>(PathRange::beginning_with("")).count(), paths.len());
    }

    #[test]
    fn a_state_is_inside_the_state_whose_branch_or_iteration_has_it() {
        for (path, expected) in
            [("Both", true), ("Both[0]/Ask", true), ("Both/Ask", true), ("Bother", false), ("Ask", false)]
        {
            assert_eq!(is_or_is_inside(path, "Both"), expected, "{path}");
        }
    }
}
