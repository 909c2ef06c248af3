//! Compiles a definition of flow to one for Step Functions.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    asl::{
        self, Diagnostic, RawMachine, RawState, Severity, each_state, has_express_children, is_distributed,
        machines_inside, states_of, states_of_mut,
    },
    step::{PAYLOAD_BYTES_MAX, Registry, Resource},
};
use serde_json::{Map, Value};

use crate::{
    CompileOptions, activity_name,
    added_state::added_state_name,
    run_size::{self, RunSize, run_size},
    secrets,
    wrap::{TaskScope, wrap},
};

/// The largest definition that Step Functions accepts, in bytes (Developer Guide, "Service quotas").
const DEFINITION_BYTES_MAX: usize = 1 << 20;
/// The number of bytes by which the visit in a task's input may be longer than its expressions in the definition: the ARN of the
/// execution is the longest part.
const VISIT_BYTES_ADDED_MAX: usize = 280;
/// The beginnings of the resources that use files or programs of the machine on which they run.
const ACTING_ON_WORKER: [&str; 4] = ["flow:file:", "flow:process:", "flow:wait:file", "flow:wait:program"];
/// The beginning of the resources that ask a person.
const APPROVALS: &str = "flow:approval:";

/// An activity that the compiled definition needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// The step that works on its tasks, such as `ec2:createVpc`.
    pub step: String,
    /// The permissions that its workers need, as IAM actions.
    pub actions: Vec<String>,
}

/// A compiled definition.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The definition for CreateStateMachine.
    pub definition: Value,
    /// The activities, by name.
    pub activities: Vec<Activity>,
    /// Differences from the local engine.
    pub warnings: Vec<Diagnostic>,
    /// The transitions and events of a run.
    pub size: RunSize,
}

/// Compiles a definition. `arn` returns the ARN of an activity for its name.
///
/// # Errors
/// Every reason why Step Functions cannot run it, with its location in the source definition. The size of a run is
/// checked only if nothing else is wrong.
pub fn compile(
    definition: &Value,
    steps: &Registry,
    options: &CompileOptions,
    arn: &dyn Fn(&str) -> String,
) -> Result<Compiled, Vec<Diagnostic>> {
    let known = |resource: &str| {
        steps.find(resource).is_some() || (!resource.starts_with("flow:") && Resource::parse(resource).is_recognized())
    };
    let mut problems = asl::check(definition, &known);
    problems.retain(|problem| problem.severity == Severity::Error);
    let is_valid = problems.is_empty();
    let mut names = BTreeSet::new();
    each_state(definition, &mut |state| {
        names.insert(state.name.to_owned());
    });
    let (activities, warnings) = (BTreeMap::new(), Vec::new());
    let mut pass = Pass { steps, options, arn, names, activities, errors: problems, warnings };
    // Each state sets its own query language.
    let scope = TaskScope { jsonata: false, path: Vec::new(), depth: 0 };
    let mut compiled = definition.clone();
    pass.machine(&RawMachine::of(definition), &mut compiled, &scope, false);
    let bytes = compiled.to_string().len();
    if bytes > DEFINITION_BYTES_MAX {
        let message =
            format!("The definition has {bytes} bytes; Step Functions accepts at most {DEFINITION_BYTES_MAX}.");
        pass.refuse("DEFINITION_TOO_LARGE", "", message);
    }
    if is_valid {
        pass.add(run_size::problems(&compiled));
    }
    if !pass.errors.is_empty() {
        return Err(pass.errors);
    }
    let size = run_size(&compiled);
    let activities = pass.activities.into_values().collect();
    Ok(Compiled { definition: compiled, activities, warnings: pass.warnings, size })
}

fn is_step(state: &Value) -> bool {
    state["Type"] == "Task" && state["Resource"].as_str().is_some_and(|resource| resource.starts_with("flow:"))
}

/// Whether a machine contains an inline Map with a step, within the same execution.
fn has_inline_map_of_steps(machine: &Value, in_map: bool) -> bool {
    states_of(machine).any(|(_, state)| {
        let is_map = state["Type"] == "Map";
        let inside =
            || machines_inside(state).iter().any(|inner| has_inline_map_of_steps(inner.json, in_map || is_map));
        (in_map && is_step(state)) || (!(is_map && is_distributed(state)) && inside())
    })
}

struct Pass<'a> {
    steps: &'a Registry,
    options: &'a CompileOptions,
    arn: &'a dyn Fn(&str) -> String,
    /// The names of the definition's states.
    names: BTreeSet<String>,
    activities: BTreeMap<String, Activity>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Pass<'_> {
    fn refuse(&mut self, code: &'static str, location: &str, message: impl Into<String>) {
        self.errors.push(Diagnostic::error(code, location, message));
    }

    fn add(&mut self, problems: Vec<Diagnostic>) {
        for problem in problems {
            match problem.severity {
                Severity::Error => self.errors.push(problem),
                Severity::Warning => self.warnings.push(problem),
            }
        }
    }

    fn warn(&mut self, code: &'static str, location: &str, message: impl Into<String>) {
        self.warnings.push(Diagnostic::warning(code, location, message));
    }

    /// Compiles a machine: reads `source`, and changes `compiled`, which is a copy of it.
    fn machine(&mut self, source: &RawMachine<'_>, compiled: &mut Value, scope: &TaskScope, express: bool) {
        self.add(secrets::of_comment(source.json, &source.pointer));
        let Some(states) = states_of_mut(compiled) else { return };
        for state in source.states() {
            let Some(compiled) = states.get_mut(state.name) else { continue };
            let scope = TaskScope { jsonata: state.is_jsonata(), ..scope.clone() };
            self.refuse_files(state.json, &state.pointer);
            self.refuse_large_values(state.json, &state.pointer);
            self.add(secrets::problems(state.json, &state.pointer));
            if is_step(state.json) {
                self.step(&state, compiled, &scope, express);
            } else {
                self.inside(&state, compiled, &scope, express);
            }
        }
    }

    /// Reports a step of flow in an ItemReader or ResultWriter: a Map on AWS cannot call it.
    fn refuse_files(&mut self, state: &Value, pointer: &str) {
        for field in ["ItemReader", "ResultWriter"] {
            let resource = state[field]["Resource"].as_str().filter(|resource| resource.starts_with("flow:"));
            if let Some(resource) = resource {
                let message = format!("{field} names {resource}: Step Functions reads and writes Amazon S3 only.");
                self.refuse("STEP_IN_MAP_FIELD", &format!("{pointer}/{field}/Resource"), message);
            }
        }
    }

    /// Reports values in the definition that exceed the limit of a state's input and output.
    fn refuse_large_values(&mut self, state: &Value, pointer: &str) {
        let fields =
            ["Result", "Output", "Parameters", "Arguments", "Items", "ItemSelector", "ResultSelector", "Assign"];
        for field in fields {
            let bytes = state.get(field).map_or(0, |value| value.to_string().len());
            if bytes > PAYLOAD_BYTES_MAX {
                let message =
                    format!("{field} has {bytes} bytes; the data of a state has at most {PAYLOAD_BYTES_MAX}.");
                self.refuse("PAYLOAD_TOO_LARGE", &format!("{pointer}/{field}"), message);
            }
        }
    }

    /// Reports arguments of a step that exceed the limit only together with the visit that its worker receives.
    fn refuse_large_task(&mut self, wrapped_bytes: usize, own_bytes: usize, pointer: &str) {
        let bytes = wrapped_bytes + VISIT_BYTES_ADDED_MAX;
        if own_bytes <= PAYLOAD_BYTES_MAX && bytes > PAYLOAD_BYTES_MAX {
            let message = format!(
                "The arguments have {own_bytes} bytes, and up to {} more for the worker; the data of a state has at most \
                 {PAYLOAD_BYTES_MAX}.",
                bytes.saturating_sub(own_bytes)
            );
            self.refuse("PAYLOAD_TOO_LARGE", pointer, message);
        }
    }

    fn step(&mut self, source: &RawState<'_>, compiled: &mut Value, scope: &TaskScope, express: bool) {
        let (state, pointer) = (source.json, source.pointer.as_str());
        let resource = state["Resource"].as_str().unwrap_or_default();
        let Some(step) = self.steps.find(resource) else { return };
        let asks = resource.starts_with(APPROVALS);
        if asks && self.options.server_asks {
            return;
        }
        if express {
            let message = "Child executions of type EXPRESS cannot wait for an activity: set ExecutionType STANDARD.";
            self.refuse("ACTIVITY_IN_EXPRESS", pointer, message);
        }
        let arguments = source.arguments_field();
        if state[arguments].to_string().contains("Task.Token") {
            let message = format!(
                "{resource} has the task token as an argument: Step Functions gives the token of an activity's task to the worker only."
            );
            self.refuse("TOKEN_OF_ACTIVITY", &format!("{pointer}/{arguments}"), message);
        }
        if asks {
            let message = format!(
                "{resource} cannot run on a worker. Use a Task with .waitForTaskToken: `flow approve ID --engine sfn` answers it. \
                 Only a flow serve runs {resource} itself: `flow deploy FILE --endpoint URL`."
            );
            self.refuse("APPROVAL_ON_WORKER", pointer, message);
        }
        if ACTING_ON_WORKER.iter().any(|beginning| resource.starts_with(beginning)) {
            let message = format!("{resource} acts on the machine of whichever worker receives the task.");
            self.warn("ACTS_ON_WORKER", pointer, message);
        }
        let description = step.description();
        let activity = activity_name(&description);
        let arn = (self.arn)(&activity);
        let own_bytes = state.get(arguments).map_or(0, |value| value.to_string().len());
        if let Some(compiled) = compiled.as_object_mut() {
            wrap(compiled, source.name, scope, arn, self.options);
        }
        self.refuse_large_task(compiled[arguments].to_string().len(), own_bytes, &format!("{pointer}/{arguments}"));
        let found = Activity { name: activity.clone(), step: description.name, actions: description.actions };
        self.activities.insert(activity, found);
    }

    fn inside(&mut self, source: &RawState<'_>, compiled: &mut Value, scope: &TaskScope, express: bool) {
        let is_map = source.json["Type"] == "Map";
        let distributed = is_map && is_distributed(source.json);
        let express = if distributed { has_express_children(source.json) } else { express };
        let mut scope = scope.clone();
        scope.path.push(source.name.to_owned());
        // A child execution of a distributed Map has its own id, so outer indexes are not needed.
        scope.depth = if distributed { 0 } else { scope.depth + usize::from(is_map) };
        for machine in source.machines() {
            let Some(kind) = machine.kind else { continue };
            let Some(compiled) = kind.find_mut(compiled) else { continue };
            self.machine(&machine, compiled, &scope, express);
            if is_map && !distributed && has_inline_map_of_steps(machine.json, false) {
                keep_index(compiled, source.name, &scope, &mut self.names);
            }
        }
    }
}

/// Adds the state that stores a Map's index for the Maps inside it.
fn keep_index(machine: &mut Value, map: &str, scope: &TaskScope, names: &mut BTreeSet<String>) {
    let Some(start) = machine["StartAt"].as_str().map(str::to_owned) else { return };
    let Some(states) = states_of_mut(machine) else { return };
    let name = added_state_name(map, names);
    let mut all = Map::new();
    all.insert(name.clone(), scope.index_state(&start));
    all.extend(std::mem::take(states));
    *states = all;
    machine["StartAt"] = Value::String(name);
}
