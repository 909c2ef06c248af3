//! The version of the wire between flow processes. A process and an owner of another major version do not understand each other; a
//! minor step only adds what the older side ignores.

use axum::http::HeaderMap;

/// The header with the wire's version, in requests and in responses.
pub const WIRE: &str = "x-flow-wire";
/// The header of responses with the program's version.
pub const PROGRAM: &str = "x-flow-version";

/// This version of the wire: `MAJOR.MINOR`. 1 had no version at all.
pub const CURRENT: &str = "2.0";

/// The version that a message says, where it is another major one than ours; `1` where it says none.
pub fn incompatible(headers: &HeaderMap) -> Option<String> {
    let said = headers.get(WIRE).and_then(|value| value.to_str().ok()).unwrap_or("1");
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    (major(said) != major(CURRENT)).then(|| said.to_owned())
}

/// The version of the program at the other end, as far as it says one.
pub fn program(headers: &HeaderMap) -> String {
    let said = headers.get(PROGRAM).and_then(|value| value.to_str().ok());
    said.map_or_else(|| "an earlier version".to_owned(), |version| format!("version {version}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_minor_step_is_understood_and_a_major_one_is_not() {
        let says = |version: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(WIRE, version.parse().unwrap());
            headers
        };
        assert_eq!(incompatible(&says(CURRENT)), None);
        assert_eq!(incompatible(&says("2.7")), None);
        assert_eq!(incompatible(&says("3.0")), Some("3.0".to_owned()));
        assert_eq!(incompatible(&HeaderMap::new()), Some("1".to_owned()));
    }
}
