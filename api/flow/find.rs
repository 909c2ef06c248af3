//! Finds an execution by id, prefix of an id, ARN or `@latest`. Reads by key and never scans.

use engine::machine::ExecutionHeader;
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, arn};

/// Names the execution that started last, in real time.
pub const LATEST: &str = "@latest";
/// The most matches of a prefix that are returned.
const MATCHES_MAX: usize = 10;

/// Finds executions.
pub struct FindExecutions;

/// A request of [`FindExecutions`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindRequest {
    /// An id, a prefix of one, an ARN, or `@latest`.
    pub wanted: String,
}

/// The response of [`FindExecutions`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindResponse {
    /// Whether `wanted` is exactly the id of the only match.
    pub exact: bool,
    /// The matching executions without inputs, at most ten.
    pub matches: Vec<ExecutionHeader>,
}

impl Operation for FindExecutions {
    const NAME: &'static str = "Flow.FindExecutions";
    type Request = FindRequest;
    type Response = FindResponse;

    async fn answer(api: &Api, FindRequest { wanted }: FindRequest) -> Result<FindResponse, Fault> {
        let store = api.runner.store();
        if wanted == LATEST {
            return Ok(FindResponse { exact: false, matches: store.recent(1)? });
        }
        // An empty prefix matches nothing: in a script it is usually an unset variable.
        if wanted.is_empty() {
            return Ok(FindResponse::default());
        }
        for id in ids_of(&wanted) {
            if let Some(header) = store.summary(&id)?.filter(|header| is_named(header, &wanted)) {
                return Ok(FindResponse { exact: true, matches: vec![header] });
            }
        }
        let ids = store.ids_with_prefix(&wanted, MATCHES_MAX)?;
        let headers = ids.iter().filter_map(|id| store.summary(id).transpose());
        Ok(FindResponse { exact: false, matches: headers.collect::<Result<_, _>>()? })
    }
}

/// The engine's ids that a text can mean: itself, or for an ARN the two forms that StartExecution and `flow run`
/// create.
fn ids_of(wanted: &str) -> Vec<String> {
    match arn::parse(wanted) {
        Ok(arn::Resource::Execution { id }) => {
            let name = id.split(':').nth(1).map(str::to_owned);
            [Some(id), name].into_iter().flatten().collect()
        }
        _ => vec![wanted.to_owned()],
    }
}

fn is_named(header: &ExecutionHeader, wanted: &str) -> bool {
    let arn = header.identity.as_ref().map(|identity| identity.execution_id.as_str());
    header.id == wanted || arn == Some(wanted)
}
