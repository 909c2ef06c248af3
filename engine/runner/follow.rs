//! Follows the events of one execution.

use std::{cmp::Ordering, collections::VecDeque, sync::Arc};

use tokio::sync::{broadcast, oneshot};

use super::{
    RunnerError, RunnerEvent,
    event::{Asleep, Broadcast},
    message::{Message, Messages},
};
use crate::{
    journal::JournalEntry,
    machine::ExecutionHeader,
    store::{RECORD_ENTRIES_MAX, Store},
};

/// The events of one execution from a sequence on: first the stored entries and whether the execution has ended, is paused or is asleep,
/// then live events.
pub struct Follow {
    execution: String,
    store: Arc<Store>,
    live: broadcast::Receiver<Arc<Broadcast>>,
    messages: Messages,
    next_sequence: u64,
    stored: VecDeque<JournalEntry>,
    read_store: bool,
    /// Events were missed: they preceded the subscription, or the watcher lagged. The end or pause may be among them.
    may_be_settled: bool,
    /// Events were missed, and `Asleep` may be among them.
    may_be_asleep: bool,
    /// Events were missed by lagging, and `Released` may be among them.
    may_be_released: bool,
    /// Reported after the entries before it.
    asleep: Option<Asleep>,
    /// The last one reported: the dispatcher's reply may repeat its broadcast.
    asleep_reported: Option<Asleep>,
    /// Whether the store had the execution: if it is missing later, it has been deleted.
    has_existed: bool,
    was_deleted: bool,
}

impl Follow {
    pub(super) fn new(
        execution: String,
        from_sequence: u64,
        store: Arc<Store>,
        live: broadcast::Receiver<Arc<Broadcast>>,
        messages: Messages,
    ) -> Self {
        Follow {
            execution,
            store,
            live,
            messages,
            next_sequence: from_sequence.max(1),
            stored: VecDeque::new(),
            read_store: true,
            may_be_settled: true,
            may_be_asleep: true,
            // The execution may not be driven yet.
            may_be_released: false,
            asleep: None,
            asleep_reported: None,
            has_existed: false,
            was_deleted: false,
        }
    }

    /// The next event; `None` if the runner has stopped or the execution has been deleted. Cancelling this future loses nothing.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn next(&mut self) -> Result<Option<RunnerEvent>, RunnerError> {
        loop {
            if let Some(entry) = self.stored.pop_front() {
                self.next_sequence = entry.sequence + 1;
                self.has_existed = true;
                return Ok(Some(RunnerEvent::Entry { execution: self.execution.clone(), entry }));
            }
            if self.read_store {
                self.read_entries()?;
                continue;
            }
            if std::mem::take(&mut self.may_be_settled)
                && let Some(event) = self.settled_event()?
            {
                return Ok(Some(event));
            }
            if self.was_deleted {
                return Ok(None);
            }
            if !self.stored.is_empty() {
                continue;
            }
            if self.may_be_released {
                let is_driven = self.ask_whether_driven().await;
                self.may_be_released = false;
                if !is_driven && let Some(event) = self.released_event()? {
                    return Ok(Some(event));
                }
                if self.may_be_settled || !self.stored.is_empty() {
                    continue;
                }
            }
            if self.may_be_asleep {
                self.asleep = self.ask_whether_asleep().await;
                self.may_be_asleep = false;
            }
            if let Some(asleep) = self.asleep.take()
                && let Some(event) = self.in_order(asleep)?
            {
                return Ok(Some(event));
            }
            if !self.stored.is_empty() {
                continue;
            }
            match self.live.recv().await {
                Ok(broadcast) => {
                    if let Some(event) = self.concerning(&broadcast) {
                        return Ok(Some(event));
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    (self.read_store, self.may_be_settled, self.may_be_asleep) = (true, true, true);
                    self.may_be_released = true;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// Waits until the execution has ended or is paused, and returns its header.
    ///
    /// # Errors
    /// The store cannot be read; [`RunnerError::Stopped`] if the runner stops first, or the execution is deleted.
    pub async fn settled(&mut self) -> Result<Arc<ExecutionHeader>, RunnerError> {
        loop {
            match self.next().await? {
                Some(RunnerEvent::Settled { header }) => return Ok(header),
                Some(_) => {}
                None => return Err(RunnerError::Stopped),
            }
        }
    }

    fn read_entries(&mut self) -> Result<(), RunnerError> {
        self.stored = self.store.entries(&self.execution, self.next_sequence, RECORD_ENTRIES_MAX)?.into();
        self.read_store = self.stored.len() == RECORD_ENTRIES_MAX;
        Ok(())
    }

    /// The `Settled` event, if the execution has ended or is paused and every entry before that has been reported.
    fn settled_event(&mut self) -> Result<Option<RunnerEvent>, RunnerError> {
        let header = self.store.header(&self.execution)?;
        self.was_deleted = self.has_existed && header.is_none();
        self.has_existed |= header.is_some();
        let Some(header) = header.filter(ExecutionHeader::is_quiescent) else { return Ok(None) };
        // It may have continued and stopped again since its entries were read: these come first.
        self.read_entries()?;
        if self.stored.is_empty() {
            return Ok(Some(RunnerEvent::Settled { header: Arc::new(header) }));
        }
        (self.read_store, self.may_be_settled) = (true, true);
        Ok(None)
    }

    /// Asks the dispatcher whether the execution is asleep. Called after subscribing, so that no later event is missed.
    async fn ask_whether_asleep(&self) -> Option<Asleep> {
        let (reply, answer) = oneshot::channel();
        let id = self.execution.clone();
        self.messages.send(Message::Asleep { id, reply }).ok()?;
        answer.await.ok()?
    }

    /// Asks the dispatcher whether it drives the execution. A runner that has stopped closes the channel of live events instead.
    async fn ask_whether_driven(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        let ids = vec![self.execution.clone()];
        if self.messages.send(Message::Driven { ids, reply }).is_err() {
            return true;
        }
        answer.await.map_or(true, |driven| !driven.is_empty())
    }

    /// The `Released` event of an execution that is not driven, if it has not ended and every entry has been reported.
    fn released_event(&mut self) -> Result<Option<RunnerEvent>, RunnerError> {
        // It may have continued and ended since its entries were read: these come first.
        self.read_entries()?;
        if !self.stored.is_empty() {
            (self.read_store, self.may_be_settled, self.may_be_released) = (true, true, true);
            return Ok(None);
        }
        match self.store.header(&self.execution)? {
            Some(header) if !header.is_quiescent() => {
                let reason = "the owner of the store does not drive it any more".to_owned();
                Ok(Some(RunnerEvent::Released { execution: self.execution.clone(), reason }))
            }
            // It has ended, is paused or has been deleted since.
            header => {
                self.may_be_settled = header.is_some() || self.has_existed;
                Ok(None)
            }
        }
    }

    /// The `Asleep` event, once every entry before it has been reported; `None` if later entries have been.
    fn in_order(&mut self, asleep: Asleep) -> Result<Option<RunnerEvent>, RunnerError> {
        match asleep.last_sequence.saturating_add(1).cmp(&self.next_sequence) {
            Ordering::Less => Ok(None),
            Ordering::Equal if self.asleep_reported == Some(asleep) => Ok(None),
            Ordering::Equal => {
                self.asleep_reported = Some(asleep);
                let (execution, next_wake_ms) = (self.execution.clone(), asleep.next_wake_ms);
                Ok(Some(RunnerEvent::Asleep { execution, next_wake_ms }))
            }
            Ordering::Greater => {
                self.read_entries()?;
                // Without entries, the execution has been deleted in the meantime.
                self.asleep = (!self.stored.is_empty()).then_some(asleep);
                Ok(None)
            }
        }
    }

    /// The event of a broadcast, if it concerns this execution and can be reported at once.
    fn concerning(&mut self, broadcast: &Broadcast) -> Option<RunnerEvent> {
        match broadcast {
            Broadcast::Asleep { execution, asleep } => {
                if *execution == self.execution {
                    self.asleep = Some(*asleep);
                }
                None
            }
            Broadcast::Event(event @ RunnerEvent::Entry { execution, entry }) if *execution == self.execution => {
                match entry.sequence.cmp(&self.next_sequence) {
                    Ordering::Less => None,
                    Ordering::Greater => {
                        self.read_store = true;
                        None
                    }
                    Ordering::Equal => {
                        self.next_sequence += 1;
                        self.has_existed = true;
                        Some(event.clone())
                    }
                }
            }
            Broadcast::Event(event) => self.concerns(event).then(|| event.clone()),
        }
    }

    fn concerns(&self, event: &RunnerEvent) -> bool {
        match event {
            RunnerEvent::Entry { .. } | RunnerEvent::Unknown => false,
            RunnerEvent::Settled { header } => header.id == self.execution,
            RunnerEvent::Polled { execution, .. }
            | RunnerEvent::Asleep { execution, .. }
            | RunnerEvent::Released { execution, .. } => *execution == self.execution,
            RunnerEvent::StoreFailed { .. } => true,
        }
    }
}
