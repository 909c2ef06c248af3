//! What a definition may choose about a program besides its arguments: environment variables, working folder and
//! standard input.

use std::path::{Path, PathBuf};

use engine::step::{ErrorClass, StepError};
use serde_json::Value;

use super::{INPUT_BYTES_MAX, Run, protocol::Request};
use crate::local::{FILES, LocalSettings};

/// The beginnings of variables that load code into a program or its interpreter, or are flow's own.
const REFUSED_PREFIXES: [&str; 18] = [
    "FLOW_",
    "LD_",
    "DYLD_",
    "GLIBC_",
    "BASH_",
    "PYTHON",
    "PERL",
    "RUBY",
    "GEM_",
    "BUNDLE_",
    "NODE_",
    "NPM_CONFIG_",
    "npm_config_",
    "JAVA_",
    "JDK_",
    "_JAVA",
    "LUA_",
    "GIT_",
];
/// Variables that decide which program, code or settings a program uses.
const REFUSED: [&str; 28] = [
    "PATH",
    "HOME",
    "ENV",
    "IFS",
    "PS4",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "CDPATH",
    "ZDOTDIR",
    "GCONV_PATH",
    "LOCPATH",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "MAKEFLAGS",
    "GNUMAKEFLAGS",
    "MAKEFILES",
    "CLASSPATH",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "XDG_CONFIG_HOME",
];

/// Why a definition may not set a variable of a program; `None` if it may.
pub fn refused_variable(name: &str) -> Option<String> {
    let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_';
    let is_name = name.starts_with(is_letter) && name.chars().all(|one| is_letter(one) || one.is_ascii_digit());
    if !is_name {
        return Some(format!("'{}' is no name of a variable: letters, digits and '_' are", name.escape_debug()));
    }
    let is_refused = REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    is_refused.then(|| {
        format!(
            "a definition may not set {name}: it can change which code a program runs. A script that FLOW_PROGRAMS \
             names may set it"
        )
    })
}

/// The request to the supervisor for a program that is allowed.
///
/// # Errors
/// A variable, the folder or the standard input is not allowed.
pub(super) async fn request(settings: &LocalSettings, execution: &str, run: Run) -> Result<Request, StepError> {
    let Run { program, arguments, input, stdin, environment, folder } = run;
    for (name, value) in &environment {
        if let Some(cause) = refused_variable(name) {
            return Err(StepError::new(ErrorClass::Permission, format!("Environment: {cause}")));
        }
        if value.contains('\0') {
            return Err(invalid(format!("Environment: the value of {name} has a NUL character")));
        }
    }
    let input = match (stdin, input) {
        (None, input) => input.to_string(),
        (Some(_), input) if input != Value::Null => {
            return Err(invalid("Input and Stdin both name the standard input: set one of them".to_owned()));
        }
        (Some(text), _) if text.len() > INPUT_BYTES_MAX => {
            return Err(invalid(format!("Stdin has {} bytes: {INPUT_BYTES_MAX} at most", text.len())));
        }
        (Some(text), _) => text,
    };
    let folder = match folder {
        Some(folder) => Some(working_folder(settings, execution, folder).await?),
        None => None,
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
    let cannot = |cause: String| StepError::named("Process.CannotStart", format!("Folder '{shown}': {cause}"));
    let (real, allowed) = found.map_err(|error| cannot(error.to_string()))?;
    if let Some(allowed) = allowed.filter(|allowed| !real.starts_with(allowed)) {
        let cause = format!("Folder '{shown}' is not below {}, the folder of {FILES}", allowed.display());
        let hint = format!("To allow it:   {FILES}=FOLDER flow resume {execution}   with a folder that it is below");
        return Err(StepError::new(ErrorClass::Permission, cause).hint(hint));
    }
    real.into_os_string().into_string().map_err(|_| cannot("its path is not UTF-8".to_owned()))
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
    fn variables_that_choose_the_code_of_a_program_are_refused() {
        for name in
            ["LD_PRELOAD", "PATH", "BASH_ENV", "ENV", "PYTHONPATH", "FLOW_TASK_TOKEN", "", "A=B", "1A", "a b", "a\0"]
        {
            assert!(refused_variable(name).is_some(), "{name:?}");
        }
        for name in ["LEVEL", "LANG", "TZ", "AWS_REGION", "_x1", "LDAP_URL", "PATH_TO_IT"] {
            assert_eq!(refused_variable(name), None, "{name}");
        }
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
        let none = LocalSettings::default();
        let error = requested(&none, json!({ "Environment": { "LD_PRELOAD": "/x.so" } })).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permission);
        assert!(error.cause.contains("may not set LD_PRELOAD"), "{}", error.cause);
        let error = requested(&none, json!({ "Environment": { "A": "\0" } })).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
    }
}
