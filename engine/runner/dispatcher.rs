//! The dispatcher: the only writer of the executions that this process drives. It is a thread, because it may block on the disk and on
//! expressions.

mod adaptive_gate;
mod asleep;
mod awaited;
mod declined;
mod delete_ended;
mod draining;
mod drive;
mod durable;
mod in_lane;
mod inline_commit;
mod parsed_machines;
mod prefetch;
#[cfg(test)]
mod simulation;
mod start;
mod subjects;
mod turn_reply;

use std::{collections::HashMap, sync::Arc};

use tokio::sync::broadcast;

use self::{
    awaited::Awaited, declined::Declined, draining::Draining, in_lane::InLane, inline_commit::InlineCommit,
    parsed_machines::ParsedMachines, prefetch::Prefetch, subjects::Subjects,
};
pub(super) use self::{draining::COMMITS_WAIT_MAX, turn_reply::TurnReply};
use super::{
    Clock, RunnerError, RunnerEvent,
    committer::{Commit, Committer},
    evaluation::process_evaluator,
    event::Broadcast,
    inbox::{Inbox, Received},
    lanes::Lanes,
    message::{Committed, Message},
    offers::Offers,
    step_call::StepCaller,
    timers::{NEVER_MS, Timers},
};
use crate::{
    journal::{EntryContent, JournalEntry, Note},
    machine::{Command, Execution, ExecutionHeader, FrameState, Input, Transition, advance},
    query::Moment,
    store::{DocumentChanges, StartData, Store, StoreError, Write},
};

/// An execution that this process drives. It is in memory only while a call of it is in flight or something in it is due soon.
pub(super) struct Driven {
    execution: Option<Box<Execution>>,
    /// Set while the execution's turn runs in a lane.
    in_lane: Option<Box<InLane>>,
    /// Whether the last turn reached its cost limit.
    was_cut_short: bool,
    uncommitted: u32,
    /// The due time that is registered in the timers.
    due_ms: u64,
}

impl Default for Driven {
    fn default() -> Self {
        Driven { execution: None, in_lane: None, was_cut_short: false, uncommitted: 0, due_ms: NEVER_MS }
    }
}

/// The writes of a start besides its transition: definition, input and documents.
pub(super) struct StartWrite {
    data: StartData,
    documents: DocumentChanges,
}

/// The source of each turn's randomness.
pub(super) type Rng = Box<dyn FnMut() -> u64 + Send>;

pub(super) struct Dispatcher {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    committer: Committer,
    calls: Box<dyn StepCaller>,
    rng: Rng,
    events: broadcast::Sender<Arc<Broadcast>>,
    settled: broadcast::Sender<Arc<ExecutionHeader>>,
    offers: Arc<Offers>,
    driven: HashMap<Arc<str>, Driven>,
    machines: ParsedMachines,
    subjects: Subjects,
    awaited: Awaited,
    declined: Declined,
    timers: Timers,
    prefetch: Prefetch,
    calls_in_flight: usize,
    lanes: Option<Lanes>,
    turns_in_lanes: usize,
    commits_under_way: usize,
    inline_commit: InlineCommit,
    draining: Draining,
    /// The time at which this process recovered all executions. Heartbeats are counted from then, because earlier no holder of a task could
    /// reach the process.
    heartbeats_from_ms: Option<u64>,
    makes_no_calls: bool,
    failed: Option<StoreError>,
}

/// The store, the threads and the channels that a dispatcher uses.
pub(super) struct Surroundings {
    pub store: Arc<Store>,
    pub clock: Arc<dyn Clock>,
    pub committer: Committer,
    pub calls: Box<dyn StepCaller>,
    pub rng: Rng,
    pub events: broadcast::Sender<Arc<Broadcast>>,
    pub settled: broadcast::Sender<Arc<ExecutionHeader>>,
    pub offers: Arc<Offers>,
}

impl Dispatcher {
    pub fn new(surroundings: Surroundings) -> Self {
        let Surroundings { store, clock, committer, calls, rng, events, settled, offers } = surroundings;
        Dispatcher {
            store,
            clock,
            committer,
            calls,
            rng,
            events,
            settled,
            offers,
            driven: HashMap::new(),
            machines: ParsedMachines::default(),
            subjects: Subjects::default(),
            awaited: Awaited::default(),
            declined: Declined::default(),
            timers: Timers::default(),
            prefetch: Prefetch::default(),
            calls_in_flight: 0,
            lanes: None,
            turns_in_lanes: 0,
            commits_under_way: 0,
            inline_commit: InlineCommit::default(),
            draining: Draining::default(),
            heartbeats_from_ms: None,
            makes_no_calls: false,
            failed: None,
        }
    }

    /// Makes it record answers from outside. It calls no step, begins no Task and handles no due time.
    pub fn without_calls(self) -> Self {
        Dispatcher { makes_no_calls: true, ..self }
    }

    /// Receives messages and handles due times until the runner stops.
    pub fn run(mut self, mut inbox: Inbox) {
        loop {
            match self.next(&mut inbox) {
                Received::Message(Message::Stop) | Received::Closed => return self.commit_inline(false),
                Received::Message(message) => self.receive(message),
                Received::TimedOut => self.timer_fired(),
            }
            self.commit_inline(inbox.is_empty());
            if self.has_drained() {
                return self.end_drained();
            }
        }
    }

    /// The next message, or the time-out at which something is due.
    fn next(&mut self, inbox: &mut Inbox) -> Received {
        let acknowledge_after = self.inline_commit.idle_after();
        let Some(due_ms) = self.timers.next_ms().filter(|_| self.accepts_work()) else {
            return inbox.next(acknowledge_after.into_iter().chain(self.draining.wait_max()).min());
        };
        if self.prefetch_due() {
            return inbox.try_next();
        }
        if let Some(wait) = self.clock.in_flight_wait_max().filter(|_| self.is_busy(inbox))
            && let received @ (Received::Message(_) | Received::Closed) = inbox.next(Some(wait))
        {
            return received;
        }
        let wait = self.clock.real_duration_until(self.prefetch.wakes_ms(due_ms, self.clock.now_ms()));
        inbox.next(acknowledge_after.into_iter().chain([wait]).min())
    }

    /// Whether something can happen without time passing.
    fn is_busy(&self, inbox: &mut Inbox) -> bool {
        self.calls_in_flight > 0 || self.turns_in_lanes > 0 || self.commits_under_way > 0 || !inbox.is_empty()
    }

    /// Whether due times are handled and calls are made: not while draining, after a failure of the store, or by a runner that only
    /// records answers.
    fn accepts_work(&self) -> bool {
        !self.draining.has_begun() && self.failed.is_none() && !self.makes_no_calls
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Start { new, reply } => self.start(*new, reply),
            Message::Recover { id, reply } => self.recover(&id, reply),
            Message::Resume { id, resume, reply } => self.resume(&id, resume, reply),
            Message::SignalEarly { ref id, .. } if self.is_in_lane(id) => {
                let id = id.clone();
                self.queue_message(&id, message);
            }
            Message::SignalEarly { id, state, answer, by, kept, reply } => {
                self.signal_early(&id, state, answer, by, kept, reply);
            }
            Message::TurnDone(done) => self.turn_done(*done),
            Message::RecoverAll { reply } => drop(reply.send(self.recover_all())),
            Message::Input { id, input, reply } => self.input(&id, input, reply),
            Message::Answered { id, input } => {
                self.calls_in_flight -= 1;
                if self.driven.contains_key(id.as_str()) {
                    self.advance(&id, input, None, None);
                }
            }
            Message::Declined { ref id, .. } if self.is_in_lane(id) => {
                let id = id.clone();
                self.queue_message(&id, message);
            }
            Message::Declined { id, call, has_begun, reason } => {
                self.calls_in_flight -= 1;
                self.call_declined(&id, call, has_begun, reason);
            }
            Message::Durable { committed } => committed.into_iter().for_each(|commit| self.durable(commit)),
            Message::StoreFailed { error } => self.store_failed(error),
            Message::DeleteEnded { ids, documents, reply } => {
                drop(reply.send(self.delete_ended(&ids, documents.as_ref())))
            }
            Message::Ping { reply } => drop(reply.send(())),
            Message::Asleep { id, reply } => drop(reply.send(self.asleep(&id))),
            Message::Driven { ids, reply } => drop(reply.send(self.driven_of(ids))),
            Message::HasDeclined { reply } => drop(reply.send(self.declined.has_any())),
            Message::Drain { limit, reply } => self.draining.begin(limit, reply),
            Message::DrainWithoutCalls { reply } => self.drain_without_calls(reply),
            // `run` ends the loop.
            Message::Stop => {}
        }
    }

    fn timer_fired(&mut self) {
        self.inline_commit.on_idle(&self.store);
        if !self.accepts_work() {
            return;
        }
        let now_ms = self.clock.now_ms();
        while let Some(id) = self.timers.pop_due(now_ms) {
            self.prefetch.count = self.prefetch.count.saturating_sub(1);
            if let Some(driven) = self.driven.get_mut(&id) {
                driven.due_ms = NEVER_MS;
            }
            if !self.declined.releases(&id) {
                self.advance(&id, Input::TimerFired, None, None);
            }
        }
    }

    fn store_failed(&mut self, error: StoreError) {
        // Only the first failure is reported; later ones are consequences.
        if self.failed.is_none() {
            self.broadcast(RunnerEvent::StoreFailed { message: error.to_string() });
            self.failed = Some(error);
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { now_ms: self.clock.now_ms(), entropy: (self.rng)() }
    }

    /// Folds an input into an execution and sends the changes to the committer.
    fn advance(&mut self, id: &str, input: Input, start_write: Option<StartWrite>, reply: Option<TurnReply>) {
        if self.is_in_lane(id) {
            return self.queue_input(&Arc::from(id), input, reply);
        }
        if let Err(error) = self.load(id) {
            let error = RunnerError::from(error);
            return TurnReply::refuse(reply, error);
        }
        let Some((key, _)) = self.driven.get_key_value(id) else { return };
        let key = key.clone();
        self.begin_no_tasks(&key);
        self.find_missing_activities(&key);
        let Some((input, reply)) = self.run_in_lane(&key, input, reply) else { return };
        let moment = self.moment();
        let Some(execution) = self.driven.get_mut(id).and_then(|driven| driven.execution.as_mut()) else { return };
        let transition = advance(execution, input, &moment, process_evaluator());
        self.commit_transition(&key, transition, start_write, reply);
    }

    /// Sends the changes of a turn to the committer.
    fn commit_transition(
        &mut self,
        key: &Arc<str>,
        mut transition: Transition,
        start_write: Option<StartWrite>,
        reply: Option<TurnReply>,
    ) {
        let (id, key) = (&**key, key.clone());
        let Some(driven) = self.driven.get_mut(id) else { return };
        let Some(execution) = driven.execution.as_mut() else { return };
        driven.was_cut_short = execution.turn_was_cut_short();
        if execution.awaits_executions() {
            self.awaited.record(&key, &transition);
        }
        let reply = TurnReply::after_turn(reply, id, &transition);
        let commands = std::mem::take(&mut transition.commands);
        let entries = transition.entries.clone();
        let polled = polled(id, &transition);
        let settled = commands.contains(&Command::Settled);
        let changed = transition.header.clone();
        let header =
            (settled || reply.is_some()).then(|| changed.unwrap_or_else(|| Arc::new(execution.header.clone())));
        let environment = execution.header.environment.clone();
        let committed = Committed { id: key.clone(), environment, commands, entries, header, reply };
        if transition.is_empty() && start_write.is_none() {
            self.carry_out(committed);
            self.broadcast_asleep(&key);
            return self.unload_ended(&key);
        }
        driven.uncommitted += 1;
        let (start, documents) = start_write.map(|start| (start.data, start.documents)).unzip();
        let documents = documents.unwrap_or_default();
        let write = Write { execution: id.to_owned(), start, transition, documents };
        self.submit(Commit { write, committed });
        polled.into_iter().for_each(|event| self.broadcast(event));
    }

    fn submit(&mut self, commit: Commit) {
        self.commits_under_way += 1;
        if self.commits_under_way == 1 {
            return self.inline_commit.store(commit);
        }
        let earlier = self.inline_commit.take();
        earlier.into_iter().chain([commit]).for_each(|commit| self.send(commit));
    }

    fn send(&mut self, commit: Commit) {
        // After a failure it is no longer known what is durable.
        if self.failed.is_some() {
            return;
        }
        if self.committer.queue.send(commit).is_err() {
            self.store_failed(StoreError::not_written("the committer has stopped"));
        }
    }

    /// Sends an event to all watchers.
    fn broadcast(&self, event: RunnerEvent) {
        let _ = self.events.send(Arc::new(Broadcast::Event(event)));
    }

    /// Makes the next turn begin no Task if this runner accepts no work, because it would not make the Task's call. Once a runner accepts
    /// no work, it does not accept any later.
    fn begin_no_tasks(&mut self, id: &str) {
        if self.accepts_work() {
            return;
        }
        if let Some(execution) = self.driven.get_mut(id).and_then(|driven| driven.execution.as_mut()) {
            execution.begin_no_tasks(true);
        }
    }

    /// Sets the activities of the execution's definition that do not exist.
    fn find_missing_activities(&mut self, id: &str) {
        let Some(execution) = self.driven.get_mut(id).and_then(|driven| driven.execution.as_mut()) else { return };
        if !execution.machine.activities.is_empty() {
            let named = execution.machine.activities.iter();
            execution.missing_activities =
                named.filter(|activity| !self.offers.has_activity(activity)).cloned().collect();
        }
    }

    /// Sets the due time of an execution that is driven.
    fn wake_at(&mut self, id: &Arc<str>, due_ms: u64) {
        if let Some(driven) = self.driven.get_mut(id) {
            self.timers.set(id, &mut driven.due_ms, due_ms);
        }
    }
}

/// The events for polls that left a wait unchanged. A changed wait is in the journal.
fn polled(id: &str, transition: &Transition) -> Vec<RunnerEvent> {
    let is_wait = |entry: &JournalEntry| matches!(&entry.content, EntryContent::Note(note) if matches!(**note, Note::Waiting { .. }));
    if transition.entries.iter().any(is_wait) {
        return Vec::new();
    }
    transition
        .frames_put
        .iter()
        .map(|write| &write.row)
        .filter_map(|row| match &row.frame_state {
            FrameState::Task { next_poll_ms: Some(next), deadline_ms, waiting: Some(waiting), .. } => {
                Some(RunnerEvent::Polled {
                    execution: id.to_owned(),
                    state_path: row.state_path(),
                    waiting: (**waiting).clone(),
                    next_poll_ms: *next,
                    deadline_ms: *deadline_ms,
                })
            }
            _ => None,
        })
        .collect()
}
