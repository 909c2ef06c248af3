//! The differences between a database and the input.

use aws_sdk_rds::{
    operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as ModifyDatabase,
    types::{DbInstance, VpcSecurityGroupMembership},
};
use engine::step::StepError;

use super::{super::status, CreateDatabase};
use crate::outcome::{cannot_change, same_set};

/// A setting that differs and can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DifferentSetting {
    InstanceClass,
    AllocatedStorage,
    StorageType,
    MultiAz,
    EngineVersion,
    SecurityGroups,
    BackupRetention,
    DeletionProtection,
    PubliclyAccessible,
    AutoMinorVersionUpgrade,
}

impl DifferentSetting {
    /// Adds the wanted value to the call. The password is never changed.
    pub(super) fn apply(self, call: ModifyDatabase, input: &CreateDatabase) -> ModifyDatabase {
        match self {
            DifferentSetting::InstanceClass => call.db_instance_class(&input.instance_class),
            DifferentSetting::AllocatedStorage => call.allocated_storage(input.allocated_storage_gib),
            DifferentSetting::StorageType => call.storage_type(&input.storage_type),
            DifferentSetting::MultiAz => call.multi_az(input.multi_az),
            DifferentSetting::EngineVersion => call.engine_version(&input.engine_version),
            DifferentSetting::SecurityGroups => call.set_vpc_security_group_ids(Some(input.group_ids.clone())),
            DifferentSetting::BackupRetention => call.backup_retention_period(input.backup_retention_days),
            DifferentSetting::DeletionProtection => call.deletion_protection(input.deletion_protection),
            DifferentSetting::PubliclyAccessible => call.publicly_accessible(false),
            DifferentSetting::AutoMinorVersionUpgrade => call.auto_minor_version_upgrade(true),
        }
    }
}

impl DifferentSetting {
    /// The field of the input, its current value and the wanted one.
    pub(super) fn described(self, database: &DbInstance, input: &CreateDatabase) -> (&'static str, String, String) {
        let text = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
        let number = |value: Option<i32>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
        let flag = |value: Option<bool>| value.unwrap_or(false).to_string();
        match self {
            DifferentSetting::InstanceClass => {
                ("instanceClass", text(database.db_instance_class()), input.instance_class.clone())
            }
            DifferentSetting::AllocatedStorage => {
                ("allocatedStorageGib", number(database.allocated_storage()), input.allocated_storage_gib.to_string())
            }
            DifferentSetting::StorageType => ("storageType", text(database.storage_type()), input.storage_type.clone()),
            DifferentSetting::MultiAz => ("multiAz", flag(database.multi_az()), input.multi_az.to_string()),
            DifferentSetting::EngineVersion => {
                ("engineVersion", text(database.engine_version()), input.engine_version.clone())
            }
            DifferentSetting::SecurityGroups => {
                let groups = database.vpc_security_groups().iter();
                let ids = groups.filter_map(VpcSecurityGroupMembership::vpc_security_group_id).collect::<Vec<_>>();
                ("groupIds", ids.join(", "), input.group_ids.join(", "))
            }
            DifferentSetting::BackupRetention => (
                "backupRetentionDays",
                number(database.backup_retention_period()),
                input.backup_retention_days.to_string(),
            ),
            DifferentSetting::DeletionProtection => {
                ("deletionProtection", flag(database.deletion_protection()), input.deletion_protection.to_string())
            }
            DifferentSetting::PubliclyAccessible => ("publiclyAccessible", "true".to_owned(), "false".to_owned()),
            DifferentSetting::AutoMinorVersionUpgrade => {
                ("autoMinorVersionUpgrade", "false".to_owned(), "true".to_owned())
            }
        }
    }
}

/// The settings that differ from the input. While RDS applies a change, its target values are compared.
pub(super) fn differences(database: &DbInstance, input: &CreateDatabase) -> Vec<DifferentSetting> {
    let pending = database.pending_modified_values().filter(|_| status(database) != "available");
    let class = pending.and_then(|to| to.db_instance_class()).or(database.db_instance_class());
    let storage_gib = pending.and_then(|to| to.allocated_storage()).or(database.allocated_storage());
    let storage_type = pending.and_then(|to| to.storage_type()).or(database.storage_type());
    let multi_az = pending.and_then(|to| to.multi_az()).or(database.multi_az());
    let version = pending.and_then(|to| to.engine_version()).or(database.engine_version());
    let retention_days = pending.and_then(|to| to.backup_retention_period()).or(database.backup_retention_period());
    let groups = database.vpc_security_groups().iter().filter_map(VpcSecurityGroupMembership::vpc_security_group_id);
    let differs = [
        (DifferentSetting::InstanceClass, class != Some(input.instance_class.as_str())),
        // Storage cannot shrink. More than wanted is the result of autoscaling.
        (DifferentSetting::AllocatedStorage, storage_gib.is_none_or(|existing| existing < input.allocated_storage_gib)),
        (DifferentSetting::StorageType, storage_type != Some(input.storage_type.as_str())),
        (DifferentSetting::MultiAz, multi_az.unwrap_or(false) != input.multi_az),
        (DifferentSetting::EngineVersion, version.is_some_and(|existing| is_older(existing, &input.engine_version))),
        (DifferentSetting::SecurityGroups, !same_set(groups, &input.group_ids)),
        (DifferentSetting::BackupRetention, retention_days != Some(input.backup_retention_days)),
        (DifferentSetting::DeletionProtection, database.deletion_protection() != Some(input.deletion_protection)),
        (DifferentSetting::PubliclyAccessible, database.publicly_accessible() == Some(true)),
        (DifferentSetting::AutoMinorVersionUpgrade, database.auto_minor_version_upgrade() == Some(false)),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(difference, _)| difference).collect()
}

/// Refuses differences that cannot be changed.
///
/// # Errors
/// `Invalid` for another major version, another subnet group, another engine or missing encryption.
pub(super) fn refuse_what_cannot_change(database: &DbInstance, input: &CreateDatabase) -> Result<(), StepError> {
    let of = format!("database {}", input.identifier);
    let engine = database.engine().unwrap_or(super::ENGINE);
    if engine != super::ENGINE {
        return Err(cannot_change("the engine", &of, engine, super::ENGINE));
    }
    let version = database.engine_version().unwrap_or_default();
    if !version.is_empty() && major(version) != major(&input.engine_version) {
        return Err(cannot_change("the major version", &of, version, &input.engine_version)
            .hint("A major upgrade needs a plan of its own: make it in RDS, then set the version in the input."));
    }
    if database.storage_encrypted() == Some(false) {
        return Err(cannot_change("the storage", &of, "not encrypted", "encrypted"));
    }
    let subnet_group = database.db_subnet_group().and_then(|group| group.db_subnet_group_name());
    match subnet_group {
        Some(existing) if !existing.eq_ignore_ascii_case(&input.subnet_group_name) => {
            Err(cannot_change("the subnet group", &of, existing, &input.subnet_group_name))
        }
        _ => Ok(()),
    }
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// Whether `existing` is an older minor version than the one in `wanted`. Without a minor version in `wanted` none is
/// older.
fn is_older(existing: &str, wanted: &str) -> bool {
    let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    match (minor(existing), minor(wanted)) {
        (Some(existing), Some(wanted)) => existing < wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use aws_sdk_rds::types::PendingModifiedValues;

    use super::*;

    fn input() -> CreateDatabase {
        CreateDatabase {
            deployment: "demo".into(),
            identifier: "demo-db".into(),
            engine_version: "14".into(),
            instance_class: "db.t4g.micro".into(),
            allocated_storage_gib: 20,
            storage_type: "gp3".into(),
            multi_az: false,
            subnet_group_name: "demo-db".into(),
            group_ids: vec!["sg-1".into()],
            password_secret_arn: "arn:secret".into(),
            backup_retention_days: 7,
            deletion_protection: true,
        }
    }

    fn database() -> aws_sdk_rds::types::builders::DbInstanceBuilder {
        let group = VpcSecurityGroupMembership::builder().vpc_security_group_id("sg-1").build();
        DbInstance::builder()
            .engine("postgres")
            .engine_version("14.12")
            .db_instance_status("available")
            .db_instance_class("db.t4g.micro")
            .allocated_storage(20)
            .storage_type("gp3")
            .storage_encrypted(true)
            .multi_az(false)
            .vpc_security_groups(group)
            .backup_retention_period(7)
            .deletion_protection(true)
            .publicly_accessible(false)
            .auto_minor_version_upgrade(true)
    }

    #[test]
    fn a_minor_upgrade_by_aws_or_grown_storage_is_not_undone() {
        assert_eq!(differences(&database().build(), &input()), []);
        assert_eq!(differences(&database().allocated_storage(40).build(), &input()), []);
        let wanted = CreateDatabase { engine_version: "14.9".into(), ..input() };
        assert_eq!(differences(&database().build(), &wanted), []);
        let wanted = CreateDatabase { engine_version: "14.15".into(), ..input() };
        assert_eq!(differences(&database().build(), &wanted), [DifferentSetting::EngineVersion]);
    }

    #[test]
    fn a_database_opened_to_the_internet_is_closed_again() {
        let found = differences(&database().publicly_accessible(true).deletion_protection(false).build(), &input());
        assert_eq!(found, [DifferentSetting::DeletionProtection, DifferentSetting::PubliclyAccessible]);
    }

    #[test]
    fn a_change_that_rds_is_at_work_on_is_not_asked_for_twice_but_one_put_off_is() {
        let to = PendingModifiedValues::builder().allocated_storage(50).build();
        let wanted = CreateDatabase { allocated_storage_gib: 50, ..input() };
        let modifying = database().db_instance_status("modifying").pending_modified_values(to.clone()).build();
        assert_eq!(differences(&modifying, &wanted), []);
        let put_off = database().pending_modified_values(to).build();
        assert_eq!(differences(&put_off, &wanted), [DifferentSetting::AllocatedStorage]);
    }

    #[test]
    fn a_major_version_is_never_raised_silently() {
        let wanted = CreateDatabase { engine_version: "16".into(), ..input() };
        let error = refuse_what_cannot_change(&database().build(), &wanted).unwrap_err();
        assert!(error.cause.contains("14.12") && error.cause.contains("16"), "{error}");
        assert!(refuse_what_cannot_change(&database().build(), &input()).is_ok());
        assert!(refuse_what_cannot_change(&database().storage_encrypted(false).build(), &input()).is_err());
    }
}
