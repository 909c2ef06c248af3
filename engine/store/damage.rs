//! Damage to a store's files: how it is found and repaired.
//!
//! - **The commit log.** A torn last frame was not acknowledged and is ignored, a damaged one is an error of the opening
//!   (`commit_log/frame.rs`, `commit_log.rs`). Its changes have no second copy: `salvaged.rs` reads what is readable, for an export.
//!   It also reads a complete store whose index cannot be opened because the disk is full.
//! - **The index.** sled reports damage by errors or panics (`sled_records/opening.rs`, `sled_records/panics.rs`), both become
//!   [`super::StoreError::Index`]. `rebuild.rs` makes a new index from the mirror.
//! - **The mirror.** `mirror/file.rs` finds damage by checksums; the store makes a new mirror from the index.
//! - **Index and mirror.** `compare.rs` finds records that the index has lost or that are old, without an error.
//! - **Records.** `verify.rs` decodes all records and reports those that are unreadable or missing.
//!
//! `cli/owner/opening.rs` decides at the opening of a store, and `flow doctor` on request.

mod compare;
mod rebuild;
mod salvaged;
mod verify;

pub(super) use compare::Fingerprints;
pub use rebuild::rebuild;
#[cfg(test)]
pub(super) use rebuild::rebuild_with;
pub(super) use salvaged::SalvagedRecords;
pub use verify::Findings;
