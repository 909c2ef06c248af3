//! The clock of a home, and a check that it was not set back.

use std::{sync::Arc, time::Duration};

use engine::runner::{Clock, ScaledClock, SystemClock};
use rehearsal::World;

use crate::home::Home;

/// The time by which the latest start may be ahead of the clock: clocks of two machines differ.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// The clock of a home. A rehearsal's clock runs faster and starts with its world.
pub fn of(home: &Home) -> Arc<dyn Clock> {
    let world = home.rehearsal.then(|| World::read(home.folder()).ok().flatten()).flatten();
    match world {
        Some(world) => Arc::new(ScaledClock::new(world.started_at_ms, world.speed)),
        None => Arc::new(SystemClock::default()),
    }
}

/// The message if the clock shows an earlier time than the latest start in a store: the clock was set back, so waits
/// last longer. A rehearsal's clock starts anew with each world and is not checked.
pub fn behind(home: &Home, latest_start_ms: Option<u64>) -> Option<String> {
    if home.rehearsal {
        return None;
    }
    let behind = Duration::from_millis(latest_start_ms?.saturating_sub(SystemClock::default().now_ms()));
    (behind > AHEAD_MAX).then(|| {
        let seconds = behind.as_secs();
        format!("the clock is {seconds} s earlier than the last start: it was set back. Until it is set, waits take that much longer")
    })
}
