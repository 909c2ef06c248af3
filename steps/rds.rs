//! RDS: the database and its subnet group.

mod changes;
mod database;
mod delete;
mod final_snapshot;
mod inventory;
mod subnet_group;
mod wait;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rds::types::DbInstance;
use engine::step::{Registry, StepContext, StepError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Environment,
    failure::{failure_for, is_missing},
    outcome::made_id,
    planned::{Bill, PlannedChange, Price, Prices},
    policy::{Scope, none},
    service::{
        CheckChanges, CheckDeletions, CheckNames, DeletionFindings, Found, Holders, Objections, Service, UsualWait,
    },
    tags::Tags,
};

const RESOURCE_TYPE: &str = "AWS::RDS::DBInstance";
const SNAPSHOT: &str = "AWS::RDS::DBSnapshot";

/// The database, its subnet group, its final snapshots, and the default groups that RDS assigns to it.
const DATABASES: Scope = Scope {
    id: "Databases",
    resources: |restriction| {
        let deployment = &restriction.deployment;
        let named = [
            format!("db:{deployment}-db"),
            format!("subgrp:{deployment}-db"),
            format!("snapshot:{deployment}-db-final-*"),
            "og:*".to_owned(),
            "pg:*".to_owned(),
        ];
        named.iter().map(|resource| restriction.arn("rds", resource)).collect()
    },
    condition: none,
};

/// The least storage to which RDS grows a database with this storage, in GiB: the new value must be at least 10 % greater (Amazon RDS
/// API Reference, ModifyDBInstance, AllocatedStorage).
fn least_growth_gib(current_gib: i32) -> i32 {
    current_gib.saturating_add(current_gib.saturating_add(9) / 10)
}

/// RDS: databases and subnet groups.
pub(crate) struct Rds;

#[async_trait]
impl Service for Rds {
    fn name(&self) -> &'static str {
        "rds"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["rds:DescribeDBInstances", "rds:DescribeDBSubnetGroups", "rds:ListTagsForResource", "rds:DescribeDBSnapshots"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["rds:DescribeDBInstances", "rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        inventory::check_names(environment, names, holders).await
    }

    fn waits(&self) -> &'static [UsualWait] {
        &[
            UsualWait { step: "rds:waitForDatabase", usual_seconds: (300, 1_200), takes: Some("about 6 min") },
            UsualWait { step: "rds:waitForDatabaseDeleted", usual_seconds: (180, 900), takes: Some("about 3 min") },
        ]
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&DATABASES]
    }

    fn monthly_usd(&self, change: &PlannedChange, _plan: &[PlannedChange], prices: &Prices) -> Price {
        match change.resource_type.as_str() {
            RESOURCE_TYPE => Price::Billed(monthly_usd(&change.settings, prices)),
            // The size of a snapshot is not known before it is made.
            SNAPSHOT => Price::Billed(Bill::default().with("storage of the final snapshot", None, None)),
            _ => Price::Free,
        }
    }

    fn change_actions(&self) -> &'static [&'static str] {
        &["rds:DescribeDBInstances"]
    }

    async fn check_changes(
        &self,
        environment: &Environment,
        input: &CheckChanges,
        objections: &mut Objections,
    ) -> Result<(), StepError> {
        changes::check(environment, input, objections).await
    }

    fn deletion_actions(&self) -> &'static [&'static str] {
        &["rds:DescribeDBInstances"]
    }

    async fn check_deletions(
        &self,
        environment: &Environment,
        input: &CheckDeletions,
        findings: &mut DeletionFindings,
    ) -> Result<(), StepError> {
        final_snapshot::check(environment, input, findings).await
    }
}

impl Environment {
    /// The client for changes.
    pub(crate) fn rds(&self) -> aws_sdk_rds::Client {
        self.client_for_changes(aws_sdk_rds::Client::new)
    }

    /// The client for reads.
    pub(crate) fn rds_reads(&self) -> aws_sdk_rds::Client {
        self.client_for_reads(aws_sdk_rds::Client::new)
    }
}

impl Tags {
    /// The tags in RDS's form.
    fn rds(&self) -> Vec<aws_sdk_rds::types::Tag> {
        self.pairs().map(|(key, value)| aws_sdk_rds::types::Tag::builder().key(key).value(value).build()).collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    subnet_group::register(registry, environment);
    database::register(registry, environment);
    wait::register(registry, environment);
    delete::register(registry, environment);
}

/// The monthly price of a database: its hours and its storage. A standby doubles it.
fn monthly_usd(settings: &Value, prices: &Prices) -> Bill {
    let copies = if settings["multiAz"] == true { 2.0 } else { 1.0 };
    let class = settings["instanceClass"].as_str().unwrap_or("the database");
    let storage = settings["storageType"].as_str().unwrap_or_default();
    let gib = settings["allocatedStorageGib"].as_f64().map(|gib| copies * gib);
    Bill::default()
        .with(
            format!("hours of {class}"),
            Some(copies * prices.hours_per_month()),
            prices.regional("databaseHour")[class].as_f64(),
        )
        .with(
            format!("{storage} storage of the database").trim_start(),
            gib,
            prices.regional("databaseStorageGibMonth")[storage].as_f64(),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DatabaseIdentifier {
    identifier: String,
}

/// The database in any state; `None` if it does not exist and this execution did not create one.
async fn find_database(
    environment: &Environment,
    context: &StepContext,
    identifier: &str,
) -> Result<Option<DbInstance>, StepError> {
    let ending = database_ending(identifier);
    let id = made_id(context, &ending);
    let answer = environment.rds_reads().describe_db_instances().db_instance_identifier(identifier).send().await;
    match answer {
        Ok(answer) => Ok(answer.db_instances.unwrap_or_default().into_iter().next()),
        Err(error) if is_missing(&error) && !context.created.contains_key(id) => Ok(None),
        Err(error) => Err(failure_for(context, id, "rds:DescribeDBInstances", error)),
    }
}

/// The end of the database's ARN. RDS stores identifiers in lower case.
fn database_ending(identifier: &str) -> String {
    format!(":db:{}", identifier.to_ascii_lowercase())
}

fn status(database: &DbInstance) -> &str {
    database.db_instance_status().unwrap_or("creating")
}
