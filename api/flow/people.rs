//! Lists the tasks that wait for people, over all executions.

use engine::{machine::FrameState, step::Instructions};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// The most executions that are searched, in the order of their ids.
const SEARCHED_MAX: usize = 10_000;

/// Lists the tasks that wait for a person.
pub struct ListPersonTasks;

/// A request of [`ListPersonTasks`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListPersonTasksRequest {
    /// Only of this execution.
    pub id: Option<String>,
}

/// The response of [`ListPersonTasks`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListPersonTasksResponse {
    /// The tasks, longest wait first.
    pub tasks: Vec<PersonTask>,
    /// Whether more executions exist than are searched.
    pub truncated: bool,
    /// The part of the running executions that was searched, if not all were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched: Option<SearchedPart>,
}

/// The part of the running executions that was searched for tasks of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchedPart {
    /// The number of executions that were searched.
    pub read: usize,
    /// The number of executions that are known to run.
    pub running: usize,
    /// Whether more run than these.
    pub more: bool,
}

/// A task that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonTask {
    /// The execution's id.
    pub execution: String,
    /// Its workflow.
    pub workflow: String,
    /// The path of the state.
    pub state: String,
    /// When the wait began, in milliseconds since the Unix epoch: the first poll of the current attempt. After a redrive, the first poll of
    /// the new attempt.
    pub since_ms: u64,
    /// The deadline of the wait, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// The time of the next poll, in milliseconds since the Unix epoch; `None` for an approval, which nothing checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_poll_ms: Option<u64>,
    /// The time at which it timed out, if no process has recorded that yet: it can no longer be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed_out_ms: Option<u64>,
    /// The instructions for the person.
    pub instructions: Instructions,
    /// Whether it asks no question: any answer with its task token ends it, as `flow signal` sends one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_signal: bool,
}

impl Operation for ListPersonTasks {
    const NAME: &'static str = "Flow.ListPersonTasks";
    type Request = ListPersonTasksRequest;
    type Response = ListPersonTasksResponse;

    async fn answer(api: &Api, request: ListPersonTasksRequest) -> Result<ListPersonTasksResponse, Fault> {
        let store = api.runner.store();
        let mut ids = match request.id {
            Some(id) => vec![id],
            None => store.active_after(None, SEARCHED_MAX + 1)?.into_iter().map(|active| active.id).collect(),
        };
        let truncated = ids.len() > SEARCHED_MAX;
        ids.truncate(SEARCHED_MAX);
        let mut tasks = Vec::new();
        let now_ms = api.now_ms();
        for id in ids {
            let rows = store.frames(&id)?;
            let waiting = rows.iter().filter_map(|row| Some((row, row.instructions()?)));
            let waiting: Vec<_> = waiting.collect();
            if waiting.is_empty() {
                continue;
            }
            let Some(header) = store.summary(&id)? else { continue };
            tasks.extend(waiting.into_iter().map(|(row, instructions)| {
                let (since_ms, deadline_ms, next_poll_ms) = match &row.frame_state {
                    FrameState::Task { first_poll_ms, deadline_ms, next_poll_ms, .. } => {
                        (*first_poll_ms, *deadline_ms, *next_poll_ms)
                    }
                    _ => (row.entered_ms, None, None),
                };
                PersonTask {
                    execution: id.clone(),
                    workflow: header.workflow.clone(),
                    state: row.state_path(),
                    since_ms,
                    deadline_ms,
                    next_poll_ms: next_poll_ms.filter(|_| instructions.approval.is_none()),
                    timed_out_ms: row.timed_out_ms(header.deadline_ms, now_ms),
                    instructions: instructions.clone(),
                    takes_signal: false,
                }
            }));
        }
        tasks.sort_by_key(|task| task.since_ms);
        let searched = truncated.then_some(SearchedPart { read: SEARCHED_MAX, running: SEARCHED_MAX, more: true });
        Ok(ListPersonTasksResponse { tasks, truncated, searched })
    }
}
