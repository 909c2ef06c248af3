//! The output of a turn: its changes so far and its commands.

use std::sync::Arc;

use super::Turn;
use crate::{
    journal::JournalEntry,
    machine::{Command, EarlySignal, EarlySignalChanges, Execution, FrameId, Part, Transition},
};

/// The changes of a turn except those of map runs, and its commands.
#[derive(Debug, Default)]
pub(super) struct Output {
    commands: Vec<Command>,
    entries: Vec<JournalEntry>,
    /// The frames that changed, in the order in which they first changed. Some of them may have been deleted since.
    changed_frames: Vec<FrameId>,
    deleted_frames: Vec<(FrameId, Vec<Part>)>,
    early_signals: EarlySignalChanges,
    header_changed: bool,
}

impl Output {
    pub fn add_command(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub fn add_entry(&mut self, entry: JournalEntry) {
        self.entries.push(entry);
    }

    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// Adds a frame to those that changed. A frame is added once.
    pub fn frame_changed(&mut self, id: FrameId) {
        self.changed_frames.push(id);
    }

    pub fn take_changed_frames(&mut self) -> Vec<FrameId> {
        std::mem::take(&mut self.changed_frames)
    }

    /// Adds a frame that the store must delete, with those of its parts that are stored in records of their own.
    pub fn frame_deleted(&mut self, id: FrameId, parts: Vec<Part>) {
        self.deleted_frames.push((id, parts));
    }

    pub fn header_changed(&mut self) {
        self.header_changed = true;
    }

    pub fn has_changed_header(&self) -> bool {
        self.header_changed
    }

    /// The transition without what is read from the execution: the header, the frames that changed, and map runs.
    pub fn into_transition(self) -> Transition {
        Transition {
            frames_deleted: self.deleted_frames,
            entries: Arc::new(self.entries),
            early_signals: self.early_signals,
            commands: self.commands,
            ..Transition::default()
        }
    }
}

impl Turn<'_> {
    /// Adds a command to those that follow the turn.
    pub fn command(&mut self, command: Command) {
        self.output.add_command(command);
    }

    /// Drops the calls and offers of this turn for the frames that `is_dropped` selects.
    pub fn drop_calls(&mut self, is_dropped: impl Fn(&Execution, FrameId) -> bool) {
        let execution = &*self.execution;
        self.output.commands.retain(|command| match command {
            Command::CallStep(call) => !is_dropped(execution, call.frame),
            Command::Offer(offered) => !is_dropped(execution, offered.token.frame),
            _ => true,
        });
    }

    /// Adds an early signal that the execution now stores.
    pub fn early_signal_stored(&mut self, signal: EarlySignal) {
        self.output.early_signals.put.push(signal);
    }

    /// Adds the numbers of early signals that the execution no longer stores.
    pub fn early_signals_removed(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.output.early_signals.deleted.extend(numbers);
    }
}
