//! The runs of distributed Maps, and their child executions.

use aws_sdk_sfn::types::ExecutionStatus;
use engine::step::StepError;

use super::{RemoteExecution, StepFunctions, executions::listed};

/// The number of child executions of a map run, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteMapRun {
    /// All. Zero until the items were read.
    pub total: u64,
    /// Those that run.
    pub running: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that timed out.
    pub timed_out: u64,
    /// Those that were stopped.
    pub aborted: u64,
}

impl StepFunctions {
    /// The child executions of a map run in numbers.
    ///
    /// # Errors
    /// The API's.
    pub async fn map_run(&self, arn: &str) -> Result<RemoteMapRun, StepError> {
        let described = self.client.describe_map_run().map_run_arn(arn).send().await;
        let described = described.map_err(|error| self.failed("states:DescribeMapRun", error))?;
        let Some(counts) = described.execution_counts else { return Ok(RemoteMapRun::default()) };
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(RemoteMapRun {
            total: unsigned(counts.total),
            running: unsigned(counts.running),
            succeeded: unsigned(counts.succeeded),
            failed: unsigned(counts.failed),
            timed_out: unsigned(counts.timed_out),
            aborted: unsigned(counts.aborted),
        })
    }

    /// The child executions of a map run that run: up to `limit`, the newest first.
    ///
    /// # Errors
    /// The API's.
    pub async fn running_children(&self, map_run: &str, limit: i32) -> Result<Vec<RemoteExecution>, StepError> {
        self.children(map_run, ExecutionStatus::Running, limit).await
    }

    /// The child executions of a map run that failed, or with `timed_out` those that timed out: up to `limit`, the last end first.
    ///
    /// # Errors
    /// The API's.
    pub async fn failed_children(
        &self,
        map_run: &str,
        timed_out: bool,
        limit: i32,
    ) -> Result<Vec<RemoteExecution>, StepError> {
        let status = if timed_out { ExecutionStatus::TimedOut } else { ExecutionStatus::Failed };
        self.children(map_run, status, limit).await
    }

    async fn children(
        &self,
        map_run: &str,
        status: ExecutionStatus,
        limit: i32,
    ) -> Result<Vec<RemoteExecution>, StepError> {
        let call = self.client.list_executions().map_run_arn(map_run).status_filter(status).max_results(limit);
        let page = call.send().await.map_err(|error| self.failed("states:ListExecutions", error))?;
        Ok(page.executions.into_iter().map(listed).collect())
    }
}
