//! An update of the dependencies does not change pinned ones.

#[test]
fn an_update_does_not_move_cloudwatch_off_the_query_protocol() {
    let lock: toml::Table = include_str!("../Cargo.lock").parse().unwrap();
    let versions: Vec<_> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| package["name"].as_str() == Some("aws-sdk-cloudwatch"))
        .map(|package| package["version"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(versions, ["1.99.0"], "1.99.0 is the last release that speaks the Query protocol; see Cargo.toml");
}
