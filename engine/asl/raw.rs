//! The walk over the states of a definition's JSON, which need not be valid. Besides the parser, only
//! this module of the engine decides which fields of a state contain state machines, and which query language is in force.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::pointer::{below, item};
use crate::journal::state_path;

/// The field with the states of a machine.
const STATES: &str = "States";
/// The field with the branches of a Parallel.
const BRANCHES: &str = "Branches";
/// The fields with the processor of a Map. `Iterator` is the earlier name.
const PROCESSORS: [&str; 2] = ["ItemProcessor", "Iterator"];

/// The way in which a state contains a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InnerKind {
    /// As a branch.
    Branch {
        /// Its index.
        index: usize,
        /// The number of branches.
        count: usize,
    },
    /// As the processor of a Map.
    Processor {
        /// The name of the field.
        field: &'static str,
    },
}

impl InnerKind {
    /// The pointer to the machine in a state with this pointer, in AWS's notation.
    pub(super) fn pointer(self, state: &str) -> String {
        match self {
            InnerKind::Branch { index, .. } => item(&below(state, BRANCHES), index),
            InnerKind::Processor { field } => below(state, field),
        }
    }

    /// The path of the machine's frame in a state with this path. All iterations of a Map share one.
    pub fn frame(self, state_path: &str) -> String {
        match self {
            InnerKind::Branch { count: 1, .. } => state_path.to_owned(),
            InnerKind::Branch { index, .. } => format!("{state_path}[{index}]"),
            InnerKind::Processor { .. } => format!("{state_path}[*]"),
        }
    }

    /// The machine in a state, or in a copy of it.
    pub fn find_mut(self, state: &mut Value) -> Option<&mut Value> {
        match self {
            InnerKind::Branch { index, .. } => state.get_mut(BRANCHES)?.get_mut(index),
            InnerKind::Processor { field } => state.get_mut(field),
        }
    }
}

/// A state machine inside a state.
#[derive(Debug, Clone, Copy)]
pub struct InnerMachine<'d> {
    /// Its JSON.
    pub json: &'d Value,
    /// The way in which the state contains it.
    pub kind: InnerKind,
}

/// The machines inside a state.
pub fn machines_inside(state: &Value) -> Vec<InnerMachine<'_>> {
    let branches = state[BRANCHES].as_array().map_or(&[][..], Vec::as_slice);
    let count = branches.len();
    let branches = branches.iter().enumerate();
    let branches = branches.map(|(index, json)| InnerMachine { json, kind: InnerKind::Branch { index, count } });
    let processors = PROCESSORS.into_iter().filter_map(|field| {
        let json = state.get(field)?;
        Some(InnerMachine { json, kind: InnerKind::Processor { field } })
    });
    branches.chain(processors).collect()
}

/// The fields of a state without those that contain machines.
pub fn own_fields(state: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let is_own = |name: &str| name != BRANCHES && !PROCESSORS.contains(&name);
    state.as_object().into_iter().flatten().filter(move |(name, _)| is_own(name))
}

/// The states of a machine by their names, in the order of the definition.
pub fn states_of(machine: &Value) -> impl Iterator<Item = (&String, &Value)> {
    machine.get(STATES).and_then(Value::as_object).into_iter().flatten()
}

/// The states of a machine by their names, for changes.
pub fn states_of_mut(machine: &mut Value) -> Option<&mut Map<String, Value>> {
    machine.get_mut(STATES)?.as_object_mut()
}

/// Whether child executions run the items of a Map.
pub fn is_distributed(state: &Value) -> bool {
    state.as_object().is_some_and(is_distributed_map)
}

/// As [`is_distributed`], for the fields of a state.
pub(super) fn is_distributed_map(state: &Map<String, Value>) -> bool {
    processor(state).is_some_and(has_mode_distributed)
}

/// Whether the child executions of a Map are of type EXPRESS.
pub fn has_express_children(state: &Value) -> bool {
    let processor = state.as_object().and_then(processor);
    processor.is_some_and(|processor| processor["ProcessorConfig"]["ExecutionType"] == "EXPRESS")
}

fn processor(state: &Map<String, Value>) -> Option<&Value> {
    PROCESSORS.into_iter().find_map(|field| state.get(field))
}

fn has_mode_distributed(processor: &Value) -> bool {
    processor["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
}

/// A state machine in the JSON of a definition: the definition itself, a branch, or the processor of a Map.
#[derive(Debug, Clone)]
pub struct RawMachine<'d> {
    /// Its JSON.
    pub json: &'d Value,
    /// The pointer to it, in AWS's notation.
    pub pointer: String,
    /// The way in which a state contains it; `None` for the definition itself.
    pub kind: Option<InnerKind>,
    /// The path of its frame: `Both[1]`, `Section`, `Each[*]`; empty for the definition itself.
    pub frame: Arc<str>,
    /// The query language of the definition, which its states inherit.
    language: &'d str,
}

impl<'d> RawMachine<'d> {
    /// The machine of a definition.
    pub fn of(definition: &'d Value) -> Self {
        let language = language_of(definition, "JSONPath");
        RawMachine { json: definition, pointer: String::new(), kind: None, frame: Arc::from(""), language }
    }

    /// Its states, in the order of the definition.
    pub fn states(&self) -> impl Iterator<Item = RawState<'d>> {
        states_of(self.json).map(move |(name, json)| self.raw_state(name, json))
    }

    /// The state of a name.
    pub fn state(&self, name: &str) -> Option<RawState<'d>> {
        let (name, json) = self.json.get(STATES)?.as_object()?.get_key_value(name)?;
        Some(self.raw_state(name, json))
    }

    fn raw_state(&self, name: &'d str, json: &'d Value) -> RawState<'d> {
        RawState {
            name,
            json,
            pointer: below(&below(&self.pointer, STATES), name),
            frame: self.frame.clone(),
            language: language_of(json, self.language),
            inherited_language: self.language,
        }
    }

    /// Whether each of its iterations is a child execution.
    pub fn is_distributed(&self) -> bool {
        matches!(self.kind, Some(InnerKind::Processor { .. })) && has_mode_distributed(self.json)
    }
}

/// A state in the JSON of a definition.
#[derive(Debug, Clone)]
pub struct RawState<'d> {
    /// Its name.
    pub name: &'d str,
    /// Its JSON.
    pub json: &'d Value,
    /// The pointer to it, in AWS's notation.
    pub pointer: String,
    /// The path of its frame, as [`RawMachine::frame`].
    pub frame: Arc<str>,
    /// The query language in force: the state's, else the definition's.
    pub language: &'d str,
    inherited_language: &'d str,
}

impl<'d> RawState<'d> {
    /// The path of the state, in which all iterations of a Map share one frame: `Each[*]/Send`.
    pub fn path(&self) -> String {
        state_path(&self.frame, self.name)
    }

    /// Whether its query language is JSONata.
    pub fn is_jsonata(&self) -> bool {
        self.language == "JSONata"
    }

    /// The field with the arguments of a Task in its query language.
    pub fn arguments_field(&self) -> &'static str {
        if self.is_jsonata() { "Arguments" } else { "Parameters" }
    }

    /// The resources that the state itself calls: as a Task, as an ItemReader and as a ResultWriter. A field named `Resource` in its
    /// data is not a call.
    pub fn called_resources(&self) -> impl Iterator<Item = &'d str> {
        let json = self.json;
        let fields = [&json["Resource"], &json["ItemReader"]["Resource"], &json["ResultWriter"]["Resource"]];
        fields.into_iter().filter_map(Value::as_str)
    }

    /// The machines inside it. Their states inherit the query language of the definition, not that of the state.
    pub fn machines(&self) -> Vec<RawMachine<'d>> {
        let machine = |inner: InnerMachine<'d>| RawMachine {
            json: inner.json,
            pointer: inner.kind.pointer(&self.pointer),
            kind: Some(inner.kind),
            frame: inner.kind.frame(&self.path()).into(),
            language: self.inherited_language,
        };
        machines_inside(self.json).into_iter().map(machine).collect()
    }
}

/// The query language that a definition or a state names, else `inherited`. One that is not a string counts as JSONPath.
fn language_of<'d>(value: &'d Value, inherited: &'d str) -> &'d str {
    value.get("QueryLanguage").map_or(inherited, |own| own.as_str().unwrap_or("JSONPath"))
}

/// Calls `visit` with each machine of a definition: the definition itself, then those inside its states.
pub fn each_machine<'d>(definition: &'d Value, visit: &mut dyn FnMut(&RawMachine<'d>)) {
    visit_machines(&RawMachine::of(definition), visit);
}

fn visit_machines<'d>(machine: &RawMachine<'d>, visit: &mut dyn FnMut(&RawMachine<'d>)) {
    visit(machine);
    for state in machine.states() {
        for inner in state.machines() {
            visit_machines(&inner, visit);
        }
    }
}

/// Calls `visit` with each state of a definition. The states inside a state follow it.
pub fn each_state<'d>(definition: &'d Value, visit: &mut dyn FnMut(&RawState<'d>)) {
    visit_states(&RawMachine::of(definition), visit);
}

fn visit_states<'d>(machine: &RawMachine<'d>, visit: &mut dyn FnMut(&RawState<'d>)) {
    for state in machine.states() {
        visit(&state);
        for inner in state.machines() {
            visit_states(&inner, visit);
        }
    }
}

/// The state of a name, at any depth.
pub fn find_state<'d>(definition: &'d Value, name: &str) -> Option<&'d Value> {
    let mut found = None;
    each_state(definition, &mut |state| {
        if found.is_none() && state.name == name {
            found = Some(state.json);
        }
    });
    found
}

/// The names of the states to which a state may lead; with `with_catch` also those of its `Catch` rules.
pub fn next_states(state: &Value, with_catch: bool) -> Vec<&str> {
    let list = |field: &str| state[field].as_array().into_iter().flatten();
    let rules = list("Choices").chain(list("Catch").filter(|_| with_catch)).map(|rule| &rule["Next"]);
    [&state["Next"], &state["Default"]].into_iter().chain(rules).filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_state_is_visited_with_its_pointer_and_its_language() {
        let inner = |state: Value| json!({ "StartAt": "B", "States": { "B": state } });
        let map = json!({ "Type": "Map", "ItemProcessor": inner(json!({ "QueryLanguage": "JSONPath" })) });
        let definition = json!({ "QueryLanguage": "JSONata", "States": {
            "A/1": { "Type": "Parallel", "Branches": [inner(json!({})), inner(map)] },
        } });
        let mut seen = Vec::new();
        each_state(&definition, &mut |state| {
            seen.push(format!("{} {} {}", state.name, state.pointer, state.language));
        });
        let expected = [
            "A/1 /States/A~11 JSONata",
            "B /States/A~11/Branches[0]/States/B JSONata",
            "B /States/A~11/Branches[1]/States/B JSONata",
            "B /States/A~11/Branches[1]/States/B/ItemProcessor/States/B JSONPath",
        ];
        assert_eq!(seen, expected);
        assert_eq!(find_state(&definition, "A/1"), Some(&definition["States"]["A/1"]));
        let branch = &definition["States"]["A/1"]["Branches"][0];
        assert_eq!(find_state(&definition, "B"), Some(&branch["States"]["B"]), "the first one");
        assert_eq!(find_state(&definition, "C"), None);
        each_state(&json!({ "States": 7 }), &mut |_| seen.clear());
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn every_machine_is_visited_with_its_kind_its_frame_and_its_pointer() {
        let inner = |name: &str, state: Value| json!({ "States": { name: state } });
        let mut items = inner("I", json!({ "Type": "Pass" }));
        items["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED" });
        let definition = json!({ "States": {
            "One": { "Branches": [inner("Each", json!({ "ItemProcessor": items }))] },
            "Two": { "Branches": [inner("B", json!({})), inner("C", json!({ "Iterator": inner("D", json!({})) }))] },
            "Not a state": 5,
        } });
        let mut seen = Vec::new();
        each_machine(&definition, &mut |machine| {
            let states: Vec<String> = machine.states().map(|state| state.path()).collect();
            let kind = match machine.kind {
                None => "definition".to_owned(),
                Some(InnerKind::Branch { index, count }) => format!("branch {index} of {count}"),
                Some(InnerKind::Processor { field }) => field.to_owned(),
            };
            let distributed = if machine.is_distributed() { ", distributed" } else { "" };
            seen.push(format!("{kind}{distributed}; {}; {}; {}", machine.frame, states.join(", "), machine.pointer));
        });
        let expected = [
            "definition; ; One, Two, Not a state; ",
            "branch 0 of 1; One; One/Each; /States/One/Branches[0]",
            "ItemProcessor, distributed; One/Each[*]; One/Each[*]/I; /States/One/Branches[0]/States/Each/ItemProcessor",
            "branch 0 of 2; Two[0]; Two[0]/B; /States/Two/Branches[0]",
            "branch 1 of 2; Two[1]; Two[1]/C; /States/Two/Branches[1]",
            "Iterator; Two[1]/C[*]; Two[1]/C[*]/D; /States/Two/Branches[1]/States/C/Iterator",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn states_inside_inherit_the_query_language_of_the_definition_only() {
        let inner = json!({ "QueryLanguage": "JSONata", "States": { "B": {} } });
        let own = json!({ "QueryLanguage": "JSONata", "Branches": [inner] });
        let definition = json!({ "States": { "A": own, "C": {}, "D": { "QueryLanguage": 7 } } });
        let mut seen = Vec::new();
        each_state(&definition, &mut |state| {
            assert_eq!(state.arguments_field() == "Arguments", state.is_jsonata());
            seen.push((state.name, state.language));
        });
        assert_eq!(seen, [("A", "JSONata"), ("B", "JSONPath"), ("C", "JSONPath"), ("D", "JSONPath")]);
    }

    #[test]
    fn a_machine_is_found_in_a_copy_of_its_state() {
        let state = json!({ "Branches": [{ "a": 1 }, { "a": 2 }], "Iterator": { "a": 3 }, "Comment": "x" });
        let mut copy = state.clone();
        for inner in machines_inside(&state) {
            assert_eq!(inner.kind.find_mut(&mut copy), Some(&mut inner.json.clone()));
        }
        let fields: Vec<&String> = own_fields(&state).map(|(name, _)| name).collect();
        assert_eq!(fields, ["Comment"]);
        let kind = InnerKind::Branch { index: 2, count: 3 };
        assert_eq!(kind.find_mut(&mut copy), None);
    }

    #[test]
    fn both_fields_of_a_processor_say_how_a_map_runs() {
        for field in PROCESSORS {
            let config = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" });
            let state = json!({ "Type": "Map", field: { "ProcessorConfig": config } });
            assert!(is_distributed(&state) && has_express_children(&state), "{field}");
        }
        let inline = json!({ "Type": "Map", "ItemProcessor": {} });
        assert!(!is_distributed(&inline) && !has_express_children(&inline) && !is_distributed(&json!(5)));
    }
}
