//! Tokens of well-known services, by their beginnings.

use super::values::{has_both_cases, is_placeholder_text};

/// The beginnings of tokens that no other text has.
const BEGINNINGS: [&str; 15] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "xoxe-",
    "sk_live_",
    "rk_live_",
];
/// The fewest bytes of such a token.
const TOKEN_BYTES_MIN: usize = 20;
/// The beginnings of tokens that a name such as `npm_config_registry` may have too, and the fewest bytes after them. A token has
/// letters of both cases there.
const SHARED_BEGINNINGS: [(&str, usize); 6] =
    [("sk-ant-", 20), ("sk-proj-", 20), ("npm_", 36), ("AIza", 35), ("pypi-AgE", 20), ("dckr_pat_", 20)];
/// The first part of a token of Vault, and the fewest bytes of the part after the point.
const VAULT: (&str, usize) = ("hvs", 20);
/// The first part of a key of SendGrid, and the fewest bytes of the two parts after it.
const SENDGRID: (&str, usize, usize) = ("SG", 16, 32);
/// Letters in place of a token in a document.
const MASK: &str = "xxxxxx";

/// Whether a text contains the token of a service.
pub(super) fn has_service_token(text: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split(|c: char| !is_of_word(c)).any(is_token)
        || text.split(|c: char| !is_of_word(c) && c != '.').any(is_token_of_parts)
}

fn is_token(word: &str) -> bool {
    let is_long = word.len() >= TOKEN_BYTES_MIN && BEGINNINGS.iter().any(|beginning| word.starts_with(beginning));
    let is_shared = SHARED_BEGINNINGS.iter().any(|(beginning, bytes_min)| {
        word.strip_prefix(beginning).is_some_and(|rest| rest.len() >= *bytes_min && has_both_cases(rest))
    });
    (is_long || is_shared) && !is_document(word)
}

/// Whether a word with points is a token of Vault or a key of SendGrid.
fn is_token_of_parts(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let of_vault = |parts: &[&str]| parts[0] == VAULT.0 && parts[1].len() >= VAULT.1 && has_both_cases(parts[1]);
    let of_sendgrid = |parts: &[&str]| {
        parts[0] == SENDGRID.0
            && parts[1].len() >= SENDGRID.1
            && parts[2].len() >= SENDGRID.2
            && has_both_cases(parts[1])
            && has_both_cases(parts[2])
    };
    (parts.windows(2).any(of_vault) || parts.windows(3).any(of_sendgrid)) && !is_document(word)
}

/// Whether a word is written in place of a token.
fn is_document(word: &str) -> bool {
    word.to_ascii_lowercase().contains(MASK) || word.split(['-', '_', '.']).any(is_placeholder_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_service_is_known_by_its_beginning() {
        let mixed = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7aB3dE6gH9";
        for (beginning, end) in [
            ("ghp_", ""),
            ("ghs_", ""),
            ("github_pat_", ""),
            ("glpat-", ""),
            ("xoxb-", ""),
            ("xoxe-", ""),
            ("sk_live_", ""),
            ("sk-ant-api03-", ""),
            ("sk-proj-", ""),
            ("npm_", ""),
            ("AIza", ""),
            ("pypi-AgEIcHlwaS5vcmc", ""),
            ("dckr_pat_", ""),
            ("hvs.", ""),
            ("SG.aB3dE6gH9jK2mN5pQ8sT1v.", ""),
            ("curl -d key=sk-ant-", " https://host"),
        ] {
            let text = format!("{beginning}{mixed}{end}");
            assert!(has_service_token(&text), "{text}");
        }
    }

    #[test]
    fn a_name_or_a_document_with_such_a_beginning_is_no_token() {
        for text in [
            "npm_config_registry_of_the_build_in_the_pipeline",
            "pypi-publish-to-the-registry-of-the-team",
            "sk-proj-directory-of-the-second-team",
            "sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxxxxxxXX",
            "sk-ant-YOUR-KEY-instead-of-this-text-1",
            "ghp_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            "hvs.read_secret_of_the_database_now",
            "hvs.short1A",
            "SG.group.name",
            "AIza",
        ] {
            assert!(!has_service_token(text), "{text}");
        }
    }
}
