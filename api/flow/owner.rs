//! Describes the owner of the store.

use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, OwnerDescription};

/// Asks the owner of a store for its description. It is the cheapest operation, to test whether the owner answers.
pub struct DescribeOwner;

/// A request of [`DescribeOwner`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DescribeOwnerRequest {}

impl Operation for DescribeOwner {
    const NAME: &'static str = "Flow.DescribeOwner";
    type Request = DescribeOwnerRequest;
    type Response = OwnerDescription;

    async fn answer(api: &Api, _request: DescribeOwnerRequest) -> Result<OwnerDescription, Fault> {
        Ok(OwnerDescription { only_reads: !api.runner.has_runner(), ..api.options.host.owner() })
    }
}
