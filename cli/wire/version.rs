//! The version of the wire between flow processes. Processes with different major versions are incompatible. A minor
//! version only adds what the older side ignores.

use axum::http::HeaderMap;

/// The header with the wire's version, in requests and in responses.
pub const WIRE: &str = steps::failure::HEADER_OF_SERVER;
/// The header of responses with the program's version.
pub const PROGRAM: &str = "x-flow-version";

/// This version of the wire: `MAJOR.MINOR`. Version 1 had no header.
pub const CURRENT: &str = "2.0";

/// The version in a message if its major version differs from this one; `1` if it has none.
pub fn incompatible(headers: &HeaderMap) -> Option<String> {
    let said = headers.get(WIRE).and_then(|value| value.to_str().ok()).unwrap_or("1");
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    (major(said) != major(CURRENT)).then(|| said.to_owned())
}

/// The version of the other side's program, if the message contains it.
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
