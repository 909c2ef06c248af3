//! What a teardown deletes, and what prevents it or is lost.

use schemars::JsonSchema;
use serde::Deserialize;

// The input of teardown:checkDeletions. Doc comments of input and output are part of a step's schema.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckDeletions {
    pub(crate) deployment: String,
    /// Whether to keep a last snapshot of each database.
    pub(crate) final_snapshot: FinalSnapshot,
    pub(crate) database_identifiers: Vec<String>,
    pub(crate) instance_ids: Vec<String>,
    pub(crate) group_ids: Vec<String>,
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) vpc_ids: Vec<String>,
}

/// Whether a final snapshot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum FinalSnapshot {
    /// Always or never. With true, a database in a failure state is not deleted.
    Decided(bool),
    /// Made unless RDS cannot make one.
    IfPossible(IfPossible),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum IfPossible {
    #[serde(rename = "ifPossible")]
    IfPossible,
}

/// What the services find in the deletions.
#[derive(Debug, Default)]
pub(crate) struct DeletionFindings {
    /// What prevents the deletions, each in a sentence.
    pub(crate) problems: Vec<String>,
    /// What is lost, each in a sentence.
    pub(crate) notes: Vec<String>,
    /// What the deletions leave, as far as a plan can find it.
    pub(crate) stays: Vec<String>,
}

#[cfg(test)]
impl CheckDeletions {
    /// An input for tests.
    pub(crate) fn example() -> Self {
        CheckDeletions {
            deployment: "demo".into(),
            final_snapshot: FinalSnapshot::Decided(true),
            database_identifiers: vec!["demo-db".into()],
            instance_ids: Vec::new(),
            group_ids: Vec::new(),
            subnet_ids: Vec::new(),
            vpc_ids: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_input_decides_or_leaves_it_to_rds() {
        let parsed = |text: &str| serde_json::from_str::<FinalSnapshot>(text).unwrap();
        assert_eq!(parsed("true"), FinalSnapshot::Decided(true));
        assert_eq!(parsed("\"ifPossible\""), FinalSnapshot::IfPossible(IfPossible::IfPossible));
    }
}
