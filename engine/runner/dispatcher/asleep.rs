//! Reports executions that are asleep: running, with no call in flight and everything durable.

use std::sync::Arc;

use super::Dispatcher;
use crate::{
    machine::{Execution, ExecutionHeader, ExecutionStatus},
    runner::event::{Asleep, Broadcast},
};

impl Asleep {
    /// The state of an execution whose turns are all durable.
    fn of(header: &ExecutionHeader) -> Self {
        Asleep { last_sequence: header.last_sequence, next_wake_ms: header.next_wake_ms }
    }
}

impl Dispatcher {
    /// Reports an execution that is asleep after a turn, if anyone watches.
    pub(super) fn broadcast_asleep(&self, id: &Arc<str>) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let driven = self.driven.get(id).filter(|driven| driven.uncommitted == 0);
        let Some(execution) = driven.and_then(|driven| driven.execution.as_deref()) else { return };
        if is_asleep(execution) {
            let asleep = Asleep::of(&execution.header);
            let _ = self.events.send(Arc::new(Broadcast::Asleep { execution: id.to_string(), asleep }));
        }
    }

    /// Whether an execution that is driven is asleep.
    pub(super) fn asleep(&self, id: &str) -> Option<Asleep> {
        let driven = self.driven.get(id).filter(|driven| driven.uncommitted == 0 && driven.in_lane.is_none())?;
        match &driven.execution {
            Some(execution) => is_asleep(execution).then(|| Asleep::of(&execution.header)),
            // An execution that is not in memory is durable and has no call in flight.
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
