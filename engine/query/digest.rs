//! Digests for `States.Hash` and `$hash`.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The digest of a text in hexadecimal; `None` if Step Functions does not support the algorithm.
pub(super) fn digest(text: &str, algorithm: &str) -> Option<String> {
    match algorithm {
        "MD5" => Some(format!("{:x}", md5::compute(text))),
        "SHA-1" => Some(hex::encode(Sha1::digest(text))),
        "SHA-256" => Some(hex::encode(Sha256::digest(text))),
        "SHA-384" => Some(hex::encode(Sha384::digest(text))),
        "SHA-512" => Some(hex::encode(Sha512::digest(text))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_of_step_functions_is_known() {
        let cases = [
            ("MD5", "0cc175b9c0f1b6a831c399e269772661"),
            ("SHA-1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
            ("SHA-256", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ];
        for (algorithm, expected) in cases {
            assert_eq!(digest("a", algorithm).as_deref(), Some(expected), "{algorithm}");
        }
        assert_eq!(digest("a", "SHA-384").map(|text| text.len()), Some(96));
        assert_eq!(digest("a", "SHA-512").map(|text| text.len()), Some(128));
        assert_eq!(digest("a", "sha-256"), None);
    }
}
