//! Child executions of map runs: the API shows iterations of the parent's execution as executions.
//! Source: Step Functions API Reference, "ListExecutions", "DescribeExecution", "DescribeStateMachineForExecution".

use engine::{
    asl::each_state,
    journal::{EntryContent, HistoryEventDetails, JournalEntry},
    machine::{self, ChildId, ChildStatus},
};
use serde_json::{Value, json};

use super::FoundMapRun;
use crate::{
    Answer, Api, Fault,
    arn::MapRunName,
    fault::{EXPRESS_NOT_REDRIVABLE, not_redrivable},
    paging,
    records::{StartedExecution, execution_key, seconds, set},
    request::Page,
};

/// A child execution, and the map run that started it.
pub(crate) struct ChildExecution {
    pub found: FoundMapRun,
    pub row: machine::Child,
}

impl Api {
    /// Finds the child execution of a name.
    pub(crate) fn child(&self, name: &MapRunName, arn: &str) -> Result<ChildExecution, Fault> {
        let missing = || Fault::no_execution_with(arn);
        let found = self.run_named(name)?.filter(|found| found.run.express == name.is_express).ok_or_else(missing)?;
        let index = machine::child_index(&name.id).ok_or_else(missing)?;
        let id = ChildId { run: found.run.number, index };
        let row = self.runner.store().child(&found.execution, id)?;
        // The UUID of the map run itself can parse as a child's name.
        let row = row.filter(|_| found.run.child_name(index) == name.id).ok_or_else(missing)?;
        Ok(ChildExecution { found, row })
    }

    pub(crate) fn child_arn(&self, found: &FoundMapRun, index: u64) -> String {
        found.run.child_arn(&self.arn_prefix(), found.machine(), index)
    }

    /// The ARN of the Map's processor, which is the state machine of its child executions.
    pub(crate) fn processor_arn(&self, found: &FoundMapRun) -> String {
        self.state_machine_arn(&format!("{}/{}", found.machine(), found.run.label))
    }

    /// A page of those child executions of a map run that `wants` selects, newest first.
    pub(crate) fn list_children(&self, arn: &str, page: &Page, wants: impl Fn(ChildStatus, u32) -> bool) -> Answer {
        let found = self.map_run(arn)?;
        if found.run.express {
            return Err(Fault::not_of_this_type());
        }
        let (store, size, after) = (self.runner.store(), page.size(), page.after()?);
        let mut after: Option<u64> = after.map(|text| text.parse().map_err(|_| Fault::invalid_token())).transpose()?;
        let (mut executions, mut examined, mut more, mut at_once) = (Vec::new(), 0, true, size);
        while more && executions.len() < size && examined < paging::EXAMINED_MAX {
            // One child more than is shown, to see whether another page exists.
            let rows = store.children(&found.execution, found.run.number, after, at_once + 1)?;
            more = rows.len() > at_once;
            for row in rows.iter().take(at_once) {
                if executions.len() == size {
                    more = true;
                    break;
                }
                (after, examined) = (Some(row.id.index), examined + 1);
                if wants(row.status, row.redrive_count) {
                    executions.push(self.child_listed(&found, row));
                }
            }
            at_once = (at_once * 2).min(paging::EXAMINED_MAX);
        }
        let mut answer = json!({ "executions": executions });
        let next = after.filter(|_| more).map(|index| paging::token(&index.to_string()));
        set(&mut answer, "nextToken", next);
        Ok(answer)
    }

    fn child_listed(&self, found: &FoundMapRun, row: &machine::Child) -> Value {
        let mut response = self.child_summary(found, row);
        response["itemCount"] = row.items.into();
        response
    }

    fn child_summary(&self, found: &FoundMapRun, row: &machine::Child) -> Value {
        let mut response = json!({
            "executionArn": self.child_arn(found, row.id.index), "stateMachineArn": self.processor_arn(found),
            "name": found.run.child_name(row.id.index), "status": row.status, "startDate": seconds(row.started_ms),
            "mapRunArn": self.map_run_arn(found), "redriveCount": row.redrive_count,
        });
        set(&mut response, "stopDate", row.stopped_ms.map(seconds));
        set(&mut response, "redriveDate", row.redriven_ms.map(seconds));
        response
    }

    /// The answer of DescribeExecution for a child execution.
    pub(crate) fn describe_child(&self, child: &ChildExecution, with_data: bool) -> Answer {
        let ChildExecution { found, row } = child;
        let mut response = self.child_summary(found, row);
        if with_data {
            let ends = [self.child_event(child, 1)?, self.child_event(child, row.last_event_id)?];
            ends.into_iter().flatten().for_each(|details| add_data(details, &mut response));
        }
        let (status, reason) = redrivable(row.status, found.run.express);
        response["redriveStatus"] = status.into();
        set(&mut response, "redriveStatusReason", reason);
        Ok(response)
    }

    fn child_event(&self, child: &ChildExecution, event: u64) -> Result<Option<HistoryEventDetails>, Fault> {
        let entry = self.child_entries(child, event, 1)?.pop();
        Ok(entry.and_then(|entry| match entry.content {
            EntryContent::Event(event) => Some(event.details),
            EntryContent::Note(_) => None,
        }))
    }

    /// The history of a child execution, starting with an event.
    pub(crate) fn child_entries(
        &self,
        child: &ChildExecution,
        from: u64,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, Fault> {
        Ok(self.runner.store().child_entries(&child.found.execution, child.row.id, from, limit)?)
    }

    /// The id of the last event in the history of a child execution. Its record has that of the turn that wrote the record, at its start or
    /// its end. Ids have no gaps, so the last one is found with a number of reads that grows with the logarithm of the events since then.
    pub(crate) fn last_child_event_id(&self, child: &ChildExecution) -> Result<u64, Fault> {
        let (mut last, mut step) = (child.row.last_event_id, 1);
        let exists = |id: u64| Ok::<_, Fault>(!self.child_entries(child, id, 1)?.is_empty());
        while exists(last + step)? {
            last += step;
            step *= 2;
        }
        while step > 1 {
            step /= 2;
            if exists(last + step)? {
                last += step;
            }
        }
        Ok(last)
    }

    /// The document of the parent execution, with the child's input in place of the parent's.
    pub(crate) fn started_child(&self, child: &ChildExecution) -> Result<StartedExecution, Fault> {
        let id = &child.found.execution;
        let missing = || Fault::no_execution_with(&self.child_arn(&child.found, child.row.id.index));
        let mut started: StartedExecution = self.runner.store().document(&execution_key(id))?.ok_or_else(missing)?;
        if let Some(HistoryEventDetails::ExecutionStarted { input }) = self.child_event(child, 1)? {
            started.input = input.to_string();
        }
        Ok(started)
    }
}

/// Whether a child execution can be redriven, and why not (API Reference, DescribeExecution, `redriveStatus`).
fn redrivable(status: ChildStatus, express: bool) -> (&'static str, Option<String>) {
    match status {
        _ if express => ("NOT_REDRIVABLE", Some(EXPRESS_NOT_REDRIVABLE.to_owned())),
        ChildStatus::Failed | ChildStatus::Aborted => ("REDRIVABLE_BY_MAP_RUN", None),
        ChildStatus::Running => ("NOT_REDRIVABLE", Some(not_redrivable("RUNNING"))),
        ChildStatus::PendingRedrive => ("NOT_REDRIVABLE", Some(not_redrivable("PENDING_REDRIVE"))),
        ChildStatus::Succeeded => ("NOT_REDRIVABLE", Some(not_redrivable("SUCCEEDED"))),
    }
}

fn add_data(details: HistoryEventDetails, response: &mut Value) {
    match details {
        HistoryEventDetails::ExecutionStarted { input } => {
            response["input"] = input.to_string().into();
            response["inputDetails"] = json!({ "included": true });
        }
        HistoryEventDetails::ExecutionSucceeded { output } => {
            response["output"] = output.to_string().into();
            response["outputDetails"] = json!({ "included": true });
        }
        HistoryEventDetails::ExecutionFailed(failure) | HistoryEventDetails::ExecutionAborted(failure) => {
            let said = |text: String| (!text.is_empty()).then_some(text);
            set(response, "error", said(failure.error));
            set(response, "cause", said(failure.cause));
        }
        _ => {}
    }
}

/// The definition of child executions: the processor of the Map with that label, at any depth.
pub(crate) fn processor<'d>(definition: &'d Value, label: &str) -> Option<&'d Value> {
    let mut found = None;
    each_state(definition, &mut |state| {
        if found.is_none() && machine::label(state.json["Label"].as_str(), state.name) == label {
            found = state.machines().iter().find(|inner| inner.is_distributed()).map(|inner| inner.json);
        }
    });
    found
}
