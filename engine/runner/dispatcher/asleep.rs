//! Reporting executions of which nothing proceeds.

use super::*;
use crate::{
    machine::ExecutionStatus,
    runner::event::{Asleep, Broadcast},
};

impl Asleep {
    /// Of an execution of which everything is durable.
    fn of(header: &ExecutionHeader) -> Self {
        Asleep { last_sequence: header.last_sequence, next_wake_ms: header.next_wake_ms }
    }
}

impl Dispatcher {
    /// Reports an execution that is asleep after a turn, where somebody watches.
    pub(super) fn show_asleep(&self, id: &Arc<str>) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let driven = self.driven.get(id).filter(|driven| driven.uncommitted == 0);
        let Some(execution) = driven.and_then(|driven| driven.execution.as_deref()) else { return };
        if is_asleep(execution) {
            let asleep = Asleep::of(&execution.header);
            let _ = self.events.send(Broadcast::Asleep { execution: id.to_string(), asleep });
        }
    }

    /// Whether an execution that is driven is asleep now.
    pub(super) fn asleep(&self, id: &str) -> Option<Asleep> {
        let driven = self.driven.get(id).filter(|driven| driven.uncommitted == 0 && driven.away.is_none())?;
        match &driven.execution {
            Some(execution) => is_asleep(execution).then(|| Asleep::of(&execution.header)),
            // What is not in memory is durable, and has no call in flight.
            None => {
                let header = self.store.summary(id).ok()??;
                (header.status == ExecutionStatus::Running).then(|| Asleep::of(&header))
            }
        }
    }
}

fn is_asleep(execution: &Execution) -> bool {
    execution.header.status == ExecutionStatus::Running && !execution.in_flight()
}
