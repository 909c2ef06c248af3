//! Compares an index with its mirror.

use std::{collections::HashMap, path::Path};

use crate::store::{
    Records, StoreError,
    mirror::{Mirror, fingerprint},
    records::scan_pages,
};

/// The maximum number of reported records that differ.
const DIFFERENCES_MAX: usize = 20;

/// The records of a mirror, as fingerprints of keys and values: fewer bytes than the records have.
pub(in crate::store) struct Fingerprints(HashMap<u128, u128>);

impl Fingerprints {
    /// Reads a mirror.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn read(mirror: &mut Mirror) -> Result<Self, StoreError> {
        let mut records = HashMap::new();
        mirror.records(|(key, value)| {
            records.insert(fingerprint(&key), fingerprint(value.as_deref().unwrap_or_default()));
            Ok(())
        })?;
        Ok(Fingerprints(records))
    }

    /// The differences between these records and those of the index in a folder.
    pub fn differences(self, folder: &Path, index: &dyn Records) -> Vec<StoreError> {
        let Fingerprints(mut expected) = self;
        let mut differences = Vec::new();
        let compared = scan_pages(index, &[], |records| {
            for (key, value) in records {
                if expected.remove(&fingerprint(key)) != Some(fingerprint(value)) && differences.len() < DIFFERENCES_MAX
                {
                    let key = String::from_utf8_lossy(key).replace('\0', "#");
                    differences.push(format!("the record {key} differs from the mirror"));
                }
            }
            Ok(())
        });
        match compared {
            Err(error) => differences.push(error.to_string()),
            Ok(()) if !expected.is_empty() => differences.push(format!("{} records are missing", expected.len())),
            Ok(()) => {}
        }
        differences.into_iter().map(|message| StoreError::index_error(folder, message)).collect()
    }
}
