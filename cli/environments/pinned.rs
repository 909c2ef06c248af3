//! The environment that an execution's header pins. Never contains credentials.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use steps::{Account, LocalSettings};

/// The environment of an execution, as pinned at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The profile and region, or the rehearsal's world.
    #[serde(flatten)]
    pub location: Location,
    /// The AWS account, if its definition calls AWS.
    #[serde(flatten, default)]
    pub account: Option<Account>,
    /// The permissions of local steps that the person who started the execution gave.
    #[serde(flatten, default)]
    pub settings: LocalSettings,
    /// Whether the settings are those of a person's `flow run`, also where they allow nothing. Executions of the API's clients, and of
    /// earlier versions, use the permissions of the owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_own_settings: bool,
    /// The definition's file, absolute. The schema of the input is in the same folder, and `flow run --again` reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_file: Option<PathBuf>,
}

/// The location in which an execution acts. It determines the credentials and the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Location {
    /// AWS.
    Aws {
        /// The profile; `None` for AWS's default.
        profile: Option<String>,
        /// The region; `None` for the profile's.
        region: Option<String>,
    },
    /// The world of a rehearsal.
    Rehearsal {
        /// The world's id.
        world: String,
    },
}

impl Location {
    /// The location that this process's environment variables select.
    pub fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        Location::Aws { profile: crate::aws_variables::profile(), region }
    }

    /// The region, if it is set.
    pub fn region(&self) -> Option<&str> {
        match self {
            Location::Aws { region, .. } => region.as_deref(),
            Location::Rehearsal { .. } => None,
        }
    }

    /// The profile, if one is named.
    pub fn profile(&self) -> Option<&str> {
        match self {
            Location::Aws { profile, .. } => profile.as_deref(),
            Location::Rehearsal { .. } => None,
        }
    }
}

impl Pinned {
    /// The settings of local steps: the pinned ones; where no person pinned them, with this process's for those that are missing.
    pub fn settings_or(&self, own: &LocalSettings) -> LocalSettings {
        if self.has_own_settings {
            return self.settings.clone();
        }
        merged(&self.settings, own)
    }

    /// Replaces the profile, if one is given and an AWS account is pinned.
    pub fn with_profile(mut self, given: Option<&str>) -> Self {
        if let (Location::Aws { profile, .. }, Some(given), true) = (&mut self.location, given, self.account.is_some())
        {
            *profile = Some(given.to_owned());
        }
        self
    }

    /// Adds a profile to a location at AWS that names none.
    pub fn with_default_profile(mut self, default: Option<&str>) -> Self {
        if let Location::Aws { profile: profile @ None, .. } = &mut self.location {
            *profile = default.map(str::to_owned);
        }
        self
    }

    /// Replaces the settings that the resuming person gives. Programs stay in their folder: cron resumes from another one.
    pub fn with_settings(mut self, given: &LocalSettings) -> Self {
        let working_folder = self.settings.working_folder.clone();
        self.settings = LocalSettings { working_folder, ..merged(given, &self.settings) };
        self
    }

    /// Account, region and profile in one line for people, or that it is a rehearsal. Empty without an account.
    pub fn described(&self) -> String {
        let account = self.account.as_ref().map(|account| match account.partition.as_str() {
            "aws" => format!("account {}", account.account_id),
            partition => format!("account {} ({partition})", account.account_id),
        });
        let is_rehearsal = matches!(self.location, Location::Rehearsal { .. });
        let rehearsal = is_rehearsal.then(|| "rehearsal: times are of its own clock".to_owned());
        let region = self.account.as_ref().and(self.location.region()).map(|region| format!("region {region}"));
        let profile = self.account.as_ref().and(self.location.profile()).map(|profile| format!("profile {profile}"));
        [rehearsal, account, region, profile].into_iter().flatten().collect::<Vec<_>>().join("   ")
    }
}

/// `first`, with `second` for what is not set.
fn merged(first: &LocalSettings, second: &LocalSettings) -> LocalSettings {
    let LocalSettings { programs, program_variables, files, connections, ssh_hosts, working_folder } = first.clone();
    LocalSettings {
        programs: if programs.is_empty() { second.programs.clone() } else { programs },
        program_variables: if program_variables.is_empty() {
            second.program_variables.clone()
        } else {
            program_variables
        },
        files: files.or_else(|| second.files.clone()),
        connections: connections.or_else(|| second.connections.clone()),
        ssh_hosts: ssh_hosts.or_else(|| second.ssh_hosts.clone()),
        working_folder: working_folder.or_else(|| second.working_folder.clone()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn an_environment_of_an_earlier_version_is_read_and_a_new_one_survives_json() {
        let earlier = json!({ "kind": "aws", "profile": "p", "region": null });
        let read: Pinned = serde_json::from_value(earlier).unwrap();
        assert_eq!((read.location.profile(), &read.account), (Some("p"), &None));
        let settings = LocalSettings { programs: vec!["/bin/true".into()], ..LocalSettings::default() };
        let account = Account { account_id: "111111111111".to_owned(), partition: "aws-cn".to_owned() };
        let pinned = Pinned {
            location: Location::Rehearsal { world: "w".to_owned() },
            account: Some(account),
            settings,
            has_own_settings: true,
            definition_file: Some("/flows/own.asl.yaml".into()),
        };
        let json = serde_json::to_value(&pinned).unwrap();
        assert_eq!(json["accountId"], "111111111111");
        assert_eq!(serde_json::from_value::<Pinned>(json).unwrap(), pinned);
    }

    #[test]
    fn the_profile_of_a_process_is_used_where_none_is_pinned_and_replaces_none() {
        let pinned = |profile: Option<&str>| Pinned {
            location: Location::Aws { profile: profile.map(str::to_owned), region: None },
            account: None,
            settings: LocalSettings::default(),
            has_own_settings: false,
            definition_file: None,
        };
        assert_eq!(pinned(None).with_default_profile(Some("deploy")), pinned(Some("deploy")));
        assert_eq!(pinned(Some("audit")).with_default_profile(Some("deploy")), pinned(Some("audit")));
        assert_eq!(pinned(None).with_default_profile(None), pinned(None));
    }

    #[test]
    fn a_resume_changes_what_is_allowed_and_not_the_folder_of_programs() {
        let folder = |folder: &str| LocalSettings { working_folder: Some(folder.into()), ..LocalSettings::default() };
        let pinned = Pinned {
            location: Location::Aws { profile: None, region: None },
            account: None,
            settings: folder("/srv/report"),
            has_own_settings: true,
            definition_file: None,
        };
        assert_eq!(pinned.clone().with_settings(&folder("/root")), pinned);
        let allowed = LocalSettings { programs: vec!["/bin/true".into()], ..folder("/root") };
        let resumed = pinned.with_settings(&allowed).settings;
        assert_eq!(
            (resumed.programs, resumed.working_folder),
            (allowed.programs, folder("/srv/report").working_folder)
        );
    }
}
