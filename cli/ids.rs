//! Names of executions: made, and found by a prefix.

use engine::machine::ExecutionHeader;
use rand::Rng;

use crate::exit::CliError;

const SUFFIX_CHARACTERS: usize = 4;
/// The longest name of an execution (API Reference, StartExecution, `name`).
const CHARACTERS_MAX: usize = 80;
/// Without letters and digits that look alike.
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// A new id, such as `endpoints-aws-7k3f`.
pub fn new_id(prefix: &str, workflow: &str) -> String {
    let mut random = rand::rng();
    let suffix: String =
        (0..SUFFIX_CHARACTERS).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    let name = api::state_machine_name(workflow);
    let kept = CHARACTERS_MAX.saturating_sub(prefix.chars().count() + 1 + SUFFIX_CHARACTERS);
    let name: String = name.chars().take(kept).collect();
    format!("{prefix}{name}-{suffix}")
}

/// The execution that an id, a unique prefix of one, an ARN, or `@latest` means.
///
/// # Errors
/// None, or several.
pub fn find<'h>(headers: &'h [ExecutionHeader], wanted: &str) -> Result<&'h ExecutionHeader, CliError> {
    if wanted == "@latest" {
        return headers
            .first()
            .ok_or_else(|| CliError::not_found("there is no execution yet").hint("flow run <workflow>"));
    }
    let called =
        |header: &ExecutionHeader| header.identity.as_ref().is_some_and(|identity| identity.execution_id == wanted);
    if let Some(header) = headers.iter().find(|header| header.id == wanted || called(header)) {
        return Ok(header);
    }
    let found: Vec<_> = headers.iter().filter(|header| header.id.starts_with(wanted)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(CliError::not_found(format!("there is no execution named '{wanted}'")).hint("flow status lists all")),
        several => {
            let names: Vec<_> = several.iter().map(|header| header.id.as_str()).collect();
            Err(CliError::not_found(format!("'{wanted}' can mean {}", names.join(", "))).hint("write more of the id"))
        }
    }
}
