//! Map runs of distributed Maps: lists and describes them, and changes their limits.
//! Source: Step Functions API Reference, "ListMapRuns", "DescribeMapRun", "UpdateMapRun".

mod children;

use engine::machine::{Counts, MapRun, MapRunLimits, MapRunStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault,
    arn::{self, MapRunName, Resource},
    paging,
    records::{seconds, set},
    request::Page,
};

pub(crate) use children::{ChildExecution, processor};

/// A request of ListMapRuns.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMapRunsRequest {
    execution_arn: String,
    #[serde(flatten)]
    page: Page,
}

/// A request that names a map run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MapRunRequest {
    map_run_arn: String,
}

/// A request of UpdateMapRun.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateMapRunRequest {
    map_run_arn: String,
    #[serde(flatten)]
    limits: MapRunLimits,
}

/// A map run and the id of its execution.
pub(crate) struct FoundMapRun {
    pub execution: String,
    pub run: MapRun,
}

impl FoundMapRun {
    /// The name of the state machine.
    pub fn machine(&self) -> &str {
        self.execution.split(':').next().unwrap_or_default()
    }
}

impl Api {
    pub(crate) fn list_map_runs(&self, request: &ListMapRunsRequest) -> Answer {
        let (execution, within) = match arn::parse(&request.execution_arn)? {
            Resource::Child(name) => {
                let child = self.child(&name, &request.execution_arn)?;
                (child.found.execution, Some(child.row.id))
            }
            _ => {
                let id = arn::execution(&request.execution_arn)?;
                self.header(&id)?;
                (id, None)
            }
        };
        let (store, size) = (self.runner.store(), request.page.size());
        let before = request.page.after()?.map(|key| key.parse().map_err(|_| Fault::invalid_token())).transpose()?;
        let mut before: u64 = match before {
            Some(before) => before,
            // Map runs are numbered by their frames.
            None => store.summary(&execution)?.map_or(0, |header| header.next_frame_id),
        };
        let (mut listed, mut examined, mut more) = (Vec::new(), 0, true);
        while more && listed.len() < size && examined < paging::EXAMINED_MAX {
            // One map run more than fits shows whether another page exists.
            let wanted = size - listed.len();
            let mut runs = store.map_runs_before(&execution, before, wanted + 1)?;
            more = runs.len() > wanted;
            runs.truncate(wanted);
            examined += runs.len();
            for run in runs {
                before = run.number;
                if run.within == within {
                    let found = FoundMapRun { execution: execution.clone(), run };
                    listed.push(self.map_run_listed(&request.execution_arn, &found));
                }
            }
        }
        let mut answer = json!({ "mapRuns": listed });
        set(&mut answer, "nextToken", more.then(|| paging::token(&before.to_string())));
        Ok(answer)
    }

    fn map_run_listed(&self, execution_arn: &str, found: &FoundMapRun) -> Value {
        let mut listed = json!({
            "executionArn": execution_arn, "mapRunArn": self.map_run_arn(found),
            "stateMachineArn": self.processor_arn(found), "startDate": seconds(found.run.started_ms),
        });
        set(&mut listed, "stopDate", found.run.stopped_ms.map(seconds));
        listed
    }

    pub(crate) fn describe_map_run(&self, request: &MapRunRequest) -> Answer {
        let found = self.map_run(&request.map_run_arn)?;
        let run = &found.run;
        let mut response = json!({
            "mapRunArn": request.map_run_arn, "executionArn": self.arn_of_its_execution(&found)?, "status": run.status,
            "startDate": seconds(run.started_ms), "maxConcurrency": run.max_concurrency,
            "toleratedFailurePercentage": run.tolerated.percentage.unwrap_or(0.0),
            "toleratedFailureCount": run.tolerated.count.unwrap_or(0),
            "itemCounts": counts(&run.items), "executionCounts": counts(&run.executions),
            "redriveCount": run.redrive_count,
        });
        set(&mut response, "stopDate", run.stopped_ms.map(seconds));
        set(&mut response, "redriveDate", run.redriven_ms.map(seconds));
        Ok(response)
    }

    pub(crate) async fn update_map_run(&self, request: UpdateMapRunRequest) -> Answer {
        let found = self.map_run(&request.map_run_arn)?;
        if request.limits == MapRunLimits::default() {
            let message =
                "Must provide at least one of maxConcurrency, toleratedFailureCount, toleratedFailurePercentage";
            return Err(Fault::validation(message));
        }
        if found.run.status != MapRunStatus::Running {
            let message = format!("Map Run is not running and cannot be updated: '{}'", request.map_run_arn);
            return Err(Fault::validation(message));
        }
        self.runner.update_map_run(&found.execution, found.run.number, request.limits).await?;
        Ok(json!({}))
    }

    /// The map run of an ARN.
    pub(crate) fn map_run(&self, arn: &str) -> Result<FoundMapRun, Fault> {
        let Resource::MapRun(name) = arn::parse(arn)? else { return Err(arn::wrong_kind(arn)) };
        let found = self.run_named(&name)?.filter(|found| found.run.uuid == name.id);
        found.ok_or_else(|| Fault::no_resource_with(arn))
    }

    /// The map run with this name, or the map run with a child execution of this name.
    pub(crate) fn run_named(&self, name: &MapRunName) -> Result<Option<FoundMapRun>, Fault> {
        let found = self.runner.store().map_run(&name.id)?.map(|(execution, run)| FoundMapRun { execution, run });
        Ok(found.filter(|found| found.machine() == name.machine && found.run.label == name.label))
    }

    pub(crate) fn map_run_arn(&self, found: &FoundMapRun) -> String {
        format!("{}:mapRun:{}/{}:{}", self.arn_prefix(), found.machine(), found.run.label, found.run.uuid)
    }

    /// The ARN of the execution that started a map run. It may be a child execution of another map run.
    fn arn_of_its_execution(&self, found: &FoundMapRun) -> Result<String, Fault> {
        let Some(child) = found.run.within else { return Ok(self.execution_arn(&found.execution)) };
        let outer = self.runner.store().map_run_numbered(&found.execution, child.run)?;
        Ok(outer.map_or_else(String::new, |run| {
            self.child_arn(&FoundMapRun { execution: found.execution.clone(), run }, child.index)
        }))
    }
}

/// Converts counts to AWS's names. Every failed child execution can be redriven by flow.
fn counts(counts: &Counts) -> Value {
    let mut response = json!(counts);
    response["failuresNotRedrivable"] = 0.into();
    response
}
