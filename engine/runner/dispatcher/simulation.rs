//! Under faults no acknowledged data is lost, no effect happens twice, and every execution ends.
//!
//! The real dispatcher, machine and store run in a world derived from one seed: a disk that loses, tears and reorders unsynchronized
//! writes and fails in the middle of one; steps that fail, hang, and answer late or twice; people who resume; a clock that jumps. The
//! invariants are checked after every event, and a run with crashes must end like the run without.
//!
//! `FLOW_SIMULATION_SEEDS=100000` sets the number of seeds; `FLOW_SIMULATION_SEED=17` runs a single one.

mod disk;
mod legal;
mod process;
mod run;
mod simulated_rng;
mod world;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use self::run::{Figures, Run};

const SEEDS: usize = 1_000;

/// Runs a seed twice, with and without crashes.
fn seed(seed: u64) -> Result<Figures, String> {
    let (expected, _) = Run::new(seed, false).finish().map_err(|problem| format!("without a crash: {problem}"))?;
    let (found, figures) = Run::new(seed, true).finish()?;
    if found != expected {
        return Err(format!("with crashes it ends otherwise:\n{found:?}\nwithout:\n{expected:?}"));
    }
    Ok(figures)
}

fn variable(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_seed_loses_what_was_acknowledged_or_does_a_thing_twice() {
    let one = variable("FLOW_SIMULATION_SEED");
    let seeds = one.map_or(0..variable("FLOW_SIMULATION_SEEDS").unwrap_or(SEEDS), |one| one..one + 1);
    let (next, steps, crashes) = (AtomicUsize::new(seeds.start), AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(number) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| seeds.contains(number))
                {
                    let figures = seed(number as u64);
                    let replay = || {
                        format!(
                            "seed {number}; again with   FLOW_SIMULATION_SEED={number} cargo test -p engine simulation"
                        )
                    };
                    let figures = figures.unwrap_or_else(|problem| panic!("{problem}\n{}", replay()));
                    steps.fetch_add(figures.steps, Ordering::Relaxed);
                    crashes.fetch_add(figures.crashes, Ordering::Relaxed);
                }
            });
        }
    });
    let (count, seconds) = (seeds.len(), begun.elapsed().as_secs_f64());
    let (steps, crashes) = (steps.into_inner(), crashes.into_inner());
    println!("{count} seeds in {seconds:.1} s: {crashes} crashes, {steps} events, no promise broken");
}
