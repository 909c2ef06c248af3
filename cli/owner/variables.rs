//! The settings from this process's environment variables for the operations and the engine of its store.

use std::sync::Arc;

use api::ApiOptions;
use engine::runner::RunnerOptions;

use crate::environments::Environments;

/// The account in ARNs of a store that `FLOW_ACCOUNT_ID` gives none: a store belongs to no account.
const ACCOUNT_DEFAULT: &str = "111111111111";

/// The options of the operations of this process. `FLOW_ACCOUNT_ID` is the account in ARNs.
pub(super) fn api_options(environments: &Arc<Environments>) -> ApiOptions {
    let account = std::env::var("FLOW_ACCOUNT_ID").ok().filter(|account| !account.is_empty());
    ApiOptions {
        region: environments.region().to_owned(),
        account_id: account.unwrap_or_else(|| ACCOUNT_DEFAULT.to_owned()),
        host: environments.clone(),
    }
}

/// The options of the engine. For crash tests, `FLOW_CRASH_BEFORE_COMMIT` and `FLOW_CRASH_AFTER_COMMIT` are the commit at which the
/// process aborts.
pub(super) fn runner_options() -> RunnerOptions {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    RunnerOptions {
        crash_before_commit: number("FLOW_CRASH_BEFORE_COMMIT"),
        crash_after_commit: number("FLOW_CRASH_AFTER_COMMIT"),
        ..RunnerOptions::default()
    }
}
