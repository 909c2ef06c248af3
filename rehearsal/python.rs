//! The Python environment, created once in the cache folder.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use crate::RehearsalError;

const REQUIREMENTS: &str = include_str!("requirements.txt");
const OUTPUT_LINES_SHOWN: usize = 6;

/// The interpreter of the environment. Creates the environment if it is missing or incomplete.
pub(crate) fn prepare(cache: &Path, python: &str, progress: &dyn Fn(&str)) -> Result<PathBuf, RehearsalError> {
    let mut hash = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hash);
    let folder = cache.join(format!("python-{:016x}", hash.finish()));
    let interpreter = folder.join("bin/python");
    let complete = folder.join(".complete");
    if complete.exists() {
        return Ok(interpreter);
    }
    fs::create_dir_all(cache).map_err(RehearsalError::io(cache.display().to_string()))?;
    let lock = cache.join("python.lock");
    let lock = File::create(&lock).map_err(RehearsalError::io(lock.display().to_string()))?;
    lock.lock().map_err(RehearsalError::io("the lock of the Python environment"))?;
    if complete.exists() {
        return Ok(interpreter);
    }
    progress("Preparing the rehearsal's Python environment; this happens once and takes about half a minute.");
    let _ = fs::remove_dir_all(&folder);
    make(&folder, python)?;
    install(&folder, &interpreter)?;
    fs::write(&complete, "").map_err(RehearsalError::io(complete.display().to_string()))?;
    Ok(interpreter)
}

fn make(folder: &Path, python: &str) -> Result<(), RehearsalError> {
    let problem = |problem: String| RehearsalError::NoPython { python: python.to_owned(), problem };
    let made = Command::new(python).args(["-m", "venv"]).arg(folder).output();
    let made = made.map_err(|error| problem(format!("cannot be run: {error}")))?;
    if made.status.success() {
        return Ok(());
    }
    Err(problem(format!("says: {}", last_lines(&made.stdout, &made.stderr))))
}

fn install(folder: &Path, interpreter: &Path) -> Result<(), RehearsalError> {
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(RehearsalError::io(requirements.display().to_string()))?;
    let installed = Command::new(interpreter)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements)
        .output()
        .map_err(RehearsalError::io("pip"))?;
    if installed.status.success() {
        return Ok(());
    }
    Err(RehearsalError::Pip { output: last_lines(&installed.stdout, &installed.stderr) })
}

fn last_lines(stdout: &[u8], stderr: &[u8]) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES_SHOWN)..].join(" / ")
}
