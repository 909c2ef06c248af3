//! Beginning an execution.

use super::*;
use crate::{asl, machine::ExecutionStatus, runner::NewExecution, store::ExecutionId};

impl Dispatcher {
    /// Begins an execution. The same id with the same workflow and input attaches to the one that exists.
    pub fn start(&mut self, new: NewExecution, reply: Reply<ExecutionHeader>) {
        match self.prepare(&new) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(Some(existing)) => drop(reply.send(Ok(existing))),
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
        if let Some(header) = self.store.header(id.as_str())? {
            let same = header.workflow == new.workflow && *header.input == new.input;
            let id = new.id.clone();
            return if same { Ok(Some(header)) } else { Err(RunnerError::ExecutionAlreadyExists { id }) };
        }
        let Some(subject) = &new.subject else { return Ok(None) };
        let busy = |header: &ExecutionHeader| {
            header.status == ExecutionStatus::Running && header.subject.as_ref() == Some(subject)
        };
        match self.store.headers()?.into_iter().find(busy) {
            Some(other) => Err(RunnerError::SubjectBusy { subject: subject.clone(), other: other.id }),
            None => Ok(None),
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
