//! Creates the database, or updates it where it differs from the input.

mod difference;

use std::sync::Arc;

use aws_sdk_rds::types::DbInstance;
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RESOURCE_TYPE, database_ending, find_database, status, wait::is_about_to_change};
use crate::{
    Environment,
    failure::{already_exists, failure, failure_for, name_taken},
    found_tags,
    outcome::{called_before, made_id},
    secretsmanager::read_password,
    tags::Tags,
};

const ENGINE: &str = "postgres";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "rds:createDatabase",
        "Creates the PostgreSQL database: not public, encrypted, with backups and automatic minor upgrades.",
        [
            "rds:DescribeDBInstances",
            "secretsmanager:GetSecretValue",
            "rds:CreateDBInstance",
            "rds:ModifyDBInstance",
            "rds:AddTagsToResource",
        ],
        create_database
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateDatabase {
    deployment: String,
    identifier: String,
    /// Such as `14`, which means the newest minor version of it, or `14.12`.
    engine_version: String,
    /// Such as `db.t4g.micro`.
    instance_class: String,
    allocated_storage_gib: i32,
    /// Such as `gp3`.
    storage_type: String,
    multi_az: bool,
    subnet_group_name: String,
    group_ids: Vec<String>,
    /// The secret that holds user name and password.
    password_secret_arn: String,
    backup_retention_days: i32,
    deletion_protection: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedDatabase {
    identifier: String,
    arn: String,
    /// Whether RDS has accepted changes of settings that it may not have applied yet.
    is_modified: bool,
}

async fn create_database(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateDatabase,
) -> StepResult<CreatedDatabase> {
    if let Some(database) = look_up(&environment, &context, &input).await? {
        return found_database(&environment, &context, input, &database).await;
    }
    let login = read_password(&environment, &context, &input.password_secret_arn).await?;
    let created = environment
        .rds()
        .create_db_instance()
        .db_instance_identifier(&input.identifier)
        .engine(ENGINE)
        .engine_version(&input.engine_version)
        .db_instance_class(&input.instance_class)
        .allocated_storage(input.allocated_storage_gib)
        .storage_type(&input.storage_type)
        .storage_encrypted(true)
        .multi_az(input.multi_az)
        .publicly_accessible(false)
        .db_subnet_group_name(&input.subnet_group_name)
        .set_vpc_security_group_ids(Some(input.group_ids.clone()))
        .master_username(login.username())
        .master_user_password(login.password())
        .auto_minor_version_upgrade(true)
        .copy_tags_to_snapshot(true)
        .backup_retention_period(input.backup_retention_days)
        .deletion_protection(input.deletion_protection)
        .set_tags(Some(Tags::new(&context, &input.deployment).named(&input.identifier).rds()))
        .send()
        .await;
    match created {
        Ok(answer) => {
            let arn = answer.db_instance.and_then(|database| database.db_instance_arn).unwrap_or_default();
            Ok(answered(input.identifier, arn, ChangeAction::Created, false))
        }
        Err(error) if already_exists(&error) => match look_up(&environment, &context, &input).await? {
            Some(database) => found_database(&environment, &context, input, &database).await,
            None => Err(failure("rds:CreateDBInstance", error)),
        },
        Err(error) => {
            let ending = format!(":subgrp:{}", input.subnet_group_name.to_ascii_lowercase());
            Err(failure_for(&context, made_id(&context, &ending), "rds:CreateDBInstance", error))
        }
    }
}

fn answered(identifier: String, arn: String, change: ChangeAction, is_modified: bool) -> Answer<CreatedDatabase> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &arn).named(&identifier).billed();
    Answer::with_change(CreatedDatabase { identifier, arn, is_modified }, resource_change)
}

async fn look_up(
    environment: &Environment,
    context: &StepContext,
    input: &CreateDatabase,
) -> Result<Option<DbInstance>, StepError> {
    find_database(environment, context, &input.identifier).await
}

async fn found_database(
    environment: &Environment,
    context: &StepContext,
    input: CreateDatabase,
    database: &DbInstance,
) -> StepResult<CreatedDatabase> {
    let tags = found_tags!(database.tag_list());
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("database", &input.identifier, &input.deployment, tags.deployment.as_deref()));
    }
    if status(database) == "deleting" {
        let cause = format!("database {} is being deleted and keeps its name until then", input.identifier);
        return Err(StepError::new(ErrorClass::Busy, cause).during("rds:CreateDBInstance"));
    }
    let arn = database.db_instance_arn().unwrap_or_default().to_owned();
    difference::refuse_what_cannot_change(database, &input)?;
    let differences = difference::differences(database, &input);
    if differences.is_empty() {
        let change = tags.change(context, &arn);
        // The answer of an earlier call of this visit may be lost.
        let is_modified = is_about_to_change(database) || called_before(context);
        return Ok(answered(input.identifier, arn, change, is_modified));
    }
    tracing::info!(database = %input.identifier, ?differences, "the database differs from the input");
    for difference in &differences {
        let (field, from, to) = difference.described(database, &input);
        environment.differs(field, from, to);
    }
    let call = environment.rds().modify_db_instance().db_instance_identifier(&input.identifier);
    let call = differences.into_iter().fold(call, |call, difference| difference.apply(call, &input));
    call.apply_immediately(true).send().await.map_err(|error| {
        let ending = database_ending(&input.identifier);
        failure_for(context, made_id(context, &ending), "rds:ModifyDBInstance", error)
    })?;
    Ok(answered(input.identifier, arn, ChangeAction::Updated, true))
}
