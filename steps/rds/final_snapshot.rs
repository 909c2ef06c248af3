//! The final snapshot of a database: whether the input requests it, and whether RDS can make it.

use engine::step::StepError;

use super::status;
use crate::{
    Environment,
    failure::{failure, is_missing},
    service::{CheckDeletions, DeletionFindings, FinalSnapshot},
};

/// Whether RDS can make a snapshot of a database in this state (Amazon RDS API Reference, DeleteDBInstance,
/// SkipFinalSnapshot: a DB instance in a failure state, `failed`, `incompatible-restore` or `incompatible-network`, can
/// only be deleted without one).
pub(super) fn is_possible(status: &str) -> bool {
    !matches!(status, "failed" | "restore-error") && !status.starts_with("incompatible-")
}

/// Why a database is not deleted, and the command that deletes it without a snapshot.
pub(super) fn refusal(environment: &Environment, deployment: &str, identifier: &str, status: &str) -> String {
    let command =
        format!("flow run endpoints-aws-teardown --set deployment={deployment} --set finalSnapshot=ifPossible");
    format!(
        "database {identifier} is {status}: RDS can make no final snapshot of it. Repair the database first, or delete it without one:   \
         {}",
        environment.proposed(&command)
    )
}

/// The data that is lost with a database of which RDS can make no snapshot.
fn loss(identifier: &str, status: &str) -> String {
    format!("database {identifier} is {status}: no final snapshot is possible, and its data is deleted")
}

/// Reads the state of every database that a teardown deletes.
pub(super) async fn check(
    environment: &Environment,
    input: &CheckDeletions,
    findings: &mut DeletionFindings,
) -> Result<(), StepError> {
    if input.final_snapshot == FinalSnapshot::Decided(false) {
        return Ok(());
    }
    for identifier in &input.database_identifiers {
        let call = environment.rds_reads().describe_db_instances().db_instance_identifier(identifier);
        let found = match call.send().await {
            Ok(found) => found,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(failure("rds:DescribeDBInstances", error)),
        };
        let Some(database) = found.db_instances().first() else { continue };
        if is_possible(status(database)) {
            if environment.is_planning() {
                findings.stays.push(format!("final snapshot of database {identifier}, which is billed"));
            }
            continue;
        }
        match input.final_snapshot {
            FinalSnapshot::Decided(_) => {
                let refusal = refusal(environment, &input.deployment, identifier, status(database));
                findings.problems.push(refusal);
            }
            FinalSnapshot::IfPossible(_) => findings.notes.push(loss(identifier, status(database))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_database_in_a_failure_state_is_not_deleted_without_a_word_about_its_snapshot() {
        let addresses = crate::test_server::addresses("http://127.0.0.1:9".to_owned());
        let environment = Environment::for_rehearsal(addresses).unwrap();
        for status in ["failed", "incompatible-network", "incompatible-restore"] {
            assert!(!is_possible(status), "{status}");
            let refusal = refusal(&environment, "demo", "demo-db", status);
            let command =
                "flow run endpoints-aws-teardown --set deployment=demo --set finalSnapshot=ifPossible --rehearse";
            assert!(refusal.contains(status) && refusal.ends_with(command), "{refusal}");
            assert!(loss("demo-db", status).ends_with("its data is deleted"));
        }
        assert!(is_possible("available") && is_possible("storage-optimization"));
    }
}
