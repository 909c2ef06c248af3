//! Map runs of distributed Maps. Their iterations are kept in the parent's execution, so there is none to list yet.

use serde::Deserialize;
use serde_json::json;

use crate::{Answer, Api, Fault, arn};

/// A request of ListMapRuns.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List {
    execution_arn: String,
}

/// A request that names a map run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Named {
    map_run_arn: String,
}

impl Api {
    pub(crate) fn list_map_runs(&self, request: &List) -> Answer {
        self.header(&arn::execution(&request.execution_arn)?)?;
        Ok(json!({ "mapRuns": [] }))
    }

    pub(crate) fn no_map_run(request: &Named) -> Answer {
        Err(Fault::new("ResourceNotFound", format!("Resource not found: '{}'", request.map_run_arn)))
    }
}
