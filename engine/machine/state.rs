//! Entering, executing and leaving a state.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{Activity, ExecutionStatus, FrameId, limits, scope::Extra, turn::Turn};
use crate::{
    asl::{ChoiceRule, State, StateKind, Template, Wait},
    journal::{HistoryEventDetails, StepFailure},
};

/// The longest Wait, in seconds. Source: states-language.net/spec.html, "Wait State".
const WAIT_SECONDS_MAX: f64 = 99_999_999.0;

impl Turn<'_> {
    /// Moves a frame into a state and puts it in line to be executed.
    pub fn enter(&mut self, id: FrameId, name: &str, input: Arc<Value>) {
        let now = self.now_ms();
        let row = self.row(id);
        row.state = name.to_owned();
        row.visit += 1;
        row.input = input.clone();
        row.activity = Activity::Entering;
        row.entered_ms = now;
        self.reset_retries(id);
        if let Some(state) = self.state_of(id) {
            let state_type = state.kind.state_type();
            self.event(
                Some(id),
                HistoryEventDetails::StateEntered { state_type, name: name.to_owned(), input: (*input).clone() },
            );
        }
        self.ready.push_back(id);
    }

    /// Sets the counters of `Retry` back to the first attempt.
    pub fn reset_retries(&mut self, id: FrameId) {
        let rules = self.state_of(id).map_or(0, |state| state.common.retry.len());
        let row = self.row(id);
        row.attempt = 1;
        row.retries = vec![0; rules];
    }

    /// Does what the state does, as far as it goes without time or an answer.
    pub fn execute(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id) else {
            let name = self.frame(id).row.state.clone();
            let cause = format!("The definition has no state named '{name}'.");
            return self.fail_execution(StepFailure { error: "States.Runtime".to_owned(), cause, details: None });
        };
        let done = match &state.kind {
            StateKind::Pass => {
                let input = self.frame(id).row.input.clone();
                self.leave(id, &state, Leaving::plain(&state, input))
            }
            StateKind::Succeed => {
                let input = self.frame(id).row.input.clone();
                self.leave(id, &state, Leaving::plain(&state, input))
            }
            StateKind::Fail { error, cause } => self.fail_on_purpose(id, error.as_ref(), cause.as_ref()),
            StateKind::Choice { rules, default } => self.choose(id, &state, rules, default.as_deref()),
            StateKind::Wait(wait) => self.begin_wait(id, wait),
            StateKind::Task(task) => self.begin_task(id, task),
            StateKind::Parallel { arguments, branches } => self.begin_parallel(id, arguments.as_ref(), branches),
            StateKind::Map(map) => self.begin_map(id, map),
        };
        if let Err(failure) = done {
            self.fail_state(id, failure);
        }
    }

    fn fail_on_purpose(
        &mut self,
        id: FrameId,
        error: Option<&Template>,
        cause: Option<&Template>,
    ) -> Result<(), StepFailure> {
        let mut text = |template: Option<&Template>| -> Result<String, StepFailure> {
            let Some(template) = template else { return Ok(String::new()) };
            let value = self.evaluate(id, template, Extra::None)?;
            Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let failure = StepFailure { error: text(error)?, cause: text(cause)?, details: None };
        Err(failure)
    }

    fn choose(
        &mut self,
        id: FrameId,
        state: &State,
        rules: &[ChoiceRule],
        default: Option<&str>,
    ) -> Result<(), StepFailure> {
        let input = self.frame(id).row.input.clone();
        for rule in rules {
            match self.evaluate(id, &rule.condition, Extra::None)? {
                Value::Bool(true) => {
                    let leaving = Leaving {
                        result: input,
                        next: Some(&rule.next),
                        assign: &rule.assign,
                        output: rule.output.as_ref(),
                        extra: ExtraKind::None,
                    };
                    return self.leave(id, state, leaving);
                }
                Value::Bool(false) => {}
                other => {
                    let cause =
                        format!("The JSONata expression of a Condition must answer true or false, not {other}.");
                    return Err(StepFailure { error: "States.QueryEvaluationError".to_owned(), cause, details: None });
                }
            }
        }
        let Some(default) = default else {
            let cause = format!("No rule of the Choice state '{}' matched, and it has no Default.", state.name);
            return Err(StepFailure { error: "States.NoChoiceMatched".to_owned(), cause, details: None });
        };
        let leaving = Leaving { next: Some(default), ..Leaving::plain(state, input) };
        self.leave(id, state, leaving)
    }

    fn begin_wait(&mut self, id: FrameId, wait: &Wait) -> Result<(), StepFailure> {
        let refuse =
            |cause: String| StepFailure { error: "States.QueryEvaluationError".to_owned(), cause, details: None };
        let due_ms = match wait {
            Wait::Seconds(template) => {
                let value = self.evaluate(id, template, Extra::None)?;
                let seconds = value.as_f64().filter(|s| (0.0..=WAIT_SECONDS_MAX).contains(s));
                let seconds = seconds.ok_or_else(|| refuse(format!("Seconds must be 0 to 99999999, not {value}.")))?;
                self.now_ms().saturating_add((seconds * 1000.0) as u64)
            }
            Wait::Timestamp(template) => {
                let value = self.evaluate(id, template, Extra::None)?;
                let time = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
                let time = time.ok_or_else(|| refuse(format!("Timestamp must be an RFC 3339 time, not {value}.")))?;
                u64::try_from(time.as_millisecond()).unwrap_or(0)
            }
        };
        self.row(id).activity = Activity::Waiting { due_ms };
        Ok(())
    }

    /// A Wait's time has come.
    pub fn wait_is_over(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id) else { return };
        let input = self.frame(id).row.input.clone();
        if let Err(failure) = self.leave(id, &state, Leaving::plain(&state, input)) {
            self.fail_state(id, failure);
        }
    }

    /// Leaves a state: `Assign` and `Output` both see the variables as they were when it was entered.
    pub fn leave(&mut self, id: FrameId, state: &State, leaving: Leaving<'_>) -> Result<(), StepFailure> {
        let result = leaving.result.clone();
        let extra = match leaving.extra {
            ExtraKind::None => Extra::None,
            ExtraKind::Result => Extra::Result(&result),
            ExtraKind::ErrorOutput => Extra::ErrorOutput(&result),
        };
        let mut assigned = Map::new();
        for (name, template) in leaving.assign {
            assigned.insert(name.clone(), self.evaluate(id, template, extra)?);
        }
        let output = match leaving.output {
            Some(template) => Arc::new(self.evaluate(id, template, extra)?),
            None => result.clone(),
        };
        if limits::too_large(&output) {
            let cause = format!(
                "The state '{}' returned an output larger than the maximum of {} bytes.",
                state.name,
                limits::PAYLOAD_BYTES_MAX
            );
            return Err(StepFailure { error: "States.DataLimitExceeded".to_owned(), cause, details: None });
        }
        if !assigned.is_empty() {
            Arc::make_mut(&mut self.row(id).variables).extend(assigned.clone());
        }
        self.event(
            Some(id),
            HistoryEventDetails::StateExited {
                state_type: state.kind.state_type(),
                name: state.name.clone(),
                output: (*output).clone(),
                assigned_variables: assigned,
            },
        );
        match leaving.next {
            Some(next) => self.enter(id, next, output),
            None => self.frame_ended(id, output),
        }
        Ok(())
    }

    fn frame_ended(&mut self, id: FrameId, output: Arc<Value>) {
        if self.frame(id).row.parent.is_some() {
            return self.child_ended(id, output);
        }
        self.event(Some(id), HistoryEventDetails::ExecutionSucceeded { output: (*output).clone() });
        self.header().output = Some((*output).clone());
        self.end(ExecutionStatus::Succeeded, None);
    }
}

/// How a state is left.
#[derive(Clone)]
pub(super) struct Leaving<'s> {
    /// What it leaves with, unless `output` says otherwise.
    pub result: Arc<Value>,
    /// Where to; `None` ends the frame.
    pub next: Option<&'s str>,
    pub assign: &'s BTreeMap<String, Template>,
    pub output: Option<&'s Template>,
    pub extra: ExtraKind,
}

/// What `result` is called in `$states`.
#[derive(Clone, Copy)]
pub(super) enum ExtraKind {
    None,
    Result,
    ErrorOutput,
}

impl<'s> Leaving<'s> {
    /// By the state's own `Next`, `Assign` and `Output`, without a result of its own.
    pub fn plain(state: &'s State, result: Arc<Value>) -> Self {
        let common = &state.common;
        Leaving {
            result,
            next: common.next.as_deref(),
            assign: &common.assign,
            output: common.output.as_ref(),
            extra: ExtraKind::None,
        }
    }

    /// The same, with `$states.result`.
    pub fn with_result(state: &'s State, result: Arc<Value>) -> Self {
        Leaving { extra: ExtraKind::Result, ..Leaving::plain(state, result) }
    }
}
