//! What time it is where executions live, and whether that can be right.

use std::{sync::Arc, time::Duration};

use engine::runner::{Clock, ScaledClock, SystemClock};
use rehearsal::World;

use crate::home::Home;

/// Executions of a home may have begun so far ahead of its clock: two machines' clocks differ.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// The clock of a home: a rehearsal's runs faster, from its world's beginning.
pub fn of(home: &Home) -> Arc<dyn Clock> {
    let world = home.rehearsal.then(|| World::read(home.folder()).ok().flatten()).flatten();
    match world {
        Some(world) => Arc::new(ScaledClock::new(world.started_at_ms, world.speed)),
        None => Arc::new(SystemClock::default()),
    }
}

/// The message where the clock is earlier than the latest start in a store. The clock was set back, and which waits are meant is unknown.
/// A rehearsal's clock begins anew with each world.
pub fn behind(home: &Home, latest_start_ms: Option<u64>) -> Option<String> {
    if home.rehearsal {
        return None;
    }
    let behind = Duration::from_millis(latest_start_ms?.saturating_sub(SystemClock::default().now_ms()));
    (behind > AHEAD_MAX).then(|| {
        let seconds = behind.as_secs();
        format!("the clock is {seconds} s behind the last start: it went back, and waits take that much longer until it is set")
    })
}
