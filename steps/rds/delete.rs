//! Deletes the database.

use std::sync::Arc;

use engine::step::{
    Answer, ChangeAction, Done, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DatabaseIdentifier, RESOURCE_TYPE, SNAPSHOT, database_ending, final_snapshot, find_database, status};
use crate::{
    Environment, Nothing,
    failure::{failure, is_missing},
    found_tags,
    outcome::{may_have_deleted, nothing_to_do},
    planned::KNOWN_AFTER_APPLY,
    service::FinalSnapshot,
    tags::short_token,
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "rds:disableDeletionProtection",
        "Switches the database's deletion protection off.",
        ["rds:DescribeDBInstances", "rds:ModifyDBInstance"],
        disable_deletion_protection
    );
    step!(
        registry,
        environment,
        "rds:deleteDatabase",
        "Deletes the database, after a last snapshot if wanted.",
        ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:DeleteDBInstance", "rds:CreateDBSnapshot"],
        delete_database
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeleteDatabase {
    deployment: String,
    identifier: String,
    /// Whether to keep a last snapshot.
    final_snapshot: FinalSnapshot,
    /// Its ARN, for the answer if the database is gone after a lost one.
    #[serde(default)]
    database_arn: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedDatabase {
    final_snapshot_identifier: Option<String>,
}

async fn disable_deletion_protection(
    environment: Arc<Environment>,
    context: StepContext,
    input: DatabaseIdentifier,
) -> StepResult<Nothing> {
    let database = find_database(&environment, &context, &input.identifier).await?;
    let protected = database.filter(|database| database.deletion_protection() == Some(true));
    let Some(database) = protected else { return nothing_to_do() };
    environment.differs("deletionProtection", true, false);
    let call = environment.rds().modify_db_instance().db_instance_identifier(&input.identifier);
    match call.deletion_protection(false).copy_tags_to_snapshot(true).apply_immediately(true).send().await {
        Ok(_) => {
            let arn = database.db_instance_arn().unwrap_or_default();
            let resource_change =
                ResourceChange::new(ChangeAction::Updated, RESOURCE_TYPE, arn).named(&input.identifier).billed();
            Ok(Answer::with_change(Nothing {}, resource_change))
        }
        Err(error) if is_missing(&error) => nothing_to_do(),
        Err(error) => Err(failure("rds:ModifyDBInstance", error)),
    }
}

async fn delete_database(
    environment: Arc<Environment>,
    context: StepContext,
    input: DeleteDatabase,
) -> StepResult<DeletedDatabase> {
    let wanted = input.final_snapshot != FinalSnapshot::Decided(false);
    let mut snapshot = wanted.then(|| snapshot_identifier(&context, &input.identifier));
    let Some(database) = find_database(&environment, &context, &input.identifier).await? else {
        let kept = existing_snapshot(&environment, snapshot).await?;
        if may_have_deleted(&context) {
            // An earlier call of this state deleted it and its answer was lost.
            let id = input.database_arn.unwrap_or_else(|| database_ending(&input.identifier));
            return Ok(deleted(&environment, &input.identifier, &id, kept));
        }
        return Ok(Answer::done(DeletedDatabase { final_snapshot_identifier: kept }));
    };
    let tags = found_tags!(database.tag_list());
    if !tags.is_ours(&input.deployment) {
        let cause = format!("database {} does not belong to deployment {}", input.identifier, input.deployment);
        return Err(StepError::new(ErrorClass::Invalid, cause).during("rds:DeleteDBInstance"));
    }
    let arn = database.db_instance_arn().unwrap_or_default();
    if status(&database) == "deleting" {
        let kept = existing_snapshot(&environment, snapshot).await?;
        return Ok(deleted(&environment, &input.identifier, arn, kept));
    }
    if wanted && !final_snapshot::is_possible(status(&database)) {
        // The state may have changed since the check that precedes the first deletion.
        if input.final_snapshot == FinalSnapshot::Decided(true) {
            let cause = final_snapshot::refusal(&environment, &input.deployment, &input.identifier, status(&database));
            return Err(StepError::new(ErrorClass::Invalid, cause).during("rds:DeleteDBInstance"));
        }
        snapshot = None;
    }
    let call = environment.rds().delete_db_instance().db_instance_identifier(&input.identifier);
    let call = call.skip_final_snapshot(snapshot.is_none()).set_final_db_snapshot_identifier(snapshot.clone());
    match call.send().await {
        Ok(_) => Ok(deleted(&environment, &input.identifier, arn, snapshot)),
        Err(error) if is_missing(&error) => Ok(Answer::done(DeletedDatabase { final_snapshot_identifier: None })),
        Err(error) => Err(still_protected(failure("rds:DeleteDBInstance", error))),
    }
}

/// The answer of a deletion, which also creates the final snapshot, if there is one.
fn deleted(environment: &Environment, identifier: &str, id: &str, snapshot: Option<String>) -> Answer<DeletedDatabase> {
    let mut changes = vec![ResourceChange::new(ChangeAction::Deleted, RESOURCE_TYPE, id).named(identifier).billed()];
    if let Some(snapshot) = &snapshot {
        // The snapshot's name depends on the execution, so a plan does not have it.
        let (id, name) = match environment.is_planning() {
            true => (KNOWN_AFTER_APPLY, format!("final snapshot of {identifier}, which stays")),
            false => (snapshot.as_str(), snapshot.clone()),
        };
        changes.push(ResourceChange::new(ChangeAction::Created, SNAPSHOT, id).named(name).billed());
    }
    Answer::Done(Done::new(DeletedDatabase { final_snapshot_identifier: snapshot }, changes))
}

/// The snapshot's name. It is the same for every attempt of a visit, so that a lost answer does not lead to two
/// snapshots.
fn snapshot_identifier(context: &StepContext, identifier: &str) -> String {
    format!("{identifier}-final-{}", short_token(context, 12))
}

async fn existing_snapshot(environment: &Environment, identifier: Option<String>) -> Result<Option<String>, StepError> {
    let Some(identifier) = identifier else { return Ok(None) };
    let call = environment.rds_reads().describe_db_snapshots().db_snapshot_identifier(&identifier);
    match call.send().await {
        Ok(answer) => Ok(answer.db_snapshots().first().map(|_| identifier)),
        // The error by its code on the wire and by the SDK's model.
        Err(error)
            if is_missing(&error) || error.as_service_error().is_some_and(|e| e.is_db_snapshot_not_found_fault()) =>
        {
            Ok(None)
        }
        Err(error) => Err(failure("rds:DescribeDBSnapshots", error)),
    }
}

/// Recognizes that RDS does not have the removal of deletion protection yet, which takes some seconds. Only the message shows it: the code
/// is the same for every combination of parameters that RDS refuses.
fn still_protected(mut failure: StepError) -> StepError {
    if failure.code.as_deref() == Some("InvalidParameterCombination") && failure.cause.contains("protect") {
        failure.class = ErrorClass::Busy;
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_snapshot_has_a_name_that_rds_takes_and_that_a_retry_repeats() {
        let mut context = StepContext::for_test("Delete the database");
        context.token = "a1b2".repeat(16);
        let first = snapshot_identifier(&context, "demo-db");
        context.attempt = 2;
        assert_eq!(first, snapshot_identifier(&context, "demo-db"));
        assert_eq!(first, "demo-db-final-a1b2a1b2a1b2");
    }
}
