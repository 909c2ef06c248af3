//! Runs the state in a state machine that contains only this state, without a runner.

use std::sync::Arc;

use engine::{
    asl::{self, Severity},
    journal::{EntryContent, ErrorAndCause, HistoryEventDetails, JournalEntry, Note},
    machine::{
        Execution, ExecutionHeader, ExecutionStatus, FrameState, Identity, Input, StepAnswer, Tolerated, advance,
        cause_without_state,
    },
    query::Moment,
    runner::{NewExecution, process_evaluator},
};
use serde_json::{Map, Value, json};

use super::{
    STATE_NAME,
    mock::{Mock, without_metadata},
};
use crate::{Api, Fault, definition, records::set, uuid::new_uuid};

/// The data of a test run.
pub(super) struct TestedState {
    pub identity: Identity,
    pub context: Option<Value>,
    pub variables: Map<String, Value>,
    pub mock: Option<Mock>,
    /// The number of retries that each rule of `Retry` has used, from the request.
    pub retries: u32,
    /// The number of iterations of a Map that failed, from the request.
    pub failures: Option<u64>,
    /// The data of an ItemReader, from the request.
    pub reader_data: Option<String>,
    pub now_ms: u64,
}

/// The result of a test run.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub status: &'static str,
    pub output: Option<Value>,
    pub failure: Option<ErrorAndCause>,
    pub next_state: Option<String>,
    /// The variables that the state assigned.
    pub assigned: Map<String, Value>,
    /// The parameters that the Task would send.
    pub parameters: Option<Value>,
    /// The rule of `Retry` that handles the failure, and the seconds until it retries.
    pub retrier: Option<usize>,
    pub retry_seconds: Option<u64>,
    /// Whether a Map or a Parallel failed before its children started.
    pub not_begun: bool,
    /// Whether more iterations of a Map failed than it tolerates.
    pub exceeded: bool,
    /// The items of a Map, or its batches of items.
    pub items: Option<Value>,
    /// The number of failures that a Map that has begun tolerates.
    pub tolerated: Tolerated,
}

/// The state that sets the variables and precedes the one under test. No state of the definition can have its name.
const FIRST: &str = "flow: variables";

/// The fields of a Task that define its call.
const CALL_FIELDS: [&str; 9] = [
    "Resource",
    "InputPath",
    "Parameters",
    "Arguments",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "HeartbeatSeconds",
    "Credentials",
    "QueryLanguage",
];

/// The targets of the state, renamed so that they cannot collide with states inside it.
struct Targets(Vec<String>);

impl Targets {
    fn name(&mut self, target: &str) -> String {
        let known = self.0.iter().position(|name| name == target);
        let index = known.unwrap_or_else(|| {
            self.0.push(target.to_owned());
            self.0.len() - 1
        });
        format!("target {index}")
    }

    /// Renames the targets in the state's JSON.
    fn rename(&mut self, state: &mut Value) {
        for field in ["Next", "Default"] {
            if let Some(Value::String(target)) = state.get_mut(field) {
                *target = self.name(target);
            }
        }
        for list in ["Choices", "Catch"] {
            for rule in state.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(Value::String(target)) = rule.get_mut("Next") {
                    *target = self.name(target);
                }
            }
        }
    }

    fn original(&self, name: &str) -> Option<String> {
        let index: usize = name.strip_prefix("target ")?.parse().ok()?;
        self.0.get(index).cloned()
    }
}

impl TestedState {
    /// Runs a state with an input.
    pub fn run(&self, state: &Value, input: &Value) -> Result<Outcome, Fault> {
        match state["Type"].as_str() {
            Some("Map" | "Parallel") => self.run_composite(state, input),
            _ => self.drive(state, input, None, self.mock.as_ref()),
        }
    }

    /// Refuses a state that cannot be created.
    pub fn refuse_invalid(&self, state: &Value) -> Result<(), Fault> {
        let found = definition::errors(&self.definition(state, &mut Targets(Vec::new())));
        if found.is_empty() { Ok(()) } else { Err(definition::invalid(&found.iter().collect::<Vec<_>>())) }
    }

    /// Runs a state. `read` is the answer of a Map's reader, `mock` the answer of a Task.
    pub(super) fn drive(
        &self,
        state: &Value,
        input: &Value,
        read: Option<Value>,
        mock: Option<&Mock>,
    ) -> Result<Outcome, Fault> {
        let mut targets = Targets(Vec::new());
        let machine = parsed(&self.definition(state, &mut targets))?;
        let mut execution = Execution::new("test", "test", machine, input.clone());
        execution.header.identity = Some(Arc::new(self.identity.clone()));
        execution.context = self.context.clone().map(Arc::new);
        let moment = Moment { now_ms: self.now_ms, entropy: rand::random() };
        let mut entries = settled(&mut execution, Input::Start, &moment);
        if let Some(due_ms) = wait_due_ms(&execution) {
            // The time of the wait does not pass, so the five minutes of a test do not end it.
            execution.header.deadline_ms = None;
            let moment = Moment { now_ms: due_ms, ..moment };
            entries.extend(settled(&mut execution, Input::TimerFired, &moment));
        }
        if let (Some(output), Some((frame, visit, true))) = (read, waiting_task(&execution)) {
            let answer = StepAnswer::Done { output, changes: Vec::new() };
            let read = Input::Answered { frame, visit, attempt: 1, answer };
            entries.extend(settled(&mut execution, read, &moment));
        }
        let Some((frame, visit, _)) = waiting_task(&execution) else {
            let (items, tolerated) = items_of(&execution);
            return Ok(Outcome { items, tolerated, ..outcome(&execution.header, &entries, &targets) });
        };
        let Some(mock) = mock else {
            return Err(Fault::validation("A test mock is required to test a Task state here"));
        };
        if let Some(frame) = execution.frames.get_mut(frame) {
            frame.row.retries.iter_mut().for_each(|count| *count = self.retries);
            frame.row.attempt += self.retries;
        }
        let answer = match mock.clone() {
            Mock::Result(result) => Ok(result),
            Mock::Error(error, cause) => Err(ErrorAndCause { error, cause }),
        };
        let signalled = Input::Signalled { frame, visit, attempt: None, answer, by: None };
        entries.extend(settled(&mut execution, signalled, &moment));
        let mut outcome = outcome(&execution.header, &entries, &targets);
        let mut frames = execution.frames.in_order();
        outcome.retrier = frames.find_map(|frame| frame.row.retries.iter().position(|count| *count > self.retries));
        Ok(outcome)
    }

    /// Makes a Task's call in a separate execution, which is deleted afterwards.
    pub async fn call(&self, api: &Api, state: &Value, input: &Value) -> Result<Mock, Fault> {
        let mut bare = json!({ "Type": "Task", "End": true });
        for field in CALL_FIELDS {
            set(&mut bare, field, state.get(field).cloned());
        }
        let definition = self.definition(&bare, &mut Targets(Vec::new()));
        parsed(&definition)?;
        let id = format!("test-state:{}", new_uuid());
        let new = NewExecution {
            identity: Some(self.identity.clone()),
            environment: api.options.host.environment(true).await,
            ..NewExecution::new(&id, "test-state", &definition, input.clone())
        };
        let mut follow = api.runner.follow(&id, 1);
        api.runner.start_execution(new).await?;
        let header = follow.settled().await?;
        if header.paused {
            api.runner.cancel(&id, "", "").await?;
        }
        api.runner.store().delete_execution(&id)?;
        match (header.result(), &header.failure) {
            (Some(output), _) => Ok(Mock::Result(without_metadata(Arc::unwrap_or_clone(output)))),
            (None, Some(failure)) => {
                Ok(Mock::Error(failure.error.clone(), cause_without_state(&failure.cause).to_owned()))
            }
            (None, None) => Err(Fault::validation("The call has no usable credentials")),
        }
    }

    fn definition(&self, state: &Value, targets: &mut Targets) -> Value {
        let mut state = state.clone();
        targets.rename(&mut state);
        if state.get("QueryLanguage").is_none() {
            state["QueryLanguage"] = json!("JSONPath");
        }
        let first = json!({ "Type": "Pass", "Assign": self.variables, "Next": STATE_NAME });
        let mut states = Map::new();
        states.insert(FIRST.to_owned(), first);
        states.insert(STATE_NAME.to_owned(), state);
        for index in 0..targets.0.len() {
            states.insert(format!("target {index}"), json!({ "Type": "Wait", "Seconds": 1, "End": true }));
        }
        json!({ "StartAt": FIRST, "States": states })
    }
}

fn parsed(definition: &Value) -> Result<Arc<asl::StateMachine>, Fault> {
    asl::parse(definition).map_err(|problems| {
        let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        definition::invalid(&errors)
    })
}

/// Advances until the execution waits for something outside.
fn settled(execution: &mut Execution, input: Input, moment: &Moment) -> Vec<JournalEntry> {
    let mut entries = advance(execution, input, moment, process_evaluator()).entries.to_vec();
    while execution.has_more_to_do() {
        entries.extend(advance(execution, Input::TimerFired, moment, process_evaluator()).entries.iter().cloned());
    }
    entries
}

/// The end of the wait if the state under test is a Wait. TestState does not wait.
fn wait_due_ms(execution: &Execution) -> Option<u64> {
    execution.frames.in_order().find_map(|frame| match &frame.row.frame_state {
        FrameState::Waiting { due_ms } if frame.row.parent.is_none() && *frame.row.state == *STATE_NAME => {
            Some(*due_ms)
        }
        _ => None,
    })
}

/// The frame and visit of the Task that waits for an answer, and whether it is the call of a Map's reader.
fn waiting_task(execution: &Execution) -> Option<(u64, u64, bool)> {
    execution.frames.in_order().find_map(|frame| match &frame.row.frame_state {
        FrameState::Task { resource, .. } => Some((frame.row.id, frame.row.visit, resource.is_some())),
        _ => None,
    })
}

/// The items of a Map that has begun, and how many failures it tolerates.
fn items_of(execution: &Execution) -> (Option<Value>, Tolerated) {
    let map = execution.frames.in_order().find_map(|frame| match &frame.row.frame_state {
        FrameState::Map { items, tolerated, .. } => Some((Value::Array(items.to_vec()), *tolerated)),
        _ => None,
    });
    map.map_or((None, Tolerated::default()), |(items, tolerated)| (Some(items), tolerated))
}

impl Outcome {
    fn fold_note(&mut self, note: &Note, at_ms: u64) {
        match note {
            Note::Caught { failure, .. } => {
                self.status = "CAUGHT_ERROR";
                self.failure = Some(without_state(&failure.error, &failure.cause));
            }
            Note::RetryScheduled { failure, next_attempt_ms, .. } => {
                self.status = "RETRIABLE";
                self.failure = Some(without_state(&failure.error, &failure.cause));
                self.retry_seconds = Some(next_attempt_ms.saturating_sub(at_ms) / 1_000);
            }
            _ => {}
        }
    }
}

fn outcome(header: &ExecutionHeader, entries: &[JournalEntry], targets: &Targets) -> Outcome {
    let mut outcome = Outcome { status: "SUCCEEDED", ..Outcome::default() };
    for entry in entries {
        match &entry.content {
            EntryContent::Event(event) => match &event.details {
                HistoryEventDetails::StateExited { name, output, assigned_variables, .. } if **name == *STATE_NAME => {
                    outcome.output = Some((**output).clone());
                    outcome.assigned = assigned_variables.as_deref().cloned().unwrap_or_default();
                }
                HistoryEventDetails::StateEntered { name, .. } => {
                    outcome.next_state = outcome.next_state.or_else(|| targets.original(name));
                }
                HistoryEventDetails::TaskScheduled { parameters, .. } => {
                    outcome.parameters = Some((**parameters).clone())
                }
                _ => {}
            },
            EntryContent::Note(note) => outcome.fold_note(note, entry.timestamp_ms),
        }
    }
    if header.status == ExecutionStatus::Failed
        && let Some(failure) = &header.failure
    {
        outcome.status = "FAILED";
        outcome.failure = Some(without_state(&failure.error, &failure.cause));
    }
    outcome
}

/// A failure whose cause does not name the state: TestState omits it.
fn without_state(error: &str, cause: &str) -> ErrorAndCause {
    ErrorAndCause { error: error.to_owned(), cause: cause_without_state(cause).to_owned() }
}
