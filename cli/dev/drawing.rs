//! Draws a run over the graph of its definition: a line for each state, with its inner states below it.

use std::collections::BTreeMap;

use engine::journal::state_path;

use crate::definition::graph::Graph;

/// The outcome of a state in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOutcome {
    /// It exited with this output, shortened.
    Exited(String),
    /// It failed.
    Failed(String),
    /// It was entered and did not exit.
    Entered,
}

/// The lines of a run. Outcomes are keyed by paths in the definition, where all iterations of a Map share one:
/// `Each[*]/Send`.
pub fn tree(graph: &Graph, outcomes: &BTreeMap<String, StateOutcome>) -> Vec<String> {
    let mut lines = Vec::new();
    within(graph, 1, outcomes, &mut lines);
    lines
}

fn within(graph: &Graph, depth: usize, outcomes: &BTreeMap<String, StateOutcome>, lines: &mut Vec<String>) {
    for (index, node) in graph.nodes.iter().enumerate() {
        let path = state_path(&graph.frame, &node.name);
        let (mark, text) = match outcomes.get(&path) {
            None => ("◌", String::new()),
            Some(StateOutcome::Exited(output)) => ("✔", format!("   {output}")),
            Some(StateOutcome::Failed(cause)) => ("✖", format!("   {cause}")),
            Some(StateOutcome::Entered) => ("●", String::new()),
        };
        lines.push(format!("{:indent$}{mark} {}{}{text}", "", node.name, ways(graph, index), indent = depth));
        for inner in &node.inner {
            within(inner, depth + 2, outcomes, lines);
        }
    }
}

/// The transitions of a state other than to the next state of the definition.
fn ways(graph: &Graph, from: usize) -> String {
    let labelled = |(_, to, label): &(usize, usize, String)| {
        let target = &graph.nodes[*to].name;
        if label.is_empty() { target.clone() } else { format!("{target} ({label})") }
    };
    let is_labelled =
        |(source, to, label): &&(usize, usize, String)| *source == from && (!label.is_empty() || *to != from + 1);
    let ways: Vec<String> = graph.edges.iter().filter(is_labelled).map(labelled).collect();
    if ways.is_empty() { String::new() } else { format!("  → {}", ways.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_state_has_a_line_with_what_became_of_it() {
        let inner = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass" } } });
        let graph = Graph::of(&json!({ "StartAt": "A", "States": {
            "A": { "Type": "Task", "Next": "Each", "Catch": [{ "ErrorEquals": ["No"], "Next": "Last" }] },
            "Each": { "Type": "Map", "ItemProcessor": inner, "Next": "Last" },
            "Last": { "Type": "Parallel", "Branches": [inner], "End": true },
        } }));
        let outcomes = BTreeMap::from([
            ("A".to_owned(), StateOutcome::Exited("1".to_owned())),
            ("Each".to_owned(), StateOutcome::Failed("No".to_owned())),
            ("Each[*]/I".to_owned(), StateOutcome::Entered),
        ]);
        assert_eq!(tree(&graph, &outcomes), [" ✔ A  → Last (No)   1", " ✖ Each   No", "   ● I", " ◌ Last", "   ◌ I"]);
    }
}
