//! Finds which activities do not exist.

use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, activities};

/// Finds which activities do not exist: a Task that names one fails.
pub struct FindMissingActivities;

/// A request of [`FindMissingActivities`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MissingActivitiesRequest {
    /// The ARNs of activities.
    pub arns: Vec<String>,
}

/// The response of [`FindMissingActivities`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MissingActivitiesResponse {
    /// The ARNs of those that do not exist.
    pub missing: Vec<String>,
}

impl Operation for FindMissingActivities {
    const NAME: &'static str = "Flow.FindMissingActivities";
    type Request = MissingActivitiesRequest;
    type Response = MissingActivitiesResponse;

    async fn answer(api: &Api, request: MissingActivitiesRequest) -> Result<MissingActivitiesResponse, Fault> {
        let mut missing = request.arns;
        missing.retain(|arn| !activities::exists(api.runner.store(), arn));
        Ok(MissingActivitiesResponse { missing })
    }
}
