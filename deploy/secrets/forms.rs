//! The names of fields that have a secret as their value, and the forms of texts that contain one.

/// The ends of the names of fields that have a secret as their value, without case and punctuation. A field named `secret` usually
/// has a secret's name or ARN.
const NAMES: [&str; 15] = [
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
    "apitoken",
    "authtoken",
    "bearertoken",
    "refreshtoken",
    "authorization",
];
/// The last words of the names of environment variables that have a secret as their value.
const LAST_WORDS_OF_VARIABLES: [&str; 3] = ["TOKEN", "PASS", "PWD"];
/// The fewest bytes of the value of such a variable.
const VARIABLE_BYTES_MIN: usize = 8;
/// The beginnings of tokens of well-known services.
const TOKEN_BEGINNINGS: [&str; 6] = ["ghp_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_"];
/// The shortest such token, and the shortest token of an `Authorization` header, in bytes.
const TOKEN_BYTES_MIN: usize = 20;
/// The beginnings of access key ids: of users, and of temporary credentials (IAM User Guide, "IAM identifiers").
const ACCESS_KEY_BEGINNINGS: [&str; 2] = ["AKIA", "ASIA"];
/// The length of an access key id, in bytes.
const ACCESS_KEY_BYTES: usize = 20;
/// The beginning of the header and of the payload of a JSON Web Token: `{"` in base64 (RFC 7519).
const JSON_WEB_TOKEN_BEGINNING: &str = "eyJ";
/// The shortest part of a JSON Web Token, in bytes.
const JSON_WEB_TOKEN_PART_BYTES_MIN: usize = 10;
/// The beginnings of a placeholder in place of a password: of a template, of `States.Format`, or of a document.
const PLACEHOLDER_BEGINNINGS: [char; 4] = ['$', '{', '<', '*'];
/// The beginnings of a value that names the place of a secret: an option, a file, a variable, a store.
const REFERENCE_BEGINNINGS: [&str; 13] =
    ["-", "/", "./", "~", "@", "%", ":", "arn:", "env:", "file:", "vault:", "ssm:", "secretsmanager:"];
/// Values of options that are no secret.
const WORDS: [&str; 12] =
    ["true", "false", "yes", "no", "none", "null", "prompt", "ask", "stdin", "password", "bearer", "basic"];
/// The first words of options that ask for a password, or are about none.
const FIRST_WORDS_WITHOUT_VALUE: [&str; 11] =
    ["ask", "disable", "disabled", "generate", "no", "prompt", "random", "require", "show", "skip", "without"];
/// The fewest bytes of the value of an assignment in a text.
const ASSIGNED_BYTES_MIN: usize = 6;

/// Whether the name of a field, an option or a variable is one of a secret value.
pub(super) fn is_secret_name(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().any(|end| letters.ends_with(end))
}

/// Whether an option has a secret as its value: `--password`, and not `--ask-password`.
pub(super) fn is_secret_option(option: &str) -> bool {
    let name = option.trim_start_matches('-');
    let first = name.split('-').next().unwrap_or_default();
    is_secret_name(name) && !FIRST_WORDS_WITHOUT_VALUE.contains(&first)
}

/// Whether an environment variable with a name such as `NPM_TOKEN` has a secret as its value.
pub(super) fn is_secret_variable(name: &str, value: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let is_named = words.last().is_some_and(|last| LAST_WORDS_OF_VARIABLES.contains(last));
    is_named
        && (words.len() > 1 || name == "TOKEN")
        && value.len() >= VARIABLE_BYTES_MIN
        && value.contains(|c: char| c.is_alphabetic())
        && is_literal(value)
}

/// Whether the text of a field with a secret's name is its value: not empty, nor an ARN, a path or a placeholder of a template.
pub(super) fn is_value(text: &str) -> bool {
    !text.is_empty() && !text.trim_start().starts_with(PLACEHOLDER_BEGINNINGS) && !text.starts_with("arn:")
}

/// Whether the value of an option is in clear text: no expression, path or placeholder, nor the place of a secret.
pub(super) fn is_literal(text: &str) -> bool {
    is_value(text)
        && !REFERENCE_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a value within a text, such as a line of a shell, is in clear text. A value that may be code is not.
fn is_clear_value(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '.';
    let is_path = text.contains(['.', '_']) && text.chars().all(is_name);
    let may_be_code = is_path || text.contains(['(', '[', '{', '<', '$', '`', '=']);
    text.len() >= ASSIGNED_BYTES_MIN && is_literal(text) && !may_be_code
}

/// Whether a text contains a secret, by its form.
pub(super) fn is_secret_text(text: &str) -> bool {
    has_token(text) || has_password_in_url(text) || has_assignment(text) || has_option(text)
}

/// Whether a text contains a private key, a token or an access key of AWS.
pub(super) fn has_token(text: &str) -> bool {
    let is_token = |word: &str| {
        word.len() >= TOKEN_BYTES_MIN && TOKEN_BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
    };
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    (text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----"))
        || words.any(|word| is_token(word) || is_access_key(word))
        || has_json_web_token(text)
        || has_bearer_token(text)
}

fn is_access_key(word: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    word.len() == ACCESS_KEY_BYTES
        && ACCESS_KEY_BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
        && word.bytes().all(is_character)
}

/// Whether a text contains a signed JSON Web Token: header, payload and signature.
fn has_json_web_token(text: &str) -> bool {
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)));
    words.any(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.windows(3).any(|parts| {
            parts[..2].iter().all(|part| part.starts_with(JSON_WEB_TOKEN_BEGINNING))
                && parts.iter().all(|part| part.len() >= JSON_WEB_TOKEN_PART_BYTES_MIN)
        })
    })
}

/// Whether a text contains `Bearer TOKEN` (RFC 6750). A token of letters only is taken for a word.
fn has_bearer_token(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|words| {
        let scheme = words[0].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_character = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        let token = words[1].split(|c: char| !is_character(c)).next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer")
            && token.len() >= TOKEN_BYTES_MIN
            && !token.starts_with('/')
            && token.contains(|c: char| c.is_ascii_digit())
    })
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

/// Whether a text contains `NAME=VALUE`, `NAME = VALUE` or `NAME := VALUE` with a secret's name and a value in clear text. With spaces, a
/// value of letters only that is not quoted is taken for the name of a variable.
fn has_assignment(text: &str) -> bool {
    text.match_indices('=').any(|(at, _)| {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let (before, after) = (&text[..at], &text[at + 1..]);
        let name =
            before.trim_end_matches([' ', '\t', ':']).rsplit(|c: char| !is_of_name(c)).next().unwrap_or_default();
        let value = after.trim_start_matches([' ', '\t']);
        let has_spaces = value.len() < after.len() || before.ends_with([' ', '\t']);
        let is_text = value.starts_with(['"', '\'']) || first_word(value).contains(|c: char| c.is_ascii_digit());
        is_secret_name(name) && is_clear_value(first_word(value)) && (!has_spaces || is_text)
    })
}

/// Whether a text contains `--NAME VALUE` with a secret's name. A value of letters only is taken for a word of a sentence.
fn has_option(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|words| {
        let value = first_word(words[1]);
        words[0].starts_with("--")
            && !words[0].contains('=')
            && is_secret_option(words[0])
            && is_clear_value(value)
            && value.contains(|c: char| c.is_ascii_digit())
    })
}

/// The value with which a text begins, without quotation marks.
fn first_word(text: &str) -> &str {
    let text = text.trim_start_matches(['"', '\'', '\\']);
    text.split(|c: char| c.is_whitespace() || "\"'\\&;,".contains(c)).next().unwrap_or_default()
}

/// Whether a line of a text is `NAME: VALUE` with a secret's name and a value in clear text, as in YAML.
pub(super) fn has_secret_line(text: &str) -> bool {
    text.lines().filter_map(|line| line.split_once(": ")).any(|(name, value)| {
        let value = value.trim();
        !value.contains(char::is_whitespace) && is_secret_name(name) && is_clear_value(first_word(value))
    })
}
