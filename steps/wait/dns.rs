//! Waits for a DNS record.

use std::{net::SocketAddr, sync::Arc};

use engine::step::{Answer, ErrorClass, StepContext, StepError, StepResult};
use hickory_resolver::{TokioResolver, proto::rr::RecordType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{not_yet, within};
use crate::{environment, local_settings::LocalSettings};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WaitForDns {
    /// The full name, without search domains.
    name: String,
    #[serde(default, rename = "Type")]
    kind: Kind,
    /// A value that one record must have, such as an address; without it, any value.
    #[serde(default)]
    value: Option<String>,
    /// The DNS server to ask, such as `192.0.2.53:53`; default the machine's.
    #[serde(default)]
    server: Option<String>,
    /// Seconds between two polls, 1 to 3600; default 10.
    #[serde(default = "super::interval_default")]
    #[schemars(range(min = 1, max = 3600))]
    interval_seconds: u64,
}

/// The type of a record.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    #[default]
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Txt,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found {
    /// The values of the records.
    values: Vec<String>,
}

pub(super) async fn wait(_: Arc<LocalSettings>, context: StepContext, input: WaitForDns) -> StepResult<Found> {
    let resolver = resolver(input.server.as_deref())?;
    let reason = match within(&context, "no answer from DNS", lookup(&resolver, &input)).await {
        Ok(Ok(values)) if has(&values, input.value.as_deref()) => return Ok(Answer::done(Found { values })),
        Ok(Ok(values)) if values.is_empty() => "no such record".to_owned(),
        Ok(Ok(values)) => format!("the record is {}", values.join(", ")),
        Ok(Err(reason)) => reason,
        Err(reason) => reason,
    };
    not_yet(&context, reason, input.interval_seconds)
}

fn resolver(server: Option<&str>) -> Result<TokioResolver, StepError> {
    let Some(server) = server else { return environment::system_resolver() };
    let invalid = |_| StepError::new(ErrorClass::Invalid, format!("Server: '{server}' is no address with a port"));
    environment::resolver_at(server.parse::<SocketAddr>().map_err(invalid)?)
}

async fn lookup(resolver: &TokioResolver, input: &WaitForDns) -> Result<Vec<String>, String> {
    let kind = match input.kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Cname => RecordType::CNAME,
        Kind::Mx => RecordType::MX,
        Kind::Ns => RecordType::NS,
        Kind::Txt => RecordType::TXT,
    };
    // The final dot prevents the use of the machine's search domains.
    let name = format!("{}.", input.name.trim_end_matches('.'));
    match resolver.lookup(name, kind).await {
        Ok(answer) => {
            let records = answer.answers().iter().filter(|record| record.record_type() == kind);
            Ok(records.map(|record| normal(&record.data.to_string())).collect())
        }
        Err(error) if error.is_nx_domain() => Err("no such name".to_owned()),
        Err(error) if error.is_no_records_found() => Err("no such record".to_owned()),
        Err(_) => Err("no answer from DNS".to_owned()),
    }
}

fn has(values: &[String], wanted: Option<&str>) -> bool {
    match wanted {
        Some(wanted) => values.iter().any(|value| *value == normal(wanted)),
        None => !values.is_empty(),
    }
}

/// A value without the root's dot and without the quotes of a TXT record.
fn normal(value: &str) -> String {
    value.trim_matches('"').trim_end_matches('.').to_owned()
}
