//! The question of an approval.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

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
    /// The users who may answer; everybody if users, groups and tokens are empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The groups of the machine whose members may answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The tokens whose holders may answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<ApprovalToken>,
    /// The malformed field of a question beside a task token, and why: nobody can answer the question, only the holder of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A token whose holder may answer an approval. The definition has its fingerprint only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalToken {
    /// The holder's name.
    pub label: String,
    /// The fingerprint of the token.
    pub sha256: String,
}

impl ApprovalToken {
    /// The shortest token, in characters. The fingerprint of a shorter one could be guessed.
    pub const CHARACTERS_MIN: usize = 32;
    /// The number of digits of a fingerprint in the history.
    const SHOWN_DIGITS: usize = 8;

    /// The fingerprint of a token: its SHA-256 in hexadecimal digits.
    pub fn fingerprint(token: &str) -> String {
        hex::encode(Sha256::digest(token.as_bytes()))
    }

    /// The holder, as the history names the author of an answer.
    fn holder(&self) -> String {
        format!("{} (token {})", self.label, self.sha256.get(..Self::SHOWN_DIGITS).unwrap_or_default())
    }
}

impl Approval {
    /// Whether a user with these groups may answer.
    pub fn may_answer(&self, user: &str, groups: &[String]) -> bool {
        let anybody = self.users.is_empty() && self.groups.is_empty() && self.tokens.is_empty();
        anybody || self.users.iter().any(|name| name == user) || groups.iter().any(|name| self.groups.contains(name))
    }

    /// The holder of a token, if it is a token of the approval. The time of the comparison does not depend on the tokens.
    pub fn holder(&self, token: &str) -> Option<String> {
        let presented = ApprovalToken::fingerprint(token);
        let mut found = None;
        for known in &self.tokens {
            if bool::from(known.sha256.as_bytes().ct_eq(presented.as_bytes())) {
                found = Some(known);
            }
        }
        found.filter(|_| token.chars().count() >= ApprovalToken::CHARACTERS_MIN).map(ApprovalToken::holder)
    }

    /// Whether only holders of tokens may answer.
    pub fn takes_only_tokens(&self) -> bool {
        !self.tokens.is_empty() && self.users.is_empty() && self.groups.is_empty()
    }

    /// The users, groups and tokens that may answer, for people; empty if everybody may.
    pub fn answerers(&self) -> Vec<String> {
        let groups = self.groups.iter().map(|name| format!("group {name}"));
        let tokens = self.tokens.iter().map(|token| format!("token {}", token.label));
        self.users.iter().cloned().chain(groups).chain(tokens).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Approval, ApprovalToken};

    #[test]
    fn users_and_members_of_groups_may_answer_and_anybody_where_nobody_is_named() {
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let approval = Approval { users: groups(&["ann"]), groups: groups(&["ops"]), ..Approval::default() };
        assert!(approval.may_answer("ann", &[]) && approval.may_answer("bob", &groups(&["x", "ops"])));
        assert!(!approval.may_answer("bob", &groups(&["x"])));
        assert!(Approval::default().may_answer("bob", &[]));
    }

    #[test]
    fn the_holder_of_a_token_may_answer_and_nobody_else_where_only_tokens_are_named() {
        let token = "0123456789abcdef0123456789abcdef";
        let known = |token: &str| {
            let sha256 = ApprovalToken::fingerprint(token);
            let other = ApprovalToken { label: "other".to_owned(), sha256: "0".repeat(64) };
            let tokens = vec![ApprovalToken { label: "on-call".to_owned(), sha256 }, other];
            Approval { tokens, ..Approval::default() }
        };
        let approval = known(token);
        assert!(approval.takes_only_tokens() && !approval.may_answer("ann", &[]), "a token excludes those without it");
        let first = &ApprovalToken::fingerprint(token)[..8];
        assert_eq!(approval.holder(token), Some(format!("on-call (token {first})")));
        for other in ["", "0123456789abcdef0123456789abcdeg", &ApprovalToken::fingerprint(token)] {
            assert_eq!(approval.holder(other), None, "{other}");
        }
        assert_eq!(known("short").holder("short"), None, "its fingerprint could be guessed");
        assert_eq!(approval.answerers(), ["token on-call", "token other"]);
    }

    #[test]
    fn a_fingerprint_is_the_one_that_sha256sum_prints() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(ApprovalToken::fingerprint("abc"), expected);
    }
}
