//! Deletes ended executions while others run. The dispatcher does it, so that none is redriven in the meantime.

use super::Dispatcher;
use crate::{machine::ExecutionStatus, runner::RunnerError, store::DocumentChanges};

impl Dispatcher {
    /// Deletes those of the executions that have ended, with the documents of each. Returns how many.
    pub fn delete_ended(
        &mut self,
        ids: &[String],
        documents: &dyn Fn(&str) -> Vec<String>,
    ) -> Result<usize, RunnerError> {
        self.check_running()?;
        let mut ended: Vec<&str> = Vec::new();
        for id in ids.iter().filter(|id| !self.driven.contains_key(id.as_str())) {
            let header = self.store.summary(id)?;
            if header.is_some_and(|header| header.status != ExecutionStatus::Running) {
                ended.push(id);
            }
        }
        let mut changes = DocumentChanges::default();
        ended.iter().flat_map(|id| documents(id)).for_each(|name| changes.delete(&name));
        self.store.delete_executions(&ended)?;
        self.store.change_documents(changes)?;
        Ok(ended.len())
    }
}
