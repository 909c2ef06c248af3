//! Finding an execution by what a person writes: an id, a prefix of one, an ARN, `@latest`. By key, never by a scan.

use engine::machine::ExecutionHeader;
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation, arn};

/// The last execution that began.
const LATEST: &str = "@latest";
/// How many matches of a prefix are worth naming.
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
    /// Whether `wanted` names the only match exactly.
    pub exact: bool,
    /// What it can mean, without inputs: at most ten.
    pub matches: Vec<ExecutionHeader>,
}

impl Operation for FindExecutions {
    const NAME: &'static str = "Flow.FindExecutions";
    type Request = FindRequest;
    type Response = FindResponse;

    async fn answer(api: &Api, FindRequest { wanted }: FindRequest) -> Result<FindResponse, Fault> {
        let store = api.runner.store();
        if wanted == LATEST {
            return Ok(FindResponse { exact: false, matches: store.latest(1)? });
        }
        // A prefix of nothing means nothing: in a script it is a variable that is not set.
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

/// The engine's ids that these words can be: themselves, or for an ARN, what a client's start and what `flow run` makes of it.
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
