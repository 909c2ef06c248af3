//! The account and the identity of an environment's credentials.

use std::{collections::VecDeque, time::Duration};

use aws_config::SdkConfig;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};
use aws_smithy_types::retry::RetryConfig;
use engine::step::{ErrorClass, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::Environment;
use crate::failure::failure;

const ACTION: &str = "sts:GetCallerIdentity";

/// The answer of STS GetCallerIdentity, with the caller's region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallerIdentity {
    /// The account's twelve digits.
    pub account: String,
    /// The ARN of the user or of the assumed role.
    pub arn: String,
    /// The unique id of the user, or of the role with the session's name.
    pub user_id: String,
    /// The first part of the ARN: `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region's name, such as `eu-central-1`.
    pub region: String,
}

/// The time that STS may take. Nothing is shown meanwhile, so a command reports within ten seconds why it does not begin.
const STS_TIME_MAX: Duration = Duration::from_secs(9);
/// The most identities in the cache: credentials that expire are replaced by others with new key ids.
const IDENTITIES_MAX: usize = 16;

/// The cached identities, by access key id.
pub(super) struct Identities {
    known: Mutex<VecDeque<(String, CallerIdentity)>>,
    /// The time that STS may take.
    time_max: Duration,
}

impl Default for Identities {
    fn default() -> Self {
        Identities { known: Mutex::default(), time_max: STS_TIME_MAX }
    }
}

impl Identities {
    /// The identity of credentials. STS is called once for each access key id. A failure is not cached. The time limit includes the wait
    /// for another caller's call: callers that STS does not answer all end after that time.
    ///
    /// # Errors
    /// As [`Environment::identity`].
    pub async fn of(&self, config: &SdkConfig, credentials: &Credentials) -> Result<CallerIdentity, StepError> {
        let asked = tokio::time::timeout(self.time_max, self.known_or_asked(config, credentials)).await;
        asked.unwrap_or_else(|_| {
            let cause = format!("AWS STS did not answer within {} s", self.time_max.as_secs());
            Err(StepError::new(ErrorClass::Unknown, cause).during(ACTION))
        })
    }

    async fn known_or_asked(&self, config: &SdkConfig, credentials: &Credentials) -> Result<CallerIdentity, StepError> {
        let mut known = self.known.lock().await;
        let key = credentials.access_key_id();
        if let Some((_, identity)) = known.iter().find(|(known, _)| known == key) {
            return Ok(identity.clone());
        }
        let identity = ask(config, credentials).await?;
        if known.len() == IDENTITIES_MAX {
            known.pop_front();
        }
        known.push_back((key.to_owned(), identity.clone()));
        Ok(identity)
    }
}

/// The current credentials of a configuration.
pub(super) async fn provided(config: &SdkConfig) -> Result<Credentials, CredentialsError> {
    let provider = config.credentials_provider().ok_or_else(|| CredentialsError::not_loaded("there is no provider"))?;
    provider.provide_credentials().await
}

async fn ask(config: &SdkConfig, credentials: &Credentials) -> Result<CallerIdentity, StepError> {
    let reads = RetryConfig::standard().with_max_attempts(3);
    let of_these = aws_sdk_sts::config::Builder::from(config).credentials_provider(credentials.clone());
    let client = aws_sdk_sts::Client::from_conf(of_these.retry_config(reads).build());
    let answer = client.get_caller_identity().send().await.map_err(|error| failure(ACTION, error))?;
    let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
        let cause = "the answer of STS names no account or no ARN";
        return Err(StepError::new(ErrorClass::Unknown, cause).during(ACTION));
    };
    Ok(CallerIdentity {
        user_id: answer.user_id.unwrap_or_default(),
        partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        region: config.region().map(|region| region.as_ref().to_owned()).unwrap_or_default(),
        account,
        arn,
    })
}

impl Environment {
    /// The account and the identity of the current credentials (STS API Reference, GetCallerIdentity).
    ///
    /// # Errors
    /// `Credentials` if there are none or they are refused; `Unknown` if STS does not answer or its answer is
    /// incomplete.
    pub async fn identity(&self) -> Result<CallerIdentity, StepError> {
        let config = self.clients.config();
        let credentials = provided(config).await.map_err(|error| crate::failure::of_credentials(ACTION, &error))?;
        self.identities.of(config, &credentials).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::test_server::{TestServer, environment};

    const CHINA: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <GetCallerIdentityResult><Arn>arn:aws-cn:sts::123456789012:assumed-role/deploy/one</Arn><UserId>AROA:one</UserId>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    const EMPTY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <GetCallerIdentityResult></GetCallerIdentityResult></GetCallerIdentityResponse>";
    const EXPIRED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
        <Code>ExpiredToken</Code><Message>The security token is expired</Message></Error></ErrorResponse>";

    #[tokio::test]
    async fn sts_is_asked_once_for_each_set_of_credentials() {
        let server = TestServer::start((200, "content-type: text/xml\r\n", CHINA)).await;
        let environment = environment(&server);
        let (first, second) = tokio::join!(environment.identity(), environment.identity());
        let expected = CallerIdentity {
            account: "123456789012".to_owned(),
            arn: "arn:aws-cn:sts::123456789012:assumed-role/deploy/one".to_owned(),
            user_id: "AROA:one".to_owned(),
            partition: "aws-cn".to_owned(),
            region: "eu-central-1".to_owned(),
        };
        assert_eq!((first.unwrap(), second.unwrap()), (expected.clone(), expected.clone()));
        assert_eq!(environment.identity().await.unwrap(), expected);
        assert_eq!(server.requests().len(), 1);
    }

    /// The second caller waits for the first caller's call and makes no call itself.
    #[tokio::test]
    async fn callers_that_sts_does_not_answer_end_after_the_same_time() {
        // The kernel accepts the connections, and nothing answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-central-1"))
            .endpoint_url(format!("http://{}", silent.local_addr().unwrap()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let credentials = Credentials::new("KEY", "s", None, None, "test");
        let time_max = Duration::from_secs(1);
        let identities = Identities { time_max, ..Identities::default() };
        let began = std::time::Instant::now();
        let (first, second) = tokio::join!(identities.of(&config, &credentials), identities.of(&config, &credentials));
        assert!(began.elapsed() < 2 * time_max, "{:?}", began.elapsed());
        for error in [first.unwrap_err(), second.unwrap_err()] {
            assert_eq!((error.class, error.cause.as_str()), (ErrorClass::Unknown, "AWS STS did not answer within 1 s"));
        }
    }

    #[tokio::test]
    async fn a_failure_is_reported_by_class_and_asked_again() {
        let server = TestServer::start((403, "content-type: text/xml\r\n", EXPIRED)).await;
        let environment = environment(&server);
        for _ in 0..2 {
            let error = environment.identity().await.unwrap_err();
            assert_eq!(
                (error.class, error.action.as_deref()),
                (ErrorClass::Credentials, Some("sts:GetCallerIdentity"))
            );
        }
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn an_answer_without_an_account_is_no_identity() {
        let server = TestServer::start((200, "content-type: text/xml\r\n", EMPTY)).await;
        assert_eq!(environment(&server).identity().await.unwrap_err().class, ErrorClass::Unknown);
    }
}
