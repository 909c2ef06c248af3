//! The note that a definition file differs from the pinned definition.

use std::path::Path;

use api::flow::DescribeExecutionResponse;
use workflows::DEFINITION_ENDINGS;

use crate::{checks::DefinitionFile, proposed::again_from};

/// The note for an execution whose workflow has a file in the current folder that differs from the pinned definition.
pub fn note(described: &DescribeExecutionResponse) -> Option<String> {
    let DescribeExecutionResponse { execution, definition, view, .. } = described;
    let (id, workflow) = (&execution.id, &execution.workflow);
    // A client of the API started it: a deployed definition differs from its file, and this machine's engine is not where it runs.
    if id.contains(':') {
        return None;
    }
    let mut named = DEFINITION_ENDINGS.iter().map(|ending| format!("{workflow}{ending}"));
    let file = named.find(|file| Path::new(file).is_file())?;
    let now = DefinitionFile::read(&file, &[]).ok()?;
    // Without the values of its placeholders, a file cannot be compared.
    if now.text.contains("${") || now.definition.ok()? == *definition {
        return None;
    }
    let stopped = view.active().next().or_else(|| view.failed().next().map(|(state, _)| state));
    let state = stopped.map_or("STATE", |state| state.path.as_str());
    Some(format!(
        "{id} runs the definition that it has pinned. {file} in this folder differs from it. To run the file from here:\n  \
         {}",
        again_from(Some(&file), id, state)
    ))
}
