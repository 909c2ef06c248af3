//! The AWS clients, two for each service: one for changes, one for reads.

use std::{sync::OnceLock, time::Duration};

use aws_config::SdkConfig;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

use super::Environment;

/// How long one connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one attempt of a call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(90);
/// The most attempts of a read.
const READ_ATTEMPTS: u32 = 3;

/// The S3 client. At an endpoint other than AWS's, buckets are in the path instead of the host.
pub(super) fn s3(config: &SdkConfig, backoff: Duration) -> aws_sdk_s3::Client {
    let elsewhere = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let again = RetryConfig::standard().with_max_attempts(READ_ATTEMPTS).with_initial_backoff(backoff);
    let builder = aws_sdk_s3::config::Builder::from(config).retry_config(again).force_path_style(elsewhere);
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// The configuration of a service's clients. They are created on first use: a process that only checks a workflow needs
/// none.
struct Settings {
    config: SdkConfig,
    /// The configuration of clients for changes. A plan's has no connection.
    changes: SdkConfig,
    timeouts: TimeoutConfig,
    reads: RetryConfig,
}

macro_rules! clients {
    ($($sdk:ident: $mutating:ident, $reads:ident, $service:literal;)*) => {
        pub(super) struct Clients {
            settings: Settings,
            $($mutating: OnceLock<$sdk::Client>, $reads: OnceLock<$sdk::Client>,)*
        }

        impl Clients {
            /// Creates clients for reads from `config` and for changes from `changes`. `read_backoff` is the pause
            /// before a read is repeated.
            pub(super) fn new(config: &SdkConfig, changes: &SdkConfig, read_backoff: Duration) -> Self {
                let timeouts = TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build();
                let reads = RetryConfig::standard().with_max_attempts(READ_ATTEMPTS).with_initial_backoff(read_backoff);
                Clients {
                    settings: Settings { config: config.clone(), changes: changes.clone(), timeouts, reads },
                    $($mutating: OnceLock::new(), $reads: OnceLock::new(),)*
                }
            }
        }

        impl Clients {
            /// The configuration of the clients for reads.
            pub(super) fn config(&self) -> &SdkConfig {
                &self.settings.config
            }
        }

        impl Environment {
            /// The Certificate Manager client for reads in another region of the same account.
            pub fn acm_reads_in(&self, region: &str) -> aws_sdk_acm::Client {
                let Settings { config, timeouts, reads, .. } = &self.clients.settings;
                let builder = aws_sdk_acm::config::Builder::from(config).retry_config(reads.clone());
                let builder = builder.region(aws_config::Region::new(region.to_owned()));
                aws_sdk_acm::Client::from_conf(builder.timeout_config(timeouts.clone()).build())
            }

            $(
                #[doc = concat!("The ", $service, " client for changes: never repeats one by itself.")]
                pub fn $mutating(&self) -> &$sdk::Client {
                    let Settings { changes, timeouts, .. } = &self.clients.settings;
                    self.clients.$mutating.get_or_init(|| {
                        // The SDK's own retry after a lost answer creates a second VPC, so only the engine repeats a
                        // change.
                        let once = RetryConfig::disabled();
                        let builder = $sdk::config::Builder::from(changes).retry_config(once);
                        $sdk::Client::from_conf(builder.timeout_config(timeouts.clone()).build())
                    })
                }

                #[doc = concat!("The ", $service, " client for reads: tries again by itself.")]
                pub fn $reads(&self) -> &$sdk::Client {
                    let Settings { config, timeouts, reads, .. } = &self.clients.settings;
                    self.clients.$reads.get_or_init(|| {
                        let builder = $sdk::config::Builder::from(config).retry_config(reads.clone());
                        $sdk::Client::from_conf(builder.timeout_config(timeouts.clone()).build())
                    })
                }
            )*
        }
    };
}

clients! {
    aws_sdk_acm: acm, acm_reads, "Certificate Manager";
    aws_sdk_cloudwatch: cloudwatch, cloudwatch_reads, "CloudWatch";
    aws_sdk_cloudwatchlogs: logs, logs_reads, "CloudWatch Logs";
    aws_sdk_ec2: ec2, ec2_reads, "EC2";
    aws_sdk_ecs: ecs, ecs_reads, "ECS";
    aws_sdk_elasticloadbalancingv2: elbv2, elbv2_reads, "Elastic Load Balancing";
    aws_sdk_iam: iam, iam_reads, "IAM";
    aws_sdk_lambda: lambda, lambda_reads, "Lambda";
    aws_sdk_rds: rds, rds_reads, "RDS";
    aws_sdk_resourcegroupstagging: tagging, tagging_reads, "Resource Groups Tagging";
    aws_sdk_route53: route53, route53_reads, "Route 53";
    aws_sdk_secretsmanager: secretsmanager, secretsmanager_reads, "Secrets Manager";
    aws_sdk_sns: sns, sns_reads, "SNS";
    aws_sdk_ssm: ssm, ssm_reads, "Systems Manager";
    aws_sdk_sts: sts, sts_reads, "STS";
}
