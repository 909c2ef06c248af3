//! Exporting executions as lines.

use std::{collections::VecDeque, sync::Arc};

use engine::store::{EXPORT_VERSION, Line, Store, StoreError};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, StreamOperation};

/// Exports executions, one line at a time: an export is larger than the memory.
pub struct ExportExecutions;

/// A request of [`ExportExecutions`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExportRequest {
    /// The executions' ids; none exports everything, with state machines and activities.
    pub ids: Vec<String>,
}

/// A line, or why one was left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportItem {
    /// A line of the export, as JSON.
    Line(String),
    /// A record that cannot be read was left out.
    LeftOut(String),
}

impl StreamOperation for ExportExecutions {
    const NAME: &'static str = "Flow.ExportExecutions";
    type Request = ExportRequest;
    type Item = ExportItem;

    fn answer(api: &Api, ExportRequest { ids }: ExportRequest) -> BoxStream<'static, Result<ExportItem, Fault>> {
        match export_lines(api.runner.shared_store(), ids) {
            Err(error) => futures::stream::once(async { Err(error.into()) }).boxed(),
            Ok(lines) => futures::stream::iter(lines.map(Ok)).boxed(),
        }
    }
}

/// The lines of an export, each read when it is asked for. What cannot be read is left out and said.
///
/// # Errors
/// The store cannot be read at all.
pub fn export_lines(
    store: Arc<Store>,
    ids: Vec<String>,
) -> Result<impl Iterator<Item = ExportItem> + Send + 'static, StoreError> {
    let all = ids.is_empty();
    let wanted: VecDeque<String> = if all { store.ids()?.into() } else { ids.iter().cloned().collect() };
    let belongs = move |name: &str| all || ids.iter().any(|id| name.rsplit('/').next() == Some(id.as_str()));
    let first = std::iter::once(Ok(Line::Export { version: EXPORT_VERSION }));
    let of_executions = store.clone();
    let executions = wanted.into_iter().filter_map(move |id| {
        let exported = of_executions.export(&id).map(|exported| Line::Execution(Box::new(exported)));
        // An execution that was pruned meanwhile has left nothing to export.
        let is_pruned = exported.is_err() && matches!(of_executions.summary(&id), Ok(None));
        (!is_pruned || !all).then_some(exported)
    });
    let documents = store.all_documents()?.into_iter().filter(move |line| match line {
        Ok(Line::Document { name, .. }) => belongs(name),
        _ => all,
    });
    Ok(first.chain(executions).chain(documents).map(item))
}

fn item(line: Result<Line, StoreError>) -> ExportItem {
    match line.map(|line| serde_json::to_string(&line)) {
        Ok(Ok(text)) => ExportItem::Line(text),
        Ok(Err(error)) => ExportItem::LeftOut(error.to_string()),
        Err(error) => ExportItem::LeftOut(error.to_string()),
    }
}
