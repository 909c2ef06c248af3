use proptest::prelude::*;
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
    assert!(!is_found("password", "{% $lookup($states.input, 'password') %}".to_owned()), "a name is not the value");
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

fn is_refused(state: &Value) -> bool {
    found(state).iter().any(|(code, _)| *code == SECRET_IN_DEFINITION)
}

#[test]
fn a_secret_in_the_arguments_of_a_program_is_refused_at_its_place() {
    let run = |program: &str, arguments: Value| {
        let run = json!({ "Type": "Task", "Parameters": { "Program": program, "Arguments": arguments } });
        found(&run).into_iter().map(|(_, location)| location).collect::<Vec<_>>()
    };
    let at = |index: usize| [format!("/States/A/Parameters/Arguments[{index}]")];
    assert_eq!(run("/bin/tool", json!(["--password", "hunter2hunter2"])), at(1));
    assert_eq!(run("/bin/tool", json!(["-v", "--password=hunter2hunter2"])), at(1), "reported once");
    assert_eq!(run("/usr/bin/sshpass", json!(["-p", "hunter2", "ssh", "host"])), at(1));
    assert_eq!(run("/bin/sh", json!(["-c", "tool --password hunter22 | tail"])), at(1));
    assert_eq!(run("/bin/tool", json!(["--password", "{% 'hunter2' %}"])), at(1));
    assert!(is_refused(&json!({ "Type": "Task", "Arguments": { "Command": "{% ['--password', 'hunter2'] %}" } })));
    assert!(!is_refused(&json!({ "Type": "Task", "Arguments": { "Command": "{% ['--password', $x, 'hunter2'] %}" } })));
    assert!(run("/bin/tool", json!(["--password-file", "/run/p", "-p", "22", 5, ["--password"]])).is_empty());
}

#[test]
fn a_secret_in_standard_input_in_a_variable_and_in_json_is_refused() {
    let token = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "SflKxwRJSMeKKF2QT4fwpMeJf36POk6y"].join(".");
    let is_refused = |arguments: Value| is_refused(&json!({ "Type": "Task", "Parameters": arguments }));
    for arguments in [
        json!({ "Stdin": "password=hunter2hunter2" }),
        json!({ "Stdin": "[default]\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n" }),
        json!({ "Stdin": "password = \"correcthorse\"" }),
        json!({ "Stdin": "password := hunter2hunter2" }),
        json!({ "Stdin": "user: app\npassword: hunter2hunter2\n" }),
        json!({ "Environment": { "AUTH": format!("Bearer {token}") } }),
        json!({ "Environment": { "PGPASSWORD": "hunter2" } }),
        json!({ "Environment": { "NPM_TOKEN": "abcdefgh" } }),
        json!({ "Environment": [{ "Name": "DB_PASSWORD", "Value": "hunter2" }] }),
        json!({ "Name": "/orders/password", "Value": "hunter2", "Type": "SecureString" }),
        json!({ "Parameters": [{ "ParameterKey": "DatabasePassword", "ParameterValue": "hunter2" }] }),
        json!({ "Body": json!({ "login": [{ "password": "hunter2" }] }).to_string() }),
    ] {
        assert!(is_refused(arguments.clone()), "{arguments}");
    }
    for arguments in [
        json!({ "Stdin": "Send the password: by post" }),
        json!({ "Stdin": "client.password = variable" }),
        json!({ "Stdin": "select name from users where password = :given1" }),
        json!({ "Environment": { "CI_TOKEN": "12345678", "PWD": "/home/ann", "FIRST_PASS": "true", "TOKENS": "abcdefgh" } }),
        json!({ "Environment": [{ "Name": "DB_PASSWORD", "Value": "orders/database", "Type": "SECRETS_MANAGER" }] }),
        json!({ "Secrets": [{ "Name": "DB_PASSWORD", "ValueFrom": "orders/database" }] }),
        json!({ "Items": [{ "Name": "{% $states.input.password %}", "Value": "a" }] }),
        json!({ "Body": json!({ "password": "$.password", "note": "[password]" }).to_string() }),
        json!({ "Body": "{ no JSON: password" }),
    ] {
        assert!(!is_refused(arguments.clone()), "{arguments}");
    }
    let body = json!({ "Type": "Task", "Parameters": { "Body": "{\"password\":\"hunter2\"}" } });
    assert_eq!(found(&body), [(SECRET_IN_DEFINITION, "/States/A/Parameters/Body".to_owned())]);
}

#[test]
fn a_token_an_assignment_and_an_option_in_a_text_are_secrets() {
    let is_refused = |text: &str| is_refused(&json!({ "Type": "Pass", "Result": { "text": text } }));
    for text in [
        "Authorization: Bearer abcdefghij0123456789",
        "{% 'Bearer abcdefghij0123456789' %}",
        "curl -H 'authorization: bearer abcdefghij0123456789' https://example.com",
        "psql 'host=db password=hunter2hunter2'",
        "https://example.com/?user=a&api_key=k1234567",
        "run it with --password hunter22",
    ] {
        assert!(is_refused(text), "{text}");
    }
    for text in [
        "Bearer authentication-of-the-second-kind",
        "Bearer ${TOKEN} and Bearer {} and Bearer /run/secrets/token-0123456789",
        "{% 'Bearer ' & $states.input.token0123456789abcdef %}",
        "password=$PASSWORD password={} password=<yours> password=\"$(cat /run/p)\" password=",
        "password=config.password password=db_password password=read('file1') if password==expected1",
        "password=/run/secrets/p password=arn:aws:secretsmanager:r:1:secret:p Authorization=Bearer",
        "use --password instead of a key, and --password-file secret1.txt",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    ] {
        assert!(!is_refused(text), "{text}");
    }
}

/// The state in which a secret of the table is written.
fn with_text(text: &str) -> Value {
    json!({ "Type": "Pass", "Result": { "text": text } })
}

fn with_arguments(arguments: Value) -> Value {
    json!({ "Type": "Task", "Parameters": { "Program": "/usr/bin/curl", "Arguments": arguments } })
}

fn with_variable(name: &str, value: &str) -> Value {
    json!({ "Type": "Task", "Parameters": { "Program": "/bin/tool", "Environment": { name: value } } })
}

fn with_expression(expression: &str) -> Value {
    json!({ "Type": "Task", "Arguments": { "Value": expression } })
}

#[test]
fn every_form_of_a_secret_is_found() {
    let slack = format!("https://hooks.slack.com/services/{}/{}/{}", "T0AB12CDE", "B0AB12CDE", "a1B2c3D4e5".repeat(2));
    let discord = format!("curl https://discord.com/api/webhooks/112233445566778899/{} -d @f", "x9_Y8-z7w6".repeat(6));
    let pgp = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ";
    for state in [
        with_text("[default]\naws_session_token = IQoJb3JpZ2luX2Vj0123\n"),
        with_text("[client]\npassword = \"correcthorse\"\n"),
        with_text("client_secret = x8dj2k9qpl"),
        with_text("spring.datasource.password: hunter2hunter2"),
        with_text("user: app\npassword : hunter2hunter2"),
        with_text("DB_PASS=hunter2x MYSQL_PWD=hunter2 run"),
        with_text("curl -H \"X-Auth-Token: 0123456789abcdef0123\" https://host"),
        with_text("curl -H 'x-api-key:0123456789abcdef0123' https://host"),
        with_text("curl -H 'Authorization: Token 0123456789abcdef' https://host"),
        with_text("Authorization: Basic YW5uOmh1bnRlcg=="),
        with_text("machine api.example.com login ann password hunter"),
        with_text("machine a login b password hunter2\nmachine c\n  login d\n  password hunter3"),
        with_text(&slack),
        with_text(&discord),
        with_text(pgp),
        with_text(&format!("sk-ant-api03-{}", "a1B2".repeat(8))),
        with_text(&format!("key: dckr_pat_{}.", "a1B2".repeat(6))),
        with_text(&format!("npm_{}", "a1B2".repeat(9))),
        with_text(&format!("https://maps.example/?key=AIza{}", "a1B2x".repeat(7))),
        with_text(&format!("hvs.{}", "a1B2".repeat(6))),
        with_text(&format!("SG.{}.{}", "a1B2".repeat(5), "a1B2".repeat(10))),
        with_text("Server=h;User=x;Pwd=hunter2x"),
        json!({ "Type": "Pass", "Result": { "dbPwd": "hunter2" } }),
        with_expression("{% $parse('{\"password\": \"hunter2\"}') %}"),
        json!({ "Type": "Task", "Parameters": { "Value.$": "States.StringToJson('{\"apiKey\":\"hunter2\"}')" } }),
        with_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb"),
        with_arguments(json!(["-H", "X-Api-Key: 0123456789abcdef0123"])),
        with_arguments(json!(["-H", "Private-Token: abcdefghij0123456789"])),
        with_arguments(json!(["--header=Api-Key: abcdefghij0123456789"])),
        with_arguments(json!(["-H", "Authorization: Basic dXNlcjpodW50ZXIy"])),
        with_variable("MYSQL_PWD", "hunter2"),
        with_variable("PGPASSWORD", "hunter2"),
        with_variable("DB_PASS", "hunter2"),
        with_variable("REDISCLI_AUTH", "hunter2"),
        with_variable("SMTP_PASSWD", "hunter2"),
        with_variable("SSH_PASSPHRASE", "hunter2"),
        with_variable("DB_PASS", "{% 'hunter' & '2' %}"),
        with_expression("{% ($password := 'hunter2'; $post($password)) %}"),
        with_expression("{% '--password=' & 'hunter2' %}"),
        with_expression("{% $join(['--password=', 'hunter2']) %}"),
        with_expression("{% ['--password', 'hun' & 'ter2'] %}"),
        with_expression("{% 'X-Api-Key: ' & '0123456789abcdef' %}"),
        json!({ "Type": "Task", "Parameters": { "Value.$": "States.Format('--password={}','hunter2')" } }),
        json!({ "Type": "Task", "Parameters": { "Value.$": "States.Format('pg://{}:{}@db', $.user, 'hunter2')" } }),
        json!({ "Type": "Task", "Parameters": { "Stdin": "password:hunter2hunter2" } }),
    ] {
        assert!(is_refused(&state), "{state}");
    }
}

/// A value that no one takes for a word.
const RANDOM: &str = "x8djQ2kf93mVbT71";

fn with_field(name: &str, value: &str) -> Value {
    json!({ "Type": "Pass", "Result": { name: value } })
}

#[test]
fn a_name_with_other_meanings_and_a_random_value_are_a_secret() {
    for name in ["pwd", "Pwd", "dbPwd", "DB_PWD", "pass", "dbPass", "token", "Token"] {
        assert!(is_refused(&with_field(name, RANDOM)), "{name}");
    }
    assert!(is_refused(&with_field("dbPwd", "correcthorse")));
    assert!(is_refused(&with_field("pass", "hunter2")));
    assert!(is_refused(&json!({ "Type": "Pass", "Assign": { "creds": { "token": RANDOM } } })));
    assert!(is_refused(&json!({ "Type": "Task", "Parameters": { "Stdin": format!("user: app\ntoken: {RANDOM}\n") } })));
    for text in [
        format!("Server=h;User=x;Pwd={RANDOM};"),
        format!("login token={RANDOM}"),
        format!("token = {RANDOM}\n"),
        format!("token: {RANDOM}"),
        format!("secret={RANDOM}"),
        format!("tool --token {RANDOM} run"),
        format!("tool --token={RANDOM} run"),
        format!("tool --pass {RANDOM}"),
        format!("tool --secret '{RANDOM}'"),
        format!("login with password: {RANDOM}"),
        format!("Authorization: Bearer {RANDOM}"),
        format!("https://host/?token={RANDOM}"),
    ] {
        assert!(is_refused(&with_text(&text)), "{text}");
        assert!(is_refused(&with_arguments(json!(["-c", text]))), "{text}");
    }
    for option in ["--pass", "--secret", "--token", "--pwd"] {
        assert!(is_refused(&with_arguments(json!([option, RANDOM]))), "{option}");
    }
}

#[test]
fn a_placeholder_a_word_and_a_name_are_no_secret() {
    for name in ["password", "apiKey", "token", "pass", "dbPwd"] {
        for value in
            ["CHANGEME", "TODO", "example", "xxx", "XXXXXXXX", "YOUR_API_KEY", "<password>", "${Password}", "***", ""]
        {
            assert!(!is_refused(&with_field(name, value)), "{name} {value}");
            assert!(!is_refused(&with_text(&format!("{name}={value} {name}: {value} --{name} {value}"))), "{value}");
        }
    }
    for (name, value) in [
        ("pass", "true"),
        ("pass", "2 of 3"),
        ("lastPass", "2026-11-29T10:00:00Z"),
        ("pwd", "/srv/app"),
        ("OLDPWD", "/srv"),
        ("token", "github-token-name"),
        ("token", "v1.2.3"),
        ("token", "Token1.txt"),
        ("token", "file:/run/token1"),
        ("tokenType", RANDOM),
        ("NextToken", RANDOM),
        ("ClientToken", "run-2026-11-29"),
        ("secret", "prod/database1"),
        ("compass", RANDOM),
        ("bypass", RANDOM),
    ] {
        assert!(!is_refused(&with_field(name, value)), "{name} {value}");
    }
    assert!(!is_refused(&json!({ "Type": "Pass", "Result": { "pass": true, "token": null, "pwd": 1 } })));
    for text in [
        "token: required, pass: optional, secret: none",
        "token=missing token=$TOKEN token=${TOKEN} pass=true",
        "tool --token-file token1.txt --secret id=npm,src=/run/npmrc1 --secret orders-database-2",
        "token = data.vault.token",
        "cd $PWD; PWD=/srv make",
        "postgres://app:changeme@db.example/orders",
        "the token: see page12 of the book",
    ] {
        assert!(!is_refused(&with_text(text)), "{text}");
    }
}

#[test]
fn an_expression_that_puts_a_secret_together_is_one() {
    for expression in [
        format!("{{% '--password=' & ($a ? '{RANDOM}' : 'b') %}}"),
        format!("{{% {{ 'password': $a ? '{RANDOM}' : $b }} %}}"),
        format!("{{% $parse('{{\"password\":\"{RANDOM}\"}}') %}}"),
        format!("{{% 'Basic ' & $base64encode('deploy:{RANDOM}') %}}"),
        format!("{{% ($token := '{RANDOM}'; $token) %}}"),
        format!("{{% {{ 'creds': {{ 'token': '{RANDOM}' }} }} %}}"),
        format!("{{% 'Authorization: Bearer ' & '{RANDOM}' %}}"),
    ] {
        assert!(is_refused(&with_expression(&expression)), "{expression}");
    }
    for expression in [
        format!("States.Format('Authorization: Bearer {{}}','{RANDOM}')"),
        format!("States.StringToJson('{{\"password\":\"{RANDOM}\"}}')"),
        format!("States.StringToJson(States.Format('\\{{\"password\":\"{{}}\"\\}}', '{RANDOM}'))"),
    ] {
        let state = json!({ "Type": "Task", "Parameters": { "Value.$": expression } });
        assert!(is_refused(&state), "{state}");
    }
    for expression in ["{% $a ? 'x8djQ2kf93' : 'y' %}", "{% $exists($b) ? $b : 'x8djQ2kf93' %}"] {
        assert!(is_refused(&with_field("password", expression)), "{expression}");
    }
    for expression in [
        "{% $lookup($b, $a ? 'password1' : 'password2') %}",
        "{% $a = 'none' ? $b : 'none' %}",
        "{% $a ? 'CHANGEME' : '' %}",
        "{% 'x8djQ2kf93' = $a %}",
    ] {
        assert!(!is_refused(&with_field("password", expression)), "{expression}");
    }
    for expression in [
        "{% '--password=' & ($a ? $b : $c) %}",
        "{% '--user=' & ($a ? 'x8djQ2kf93' : 'b') %}",
        "{% $parse('{\"password\":\"$.password\"}') %}",
        "{% 'Basic ' & $base64encode($user & ':' & $password) %}",
        "{% $a ? 'token' : 'pass' %}",
    ] {
        assert!(!is_refused(&with_expression(expression)), "{expression}");
    }
}

#[test]
fn a_reference_and_a_word_are_no_secret() {
    let placeholder = format!("https://hooks.slack.com/services/T00000000/B00000000/{}", "X".repeat(24));
    for state in [
        with_variable("PASSWORD", "env:DB_PASSWORD"),
        with_variable("DB_PASSWORD", "ssm:/orders/password"),
        with_variable("DB_PASSWORD", "/orders/database/password"),
        with_variable("DB_PASSWORD", "arn:aws:secretsmanager:eu-west-1:111111111111:secret:orders"),
        with_variable("PASSWORD", "{% $states.input.password %}"),
        with_variable("PASSWORD", "$.password"),
        with_variable("MYSQL_PWD", "/run/secrets/mysql"),
        with_variable("OLD_PWD", "/home/ann"),
        with_variable("NODE_AUTH", "oauth2"),
        with_variable("FIRST_PASS", "second"),
        with_text(&placeholder),
        with_text("https://hooks.slack.com/services/$SLACK_PATH"),
        with_text("curl -H \"X-Api-Key: $API_KEY\" -H 'X-Auth-Token: {}' -H 'Private-Token: <token1>'"),
        with_text("Authorization: see RFC6750, Basic authentication or Basic auth1234"),
        with_text("docker run registry/refresh-token:v1.2.3 -p db-password:5432"),
        with_text("The machine needs login before password entry1"),
        with_text("machine host login ann password $PASSWORD"),
        with_text("the password: see page12 of the book"),
        with_text(
            "npm_config_registry_2_of_the_company_in_2026 hvs.example.com SG.42.example.com AIzawa1 pypi-server-mirror-20",
        ),
        with_text("cd \"$OLD\" && PWD=/home/ann && pwd=$(pwd)"),
        with_expression("{% $parse('{\"password\": \"arn:aws:secretsmanager:r:1:secret:p\"}') %}"),
        with_text("-----BEGIN CERTIFICATE-----\nPRIVATE KEY"),
        with_arguments(json!(["-H", "X-Request-Id: 0123456789abcdef0123", "-H", "Authorization: Bearer {}"])),
        with_expression("{% '--password=' & $states.input.password %}"),
        with_expression("{% ($password := $states.input.password; $user := 'hunter2'; $password) %}"),
        with_expression("{% $join(['--user=', 'hunter2']) %}"),
        json!({ "Type": "Task", "Parameters": { "Value.$": "States.Format('--password={}', $.password)" } }),
        json!({ "Type": "Task", "Parameters": { "Value.$": "States.Format('{}:{}@db', $.password, 'hunter2')" } }),
    ] {
        assert!(!is_refused(&state), "{state}");
    }
}

/// A reference to a secret: an expression, a path, an ARN or a placeholder.
fn reference() -> impl Strategy<Value = String> {
    let part = prop_oneof![Just("password".to_owned()), Just("apiKey".to_owned()), "[a-z][a-zA-Z0-9]{0,12}"];
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("."));
    (path, 0..10_u8).prop_map(|(path, kind)| match kind {
        0 => format!("{{% $states.input.{path} %}}"),
        1 => format!("$.{path}"),
        2 => format!("$$.Execution.Input.{path}"),
        3 => format!("arn:aws:secretsmanager:eu-west-1:111111111111:secret:{path}"),
        4 => format!("${{{path}}}"),
        5 => format!("{{{{resolve:secretsmanager:{path}}}}}"),
        6 => format!("env:{path}"),
        7 => format!("ssm:/{path}"),
        8 => format!("secretsmanager:{path}"),
        _ => format!("{{% $lookup($states.input, '{path}') %}}"),
    })
}

proptest! {
    #[test]
    fn a_reference_is_never_refused_as_a_secret(reference in reference()) {
        let command = format!("tool --password {reference} --api-key={reference}");
        let state = json!({ "Type": "Task", "Comment": command, "Arguments": {
            "Program": "/usr/bin/sshpass",
            "Arguments": ["--password", reference, format!("--api-key={reference}"), "-p", reference, "--token", reference],
            "Password": reference,
            "Environment": { "DB_PASSWORD": reference, "API_TOKEN": reference },
            "Variables": [{ "Name": "DB_PASSWORD", "Value": reference }],
            "Stdin": format!("password={reference}\npassword: {reference}\n"),
            "Body": json!({ "password": reference, "command": command }).to_string(),
            "Header": format!("Bearer {reference}"),
            "Headers": [format!("X-Api-Key: {reference}"), format!("Authorization: Token {reference}")],
            "Machine": format!("machine host login ann password {reference}"),
        } });
        prop_assert!(!is_refused(&state), "{:?}", found(&state));
    }
}
