//! Says that an execution runs its pinned definition where the workflow's file has changed.

use std::path::Path;

use api::flow::DescribeExecutionResponse;

use crate::{
    checks::DefinitionFile,
    proposed::{OPTIONS, quoted},
};

/// The endings of definition files.
const ENDINGS: [&str; 7] = ["asl.yaml", "asl.yml", "asl.json", "asl", "yaml", "yml", "json"];

/// The note for an execution whose workflow has a file in the current folder that differs from the pinned definition.
pub fn note(described: &DescribeExecutionResponse) -> Option<String> {
    let DescribeExecutionResponse { execution, definition, view, .. } = described;
    let (id, workflow) = (&execution.id, &execution.workflow);
    let mut named = ENDINGS.iter().map(|ending| format!("{workflow}.{ending}"));
    let file = named.find(|file| Path::new(file).is_file())?;
    let now = DefinitionFile::read(&file, &[]).ok()?;
    // Without the values of its placeholders, a file cannot be compared.
    if now.text.contains("${") || now.definition.ok()? == *definition {
        return None;
    }
    let stopped = view.active().next().or_else(|| view.failed().next().map(|(state, _)| state));
    let state = stopped.map_or_else(|| "STATE".to_owned(), |state| quoted(&state.path));
    Some(format!(
        "{id} runs the definition that it has pinned, and {file} has changed since. To run the file from here:\n  flow run {} --again {id} \
         --from {state}{OPTIONS}",
        quoted(&file)
    ))
}
