//! The sections of a definition, in the document's order. A Parallel with one branch is a section. A Parallel with
//! several branches is a group: its sections are listed in its place. A definition without sections is outlined by its
//! states.

use std::collections::HashSet;

use engine::asl::{InnerKind, RawMachine, RawState};
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
    let machine = RawMachine::of(definition);
    let mut sections = Vec::new();
    walk(&machine, &mut sections, true);
    if sections.is_empty() {
        walk(&machine, &mut sections, false);
    }
    sections
}

fn walk(machine: &RawMachine<'_>, found: &mut Vec<Section>, only_sections: bool) {
    for state in in_order(machine) {
        let mut branches = state.machines();
        branches.retain(|inner| matches!(inner.kind, Some(InnerKind::Branch { .. })));
        match (branches.len(), only_sections) {
            (2.., _) => branches.iter().for_each(|branch| walk(branch, found, only_sections)),
            (1, true) | (_, false) => found.push(Section { path: state.path(), name: state.name.to_owned() }),
            _ => {}
        }
    }
}

/// The states of a machine in the order of the main path, then the states that only other paths reach.
fn in_order<'d>(machine: &RawMachine<'d>) -> Vec<RawState<'d>> {
    let mut order: Vec<RawState<'d>> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    let mut next = machine.json["StartAt"].as_str();
    while let Some(state) = next.and_then(|name| machine.state(name)) {
        if !known.insert(state.name) {
            break;
        }
        next = state.json["Next"].as_str().or_else(|| state.json["Default"].as_str());
        order.push(state);
    }
    order.extend(machine.states().filter(|state| !known.contains(state.name)));
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
