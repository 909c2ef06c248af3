//! The class of each AWS error code.

use engine::step::ErrorClass;

const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestThrottledException",
    "PriorRequestNotComplete",
    "SlowDown",
    "BandwidthLimitExceeded",
];

const UNKNOWN: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "InternalServiceException",
    "InternalServiceFault",
    "ServerException",
    "ServiceFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
    "RequestTimeout",
    "RequestTimeoutException",
];

const CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
];

const PERMISSION: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "OptInRequired",
    "Blocked",
];

/// Refusals that a retry does not resolve, with hints. Each needs a person's decision.
const REFUSED_FOR_GOOD: &[(&str, &str)] = &[
    // EC2 API Reference, error codes: the account is not verified yet, which takes up to a day.
    ("PendingVerification", "AWS is still verifying this account: wait for its e-mail, then resume."),
    // EC2 API Reference, error codes; Elastic Load Balancing API Reference, DeleteLoadBalancer and CreateLoadBalancer.
    (
        "OperationNotPermitted",
        "Switch off the protection that the message names, or ask AWS Support about a new account's limits, then resume.",
    ),
    ("OperationNotPermittedException", "Change what the message names, then resume."),
    // AWS Free Tier, plans of accounts opened since July 2025: RDS and EC2 refuse what the free plan does not include.
    (
        "FreeTierRestriction",
        "Upgrade the account to the paid plan, or choose what the free plan includes, then resume.",
    ),
    (
        "FreeTierRestrictionError",
        "Upgrade the account to the paid plan, or choose what the free plan includes, then resume.",
    ),
    (
        "FreeTierRestrictionException",
        "Upgrade the account to the paid plan, or choose what the free plan includes, then resume.",
    ),
    // EC2 API Reference, error codes.
    ("Unsupported", "Choose another instance type or zone, then run again."),
    ("UnsupportedOperation", "Change what the message names, then resume."),
    // Amazon ECS API Reference, common errors.
    ("UnsupportedFeatureException", "Choose another region, then run again."),
    ("PlatformUnknownException", "Choose another region, then run again."),
];

const QUOTA: &[&str] = &[
    "LimitExceeded",
    "LimitExceededException",
    "LimitExceededFault",
    "VcpuLimitExceeded",
    "InstanceLimitExceeded",
    "AddressLimitExceeded",
    "InstanceQuotaExceeded",
    "InstanceQuotaExceededFault",
    "StorageQuotaExceeded",
    "DBSubnetQuotaExceeded",
    "DBSubnetQuotaExceededFault",
    "DBSubnetGroupQuotaExceeded",
    "ServiceQuotaExceededException",
    "SubscriptionLimitExceeded",
    "TopicLimitExceeded",
    "RulesPerSecurityGroupLimitExceeded",
    "MaxSpotInstanceCountExceeded",
];

const CAPACITY: &[&str] = &[
    "InsufficientInstanceCapacity",
    "InsufficientDBInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
];

const BUSY: &[&str] = &[
    "DependencyViolation",
    "ResourceInUse",
    "ResourceInUseException",
    "ResourceInUseFault",
    "InvalidDBInstanceState",
    "InvalidDBInstanceStateFault",
    "InvalidDBSubnetGroupStateFault",
    "DBInstanceNotReady",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "UpdateInProgressException",
    "DeleteConflict",
    "OperationAbortedException",
    "OperationInProgress",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConcurrentAccess",
    "ConcurrentAccessException",
    "IncorrectState",
    "IncorrectInstanceState",
    "RequestInProgressException",
];

const ALREADY_THERE: &[&str] = &[
    "InvalidSubnet.Conflict",
    "Resource.AlreadyAssociated",
    "DuplicateTargetGroupName",
    "DuplicateListener",
    "DuplicateLoadBalancerName",
    "ResourceExistsException",
];

const MISSING: &[&str] = &[
    "NoSuchEntity",
    "NoSuchHostedZone",
    "NoSuchChange",
    "DBInstanceNotFound",
    "DBInstanceNotFoundFault",
    "DBSubnetGroupNotFoundFault",
    "LoadBalancerNotFound",
    "ListenerNotFound",
    "TargetGroupNotFound",
    "CertificateNotFound",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "ClusterNotFoundException",
    "ServiceNotFoundException",
    "NotFound",
    "NotFoundException",
    "ParameterNotFound",
];

/// The hint for a code that a retry does not resolve; `None` for other codes.
pub(super) fn hint_of_code(code: &str) -> Option<&'static str> {
    let (_, hint) = REFUSED_FOR_GOOD.iter().find(|(known, _)| *known == code)?;
    Some(hint)
}

/// Whether AWS cannot use its service-linked role yet: the first calls of RDS, ECS and Elastic Load Balancing in a new
/// account create the role and are refused until IAM has spread it (RDS User Guide, "Using service-linked roles";
/// Amazon ECS Developer Guide, "Using service-linked roles").
pub(super) fn waits_for_service_linked_role(message: &str) -> bool {
    let message = message.to_lowercase().replace('-', " ");
    let names_the_role = message.contains("service linked role");
    names_the_role && (message.contains("unable to assume") || message.contains("verify that you have permission"))
}

/// The action that a refusal names, such as `iam:PassRole` in a call of ECS: "… is not authorized to perform:
/// iam:PassRole on resource: …" (IAM User Guide, "Troubleshoot access denied error messages").
pub(super) fn refused_action(message: &str) -> Option<&str> {
    let (_, after) = message.split_once("to perform: ").or_else(|| message.split_once("to perform "))?;
    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-')).unwrap_or(after.len());
    let action = &after[..end];
    action.split_once(':').is_some_and(|(service, call)| !service.is_empty() && !call.is_empty()).then_some(action)
}

/// Whether the code reports that the resource exists already.
pub fn is_already_there_code(code: &str) -> bool {
    code.contains("AlreadyExists") || code.ends_with(".Duplicate") || ALREADY_THERE.contains(&code)
}

/// Whether the code reports that the resource does not exist.
pub fn is_missing_code(code: &str) -> bool {
    // An unknown image is an invalid input, not a deleted resource.
    if code.starts_with("InvalidAMIID") {
        return false;
    }
    code.ends_with(".NotFound") || MISSING.contains(&code)
}

pub(super) fn class_of_code(code: &str, message: &str, status: Option<u16>) -> ErrorClass {
    // Some services add a prefix to the code, some a suffix.
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let listed = |codes: &[&str]| codes.contains(&code);
    if waits_for_service_linked_role(message) {
        ErrorClass::NotConsistentYet
    } else if hint_of_code(code).is_some() {
        ErrorClass::Invalid
    } else if listed(THROTTLED) || (code == "LimitExceeded" && message.contains("Rate")) {
        ErrorClass::Throttled
    } else if listed(UNKNOWN) {
        ErrorClass::Unknown
    } else if listed(CREDENTIALS) {
        ErrorClass::Credentials
    } else if listed(PERMISSION) {
        ErrorClass::Permission
    } else if listed(QUOTA) || code.starts_with("TooMany") || code.ends_with("LimitExceeded") {
        ErrorClass::Quota
    } else if listed(CAPACITY) {
        ErrorClass::Capacity
    } else if listed(BUSY) {
        ErrorClass::Busy
    } else if is_missing_code(code) {
        ErrorClass::NotFound
    } else if is_already_there_code(code) {
        ErrorClass::NameTaken
    } else {
        match status {
            Some(403) => ErrorClass::Permission,
            Some(429 | 503) => ErrorClass::Throttled,
            Some(500..) => ErrorClass::Unknown,
            _ => ErrorClass::Invalid,
        }
    }
}

pub(super) fn class_of_status(status: Option<u16>) -> ErrorClass {
    match status {
        Some(403) => ErrorClass::Permission,
        Some(429 | 503) => ErrorClass::Throttled,
        // The call was answered, but the answer cannot be parsed.
        _ => ErrorClass::Unknown,
    }
}
