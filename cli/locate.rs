//! Finds the execution that the user names, and its home.

use api::flow::{FindExecutions, FindRequest, FindResponse};
use engine::machine::ExecutionHeader;

use crate::{
    environments::Environments, exit::CliError, global::Global, home::Home, owner::Handle, proposed::OPTIONS,
    target::Target,
};

/// Names the execution that started last.
pub const LATEST: &str = "@latest";

/// An execution, with a handle to read it.
pub struct Located {
    /// Its header, without its input.
    pub header: ExecutionHeader,
    /// The store in which it was found.
    pub store: Handle,
}

impl Located {
    /// The execution's id, and a handle to record an answer in its store.
    ///
    /// # Errors
    /// As [`Handle::answer`].
    pub async fn answer(self) -> Result<(String, Handle), CliError> {
        let Located { header, store } = self;
        if store.at_step_functions().await.is_some() {
            return Ok((header.id, store));
        }
        let home = store.home().clone();
        // Closed first: a process can open a store only once.
        drop(store);
        Ok((header.id, Handle::answer(Environments::new(home)).await?))
    }
}

/// Finds the execution that the user names, at the engine of the command.
///
/// # Errors
/// As [`locate`].
pub async fn locate_at(global: &Global, target: &Target, wanted: &str) -> Result<Located, CliError> {
    let Some(store) = target.handle(global).await? else { return locate(global, wanted).await };
    let mut found = store.call::<FindExecutions>(FindRequest { wanted: wanted.to_owned() }).await?;
    match found.matches.len() {
        1 => Ok(Located { header: found.matches.remove(0), store }),
        _ => Err(no_single(wanted, found.matches.iter())),
    }
}

/// Finds the execution with an id, a unique prefix, an ARN, or `@latest`. Both homes are searched concurrently.
///
/// # Errors
/// No execution matches, or several do, or a store cannot be read.
pub async fn locate(global: &Global, wanted: &str) -> Result<Located, CliError> {
    let (real, rehearsals) = (Home::real(global)?, Home::rehearsals(global)?);
    let ((real, found), (rehearsals, rehearsed)) = tokio::try_join!(find(&real, wanted), find(&rehearsals, wanted))?;
    let (mut in_real, mut in_rehearsals) = (found.matches, rehearsed.matches);
    match (found.exact, rehearsed.exact) {
        (true, _) => in_rehearsals.clear(),
        (_, true) => in_real.clear(),
        _ => {}
    }
    if wanted == LATEST {
        let started_ms = |found: &[ExecutionHeader]| found.first().map(|header| header.started_ms);
        match started_ms(&in_real) < started_ms(&in_rehearsals) {
            true => in_real.clear(),
            false => in_rehearsals.clear(),
        }
    }
    match (in_real.len(), in_rehearsals.len()) {
        (1, 0) => Ok(Located { header: in_real.remove(0), store: real }),
        (0, 1) => Ok(Located { header: in_rehearsals.remove(0), store: rehearsals }),
        (0, 0) if wanted == LATEST => {
            Err(CliError::not_found("there is no execution yet").hint("flow run <workflow> starts one"))
        }
        _ => Err(no_single(wanted, in_real.iter().chain(&in_rehearsals))),
    }
}

/// The error of a command on an execution that was found, and pruned before the command reached it. Any other error stays.
pub fn if_pruned(id: &str, error: CliError) -> CliError {
    match error.fault.as_deref() {
        Some("ExecutionDoesNotExist") => {
            CliError { message: format!("{id} was pruned in this moment: nothing was changed"), ..error }
        }
        _ => error,
    }
}

/// The error for a text that matches no execution, or several.
pub fn no_single<'h>(wanted: &str, matches: impl Iterator<Item = &'h ExecutionHeader>) -> CliError {
    let names: Vec<_> = matches.map(|header| header.id.as_str()).collect();
    match names.as_slice() {
        [] => CliError::not_found(format!("there is no execution named '{wanted}'"))
            .hint(format!("flow status{OPTIONS} lists all")),
        _ => CliError::not_found(format!("'{wanted}' can mean {}", names.join(", "))).hint("write more of the id"),
    }
}

async fn find(home: &Home, wanted: &str) -> Result<(Handle, FindResponse), CliError> {
    let handle = Handle::read(home).await?;
    let found = handle.call::<FindExecutions>(FindRequest { wanted: wanted.to_owned() }).await?;
    Ok((handle, found))
}
