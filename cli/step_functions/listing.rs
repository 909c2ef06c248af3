//! Reads lists of executions page by page, and reports what a list lacks.

use std::cmp::Reverse;

use api::flow;
use engine::machine::ExecutionStatus;
use futures::future::try_join_all;
use steps::step_functions::{NamedArn, RemoteExecution};

use super::{Executions, header, service_error};
use crate::exit::CliError;

/// The number of calls that are made at once.
pub(super) const CALLS_AT_ONCE: usize = 8;
/// The most state machines that are asked for the execution of a name, for a complete list, or for what waits for a person.
pub(super) const MACHINES_MAX: usize = 1_000;
/// The most state machines whose latest executions are read: for the beginning of a name, `@latest`, or a list of the latest.
pub(super) const MACHINES_SEARCHED_MAX: usize = 100;
/// The most executions of one page (API Reference, ListExecutions).
const PAGE_MAX: usize = 1_000;
/// The number of executions after which a complete list is cut off.
const LISTED_MAX: usize = 100_000;
/// The number of executions of all state machines that are read for a list of the latest, so that it reports how many it lacks.
const COUNTED_MAX: usize = 10_000;

/// The executions of a list that are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListLimits {
    /// Only those that have not ended.
    pub running: bool,
    /// The most of each state machine.
    pub each_max: usize,
    /// The number of executions of all state machines after which no further page is read.
    pub all_max: usize,
}

/// Executions of several state machines.
pub(super) struct FoundList {
    /// The executions, newest first.
    pub executions: Vec<RemoteExecution>,
    /// Whether these state machines have no others.
    pub is_complete: bool,
}

/// The list of a state machine's executions that has more pages.
struct OpenList<'m> {
    machine: &'m str,
    read: usize,
    token: Option<String>,
}

impl Executions {
    /// Up to `max` state machines, and whether no others exist.
    pub(super) async fn machines(&self, max: usize) -> Result<(Vec<NamedArn>, bool), CliError> {
        let mut machines = self.api.state_machines(max + 1).await.map_err(service_error)?;
        let are_all = machines.len() <= max;
        machines.truncate(max);
        Ok((machines, are_all))
    }

    /// The newest executions of some state machines.
    pub(super) async fn newest(&self, machines: &[NamedArn], limits: ListLimits) -> Result<FoundList, CliError> {
        let (mut executions, mut is_complete) = (Vec::new(), true);
        let mut open: Vec<OpenList<'_>> =
            machines.iter().map(|machine| OpenList { machine: &machine.arn, read: 0, token: None }).collect();
        // One page of each list in turn: the bound cuts off the earliest of each state machine, and leaves out no state machine.
        while !open.is_empty() {
            if executions.len() >= limits.all_max {
                is_complete = false;
                break;
            }
            let mut next = Vec::new();
            for some in open.chunks(CALLS_AT_ONCE) {
                let calls: Vec<_> = some.iter().map(|list| self.next_page(list, limits)).collect();
                for (list, (page, token)) in some.iter().zip(try_join_all(calls).await?) {
                    let read = list.read + page.len();
                    executions.extend(page);
                    match token {
                        None => {}
                        Some(_) if read >= limits.each_max => is_complete = false,
                        token => next.push(OpenList { machine: list.machine, read, token }),
                    }
                }
            }
            open = next;
        }
        executions.sort_by_key(|execution: &RemoteExecution| Reverse(execution.started_ms));
        Ok(FoundList { executions, is_complete })
    }

    async fn next_page(
        &self,
        list: &OpenList<'_>,
        limits: ListLimits,
    ) -> Result<(Vec<RemoteExecution>, Option<String>), CliError> {
        let size = limits.each_max.saturating_sub(list.read).min(PAGE_MAX);
        let call = || self.api.executions(list.machine, limits.running, size, list.token.clone());
        self.paced(&self.list, call).await
    }

    /// Lists executions, newest first: all up to [`LISTED_MAX`], or the latest.
    pub(super) async fn list(&self, request: flow::ListRequest) -> Result<flow::ListResponse, CliError> {
        let machines_max = if request.limit.is_some() { MACHINES_SEARCHED_MAX } else { MACHINES_MAX };
        let (machines, are_all) = self.machines(machines_max).await?;
        let each_max = request.limit.map_or(usize::MAX, |limit| latest_of_each(limit, machines.len()));
        let limits = ListLimits { running: request.unfinished, each_max, all_max: LISTED_MAX };
        let FoundList { executions: mut all, is_complete } = self.newest(&machines, limits).await?;
        let read = all.len();
        all.truncate(request.limit.unwrap_or(usize::MAX));
        let left_out = flow::LeftOut {
            executions: read - all.len(),
            more: !is_complete,
            of_machines: (!are_all).then_some(machines.len()),
        };
        let lacks_some = left_out.executions > 0 || left_out.more || !are_all;
        let executions: Vec<_> = all.iter().map(|remote| header(&remote.arn, remote)).collect();
        let running = executions.iter().filter(|header| header.status == ExecutionStatus::Running);
        let driven = running.map(|header| header.id.clone()).collect();
        let left_out = lacks_some.then_some(left_out);
        Ok(flow::ListResponse { executions, driven, left_out, ..flow::ListResponse::default() })
    }
}

/// The number of executions of each state machine that are read for a list of the latest. One call reads a page of any size: further executions
/// only take the time of their transfer.
fn latest_of_each(limit: usize, machines: usize) -> usize {
    (COUNTED_MAX / machines.max(1)).min(PAGE_MAX).max(limit)
}
