//! Who acts: the account and the identity behind the credentials of an environment.

use engine::step::{ErrorClass, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Environment;
use crate::failure::failure;

/// The answer of STS GetCallerIdentity, and the region in which its caller acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallerIdentity {
    /// The account's twelve digits.
    pub account: String,
    /// The ARN of the user or of the assumed role.
    pub arn: String,
    /// The unique id of the user; of a role with the session's name.
    pub user_id: String,
    /// The first part of the ARN: `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region's name, such as `eu-central-1`.
    pub region: String,
}

impl Environment {
    /// The account and the identity behind the credentials (STS API Reference, GetCallerIdentity). The first success is kept for
    /// the life of this environment; a failure is not kept.
    ///
    /// # Errors
    /// `Credentials` where there are none or they are refused; `Unknown` where STS does not answer or its answer is incomplete.
    pub async fn identity(&self) -> Result<CallerIdentity, StepError> {
        self.identity.get_or_try_init(|| self.ask_identity()).await.cloned()
    }

    async fn ask_identity(&self) -> Result<CallerIdentity, StepError> {
        let answer = self.sts_reads().get_caller_identity().send().await;
        let answer = answer.map_err(|error| failure("sts:GetCallerIdentity", error))?;
        let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
            let cause = "the answer of STS names no account or no ARN";
            return Err(StepError::new(ErrorClass::Unknown, cause).during("sts:GetCallerIdentity"));
        };
        Ok(CallerIdentity {
            user_id: answer.user_id.unwrap_or_default(),
            partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
            region: self.region().to_owned(),
            account,
            arn,
        })
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
    async fn sts_is_asked_once_for_an_environment() {
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
