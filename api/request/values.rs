//! Shapes that several operations share, with the limits of the service model (Step Functions, 2016-11-23).

use engine::{journal::StepFailure, step::PAYLOAD_BYTES_MAX};

use super::shapes::{Member, Shape, Text, TextPattern};

pub(super) const fn text(min: usize, max: usize) -> Shape {
    Shape::Text(Text { min, max, pattern: None, is_secret: false })
}

pub(super) const fn secret(min: usize, max: usize) -> Shape {
    Shape::Text(Text { min, max, pattern: None, is_secret: true })
}

pub(super) const fn matching(min: usize, max: usize, expression: &'static str, matches: fn(&str) -> bool) -> Shape {
    Shape::Text(Text { min, max, pattern: Some(TextPattern { expression, matches }), is_secret: false })
}

pub(super) const fn list(item: &'static Shape, min: usize, max: usize) -> Shape {
    Shape::List { item, min, max }
}

pub(super) const fn object(name: &'static str, members: &'static [Member]) -> Shape {
    Shape::Object { name, members }
}

pub(super) const fn must(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

pub(super) const fn may(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

fn is_alias_name(name: &str) -> bool {
    let mark = |c: char| matches!(c, '_' | '-' | '.');
    name.chars().all(|c| c.is_ascii_alphanumeric() || mark(c))
        && name.chars().any(|c| c.is_ascii_alphabetic() || mark(c))
}

fn is_visible_ascii(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) const ANY: usize = usize::MAX;
pub(super) const ARN: Shape = text(1, 256);
pub(super) const LONG_ARN: Shape = text(1, 2_000);
pub(super) const NAME: Shape = text(1, 80);
pub(super) const ALIAS_NAME: Shape = matching(1, 80, r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", is_alias_name);
pub(super) const DEFINITION: Shape = secret(1, 1_048_576);
pub(super) const DATA: Shape = secret(0, PAYLOAD_BYTES_MAX);
pub(super) const ERROR: Shape = secret(0, StepFailure::ERROR_CHARACTERS_MAX);
pub(super) const CAUSE: Shape = secret(0, StepFailure::CAUSE_CHARACTERS_MAX);
pub(super) const DESCRIPTION: Shape = secret(0, 256);
pub(super) const TASK_TOKEN: Shape = secret(1, 2_048);
pub(super) const TRACE_HEADER: Shape = matching(0, 256, r"\p{ASCII}*", str::is_ascii);
pub(super) const CLIENT_TOKEN: Shape = matching(1, 64, "[!-~]+", is_visible_ascii);
pub(super) const KIND: Shape = Shape::Choice(&["STANDARD", "EXPRESS"]);
pub(super) const INCLUDED_DATA: Shape = Shape::Choice(&["ALL_DATA", "METADATA_ONLY"]);

pub(super) const LOG_GROUP: Shape = object("CloudWatchLogsLogGroup", &[may("logGroupArn", ARN)]);
pub(super) const LOG_DESTINATION: Shape = object("LogDestination", &[may("cloudWatchLogsLogGroup", LOG_GROUP)]);
pub(super) const LOGGING: Shape = object(
    "LoggingConfiguration",
    &[
        may("level", Shape::Choice(&["ALL", "ERROR", "FATAL", "OFF"])),
        may("includeExecutionData", Shape::Flag),
        may("destinations", list(&LOG_DESTINATION, 0, ANY)),
    ],
);
pub(super) const TRACING: Shape = object("TracingConfiguration", &[may("enabled", Shape::Flag)]);
pub(super) const ENCRYPTION: Shape = object(
    "EncryptionConfiguration",
    &[
        may("kmsKeyId", text(1, 2_048)),
        may("kmsDataKeyReusePeriodSeconds", Shape::Number { min: 60, max: 900 }),
        must("type", Shape::Choice(&["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"])),
    ],
);
pub(super) const TAG_KEY: Shape = text(1, 128);
pub(super) const TAG: Shape = object("Tag", &[must("key", TAG_KEY), may("value", text(0, 256))]);
pub(super) const ROUTE: Shape = object(
    "RoutingConfigurationListItem",
    &[must("stateMachineVersionArn", ARN), must("weight", Shape::Number { min: 0, max: 100 })],
);
pub(super) const ROUTES: Shape = list(&ROUTE, 1, 2);
pub(super) const MOCK: Shape = object(
    "MockInput",
    &[
        may("result", DATA),
        may("errorOutput", object("MockErrorOutput", &[may("error", ERROR), may("cause", CAUSE)])),
        may("fieldValidationMode", Shape::Choice(&["STRICT", "PRESENT", "NONE"])),
    ],
);
pub(super) const COUNT: Shape = Shape::Number { min: 0, max: i64::MAX };
pub(super) const TEST_CONFIGURATION: Shape = object(
    "TestStateConfiguration",
    &[
        may("retrierRetryCount", COUNT),
        may("errorCausedByState", secret(1, 80)),
        may("mapIterationFailureCount", COUNT),
        may("mapItemReaderData", DATA),
    ],
);
