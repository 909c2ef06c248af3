//! Listing executions.

use engine::machine::ExecutionHeader;
use serde::{Deserialize, Serialize};

use crate::{
    Answer, Api, Fault, arn, paging,
    records::{Execution, StateMachineType, execution_key},
    request::Page,
};

/// A request of ListExecutions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List {
    #[serde(default)]
    state_machine_arn: Option<String>,
    #[serde(default)]
    map_run_arn: Option<String>,
    #[serde(default)]
    status_filter: Option<String>,
    #[serde(default)]
    redrive_filter: Option<RedriveFilter>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RedriveFilter {
    Redriven,
    NotRedriven,
}

impl Api {
    pub(crate) fn list_executions(&self, request: &List) -> Answer {
        if let Some(arn) = &request.map_run_arn {
            return self.list_children(arn, &request.page, |status, redrives| request.wants(status, redrives));
        }
        let Some(arn) = &request.state_machine_arn else {
            let message = "1 validation error detected: Must provide a StateMachine ARN or MapRun ARN";
            return Err(Fault::validation(message));
        };
        let arn::Resource::StateMachine { name, qualifier } = arn::parse(arn)? else {
            return Err(arn::wrong_kind(arn));
        };
        if self.machine(&name)?.kind == StateMachineType::Express {
            let message = "This operation is not supported by this type of state machine";
            return Err(Fault::new("StateMachineTypeNotSupported", message));
        }
        let through = |started: &Execution| {
            let version = started.version.map(|number| number.to_string());
            qualifier.is_none() || started.alias == qualifier || version == qualifier
        };
        let store = self.runner.store();
        let mut found = Vec::new();
        for listed in store.listed(&name, None, usize::MAX)? {
            let Some(header) = store.summary(&listed.id)? else { continue };
            // EXPRESS executions are those of an earlier state machine under this name.
            if header.id.split(':').count() > 2 || !request.wants(header.status, header.redrive_count) {
                continue;
            }
            let Some(started) = store.document(&execution_key(&header.id))? else { continue };
            if through(&started) {
                let key = paging::newest_first(listed_at_ms(&header, &started), &header.id);
                found.push((key, self.summary(&header, &started)));
            }
        }
        paging::page("executions", &request.page, found)
    }
}

/// The time that decides its place: of the end, or while it runs, of the redrive or the start (API Reference, ListExecutions).
fn listed_at_ms(header: &ExecutionHeader, started: &Execution) -> u64 {
    let begun_ms = started.redrives.last().map_or(header.started_ms, |redrive| redrive.at_ms);
    header.stopped_ms.unwrap_or(begun_ms)
}

impl List {
    fn wants(&self, status: impl Serialize, redrive_count: u32) -> bool {
        let named = serde_json::to_value(status).ok();
        let status = self.status_filter.as_ref().is_none_or(|wanted| named.as_ref().is_some_and(|name| name == wanted));
        let redriven = match self.redrive_filter {
            None => true,
            Some(RedriveFilter::Redriven) => redrive_count > 0,
            Some(RedriveFilter::NotRedriven) => redrive_count == 0,
        };
        status && redriven
    }
}
