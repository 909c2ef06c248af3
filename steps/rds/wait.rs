//! Waits for the database.

use std::{sync::Arc, time::Duration};

use aws_sdk_rds::types::DbInstance;
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepRemedy, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DatabaseIdentifier, database_ending, find_database, least_growth_gib, status};
use crate::{
    Environment, Nothing,
    failure::{poll_again_or, run_again},
    outcome::{incomplete_answer, made_id, nothing_to_do, of_deletion},
};

/// The usual time until a database in one zone is available, including its first backup: five to ten minutes.
const TYPICAL_CREATION: Duration = Duration::from_secs(360);
/// The time for which RDS may show the previous status after it has accepted a change.
const CHANGE_BEGINS_WITHIN: Duration = Duration::from_secs(900);
const STORAGE_FULL: &str = "storage-full";
/// The usual time in which a database is deleted.
const TYPICAL_DELETION: Duration = Duration::from_secs(180);

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "rds:waitForDatabase",
        "Waits until the database is available and has an address.",
        ["rds:DescribeDBInstances"],
        wait_for_database
    );
    step!(
        registry,
        environment,
        "rds:waitForDatabaseDeleted",
        "Waits until the database is gone.",
        ["rds:DescribeDBInstances"],
        wait_for_database_deleted
    );
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AvailableDatabase {
    identifier: String,
    address: String,
    port: i32,
    engine_version: String,
    allocated_storage_gib: i32,
    dbi_resource_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForDatabase {
    identifier: String,
    /// Whether RDS has accepted changes, as `isModified` of `rds:createDatabase`.
    #[serde(default)]
    is_modified: bool,
}

async fn wait_for_database(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForDatabase,
) -> StepResult<AvailableDatabase> {
    let ending = database_ending(&input.identifier);
    if let Some(later) = context.first_poll_after(made_id(&context, &ending), TYPICAL_CREATION) {
        return Ok(Answer::pending("creating", later));
    }
    let database = match find_database(&environment, &context, &input.identifier).await {
        Ok(Some(database)) => database,
        Ok(None) => {
            let cause = format!("there is no database {}", input.identifier);
            return Err(StepError::new(ErrorClass::NotFound, cause).during("rds:DescribeDBInstances"));
        }
        Err(error) => return poll_again_or(error, &context),
    };
    let interval = context.poll_towards(TYPICAL_CREATION);
    let status = status(&database);
    if status == STORAGE_FULL && is_growing(&context, &input, &database) {
        return Ok(Answer::pending("storage-full, more storage is requested", interval));
    }
    if let Some((hint, remedy)) = repair_of_stuck(&context, status, &database) {
        let cause = format!("database {} is {status}", input.identifier);
        return Err(StepError::new(ErrorClass::Failed, cause).with_remedy(hint, remedy));
    }
    if !is_usable(status) {
        return Ok(Answer::pending(status, interval));
    }
    if is_about_to_change(&database) {
        return Ok(Answer::pending("modifying", interval));
    }
    let endpoint = database.endpoint();
    let Some(address) = endpoint.and_then(|endpoint| endpoint.address()) else {
        return Ok(Answer::pending(format!("{status}, no address yet"), interval));
    };
    let incomplete = |what| incomplete_answer("rds:DescribeDBInstances", what);
    Ok(Answer::done(AvailableDatabase {
        identifier: input.identifier,
        address: address.to_owned(),
        port: endpoint.and_then(|endpoint| endpoint.port()).ok_or_else(|| incomplete("port"))?,
        engine_version: database.engine_version().unwrap_or_default().to_owned(),
        allocated_storage_gib: database.allocated_storage().ok_or_else(|| incomplete("AllocatedStorage"))?,
        dbi_resource_id: database.dbi_resource_id().unwrap_or_default().to_owned(),
    }))
}

/// The states other than `available` in which a database accepts connections and is billed (RDS User Guide, "Viewing
/// Amazon RDS DB instance status"). RDS enters them for backups, maintenance and changes by people; storage
/// optimization takes hours.
const USABLE: &[&str] = &[
    "available",
    "backing-up",
    "configuring-associated-roles",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "delete-precheck",
    "modifying",
    "moving-to-vpc",
    "resetting-master-credentials",
    "storage-config-upgrade",
    "storage-initialization",
    "storage-optimization",
];

fn is_usable(status: &str) -> bool {
    USABLE.contains(&status)
}

/// Whether RDS has accepted more storage and still shows the previous status. It starts the change within minutes.
fn is_growing(context: &StepContext, input: &WaitForDatabase, database: &DbInstance) -> bool {
    let waited = Duration::from_millis(context.now_ms.saturating_sub(context.first_poll_ms));
    (input.is_modified || is_about_to_change(database)) && waited < CHANGE_BEGINS_WITHIN
}

/// The hint for a status that the database does not leave by itself, and the way to continue the execution after the repair.
fn repair_of_stuck(context: &StepContext, status: &str, database: &DbInstance) -> Option<(String, StepRemedy)> {
    let hint = match status {
        "stopped" | "stopping" => "Start the database in RDS.",
        "deleting" => {
            let hint = "Run again when it is deleted: a new one is made.";
            return Some((hint.to_owned(), StepRemedy::NewExecution));
        }
        STORAGE_FULL => return Some((more_storage(context, database.allocated_storage()), StepRemedy::NewExecution)),
        "failed" | "restore-error" | "insufficient-capacity" => {
            "See the database's events in RDS for the reason and repair it. If it is deleted, a new run makes it again."
        }
        _ if status.starts_with("incompatible-") || status.starts_with("inaccessible-") => {
            "See the database's events in RDS for the reason and repair it."
        }
        _ => return None,
    };
    Some((hint.to_owned(), StepRemedy::Resume))
}

/// The run that gives a database more storage. This execution has pinned its input, so it cannot.
fn more_storage(context: &StepContext, current_gib: Option<i32>) -> String {
    let wanted = current_gib.map_or_else(|| "N".to_owned(), |gib| least_growth_gib(gib).to_string());
    let command = run_again(context, &format!(" --set database.allocatedStorageGib={wanted}"));
    format!("Give the database more storage:   {command}")
}

/// Whether a requested change has not started: the database stays available for some seconds.
pub(super) fn is_about_to_change(database: &DbInstance) -> bool {
    database.pending_modified_values().is_some_and(|to| {
        to.db_instance_class().is_some()
            || to.allocated_storage().is_some()
            || to.storage_type().is_some()
            || to.multi_az().is_some()
    })
}

async fn wait_for_database_deleted(
    environment: Arc<Environment>,
    context: StepContext,
    input: DatabaseIdentifier,
) -> StepResult<Nothing> {
    let context = of_deletion(context);
    let interval = context.poll_towards(TYPICAL_DELETION);
    match find_database(&environment, &context, &input.identifier).await {
        Ok(None) => nothing_to_do(),
        Ok(Some(database)) => Ok(Answer::pending(status(&database), interval)),
        Err(error) => poll_again_or(error, &context),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn any() -> DbInstance {
        DbInstance::builder().build()
    }

    #[test]
    fn a_full_database_that_grows_is_waited_for_and_another_one_names_the_run_that_helps() {
        let mut context = StepContext::for_test("Wait until the database is available");
        let input = |is_modified| WaitForDatabase { identifier: "demo-db".into(), is_modified };
        assert!(is_growing(&context, &input(true), &any()));
        assert!(!is_growing(&context, &input(false), &any()));
        context.now_ms = context.first_poll_ms + 900_000;
        assert!(!is_growing(&context, &input(true), &any()), "the change has not begun");
        let full = DbInstance::builder().allocated_storage(20).build();
        context.execution = "rehearsal-endpoints-aws-7k3f".to_owned();
        let (hint, remedy) = repair_of_stuck(&context, STORAGE_FULL, &full).unwrap();
        assert_eq!(remedy, StepRemedy::NewExecution);
        assert!(
            hint.ends_with(
                "flow run --again rehearsal-endpoints-aws-7k3f --rehearse --set database.allocatedStorageGib=22"
            ) && !hint.contains("resume"),
            "{hint}"
        );
    }

    #[test]
    fn a_stopped_or_broken_database_is_not_waited_for_until_the_deadline() {
        for status in ["failed", "stopped", "incompatible-network", "inaccessible-encryption-credentials", "deleting"] {
            assert!(
                repair_of_stuck(&StepContext::for_test("Wait"), status, &any()).is_some() && !is_usable(status),
                "{status}"
            );
        }
        for status in ["creating", "upgrading", "starting", "rebooting", "maintenance"] {
            assert!(
                repair_of_stuck(&StepContext::for_test("Wait"), status, &any()).is_none() && !is_usable(status),
                "{status}"
            );
        }
    }

    #[test]
    fn a_database_that_answers_is_not_waited_for() {
        for status in ["available", "backing-up", "storage-optimization", "configuring-log-exports", "modifying"] {
            assert!(
                repair_of_stuck(&StepContext::for_test("Wait"), status, &any()).is_none() && is_usable(status),
                "{status}"
            );
        }
        let to = aws_sdk_rds::types::PendingModifiedValues::builder().db_instance_class("db.t4g.small").build();
        assert!(is_about_to_change(&DbInstance::builder().pending_modified_values(to).build()));
    }
}
