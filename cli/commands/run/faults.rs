//! `flow run --rehearse --fault`.

use std::{convert::Infallible, time::Duration};

use api::flow::{DescribeExecution, DescribeExecutionRequest};
use rehearsal::{Fault, World};

use crate::{exit::CliError, owner::Handle, ui::block};

/// The interval between checks whether the state of a `kill@STATE` was entered.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Parses one fault.
///
/// # Errors
/// The text is not a fault.
pub fn parse(text: &str) -> Result<Fault, String> {
    text.parse()
}

/// Sends the faults to the world, which injects them.
///
/// # Errors
/// The world does not answer.
pub async fn order(world: &World, faults: &[Fault]) -> Result<(), CliError> {
    let orders: Vec<_> = faults
        .iter()
        .filter_map(|fault| match fault {
            Fault::Order(order) => Some(order.clone()),
            Fault::KillAt(_) => None,
        })
        .collect();
    if orders.is_empty() {
        return Ok(());
    }
    world.order(&orders).await.map_err(|error| CliError::refused(error.to_string()))
}

/// Aborts this process, without cleaning up, when a state of a `kill@STATE` is entered. Never returns.
pub async fn kill_at(handle: &Handle, id: &str, faults: &[Fault]) -> Infallible {
    let states: Vec<&str> = faults
        .iter()
        .filter_map(|fault| match fault {
            Fault::KillAt(state) => Some(state.as_str()),
            Fault::Order(_) => None,
        })
        .collect();
    if states.is_empty() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: false };
        let Ok(described) = handle.call::<DescribeExecution>(request).await else { continue };
        // A state that exited between two checks counts as entered.
        if described.view.states.values().any(|entered| states.contains(&entered.name.as_str())) {
            block::leave();
            std::process::abort();
        }
    }
}
