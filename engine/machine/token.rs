//! Idempotency tokens.

use sha2::{Digest, Sha256};

/// The token of a visit: 64 hexadecimal digits, the same for every attempt, different for every other visit.
pub fn idempotency_token(execution: &str, state_path: &str, visit: u64) -> String {
    let mut hash = Sha256::new();
    for part in [execution.as_bytes(), state_path.as_bytes(), &visit.to_be_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
