//! Checks the arguments of Tasks against the input schemas of their steps, as far as they are known before a run.

use std::{cell::OnceCell, collections::HashMap};

use engine::{
    asl::{Diagnostic, each_state, pointer::escaped},
    spelling::{did_you_mean, nearest},
    step::Registry,
};
use serde_json::{Map, Value};
use workflows::{CompiledSchema, InputProblem};

use super::placeholders;

/// Reports each unknown argument, each missing argument, and each literal value that does not fit its schema.
pub(super) fn problems(definition: &Value, steps: &Registry) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut schemas = Schemas::new(steps);
    each_state(definition, &mut |raw| {
        let (pointer, state) = (&raw.pointer, raw.json);
        let field = raw.arguments_field();
        let resource = state["Resource"].as_str().filter(|_| state["Type"] == "Task").unwrap_or_default();
        let Some(arguments) = state[field].as_object() else { return };
        let Some(schema) = schemas.of(resource) else { return };
        check(resource, schema, arguments, &format!("{pointer}/{field}"), &mut found);
    });
    found
}

/// The compiled input schemas of steps. A definition may call the same step thousands of times, and generating and compiling a schema
/// takes longer than all checks of a state.
pub(super) struct Schemas<'r> {
    steps: &'r Registry,
    /// By resource; `None` if there is no such step.
    compiled: HashMap<String, Option<StepSchema>>,
}

/// The input schema of a step.
pub(super) struct StepSchema {
    required: Vec<String>,
    /// Without the required fields: they are reported apart, because a field may be given as an expression.
    of_values: Value,
    /// The same, compiled when the first value needs it.
    compiled: OnceCell<CompiledSchema>,
}

impl<'r> Schemas<'r> {
    pub fn new(steps: &'r Registry) -> Self {
        Schemas { steps, compiled: HashMap::new() }
    }

    /// The input schema of a resource's step.
    pub fn of(&mut self, resource: &str) -> Option<&StepSchema> {
        let steps = self.steps;
        let compile = || steps.find(resource).map(|step| StepSchema::new(step.description().input_schema));
        self.compiled.entry(resource.to_owned()).or_insert_with(compile).as_ref()
    }
}

impl StepSchema {
    fn new(mut schema: Value) -> Self {
        let required = schema.as_object_mut().and_then(|fields| fields.remove("required"));
        let required = required.as_ref().and_then(Value::as_array).into_iter().flatten();
        let required = required.filter_map(|name| Some(name.as_str()?.to_owned())).collect();
        StepSchema { required, of_values: schema, compiled: OnceCell::new() }
    }

    /// Whether it has an argument of this name, which in JSONPath may end with `.$`.
    pub fn has(&self, name: &str) -> bool {
        self.of_values["properties"].get(name.strip_suffix(".$").unwrap_or(name)).is_some()
    }

    fn problems(&self, values: Map<String, Value>) -> Vec<InputProblem> {
        match values.is_empty() {
            true => Vec::new(),
            false => {
                let compiled = self.compiled.get_or_init(|| CompiledSchema::of_step(self.of_values.clone()));
                compiled.problems(&Value::Object(values))
            }
        }
    }
}

/// Reports the problems of arguments of a step, which are at `pointer`. `resource` is the name of the step or its object in messages.
pub(super) fn check(
    resource: &str,
    step: &StepSchema,
    arguments: &Map<String, Value>,
    pointer: &str,
    found: &mut Vec<Diagnostic>,
) {
    let schema = &step.of_values;
    let Some(properties) = schema["properties"].as_object() else { return };
    let mut wrong = |at: &str, message: String| {
        found.push(Diagnostic::error("INVALID_ARGUMENT", &format!("{pointer}{at}"), message));
    };
    let mut literals = Map::new();
    let mut given = Vec::new();
    for (name, value) in arguments {
        let plain = name.strip_suffix(".$").unwrap_or(name);
        given.push(plain);
        if let Some(field) = properties.get(plain) {
            if plain == name && is_literal(value) && !(value.is_string() && takes_any_text(field)) {
                literals.insert(name.clone(), value.clone());
            }
        } else if schema["additionalProperties"] == false {
            let names = properties.keys().map(String::as_str);
            let hint = match nearest(plain, names.clone()) {
                None => format!("; its arguments are {}.", names.collect::<Vec<_>>().join(", ")),
                near => did_you_mean(near),
            };
            wrong(&format!("/{}", escaped(name)), format!("{resource} has no argument '{plain}'{hint}"));
        }
    }
    for name in step.required.iter().filter(|name| !given.contains(&name.as_str())) {
        wrong("", format!("{resource} needs the argument '{name}'."));
    }
    for problem in step.problems(literals) {
        wrong(&problem.pointer, format!("{resource}: {}.", problem.to_string().trim_end_matches('.')));
    }
}

/// Whether any text fits the schema of a field. Most arguments are such texts, and compiling a schema takes longer than the other checks.
fn takes_any_text(schema: &Value) -> bool {
    let says_nothing_else = |fields: &Map<String, Value>| {
        fields.keys().all(|key| matches!(key.as_str(), "type" | "description" | "default" | "title"))
    };
    schema["type"] == "string" && schema.as_object().is_some_and(says_nothing_else)
}

/// Whether a value is constant: it contains no path, expression or placeholder.
pub(super) fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.trim_start().starts_with("{%") && !placeholders::is_placeholder(text),
        Value::Array(items) => items.iter().all(is_literal),
        Value::Object(fields) => fields.iter().all(|(name, field)| !name.ends_with(".$") && is_literal(field)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::environments;

    fn found(arguments: &Value) -> Vec<(String, String)> {
        let task = json!({ "Type": "Task", "Resource": "flow:process:run", "Parameters": arguments, "End": true });
        let definition = json!({ "StartAt": "A", "States": { "A": task } });
        let found = problems(&definition, environments::described().unwrap()).into_iter();
        found.map(|problem| (problem.location.replace("/States/A/Parameters", ""), problem.message)).collect()
    }

    #[test]
    fn an_argument_that_the_step_does_not_have_is_named_with_the_one_that_was_meant() {
        let problems = found(&json!({ "program.$": "$.x", "Arguments": ["a", 1] }));
        let [unknown, missing, value] = problems.as_slice() else { unreachable!("{problems:?}") };
        assert_eq!(unknown.0, "/program.$");
        assert_eq!(unknown.1, "flow:process:run has no argument 'program'; did you mean 'Program'?");
        assert_eq!(missing.1, "flow:process:run needs the argument 'Program'.");
        assert_eq!(value.0, "/Arguments/1");
    }

    #[test]
    fn a_step_that_is_called_a_thousand_times_has_its_schema_compiled_once() {
        let steps = environments::described().unwrap();
        let mut schemas = Schemas::new(steps);
        assert!(schemas.of("flow:wait:http").is_some() && schemas.of("flow:no:step").is_none());
        let mut compiled = || schemas.of("flow:process:run").map(std::ptr::from_ref::<StepSchema>).unwrap();
        let first = compiled();
        assert!((0..1_000).all(|_| compiled() == first));
        assert_eq!(schemas.of("flow:process:run").unwrap().required, ["Program"]);
    }

    #[test]
    fn what_is_known_only_at_run_time_is_not_judged() {
        assert_eq!(found(&json!({ "Program.$": "$.x", "Arguments.$": "$.y", "Input": { "a.$": "$" } })), []);
        assert_eq!(found(&json!({ "Program": "/bin/true", "Arguments": ["{% $x %}", "${Name}"] })), []);
    }

    #[test]
    fn the_shipped_workflows_name_arguments_that_their_steps_have() {
        let steps = environments::described().unwrap();
        for workflow in workflows::catalogue() {
            assert_eq!(problems(&workflow.definition().unwrap(), steps), [], "{}", workflow.name);
        }
    }

    /// The keywords of a schema and of its nested schemas.
    fn keywords(schema: &Value, found: &mut Vec<String>) {
        let Some(fields) = schema.as_object() else { return };
        if fields.contains_key("$ref") {
            let beside = fields.keys().filter(|key| !matches!(key.as_str(), "$ref" | "description"));
            found.extend(beside.map(|key| format!("{key} beside $ref")));
        }
        for (key, value) in fields {
            found.push(key.clone());
            match (key.as_str(), value) {
                ("properties" | "$defs", Value::Object(schemas)) => {
                    schemas.values().for_each(|schema| keywords(schema, found));
                }
                ("anyOf", Value::Array(schemas)) => schemas.iter().for_each(|schema| keywords(schema, found)),
                ("items" | "additionalProperties", schema) => keywords(schema, found),
                _ => {}
            }
        }
    }

    #[test]
    fn schemas_of_steps_are_valid_and_mean_the_same_in_draft_7() {
        // `CompiledSchema::of_step` reads them by draft 7. Beside `$ref`, draft 7 ignores everything.
        const THE_SAME: [&str; 20] = [
            "$defs",
            "$ref",
            "$schema",
            "additionalProperties",
            "anyOf",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "maxLength",
            "maximum",
            "minLength",
            "minimum",
            "pattern",
            "properties",
            "required",
            "title",
            "type",
            "x-secret",
        ];
        for step in environments::described().unwrap().descriptions() {
            for schema in [&step.input_schema, &step.output_schema] {
                assert_eq!(workflows::schema_error(schema), None, "{}", step.name);
                let mut found = Vec::new();
                keywords(schema, &mut found);
                let other: Vec<&String> = found.iter().filter(|key| !THE_SAME.contains(&key.as_str())).collect();
                assert!(other.is_empty(), "{}: {other:?}", step.name);
            }
        }
    }
}
