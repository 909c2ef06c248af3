//! The names of fields that have a secret as their value, and the forms of texts that contain one.

/// The ends of the names of fields that have a secret as their value, without case and punctuation. A field named `secret` usually
/// has a secret's name or ARN.
const NAMES: [&str; 20] = [
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
    "privatetoken",
    "securitytoken",
    "sessiontoken",
    "vaulttoken",
    "clientsecret",
    "authorization",
];
/// Environment variables that have a password as their value and whose names have no ending of [`NAMES`].
const PASSWORD_VARIABLES: [&str; 3] = ["MYSQL_PWD", "REDISCLI_AUTH", "SSHPASS"];
/// The last words of the names of environment variables that have a secret as their value.
const LAST_WORDS_OF_VARIABLES: [&str; 3] = ["TOKEN", "PASS", "PWD"];
/// The fewest bytes of the value of such a variable, and of one that contains a digit.
const VARIABLE_BYTES_MIN: usize = 8;
const VARIABLE_WITH_DIGIT_BYTES_MIN: usize = 6;
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
/// The beginnings of a value that names the store of a secret.
const SECRET_REFERENCE_BEGINNINGS: [&str; 7] = ["arn:", "env:", "file:", "vault:", "ssm:", "secretsmanager:", "op://"];
/// The beginnings of a value of an option that is another option, or names a file or a variable.
const REFERENCE_BEGINNINGS: [&str; 7] = ["-", "/", "./", "~", "@", "%", ":"];
/// Values of options that are no secret.
const NO_SECRETS: [&str; 12] =
    ["true", "false", "yes", "no", "none", "null", "prompt", "ask", "stdin", "password", "bearer", "basic"];
/// The first words of options that ask for a password, or are about none.
const FIRST_WORDS_WITHOUT_VALUE: [&str; 11] =
    ["ask", "disable", "disabled", "generate", "no", "prompt", "random", "require", "show", "skip", "without"];
/// The fewest bytes of the value of an assignment in a text.
const ASSIGNED_BYTES_MIN: usize = 6;
/// The beginnings of addresses that accept messages from everybody who knows them. Their last part is a secret.
const WEBHOOKS: [&str; 4] = [
    "hooks.slack.com/services/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
];
/// The fields of an entry of the file `.netrc`.
const NETRC_FIELDS: [&str; 3] = ["login", "account", "password"];
/// The header with credentials (RFC 9110), which may have a scheme before them.
const AUTHORIZATION: &str = "authorization";
/// Schemes of that header. `Basic` and `Bearer` are found in every text.
const SCHEMES: [&str; 5] = ["token", "apikey", "key", "genie-key", "ssws"];

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
    if PASSWORD_VARIABLES.contains(&name) {
        return is_literal(value);
    }
    let words: Vec<&str> = name.split('_').collect();
    let is_named = words.last().is_some_and(|last| LAST_WORDS_OF_VARIABLES.contains(last));
    // The value of a variable such as FIRST_PASS may be a word.
    let has_digit = value.contains(|c: char| c.is_ascii_digit()) && words.last() != Some(&"TOKEN");
    let bytes_min = if has_digit { VARIABLE_WITH_DIGIT_BYTES_MIN } else { VARIABLE_BYTES_MIN };
    is_named
        && (words.len() > 1 || name == "TOKEN")
        && value.len() >= bytes_min
        && value.contains(|c: char| c.is_alphabetic())
        && is_literal(value)
}

/// Whether the text of a field with a secret's name is its value: not empty, nor a path, a placeholder of a template, or a reference to
/// a secret, such as `arn:…`, `env:DB_PASSWORD` and `/orders/password`.
pub(super) fn is_value(text: &str) -> bool {
    let is_in_store = SECRET_REFERENCE_BEGINNINGS.iter().any(|store| text.starts_with(store));
    !text.is_empty() && !text.trim_start().starts_with(PLACEHOLDER_BEGINNINGS) && !is_in_store && !is_file(text)
}

/// Whether a text is the absolute path of a file or of a parameter, with a folder.
fn is_file(text: &str) -> bool {
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    text.strip_prefix('/').is_some_and(|rest| rest.contains('/')) && text.chars().all(is_of_path)
}

/// Whether the value of an option is in clear text: no expression, path or placeholder, nor a reference to a secret.
pub(super) fn is_literal(text: &str) -> bool {
    is_value(text)
        && !REFERENCE_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        && !NO_SECRETS.iter().any(|word| text.eq_ignore_ascii_case(word))
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
    has_token(text)
        || has_password_in_url(text)
        || has_assignment(text)
        || has_option(text)
        || has_header(text)
        || has_netrc_entry(text)
}

/// Whether a text contains a private key, a token, the address of a webhook or an access key of AWS.
pub(super) fn has_token(text: &str) -> bool {
    let is_token = |word: &str| {
        word.len() >= TOKEN_BYTES_MIN && TOKEN_BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
    };
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    has_private_key(text)
        || words.any(|word| is_token(word) || is_access_key(word))
        || has_json_web_token(text)
        || has_bearer_token(text)
        || has_basic_credentials(text)
        || has_webhook(text)
}

/// Whether a text contains the first line of a private key, also of PGP: `-----BEGIN PGP PRIVATE KEY BLOCK-----`.
fn has_private_key(text: &str) -> bool {
    let label = |rest: &str| rest.split_once("-----").is_some_and(|(label, _)| label.contains("PRIVATE KEY"));
    text.split("-----BEGIN ").skip(1).any(label) || text.contains("PuTTY-User-Key-File-")
}

/// Whether a text contains the address of a webhook. In a document, the secret part is one letter many times.
fn has_webhook(text: &str) -> bool {
    let is_character = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    WEBHOOKS.iter().any(|webhook| {
        text.split(webhook).skip(1).any(|rest| {
            let path = rest.split(|c: char| !is_character(c) && c != '/').next().unwrap_or_default();
            let secret = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let first = secret.chars().next().unwrap_or_default();
            secret.len() >= TOKEN_BYTES_MIN && secret.chars().any(|c| c != first)
        })
    })
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

/// Whether a text contains `Basic CREDENTIALS` (RFC 7617): `USER:PASSWORD` in base64.
fn has_basic_credentials(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|words| {
        let scheme = words[0].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_character = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let credentials = words[1].split(|c: char| !is_character(c)).next().unwrap_or_default();
        let decoded = of_base64(credentials).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let has_text = !decoded.is_empty() && !decoded.contains(char::is_control);
        scheme.eq_ignore_ascii_case("basic") && has_text && has_password(&decoded)
    })
}

/// Whether a text is `USER:PASSWORD` with a password in clear text.
pub(super) fn has_password(text: &str) -> bool {
    is_literal(text) && text.split_once(':').is_some_and(|(_, password)| is_literal(password))
}

/// The bytes of a text in base64 (RFC 4648, section 4); `None` if it is no such text.
fn of_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.is_empty() || !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // Fewer than eight bits are left of the digits before.
        bits = ((bits << 6) | u32::from(value)) & 0x0fff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff) as u8);
        }
    }
    Some(bytes)
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
        let value = first_word(value);
        let is_named = is_secret_name(name) || is_secret_variable(name, value);
        is_named && is_clear_value(value) && (!has_spaces || is_text)
    })
}

/// Whether a text contains the header `NAME: VALUE`, or a line of this form, with a secret's name and a value in clear text. A value of
/// letters only is taken for a word of a sentence.
fn has_header(text: &str) -> bool {
    text.match_indices(':').any(|(at, _)| {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let before = text[..at].trim_end_matches([' ', '\t']);
        let name = before.rsplit(|c: char| !is_of_name(c)).next().unwrap_or_default();
        let outside = before[..before.len() - name.len()].trim_end_matches([' ', '\t']);
        let begins_line = outside.is_empty() || outside.ends_with('\n');
        let of_any_service = name.get(..2).is_some_and(|first| first.eq_ignore_ascii_case("x-"));
        // `refresh-token:v1.2.3` is the name of an image.
        let has_space = text[at + 1..].starts_with([' ', '\t']);
        let is_authorization = name.to_ascii_lowercase().ends_with(AUTHORIZATION);
        let is_header = of_any_service || (has_space && (begins_line || name.contains('-') || is_authorization));
        let value = text[at + 1..].trim_start_matches([' ', '\t']);
        let scheme = value
            .split_once(' ')
            .filter(|(first, _)| is_authorization && SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme)));
        let value = first_word(scheme.map_or(value, |(_, credentials)| credentials));
        is_header && is_secret_name(name) && is_clear_value(value) && value.contains(|c: char| c.is_ascii_digit())
    })
}

/// Whether a line of a text begins an entry of the file `.netrc` with a password: `machine HOST login USER password PASSWORD`.
fn has_netrc_entry(text: &str) -> bool {
    let starts = text.match_indices("machine ").map(|(at, _)| at);
    let mut entries = starts.filter(|at| text[..*at].is_empty() || text[..*at].ends_with('\n'));
    entries.any(|at| {
        let words: Vec<&str> = text[at..].split_whitespace().skip(2).collect();
        let pairs: Vec<&[&str]> = words.chunks_exact(2).take_while(|pair| NETRC_FIELDS.contains(&pair[0])).collect();
        let has_login = pairs.iter().any(|pair| pair[0] == "login");
        has_login && pairs.iter().any(|pair| pair[0] == "password" && is_clear_value(pair[1]))
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

/// Whether a line of a text is `NAME: VALUE` with a secret's name and a value in clear text, as in YAML and in properties of Java.
pub(super) fn has_secret_line(text: &str) -> bool {
    text.lines().filter_map(name_and_value).any(|(name, value)| {
        let value = value.trim();
        !value.contains(char::is_whitespace) && is_secret_name(name) && is_clear_value(first_word(value))
    })
}

/// The two parts of a line `NAME: VALUE`, or `NAME:VALUE` with a name of one word.
fn name_and_value(line: &str) -> Option<(&str, &str)> {
    let is_one_word = |name: &str| !name.trim().contains(char::is_whitespace);
    line.split_once(": ").or_else(|| line.split_once(':').filter(|(name, _)| is_one_word(name)))
}
