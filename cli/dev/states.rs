//! Finds the states of a definition by the paths in a journal.

use engine::asl::{InnerKind, machines_inside, states_of};
use serde_json::Value;

/// The state of a path such as `VPC and subnets/Create VPC` or `Each[3]/Send`, and its path in the definition, where
/// all iterations of a Map share one: `Each[*]/Send`.
pub fn state_at<'d>(machine: &'d Value, path: &str) -> Option<(String, &'d Value)> {
    if let Some((_, state)) = states_of(machine).find(|(name, _)| *name == path) {
        return Some((path.to_owned(), state));
    }
    // A name may contain a slash, so every name that matches is tried.
    states_of(machine).find_map(|(name, state)| {
        let rest = path.strip_prefix(name.as_str())?;
        let (within, inner, rest) = inside(state, rest)?;
        let (below, found) = state_at(inner, rest)?;
        Some((format!("{name}{within}/{below}"), found))
    })
}

/// The machine inside a state to which the rest of a path leads.
fn inside<'d, 'p>(state: &'d Value, rest: &'p str) -> Option<(String, &'d Value, &'p str)> {
    let machines = machines_inside(state);
    let branch = |wanted: usize| {
        let is_wanted = |kind: InnerKind| matches!(kind, InnerKind::Branch { index, .. } if index == wanted);
        machines.iter().find(|inner| is_wanted(inner.kind)).map(|inner| inner.json)
    };
    if let Some(rest) = rest.strip_prefix('/') {
        return Some((String::new(), branch(0)?, rest));
    }
    let (index, rest) = rest.strip_prefix('[')?.split_once("]/")?;
    if let Some(branch) = branch(index.parse().ok()?) {
        return Some((format!("[{index}]"), branch, rest));
    }
    let processor = machines.iter().find(|inner| matches!(inner.kind, InnerKind::Processor { .. }))?;
    Some(("[*]".to_owned(), processor.json, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::state_at;

    #[test]
    fn a_path_leads_through_branches_and_iterations() {
        let inner = |name: &str| json!({ "States": { name: { "Type": "Pass", "Comment": name } } });
        let definition = json!({ "States": {
            "One": { "Branches": [inner("a/b")] },
            "Two": { "Branches": [inner("c"), inner("d")] },
            "Each": { "ItemProcessor": inner("e") },
        } });
        for (path, expected, comment) in
            [("One/a/b", "One/a/b", "a/b"), ("Two[1]/d", "Two[1]/d", "d"), ("Each[17]/e", "Each[*]/e", "e")]
        {
            let found = state_at(&definition, path).map(|(path, state)| (path, state["Comment"].clone()));
            assert_eq!(found, Some((expected.to_owned(), json!(comment))), "{path}");
        }
        for path in ["Two[2]/d", "One/c", "Nowhere", "One/"] {
            assert_eq!(state_at(&definition, path), None, "{path}");
        }
    }
}
