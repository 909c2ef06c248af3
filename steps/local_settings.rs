//! The permissions of the local steps, from the operator of this machine.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf, absolute},
};

use serde::{Deserialize, Serialize};

/// The environment variable with the programs that `flow:process:run` may run, separated as in PATH.
pub(crate) const PROGRAMS: &str = "FLOW_PROGRAMS";
/// The environment variable with the names of the variables that `Environment` of `flow:process:run` may set, separated by colons.
pub(crate) const PROGRAM_VARIABLES: &str = "FLOW_PROGRAM_VARIABLES";
/// The environment variable with the folder that `flow:file:read` and `flow:file:write` may use.
pub(crate) const FILES: &str = "FLOW_FILES";
/// The environment variable with the file of servers that `flow:ssh:run` may log in to.
pub(crate) const SSH_HOSTS: &str = "FLOW_SSH_HOSTS";
/// The environment variable with the file of connections for HTTP tasks.
pub(crate) const CONNECTIONS: &str = "FLOW_CONNECTIONS";

/// The permissions of the local steps, from the operator of this machine. The default allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalSettings {
    /// The programs that `flow:process:run` may run: absolute paths (`FLOW_PROGRAMS`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<PathBuf>,
    /// The variables that a definition may set for a program (`FLOW_PROGRAM_VARIABLES`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub program_variables: Vec<String>,
    /// The folder that `flow:file:read` and `flow:file:write` may use: an absolute path (`FLOW_FILES`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<PathBuf>,
    /// The file that declares the connections of HTTP tasks: an absolute path (`FLOW_CONNECTIONS`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<PathBuf>,
    /// The file that declares the servers that `flow:ssh:run` may log in to: an absolute path (`FLOW_SSH_HOSTS`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_hosts: Option<PathBuf>,
    /// The working folder of a program without one in its definition: the folder in which the person ran the command. It is the same in
    /// every process that drives the execution. An absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_folder: Option<PathBuf>,
}

impl LocalSettings {
    /// The settings in this process's environment variables, and its current folder. A relative path is resolved against that. An empty
    /// variable counts as unset.
    pub fn from_environment() -> Self {
        let working_folder = std::env::current_dir().ok();
        LocalSettings { working_folder, ..Self::from_variables(|name| std::env::var_os(name)) }
    }

    /// Whether a program may run. Compares the spelling: `/bin/../bin/sh` is not `/bin/sh`, although it is the same file.
    pub fn allows_program(&self, program: &str) -> bool {
        self.programs.iter().any(|path| path.as_os_str() == program && path.is_absolute())
    }

    /// The assignment, before a command, that allows more programs than these settings do: `FLOW_PROGRAMS=/bin/sh:/bin/date`.
    pub fn programs_assignment<'p>(&self, more: impl IntoIterator<Item = &'p str>) -> String {
        let mut all: Vec<String> = self.programs.iter().map(|path| path.display().to_string()).collect();
        all.extend(more.into_iter().map(str::to_owned));
        let value = all.join(":");
        let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.:_-+@".contains(&byte));
        let value = if is_plain { value } else { crate::shell::single_quoted(&value) };
        format!("{PROGRAMS}={value}")
    }

    /// Whether a definition may set a variable of a program.
    pub fn allows_variable(&self, name: &str) -> bool {
        self.program_variables.iter().any(|allowed| allowed == name)
    }

    /// The assignment, before a command, that allows more variables than these settings do: `FLOW_PROGRAM_VARIABLES=LEVEL:REGION`.
    pub fn program_variables_assignment<'v>(&'v self, more: impl IntoIterator<Item = &'v str>) -> String {
        let all: Vec<&str> = self.program_variables.iter().map(String::as_str).chain(more).collect();
        format!("{PROGRAM_VARIABLES}={}", all.join(":"))
    }

    fn from_variables<V: AsRef<OsStr>>(variable: impl Fn(&str) -> Option<V>) -> Self {
        let path = |name| variable(name).and_then(|value| to_absolute(Path::new(value.as_ref())));
        let programs = variable(PROGRAMS).map(|value| {
            std::env::split_paths(value.as_ref()).filter_map(|program| to_absolute(&program)).collect::<Vec<_>>()
        });
        let names = variable(PROGRAM_VARIABLES).and_then(|value| value.as_ref().to_str().map(str::to_owned));
        let names = names.unwrap_or_default();
        LocalSettings {
            programs: programs.unwrap_or_default(),
            program_variables: names.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            files: path(FILES),
            connections: path(CONNECTIONS),
            ssh_hosts: path(SSH_HOSTS),
            working_folder: None,
        }
    }
}

/// The absolute path; `None` if it is empty, or relative without a current folder.
fn to_absolute(path: &Path) -> Option<PathBuf> {
    absolute(path).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn relative_paths_become_absolute_and_empty_ones_are_left_out() {
        let settings = LocalSettings::from_variables(|name| match name {
            PROGRAMS => Some("/bin/true::tools/deploy"),
            PROGRAM_VARIABLES => Some("LEVEL::REGION"),
            FILES => Some("files"),
            _ => Some(""),
        });
        let here = std::env::current_dir().unwrap();
        let programs = vec![PathBuf::from("/bin/true"), here.join("tools/deploy")];
        let program_variables = vec!["LEVEL".to_owned(), "REGION".to_owned()];
        let expected =
            LocalSettings { programs, program_variables, files: Some(here.join("files")), ..LocalSettings::default() };
        assert_eq!(settings, expected);
        assert_eq!(LocalSettings::from_variables(|_| None::<&str>), LocalSettings::default());
    }

    #[test]
    fn settings_survive_json_and_empty_ones_take_no_space() {
        assert_eq!(serde_json::to_value(LocalSettings::default()).unwrap(), serde_json::json!({}));
        let settings = LocalSettings {
            programs: vec!["/bin/true".into()],
            program_variables: vec!["LEVEL".to_owned()],
            files: Some("/srv/files".into()),
            connections: Some("/etc/flow/connections.json".into()),
            ssh_hosts: Some("/etc/flow/hosts.json".into()),
            working_folder: Some("/srv/report".into()),
        };
        let json = serde_json::json!({
            "programs": ["/bin/true"], "programVariables": ["LEVEL"], "files": "/srv/files", "connections": "/etc/flow/connections.json",
            "sshHosts": "/etc/flow/hosts.json",
            "workingFolder": "/srv/report",
        });
        assert_eq!(serde_json::to_value(&settings).unwrap(), json);
        assert_eq!(serde_json::from_value::<LocalSettings>(json).unwrap(), settings);
        assert_eq!(serde_json::from_str::<LocalSettings>("{}").unwrap(), LocalSettings::default());
    }
}
