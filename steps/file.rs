//! Files of this machine below the folder that its operator names in `FLOW_FILES`, which distributed Maps read and
//! write.

mod folder;
mod temporary;
#[cfg(test)]
mod tests;

use std::{
    io::{Error, ErrorKind, Read as _, Result},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use engine::step::{
    Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult, error_names,
};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    folder::{Existing, Folder},
    temporary::Temporary,
};
use crate::{
    READ_BYTES_MAX,
    local_error_names::FILE_CANNOT_READ,
    local_settings::{FILES, LocalSettings},
    regular_file::not_regular,
};

pub(crate) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(registry, settings, "file:read", "Reads a file below the folder in FLOW_FILES.", [], read);
    step!(registry, settings, "file:write", "Writes results to a file below the folder in FLOW_FILES.", [], write);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Read {
    /// The file's path below the folder; it may begin with `file:`.
    path: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Write {
    /// The file's path below the folder; it may begin with `file:`.
    path: String,
    /// The file's content, as JSON.
    results: Value,
}

/// The written file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Written {
    path: String,
}

async fn read(settings: Arc<LocalSettings>, context: StepContext, input: Read) -> StepResult<String> {
    let (folder, relative) = allowed(&settings, &context.execution, &input.path)?;
    let shown = folder.clone();
    let text = on_a_thread(move || read_text(&folder, &relative)).await;
    text.map(Answer::done).map_err(|error| failed(error_names::ITEM_READER_FAILED, &input.path, &shown, &error))
}

async fn write(settings: Arc<LocalSettings>, context: StepContext, input: Write) -> StepResult<Written> {
    let (folder, relative) = allowed(&settings, &context.execution, &input.path)?;
    let shown = folder.clone();
    let id = folder.join(&relative).display().to_string();
    let results = input.results;
    let change = on_a_thread(move || replace(&folder, &relative, &results)).await;
    let change = change.map_err(|error| failed(error_names::RESULT_WRITER_FAILED, &input.path, &shown, &error))?;
    Ok(Answer::with_change(Written { path: input.path }, ResourceChange::new(change, "File", id)))
}

/// Runs blocking work on a separate thread: disks block.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::other(error)))
}

/// The length of a file in bytes; `None` if it does not exist.
///
/// # Errors
/// The operator allows no folder, or the path leads out of it or to something other than a regular file.
pub(crate) async fn length(
    settings: &LocalSettings,
    execution: &str,
    path: &str,
) -> std::result::Result<Option<u64>, StepError> {
    let (folder, relative) = allowed(settings, execution, path)?;
    let shown = folder.clone();
    let length = on_a_thread(move || match open(&folder)?.open_regular(&relative) {
        Ok(file) => Ok(Some(file.metadata()?.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    });
    length.await.map_err(|error| failed(FILE_CANNOT_READ, path, &shown, &error))
}

/// Opens the operator's folder. The error names it: the path of a step is relative to it.
fn open(folder: &Path) -> Result<Folder> {
    let named = |error: Error| {
        Error::new(error.kind(), format!("the folder in {FILES}, {}, cannot be used: {error}", folder.display()))
    };
    Folder::open(folder).map_err(named)
}

fn read_text(folder: &Path, relative: &Path) -> Result<String> {
    let file = open(folder)?.open_regular(relative)?;
    let too_large = || Error::other(format!("it has more than {READ_BYTES_MAX} bytes"));
    // Checked first, because the length determines the allocation.
    let length = file.metadata()?.len();
    if length > READ_BYTES_MAX {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| too_large())? + 1);
    // The file may grow while it is read.
    file.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not a text in UTF-8"))
}

/// Replaces the file atomically and durably: a reader reads the old content or the new one, also after a crash.
fn replace(folder: &Path, relative: &Path, results: &Value) -> Result<ChangeAction> {
    let folder = open(folder)?;
    let name = relative.file_name().ok_or(ErrorKind::InvalidInput)?;
    let parent = folder.make_parent(relative)?;
    let change = match folder.existing(relative)? {
        Existing::RegularFile => ChangeAction::Updated,
        Existing::Nothing => ChangeAction::Created,
        Existing::Other => return Err(not_regular()),
    };
    let mut temporary = Temporary::beside(&parent, name)?;
    temporary.write(results)?;
    temporary.replace(name)?;
    Ok(change)
}

fn failed(name: &str, path: &str, folder: &Path, error: &Error) -> StepError {
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    if is(Errno::XDEV) {
        return StepError::new(ErrorClass::Permission, format!("'{path}' leads out of {}", folder.display()));
    }
    let cause = match is(Errno::NOSYS) {
        true => "this kernel cannot keep a path below a folder: openat2 needs Linux 5.6".to_owned(),
        false => error.to_string(),
    };
    StepError::named(name, format!("{path}: {cause}"))
}

/// The operator's folder and a path relative to it.
fn allowed(
    settings: &LocalSettings,
    execution: &str,
    path: &str,
) -> std::result::Result<(PathBuf, PathBuf), StepError> {
    let refuse = |cause: String| StepError::new(ErrorClass::Permission, cause);
    let none = || {
        let hint =
            format!("To allow it:   {FILES}=FOLDER flow resume {execution}   with the folder that '{path}' is below");
        refuse(format!("no folder may be read or written: {FILES} names none")).hint(hint)
    };
    let folder = settings.files.as_deref().ok_or_else(none)?;
    let relative = below(folder, path.strip_prefix("file:").unwrap_or(path)).map_err(refuse)?;
    Ok((folder.to_owned(), relative))
}

/// The path relative to the folder, without `.`. Checks only the text of the path; [`Folder`] handles links.
fn below(folder: &Path, path: &str) -> std::result::Result<PathBuf, String> {
    let relative = Path::new(path).strip_prefix(folder).unwrap_or(Path::new(path));
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    let all_plain = relative.components().all(plain);
    let relative: PathBuf =
        relative.components().filter(|component| matches!(component, Component::Normal(_))).collect();
    if relative.as_os_str().is_empty() || !all_plain {
        return Err(format!("'{path}' is not below {}", folder.display()));
    }
    Ok(relative)
}
