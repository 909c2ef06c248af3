//! Listing executions.

use engine::{
    machine::ExecutionHeader,
    store::{ListFilter, ListPosition},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Answer, Api, Fault, arn, paging,
    records::{StartedExecution, StateMachineType, execution_key, set},
    request::Page,
};

/// A request of ListExecutions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListExecutionsRequest {
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
    pub(crate) fn list_executions(&self, request: &ListExecutionsRequest) -> Answer {
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
            return Err(Fault::not_of_this_type());
        }
        let Some(filter) = request.filter() else { return Ok(json!({ "executions": [] })) };
        let through = |started: &StartedExecution| {
            let version = started.version.map(|number| number.to_string());
            qualifier.is_none() || started.alias == qualifier || version == qualifier
        };
        let (store, size) = (self.runner.store(), request.page.size());
        let mut after = request.page.after()?.map(|key| position(&key)).transpose()?;
        let (mut listed, mut examined, mut more) = (Vec::new(), 0, true);
        while more && listed.len() < size && examined < paging::EXAMINED_MAX {
            // One execution more than fits shows whether another page exists.
            let wanted = size - listed.len();
            let mut found = store.list_page(&name, filter, after.as_ref(), wanted + 1)?;
            more = found.len() > wanted;
            found.truncate(wanted);
            examined += found.len();
            for at in found {
                if let Some((header, started)) = self.listed_at(&at, filter)?
                    && through(&started)
                {
                    listed.push(self.summary(&header, &started));
                }
                after = Some(at);
            }
        }
        let mut answer = json!({ "executions": listed });
        let next = after.filter(|_| more).map(|at| paging::token(&paging::newest_first(at.at_ms, &at.id)));
        set(&mut answer, "nextToken", next);
        Ok(answer)
    }

    /// The execution at a position; `None` if it has moved, was pruned, or is an EXPRESS execution of an earlier state
    /// machine of this name.
    fn listed_at(
        &self,
        at: &ListPosition,
        filter: ListFilter,
    ) -> Result<Option<(ExecutionHeader, StartedExecution)>, Fault> {
        let store = self.runner.store();
        if at.id.split(':').count() > 2 {
            return Ok(None);
        }
        let header = store.summary(&at.id)?.filter(|header| filter.selects(header) && header.listed_ms() == at.at_ms);
        let Some(header) = header else { return Ok(None) };
        Ok(store.document(&execution_key(&header.id))?.map(|started| (header, started)))
    }
}

/// The position in a token.
fn position(key: &str) -> Result<ListPosition, Fault> {
    let (at_ms, id) = paging::of_newest_first(key).ok_or_else(Fault::invalid_token)?;
    Ok(ListPosition { at_ms, id: id.to_owned() })
}

impl ListExecutionsRequest {
    /// The filter for the store; `None` if no execution of a state machine can have the status.
    fn filter(&self) -> Option<ListFilter> {
        let status = match self.status_filter.as_deref() {
            None => None,
            // Only child executions of a map run have the status PENDING_REDRIVE.
            Some(name) => Some(serde_json::from_value(name.into()).ok()?),
        };
        let redriven = self.redrive_filter.map(|filter| filter == RedriveFilter::Redriven);
        Some(ListFilter { status, redriven })
    }

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
