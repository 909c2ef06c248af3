//! The operations whose work grows with the stored data or with a client's document. A transport answers them apart from the other
//! operations, because they would delay these.

use crate::{Operation, StreamOperation, flow, step_functions as aws};

const LONG_READS: [&str; 16] = [
    aws::ListStateMachines::NAME,
    aws::ListStateMachineVersions::NAME,
    aws::ListStateMachineAliases::NAME,
    aws::ListActivities::NAME,
    aws::ListTagsForResource::NAME,
    aws::ListExecutions::NAME,
    aws::ListMapRuns::NAME,
    aws::GetExecutionHistory::NAME,
    aws::ValidateStateMachineDefinition::NAME,
    flow::GetEntries::NAME,
    flow::ListExecutions::NAME,
    flow::ListPersonTasks::NAME,
    flow::FindExecutions::NAME,
    flow::EstimateTimeLeft::NAME,
    flow::PlanReentry::NAME,
    <flow::ExportExecutions as StreamOperation>::NAME,
];

/// Whether the operation with this target is a long read: it changes nothing, and may take milliseconds of a processor.
pub fn is_long_read(target: &str) -> bool {
    LONG_READS.contains(&target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_step_functions_is_a_long_read_and_no_start_is() {
        let lists = aws::NAMES.iter().filter(|name| name.contains(".List"));
        assert!(lists.clone().count() > 5 && lists.copied().all(is_long_read));
        for target in [aws::StartExecution::NAME, aws::GetActivityTask::NAME, flow::StartExecution::NAME, ""] {
            assert!(!is_long_read(target), "{target}");
        }
    }
}
