//! Secrets in the arguments of a program.

use super::forms::{has_password, is_literal, is_secret_option};

/// An option that has a token as its value.
const TOKEN_OPTION: &str = "token";
/// The fewest bytes of that token.
const TOKEN_OPTION_BYTES_MIN: usize = 8;
/// Programs with an option of one letter whose value is a password, in the next argument or attached.
const PASSWORD_LETTER_OPTIONS: [(&str, &str); 6] = [
    ("sshpass", "-p"),
    ("redis-cli", "-a"),
    ("ldapsearch", "-w"),
    ("ldapmodify", "-w"),
    ("ldapadd", "-w"),
    ("ldapdelete", "-w"),
];
/// Programs that such a program starts: the options after them are theirs.
const STARTED_PROGRAMS: [&str; 4] = ["ssh", "scp", "sftp", "rsync"];
/// Programs whose option `-p` has a password that is attached.
const ATTACHED_PASSWORD_PROGRAMS: [&str; 5] = ["mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"];
/// Programs whose option `-p` has a password after the argument `login`.
const LOGIN_PROGRAMS: [&str; 3] = ["docker", "podman", "helm"];
/// The options of OpenSSL whose value begins with `pass:` before a password in clear text.
const OPENSSL_OPTIONS: [&str; 3] = ["-passin", "-passout", "-pass"];

/// The positions of the arguments that are or contain a secret in clear text. `None` is an argument that is computed. Without a program,
/// the first argument may be one.
pub(super) fn positions(program: Option<&str>, arguments: &[Option<&str>]) -> Vec<usize> {
    let program = program.or_else(|| arguments.first().copied().flatten()).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let is_login = LOGIN_PROGRAMS.contains(&program) && arguments.contains(&Some("login"));
    let is_started = |argument: &Option<&str>| argument.is_some_and(|argument| STARTED_PROGRAMS.contains(&argument));
    let own = arguments.iter().position(is_started).unwrap_or(arguments.len());
    let mut found = Vec::new();
    for (index, argument) in arguments.iter().copied().enumerate() {
        let Some(argument) = argument.filter(|argument| argument.starts_with('-')) else { continue };
        let next = arguments.get(index + 1).copied().flatten();
        let (option, attached) = match argument.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (argument, None),
        };
        let is_secret = |value: &str| {
            (is_secret_option(option) && is_literal(value))
                || (option.trim_start_matches('-') == TOKEN_OPTION
                    && value.len() >= TOKEN_OPTION_BYTES_MIN
                    && is_literal(value))
                || (program == "curl" && matches!(option, "-u" | "--user") && has_password(value))
                || (OPENSSL_OPTIONS.contains(&option) && value.strip_prefix("pass:").is_some_and(is_literal))
        };
        if attached.is_some_and(is_secret) {
            found.push(index);
        } else if attached.is_none() && next.is_some_and(is_secret) {
            found.push(index + 1);
        } else if let Some(position) = of_letter(program, is_login, argument, next).filter(|_| index < own) {
            found.push(index + position);
        }
    }
    found
}

/// The position of the password of an option of one letter: 0 if it is attached, 1 if it is the next argument.
fn of_letter(program: &str, is_login: bool, argument: &str, next: Option<&str>) -> Option<usize> {
    let letter = match PASSWORD_LETTER_OPTIONS.iter().find(|(name, _)| *name == program) {
        Some((_, letter)) => *letter,
        None if is_login || ATTACHED_PASSWORD_PROGRAMS.contains(&program) => "-p",
        None => return None,
    };
    let attached = argument.strip_prefix(letter)?;
    match attached.is_empty() {
        true => (!ATTACHED_PASSWORD_PROGRAMS.contains(&program) && next.is_some_and(is_literal)).then_some(1),
        false => is_literal(attached).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(program: &str, arguments: &[&str]) -> Vec<usize> {
        let arguments: Vec<Option<&str>> = arguments.iter().map(|argument| Some(*argument)).collect();
        positions(Some(program).filter(|program| !program.is_empty()), &arguments)
    }

    #[test]
    fn an_option_with_a_secrets_name_has_its_value_beside_it() {
        assert_eq!(found("/bin/tool", &["--password", "x", "--verbose"]), [1]);
        assert_eq!(found("", &["tool", "--db-password=hunter2", "-passphrase", "word"]), [1, 3]);
        assert_eq!(found("", &["tool", "--api-key", "k1", "--token", "abcd1234"]), [2, 4]);
        assert_eq!(found("openssl", &["rsa", "-passin", "pass:hunter2"]), [2]);
    }

    #[test]
    fn an_option_without_a_value_in_clear_text_has_none() {
        for arguments in [
            &["--password", "--verbose"][..],
            &["--password"],
            &["--password", "{% $states.input.password %}"],
            &["--password", "$.password"],
            &["--password", "arn:aws:secretsmanager:r:1:secret:p"],
            &["--password", "/run/secrets/database"],
            &["--password=${PASSWORD}", "--password="],
            &["--ask-password", "host", "--disabled-password", "ann", "--no-password", "orders"],
            &["--password-file", "secret.txt", "--password-stdin", "registry.example"],
            &["--max-tokens", "12345678", "--token", "5", "--next-token", "abcdefghij"],
            &["-p", "8080:80", "-u", "ann", "-a", "-w", "80"],
            &["-passin", "env:PASSWORD", "-passout", "file:/run/p"],
        ] {
            assert!(found("/bin/tool", arguments).is_empty(), "{arguments:?}");
        }
        let computed = [Some("--password"), None, Some("hunter2")];
        assert!(positions(None, &computed).is_empty(), "the value is computed");
    }

    #[test]
    fn an_option_of_one_letter_is_known_for_its_program() {
        assert_eq!(found("/usr/bin/sshpass", &["-p", "hunter2", "ssh", "-p", "22"]), [1]);
        assert_eq!(found("", &["redis-cli", "-a", "hunter2", "ping"]), [2]);
        assert_eq!(found("mysql", &["-phunter2", "-p", "orders"]), [0]);
        assert_eq!(found("docker", &["login", "-u", "ann", "-p", "hunter2"]), [4]);
        assert!(found("docker", &["run", "-p", "8080:80"]).is_empty());
        assert!(found("", &["sshpass", "-e", "ssh", "-p", "22", "host"]).is_empty());
        assert_eq!(found("curl", &["-u", "ann:hunter2", "--user=ann:$PASSWORD", "-p", "x"]), [1]);
    }
}
