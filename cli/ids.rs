//! Ids of new executions.

use rand::Rng;
pub use steps::REHEARSAL_PREFIX;

const SUFFIX_CHARACTERS: usize = 4;
/// Without letters and digits that are easily confused.
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// A new id, such as `endpoints-aws-7k3f`.
pub fn new_id(prefix: &str, workflow: &str) -> String {
    let mut random = rand::rng();
    let suffix: String =
        (0..SUFFIX_CHARACTERS).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    let name = api::state_machine_name(workflow);
    let kept = api::NAME_CHARACTERS_MAX.saturating_sub(prefix.chars().count() + 1 + SUFFIX_CHARACTERS);
    let name: String = name.chars().take(kept).collect();
    format!("{prefix}{name}-{suffix}")
}
