//! The settings of a program that a definition may choose besides its arguments: environment variables, working folder and standard input.

use std::path::{Path, PathBuf};

use engine::step::{ErrorClass, StepError};
use serde_json::Value;

use super::{INPUT_BYTES_MAX, Run, protocol::Request};
use crate::{
    local_error_names::PROCESS_CANNOT_START,
    local_settings::{FILES, LocalSettings, PROGRAM_VARIABLES},
};

/// The beginnings of the variables that no setting allows: variables of the dynamic linker load code into every program, and variables of
/// flow are reserved.
const REFUSED_PREFIXES: [&str; 2] = ["FLOW_", "LD_"];

/// The problem of arguments that give a program two standard inputs.
pub const TWO_INPUTS: &str = "Input and Stdin both name the standard input: set one of them";

/// Why no definition may set a variable of a program, whatever the operator allows; `None` if one may.
pub fn refused_variable(name: &str) -> Option<String> {
    let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_';
    let is_name = name.starts_with(is_letter) && name.chars().all(|one| is_letter(one) || one.is_ascii_digit());
    if !is_name {
        return Some(format!("'{}' is no name of a variable: letters, digits and '_' are", name.escape_debug()));
    }
    let is_refused = REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    is_refused.then(|| format!("a definition may not set {name}. A script that FLOW_PROGRAMS names may set it"))
}

/// Refuses a variable that the operator of this machine does not allow. A list of harmful variables would never be complete: many programs
/// read variables that make them run other code.
fn refuse_variable(settings: &LocalSettings, execution: &str, name: &str) -> Result<(), StepError> {
    let refused = |cause: String| StepError::new(ErrorClass::Permission, format!("Environment: {cause}"));
    if let Some(cause) = refused_variable(name) {
        return Err(refused(cause));
    }
    if settings.allows_variable(name) {
        return Ok(());
    }
    let allowing = settings.program_variables_assignment([name]);
    Err(refused(format!("{name} is not among the variables that {PROGRAM_VARIABLES} allows"))
        .hint(format!("To allow it:   {allowing} flow resume {execution}")))
}

/// The request to the supervisor for a program that is allowed.
///
/// # Errors
/// A variable, the folder or the standard input is not allowed.
pub(super) async fn request(settings: &LocalSettings, execution: &str, run: Run) -> Result<Request, StepError> {
    let Run { program, arguments, input, stdin, environment, folder } = run;
    for (name, value) in &environment {
        refuse_variable(settings, execution, name)?;
        if value.contains('\0') {
            return Err(invalid(format!("Environment: the value of {name} has a NUL character")));
        }
    }
    let input = match (stdin, input) {
        (None, input) => input.to_string(),
        (Some(_), input) if input != Value::Null => {
            return Err(invalid(TWO_INPUTS.to_owned()));
        }
        (Some(text), _) if text.len() > INPUT_BYTES_MAX => {
            let message =
                format!("Stdin has {} bytes: all arguments together have {INPUT_BYTES_MAX} at most", text.len());
            return Err(invalid(message));
        }
        (Some(text), _) => text,
    };
    let folder = match (folder, &settings.working_folder) {
        (Some(folder), _) => Some(working_folder(settings, execution, folder).await?),
        (None, Some(folder)) => Some(pinned_folder(folder).await?),
        (None, None) => None,
    };
    Ok(Request { program, arguments, input, environment, folder })
}

/// The path of the working folder without links. With FLOW_FILES, it is that folder or one below it.
async fn working_folder(settings: &LocalSettings, execution: &str, folder: String) -> Result<String, StepError> {
    if !Path::new(&folder).is_absolute() {
        return Err(invalid(format!("Folder '{folder}' is not an absolute path")));
    }
    let (shown, files) = (folder.clone(), settings.files.clone());
    // On a separate thread, because disks block.
    let found = tokio::task::spawn_blocking(move || {
        let allowed = files.map(std::fs::canonicalize).transpose()?;
        Ok::<_, std::io::Error>((real_folder(Path::new(&folder))?, allowed))
    });
    let found = found.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let cannot = |cause: String| StepError::named(PROCESS_CANNOT_START, format!("Folder '{shown}': {cause}"));
    let (real, allowed) = found.map_err(|error| cannot(error.to_string()))?;
    if let Some(allowed) = allowed.filter(|allowed| !real.starts_with(allowed)) {
        let cause = format!("Folder '{shown}' is not below {}, the folder of {FILES}", allowed.display());
        let hint = format!("To allow it:   {FILES}=FOLDER flow resume {execution}   with a folder that it is below");
        return Err(StepError::new(ErrorClass::Permission, cause).hint(hint));
    }
    real.into_os_string().into_string().map_err(|_| cannot("its path is not UTF-8".to_owned()))
}

/// The folder that the execution pins. The supervisor of a program may have been started in another one.
async fn pinned_folder(folder: &Path) -> Result<String, StepError> {
    let cannot = |cause: String| {
        StepError::named(
            PROCESS_CANNOT_START,
            format!("{}, where this execution was started: {cause}", folder.display()),
        )
        .hint("Create it again, or name a Folder in the definition.")
    };
    match tokio::fs::metadata(folder).await.map(|found| found.is_dir()) {
        Ok(true) => folder.to_str().map(str::to_owned).ok_or_else(|| cannot("its path is not UTF-8".to_owned())),
        Ok(false) => Err(cannot("it is not a folder".to_owned())),
        Err(error) => Err(cannot(error.to_string())),
    }
}

fn real_folder(folder: &Path) -> std::io::Result<PathBuf> {
    let real = std::fs::canonicalize(folder)?;
    match std::fs::metadata(&real)?.is_dir() {
        true => Ok(real),
        false => Err(std::io::ErrorKind::NotADirectory.into()),
    }
}

fn invalid(cause: String) -> StepError {
    StepError::new(ErrorClass::Invalid, cause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    async fn requested(settings: &LocalSettings, fields: Value) -> Result<Request, StepError> {
        let mut run = json!({ "Program": "/bin/true" });
        run.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        request(settings, "e-1", serde_json::from_value(run).unwrap()).await
    }

    #[test]
    fn variables_of_the_linker_and_of_flow_and_what_is_no_name_are_always_refused() {
        for name in ["LD_PRELOAD", "FLOW_TASK_TOKEN", "", "A=B", "1A", "a b", "a\0"] {
            assert!(refused_variable(name).is_some(), "{name:?}");
        }
        for name in ["LEVEL", "PATH", "AWS_REGION", "_x1", "LDAP_URL"] {
            assert_eq!(refused_variable(name), None, "{name}");
        }
    }

    #[tokio::test]
    async fn only_variables_that_the_operator_allows_are_set() {
        let settings = LocalSettings { program_variables: vec!["LEVEL".to_owned()], ..LocalSettings::default() };
        let set = async |name: &str| requested(&settings, json!({ "Environment": { name: "7" } })).await;
        assert_eq!(set("LEVEL").await.unwrap().environment["LEVEL"], "7");
        let error = set("TAR_OPTIONS").await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permission);
        assert_eq!(error.hint.unwrap(), "To allow it:   FLOW_PROGRAM_VARIABLES=LEVEL:TAR_OPTIONS flow resume e-1");
    }

    #[tokio::test]
    async fn standard_input_is_the_text_or_the_json_and_is_limited() {
        let none = LocalSettings::default();
        let input = async |fields| requested(&none, fields).await.map(|request| request.input);
        assert_eq!(input(json!({})).await.unwrap(), "null");
        assert_eq!(input(json!({ "Input": { "a": 1 } })).await.unwrap(), r#"{"a":1}"#);
        assert_eq!(input(json!({ "Stdin": "a\nb" })).await.unwrap(), "a\nb");
        assert_eq!(input(json!({ "Stdin": "x".repeat(INPUT_BYTES_MAX) })).await.unwrap().len(), INPUT_BYTES_MAX);
        assert!(input(json!({ "Stdin": "", "Input": 1 })).await.unwrap_err().cause.contains("set one of them"));
        let long = input(json!({ "Stdin": "x".repeat(INPUT_BYTES_MAX + 1) })).await.unwrap_err();
        assert_eq!((long.class, long.cause.contains("262144 at most")), (ErrorClass::Invalid, true));
    }

    #[tokio::test]
    async fn a_working_folder_exists_and_no_link_leads_out_of_the_operators_folder() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let below = inside.path().join("below");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(inside.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        let anywhere = LocalSettings::default();
        let limited = LocalSettings { files: Some(inside.path().into()), ..LocalSettings::default() };
        let folder = async |settings: &LocalSettings, path: &Path| {
            requested(settings, json!({ "Folder": path })).await.map(|request| request.folder.unwrap())
        };
        for settings in [&anywhere, &limited] {
            for path in [inside.path(), &below] {
                let real = path.canonicalize().unwrap();
                assert_eq!(folder(settings, path).await.unwrap(), real.to_str().unwrap());
            }
            for path in ["file", "missing"] {
                let error = folder(settings, &inside.path().join(path)).await.unwrap_err();
                assert_eq!(error.error_name(), "Process.CannotStart", "{path}");
            }
            assert!(folder(settings, Path::new("below")).await.unwrap_err().cause.contains("absolute"));
        }
        folder(&anywhere, outside.path()).await.unwrap();
        for path in [outside.path(), &inside.path().join("out"), &below.join("../..")] {
            let error = folder(&limited, path).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Permission, "{}", path.display());
            assert!(error.hint.unwrap().contains("flow resume e-1"));
        }
    }

    #[tokio::test]
    async fn a_refused_variable_starts_no_program() {
        let program_variables = vec!["LD_PRELOAD".to_owned(), "A".to_owned()];
        let none = LocalSettings { program_variables, ..LocalSettings::default() };
        let error = requested(&none, json!({ "Environment": { "LD_PRELOAD": "/x.so" } })).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permission);
        assert!(error.cause.contains("may not set LD_PRELOAD"), "{}", error.cause);
        let error = requested(&none, json!({ "Environment": { "A": "\0" } })).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
    }
}
