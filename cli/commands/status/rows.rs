//! The JSON lines of the list of executions.

use std::collections::HashSet;

use api::flow::{ListExecutions, ListRequest};
use serde_json::{Value, json};

use crate::{
    clock,
    exit::CliError,
    out,
    owner::Handle,
    ui::{json, status::Listed},
};

/// The number of executions that are read at a time.
const PAGE: usize = 500;

/// Prints a line for each execution of a store, those that started last first, page by page.
///
/// # Errors
/// The owner of the store does not answer.
pub async fn print_all(handle: &Handle) -> Result<(), CliError> {
    let (mut limit, mut until_ms) = (PAGE, None);
    // The printed executions that started at `until_ms`, where the next page begins.
    let mut at_boundary: HashSet<String> = HashSet::new();
    loop {
        let request = ListRequest { limit: Some(limit), until_ms, with_needs: true, ..ListRequest::default() };
        let response = handle.call::<ListExecutions>(request).await?;
        let is_last = response.executions.len() < limit;
        let last_ms = response.executions.last().map(|header| header.started_ms);
        let now_ms = clock::of(handle.home()).now_ms();
        let mut printed = 0;
        for listed in Listed::rows(response) {
            let header = &listed.header;
            // An owner of an earlier version ignores `until_ms` and returns newer executions again.
            let is_later = until_ms.is_some_and(|until_ms| header.started_ms > until_ms);
            if is_later || (Some(header.started_ms) == until_ms && at_boundary.contains(&header.id)) {
                continue;
            }
            printed += 1;
            if Some(header.started_ms) == last_ms {
                if until_ms != last_ms {
                    (until_ms, at_boundary) = (last_ms, HashSet::new());
                }
                at_boundary.insert(header.id.clone());
            }
            json::print(row(&listed, now_ms));
        }
        if is_last || out::is_closed() {
            return Ok(());
        }
        // Every execution of the page started at `until_ms`: only a longer page contains the next one.
        if printed == 0 {
            limit = limit.saturating_mul(2);
        }
    }
}

/// The JSON line of an execution in the list.
pub fn row(listed: &Listed, now_ms: u64) -> Value {
    let Listed { header, needs, due, .. } = listed;
    let display_status = listed.display_status(now_ms);
    let next = listed.next(now_ms);
    let advice = Some(next.text()).filter(|advice| !advice.is_empty());
    json!({
        "type": "execution", "execution": header.id, "message": format!("{} {display_status}", header.id),
        "workflow": header.workflow, "subject": header.subject, "status": header.status, "displayStatus": display_status,
        "startedMs": header.started_ms, "stoppedMs": header.stopped_ms, "lastChangeMs": listed.last_change_ms(),
        "needs": needs, "next": next.pasteable(), "advice": advice,
        "nextDueMs": due.map(|due| due.due_ms),
    })
}
