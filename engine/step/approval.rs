//! The question of an approval.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The question of an approval, as programs need it: the choices, the fields to fill in, and who may answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Approval {
    /// The choices; empty for a plain approval.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// JSON Schema of the fields to fill in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Value>,
    /// The users who may answer; everybody if both lists are empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The groups of the machine whose members may answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

impl Approval {
    /// Whether a user with these groups may answer.
    pub fn may_answer(&self, user: &str, groups: &[String]) -> bool {
        let anybody = self.users.is_empty() && self.groups.is_empty();
        anybody || self.users.iter().any(|name| name == user) || groups.iter().any(|name| self.groups.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::Approval;

    #[test]
    fn users_and_members_of_groups_may_answer_and_anybody_where_nobody_is_named() {
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let approval = Approval { users: groups(&["ann"]), groups: groups(&["ops"]), ..Approval::default() };
        assert!(approval.may_answer("ann", &[]) && approval.may_answer("bob", &groups(&["x", "ops"])));
        assert!(!approval.may_answer("bob", &groups(&["x"])));
        assert!(Approval::default().may_answer("bob", &[]));
    }
}
