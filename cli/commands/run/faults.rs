//! `flow run --rehearse --fault`.

use std::{convert::Infallible, time::Duration};

use api::flow::{DescribeExecution, DescribeExecutionRequest};
use rehearsal::{Fault, World};

use crate::{exit::CliError, owner::Handle};

/// How often it is checked whether the state of a `kill@STATE` is entered.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Reads one fault.
///
/// # Errors
/// There is no such fault.
pub fn parse(text: &str) -> Result<Fault, String> {
    text.parse()
}

/// Orders those that the world carries out.
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

/// Ends this process when a state of a `kill@STATE` is entered, without any preparation; never returns.
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
        // A state that was left between two checks counts as well.
        if described.view.states.values().any(|entered| states.contains(&entered.name.as_str())) {
            std::process::abort();
        }
    }
}
