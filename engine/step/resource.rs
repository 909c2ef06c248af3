//! The `Resource` of a Task.

/// The kinds of resource (Developer Guide, Task workflow state, and Integrating services).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource<'a> {
    /// `arn:aws:lambda:…:function:…`: the function is invoked, and its response is the result.
    LambdaFunction {
        /// The function's region.
        region: &'a str,
    },
    /// `arn:aws:states:REGION:ACCOUNT:activity:NAME`: a worker fetches it.
    Activity,
    /// `arn:aws:states:::SERVICE:ACTION[.sync[:2]|.waitForTaskToken]`: a service is called.
    Integration {
        /// The service, such as `lambda`, `states`, `aws-sdk:dynamodb`.
        service: &'a str,
        /// The action without the suffix after the dot, such as `invoke`.
        action: &'a str,
        /// The action with the suffix after the dot, such as `startExecution.sync:2`, as in history events.
        action_with_pattern: &'a str,
        /// The event that the state waits for.
        pattern: Pattern,
    },
    /// `flow:SERVICE:ACTION`: a step of ours.
    Step {
        /// Such as `ec2`.
        service: &'a str,
        /// Such as `createVpc`.
        action: &'a str,
    },
    /// Any other text.
    Unknown,
}

/// The event that a Task waits for after its call (Developer Guide, service integration patterns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The call's answer.
    RequestResponse,
    /// The end of the job: `.sync`.
    RunJob {
        /// 2 if the output is JSON and not a string: `.sync:2`.
        version: u8,
    },
    /// The return of a task token: `.waitForTaskToken`.
    WaitForTaskToken,
}

impl<'a> Resource<'a> {
    /// Parses a `Resource`.
    pub fn parse(text: &'a str) -> Self {
        if let Some((service, action)) = text.strip_prefix("flow:").and_then(|rest| rest.split_once(':')) {
            return Resource::Step { service, action };
        }
        let mut parts = text.splitn(6, ':');
        let [Some("arn"), Some(_), Some(service), Some(region), Some(account), Some(rest)] =
            std::array::from_fn(|_| parts.next())
        else {
            return Resource::Unknown;
        };
        match service {
            "lambda" if rest.starts_with("function:") => Resource::LambdaFunction { region },
            "states" if rest.starts_with("activity:") => Resource::Activity,
            // AWS's own samples also name integrations with region and account.
            "states" if region.is_empty() == account.is_empty() => integration(rest),
            _ => Resource::Unknown,
        }
    }
}

/// The optimized integrations and their actions (Developer Guide, "Integrating services").
const OPTIMIZED: &[(&str, &[&str])] = &[
    ("apigateway", &["invoke"]),
    ("athena", &["startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"]),
    ("batch", &["submitJob"]),
    ("bedrock", &["invokeModel", "createModelCustomizationJob"]),
    ("bedrockagentcore", &["invokeHarness"]),
    (
        "codebuild",
        &[
            "startBuild",
            "stopBuild",
            "batchDeleteBuilds",
            "batchGetReports",
            "startBuildBatch",
            "stopBuildBatch",
            "retryBuildBatch",
            "deleteBuildBatch",
        ],
    ),
    ("databrew", &["startJobRun"]),
    ("dynamodb", &["getItem", "putItem", "deleteItem", "updateItem"]),
    ("ecs", &["runTask"]),
    (
        "eks",
        &[
            "call",
            "createCluster",
            "deleteCluster",
            "createFargateProfile",
            "deleteFargateProfile",
            "createNodegroup",
            "deleteNodegroup",
            "runJob",
        ],
    ),
    (
        "elasticmapreduce",
        &[
            "createCluster",
            "setClusterTerminationProtection",
            "terminateCluster",
            "addStep",
            "cancelStep",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
        ],
    ),
    ("emr-containers", &["createVirtualCluster", "deleteVirtualCluster", "startJobRun"]),
    (
        "emr-serverless",
        &[
            "createApplication",
            "startApplication",
            "stopApplication",
            "deleteApplication",
            "startJobRun",
            "cancelJobRun",
        ],
    ),
    ("events", &["putEvents"]),
    ("glue", &["startJobRun"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("mediaconvert", &["createJob"]),
    (
        "sagemaker",
        &[
            "createEndpoint",
            "createEndpointConfig",
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createModel",
            "createProcessingJob",
            "createTrainingJob",
            "createTransformJob",
            "updateEndpoint",
        ],
    ),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

/// The optimized integrations, each as in the ARN of a `Resource`: `sqs:sendMessage`.
pub fn optimized_integrations() -> impl Iterator<Item = String> {
    OPTIMIZED.iter().flat_map(|(service, actions)| actions.iter().map(move |action| format!("{service}:{action}")))
}

/// Integrations without `.sync`. Source of both lists: Developer Guide, "Integrating optimized services with Step Functions".
const WITHOUT_RUN_JOB: &[&str] = &["apigateway", "dynamodb", "events", "http", "lambda", "sns", "sqs"];
/// Integrations without `.waitForTaskToken`.
const WITHOUT_TASK_TOKEN: &[&str] = &[
    "athena",
    "batch",
    "codebuild",
    "databrew",
    "dynamodb",
    "elasticmapreduce",
    "emr-containers",
    "emr-serverless",
    "glue",
    "mediaconvert",
    "sagemaker",
];

/// Whether a service supports a pattern. A service that is not listed may be newer than the lists.
fn has_pattern(service: &str, pattern: Pattern) -> bool {
    match pattern {
        Pattern::RequestResponse => true,
        Pattern::RunJob { version: 2 } => service == "states",
        Pattern::RunJob { .. } => !service.starts_with("aws-sdk:") && !WITHOUT_RUN_JOB.contains(&service),
        Pattern::WaitForTaskToken => !WITHOUT_TASK_TOKEN.contains(&service),
    }
}

impl Resource<'_> {
    /// Whether Step Functions supports it: a Lambda function, an activity, an optimized integration, or any call of an AWS SDK.
    pub fn is_recognized(&self) -> bool {
        match self {
            Resource::Unknown => false,
            Resource::Integration { service, pattern, .. } if !has_pattern(service, *pattern) => false,
            Resource::Integration { service, action, .. } => match service.strip_prefix("aws-sdk:") {
                Some(service) => is_sdk_name(service) && is_sdk_name(action),
                // The service is missing: `aws-sdk:lambda` has no action.
                None if *service == "aws-sdk" => false,
                // A service that is not listed may be newer than the list.
                None => match OPTIMIZED.iter().find(|(name, _)| name == service) {
                    Some((_, actions)) => actions.contains(action),
                    None => !service.is_empty() && !action.is_empty() && is_word(service) && is_word(action),
                },
            },
            _ => true,
        }
    }
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether a text can be the name of a service or an action in an ARN of an AWS SDK integration. AWS writes services in lower case
/// and actions in camel case. Source: Developer Guide, "Learning to use AWS service SDK integrations".
fn is_sdk_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && is_word(text)
}

/// The end of a `Resource` whose Task waits for its task token.
const WITH_TOKEN: &str = ".waitForTaskToken";

/// Whether a Task with this `Resource` waits for its task token. A history of Step Functions names the resource without its service.
pub fn waits_for_token(resource: &str) -> bool {
    resource.ends_with(WITH_TOKEN)
}

fn integration(rest: &str) -> Resource<'_> {
    let (plain, pattern) = match rest {
        _ if rest.ends_with(".sync:2") => (&rest[..rest.len() - 7], Pattern::RunJob { version: 2 }),
        _ if rest.ends_with(".sync") => (&rest[..rest.len() - 5], Pattern::RunJob { version: 1 }),
        _ => match rest.strip_suffix(WITH_TOKEN) {
            Some(plain) => (plain, Pattern::WaitForTaskToken),
            None => (rest, Pattern::RequestResponse),
        },
    };
    let Some((service, action)) = plain.rsplit_once(':') else { return Resource::Unknown };
    Resource::Integration { service, action, action_with_pattern: &rest[service.len() + 1..], pattern }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_distinguished_from_the_others() {
        assert_eq!(Resource::parse("flow:ec2:createVpc"), Resource::Step { service: "ec2", action: "createVpc" });
        let lambda = "arn:aws:lambda:us-east-1:111111111111:function:f";
        assert_eq!(Resource::parse(lambda), Resource::LambdaFunction { region: "us-east-1" });
        assert_eq!(Resource::parse("arn:aws:states:us-east-1:111111111111:activity:a"), Resource::Activity);
        let nested = Resource::Integration {
            service: "states",
            action: "startExecution",
            action_with_pattern: "startExecution.sync:2",
            pattern: Pattern::RunJob { version: 2 },
        };
        assert_eq!(Resource::parse("arn:aws:states:::states:startExecution.sync:2"), nested);
        let sdk = Resource::parse("arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken");
        assert!(matches!(
            sdk,
            Resource::Integration {
                service: "aws-sdk:sqs",
                action: "sendMessage",
                pattern: Pattern::WaitForTaskToken,
                ..
            }
        ));
        let located = Resource::parse("arn:aws:states:eu-west-1:111111111111:lambda:invoke");
        assert_eq!(located, Resource::parse("arn:aws:states:::lambda:invoke"));
        for nothing in ["", "arn:aws:s3:::bucket", "arn:aws:states:::x", "invalid"] {
            assert_eq!(Resource::parse(nothing), Resource::Unknown, "{nothing}");
        }
    }

    #[test]
    fn an_sdk_integration_has_a_service_and_an_action_that_begin_in_lower_case() {
        let recognized = |name: &str| Resource::parse(&format!("arn:aws:states:::aws-sdk:{name}")).is_recognized();
        for name in ["sqs:sendMessage", "apigatewayv2:getApi", "newer2027:doIt", "sqs:sendMessage.waitForTaskToken"] {
            assert!(recognized(name), "{name}");
        }
        for name in ["lambda", "lambda:", ":invoke", "Lambda:invoke", "lambda:Invoke", "lambda:invoke:x"] {
            assert!(!recognized(name), "{name}");
        }
    }
}
