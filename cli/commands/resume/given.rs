//! The environment in which a resume continues an execution, and the profile that the person gives in place of the pinned one.

use engine::machine::ExecutionHeader;
use serde_json::Value;
use steps::LocalSettings;

use crate::{
    environments::Pinned,
    exit::{CliError, Exit},
    global::{Global, Source},
    owner::{Handle, concerns_credentials},
};

/// The environment in which a resume continues an execution.
#[derive(Debug, Clone, Default)]
pub(super) struct GivenEnvironment {
    /// The environment, if it differs from the pinned one.
    pub changed: Option<Value>,
    /// The environment, if it is in an account.
    pub acts_in: Option<Value>,
    /// The profile that is given in place of the pinned one.
    pub profile: Option<GivenProfile>,
}

/// A profile that is given in place of the pinned one.
#[derive(Debug, Clone)]
pub(super) struct GivenProfile {
    name: String,
    /// Whether the command line gives it, and not a variable.
    is_option: bool,
    /// The environment with the pinned profile.
    without: Box<GivenEnvironment>,
}

impl GivenEnvironment {
    /// The pinned environment with the settings of this process. A given profile replaces the pinned one: it only provides the
    /// credentials of the pinned account.
    pub fn of(global: &Global, settings: &LocalSettings, header: &ExecutionHeader, pinned: Option<&Pinned>) -> Self {
        let Some(pinned) = pinned else { return Self::default() };
        let without = Self::with_profile(None, settings, header, pinned);
        let Some(name) = global.profile.as_deref() else { return without };
        let given = Self::with_profile(Some(name), settings, header, pinned);
        if given.acts_in == without.acts_in {
            return given;
        }
        let is_option = global.sources.profile == Source::Option;
        let profile = GivenProfile { name: name.to_owned(), is_option, without: Box::new(without) };
        GivenEnvironment { profile: Some(profile), ..given }
    }

    fn with_profile(name: Option<&str>, settings: &LocalSettings, header: &ExecutionHeader, pinned: &Pinned) -> Self {
        let given = pinned.clone().with_settings(settings).with_profile(name);
        let changed = (given != *pinned).then(|| serde_json::to_value(given).ok()).flatten();
        let environment = || changed.clone().unwrap_or_else(|| (*header.environment).clone());
        let acts_in = pinned.account.is_some().then(environment);
        GivenEnvironment { changed, acts_in, profile: None }
    }

    /// The environment with the pinned profile.
    pub fn without_profile(self) -> Self {
        match self.profile {
            Some(profile) => *profile.without,
            None => self,
        }
    }

    /// Whether the command line gives a profile in place of the pinned one. A variable is for all commands of its user, and an owner of the
    /// store that can act needs no profile of another process.
    pub fn has_option(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.is_option)
    }

    /// The environment with which another process continues the execution. It has the given profile if that process can act with it;
    /// otherwise, if a variable gives the profile, it has the pinned one. Unchanged if this process owns the store. `watching`: the command
    /// without the profile.
    ///
    /// # Errors
    /// The given profile is at fault: the owner of the store can act with the pinned one. Or a signal arrived.
    pub async fn chosen(self, handle: &Handle, watching: Option<&str>) -> Result<Self, CliError> {
        let (Some(profile), Some(acts_in)) = (&self.profile, &self.acts_in) else { return Ok(self) };
        let Some(owner) = handle.owner_elsewhere().await else { return Ok(self) };
        let Some(pinned) = &profile.without.acts_in else { return Ok(self) };
        // Ends as soon as the given profile is known to be of the account.
        let given = async {
            match handle.compare(acts_in).await {
                Ok(()) => Err(()),
                Err(error) => Ok(error),
            }
        };
        let pinned = async { Ok::<_, ()>(handle.compare(pinned).await) };
        let Ok((error, pinned)) = tokio::try_join!(given, pinned) else { return Ok(self) };
        if !error.fault.as_deref().is_some_and(concerns_credentials) {
            return Err(error);
        }
        match pinned {
            Ok(()) if profile.is_option => Err(profile.refused(error, &owner, watching)),
            Ok(()) => Ok(self.without_profile()),
            // A second comparison would take as long again.
            Err(_) if error.fault.as_deref() == Some(api::ENVIRONMENT_UNREACHABLE) => {
                Err(handle.name_owner_in(error, acts_in).await)
            }
            Err(_) => Ok(self),
        }
    }
}

impl GivenProfile {
    /// The refusal of the profile where the owner of the store has the credentials of the pinned account.
    fn refused(&self, error: CliError, owner: &str, watching: Option<&str>) -> CliError {
        let name = &self.name;
        let (exit, what) = match error.fault.as_deref() {
            Some(api::ENVIRONMENT_REFUSED) => (Exit::Refused, "is of another account"),
            Some(api::CREDENTIALS_UNUSABLE) => (Exit::Refused, "is not usable"),
            _ => (error.exit, "could not be compared with the pinned account"),
        };
        let message = format!("profile {name} {what}: {}; nothing was changed", error.message);
        let hint = match watching {
            Some(command) => format!(
                "{owner}, the owner of the store, has credentials of the account. To watch it there:   {command}"
            ),
            None => format!(
                "{owner}, the owner of the store, has credentials of the account: repeat the command without --profile"
            ),
        };
        CliError { exit, message, ..error }.hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> GivenProfile {
        GivenProfile { name: "other".to_owned(), is_option: true, without: Box::default() }
    }

    #[test]
    fn a_wrong_profile_is_at_fault_and_not_the_owner_that_can_act() {
        let refused = |kind: &'static str| {
            let error = CliError::from(api::Fault::new(kind, "why"));
            profile().refused(error, "process 7 on here", Some("flow resume one"))
        };
        for (kind, exit) in [
            (api::ENVIRONMENT_REFUSED, Exit::Refused),
            (api::CREDENTIALS_UNUSABLE, Exit::Refused),
            (api::ENVIRONMENT_UNREACHABLE, Exit::Waiting),
        ] {
            let error = refused(kind);
            let said = format!("{}\n{}", error.message, error.hint.unwrap_or_default());
            assert_eq!(error.exit, exit, "{said}");
            assert!(said.starts_with("profile other ") && said.ends_with(":   flow resume one"), "{said}");
            assert!(!said.contains("kill "), "an owner that can act is not ended: {said}");
        }
    }

    #[test]
    fn an_execution_without_a_profile_keeps_its_environment() {
        let given = GivenEnvironment { changed: Some(Value::Null), acts_in: None, profile: None };
        assert_eq!(given.clone().without_profile().changed, Some(Value::Null));
        let given = GivenEnvironment { profile: Some(profile()), ..given };
        assert!(given.has_option());
        assert_eq!(given.without_profile().changed, None, "the environment of the pinned profile");
    }
}
