//! Converts panics of sled, by which it reports some damage to its file, to errors, without printing them.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

use crate::store::StoreError;

thread_local! {
    /// Whether this thread is in a call of sled whose panic is caught.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call of sled.
///
/// # Errors
/// It panicked, with this message.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    silence_caught();
    let was_caught = IS_CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(call));
    IS_CAUGHT.set(was_caught);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Runs a call of sled on a database that is open.
///
/// # Errors
/// The error of the call, or [`StoreError::Index`] if it panicked because a node is damaged.
pub(super) fn guarded<T>(folder: &str, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    caught(call).unwrap_or_else(|message| Err(StoreError::Index { folder: folder.to_owned(), message }))
}

/// Prints no panic that is caught. All other panics are passed to the hook that the process had before.
fn silence_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_CAUGHT.get() {
                print(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_is_a_damaged_index_and_the_next_call_is_as_before() {
        let broken: Result<(), _> = guarded("store", || panic!("a node is incomplete"));
        let expected = StoreError::Index { folder: "store".to_owned(), message: "a node is incomplete".to_owned() };
        assert_eq!(broken, Err(expected));
        assert!(!IS_CAUGHT.get());
        assert_eq!(guarded("store", || Ok(7)), Ok(7));
    }
}
