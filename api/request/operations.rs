//! The members of every operation's request, from the service model (Step Functions, 2016-11-23).

use super::{
    shapes::{Member, Shape},
    values::*,
};

const MAX_RESULTS: Member = may("maxResults", Shape::Number { min: 0, max: 1_000 });
const NEXT_TOKEN: Member = may("nextToken", text(1, 1_024));
const STATE_MACHINE: Member = must("stateMachineArn", ARN);
const EXECUTION: Member = must("executionArn", ARN);
const ACTIVITY: Member = must("activityArn", ARN);
const ALIAS: Member = must("stateMachineAliasArn", ARN);
const RESOURCE: Member = must("resourceArn", ARN);
const MAP_RUN: Member = must("mapRunArn", LONG_ARN);
const TOKEN: Member = must("taskToken", TASK_TOKEN);

/// In the order in which AWS lists them when it refuses a value.
const STATUSES: &[&str] = &["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];

/// The operations of the same request, and its members.
type OperationMembers = (&'static [&'static str], &'static [Member]);

const OPERATIONS: &[OperationMembers] = &[
    (&["DescribeStateMachine"], &[STATE_MACHINE, may("includedData", INCLUDED_DATA)]),
    (&["DeleteStateMachine"], &[STATE_MACHINE]),
    (&["ListStateMachines", "ListActivities"], &[MAX_RESULTS, NEXT_TOKEN]),
    (&["ListStateMachineVersions", "ListStateMachineAliases"], &[STATE_MACHINE, MAX_RESULTS, NEXT_TOKEN]),
    (
        &["PublishStateMachineVersion"],
        &[STATE_MACHINE, may("revisionId", text(0, ANY)), may("description", DESCRIPTION)],
    ),
    (&["DeleteStateMachineVersion"], &[must("stateMachineVersionArn", LONG_ARN)]),
    (
        &["CreateStateMachineAlias"],
        &[may("description", DESCRIPTION), must("name", ALIAS_NAME), must("routingConfiguration", ROUTES)],
    ),
    (&["UpdateStateMachineAlias"], &[ALIAS, may("description", DESCRIPTION), may("routingConfiguration", ROUTES)]),
    (&["DescribeStateMachineAlias", "DeleteStateMachineAlias"], &[ALIAS]),
    (
        &["CreateActivity"],
        &[must("name", NAME), may("tags", list(&TAG, 0, ANY)), may("encryptionConfiguration", ENCRYPTION)],
    ),
    (&["DescribeActivity", "DeleteActivity"], &[ACTIVITY]),
    (&["GetActivityTask"], &[ACTIVITY, may("workerName", NAME)]),
    (&["SendTaskSuccess"], &[TOKEN, must("output", DATA)]),
    (&["SendTaskFailure"], &[TOKEN, may("error", ERROR), may("cause", CAUSE)]),
    (&["SendTaskHeartbeat"], &[TOKEN]),
    (&["TagResource"], &[RESOURCE, must("tags", list(&TAG, 0, ANY))]),
    (&["UntagResource"], &[RESOURCE, must("tagKeys", list(&TAG_KEY, 0, ANY))]),
    (&["ListTagsForResource"], &[RESOURCE]),
    (
        &["CreateStateMachine"],
        &[
            must("name", NAME),
            must("definition", DEFINITION),
            must("roleArn", ARN),
            may("type", KIND),
            may("loggingConfiguration", LOGGING),
            may("tags", list(&TAG, 0, ANY)),
            may("tracingConfiguration", TRACING),
            may("publish", Shape::Flag),
            may("versionDescription", DESCRIPTION),
            may("encryptionConfiguration", ENCRYPTION),
        ],
    ),
    (
        &["UpdateStateMachine"],
        &[
            STATE_MACHINE,
            may("definition", DEFINITION),
            may("roleArn", ARN),
            may("loggingConfiguration", LOGGING),
            may("tracingConfiguration", TRACING),
            may("publish", Shape::Flag),
            may("versionDescription", DESCRIPTION),
            may("encryptionConfiguration", ENCRYPTION),
        ],
    ),
    (
        &["ValidateStateMachineDefinition"],
        &[
            must("definition", DEFINITION),
            may("type", KIND),
            may("severity", Shape::Choice(&["ERROR", "WARNING"])),
            may("maxResults", Shape::Number { min: 0, max: 100 }),
        ],
    ),
    (&["StartExecution"], &[STATE_MACHINE, may("name", NAME), may("input", DATA), may("traceHeader", TRACE_HEADER)]),
    (
        &["StartSyncExecution"],
        &[
            STATE_MACHINE,
            may("name", NAME),
            may("input", DATA),
            may("traceHeader", TRACE_HEADER),
            may("includedData", INCLUDED_DATA),
        ],
    ),
    (&["StopExecution"], &[EXECUTION, may("error", ERROR), may("cause", CAUSE)]),
    (&["RedriveExecution"], &[EXECUTION, may("clientToken", CLIENT_TOKEN)]),
    (&["DescribeExecution", "DescribeStateMachineForExecution"], &[EXECUTION, may("includedData", INCLUDED_DATA)]),
    (
        &["ListExecutions"],
        &[
            may("stateMachineArn", ARN),
            may("statusFilter", Shape::Choice(STATUSES)),
            MAX_RESULTS,
            may("nextToken", text(1, 3_096)),
            may("mapRunArn", LONG_ARN),
            may("redriveFilter", Shape::Choice(&["REDRIVEN", "NOT_REDRIVEN"])),
        ],
    ),
    (
        &["GetExecutionHistory"],
        &[
            EXECUTION,
            MAX_RESULTS,
            may("reverseOrder", Shape::Flag),
            NEXT_TOKEN,
            may("includeExecutionData", Shape::Flag),
        ],
    ),
    (&["ListMapRuns"], &[EXECUTION, MAX_RESULTS, NEXT_TOKEN]),
    (&["DescribeMapRun"], &[MAP_RUN]),
    (
        &["UpdateMapRun"],
        &[
            MAP_RUN,
            may("maxConcurrency", COUNT),
            may("toleratedFailurePercentage", Shape::Number { min: 0, max: 100 }),
            may("toleratedFailureCount", COUNT),
        ],
    ),
    (
        &["TestState"],
        &[
            must("definition", DEFINITION),
            may("roleArn", ARN),
            may("input", DATA),
            may("inspectionLevel", Shape::Choice(&["INFO", "DEBUG", "TRACE"])),
            may("revealSecrets", Shape::Flag),
            may("variables", DATA),
            may("stateName", secret(1, 80)),
            may("mock", MOCK),
            may("context", DATA),
            may("stateConfiguration", TEST_CONFIGURATION),
        ],
    ),
];

/// The members of an operation's request; empty for an unknown operation.
pub(super) fn members(operation: &str) -> &'static [Member] {
    let found = OPERATIONS.iter().find(|(names, _)| names.contains(&operation));
    found.map_or(&[], |(_, members)| *members)
}

/// Whether an operation of that name exists.
#[cfg(test)]
pub(super) fn is_known(operation: &str) -> bool {
    OPERATIONS.iter().any(|(names, _)| names.contains(&operation))
}
