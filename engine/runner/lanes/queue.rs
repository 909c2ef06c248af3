//! The fair queue of the lanes.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Without a turn for this time, the used time of a state machine is dropped.
const UNUSED_AFTER: Duration = Duration::from_secs(60);
/// The number of state machines above which unused ones are dropped at once.
const MACHINES_MAX: usize = 1_024;

/// Waiting turns by state machine.
pub(super) struct Queue<T> {
    machines: HashMap<String, Machine<T>>,
    lanes_each_max: usize,
    waiting: usize,
    running: usize,
    closed: bool,
}

struct Machine<T> {
    jobs: VecDeque<T>,
    running: usize,
    used: Duration,
    last: Instant,
}

impl<T> Queue<T> {
    /// A queue that lets a state machine have at most `lanes_each_max` turns running.
    pub fn new(lanes_each_max: usize) -> Self {
        Queue { machines: HashMap::new(), lanes_each_max, waiting: 0, running: 0, closed: false }
    }

    /// Whether a turn waits or runs.
    pub fn is_busy(&self) -> bool {
        self.waiting + self.running > 0
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Adds a turn of a state machine.
    pub fn push(&mut self, machine: String, job: T) {
        if self.machines.len() >= MACHINES_MAX {
            self.drop_unused(Duration::ZERO);
        }
        let new = || Machine { jobs: VecDeque::new(), running: 0, used: Duration::ZERO, last: Instant::now() };
        self.machines.entry(machine).or_insert_with(new).jobs.push_back(job);
        self.waiting += 1;
    }

    /// Takes the first turn of the state machine that has used the least time.
    pub fn pop(&mut self) -> Option<(String, T)> {
        let lanes_each_max = self.lanes_each_max;
        let waiting = self
            .machines
            .iter_mut()
            .filter(|(_, machine)| !machine.jobs.is_empty() && machine.running < lanes_each_max);
        let (name, machine) = waiting.min_by_key(|(_, machine)| machine.used)?;
        let job = machine.jobs.pop_front()?;
        machine.running += 1;
        self.waiting -= 1;
        self.running += 1;
        Some((name.clone(), job))
    }

    /// Removes the first waiting turn that matches.
    pub fn remove(&mut self, matches: impl Fn(&T) -> bool) -> Option<T> {
        let job = self.machines.values_mut().find_map(|machine| {
            let index = machine.jobs.iter().position(&matches)?;
            machine.jobs.remove(index)
        })?;
        self.waiting -= 1;
        Some(job)
    }

    /// Records that a turn has ended, and the time that it took.
    pub fn ended(&mut self, name: &str, took: Duration) {
        self.running -= 1;
        if let Some(machine) = self.machines.get_mut(name) {
            machine.running -= 1;
            machine.used += took;
            machine.last = Instant::now();
        }
        if !self.is_busy() {
            self.drop_unused(UNUSED_AFTER);
        }
    }

    fn drop_unused(&mut self, unused_min: Duration) {
        self.machines.retain(|_, machine| {
            machine.running > 0 || !machine.jobs.is_empty() || machine.last.elapsed() < unused_min
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn popped(queue: &mut Queue<u32>) -> Option<u32> {
        queue.pop().map(|(_, job)| job)
    }

    #[test]
    fn a_state_machine_with_many_long_turns_does_not_delay_another_one() {
        let mut queue = Queue::new(2);
        (0..30).for_each(|job| queue.push("greedy".to_owned(), job));
        assert_eq!((popped(&mut queue), popped(&mut queue), popped(&mut queue)), (Some(0), Some(1), None));
        queue.push("other".to_owned(), 100);
        assert_eq!(popped(&mut queue), Some(100));
        queue.ended("greedy", Duration::from_secs(3));
        queue.ended("other", Duration::from_millis(1));
        queue.push("other".to_owned(), 101);
        assert_eq!((popped(&mut queue), popped(&mut queue), popped(&mut queue)), (Some(101), Some(2), None));
    }

    #[test]
    fn a_removed_turn_does_not_run() {
        let mut queue = Queue::new(2);
        (0..3).for_each(|job| queue.push("one".to_owned(), job));
        queue.push("other".to_owned(), 10);
        assert_eq!((queue.remove(|job| *job == 1), queue.remove(|job| *job == 1)), (Some(1), None));
        assert_eq!(queue.remove(|job| *job == 10), Some(10));
        assert_eq!((popped(&mut queue), popped(&mut queue), popped(&mut queue)), (Some(0), Some(2), None));
        (0..2).for_each(|_| queue.ended("one", Duration::ZERO));
        assert!(!queue.is_busy());
    }

    #[test]
    fn state_machines_without_turns_are_dropped() {
        let mut queue = Queue::new(1);
        for number in 0..3 * MACHINES_MAX {
            queue.push(number.to_string(), number);
            let (name, _) = queue.pop().unwrap();
            queue.ended(&name, Duration::ZERO);
        }
        assert!(queue.machines.len() <= MACHINES_MAX && !queue.is_busy());
    }
}
