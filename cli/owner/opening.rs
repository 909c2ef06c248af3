//! Opens a store whose lock is held, with the repairs that are certain to be correct.

use std::sync::Arc;

use engine::store::{self, LoggedRecords, OwnerLock, Store, StoreError};

use super::{acquire, owned_elsewhere};
use crate::{exit::CliError, home::Home, proposed::OPTIONS};

/// The hint for a store with records that cannot be read.
pub fn repair_hint() -> String {
    format!(
        "flow doctor{OPTIONS}   reports what is damaged,   flow doctor --repair{OPTIONS}   rebuilds the index from its mirror"
    )
}

/// The hint for a store that cannot be repaired.
pub fn save_hint() -> String {
    format!(
        "what is readable comes out with   (umask 077; flow export{OPTIONS} > saved.jsonl)   and goes into another --home with   \
         flow import saved.jsonl"
    )
}

/// Opens a store. A damaged index is rebuilt from its mirror.
///
/// # Errors
/// It cannot be opened.
pub fn open_store(home: &Home) -> Result<Store, CliError> {
    let folder = home.store();
    let open = || Store::new(LoggedRecords::open(&folder)?);
    let opened = store::complete_replacement(&folder).and_then(|()| open()).or_else(|error| match error {
        StoreError::Index { .. } => {
            let damaged = store::rebuild(&folder).map_err(|_| error.clone())?;
            let kept = damaged.display();
            report!(
                "flow: {error}; the index was rebuilt from its mirror, and nothing is lost. The damaged index is in {kept}"
            );
            open()
        }
        _ => Err(error),
    });
    opened.map_err(|error: StoreError| {
        let folder = folder.display();
        CliError::refused(error.to_string())
            .hint(format!("nothing was changed. Keep a copy of {folder}; {}", save_hint()))
    })
}

/// The readable records of a store that cannot be opened, and the errors of the others.
///
/// # Errors
/// Another process owns it, or its files cannot be read at all.
pub fn salvage(home: &Home) -> Result<(Arc<Store>, Vec<StoreError>, OwnerLock), CliError> {
    let lock = acquire(home)?.ok_or_else(|| owned_elsewhere(home))?;
    let unreadable = |error: StoreError| CliError::refused(error.to_string()).hint(repair_hint());
    let (store, problems) = Store::salvage(&home.store()).map_err(unreadable)?;
    Ok((Arc::new(store), problems, lock))
}

/// The store itself, for work while no process drives it. `None` if another process owns it.
///
/// # Errors
/// It cannot be opened.
pub fn exclusive(home: &Home) -> Result<Option<(Store, OwnerLock)>, CliError> {
    let Some(lock) = acquire(home)? else { return Ok(None) };
    Ok(Some((open_store(home)?, lock)))
}
