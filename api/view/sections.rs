//! The sections of a definition, in the document's order. A Parallel with one branch is a section. A Parallel with
//! several branches is a group: its sections are listed in its place. A definition without sections is outlined by its
//! states.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line of the outline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The path of its state, as in events.
    pub path: String,
    /// The state's name.
    pub name: String,
}

/// The sections of a definition.
pub fn sections(definition: &Value) -> Vec<Section> {
    let mut sections = Vec::new();
    walk(definition, "", &mut sections, true);
    if sections.is_empty() {
        walk(definition, "", &mut sections, false);
    }
    sections
}

fn walk(machine: &Value, prefix: &str, found: &mut Vec<Section>, only_sections: bool) {
    for name in order(machine) {
        let state = &machine["States"][name];
        let path = format!("{prefix}{name}");
        let branches = state["Branches"].as_array().map_or(&[][..], Vec::as_slice);
        match (branches.len(), only_sections) {
            (2.., _) => {
                for (index, branch) in branches.iter().enumerate() {
                    walk(branch, &format!("{path}[{index}]/"), found, only_sections);
                }
            }
            (1, true) | (_, false) => found.push(Section { path, name: name.to_owned() }),
            _ => {}
        }
    }
}

/// The states of a machine in the order in which they follow each other, then those that only other paths reach.
fn order(machine: &Value) -> Vec<&str> {
    let Some(states) = machine["States"].as_object() else { return Vec::new() };
    let mut order: Vec<&str> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    let mut next = machine["StartAt"].as_str();
    while let Some((name, state)) = next.and_then(|name| states.get_key_value(name)) {
        if !known.insert(name) {
            break;
        }
        order.push(name);
        next = state["Next"].as_str().or_else(|| state["Default"].as_str());
    }
    order.extend(states.keys().map(String::as_str).filter(|name| !known.contains(name)));
    order
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_show_through_and_sections_keep_the_documents_order() {
        let section =
            json!({ "Type": "Parallel", "Branches": [{ "StartAt": "x", "States": { "x": { "Type": "Pass" } } }] });
        let with = |next: &str| {
            let mut section = section.clone();
            section["Next"] = json!(next);
            section
        };
        let definition = json!({ "StartAt": "Read", "States": {
            "Last": section,
            "Read": { "Type": "Pass", "Next": "First" },
            "First": with("Both"),
            "Both": { "Type": "Parallel", "Next": "Last", "Branches": [
                { "StartAt": "A", "States": { "A": section } },
                { "StartAt": "B", "States": { "B": with("C"), "C": section } }
            ] }
        } });
        let paths: Vec<_> = sections(&definition).into_iter().map(|section| section.path).collect();
        assert_eq!(paths, ["First", "Both[0]/A", "Both[1]/B", "Both[1]/C", "Last"]);
    }

    #[test]
    fn a_definition_without_sections_is_outlined_by_its_states() {
        let definition =
            json!({ "StartAt": "A", "States": { "B": { "Type": "Succeed" }, "A": { "Type": "Pass", "Next": "B" } } });
        let names: Vec<_> = sections(&definition).into_iter().map(|section| section.name).collect();
        assert_eq!(names, ["A", "B"]);
    }
}
