//! Opens a store whose lock is held, with the repairs that are certain to be correct.

use std::{io, path::Path, sync::Arc};

use engine::store::{self, LoggedRecords, OwnerLock, Store, StoreError};

use super::{lock::acquire, owned_elsewhere};
use crate::{
    exit::{CliError, no_room},
    home::Home,
    proposed::OPTIONS,
};

/// The hint for a store with records that cannot be read.
pub fn repair_hint() -> String {
    format!(
        "flow doctor{OPTIONS}   reports what is damaged,   flow doctor --repair{OPTIONS}   rebuilds the index from its mirror"
    )
}

/// The hint for a store that cannot be repaired.
pub fn save_hint() -> String {
    format!(
        "save what is readable with   (umask 077; flow export{OPTIONS} > saved.jsonl)   and load it into another --home with   \
         flow import saved.jsonl"
    )
}

/// Opens a store. A damaged index is rebuilt from its mirror.
///
/// # Errors
/// It cannot be opened.
pub fn open_store(home: &Home) -> Result<Store, CliError> {
    opened(&home.store()).map_err(|error| not_opened(home, &error))
}

/// Opens a store that is only read. Its index is written when it is opened: on a disk without room, the records are read from the mirror,
/// and the error of the opening is returned too.
///
/// # Errors
/// It cannot be opened.
pub fn open_to_read(home: &Home) -> Result<(Store, Option<CliError>), CliError> {
    opened(&home.store()).map(|store| (store, None)).or_else(|error| {
        let read = error.lacks_room().then(|| Store::read_only(&home.store()));
        let store = read.and_then(Result::ok).ok_or_else(|| not_opened(home, &error))?;
        report!("flow: {error}. Until there is room, the store can only be read");
        Ok((store, Some(not_opened(home, &error))))
    })
}

fn opened(folder: &Path) -> Result<Store, StoreError> {
    let open = || Store::new(LoggedRecords::open(folder)?);
    store::complete_replacement(folder).and_then(|()| open()).or_else(|error| match error {
        StoreError::Index { .. } => {
            let rebuilt = store::rebuild(folder);
            let damaged = rebuilt.map_err(|failed| if failed.lacks_room() { failed } else { error.clone() })?;
            let kept = damaged.display();
            report!(
                "flow: {error}; the index was rebuilt from its mirror, and nothing is lost. The damaged index is in {kept}"
            );
            open()
        }
        _ => Err(error),
    })
}

/// The error of a store that cannot be opened: it has no room, its file system is read only, or it is damaged.
fn not_opened(home: &Home, error: &StoreError) -> CliError {
    match error.io_kind() {
        Some(kind) if error.lacks_room() => no_room(error.to_string(), kind),
        Some(io::ErrorKind::ReadOnlyFilesystem) => home.read_only(error.to_string()),
        _ => {
            let folder = home.store();
            CliError::refused(error.to_string()).hint(format!(
                "nothing was changed. Keep a copy of {}; {}",
                folder.display(),
                save_hint()
            ))
        }
    }
}

/// The readable records of a store that cannot be opened, and the errors of the others.
///
/// # Errors
/// Another process owns it, or its files cannot be read at all.
pub async fn salvage(home: &Home) -> Result<(Arc<Store>, Vec<StoreError>, OwnerLock), CliError> {
    let Some(lock) = acquire(home).await? else { return Err(owned_elsewhere(home).await) };
    let unreadable = |error: StoreError| CliError::refused(error.to_string()).hint(repair_hint());
    let (store, problems) = Store::salvage(&home.store()).map_err(unreadable)?;
    Ok((Arc::new(store), problems, lock))
}

/// The open store, for work while no process drives executions. `None` if another process owns the store.
///
/// # Errors
/// It cannot be opened.
pub async fn exclusive(home: &Home) -> Result<Option<(Store, OwnerLock)>, CliError> {
    let Some(lock) = acquire(home).await? else { return Ok(None) };
    Ok(Some((open_store(home)?, lock)))
}
