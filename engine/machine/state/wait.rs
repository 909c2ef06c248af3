//! Wait: until a time, or for a number of seconds.

use serde_json::Value;

use crate::{
    asl::{EvaluationFailure, Template, Wait},
    journal::StepFailure,
    machine::{
        FrameId, FrameState,
        scope::{Extra, shown},
        turn::Turn,
    },
    query::parse_timestamp,
    step::error_names,
};

/// The longest Wait for a number of seconds. Source: states-language.net/spec.html, "Wait State".
const SECONDS_MAX: u64 = 99_999_999;
/// The longest Wait until a timestamp, in seconds; AWS counts in 32 bits.
const TIMESTAMP_SECONDS_AHEAD_MAX: u64 = 2_147_483_647;
/// The cause of a Wait that ends too far ahead.
const TOO_LONG: &str = "Wait state delay is too long.";

impl Turn<'_> {
    /// Begins to wait.
    pub fn begin_wait(&mut self, id: FrameId, wait: &Wait) -> Result<(), StepFailure> {
        let now = self.now_ms();
        let due_ms = match wait {
            Wait::Seconds(template) => {
                let value = self.evaluate(id, template, Extra::None)?;
                let seconds = self.delay_seconds(id, template, &value)?;
                now.saturating_add(seconds.saturating_mul(1_000))
            }
            Wait::Timestamp(template) => {
                let value = self.evaluate(id, template, Extra::None)?;
                self.due_time(id, template, &value)?
            }
        };
        if due_ms.saturating_sub(now) / 1_000 > TIMESTAMP_SECONDS_AHEAD_MAX {
            return Err(self.runtime_failure(id, TOO_LONG));
        }
        self.row_mut(id).frame_state = FrameState::Waiting { due_ms };
        Ok(())
    }

    fn delay_seconds(&mut self, id: FrameId, template: &Template, value: &Value) -> Result<u64, StepFailure> {
        if let Template::Query { query, field } = template {
            let path = query.source_in_cause().to_owned();
            let refuse = |turn: &mut Self, what: &str| {
                Err(turn.runtime_failure(id, format!("The {field} parameter {what}: {path} == {}", shown(value))))
            };
            return match (value.as_u64(), value.as_i64()) {
                (Some(seconds), _) if seconds <= SECONDS_MAX => Ok(seconds),
                (Some(_), _) => Err(self.runtime_failure(id, TOO_LONG)),
                (None, Some(_)) => refuse(self, "references a negative value"),
                (None, None) => refuse(self, "cannot be parsed as a long value"),
            };
        }
        let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0 && seconds.fract() == 0.0);
        match seconds {
            Some(seconds) if seconds <= SECONDS_MAX as f64 => Ok(seconds as u64),
            Some(_) => Err(self.runtime_failure(id, TOO_LONG)),
            None => Err(self.unexpected_type(id, template, "integer", value)),
        }
    }

    fn due_time(&mut self, id: FrameId, template: &Template, value: &Value) -> Result<u64, StepFailure> {
        if let Some(time) = value.as_str().and_then(parse_timestamp) {
            return Ok(u64::try_from(time.as_millisecond()).unwrap_or(0));
        }
        let form = "ISO-8601 extended offset date-time format string";
        if let Template::Query { query, field } = template {
            let path = query.source_in_cause();
            let cause = format!("The {field} parameter does not reference a valid {form}: {path} == {}", shown(value));
            return Err(self.runtime_failure(id, cause));
        }
        if !value.is_string() {
            return Err(self.unexpected_type(id, template, "string", value));
        }
        let cause = format!("The Timestamp field cannot be parsed as an {form}: {}", shown(value));
        let location = Some("Timestamp".to_owned());
        let failure = EvaluationFailure { location, error: error_names::QUERY_EVALUATION_ERROR, cause };
        Err(self.evaluation_failed(id, failure))
    }

    /// Ends a Wait whose time has come.
    pub fn wait_is_over(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id).cloned() else { return };
        if let Err(failure) = self.leave_with_input(id, &state) {
            self.fail_state(id, failure);
        }
    }
}
