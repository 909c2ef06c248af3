//! Who owns the store.

use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, OwnerDescription};

/// Asks the owner of a store who it is: the cheapest question, to see whether it answers.
pub struct DescribeOwner;

/// A request of [`DescribeOwner`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DescribeOwnerRequest {}

impl Operation for DescribeOwner {
    const NAME: &'static str = "Flow.DescribeOwner";
    type Request = DescribeOwnerRequest;
    type Response = OwnerDescription;

    async fn answer(api: &Api, _request: DescribeOwnerRequest) -> Result<OwnerDescription, Fault> {
        Ok(api.options.surroundings.owner())
    }
}
