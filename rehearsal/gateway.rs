//! The Python files of the gateway, which runs in the process of the AWS API.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::RehearsalError;

const FILES: &[(&str, &str)] = &[
    ("__main__.py", include_str!("gateway/__main__.py")),
    ("app.py", include_str!("gateway/app.py")),
    ("certificates.py", include_str!("gateway/certificates.py")),
    ("databases.py", include_str!("gateway/databases.py")),
    ("durations.py", include_str!("gateway/durations.py")),
    ("faults.py", include_str!("gateway/faults.py")),
    ("instances.py", include_str!("gateway/instances.py")),
    ("interfaces.py", include_str!("gateway/interfaces.py")),
    ("markup.py", include_str!("gateway/markup.py")),
    ("offers.py", include_str!("gateway/offers.py")),
    ("policy.py", include_str!("gateway/policy.py")),
    ("protocol.py", include_str!("gateway/protocol.py")),
    ("resources.py", include_str!("gateway/resources.py")),
    ("rules.py", include_str!("gateway/rules.py")),
    ("services.py", include_str!("gateway/services.py")),
    ("stale_lists.py", include_str!("gateway/stale_lists.py")),
    ("states.py", include_str!("gateway/states.py")),
    ("tasks.py", include_str!("gateway/tasks.py")),
    ("tokens.py", include_str!("gateway/tokens.py")),
];

/// Writes the gateway into the world's folder.
pub(crate) fn write(state_directory: &Path) -> Result<PathBuf, RehearsalError> {
    let folder = state_directory.join("gateway");
    let write = || {
        fs::create_dir_all(&folder)?;
        FILES.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
    };
    write().map_err(RehearsalError::io(folder.display().to_string()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_module_of_the_gateway_is_written() {
        // Read at run time: a target folder in a cache may have been built by another clone.
        let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("gateway");
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut modules: Vec<String> = names.filter(|name| name.ends_with(".py")).collect();
        modules.sort();
        assert_eq!(modules, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
