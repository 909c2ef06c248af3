//! Tokens: the idempotency token of a visit, and the task token with which a Task is answered from outside.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The idempotency token of a visit: 64 hexadecimal digits, the same for every attempt, different for every other visit.
pub fn idempotency_token(execution: &str, state_path: &str, visit: u64) -> String {
    hex::encode(hash(&[execution.as_bytes(), state_path.as_bytes(), &visit.to_be_bytes()]))
}

/// The content of a task token: an attempt of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskToken {
    /// The execution's id.
    pub execution: String,
    /// The number of the frame whose Task waits.
    pub frame: u64,
    /// The visit.
    pub visit: u64,
    /// The attempt.
    pub attempt: u32,
}

/// The bytes of the checksum that a token contains.
const CHECK_BYTES: usize = 8;

impl TaskToken {
    /// The encoded token: opaque, at most 1,024 characters, the same after a crash.
    pub fn encode(&self) -> String {
        let mut bytes = self.check().to_vec();
        bytes.extend(self.frame.to_be_bytes());
        bytes.extend(self.visit.to_be_bytes());
        bytes.extend(self.attempt.to_be_bytes());
        bytes.extend(self.execution.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Decodes a token; `None` if it is not one of ours.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (check, rest) = bytes.split_at_checked(CHECK_BYTES)?;
        let (frame, rest) = rest.split_first_chunk()?;
        let (visit, rest) = rest.split_first_chunk()?;
        let (attempt, execution) = rest.split_first_chunk()?;
        let token = TaskToken {
            execution: String::from_utf8(execution.to_vec()).ok()?,
            frame: u64::from_be_bytes(*frame),
            visit: u64::from_be_bytes(*visit),
            attempt: u32::from_be_bytes(*attempt),
        };
        (token.check() == check).then_some(token)
    }

    fn check(&self) -> [u8; CHECK_BYTES] {
        let numbers = [self.frame.to_be_bytes(), self.visit.to_be_bytes()].concat();
        let hash = hash(&[b"task token", self.execution.as_bytes(), &numbers, &self.attempt.to_be_bytes()]);
        std::array::from_fn(|index| hash[index])
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_decoded_and_a_changed_one_is_refused() {
        let token = TaskToken { execution: "machine:näme".to_owned(), frame: 7, visit: 2, attempt: 3 };
        let text = token.encode();
        assert_eq!(TaskToken::decode(&text), Some(token));
        let mut other = text.into_bytes();
        let last = other.len() - 1;
        other[last] = if other[last] == b'A' { b'B' } else { b'A' };
        assert_eq!(TaskToken::decode(&String::from_utf8(other).unwrap()), None);
        for nothing in ["", "AAAA", "not a token", "ÄÖÜ"] {
            assert_eq!(TaskToken::decode(nothing), None);
        }
    }
}
