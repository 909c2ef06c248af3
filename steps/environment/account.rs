//! The account of an execution. Every set of credentials is compared with it before its first use.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use engine::step::{ErrorClass, StepError};
use serde::{Deserialize, Serialize};

use super::{
    CallerIdentity,
    identity::{Identities, provided},
};

/// The time that loading and comparing new credentials may take. It exceeds the limit for STS.
const LOAD_TIME_MAX: Duration = Duration::from_secs(40);

/// The error code of credentials that could not be compared with the account of an execution.
const NOT_COMPARED: &str = "CREDENTIALS_NOT_COMPARED";

/// An AWS account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its twelve digits.
    pub account_id: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
}

impl Account {
    /// The account of an identity.
    pub fn of(identity: &CallerIdentity) -> Self {
        Account { account_id: identity.account.clone(), partition: identity.partition.clone() }
    }

    /// Refuses an identity of another account or partition. The error's class pauses the execution, which can continue
    /// with other credentials.
    ///
    /// # Errors
    /// The identity belongs to another account. The message names both.
    pub fn refuse_other(&self, identity: &CallerIdentity) -> Result<(), StepError> {
        if *self == Account::of(identity) {
            return Ok(());
        }
        let cause = format!(
            "the execution is pinned to AWS account {} ({}), and the credentials in use are of account {} ({}), {}",
            self.account_id, self.partition, identity.account, identity.partition, identity.arn
        );
        let hint = format!("Nothing was called. Use credentials of account {}.", self.account_id);
        Err(StepError::new(ErrorClass::Credentials, cause).hint(hint))
    }

    /// Compares an identity with the account, if it was received. A refusal of the credentials is not a failure of the step that would use
    /// them, because the step has made no call.
    ///
    /// # Errors
    /// Always of the class `Credentials`: the identity belongs to another account, the credentials are unusable, or they could not be
    /// compared ([`is_not_compared`]).
    pub fn compare(&self, identity: Result<CallerIdentity, StepError>) -> Result<(), StepError> {
        let error = match identity {
            Ok(identity) => return self.refuse_other(&identity),
            Err(error) if error.class == ErrorClass::Credentials => return Err(error),
            Err(error) => error,
        };
        let cause = format!("the credentials could not be compared with AWS account {}: {error}", self.account_id);
        let code = Some(NOT_COMPARED.to_owned());
        Err(StepError { code, hint: error.hint, ..StepError::new(ErrorClass::Credentials, cause) })
    }
}

/// Whether credentials could not be compared with the account of an execution: a later comparison may succeed.
pub fn is_not_compared(error: &StepError) -> bool {
    error.code.as_deref() == Some(NOT_COMPARED)
}

/// Restricts a configuration to an account: credentials of another account are refused, including those that the
/// provider loads after the first ones have expired.
pub(super) fn restricted(config: &SdkConfig, account: Account, identities: Arc<Identities>) -> SdkConfig {
    let guard = Guard { config: config.clone(), account, identities };
    let cache = aws_config::identity::IdentityCache::lazy().load_timeout(LOAD_TIME_MAX).build();
    let builder = config.clone().into_builder().credentials_provider(SharedCredentialsProvider::new(guard));
    builder.identity_cache(cache).build()
}

/// A provider that returns the credentials of a configuration only if they belong to the account.
struct Guard {
    config: SdkConfig,
    account: Account,
    identities: Arc<Identities>,
}

impl Guard {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let credentials = provided(&self.config).await?;
        let identity = self.identities.of(&self.config, &credentials).await;
        self.account.compare(identity).map_err(CredentialsError::provider_error)?;
        Ok(credentials)
    }
}

impl ProvideCredentials for Guard {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("account", &self.account).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::{failure::failure, test_server::TestServer};

    const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>U</UserId>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

    /// A provider whose credentials expire immediately.
    #[derive(Debug, Default)]
    struct Rotating(AtomicU32);

    impl ProvideCredentials for Rotating {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            let past = Some(std::time::SystemTime::UNIX_EPOCH);
            future::ProvideCredentials::ready(Ok(Credentials::new(format!("KEY{number}"), "s", None, past, "test")))
        }
    }

    async fn call(account_id: &str, server: &TestServer) -> Result<(), StepError> {
        let plain = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-central-1"))
            .endpoint_url(server.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(Rotating::default()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let account = Account { account_id: account_id.to_owned(), partition: "aws".to_owned() };
        let config = restricted(&plain, account, Arc::default());
        let client = aws_sdk_sts::Client::new(&config);
        for _ in 0..2 {
            let answer = client.get_caller_identity().send().await;
            answer.map_err(|error| failure("ec2:CreateVpc", error))?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn every_set_of_credentials_is_compared_before_its_first_call() {
        let server = TestServer::start((200, "content-type: text/xml\r\n", IDENTITY)).await;
        call("123456789012", &server).await.unwrap();
        let keys: Vec<String> = server.requests().iter().map(|request| key_of(request)).collect();
        assert_eq!(keys, ["KEY0", "KEY0", "KEY1", "KEY1"], "each set is compared, then used");
        let server = TestServer::start((200, "content-type: text/xml\r\n", IDENTITY)).await;
        let error = call("999999999999", &server).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Credentials);
        assert!(
            error.cause.starts_with("the execution is pinned to AWS account 999999999999 (aws)"),
            "{}",
            error.cause
        );
        assert!(error.cause.contains("of account 123456789012"), "{}", error.cause);
        assert_eq!(error.action.as_deref(), Some("ec2:CreateVpc"));
        assert_eq!(server.requests().len(), 1, "only STS was called");
    }

    #[tokio::test]
    async fn a_call_whose_credentials_cannot_be_compared_does_not_fail_as_the_comparison_does() {
        let xml = "content-type: text/xml\r\n";
        let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        let incomplete = "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>";
        for canned in [(403, xml, denied), (200, xml, incomplete)] {
            let server = TestServer::start(canned).await;
            let error = call("123456789012", &server).await.unwrap_err();
            assert!(is_not_compared(&error) && error.class == ErrorClass::Credentials, "{canned:?}: {error:?}");
            assert!(error.cause.contains("account 123456789012: sts:GetCallerIdentity: "), "{}", error.cause);
            assert_eq!(server.requests().len(), 1, "only STS was called");
        }
    }

    /// The class is the same for every answer that is no identity, so that no rule of `Retry` or `Catch` matches it.
    #[test]
    fn a_comparison_that_cannot_be_made_is_never_a_failure_of_the_step() {
        use ErrorClass::{Credentials, Failed, Invalid, Permission, Throttled, Unknown};
        let pinned = Account::of(&identity("111111111111", "aws"));
        for class in [Unknown, Permission, Throttled, Invalid, Failed, Credentials] {
            let error = pinned.compare(Err(StepError::new(class, "why"))).unwrap_err();
            assert_eq!((error.class, is_not_compared(&error)), (Credentials, class != Credentials), "{class:?}");
            assert!(error.cause.ends_with("why"), "{}", error.cause);
        }
        let other = pinned.compare(Ok(identity("222222222222", "aws"))).unwrap_err();
        assert!(other.class == Credentials && !is_not_compared(&other), "{other:?}");
        assert!(pinned.compare(Ok(identity("111111111111", "aws"))).is_ok());
    }

    fn key_of(request: &str) -> String {
        request.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned()
    }

    fn identity(account: &str, partition: &str) -> CallerIdentity {
        CallerIdentity {
            account: account.to_owned(),
            arn: format!("arn:{partition}:iam::{account}:user/x"),
            user_id: String::new(),
            partition: partition.to_owned(),
            region: "eu-central-1".to_owned(),
        }
    }

    #[test]
    fn another_account_or_partition_is_refused_and_both_are_named() {
        let pinned = Account::of(&identity("111111111111", "aws"));
        assert!(pinned.refuse_other(&identity("111111111111", "aws")).is_ok());
        for (account, partition) in [("222222222222", "aws"), ("111111111111", "aws-cn")] {
            let error = pinned.refuse_other(&identity(account, partition)).unwrap_err();
            assert_eq!(error.class, ErrorClass::Credentials);
            assert!(error.cause.contains("111111111111") && error.cause.contains(account), "{}", error.cause);
        }
    }
}
