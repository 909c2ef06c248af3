//! The name of a step's activity.

use engine::step::StepDescription;
use sha2::{Digest, Sha256};

/// The longest name of an activity, in characters (API Reference, CreateActivity).
const NAME_CHARACTERS_MAX: usize = 80;
/// The beginning of the name of each activity.
pub(crate) const ACTIVITY_PREFIX: &str = "flow-";
/// The number of hexadecimal digits of the schemas' hash in a name.
const HASH_DIGITS: usize = 8;

/// Whether an activity's name is one that a deployment gives to that of a step.
pub fn is_of_step(name: &str) -> bool {
    name.starts_with(ACTIVITY_PREFIX)
}

/// The name of the activity for a step, such as `flow-ec2-createVpc-1a2b3c4d`. The last part is a hash of the step's
/// schemas: a worker with other schemas polls another activity, so it never receives an input that it cannot parse.
pub fn activity_name(step: &StepDescription) -> String {
    let mut hash = Sha256::new();
    for part in [step.name.as_str(), &step.input_schema.to_string(), &step.output_schema.to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digits = hex::encode(hash.finalize());
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = step.name.chars().map(word).take(NAME_CHARACTERS_MAX - HASH_DIGITS - 6).collect();
    format!("{ACTIVITY_PREFIX}{name}-{}", &digits[..HASH_DIGITS])
}
