//! RDS: the database and its subnet group.

mod database;
mod delete;
mod subnet_group;
mod wait;

use std::sync::Arc;

use aws_sdk_rds::types::DbInstance;
use engine::step::{Registry, StepContext, StepError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Environment,
    failure::{failure_for, is_missing},
    outcome::made_id,
};

const RESOURCE_TYPE: &str = "AWS::RDS::DBInstance";

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    subnet_group::register(registry, environment);
    database::register(registry, environment);
    wait::register(registry, environment);
    delete::register(registry, environment);
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
