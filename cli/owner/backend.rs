//! The backend that answers the calls of a handle: the store in this process, its owner, or Step Functions.

use std::sync::Arc;

use api::flow;
use engine::store::OwnerLock;
use serde_json::Value;

use super::{
    description::{described, only_reads},
    errors::failed,
    local::Local,
    lock::try_acquire,
    read_only::ReadOnlyStore,
    retry_limit::{OWNER_WAIT_MAX, RETRY_AFTER, RetryLimit},
    verification::verify_any,
};
use crate::{
    environments::Environments,
    exit::CliError,
    step_functions::Executions,
    wire::client::{Client, ClientError},
};

/// The purpose of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Read only: nothing is driven.
    Read,
    /// Drive executions.
    Drive,
    /// Record a person's answer: no steps are called.
    RecordAnswer,
}

/// The backend that answers the calls of a handle.
pub(super) enum Backend {
    Local(Local),
    ReadOnly(ReadOnlyStore),
    Remote(Client),
    StepFunctions(Arc<Executions>),
}

/// Becomes the owner of the store, or a client of its owner. With `acts_in`, this process compares its credentials first. It takes the lock
/// only if it can act in one of these environments: as the owner it would refuse a process that can act there.
pub(super) async fn open(
    environments: &Arc<Environments>,
    purpose: Purpose,
    acts_in: &[Value],
) -> Result<Backend, CliError> {
    let home = environments.home();
    if purpose == Purpose::Read && !home.has_store()? {
        return Ok(Backend::ReadOnly(ReadOnlyStore::empty(environments)?));
    }
    let client = Client::new(&home.socket());
    let mut limit = RetryLimit::begin();
    // Whether this process can act in one of the environments. Verified only if no owner answers.
    let mut can_act = acts_in.is_empty().then_some(Ok(()));
    loop {
        if can_act.is_some()
            && let Some(lock) = try_acquire(home)?
        {
            return match can_act.take() {
                Some(Err(refusal)) => Err(refusal),
                _ => open_owned(environments, purpose, lock),
            };
        }
        match client.call_within::<flow::DescribeOwner>(&flow::DescribeOwnerRequest {}, OWNER_WAIT_MAX).await {
            Ok(owner) if owner.only_reads && purpose != Purpose::Read => {
                if !limit.allows_for_reader(home) {
                    return Err(only_reads(home));
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
            Ok(_) => return Ok(Backend::Remote(client)),
            Err(error) if limit.allows(home, &error) => tokio::time::sleep(RETRY_AFTER).await,
            Err(error @ ClientError::Incompatible { .. }) => {
                return Err(CliError::from(error).hint(format!("owner: {}", described(home.folder()))));
            }
            Err(error) => return Err(failed(home, error)),
        }
        if can_act.is_none() {
            can_act = Some(verify_any(environments, acts_in).await);
            limit = RetryLimit::begin();
        }
    }
}

fn open_owned(environments: &Arc<Environments>, purpose: Purpose, lock: OwnerLock) -> Result<Backend, CliError> {
    Ok(match purpose {
        Purpose::Drive => Backend::Local(Local::open(environments.clone(), lock)?),
        Purpose::RecordAnswer => Backend::Local(Local::open_to_record_answer(environments.clone(), lock)?),
        Purpose::Read => Backend::ReadOnly(ReadOnlyStore::open(environments, lock)?),
    })
}
