//! Which class each error code of AWS belongs to.

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
    "OperationNotPermitted",
    "OperationNotPermittedException",
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

/// Whether the code says that what is asked for exists already.
pub fn is_already_there_code(code: &str) -> bool {
    code.contains("AlreadyExists") || code.ends_with(".Duplicate") || ALREADY_THERE.contains(&code)
}

/// Whether the code says that what is asked for does not exist.
pub fn is_missing_code(code: &str) -> bool {
    // An unknown image is a wrong input, not something that was removed.
    if code.starts_with("InvalidAMIID") {
        return false;
    }
    code.ends_with(".NotFound") || MISSING.contains(&code)
}

pub(super) fn class_of_code(code: &str, message: &str, status: Option<u16>) -> ErrorClass {
    // Some services put a namespace before the code, some an address after it.
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let listed = |codes: &[&str]| codes.contains(&code);
    if listed(THROTTLED) || (code == "LimitExceeded" && message.contains("Rate")) {
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
        // The call was answered, but nobody can read how.
        _ => ErrorClass::Unknown,
    }
}
