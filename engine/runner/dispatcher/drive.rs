//! Taking executions up from the store.

use super::*;
use crate::machine::ExecutionStatus;
use crate::store::{Active, Kept};

/// How many are read at once: a million must not lie in memory beside what is made of them.
const RECOVERED_AT_ONCE: usize = 1_000;

impl Dispatcher {
    /// Drives an execution that the store has: goes on with it after a crash, and, with `resume`, after a pause or a failure.
    pub fn drive(&mut self, id: &str, resume: bool, reply: Reply<()>) {
        if let Err(error) = self.drivable(id, resume) {
            return drop(reply.send(Err(error)));
        }
        if self.driven.contains_key(id) {
            return match resume {
                true => self.advance(id, Input::Resume, None, Some(Replies::Done(reply))),
                false => drop(reply.send(Ok(()))),
            };
        }
        self.driven.insert(id.into(), Driven::default());
        match resume {
            true => {
                self.advance(id, Input::Recover, None, None);
                self.advance(id, Input::Resume, None, Some(Replies::Done(reply)));
            }
            false => self.advance(id, Input::Recover, None, Some(Replies::Done(reply))),
        }
    }

    fn drivable(&mut self, id: &str, resume: bool) -> Result<(), RunnerError> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if self.draining.has_begun() {
            return Err(RunnerError::Stopped);
        }
        let header = self.store.summary(id)?.ok_or_else(|| RunnerError::ExecutionDoesNotExist { id: id.to_owned() })?;
        if !resume || header.status == ExecutionStatus::Running {
            return Ok(());
        }
        if header.status == ExecutionStatus::Succeeded {
            return Err(RunnerError::Succeeded { id: id.to_owned() });
        }
        if let Some(subject) = &header.subject {
            self.free(subject, id)?;
            self.subjects.take(subject, id, &self.store)?;
        }
        Ok(())
    }

    /// Takes up every execution that has not ended. One that only waits stays in the store until its time comes.
    pub fn recover_all(&mut self) -> Result<usize, RunnerError> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if self.draining.has_begun() {
            return Err(RunnerError::Stopped);
        }
        let (mut count, mut last) = (0, None);
        loop {
            let page = self.store.active_after(last.as_deref(), RECOVERED_AT_ONCE)?;
            let Some(behind) = page.last() else { return Ok(count) };
            last = Some(behind.id.clone());
            count += page.len();
            page.into_iter().for_each(|active| self.take_up(active));
        }
    }

    fn take_up(&mut self, Active { id, awake, next_wake_ms, .. }: Active) {
        if self.driven.contains_key(id.as_str()) {
            return;
        }
        let key: Arc<str> = id.into();
        self.driven.insert(key.clone(), Driven::default());
        match next_wake_ms {
            _ if awake => self.advance(&key, Input::Recover, None, None),
            Some(due_ms) => self.wake_at(&key, due_ms),
            None => {}
        }
    }

    /// Gives an input from outside to an execution, which is driven from then on.
    pub fn input(&mut self, id: &str, input: Input, reply: Reply<()>) {
        if let Err(error) = self.drivable(id, false) {
            return drop(reply.send(Err(error)));
        }
        if !self.driven.contains_key(id) {
            self.driven.insert(id.into(), Driven::default());
            if !matches!(input, Input::Cancel { .. }) {
                self.advance(id, Input::Recover, None, None);
            }
        }
        self.advance(id, input, None, Some(Replies::Done(reply)));
    }

    /// Brings an execution into memory that was dropped from it, or never was there.
    pub(super) fn load(&mut self, id: &str) -> Result<(), StoreError> {
        let Some(driven) = self.driven.get(id) else { return Ok(()) };
        if driven.execution.is_some() {
            return Ok(());
        }
        let missing =
            |what: &str| StoreError::Damaged { key: id.to_owned(), message: format!("its {what} is missing") };
        let Kept { header, definition_hash, frames } = self.store.kept(id)?.ok_or_else(|| missing("header"))?;
        let machine = match self.machines.known(&definition_hash) {
            Some(machine) => machine,
            None => {
                let (_, definition) = self.store.definition(id)?.ok_or_else(|| missing("definition"))?;
                self.machines.read(&definition_hash, &definition).map_err(|problems| StoreError::Damaged {
                    key: id.to_owned(),
                    message: format!("its definition cannot be read by this version: {problems:?}"),
                })?
            }
        };
        let execution = Execution::restore(header, machine, frames);
        if let Some(driven) = self.driven.get_mut(id) {
            driven.execution = Some(Box::new(execution));
        }
        Ok(())
    }
}
