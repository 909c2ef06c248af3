//! The error names with the reserved prefix, those of [`ErrorClass`](super::ErrorClass), and the codes of Tasks that cannot be called.
//! Source: Developer Guide, "Handling errors in Step Functions workflows"; Amazon States Language specification, "Appendix A: Predefined
//! Error Codes".

/// Matches every error, except those that no rule can match.
pub const ALL: &str = "States.ALL";
/// A branch of a Parallel failed.
pub const BRANCH_FAILED: &str = "States.BranchFailed";
/// A value is larger than a payload may be.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// More items of a Map failed than it tolerates.
pub const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
/// A Task sent no heartbeat within its `HeartbeatSeconds`.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// The connection of an HTTP task failed.
pub const HTTP_SOCKET: &str = "States.Http.Socket";
/// An intrinsic function failed.
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
/// A distributed Map cannot read its items.
pub const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
/// No rule of a Choice matched, and it has no `Default`.
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
/// A path of a payload template selects nothing.
pub const PARAMETER_PATH_FAILURE: &str = "States.ParameterPathFailure";
/// A Task lacks the permission for its call.
pub const PERMISSIONS: &str = "States.Permissions";
/// An expression failed, or its result has the wrong type.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
/// `ResultPath` cannot be applied to the input.
pub const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
/// A distributed Map cannot write its results.
pub const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";
/// The execution cannot continue. No rule of `Retry` or `Catch` matches it.
pub const RUNTIME: &str = "States.Runtime";
/// Matches the failures of a call except time-outs.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A state or an execution ran longer than its `TimeoutSeconds`.
pub const TIMEOUT: &str = "States.Timeout";

/// The resource is still in use.
pub const FLOW_BUSY: &str = "Flow.Busy";
/// The provider has no capacity left at the moment.
pub const FLOW_CAPACITY: &str = "Flow.Capacity";
/// The credentials are missing, expired or wrong.
pub const FLOW_CREDENTIALS: &str = "Flow.Credentials";
/// The resource has a status that it does not leave.
pub const FLOW_FAILED: &str = "Flow.Failed";
/// The request can never succeed unchanged.
pub const FLOW_INVALID: &str = "Flow.Invalid";
/// The name belongs to a resource that this deployment did not create.
pub const FLOW_NAME_TAKEN: &str = "Flow.NameTaken";
/// An id that this execution created is not visible everywhere yet.
pub const FLOW_NOT_CONSISTENT_YET: &str = "Flow.NotConsistentYet";
/// The resource does not exist, and this execution did not create it.
pub const FLOW_NOT_FOUND: &str = "Flow.NotFound";
/// The caller does not have the permission for the call.
pub const FLOW_PERMISSION: &str = "Flow.Permission";
/// An account limit is reached.
pub const FLOW_QUOTA: &str = "Flow.Quota";
/// The service limits the rate of calls; nothing was changed.
pub const FLOW_THROTTLED: &str = "Flow.Throttled";
/// The answer was lost, timed out or was a server error; the call may have taken effect.
pub const FLOW_UNKNOWN: &str = "Flow.Unknown";

/// The code of a Task whose activity does not exist, in failures and in the problems of a definition.
pub const ACTIVITY_MUST_EXIST: &str = "ACTIVITY_MUST_EXIST";
/// The code of a call of an integration that has no step, in failures and in the problems of a definition.
pub const INTEGRATION_WITHOUT_STEP: &str = "INTEGRATION_WITHOUT_STEP";
