//! The changes, waits and prices of a plan, and the record of them that the environment of a plan has.

mod no_connection;
mod price;
mod record;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use no_connection::{AnswerOfService, NoConnection, query_answer};
pub use price::{Bill, Price, Prices};
pub(crate) use record::{FoundResource, PlanRecord};

/// The text in a plan for an id, an ARN or an address that the service chooses.
pub const KNOWN_AFTER_APPLY: &str = "(known after apply)";
/// The prefixes of calls that change nothing.
const READS: [&str; 6] = ["Describe", "Get", "List", "Lookup", "Simulate", "Validate"];

/// Whether a value names a resource that does not exist yet.
pub(crate) fn is_unknown(value: &str) -> bool {
    value.contains(KNOWN_AFTER_APPLY)
}

/// Whether a call, given as an IAM action such as `ec2:DescribeVpcs`, changes nothing.
pub(crate) fn is_read(action: &str) -> bool {
    let call = action.split_once(':').map_or(action, |(_, call)| call);
    READS.iter().any(|read| call.starts_with(read))
}

/// The planned change of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedAction {
    /// It does not exist; or it cannot be changed in place, and a new revision is created.
    Create,
    /// It exists and belongs to the deployment; another execution created it and the answer was lost.
    Adopt,
    /// It exists and differs.
    Update,
    /// It exists and does not differ.
    Unchanged,
    /// It is deleted.
    Delete,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingDifference {
    /// The field of the step's input.
    pub field: String,
    /// Its value now.
    pub from: String,
    /// Its value after the run.
    pub to: String,
}

/// The cost of a resource a month in US dollars, by a table of prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceCost {
    /// After the run; `None` if the resource is not billed, is deleted, or a part has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<f64>,
    /// Before the run; `None` as above, or if it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_usd_now: Option<f64>,
    /// The parts of it that are billed and have no price in the table, before or after the run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub no_price_for: BTreeSet<String>,
}

/// The planned change of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// The change.
    pub action: PlannedAction,
    /// The type of resource as in CloudFormation, such as `AWS::EC2::VPC`.
    pub resource_type: String,
    /// Its name, if the resource has a name for people.
    pub name: Option<String>,
    /// Its id or ARN; [`KNOWN_AFTER_APPLY`] if it does not exist.
    pub id: String,
    /// The fields that differ, if it is updated or has a new revision.
    pub fields: Vec<SettingDifference>,
    /// The path of the state that changes it.
    pub state: String,
    /// Its cost.
    #[serde(flatten)]
    pub cost: ResourceCost,
    /// The input of the step, from which its price is computed.
    #[serde(skip)]
    pub settings: Value,
}

/// A wait of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedWait {
    /// The path of the state that waits.
    pub state: String,
    /// The current reason for the wait; `None` if the resource does not exist yet.
    pub reason: Option<String>,
    /// The usual duration in seconds: the shortest and the longest.
    pub usual_seconds: Option<(u32, u32)>,
}

/// The failure of a wait that no change of the plan prevents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFailure {
    /// The error's name, such as `Flow.Failed`.
    pub error: String,
    /// The cause, and what a person can do about it.
    pub cause: String,
}

/// The reports of all steps of an execution.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// Every resource, in the order in which the steps reach it.
    pub changes: Vec<PlannedChange>,
    /// Every wait.
    pub waits: Vec<PlannedWait>,
    /// Every action that the steps need, as IAM actions.
    pub actions: BTreeSet<String>,
    /// The parts of the input that have no effect, and the facts that could not be checked, each in a sentence.
    pub notes: Vec<String>,
    /// The resources that are not deleted, each with the reason.
    pub stays: Vec<String>,
    /// Why the run would fail in a wait. The plan has the later steps too.
    pub failure: Option<PlannedFailure>,
}
