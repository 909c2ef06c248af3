//! Loads executions from the store and gives them inputs.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Dispatcher, Driven, TurnReply};
use crate::{
    journal::Signaller,
    machine::{Execution, ExecutionHeader, ExecutionStatus, Input, Reentry, SignalAnswer, check_reentry},
    runner::{
        RunnerError,
        message::{Message, Reply, Resume},
    },
    store::{Active, StoreError, StoredExecution},
};

/// The number of executions that are read at a time. It bounds the memory for the records read.
const RECOVERED_AT_ONCE: usize = 1_000;

impl Dispatcher {
    /// Continues an execution that another process left. Nothing happens if this process drives it.
    pub fn recover(&mut self, id: &str, reply: Reply<()>) {
        if let Err(error) = self.check_exists(id) {
            return drop(reply.send(Err(error)));
        }
        if self.driven.contains_key(id) {
            return drop(reply.send(Ok(())));
        }
        self.driven.insert(id.into(), Driven::default());
        self.advance(id, Input::Recover, None, Some(TurnReply::Done(reply)));
    }

    /// Continues an execution after a crash, a pause or a failure.
    pub fn resume(&mut self, id: &str, resume: Resume, reply: Reply<()>) {
        let Resume { environment, from, only_unfinished } = resume;
        if only_unfinished {
            match self.end_status(id) {
                Ok(None) => {}
                Ok(Some(status)) => {
                    return drop(reply.send(Err(RunnerError::HasEnded { id: id.to_owned(), status })));
                }
                Err(error) => return drop(reply.send(Err(error))),
            }
        }
        let checked = self.check_resumable(id).and_then(|subject| {
            self.check_reentry(id, &from)?;
            self.take_subject(subject.as_deref(), id)
        });
        if let Err(error) = checked {
            return drop(reply.send(Err(error)));
        }
        let recover = !self.driven.contains_key(id);
        let environment = environment.map(Arc::new);
        let input = match from.is_empty() {
            true => Input::Resume { environment, recover },
            false => Input::ResumeFrom { path: from, environment },
        };
        if recover {
            self.driven.insert(id.into(), Driven::default());
        }
        self.advance(id, input, None, Some(TurnReply::Done(reply)));
    }

    /// The end of an execution, durable or in a turn that is being committed; `None` if it has not ended.
    fn end_status(&self, id: &str) -> Result<Option<ExecutionStatus>, RunnerError> {
        let in_memory = self.driven.get(id).and_then(|driven| driven.execution.as_deref());
        let status = match in_memory {
            Some(execution) => Some(execution.header.status),
            None => self.store.summary(id)?.map(|header| header.status),
        };
        Ok(status.filter(|status| *status != ExecutionStatus::Running))
    }

    /// Refuses a state at which the machine would not continue.
    fn check_reentry(&mut self, id: &str, path: &[Reentry]) -> Result<(), RunnerError> {
        if path.is_empty() {
            return Ok(());
        }
        let in_memory = self.driven.get(id).and_then(|driven| driven.execution.as_deref());
        let (status, machine) = match in_memory {
            Some(execution) => (execution.header.status, execution.machine.clone()),
            None => {
                let execution = self.restored(id)?;
                (execution.header.status, execution.machine)
            }
        };
        let message = match status {
            ExecutionStatus::Running => format!("{id} has not ended"),
            _ => match check_reentry(&machine, path) {
                Ok(()) => return Ok(()),
                Err(error) => error.to_string(),
            },
        };
        Err(RunnerError::ReentryRefused { message })
    }

    /// Refuses requests after a failure of the store and while the runner stops.
    pub(super) fn check_running(&self) -> Result<(), RunnerError> {
        match &self.failed {
            Some(error) => Err(error.clone().into()),
            None if self.draining.has_begun() => Err(RunnerError::Stopped),
            None => Ok(()),
        }
    }

    /// The header of an execution that can be driven.
    fn check_exists(&self, id: &str) -> Result<ExecutionHeader, RunnerError> {
        self.check_running()?;
        self.store.summary(id)?.ok_or_else(|| RunnerError::ExecutionDoesNotExist { id: id.to_owned() })
    }

    /// Checks that an execution can continue. Returns the subject that it takes when it continues after its end.
    fn check_resumable(&mut self, id: &str) -> Result<Option<String>, RunnerError> {
        let header = self.check_exists(id)?;
        if header.status == ExecutionStatus::Running {
            return Ok(None);
        }
        if header.status == ExecutionStatus::Succeeded {
            return Err(RunnerError::Succeeded { id: id.to_owned() });
        }
        if let Some(subject) = &header.subject {
            self.check_subject(subject, id)?;
        }
        Ok(header.subject)
    }

    /// Registers the execution as the one that works on a subject.
    fn take_subject(&mut self, subject: Option<&str>, id: &str) -> Result<(), RunnerError> {
        if let Some(subject) = subject {
            self.subjects.record(subject, id, &self.store)?;
        }
        Ok(())
    }

    /// Recovers every execution that has not ended. One that only waits is not loaded until its due time. The holders of tasks have one
    /// HeartbeatSeconds from the first recovery on: while no process served them, no heartbeat could arrive.
    pub fn recover_all(&mut self) -> Result<usize, RunnerError> {
        self.check_running()?;
        let now_ms = self.clock.now_ms();
        self.heartbeats_from_ms.get_or_insert(now_ms);
        let (mut count, mut last) = (0, None);
        loop {
            let page = self.store.active_after(last.as_deref(), RECOVERED_AT_ONCE)?;
            let Some(last_active) = page.last() else { return Ok(count) };
            last = Some(last_active.id.clone());
            count += page.len();
            page.into_iter().for_each(|active| self.recover_active(active));
        }
    }

    fn recover_active(&mut self, Active { id, awake, next_wake_ms, .. }: Active) {
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

    /// Applies an input from outside to an execution, which is driven from then on.
    pub fn input(&mut self, id: &str, input: Input, reply: Reply<()>) {
        if let Err(error) = self.check_exists(id) {
            return drop(reply.send(Err(error)));
        }
        let mut input = input;
        if !self.driven.contains_key(id) {
            self.driven.insert(id.into(), Driven::default());
            // A call by a previous process is not in flight here: its answer will not come.
            if let Input::CancelAfterCalls { error, cause } = input {
                input = Input::Cancel { error, cause };
            }
            if !matches!(input, Input::Cancel { .. }) {
                self.advance(id, Input::Recover, None, None);
            }
            // An execution that has ended is not driven.
            if !self.driven.contains_key(id) {
                return drop(reply.send(Err(RunnerError::NotWaiting { message: not_waiting(id) })));
            }
        }
        if self.is_in_lane(id) && !input.ends_execution() {
            return self.queue_message(id, Message::Input { id: id.to_owned(), input, reply });
        }
        // Checked here: the stored frames may lag by one turn, and of two simultaneous answers the second must not be confirmed.
        match self.is_awaited(id, &input) {
            Ok(true) if matches!(input, Input::Signalled { .. }) => {
                self.advance(id, input, None, Some(TurnReply::Answer(reply)));
            }
            Ok(true) => self.advance(id, input, None, Some(TurnReply::Done(reply))),
            Ok(false) => {
                let message = match &input {
                    Input::WithdrawSignal { state, .. } => format!("{id} keeps no answer for '{state}'"),
                    _ => not_waiting(id),
                };
                let _ = reply.send(Err(RunnerError::NotWaiting { message }));
                self.unload_ended(&Arc::from(id));
            }
            Err(error) => drop(reply.send(Err(error.into()))),
        }
    }

    /// See [`Execution::awaits`].
    fn is_awaited(&mut self, id: &str, input: &Input) -> Result<bool, StoreError> {
        let (Input::Signalled { .. } | Input::Heartbeat { .. } | Input::Fetched { .. } | Input::WithdrawSignal { .. }) =
            input
        else {
            return Ok(true);
        };
        self.load(id)?;
        let now_ms = self.clock.now_ms();
        let execution = self.driven.get(id).and_then(|driven| driven.execution.as_deref());
        Ok(execution.is_some_and(|execution| execution.awaits(input, now_ms)))
    }

    /// Filters these executions for those that are driven.
    pub fn driven_of(&self, mut ids: Vec<String>) -> Vec<String> {
        ids.retain(|id| self.driven.contains_key(id.as_str()));
        ids
    }

    /// Answers a Task that need not wait yet. Refuses an answer that its execution could not store.
    pub fn signal_early(
        &mut self,
        id: &str,
        state: String,
        answer: SignalAnswer,
        by: Option<Signaller>,
        kept: oneshot::Sender<bool>,
        reply: Reply<()>,
    ) {
        match self.check_early_signal(id, &state, &answer) {
            Ok(is_kept) => {
                let _ = kept.send(is_kept);
                self.input(id, Input::SignalEarly { state, answer, by }, reply)
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn check_early_signal(&mut self, id: &str, state: &str, answer: &SignalAnswer) -> Result<bool, RunnerError> {
        self.check_exists(id)?;
        let in_memory = self.driven.get(id).and_then(|driven| driven.execution.as_deref());
        let checked = match in_memory {
            Some(execution) => execution.check_early_signal(state, answer),
            None => self.restored(id)?.check_early_signal(state, answer),
        };
        checked.map_err(|refusal| RunnerError::SignalRefused { message: refusal.to_string() })
    }

    /// Loads a driven execution into memory, unless it is loaded or its turn runs in a lane.
    pub(super) fn load(&mut self, id: &str) -> Result<(), StoreError> {
        let Some(driven) = self.driven.get(id) else { return Ok(()) };
        if driven.execution.is_some() || driven.in_lane.is_some() {
            return Ok(());
        }
        let execution = self.restored(id)?;
        if let Some(driven) = self.driven.get_mut(id) {
            driven.execution = Some(Box::new(execution));
        }
        Ok(())
    }

    /// Restores an execution from the store.
    fn restored(&mut self, id: &str) -> Result<Execution, StoreError> {
        let missing =
            |what: &str| StoreError::Damaged { key: id.to_owned(), message: format!("its {what} is missing") };
        let StoredExecution { header, definition_hash, frames } =
            self.store.load(id)?.ok_or_else(|| missing("header"))?;
        let machine = match self.machines.get(&definition_hash) {
            Some(machine) => machine,
            None => {
                let (_, definition) = self.store.definition(id)?.ok_or_else(|| missing("definition"))?;
                self.machines.parse(&definition_hash, &definition).map_err(|problems| StoreError::Damaged {
                    key: id.to_owned(),
                    message: format!("its definition cannot be read by this version: {problems:?}"),
                })?
            }
        };
        let mut execution = Execution::restore(header, machine, frames);
        if let Some(from_ms) = self.heartbeats_from_ms {
            execution.count_heartbeats_from(from_ms);
        }
        Ok(execution)
    }
}

/// The message about an answer to a Task that does not wait any more.
pub(super) fn not_waiting(id: &str) -> String {
    format!("the task of {id} has been answered, timed out or cancelled")
}
