//! Checks whether the input requires changes that a database does not support.

use aws_sdk_rds::types::DbInstance;
use engine::step::StepError;

use super::least_growth_gib;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    service::{CheckChanges, Objections},
};

pub(super) async fn check(
    environment: &Environment,
    input: &CheckChanges,
    objections: &mut Objections,
) -> Result<(), StepError> {
    if let Some(database) = database(environment, input).await? {
        check_database(input, &database, &mut objections.problems, &mut objections.notes);
    }
    Ok(())
}

async fn database(environment: &Environment, input: &CheckChanges) -> Result<Option<DbInstance>, StepError> {
    let call = environment.rds_reads().describe_db_instances().db_instance_identifier(&input.database_identifier);
    match call.send().await {
        Ok(answer) => {
            let found = answer.db_instances.unwrap_or_default().into_iter().next();
            Ok(found.filter(|database| found_tags!(database.tag_list()).is_ours(&input.deployment)))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("rds:DescribeDBInstances", error)),
    }
}

fn check_database(input: &CheckChanges, database: &DbInstance, problems: &mut Vec<String>, notes: &mut Vec<String>) {
    let username = database.master_username().unwrap_or(&input.database_username);
    if username != input.database_username {
        problems.push(format!(
            "database.username is {} in the input, and the database was created for {username}: RDS cannot rename the master user. \
             Set the input back; create other users with SQL",
            input.database_username
        ));
    }
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let version = database.engine_version().unwrap_or(&input.database_version);
    if major(version) != major(&input.database_version) {
        problems.push(format!(
            "database.version is {} in the input, and the database runs {version}: a major upgrade needs a plan of its own. Make it \
             in RDS, then set the version in the input",
            input.database_version
        ));
    } else if minor(&input.database_version).is_some_and(|wanted| minor(version).is_some_and(|runs| runs > wanted)) {
        notes.push(format!(
            "The database runs PostgreSQL {version}, newer than database.version ({}): an older version is not installed.",
            input.database_version
        ));
    }
    let (wanted_gib, current_gib) = (
        input.database_allocated_storage_gib,
        database.allocated_storage().unwrap_or(input.database_allocated_storage_gib),
    );
    let least_gib = least_growth_gib(current_gib);
    if wanted_gib > current_gib && wanted_gib < least_gib {
        problems.push(format!(
            "database.allocatedStorageGib is {wanted_gib} in the input, and the database has {current_gib} GiB: RDS grows storage by at \
             least 10 %. Give {least_gib} or more, or {current_gib}"
        ));
    } else if wanted_gib < current_gib {
        notes.push(format!(
            "The database has {current_gib} GiB, more than database.allocatedStorageGib ({wanted_gib}): storage never shrinks."
        ));
    }
}

/// The minor version; `None` if the text names only a major one.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(database: &DbInstance, input: &CheckChanges) -> (Vec<String>, Vec<String>) {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        check_database(input, database, &mut problems, &mut notes);
        (problems, notes)
    }

    #[test]
    fn what_rds_cannot_change_is_refused_all_at_once_and_not_ignored() {
        let database = DbInstance::builder().master_username("postgres").engine_version("14.12").allocated_storage(20);
        let database = database.build();
        assert_eq!(problems_of(&database, &CheckChanges::example()), (vec![], vec![]));
        let changed = CheckChanges {
            database_username: "admin2".into(),
            database_version: "16".into(),
            database_allocated_storage_gib: 21,
            ..CheckChanges::example()
        };
        let (problems, _) = problems_of(&database, &changed);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].contains("Give 22 or more"), "{problems:?}");
        for (wanted, notes) in [("14", 0), ("14.12", 0), ("14.13", 0), ("14.10", 1), ("14.9", 1)] {
            let input = CheckChanges { database_version: wanted.into(), ..CheckChanges::example() };
            let (problems, said) = problems_of(&database, &input);
            assert_eq!((problems.len(), said.len()), (0, notes), "{wanted}: {said:?}");
        }
        let smaller = DbInstance::builder().allocated_storage(40).build();
        assert_eq!(problems_of(&smaller, &CheckChanges::example()).1.len(), 1);
        assert_eq!(
            problems_of(&database, &CheckChanges { database_allocated_storage_gib: 22, ..CheckChanges::example() })
                .0
                .len(),
            0
        );
    }
}
