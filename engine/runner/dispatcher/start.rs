//! Starts an execution: checks the subject, parses the definition, executes the first turn.

use std::sync::Arc;

use super::{Dispatcher, Driven, StartWrite, TurnReply};
use crate::{
    machine::{Execution, ExecutionHeader, ExecutionStatus, Input, check_reentry},
    runner::{
        NewExecution, RunnerError,
        committer::Commit,
        message::{Committed, Reply},
    },
    store::{ExecutionId, StartData, Write},
};

impl Dispatcher {
    /// Starts an execution. A repeated start with the same id, workflow and input attaches to the existing execution.
    pub fn start(&mut self, new: NewExecution, reply: Reply<ExecutionHeader>) {
        match self.prepare(&new) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(Some(existing)) => self.attach(existing, reply),
            Ok(None) => self.begin(new, reply),
        }
    }

    fn prepare(&mut self, new: &NewExecution) -> Result<Option<ExecutionHeader>, RunnerError> {
        self.check_running()?;
        let id = ExecutionId::new(&new.id).map_err(|error| RunnerError::InvalidId { message: error.to_string() })?;
        // An execution whose start is not durable yet is only in memory.
        let in_memory = self.driven.get(new.id.as_str()).and_then(|driven| driven.execution.as_ref());
        let in_memory = in_memory.map(|execution| execution.header.clone());
        let existing = match in_memory {
            Some(header) => Some(header),
            None if new.is_id_new => None,
            None => self.store.header(id.as_str())?,
        };
        if let Some(header) = existing {
            let same = header.workflow == new.workflow && *header.input == new.input;
            let id = new.id.clone();
            return if same { Ok(Some(header)) } else { Err(RunnerError::ExecutionAlreadyExists { id }) };
        }
        match &new.subject {
            Some(subject) => self.check_subject(subject, &new.id).map(|()| None),
            None => Ok(None),
        }
    }

    /// Refuses a subject on which another running execution works.
    pub(super) fn check_subject(&mut self, subject: &str, id: &str) -> Result<(), RunnerError> {
        let Some(other) = self.subjects.last_execution(subject, &self.store)?.filter(|other| other != id) else {
            return Ok(());
        };
        let in_memory = self.driven.get(other.as_str()).and_then(|driven| driven.execution.as_ref());
        let status = match in_memory {
            Some(execution) => Some(execution.header.status),
            None => self.store.summary(&other)?.map(|header| header.status),
        };
        match status {
            Some(ExecutionStatus::Running) => Err(RunnerError::SubjectBusy { subject: subject.to_owned(), other }),
            _ => Ok(()),
        }
    }

    /// Replies with an existing execution once its start is durable.
    fn attach(&mut self, header: ExecutionHeader, reply: Reply<ExecutionHeader>) {
        let id = header.id.clone();
        let Some(driven) = self.driven.get_mut(id.as_str()).filter(|driven| driven.uncommitted > 0) else {
            return drop(reply.send(Ok(header)));
        };
        driven.uncommitted += 1;
        // An empty write after those in the queue: it is acknowledged when they are durable.
        let write = Write { execution: id.clone(), ..Write::default() };
        let environment = header.environment.clone();
        let header = Some(Arc::new(header));
        let (commands, entries, reply) = (Vec::new(), Arc::default(), Some(TurnReply::Header(reply)));
        let committed = Committed { id: id.into(), environment, commands, entries, header, reply };
        self.submit(Commit { write, committed });
    }

    fn begin(&mut self, new: NewExecution, reply: Reply<ExecutionHeader>) {
        let id: Arc<str> = new.id.as_str().into();
        let input = match new.from.clone() {
            path if path.is_empty() => Input::Start,
            path => Input::StartFrom { path },
        };
        match self.prepared(new) {
            Err(error) => drop(reply.send(Err(error))),
            Ok((execution, start_write)) => {
                self.driven.insert(id.clone(), Driven { execution: Some(Box::new(execution)), ..Driven::default() });
                self.advance(&id, input, Some(start_write), Some(TurnReply::Header(reply)));
            }
        }
    }

    fn prepared(&mut self, new: NewExecution) -> Result<(Execution, StartWrite), RunnerError> {
        let definition = new.definition;
        let machine = match (self.machines.get(&definition.hash), new.machine) {
            (Some(machine), _) => machine,
            (None, Some(machine)) => self.machines.insert(&definition.hash, machine),
            (None, None) => self
                .machines
                .parse(&definition.hash, &definition.value()?)
                .map_err(|problems| RunnerError::InvalidDefinition { problems })?,
        };
        if !new.from.is_empty() {
            let checked = check_reentry(&machine, &new.from);
            checked.map_err(|error| RunnerError::ReentryRefused { message: error.to_string() })?;
        }
        if let Some(subject) = &new.subject {
            self.subjects.record(subject, &new.id, &self.store)?;
        }
        let mut execution = Execution::new(&new.id, &new.workflow, machine, new.input);
        execution.header.identity = new.identity.map(Arc::new);
        execution.header.subject = new.subject;
        execution.header.environment = Arc::new(new.environment);
        let data = StartData { definition, input: execution.header.input.clone() };
        Ok((execution, StartWrite { data, documents: new.documents }))
    }
}
