//! The dispatcher's work after a turn is durable: it carries out the turn's commands, and unloads an execution with nothing in flight.

use std::sync::Arc;

use super::{Dispatcher, TurnReply};
use crate::{
    machine::{Command, ExecutionStatus, Input, OfferedTask},
    runner::{
        RunnerEvent,
        message::Committed,
        offers::{Offer, not_offered},
        timers::NEVER_MS,
    },
};

impl Dispatcher {
    /// Called when a turn is durable: carries out its commands, and unloads the execution if it has nothing in flight.
    pub(super) fn durable(&mut self, committed: Committed) {
        self.commits_under_way = self.commits_under_way.saturating_sub(1);
        let id = committed.id.clone();
        if let Some(driven) = self.driven.get_mut(&id) {
            driven.uncommitted -= 1;
        }
        self.carry_out(committed);
        self.release_declined(&id);
        self.broadcast_asleep(&id);
        self.unload(&id);
    }

    /// Shows the entries of a durable turn and carries out its commands.
    pub(super) fn carry_out(&mut self, committed: Committed) {
        let Committed { id, environment, commands, entries, header, reply } = committed;
        // A watcher that subscribes later reads the entries from the store.
        if self.events.receiver_count() > 0 {
            for entry in entries.iter() {
                self.broadcast(RunnerEvent::Entry { execution: id.to_string(), entry: entry.clone() });
            }
        }
        let (mut withheld, mut stopped) = (Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::CallStep(call) if self.accepts_work() => {
                    self.calls_in_flight += 1;
                    if self.declined.remove(&id, call.frame) {
                        self.wake_at(&id, self.clock.now_ms());
                    }
                    self.calls.call(&id, environment.clone(), *call);
                }
                // The turn was in progress when the drain began: in a lane, or its commit was being written.
                Command::CallStep(call) if self.draining.has_begun() => {
                    let reason = "the process that was to make it stopped".to_owned();
                    withheld.push(Input::Withheld {
                        frame: call.frame,
                        visit: call.visit,
                        attempt: call.attempt,
                        reason,
                    });
                }
                Command::CallStep(_) => {}
                Command::Abandon { frame, visit } => self.calls.abandon(&id, frame, visit),
                Command::StopExecution { id: awaited } => stopped.push(awaited),
                Command::Offer(offered) => self.offer(&id, *offered),
                Command::WakeAt { due_ms } => self.wake_at(&id, due_ms),
                Command::NoWake => self.wake_at(&id, NEVER_MS),
                // A pause keeps the timers: frames that wait beside the paused call continue.
                Command::Settled => {
                    if let Some(header) = &header {
                        let _ = self.settled.send(header.clone());
                        self.broadcast(RunnerEvent::Settled { header: header.clone() });
                    }
                    self.wake_awaiting(&id);
                }
            }
        }
        TurnReply::confirm(reply, header.as_deref());
        withheld.into_iter().for_each(|input| self.advance(&id, input, None, None));
        stopped.into_iter().for_each(|awaited| self.stop_awaited(&id, &awaited));
    }

    fn offer(&mut self, id: &str, OfferedTask { activity, token, input }: OfferedTask) {
        match self.offers.has_activity(&activity) {
            true => self.offers.put(&activity, Offer { token, input }),
            false => self.advance(id, not_offered(token), None, None),
        }
    }

    /// Unloads an execution from memory if it has nothing in flight; a timer reloads it.
    fn unload(&mut self, id: &Arc<str>) {
        let Some(driven) = self.driven.get_mut(id) else { return };
        let Some(execution) = &driven.execution else { return };
        if driven.uncommitted > 0 || execution.in_flight() {
            return;
        }
        let over = execution.header.status != ExecutionStatus::Running;
        driven.execution = None;
        if over {
            self.wake_at(id, NEVER_MS);
            self.driven.remove(id);
        }
    }

    /// Unloads an execution that had ended when an input loaded it again.
    pub(super) fn unload_ended(&mut self, id: &Arc<str>) {
        let execution = self.driven.get(id).and_then(|driven| driven.execution.as_ref());
        if execution.is_some_and(|execution| execution.header.status != ExecutionStatus::Running) {
            self.unload(id);
        }
    }
}
