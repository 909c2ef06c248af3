//! Finds secrets that Step Functions would store in the definition or in a history, in clear text.

use engine::asl::{
    Diagnostic, own_fields,
    pointer::{below, item},
};
use serde_json::Value;

use crate::literals::{self, Literal};

/// The ends of the names of fields that have a secret as their value, without case and punctuation. A field named `secret` usually
/// has a secret's name or ARN.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secretkey",
    "secretaccesskey",
    "secretstring",
    "secretvalue",
    "apikey",
    "privatekey",
    "accesstoken",
    "authorization",
];
/// The beginnings of tokens of well-known services.
const TOKEN_BEGINNINGS: [&str; 6] = ["ghp_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_"];
/// The shortest such token, in bytes.
const TOKEN_BYTES_MIN: usize = 20;
/// The beginnings of access key ids: of users, and of temporary credentials (IAM User Guide, "IAM identifiers").
const ACCESS_KEY_BEGINNINGS: [&str; 2] = ["AKIA", "ASIA"];
/// The length of an access key id, in bytes.
const ACCESS_KEY_BYTES: usize = 20;
/// The beginnings of a placeholder in place of a password: of a template, of `States.Format`, or of a document.
const PLACEHOLDER_BEGINNINGS: [char; 4] = ['$', '{', '<', '*'];
/// Integrations whose output has the value of a secret.
const READERS: [&str; 2] = ["aws-sdk:secretsmanager:getSecretValue", "aws-sdk:secretsmanager:batchGetSecretValue"];
/// Integrations whose output has the value of a secret if `WithDecryption` is set.
const DECRYPTING_READERS: [&str; 3] =
    ["aws-sdk:ssm:getParameter", "aws-sdk:ssm:getParameters", "aws-sdk:ssm:getParametersByPath"];

/// Refuses a secret that is written into a state. Warns of one that a run would write into its history.
pub(crate) fn problems(state: &Value, pointer: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (field, value) in own_fields(state) {
        let is_argument = matches!(field.as_str(), "Arguments" | "Parameters");
        fields(value, &below(pointer, field), field, is_argument, &mut found);
    }
    if reads_a_secret(state) {
        let message = "The output of this Task has the value of a secret, and Step Functions keeps it in the history. Let the \
                       step that needs the secret read it, by its ARN.";
        found.push(Diagnostic::warning("SECRET_IN_HISTORY", &below(pointer, "Resource"), message));
    }
    found
}

/// Refuses a secret in the comment of a machine.
pub(crate) fn of_comment(machine: &Value, pointer: &str) -> Vec<Diagnostic> {
    let comment = machine["Comment"].as_str().unwrap_or_default();
    problem(comment, &below(pointer, "Comment"), "Comment", false).into_iter().collect()
}

fn fields(value: &Value, pointer: &str, name: &str, is_argument: bool, found: &mut Vec<Diagnostic>) {
    match value {
        Value::Object(all) => {
            for (name, value) in all {
                fields(value, &below(pointer, name), name, is_argument, found);
            }
        }
        Value::Array(all) => {
            for (index, value) in all.iter().enumerate() {
                fields(value, &item(pointer, index), name, is_argument, found);
            }
        }
        Value::String(text) => found.extend(problem(text, pointer, name, is_argument)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The problem of one text. The message never has the text.
fn problem(text: &str, pointer: &str, name: &str, is_argument: bool) -> Option<Diagnostic> {
    let has_name = is_secret_name(name);
    let is_expression = name.ends_with(".$") || text.trim_start().starts_with("{%");
    let is_secret = match is_expression {
        // A text between quotation marks is in clear text, as a field's value is.
        true => has_token(text) || literals::of(text).iter().any(|literal| is_secret_literal(literal, has_name)),
        false => is_secret_text(text) || (has_name && is_value(text)),
    };
    if is_secret {
        let what = if is_expression { "has an expression with a secret" } else { "is a secret" };
        let message = format!(
            "'{name}' {what} in clear text: Step Functions stores it in the definition and in every history. Store it in \
             Secrets Manager and pass its ARN."
        );
        return Some(Diagnostic::error("SECRET_IN_DEFINITION", pointer, message));
    }
    let message = || {
        format!(
            "'{name}' seems to be a secret: Step Functions keeps its value in the history of each run. Pass the ARN of a secret \
             in its place."
        )
    };
    (has_name && is_argument && is_expression).then(|| Diagnostic::warning("SECRET_IN_HISTORY", pointer, message()))
}

/// Whether the text of a field with a secret's name is its value: not empty, nor an ARN, a path or a placeholder of a template.
fn is_value(text: &str) -> bool {
    !text.is_empty() && !["arn:", "$"].iter().any(|beginning| text.starts_with(beginning))
}

/// Whether a text in an expression is a secret: by its form, or as the value of a field with a secret's name. If the text is
/// the complete expression, it is the value of the definition's field: `has_name` says whether that field has a secret's name.
fn is_secret_literal(literal: &Literal, has_name: bool) -> bool {
    let is_named = literal.field.as_deref().is_some_and(is_secret_name) || (has_name && literal.is_complete);
    is_secret_text(&literal.text) || (is_named && is_value(&literal.text))
}

fn is_secret_name(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().any(|end| letters.ends_with(end))
}

/// Whether a text contains a secret, by its form.
fn is_secret_text(text: &str) -> bool {
    has_token(text) || has_password_in_url(text)
}

/// Whether a text contains a private key, a token of a well-known service or an access key of AWS.
fn has_token(text: &str) -> bool {
    let is_token = |word: &str| {
        word.len() >= TOKEN_BYTES_MIN && TOKEN_BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
    };
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    (text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----"))
        || words.any(|word| is_token(word) || is_access_key(word))
}

fn is_access_key(word: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    word.len() == ACCESS_KEY_BYTES
        && ACCESS_KEY_BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
        && word.bytes().all(is_character)
}

/// Whether a text contains a URL with a password: `scheme://user:password@host`.
fn has_password_in_url(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#\"\\".contains(c)).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        user.split_once(':').is_some_and(|(_, password)| !is_placeholder(password))
    })
}

/// Whether a text is a placeholder for a password.
fn is_placeholder(text: &str) -> bool {
    text.is_empty() || text.starts_with(PLACEHOLDER_BEGINNINGS) || text.eq_ignore_ascii_case("password")
}

fn reads_a_secret(state: &Value) -> bool {
    let resource = state["Resource"].as_str().filter(|_| state["Type"] == "Task").unwrap_or_default();
    let Some(integration) = resource.strip_prefix("arn:aws:states:::") else { return false };
    let decrypts = ["Arguments", "Parameters"].iter().any(|field| state[field]["WithDecryption"] == true);
    READERS.contains(&integration) || (decrypts && DECRYPTING_READERS.contains(&integration))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(state: &Value) -> Vec<(&'static str, String)> {
        problems(state, "/States/A").into_iter().map(|problem| (problem.code, problem.location)).collect()
    }

    #[test]
    fn a_secret_in_clear_text_is_refused_and_a_reference_is_not() {
        let parameters = json!({ "Login": [{ "DB_Password": "hunter2" }], "SecretId": "orders/database",
            "passwordSecretArn": "arn:aws:secretsmanager:r:1:secret:p", "ApiKey": "", "Password": "${DatabasePassword}",
            "MaxTokens": "5", "PrivateKeyFile": "/home/me/key" });
        let refused = ("SECRET_IN_DEFINITION", "/States/A/Parameters/Login[0]/DB_Password".to_owned());
        assert_eq!(found(&json!({ "Type": "Task", "Parameters": parameters })), [refused]);
        let token = format!("Authorization: token ghp_{}", "a".repeat(36));
        let pass = json!({ "Type": "Pass", "Result": { "header": token, "key": "-----BEGIN PRIVATE KEY-----\nM" } });
        let [header, key] = ["header", "key"].map(|field| format!("/States/A/Result/{field}"));
        assert_eq!(found(&pass), [("SECRET_IN_DEFINITION", header), ("SECRET_IN_DEFINITION", key)]);
        let text = problems(&pass, "").into_iter().map(|problem| problem.message).collect::<String>();
        assert!(!text.contains("ghp_"), "{text}");
    }

    #[test]
    fn a_secret_that_a_run_reads_is_warned_of() {
        let jsonpath = json!({ "Type": "Task", "Parameters": { "Password.$": "$.password" } });
        assert_eq!(found(&jsonpath), [("SECRET_IN_HISTORY", "/States/A/Parameters/Password.$".to_owned())]);
        let jsonata = json!({ "Type": "Task", "Arguments": { "apiKey": "{% $states.input.key %}" } });
        assert_eq!(found(&jsonata), [("SECRET_IN_HISTORY", "/States/A/Arguments/apiKey".to_owned())]);
        let reader = |resource: &str, decrypts: bool| {
            let resource = format!("arn:aws:states:::{resource}");
            found(&json!({ "Type": "Task", "Resource": resource, "Arguments": { "WithDecryption": decrypts } }))
        };
        let expected = [("SECRET_IN_HISTORY", "/States/A/Resource".to_owned())];
        assert_eq!(reader("aws-sdk:secretsmanager:getSecretValue", false), expected);
        assert_eq!(reader("aws-sdk:ssm:getParameter", true), expected);
        assert_eq!(reader("aws-sdk:ssm:getParameter", false), []);
        assert_eq!(reader("aws-sdk:secretsmanager:describeSecret", true), []);
    }

    #[test]
    fn an_access_key_and_a_password_in_a_url_are_secrets_also_in_an_expression() {
        let key = format!("AKIA{}", "A1".repeat(8));
        let url = |password: &str| format!("postgres://app:{password}@db.example:5432/orders");
        let is_found = |name: &str, text: String| {
            let state = json!({ "Type": "Task", "Arguments": { name: text } });
            found(&state).iter().any(|(code, _)| *code == "SECRET_IN_DEFINITION")
        };
        for text in [
            key.clone(),
            format!("with {key}."),
            format!("{{% '{key}' %}}"),
            format!("{{% {{ 'id': \"{key}\" }} %}}"),
            url("Sup3rS3cret"),
            format!("{{% {{'db': '{}'}} %}}", url("Sup3rS3cret")),
            "{% {'db_password': 'hunter2'} %}".to_owned(),
            "{% $merge([$states.input, { \"apiKey\" : 'k' }]) %}".to_owned(),
        ] {
            assert!(is_found("value", text.clone()), "{text}");
        }
        assert!(is_found("value.$", format!("States.Format('{}', $.x)", url("Sup3rS3cret"))));
        assert!(is_found("password", "{% 'hunter2' %}".to_owned()));
        for text in [
            format!("{key}x"),
            url("${Password}"),
            url("{}"),
            url(""),
            url("PASSWORD"),
            "https://example.com:8083/a@b".to_owned(),
            "mailto:ann@example.com".to_owned(),
            "{% 'postgres://app:' & $password & '@db.example' %}".to_owned(),
            "{% {'password': $states.input.password, 'user': 'app'} %}".to_owned(),
            "{% {'secretArn': 'orders/database', 'password': 'arn:aws:secretsmanager:r:1:secret:p'} %}".to_owned(),
            "{% $states.input.secret ? 'password' : 'text' %}".to_owned(),
        ] {
            assert!(!is_found("value", text.clone()), "{text}");
        }
        assert!(
            !is_found("password", "{% $lookup($states.input, 'password') %}".to_owned()),
            "a name is not the value"
        );
        let comment = json!({ "Type": "Pass", "Comment": format!("works with {key}") });
        assert_eq!(found(&comment), [("SECRET_IN_DEFINITION", "/States/A/Comment".to_owned())]);
        assert_eq!(of_comment(&json!({ "Comment": key }), "").len(), 1);
        assert_eq!(of_comment(&json!({}), "").len(), 0);
    }

    #[test]
    fn the_states_inside_a_state_are_not_checked_twice() {
        let inner = json!({ "StartAt": "B", "States": { "B": { "Type": "Pass", "Result": { "password": "x" } } } });
        assert_eq!(found(&json!({ "Type": "Map", "ItemProcessor": inner })), []);
    }
}
