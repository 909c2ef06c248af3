//! Public DNS.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use engine::step::{Answer, Instructions, Pending, Registry, StepContext, StepResult};
use hickory_resolver::{
    TokioResolver,
    net::NetError,
    proto::rr::{RData, RecordType},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Environment;

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "dns:waitForRecord",
        "Waits until DNS leads from a name to its target.",
        [],
        wait_for_record
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForRecord {
    name: String,
    /// The name it must lead to: by a CNAME, or to the same addresses.
    target: String,
    /// Whether the record was made here; otherwise a person must add it.
    hosted_zone_found: bool,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundRecord {
    /// The answer of DNS for the name: names and addresses.
    answers: Vec<String>,
}

async fn wait_for_record(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForRecord,
) -> StepResult<FoundRecord> {
    match probe(environment.resolver(), &input.name, &input.target).await {
        Ok(answers) => Ok(Answer::done(FoundRecord { answers })),
        Err(reason) => {
            let check_again_after = context.poll_interval(Duration::from_secs(10), Duration::from_secs(60));
            let instructions = (!input.hosted_zone_found).then(|| instructions(&input));
            Ok(Answer::Pending(Pending { instructions, ..Pending::new(reason, check_again_after) }))
        }
    }
}

fn instructions(input: &WaitForRecord) -> Instructions {
    Instructions {
        sentence: format!("Add this record at the DNS host of {}:", input.name),
        values: vec![
            ("name".to_owned(), input.name.clone()),
            ("type".to_owned(), "CNAME (ALIAS or ANAME where the name is the zone's own)".to_owned()),
            ("value".to_owned(), input.target.clone()),
        ],
        answer: Some(serde_json::json!({ "answers": [input.target] })),
        approval: None,
    }
}

/// The target of the name if the name leads to it; otherwise the reason why it does not.
async fn probe(resolver: &TokioResolver, name: &str, target: &str) -> Result<Vec<String>, String> {
    let found = addresses(resolver, name).await;
    if let Ok(found) = &found
        && found.names.contains(&normal(target))
    {
        return Ok(found.all());
    }
    // A CNAME whose target has no address yet has no address either, but is correct.
    let cname = lookup(resolver, name, RecordType::CNAME).await;
    if let Ok(cname) = &cname
        && cname.names.contains(&normal(target))
    {
        return Ok(cname.all());
    }
    let found = found?;
    let wanted = addresses(resolver, target).await.map_err(|reason| format!("{target}: {reason}"))?;
    if found.addresses.intersection(&wanted.addresses).next().is_some() {
        return Ok(found.all());
    }
    let names = if found.names.is_empty() { &found.addresses } else { &found.names };
    Err(format!("leads to {}", names.iter().cloned().collect::<Vec<_>>().join(", ")))
}

#[derive(Debug, Default)]
struct DnsAnswer {
    names: BTreeSet<String>,
    addresses: BTreeSet<String>,
}

impl DnsAnswer {
    fn all(&self) -> Vec<String> {
        self.names.iter().chain(&self.addresses).cloned().collect()
    }
}

async fn addresses(resolver: &TokioResolver, name: &str) -> Result<DnsAnswer, String> {
    match lookup(resolver, name, RecordType::A).await {
        Ok(found) if !found.addresses.is_empty() => Ok(found),
        first => match lookup(resolver, name, RecordType::AAAA).await {
            Ok(found) if !found.addresses.is_empty() => Ok(found),
            _ => first.and_then(|found| if found.names.is_empty() { Err("no address".to_owned()) } else { Ok(found) }),
        },
    }
}

async fn lookup(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<DnsAnswer, String> {
    // The final dot prevents the use of the machine's search domains.
    let full_name = format!("{}.", name.trim_end_matches('.'));
    let answer = resolver.lookup(full_name, kind).await.map_err(reason)?;
    let mut found = DnsAnswer::default();
    for record in answer.answers() {
        match &record.data {
            RData::CNAME(name) => found.names.insert(normal(&name.to_string())),
            RData::A(address) => found.addresses.insert(address.to_string()),
            RData::AAAA(address) => found.addresses.insert(address.to_string()),
            _ => false,
        };
    }
    Ok(found)
}

/// Whether DNS answers that no such name exists. Without an answer it may exist.
pub(crate) async fn is_no_name(resolver: &TokioResolver, name: &str) -> bool {
    let full_name = format!("{}.", name.trim_end_matches('.'));
    resolver.lookup(full_name, RecordType::CNAME).await.is_err_and(|error| error.is_nx_domain())
}

fn reason(error: NetError) -> String {
    if error.is_nx_domain() {
        "no such name".to_owned()
    } else if error.is_no_records_found() {
        "no address".to_owned()
    } else {
        tracing::debug!(%error, "no answer from DNS");
        "no answer from DNS".to_owned()
    }
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
