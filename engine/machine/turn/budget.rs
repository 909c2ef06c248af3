//! The budget of a turn. A turn that has spent its budget leaves the remaining work to the next turn: a long execution does not block the
//! others.

use crate::query::{EvaluationTime, Evaluator};

/// The maximum cost of a turn. An event costs 1. A turn with as many events as one history can have takes 0.1 s.
const COST_MAX: u64 = if cfg!(test) { 48 } else { 30_000 };
/// The real time after which a turn that evaluates ends with its state, in milliseconds: others wait for its thread.
const TURN_MS_MAX: u64 = 1_000;
/// The evaluation work that costs as much as one event, in units of about 1 ns.
const EVENT_WORK_UNITS: u64 = 3_000;

/// The cost of a turn so far, and the time that it has evaluated for.
pub(super) struct TurnBudget {
    cost: u64,
    cost_max: u64,
    /// Measures the state that is executed from its first evaluation.
    state_time: EvaluationTime,
    /// Measures the turn from its first evaluation.
    turn_time: EvaluationTime,
    /// Whether the turn has evaluated for longer than one turn should.
    evaluates_long: bool,
}

impl TurnBudget {
    /// The budget of a turn that may cost at most `cost_max`, if that is below the limit of every turn.
    pub fn new(cost_max: Option<u64>) -> Self {
        TurnBudget {
            cost: 0,
            cost_max: cost_max.map_or(COST_MAX, |max| max.min(COST_MAX)),
            state_time: EvaluationTime::new(),
            turn_time: EvaluationTime::new(),
            evaluates_long: false,
        }
    }

    /// Adds the cost of an event.
    pub fn add_event(&mut self) {
        self.cost += 1;
    }

    /// Adds the work of evaluations.
    pub fn add_work(&mut self, units: u64, evaluator: &dyn Evaluator) {
        let cost = units / EVENT_WORK_UNITS;
        self.cost += cost;
        self.evaluates_long |= cost > 0 && self.turn_time.exceeds(TURN_MS_MAX, evaluator);
    }

    /// Begins to measure the evaluations of another state.
    pub fn begin_state(&mut self) {
        self.state_time = EvaluationTime::new();
    }

    /// Whether the evaluations of the state have taken longer than those of one state may. Also checks the time of the turn.
    pub fn is_state_over(&mut self, evaluator: &dyn Evaluator) -> bool {
        self.evaluates_long |= self.turn_time.exceeds(TURN_MS_MAX, evaluator);
        self.state_time.is_over(evaluator)
    }

    /// Whether the turn must end as soon as possible.
    pub fn is_spent(&self) -> bool {
        self.cost >= self.cost_max || self.evaluates_long
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::query::{InThisThread, Stopwatch};

    #[test]
    fn events_work_and_time_spend_the_budget() {
        let mut budget = TurnBudget::new(Some(3));
        budget.add_event();
        budget.add_work(EVENT_WORK_UNITS - 1, &InThisThread);
        budget.add_work(EVENT_WORK_UNITS, &InThisThread);
        assert!(!budget.is_spent());
        budget.add_event();
        assert!(budget.is_spent());

        let (mut budget, stopwatch) = (TurnBudget::new(None), Stopwatch(AtomicU64::new(7)));
        assert!(!budget.is_state_over(&stopwatch) && !budget.is_spent());
        stopwatch.0.fetch_add(TURN_MS_MAX + 1, Ordering::Relaxed);
        budget.begin_state();
        budget.add_work(1, &stopwatch);
        assert!(!budget.is_spent(), "such small work does not read the stopwatch");
        assert!(!budget.is_state_over(&stopwatch), "another state has begun");
        assert!(budget.is_spent());
    }
}
