//! Lists of a workflow's executions, a page at a time. A list record of each execution is written in the same commit as the execution's
//! own records, so that a page is a range read by key, however many executions there are.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{
    Batch, Store, StoreError, Write, execution_records::ExecutionRecord, keys, records::scan_pages, write::put,
};
use crate::machine::{ExecutionHeader, ExecutionStatus};

/// The statuses, running executions first, so that a page that is read while an execution ends contains the execution.
const STATUSES: [ExecutionStatus; 5] = [
    ExecutionStatus::Running,
    ExecutionStatus::Succeeded,
    ExecutionStatus::Failed,
    ExecutionStatus::TimedOut,
    ExecutionStatus::Aborted,
];

/// The filter of a list of executions; the default selects all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only executions of this status.
    pub status: Option<ExecutionStatus>,
    /// Only executions that were redriven, or only those that were not.
    pub redriven: Option<bool>,
}

/// A position in the list of a workflow's executions: the latest first, by id where the times are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPosition {
    /// The time of the execution's end, last redrive or start, whichever is latest, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The execution's id.
    pub id: String,
}

/// The field that determines an execution's position in a list.
struct Listing<'l> {
    workflow: &'l str,
    id: &'l str,
    status: ExecutionStatus,
    is_redriven: bool,
    at_ms: u64,
}

impl<'l> Listing<'l> {
    fn of(header: &'l ExecutionHeader) -> Self {
        Listing {
            workflow: &header.workflow,
            id: &header.id,
            status: header.status,
            is_redriven: header.redrive_count > 0,
            at_ms: header.listed_ms(),
        }
    }

    /// The position that an ended execution had while it ran.
    fn while_running(header: &'l ExecutionHeader) -> Self {
        let at_ms = header.redriven_ms.unwrap_or(header.started_ms);
        Listing { status: ExecutionStatus::Running, at_ms, ..Listing::of(header) }
    }

    fn key(&self) -> Vec<u8> {
        keys::list_record(self.workflow, group(self.status, self.is_redriven), self.at_ms, self.id)
    }
}

/// The bytes of a list record's key that select the executions of a status, redriven or not.
fn group(status: ExecutionStatus, is_redriven: bool) -> [u8; 2] {
    let status = match status {
        ExecutionStatus::Running => b'R',
        ExecutionStatus::Succeeded => b'S',
        ExecutionStatus::Failed => b'F',
        ExecutionStatus::TimedOut => b'T',
        ExecutionStatus::Aborted => b'A',
    };
    [status, if is_redriven { b'1' } else { b'0' }]
}

impl ListFilter {
    /// Whether a list shows an execution.
    pub fn selects(self, header: &ExecutionHeader) -> bool {
        self.status.is_none_or(|status| status == header.status)
            && self.redriven.is_none_or(|redriven| redriven == (header.redrive_count > 0))
    }

    fn groups(self) -> impl Iterator<Item = [u8; 2]> {
        let redriven = move |wanted: &bool| self.redriven.is_none_or(|redriven| redriven == *wanted);
        let statuses = STATUSES.into_iter().filter(move |status| self.status.is_none_or(|wanted| wanted == *status));
        statuses.flat_map(move |status| {
            [false, true].into_iter().filter(redriven).map(move |is_redriven| group(status, is_redriven))
        })
    }
}

impl ExecutionHeader {
    /// The time that orders lists: of the end, or while it runs, of the last redrive or the start, in milliseconds since the Unix
    /// epoch (API Reference, ListExecutions).
    pub fn listed_ms(&self) -> u64 {
        self.stopped_ms.or(self.redriven_ms).unwrap_or(self.started_ms)
    }
}

impl Store {
    /// A page of a workflow's executions that a filter selects, at most `limit`, those after a position only. Costs the same
    /// wherever the page is. An execution that ends while the page is read may be listed with its earlier position.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn list_page(
        &self,
        workflow: &str,
        filter: ListFilter,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<Vec<ListPosition>, StoreError> {
        let mut found = Vec::new();
        for group in filter.groups() {
            let prefix = keys::list_group(workflow, group);
            let next = |after: &ListPosition| {
                [&keys::list_record(workflow, group, after.at_ms, &after.id)[..], b"\0"].concat()
            };
            for (key, _) in self.records.scan(&prefix, after.map(next).as_deref(), limit)? {
                let (at_ms, id) = keys::list_position(&key, &prefix)
                    .ok_or_else(|| super::codec::damaged(&key, "it names no execution".to_owned()))?;
                found.push(ListPosition { at_ms, id: id.to_owned() });
            }
        }
        found.sort_by(|a, b| (b.at_ms, &a.id).cmp(&(a.at_ms, &b.id)));
        let mut ids = BTreeSet::new();
        found.retain(|position| ids.insert(position.id.clone()));
        found.truncate(limit);
        Ok(found)
    }

    /// Adds to a batch what a write changes in the list records.
    pub(super) fn put_listing(&self, batch: &mut Batch, write: &Write) -> Result<(), StoreError> {
        let Some(header) = &write.transition.header else { return Ok(()) };
        let has_ended = header.status != ExecutionStatus::Running;
        if write.start.is_none() {
            let is_redriven = header.redrive_count > 0;
            let ends_now = has_ended && write.transition.wake_fields_changed;
            if !is_redriven && !ends_now {
                return Ok(());
            }
            if is_redriven {
                // A redrive that fails at once leaves the status as it was, so the stored record decides.
                self.delete_listing(batch, &header.id)?;
            }
            if has_ended {
                batch.delete(Listing::while_running(header).key());
            }
        }
        put(batch, Listing::of(header).key(), &())
    }

    /// Adds to a batch the deletion of an execution's list record.
    pub(super) fn delete_listing(&self, batch: &mut Batch, id: &str) -> Result<(), StoreError> {
        if let Some(header) = self.summary(id)? {
            batch.delete(Listing::of(&header).key());
        }
        Ok(())
    }

    /// Whether an execution has the list record of its header.
    pub(super) fn is_listed(&self, header: &ExecutionHeader) -> Result<bool, StoreError> {
        Ok(self.records.get(&Listing::of(header).key())?.is_some())
    }

    /// Verifies a list record: its key must be the one that its execution's header determines. So an execution has at most one list record.
    ///
    /// # Errors
    /// It has another key, or there is no such execution.
    pub(super) fn verify_listing(&self, key: &[u8]) -> Result<(), StoreError> {
        let damaged = |what: &str| Err(super::codec::damaged(key, what.to_owned()));
        let Some(id) = keys::list_id(key) else { return damaged("it names no execution") };
        self.at_one_moment(id, || {
            let summary = self.summary(id)?;
            // Changed since it was found.
            if self.records.get(key)?.is_none() {
                return Ok(());
            }
            match summary {
                None => damaged("there is no such execution"),
                Some(header) if Listing::of(&header).key() != key => damaged("the execution has changed since"),
                Some(_) => Ok(()),
            }
        })
    }

    /// Whether each execution has exactly one list record, with the key of its header.
    ///
    /// # Errors
    /// A list record is missing, superfluous or old.
    #[cfg(test)]
    pub(crate) fn verify_listings(&self) -> Result<(), StoreError> {
        for (key, _) in self.records.scan(keys::LIST_RECORDS, None, usize::MAX)? {
            self.verify_listing(&key)?;
        }
        for id in self.ids()? {
            if let Some(header) = self.summary(&id)?
                && !self.is_listed(&header)?
            {
                return Err(super::codec::damaged(&Self::listing_key(&header), "it is missing".to_owned()));
            }
        }
        Ok(())
    }

    /// The key of an execution's list record.
    pub(super) fn listing_key(header: &ExecutionHeader) -> Vec<u8> {
        Listing::of(header).key()
    }

    /// Writes the list records of a store that has none, in bounded batches. After a crash they are written again, in the same batches.
    pub(super) fn build_listings(&self) -> Result<(), StoreError> {
        scan_pages(self.records.as_ref(), keys::BY_START, |records| {
            let mut batch = Batch::default();
            for (key, _) in records {
                let Some((workflow, started_ms, id)) = keys::start_of(key) else { continue };
                match self.execution_record(id) {
                    Ok(Some(execution_record)) => {
                        put(&mut batch, earlier(workflow, started_ms, id, &execution_record).key(), &())?
                    }
                    // What is damaged is reported by `verify`; the rest of the store is listed all the same.
                    Ok(None) | Err(StoreError::Damaged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.write(batch)
        })
    }
}

/// The position of an execution of an earlier format.
fn earlier<'l>(workflow: &'l str, started_ms: u64, id: &'l str, execution_record: &ExecutionRecord<'_>) -> Listing<'l> {
    let at_ms = execution_record.stopped_ms.or(execution_record.redriven_ms).unwrap_or(started_ms);
    Listing { workflow, id, status: execution_record.status, is_redriven: execution_record.redrive_count > 0, at_ms }
}
