//! Map: a frame for each iteration, at most `MaxConcurrency` at a time.

mod calls;
mod changes;
mod child;
mod csv;
mod items;
mod reader_answer;
mod record;
mod run;

use std::sync::Arc;

pub(super) use changes::ChangedRuns;
pub use changes::{ChildEntries, MapRunChanges};
pub(super) use items::context_of_item;
pub(crate) use record::uuid_prefix;
pub use record::{Child, ChildId, ChildStatus, Counts, MapRun, MapRunLimits, MapRunStatus, child_index, label};

use serde_json::Value;

use self::items::Items;
use super::{FrameId, FrameRow, FrameState, Tolerated, limits, scope::Extra, turn::Turn};
use crate::{
    asl::{Map, State, StateKind},
    journal::{ErrorAndCause, HistoryEventDetails, StepFailure},
    step::error_names,
};

/// The most iterations of an inline Map that run at once. Source: Step Functions Developer Guide, "Map state processing modes".
const INLINE_CONCURRENCY_MAX: u64 = 40;
/// The most child executions of a distributed Map that run at once, from the same page.
const DISTRIBUTED_CONCURRENCY_MAX: u64 = 10_000;

/// The number of iterations that may run at a time for a `MaxConcurrency`; 0 means the service's limit.
pub(super) fn concurrency(map: &Map, limit: u64) -> u64 {
    let most = if map.distributed { DISTRIBUTED_CONCURRENCY_MAX } else { INLINE_CONCURRENCY_MAX };
    if limit == 0 { most } else { limit.min(most) }
}

impl Turn<'_> {
    /// Evaluates the items and starts the first iterations.
    pub fn begin_map(&mut self, id: FrameId, map: &Map) -> Result<(), StepFailure> {
        let begun = self.try_begin_map(id, map);
        // AWS writes no MapStateFailed event for a `States.Runtime` failure.
        if let Err(failure) = &begun
            && failure.error != error_names::RUNTIME
        {
            let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
            let name = self.frame(id).row.state.clone();
            self.event(Some(id), HistoryEventDetails::MapStateFailed { name, failure });
        }
        begun
    }

    fn try_begin_map(&mut self, id: FrameId, map: &Map) -> Result<(), StepFailure> {
        if let Some(reader) = &map.item_reader {
            self.map_started(id, map, 0)?;
            return self.read_items(id, reader);
        }
        let items = self.map_items(id, map)?;
        self.map_count(id, map.max_concurrency.as_ref(), "MaxConcurrency")?;
        self.map_started(id, map, items.values.len() as u64)?;
        self.begin_with_items(id, map, items)
    }

    /// Writes MapStateStarted, and begins a run if the Map is distributed. AWS evaluates the tolerated failures between the two.
    fn map_started(&mut self, id: FrameId, map: &Map, length: u64) -> Result<(), StepFailure> {
        let name = self.frame(id).row.state.clone();
        self.event(Some(id), HistoryEventDetails::MapStateStarted { name, length });
        let tolerated = self.tolerated(id, map)?;
        if map.distributed {
            let map_run = self.begin_run(id, map, tolerated);
            self.event(Some(id), HistoryEventDetails::MapRunStarted { map_run });
        }
        Ok(())
    }

    /// Starts the first iterations.
    fn begin_with_items(&mut self, id: FrameId, map: &Map, items: Items) -> Result<(), StepFailure> {
        let limit = self.map_count(id, map.max_concurrency.as_ref(), "MaxConcurrency")?.unwrap_or(0);
        let tolerated = self.tolerated(id, map)?;
        let Items { values, keyed } = items;
        if keyed && let Some(run) = self.run_mut(id) {
            run.keyed = true;
        }
        let count = values.len() as u64;
        let items = self.batched(id, map, values)?;
        let (limit, tolerated) = self.set_up_run(id, limit, tolerated, count, items.len() as u64);
        let max_concurrency = concurrency(map, limit);
        let none = items.is_empty();
        self.row_mut(id).frame_state =
            FrameState::Map { items: Arc::new(items), next: 0, running: 0, failed: 0, max_concurrency, tolerated };
        if none && let Some(state) = self.state_of(id).cloned() {
            self.map_ended(id, &state, map);
            return Ok(());
        }
        self.start_iterations(id, map)
    }

    /// Starts as many iterations as may run at a time. Those that a redrive repeats come first.
    pub(super) fn start_iterations(&mut self, id: FrameId, map: &Map) -> Result<(), StepFailure> {
        loop {
            let redriven = self.next_redriven(id);
            let FrameState::Map { items, next, running, max_concurrency, .. } = &mut self.row_mut(id).frame_state
            else {
                return Ok(());
            };
            if *running >= *max_concurrency {
                return Ok(());
            }
            if let Some(child) = redriven {
                *running += 1;
                self.redrive_child(id, child);
                continue;
            }
            let index = *next;
            let Some(item) = items.get(index as usize).cloned().map(Arc::new) else { return Ok(()) };
            *next += 1;
            *running += 1;
            self.start_iteration(id, map, index, item)?;
        }
    }

    fn start_iteration(&mut self, id: FrameId, map: &Map, index: u64, item: Arc<Value>) -> Result<(), StepFailure> {
        let child = self.new_iteration(id, index, item.clone());
        if !map.distributed {
            let name = self.frame(id).row.state.clone();
            self.event(Some(child), HistoryEventDetails::MapIterationStarted { name, index });
        }
        let items = match &map.item_batcher {
            Some(_) => item.get("Items").and_then(Value::as_array).map_or(0, Vec::len),
            None => 1,
        };
        let input = match map.item_batcher {
            // The items of a batch were selected when the batch was made.
            Some(_) => Ok(item),
            None => self.selected_item(id, child, map, item),
        };
        let input = input.and_then(|input| limits::refuse(&self.frame(id).row.state, &input).map(|()| input));
        let input = match input {
            Ok(input) => input,
            Err(failure) => {
                self.iteration_not_begun(id, child);
                return Err(failure);
            }
        };
        self.begin_child(id, child, items as u64, &input);
        self.enter(child, &map.processor.start_at, input);
        Ok(())
    }

    /// Removes an iteration whose input could not be created. A redrive begins the iteration again.
    fn iteration_not_begun(&mut self, id: FrameId, child: FrameId) {
        self.delete(child);
        if let FrameState::Map { next, running, .. } = &mut self.row_mut(id).frame_state {
            *next -= 1;
            *running -= 1;
        }
    }

    fn new_iteration(&mut self, id: FrameId, index: u64, item: Arc<Value>) -> FrameId {
        let FrameRow { path, state, .. } = &self.frame(id).row;
        let (slash, mut number) = (if path.is_empty() { "" } else { "/" }, itoa::Buffer::new());
        let path = [path, slash, state, "[", number.format(index), "]"].concat();
        self.new_frame(Some(id), index, path.into(), Some(item))
    }

    /// The input of an iteration. The selector reads the Map's input and variables, and the item in the context object.
    fn selected_item(
        &mut self,
        id: FrameId,
        child: FrameId,
        map: &Map,
        item: Arc<Value>,
    ) -> Result<Arc<Value>, StepFailure> {
        let Some(template) = &map.item_selector else { return Ok(item) };
        let effective = self.effective_input(id)?;
        let input = self.frame(id).row.input.clone();
        self.row_mut(child).input = input;
        self.evaluate(child, template, Extra::Input(&effective)).map(Arc::new)
    }

    /// Handles an iteration that succeeded: the next one starts, or the Map ends.
    pub fn iteration_ended(&mut self, parent: FrameId, child: FrameId, state: &State, map: &Map) {
        if !map.distributed {
            let index = self.frame(child).row.index;
            // The next iteration's start follows the iteration's last event; the Map's end follows the event of the iteration's end.
            self.continue_from(parent, child);
            self.event(Some(child), HistoryEventDetails::MapIterationSucceeded { name: state.name.clone(), index });
            if self.is_last_iteration(parent) {
                self.continue_from(parent, child);
            }
        }
        self.continue_after_iteration(parent, state, map);
    }

    fn is_last_iteration(&self, id: FrameId) -> bool {
        let FrameState::Map { items, next, running, .. } = &self.frame(id).row.frame_state else { return false };
        *running == 1 && *next as usize == items.len()
    }

    fn continue_after_iteration(&mut self, parent: FrameId, state: &State, map: &Map) {
        let FrameState::Map { items, next, running, .. } = &mut self.row_mut(parent).frame_state else { return };
        *running -= 1;
        let all_ended = *running == 0 && *next as usize == items.len();
        if all_ended {
            self.map_ended(parent, state, map);
        } else if let Err(failure) = self.start_iterations(parent, map) {
            self.stop_children(parent);
            self.fail_state(parent, failure);
        }
    }

    /// Handles a failed iteration of a distributed Map: the Map continues unless its failures exceed what it tolerates.
    pub fn iteration_failed(&mut self, parent: FrameId, state: &State, map: &Map) {
        let FrameState::Map { failed, .. } = &mut self.row_mut(parent).frame_state else { return };
        *failed += 1;
        match self.threshold_exceeded(parent) {
            Some(failure) => self.map_failed(parent, state, failure),
            None => self.continue_after_iteration(parent, state, map),
        }
    }

    /// The failure of a distributed Map, if more iterations failed than it tolerates.
    fn threshold_exceeded(&mut self, id: FrameId) -> Option<StepFailure> {
        let FrameState::Map { items, failed, tolerated, .. } = &self.frame(id).row.frame_state else { return None };
        if !tolerated.is_exceeded(*failed, items.len()) {
            return None;
        }
        let recorded = Tolerated::exceeded();
        let ErrorAndCause { error, cause } = recorded.clone();
        self.event(Some(id), HistoryEventDetails::MapRunFailed(recorded));
        Some(StepFailure { error, cause, details: None })
    }

    pub(super) fn map_ended(&mut self, id: FrameId, state: &State, map: &Map) {
        debug_assert!(matches!(state.kind, StateKind::Map(_)));
        let Some(writer) = &map.result_writer else {
            let result = self.outputs_of_children(id);
            return self.map_succeeded(id, state, map, result);
        };
        let result = self.transformed(id, writer);
        if writer.resource.is_none() {
            return self.map_succeeded(id, state, map, result);
        }
        if let Err(failure) = self.write_results(id, writer, result) {
            self.map_run_failed(id, &failure);
            self.fail_state(id, failure);
        }
    }

    fn map_succeeded(&mut self, id: FrameId, state: &State, map: &Map, result: Value) {
        let line = self.frame(id).row.last_event_id;
        if map.distributed {
            // AWS also counts results as written if they are the state's output (recorded).
            self.results_written(id);
            self.end_run(id, MapRunStatus::Succeeded);
            self.event(Some(id), HistoryEventDetails::MapRunSucceeded);
        }
        self.event(Some(id), HistoryEventDetails::MapStateSucceeded { name: state.name.clone() });
        self.row_mut(id).last_event_id = line;
        self.leave_composite(id, state, result);
    }
}
