//! A definition as a graph of states and transitions, in the languages of programs that draw graphs.

use engine::asl::{RawMachine, RawState};
use serde_json::Value;

/// A machine's states and transitions. Nested machines are nested graphs.
#[derive(Debug, Default)]
pub struct Graph {
    /// In the definition's order.
    pub nodes: Vec<Node>,
    /// From, to, and the condition.
    pub edges: Vec<(usize, usize, String)>,
    /// The first state.
    pub start: Option<usize>,
    /// The path of its frame. All iterations of a Map share one path: `Each[*]`. Empty for the definition itself.
    pub frame: String,
}

/// A state.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The branches of a Parallel, or the processor of a Map.
    pub inner: Vec<Graph>,
}

impl Graph {
    /// The graph of a definition. Invalid parts are omitted.
    pub fn of(definition: &Value) -> Self {
        Graph::of_machine(&RawMachine::of(definition))
    }

    fn of_machine(machine: &RawMachine<'_>) -> Self {
        let mut graph = Graph { frame: machine.frame.to_string(), ..Graph::default() };
        let states: Vec<RawState<'_>> = machine.states().collect();
        for state in &states {
            let inner = state.machines().iter().map(Graph::of_machine).collect();
            let kind = state.json["Type"].as_str().unwrap_or("?").to_owned();
            graph.nodes.push(Node { name: state.name.to_owned(), kind, inner });
        }
        graph.start = machine.json["StartAt"].as_str().and_then(|name| graph.find(name));
        for (from, state) in states.iter().map(|state| state.json).enumerate() {
            let mut to = |target: &Value, label: &str| {
                let target = target.as_str().and_then(|name| graph.nodes.iter().position(|node| node.name == name));
                graph.edges.extend(target.map(|target| (from, target, label.to_owned())));
            };
            to(&state["Next"], "");
            for (number, rule) in state["Choices"].as_array().into_iter().flatten().enumerate() {
                to(&rule["Next"], &format!("rule {}", number + 1));
            }
            to(&state["Default"], "default");
            for rule in state["Catch"].as_array().into_iter().flatten() {
                let errors = rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
                to(&rule["Next"], &errors.collect::<Vec<_>>().join(", "));
            }
        }
        graph
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

/// The graph in Mermaid's language.
pub fn mermaid(graph: &Graph) -> String {
    let mut text = "flowchart TD\n".to_owned();
    mermaid_within(graph, "s", 1, &mut text);
    text
}

fn mermaid_within(graph: &Graph, prefix: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let quoted = |text: &str| text.replace('"', "#quot;");
    for (index, node) in graph.nodes.iter().enumerate() {
        let (id, name) = (format!("{prefix}{index}"), quoted(&node.name));
        if node.inner.is_empty() {
            let (left, right) = if node.kind == "Choice" { ("{", "}") } else { ("[", "]") };
            text.push_str(&format!("{indent}{id}{left}\"{name}\"{right}\n"));
            continue;
        }
        text.push_str(&format!("{indent}subgraph {id}[\"{name} ({})\"]\n", node.kind));
        for (branch, inner) in node.inner.iter().enumerate() {
            mermaid_within(inner, &format!("{id}_{branch}_"), depth + 1, text);
        }
        text.push_str(&format!("{indent}end\n"));
    }
    if let Some(start) = graph.start {
        text.push_str(&format!("{indent}{prefix}start((start)) --> {prefix}{start}\n"));
    }
    for (from, to, label) in &graph.edges {
        let label = if label.is_empty() { String::new() } else { format!("|\"{}\"|", quoted(label)) };
        text.push_str(&format!("{indent}{prefix}{from} -->{label} {prefix}{to}\n"));
    }
}

/// The graph in Graphviz's language.
pub fn dot(graph: &Graph) -> String {
    let mut text = "digraph workflow {\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n".to_owned();
    dot_within(graph, "s", 1, &mut text);
    text.push_str("}\n");
    text
}

fn dot_within(graph: &Graph, prefix: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    for (index, node) in graph.nodes.iter().enumerate() {
        let (id, name) = (format!("{prefix}{index}"), quoted(&node.name));
        let shape = if node.kind == "Choice" { ", shape=diamond" } else { "" };
        text.push_str(&format!("{indent}{id} [label={name}{shape}];\n"));
        for (branch, inner) in node.inner.iter().enumerate() {
            let below = format!("{id}_{branch}_");
            text.push_str(&format!("{indent}subgraph cluster_{below} {{\n{indent}  label={name};\n"));
            dot_within(inner, &below, depth + 1, text);
            text.push_str(&format!("{indent}}}\n"));
            text.extend(inner.start.map(|start| format!("{indent}{id} -> {below}{start} [style=dashed];\n")));
        }
    }
    for (from, to, label) in &graph.edges {
        text.push_str(&format!("{indent}{prefix}{from} -> {prefix}{to} [label={}];\n", quoted(label)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn graph() -> Graph {
        Graph::of(&json!({ "StartAt": "Say \"hi\"", "States": {
            "Say \"hi\"": { "Type": "Pass", "Next": "Both" },
            "Both": { "Type": "Parallel", "Branches": [{ "StartAt": "I", "States": { "I": { "Type": "Succeed" } } }],
                      "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Which" }], "End": true },
            "Which": { "Type": "Choice", "Choices": [{ "Next": "Both" }], "Default": "No such" }
        } }))
    }

    #[test]
    fn every_way_is_drawn_and_none_to_nowhere() {
        let graph = graph();
        let ways: Vec<_> = graph.edges.iter().map(|(from, to, label)| (*from, *to, label.as_str())).collect();
        assert_eq!(ways, [(0, 1, ""), (1, 2, "States.ALL"), (2, 1, "rule 1")]);
        assert_eq!(graph.nodes[1].inner[0].nodes[0].name, "I");
    }

    #[test]
    fn names_with_quotes_are_escaped_in_both_languages() {
        assert!(mermaid(&graph()).contains("Say #quot;hi#quot;"));
        assert!(dot(&graph()).contains(r#"label="Say \"hi\"""#));
    }
}
