//! Beginning an execution.

use super::*;
use crate::{asl, machine::ExecutionStatus, runner::NewExecution, store::ExecutionId};

impl Dispatcher {
    /// Begins an execution. The same id with the same workflow and input attaches to the one that exists.
    pub fn start(&mut self, new: NewExecution, reply: Reply<ExecutionHeader>) {
        match self.prepare(&new) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(Some(existing)) => self.attach(existing, reply),
            Ok(None) => self.begin(new, reply),
        }
    }

    fn prepare(&self, new: &NewExecution) -> Result<Option<ExecutionHeader>, RunnerError> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if !self.draining.is_empty() {
            return Err(RunnerError::Stopped);
        }
        let id = ExecutionId::new(&new.id).map_err(|error| RunnerError::InvalidId { message: error.to_string() })?;
        // One that has begun and is not durable yet is in memory only.
        let begun = self.driven.get(&new.id).and_then(|driven| driven.execution.as_ref());
        let begun = begun.map(|execution| execution.header.clone());
        if let Some(header) = begun.or(self.store.header(id.as_str())?) {
            let same = header.workflow == new.workflow && *header.input == new.input;
            let id = new.id.clone();
            return if same { Ok(Some(header)) } else { Err(RunnerError::ExecutionAlreadyExists { id }) };
        }
        let Some(subject) = &new.subject else { return Ok(None) };
        let busy = |header: &ExecutionHeader| {
            header.status == ExecutionStatus::Running && header.subject.as_ref() == Some(subject)
        };
        let driven = self.driven.values().filter_map(|driven| driven.execution.as_ref());
        let driven: Vec<_> = driven.map(|execution| execution.header.clone()).collect();
        match self.store.headers()?.into_iter().chain(driven).find(busy) {
            Some(other) => Err(RunnerError::SubjectBusy { subject: subject.clone(), other: other.id }),
            None => Ok(None),
        }
    }

    /// Answers with an execution that has begun already, once its beginning is durable.
    fn attach(&mut self, header: ExecutionHeader, reply: Reply<ExecutionHeader>) {
        let id = header.id.clone();
        let Some(driven) = self.driven.get_mut(&id).filter(|driven| driven.uncommitted > 0) else {
            return drop(reply.send(Ok(header)));
        };
        driven.uncommitted += 1;
        // An empty write behind those that wait: it comes back when they are durable.
        let write = Write { execution: id.clone(), ..Write::default() };
        let environment = header.environment.clone();
        let header = Some(Arc::new(header));
        let (commands, entries, done) = (Vec::new(), Vec::new(), None);
        let committed = Committed { id, environment, commands, entries, header, reply: Some(reply), done };
        if self.committer.queue.send(Commit { write, committed }).is_err() {
            self.store_failed(StoreError::Write { message: "the committing thread has stopped".to_owned() });
        }
    }

    fn begin(&mut self, new: NewExecution, reply: Reply<ExecutionHeader>) {
        let machine = match asl::parse(&new.definition) {
            Ok(machine) => machine,
            Err(problems) => return drop(reply.send(Err(RunnerError::InvalidDefinition { problems }))),
        };
        let mut execution = Execution::new(&new.id, &new.workflow, machine, new.input);
        execution.header.identity = new.identity;
        execution.header.subject = new.subject;
        execution.header.environment = Arc::new(new.environment);
        let origin = Origin { definition: Arc::new(new.definition), input: execution.header.input.clone() };
        self.driven.insert(new.id.clone(), Driven { execution: Some(Box::new(execution)), uncommitted: 0 });
        self.advance(&new.id, Input::Start, Some(origin), Some(Replies::Header(reply)));
    }
}
