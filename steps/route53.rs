//! Route 53: hosted zones and records.

mod alias;
mod change;
mod inventory;
mod record;
mod zone;

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{Registry, StepError};

pub(crate) use alias::{described, leads_to, points_elsewhere};
pub(crate) use record::records_at;
pub(crate) use zone::{zone_ids_of, zone_servers};

use crate::{
    Environment,
    planned::KNOWN_AFTER_APPLY,
    policy::{Scope, none},
    service::{Found, Service, UsualWait},
};

const RESOURCE_TYPE: &str = "AWS::Route53::RecordSet";

/// The records of every hosted zone.
const RECORDS: Scope = Scope {
    id: "Records",
    resources: |restriction| vec![format!("arn:{}:route53:::hostedzone/*", restriction.partition)],
    condition: none,
};

/// Route 53: the records that lead to a deployment.
pub(crate) struct Route53;

#[async_trait]
impl Service for Route53 {
    fn name(&self) -> &'static str {
        "route53"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["route53:ListHostedZones", "route53:ListResourceRecordSets"]
    }

    async fn find(&self, environment: &Environment, _deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, found).await
    }

    fn waits(&self) -> &'static [UsualWait] {
        &[UsualWait { step: "route53:waitForChange", usual_seconds: (30, 60), takes: Some("about 40 s") }]
    }

    fn answer_in_plan(&self, operation: &str) -> Option<String> {
        (operation == "ChangeResourceRecordSets").then(|| {
            format!(
                "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>{KNOWN_AFTER_APPLY}</Id><Status>PENDING</Status>\
                 <SubmittedAt>2020-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>"
            )
        })
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&RECORDS]
    }
}

impl Environment {
    /// The client for changes.
    pub(crate) fn route53(&self) -> aws_sdk_route53::Client {
        self.client_for_changes(aws_sdk_route53::Client::new)
    }

    /// The client for reads.
    fn route53_reads(&self) -> aws_sdk_route53::Client {
        self.client_for_reads(aws_sdk_route53::Client::new)
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    zone::register(registry, environment);
    record::register(registry, environment);
    alias::register(registry, environment);
    change::register(registry, environment);
}

/// A name in comparable form: lower case, without the final dot, and with `*` unescaped.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// The id of a record in resource changes.
fn record_id(name: &str, kind: &str) -> String {
    format!("{} {kind}", normal(name))
}
