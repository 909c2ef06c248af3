//! People's own definitions, from files.

use std::{fs, path::Path};

use serde_json::Value;

use crate::assemble::{WorkflowError, assemble, parse_yaml};

/// The definition in the file at `path`: JSON (`.json`, `.asl.json`) or YAML (`.yaml`, `.yml`, `.asl.yaml`).
///
/// A string in `Branches` is the path of another such file, relative to this one and without its ending, and is
/// replaced by the machine in it. In YAML a top-level key `Anchors` is dropped, so that it can hold what is repeated.
pub fn load_definition(path: impl AsRef<Path>) -> Result<Value, WorkflowError> {
    let path = path.as_ref();
    let machine = read_machine(path)?;
    let name = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new(""));
    assemble(&name, machine, &|reference| read_section(&name, folder, reference))
}

fn read_section(name: &str, folder: &Path, reference: &str) -> Result<Value, WorkflowError> {
    let endings = ["", ".asl.yaml", ".asl.yml", ".asl.json", ".yaml", ".yml", ".json"];
    let found = endings.iter().map(|ending| folder.join(format!("{reference}{ending}"))).find(|path| path.is_file());
    match found {
        Some(path) => read_machine(&path),
        None => Err(WorkflowError::MissingSection { name: name.to_owned(), section: reference.to_owned() }),
    }
}

fn read_machine(path: &Path) -> Result<Value, WorkflowError> {
    let text = fs::read_to_string(path).map_err(|source| WorkflowError::Read { path: path.to_owned(), source })?;
    let name = path.display().to_string();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => {
            serde_json::from_str(&text).map_err(|error| WorkflowError::Parse { name, message: error.to_string() })
        }
        Some("yaml" | "yml") => parse_yaml(&name, &text),
        _ => Err(WorkflowError::UnknownFormat { path: path.to_owned() }),
    }
}
