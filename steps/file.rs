//! Files of this machine, below the folder that its operator names in `FLOW_FILES`: what a distributed Map reads and writes.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use engine::step::{Answer, Change, Effect, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::local::{FILES, LocalSettings};

pub(crate) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(registry, settings, "file:read", "Reads a file below the folder in FLOW_FILES.", [], read);
    step!(registry, settings, "file:write", "Writes results to a file below the folder in FLOW_FILES.", [], write);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Read {
    /// Where it lies, below the folder; `file:` in front of it may stay.
    path: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Write {
    /// Where it goes, below the folder.
    path: String,
    /// What goes there, as JSON.
    results: Value,
}

/// What was written.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Written {
    path: String,
}

async fn read(settings: Arc<LocalSettings>, _context: StepContext, input: Read) -> StepResult<String> {
    let path = allowed(&settings, &input.path)?;
    let text = tokio::fs::read_to_string(&path).await;
    text.map(Answer::done).map_err(|error| failed("States.ItemReaderFailed", &input.path, &error))
}

async fn write(settings: Arc<LocalSettings>, _context: StepContext, input: Write) -> StepResult<Written> {
    let path = allowed(&settings, &input.path)?;
    let error = |error: &std::io::Error| failed("States.ResultWriterFailed", &input.path, error);
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(|problem| error(&problem))?;
    }
    // Whole or not at all: a reader never sees half of it.
    let new = path.with_extension("new");
    tokio::fs::write(&new, input.results.to_string()).await.map_err(|problem| error(&problem))?;
    tokio::fs::rename(&new, &path).await.map_err(|problem| error(&problem))?;
    let effect = Effect::new(Change::Created, "File", path.display().to_string());
    Ok(Answer::with_effect(Written { path: input.path }, effect))
}

fn failed(name: &str, path: &str, error: &std::io::Error) -> StepError {
    StepError::named(name, format!("{path}: {error}"))
}

/// A path below the operator's folder.
fn allowed(settings: &LocalSettings, path: &str) -> Result<PathBuf, StepError> {
    let refuse = |cause: String| StepError::new(ErrorClass::Permission, cause);
    let none = || refuse(format!("no folder may be read or written: {FILES} names none"));
    let folder = settings.files.as_deref().ok_or_else(none)?;
    below(folder, path.strip_prefix("file:").unwrap_or(path)).map_err(refuse)
}

fn below(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let relative = Path::new(path).strip_prefix(folder).unwrap_or(Path::new(path));
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if relative.as_os_str().is_empty() || !relative.components().all(plain) {
        return Err(format!("'{path}' is not below {}", folder.display()));
    }
    Ok(folder.join(relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_of_the_folder_is_refused() {
        let folder = Path::new("/srv/data");
        assert_eq!(below(folder, "a/b.csv"), Ok(PathBuf::from("/srv/data/a/b.csv")));
        assert_eq!(below(folder, "/srv/data/c.json"), Ok(PathBuf::from("/srv/data/c.json")));
        for path in ["../secret", "/etc/passwd", "a/../../b", "", "/srv/data"] {
            assert!(below(folder, path).is_err(), "{path}");
        }
    }
}
