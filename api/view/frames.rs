//! Adds to a view what only frames record: the journal has no entry of it.

use engine::{
    journal::StateType,
    machine::{FrameRow, FrameState},
};

use super::{AwaitedHeartbeat, StateStatus, View, Wait};

/// The most states of distributed Maps' iterations that a view takes from frames. There may be ten thousand.
const ITERATION_STATES_MAX: usize = 100;

impl View {
    /// Adds what only frames contain: the end of a Wait, the last poll of a task, the progress of a Map, and the states of a
    /// distributed Map's iterations, whose events are in histories of their own. `deadline_ms` is the execution's.
    pub fn apply_frames(&mut self, frames: &[FrameRow], deadline_ms: Option<u64>) {
        let mut iteration_states = 0;
        for row in frames {
            self.apply_map_frame(row);
            self.apply_withheld_call(row);
            let status = match &row.frame_state {
                FrameState::Waiting { due_ms } => StateStatus::Sleeping { due_ms: *due_ms },
                FrameState::Task { first_poll_ms, .. } if row.waits_for_worker() => {
                    let deadline_ms = row.answerable_until_ms(deadline_ms);
                    StateStatus::Waiting(Wait { deadline_ms, ..Wait::for_worker(*first_poll_ms) })
                }
                FrameState::Task { first_poll_ms, .. } if row.runs_at_worker() => {
                    // Each heartbeat moves the end of HeartbeatSeconds.
                    StateStatus::Waiting(Wait::at_worker(*first_poll_ms, row.times_out_ms(deadline_ms)))
                }
                FrameState::Task { parked: Some(_), waiting: Some(waiting), .. } => StateStatus::Waiting(Wait {
                    reason: waiting.reason.clone(),
                    polled_ms: waiting.polled_ms,
                    // Nothing polls it.
                    next_poll_ms: 0,
                    deadline_ms: row.answerable_until_ms(deadline_ms),
                    instructions: waiting.instructions.clone(),
                }),
                FrameState::Task { parked: Some(_), .. } => {
                    let heartbeat = row.heartbeat_due_ms().map(AwaitedHeartbeat::DueMs);
                    StateStatus::Parked { deadline_ms: row.times_out_ms(deadline_ms), heartbeat }
                }
                FrameState::Task { next_poll_ms: Some(next), waiting: Some(waiting), .. } => {
                    StateStatus::Waiting(Wait {
                        reason: waiting.reason.clone(),
                        polled_ms: waiting.polled_ms,
                        next_poll_ms: *next,
                        deadline_ms: row.answerable_until_ms(deadline_ms),
                        instructions: waiting.instructions.clone(),
                    })
                }
                _ => continue,
            };
            if row.is_in_child_execution && iteration_states < ITERATION_STATES_MAX {
                iteration_states += 1;
                self.enter_from_frame(row);
            }
            self.set(&row.state_path(), status);
        }
    }

    /// Marks a first call that is scheduled but due: the process that scheduled the call stopped before it made it. The journals of earlier
    /// versions do not record that.
    fn apply_withheld_call(&mut self, row: &FrameRow) {
        let FrameState::Task { next_poll_ms: Some(_), waiting: None, parked: None, .. } = row.frame_state else {
            return;
        };
        self.not_called(&row.state_path());
    }

    /// Whether it needs frames: only they have the due time of a Wait and the progress of a distributed Map.
    pub fn lacks_frames(&self) -> bool {
        self.active().any(|state| is_wait_without_due_time(&state.status, state.state_type))
            || self.maps.keys().any(|path| self.is_distributed(path))
    }

    /// Folds the due times of Waits and the progress of distributed Maps into a view that follows the journal. The frames may be of a
    /// later time than the view, so nothing else is taken from them.
    pub fn apply_due_times(&mut self, frames: &[FrameRow]) {
        for row in frames {
            let path = row.state_path();
            if self.is_distributed(&path) {
                self.apply_map_frame(row);
            }
            let FrameState::Waiting { due_ms } = row.frame_state else { continue };
            if let Some(state) = self.states.get_mut(&path)
                && is_wait_without_due_time(&state.status, state.state_type)
            {
                state.status = StateStatus::Sleeping { due_ms };
            }
        }
    }

    /// Whether a state is a running Map whose iterations have histories of their own.
    pub(super) fn is_distributed(&self, path: &str) -> bool {
        let runs = self.states.get(path).is_some_and(|state| state.status == StateStatus::Running);
        runs && self.distributed.contains(path)
    }

    /// Takes the due times of Waits from a later view: Step Functions has no frames.
    pub fn apply_due_times_of(&mut self, later: &View) {
        for (path, state) in &mut self.states {
            let Some(StateStatus::Sleeping { due_ms }) = later.states.get(path).map(|state| &state.status) else {
                continue;
            };
            if is_wait_without_due_time(&state.status, state.state_type) {
                state.status = StateStatus::Sleeping { due_ms: *due_ms };
            }
        }
    }

    /// Adds the state of a frame that no event in this execution's history names.
    fn enter_from_frame(&mut self, row: &FrameRow) {
        let state_type = match row.frame_state {
            FrameState::Waiting { .. } => StateType::Wait,
            _ => StateType::Task,
        };
        self.enter(row.state_path(), &row.state, state_type, row.entered_ms);
    }
}

fn is_wait_without_due_time(status: &StateStatus, state_type: StateType) -> bool {
    state_type == StateType::Wait && *status == StateStatus::Running
}
