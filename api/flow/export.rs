//! Exporting executions as lines.

use std::{collections::HashSet, sync::Arc};

use engine::store::{EXPORT_VERSION, ExportLine, Store, StoreError};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, StreamOperation, documents_of};

/// Exports executions one line at a time: an export can be larger than the memory.
pub struct ExportExecutions;

/// A request of [`ExportExecutions`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExportRequest {
    /// The executions' ids. Empty exports everything, with state machines and activities.
    pub ids: Vec<String>,
}

/// A line, or the reason why one is missing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportItem {
    /// A line of the export, as JSON.
    Line(String),
    /// A record that cannot be read and is not exported.
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

/// Iterates over the lines of an export. A line is read when it is requested. A record that cannot be read is reported
/// and not exported.
///
/// # Errors
/// The store cannot be read at all.
pub fn export_lines(
    store: Arc<Store>,
    mut ids: Vec<String>,
) -> Result<impl Iterator<Item = ExportItem> + Send + 'static, StoreError> {
    // An id that is named twice is exported once.
    let mut named = HashSet::new();
    ids.retain(|id| named.insert(id.clone()));
    let first = std::iter::once(Ok(ExportLine::Export { version: EXPORT_VERSION }));
    let rest: Lines = if ids.is_empty() { every_line(store)? } else { lines_of(store, ids) };
    Ok(first.chain(rest).chain(std::iter::once(Ok(ExportLine::End))).map(item))
}

type Lines = Box<dyn Iterator<Item = Result<ExportLine, StoreError>> + Send>;

fn every_line(store: Arc<Store>) -> Result<Lines, StoreError> {
    let mut ids = store.clone().each_id().peekable();
    if let Some(Err(error)) = ids.next_if(Result::is_err) {
        return Err(error);
    }
    let of_executions = store.clone();
    let executions = ids.filter_map(move |id| {
        let id = match id {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let exported = execution_line(&of_executions, &id);
        // An execution that was pruned meanwhile has nothing to export.
        let is_pruned = exported.is_err() && matches!(of_executions.summary(&id), Ok(None));
        (!is_pruned).then_some(exported)
    });
    Ok(Box::new(executions.chain(store.each_document())))
}

/// The lines of these executions and of their API documents.
fn lines_of(store: Arc<Store>, ids: Vec<String>) -> Lines {
    let of_documents = store.clone();
    let names: Vec<String> = ids.iter().flat_map(|id| documents_of(id)).collect();
    let documents = names.into_iter().filter_map(move |name| {
        let found = of_documents.document(&name).transpose()?;
        Some(found.map(|document| ExportLine::Document { name, document }))
    });
    Box::new(ids.into_iter().map(move |id| execution_line(&store, &id)).chain(documents))
}

fn execution_line(store: &Store, id: &str) -> Result<ExportLine, StoreError> {
    store.export(id).map(|exported| ExportLine::Execution(Box::new(exported)))
}

fn item(line: Result<ExportLine, StoreError>) -> ExportItem {
    match line.map(|line| serde_json::to_string(&line)) {
        Ok(Ok(text)) => ExportItem::Line(text),
        Ok(Err(error)) => ExportItem::LeftOut(error.to_string()),
        Err(error) => ExportItem::LeftOut(error.to_string()),
    }
}
