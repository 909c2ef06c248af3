//! A client that finds the port can do nothing without the key.

use crate::{
    serve::Server,
    support::{Home, text},
};

const KEY: [(&str, &str); 2] =
    [("FLOW_ACCESS_KEY_ID", "AKIDFLOW"), ("FLOW_SECRET_ACCESS_KEY", "the operator's secret")];

#[test]
fn boto3_is_let_in_by_the_key_and_by_nothing_else() {
    let home = Home::plain();
    let server = Server::start_with(&home, &KEY);
    server.python(include_str!("signed_client.py"), &[KEY[0].1, KEY[1].1]);
}

#[test]
fn half_a_key_is_refused() {
    let home = Home::plain();
    for (name, value) in KEY {
        let output = home.command(&["serve", "--listen", "127.0.0.1:0"]).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("set both, or none"), "{}", text(&output.stderr));
    }
}
