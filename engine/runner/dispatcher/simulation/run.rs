//! A simulation run: clients, a process, its disk and the world. One event at a time happens, chosen at random; crashes come at any time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::{
    super::*,
    disk::Disk,
    legal::legal,
    process::{SetClock, SimulatedProcess},
    simulated_rng::{SimulatedRng, of_text},
    world::{PendingAnswer, SimulatedWorld, definition},
};
use crate::{
    machine::ExecutionStatus,
    runner::{NewExecution, message::Resume},
};

const EXECUTIONS: usize = 3;
const CRASHES_MAX: usize = 6;
const STEPS_MAX: usize = 20_000;
/// The number of crashes in a thousand after which the index is lost.
const INDEX_LOSSES_IN_THOUSAND: usize = 200;
/// The number of events that may pass until a failed disk ends the process.
const BROKEN_STEPS_MAX: usize = 50;

/// The final state: status and output of each execution, and which tasks had their effect.
pub type Outcome = (BTreeMap<String, (ExecutionStatus, Option<Value>)>, BTreeSet<(String, String)>);

/// Counters of a run.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    pub steps: usize,
    pub crashes: usize,
}

struct Client {
    id: String,
    acknowledged: bool,
    waits: Option<oneshot::Receiver<Result<ExecutionHeader, RunnerError>>>,
}

pub struct Run {
    seed: u64,
    random: SimulatedRng,
    disk: Disk,
    world: SimulatedWorld,
    clock: Arc<SetClock>,
    now_ms: u64,
    process: Option<SimulatedProcess>,
    clients: Vec<Client>,
    /// Answers that are on their way to this process.
    answers: BTreeMap<(u64, usize), (String, Input)>,
    /// When a person resumes which execution.
    people: BTreeMap<String, u64>,
    /// Entries that were shown as durable.
    shown: BTreeMap<String, BTreeMap<u64, JournalEntry>>,
    crashes_left: usize,
    broken_steps: usize,
    figures: Figures,
}

impl Run {
    pub fn new(seed: u64, with_crashes: bool) -> Self {
        let mut random = SimulatedRng::new(seed);
        let crashes_left = if with_crashes { 1 + random.below(CRASHES_MAX) } else { 0 };
        let client = |number| Client { id: format!("e-{number}"), acknowledged: false, waits: None };
        Run {
            seed,
            disk: Disk::new(of_text(seed, "disk")),
            random,
            world: SimulatedWorld::new(seed),
            clock: Arc::default(),
            now_ms: 1_000_000,
            process: None,
            clients: (0..EXECUTIONS).map(client).collect(),
            answers: BTreeMap::new(),
            people: BTreeMap::new(),
            shown: BTreeMap::new(),
            crashes_left,
            broken_steps: 0,
            figures: Figures::default(),
        }
    }

    /// Runs until every execution has ended. An error is a violated invariant.
    pub fn finish(mut self) -> Result<(Outcome, Figures), String> {
        self.clock.set(self.now_ms);
        while self.step()? {
            self.figures.steps += 1;
            if self.figures.steps > STEPS_MAX {
                return Err("it does not end".to_owned());
            }
        }
        self.lose_index_at_the_end()?;
        let Some(process) = &self.process else { return Err("no process is left".to_owned()) };
        listed_once(process)?;
        let mut ended = BTreeMap::new();
        for client in &self.clients {
            let header = header(process, &client.id)?;
            legal(&entries(process, &client.id)?, &header).map_err(|problem| format!("{}: {problem}", client.id))?;
            if header.output.as_ref().is_some_and(|output| output.to_string().contains("stale")) {
                return Err(format!("{}: the answer of an attempt that was over was taken", client.id));
            }
            ended.insert(client.id.clone(), (header.status, header.output.as_deref().cloned()));
        }
        let effects = self.world.effects.into_keys().collect();
        Ok(((ended, effects), self.figures))
    }

    /// The last process compares the index with its mirror; then the index is lost and rebuilt.
    fn lose_index_at_the_end(&mut self) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let scrubbed = process.scrub();
        match scrubbed {
            Ok(problems) if problems.iter().all(is_of_last_checkpoint) => {}
            Err(_) if self.disk.is_broken() => {}
            problems => return Err(format!("at the end the index differs from its mirror: {problems:?}")),
        }
        self.process = None;
        self.disk.lose_index();
        self.start()
    }

    /// Makes one event happen; `false` if everything has ended.
    fn step(&mut self) -> Result<bool, String> {
        if self.process.is_none() {
            self.start()?;
        }
        if self.crashes_left > 0 && self.random.in_thousand(15) {
            self.trouble();
            return Ok(true);
        }
        let failed = self.process.as_ref().filter(|process| process.has_failed());
        let calls_max = failed.map_or(usize::MAX, |process| process.called.count());
        self.happens()?;
        if self.process.as_ref().is_some_and(|process| process.called.count() > calls_max) {
            return Err("a call was made after the store had failed".to_owned());
        }
        self.watch();
        self.doubled()?;
        let failed = self.process.as_ref().is_some_and(SimulatedProcess::has_failed);
        if failed || self.disk.is_broken() {
            self.broken_steps += 1;
            if self.broken_steps > BROKEN_STEPS_MAX || self.random.in_thousand(100) {
                self.crash();
            }
            return Ok(true);
        }
        self.has_work_left()
    }

    /// A crash now, or a disk that fails soon.
    fn trouble(&mut self) {
        if self.random.in_thousand(500) {
            self.disk.break_after(1 + self.random.below(60));
            self.crashes_left -= 1;
        } else {
            self.crashes_left -= 1;
            self.crash();
        }
    }

    fn crash(&mut self) {
        self.figures.crashes += 1;
        self.process = None;
        self.answers.clear();
        self.broken_steps = 0;
        self.disk.crash();
        if self.random.in_thousand(INDEX_LOSSES_IN_THOUSAND) {
            self.disk.lose_index();
        }
        self.now_ms += self.random.below(5_000) as u64;
        self.clock.set(self.now_ms);
        // The disk may also fail while the next process recovers.
        if self.crashes_left > 0 && self.random.in_thousand(300) {
            self.crashes_left -= 1;
            self.disk.break_after(1 + self.random.below(20));
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let random = SimulatedRng::new(self.random.next());
        match SimulatedProcess::start(&self.disk, self.clock.clone(), random) {
            Ok(process) => self.process = Some(process),
            Err(_) if self.disk.is_broken() => {
                self.crash();
                return self.start();
            }
            Err(error) => return Err(format!("the store does not open after a crash: {error}")),
        }
        self.nothing_lost()?;
        for client in &mut self.clients {
            client.waits = None;
        }
        self.people.clear();
        let ids: Vec<_> =
            self.clients.iter().filter(|client| client.acknowledged).map(|client| client.id.clone()).collect();
        ids.iter().for_each(|id| self.person_acts(id));
        Ok(())
    }

    fn happens(&mut self) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let commits = process.may_commit();
        let can = [
            !process.inbox.is_empty(),
            commits,
            !process.called.is_empty(),
            process.may_checkpoint(),
            self.clients.iter().any(|client| !client.acknowledged && client.waits.is_none()),
        ];
        let possible: Vec<usize> = can.iter().enumerate().filter(|(_, can)| **can).map(|(index, _)| index).collect();
        // Time may pass even if something else could happen.
        if possible.is_empty() || self.random.in_thousand(30) {
            return self.time_passes(possible.is_empty());
        }
        match possible[self.random.below(possible.len())] {
            0 => process.receive(&mut self.random),
            1 => process.commit(&mut self.random),
            2 => {
                if let Some((id, call)) = process.called.take(&mut self.random) {
                    for PendingAnswer { due_ms, input } in self.world.call(&id, call, self.now_ms) {
                        self.answers
                            .insert((due_ms, self.figures.steps * 10 + self.answers.len()), (id.clone(), input));
                    }
                    self.answers_come();
                }
            }
            3 => process.checkpoint(),
            _ => self.client_starts(),
        }
        Ok(())
    }

    fn time_passes(&mut self, all_wait: bool) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let next = [
            process.next_timer_ms(),
            self.answers.keys().next().map(|(due_ms, _)| *due_ms),
            self.people.values().min().copied(),
        ];
        let next_ms = next.into_iter().flatten().min();
        self.now_ms = match next_ms {
            Some(next_ms) if all_wait => self.now_ms.max(next_ms),
            _ => self.now_ms + self.random.below(2_000) as u64,
        };
        self.clock.set(self.now_ms);
        process.timer_fired(&mut self.random);
        self.answers_come();
        self.people_act();
        Ok(())
    }

    fn answers_come(&mut self) {
        let Some(process) = &mut self.process else { return };
        while let Some(entry) = self.answers.first_entry().filter(|entry| entry.key().0 <= self.now_ms) {
            let (id, input) = entry.remove();
            process.dispatcher.calls_in_flight += 1;
            process.inbox.push_back(Message::Answered { id, input });
        }
    }

    fn client_starts(&mut self) {
        let (Some(process), seed) = (&mut self.process, self.seed) else { return };
        let waiting =
            self.clients.iter_mut().zip(0..).find(|(client, _)| !client.acknowledged && client.waits.is_none());
        let Some((client, number)) = waiting else { return };
        let (reply, answer) = oneshot::channel();
        client.waits = Some(answer);
        let new = NewExecution::new(&client.id, "simulated", &definition(seed, number), json!({ "n": number }));
        process.inbox.push_back(Message::Start { new: Box::new(new), reply });
    }

    /// Delivers replies and events to clients and watchers.
    fn watch(&mut self) {
        let Some(process) = &mut self.process else { return };
        let mut settled: Vec<String> = Vec::new();
        for client in &mut self.clients {
            let answered = client.waits.as_mut().map(oneshot::Receiver::try_recv);
            match answered {
                Some(Ok(Ok(_))) => {
                    (client.acknowledged, client.waits) = (true, None);
                    settled.push(client.id.clone());
                }
                Some(Ok(Err(_)) | Err(TryRecvError::Closed)) => client.waits = None,
                _ => {}
            }
        }
        while let Ok(event) = process.events.try_recv() {
            match &*event {
                Broadcast::Event(RunnerEvent::Entry { execution, entry }) => {
                    self.shown.entry(execution.clone()).or_default().insert(entry.sequence, entry.clone());
                }
                Broadcast::Event(RunnerEvent::Settled { header }) => settled.push(header.id.clone()),
                _ => {}
            }
        }
        settled.iter().for_each(|id| self.person_acts(id));
    }

    /// A person notices an execution that is paused or has failed, and will resume it.
    fn person_acts(&mut self, id: &str) {
        let Some(process) = &self.process else { return };
        let Ok(Some(header)) = process.store().summary(id) else { return };
        if header.paused || header.status == ExecutionStatus::Failed {
            let after_ms = 1_000 + self.random.below(100_000) as u64;
            self.people.entry(id.to_owned()).or_insert(self.now_ms + after_ms);
        }
    }

    fn people_act(&mut self) {
        let Some(process) = &mut self.process else { return };
        let now_ms = self.now_ms;
        let due: Vec<String> =
            self.people.iter().filter(|(_, due_ms)| **due_ms <= now_ms).map(|(id, _)| id.clone()).collect();
        for id in due {
            self.people.remove(&id);
            self.world.repair(&id);
            process.inbox.push_back(Message::Resume {
                id,
                resume: Resume { environment: None, from: Vec::new(), only_unfinished: false },
                reply: oneshot::channel().0,
            });
        }
    }

    /// Whether anything is left to happen. An execution that has not ended and waits for nothing is an error.
    fn has_work_left(&mut self) -> Result<bool, String> {
        let Some(process) = &mut self.process else { return Ok(true) };
        let is_done = process.inbox.is_empty() && !process.may_commit() && process.called.is_empty();
        let clients = self.clients.iter().all(|client| client.acknowledged);
        if !is_done || !clients || !self.answers.is_empty() || !self.people.is_empty() || process.may_checkpoint() {
            return Ok(true);
        }
        let timer = process.next_timer_ms().is_some();
        let mut over = true;
        for client in &self.clients {
            let header = header(process, &client.id)?;
            over &= header.status != ExecutionStatus::Running;
            if header.status == ExecutionStatus::Running && !timer {
                let frames = process.store().frames(&client.id);
                return Err(format!("{} has not ended and waits for nothing: {header:?} {frames:?}", client.id));
            }
        }
        Ok(!over)
    }

    /// Checks that no task has its effect under two tokens.
    fn doubled(&self) -> Result<(), String> {
        match self.world.effects.iter().find(|(_, tokens)| tokens.len() > 1) {
            Some(((id, path), tokens)) => Err(format!("the effect of {path} of {id} happened under {tokens:?}")),
            None => Ok(()),
        }
    }

    /// Checks that acknowledged and shown data is unchanged after a crash.
    fn nothing_lost(&self) -> Result<(), String> {
        let Some(process) = &self.process else { return Ok(()) };
        listed_once(process)?;
        for client in self.clients.iter().filter(|client| client.acknowledged) {
            header(process, &client.id)?;
        }
        for (id, shown) in &self.shown {
            let kept: BTreeMap<u64, JournalEntry> =
                entries(process, id)?.into_iter().map(|entry| (entry.sequence, entry)).collect();
            for (sequence, entry) in shown {
                if kept.get(sequence) != Some(entry) {
                    return Err(format!(
                        "{id}: entry {sequence} was shown, and after a crash it is {:?}",
                        kept.get(sequence)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn header(process: &SimulatedProcess, id: &str) -> Result<ExecutionHeader, String> {
    let header = process.store().header(id).map_err(|error| error.to_string())?;
    header.ok_or_else(|| format!("{id} was acknowledged and does not exist"))
}

fn entries(process: &SimulatedProcess, id: &str) -> Result<Vec<JournalEntry>, String> {
    process.store().entries(id, 1, usize::MAX).map_err(|error| format!("{id}: {error}"))
}

/// Checks that the list records have each execution once, under its current status.
fn listed_once(process: &SimulatedProcess) -> Result<(), String> {
    process.store().verify_listings().map_err(|error| error.to_string())
}

/// Whether only the number of the last checkpoint differs. After a power failure the index may have it while the mirror has an earlier one,
/// with which the log is applied again. The next checkpoint repeats it.
fn is_of_last_checkpoint(problem: &StoreError) -> bool {
    problem.to_string().contains("the record m/checkpoint differs from the mirror")
}
