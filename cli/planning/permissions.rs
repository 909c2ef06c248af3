//! The permissions that the caller needs, and those that IAM denies.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use steps::plan::PermissionQuestion;

use super::Question;
use crate::{
    definition::policy::{self, Restriction},
    environments::Environments,
};

/// The actions that a run needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Every needed action, in IAM's names.
    pub needed: BTreeSet<String>,
    /// The actions that IAM does not allow to the caller; empty if this is not known.
    pub denied: BTreeSet<String>,
    /// Why `denied` is not known.
    pub not_checked: Option<String>,
}

/// Asks IAM to simulate the statements of `flow policy`.
pub(super) async fn of(environments: &Environments, question: &Question<'_>, needed: &BTreeSet<String>) -> Permissions {
    let needed = needed.clone();
    let Some(caller_arn) = question.caller_arn else {
        let not_checked = Some("a rehearsal has no policies".to_owned());
        return Permissions { needed, denied: BTreeSet::new(), not_checked };
    };
    let account = question.pinned.account.as_ref();
    let restriction = Restriction {
        partition: account.map_or_else(|| "aws".to_owned(), |account| account.partition.clone()),
        account: account.map_or_else(|| "*".to_owned(), |account| account.account_id.clone()),
        region: question.region.clone(),
        deployment: question.input["deployment"].as_str().unwrap_or("*").to_owned(),
    };
    let questions: Vec<_> = policy::statements(&needed, &restriction)
        .into_iter()
        .map(|statement| PermissionQuestion {
            actions: statement.actions,
            resources: statement.resources,
            context: statement.condition,
        })
        .collect();
    match environments.denied_actions(question.pinned, caller_arn, &questions).await {
        Ok(denied) => Permissions { needed, denied, not_checked: None },
        Err(error) => Permissions { needed, denied: BTreeSet::new(), not_checked: Some(error.to_string()) },
    }
}
