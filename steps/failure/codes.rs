//! The class of each AWS error code.

use engine::step::{ErrorClass, StepRemedy};

/// The repair that a refusal requires, and how the execution continues after it.
#[derive(Clone, Copy)]
pub(super) struct Advice {
    /// The hint of the error.
    pub hint: &'static str,
    /// The way to continue the execution after the repair.
    pub remedy: StepRemedy,
}

impl Advice {
    /// A repair outside the execution: it continues with a resume.
    const fn repair(hint: &'static str) -> Self {
        Advice { hint, remedy: StepRemedy::Resume }
    }

    /// A change of the input, which an execution has pinned.
    const fn change_of_input(hint: &'static str) -> Self {
        Advice { hint, remedy: StepRemedy::NewExecution }
    }
}

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

/// The credentials are missing, wrong or expired: the execution pauses (IAM API Reference, "Common Error Types"; EC2 API
/// Reference, "Error codes"; S3 API Reference, "Error Responses" for `InvalidAccessKeyId`).
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

/// A policy does not allow the call (IAM API Reference, "Common Error Types"; EC2 API Reference, "Error codes"; SNS API
/// Reference, "Publish" for `AuthorizationError`).
const PERMISSION: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
];

const SIGN_UP: Advice = Advice::repair(
    "The account may not use this service or region yet: complete the sign-up in the Billing console (payment method, telephone, \
     plan) or enable the region there. AWS needs up to a day for a new account.",
);
const SUPPORT: Advice =
    Advice::repair("AWS has restricted this account: answer its e-mail or open a case with AWS Support.");
const VERIFICATION: Advice = Advice::repair("AWS is still verifying this account in this region: wait for its e-mail.");
const FREE_PLAN: Advice = Advice::repair(
    "Upgrade the account to the paid plan, or start a new run with what the free plan includes, such as a smaller instance or a \
     shorter backup retention.",
);
const PROTECTION: Advice = Advice::repair(
    "Switch off the protection that the message names, or ask AWS Support about a new account's limits.",
);
const KEY: Advice = Advice::repair("Enable the KMS key that the message names and allow this identity to use it.");
const AS_NAMED: Advice = Advice::repair("Change what the message names.");
const ELSEWHERE: Advice = Advice::change_of_input("Choose another region, then run again.");
const ANOTHER_TYPE: Advice = Advice::change_of_input("Choose another instance type or zone, then run again.");

/// Refusals that a retry does not resolve, with their class and what helps. Each needs a person's decision. The comment above
/// a code is its source.
const REFUSED_FOR_GOOD: &[(&str, ErrorClass, Advice)] = &[
    // EC2 API Reference, "Error codes": the account is pending verification.
    ("PendingVerification", ErrorClass::Invalid, VERIFICATION),
    // EC2 API Reference, "Error codes": the account is blocked.
    ("Blocked", ErrorClass::Invalid, SUPPORT),
    // EC2 API Reference, "Error codes", and IAM API Reference, "Common Error Types": the account is not subscribed.
    ("OptInRequired", ErrorClass::Invalid, SIGN_UP),
    // AWS re:Post, "The AWS Access Key Id needs a subscription for the service": JSON services of a new account.
    ("SubscriptionRequiredException", ErrorClass::Invalid, SIGN_UP),
    // S3 API Reference, "Error Responses": the account is not signed up for S3.
    ("NotSignedUp", ErrorClass::Invalid, SIGN_UP),
    // S3 API Reference, "Error Responses": a problem with the account prevents the call.
    ("AccountProblem", ErrorClass::Invalid, SUPPORT),
    // S3 API Reference, "Error Responses": all access has been disabled.
    ("AllAccessDisabled", ErrorClass::Invalid, SUPPORT),
    // EC2 API Reference, "Error codes"; Elastic Load Balancing API Reference, "CreateLoadBalancer", "DeleteLoadBalancer".
    ("OperationNotPermitted", ErrorClass::Invalid, PROTECTION),
    // Elastic Load Balancing API Reference: the name of the same error in the model.
    ("OperationNotPermittedException", ErrorClass::Invalid, PROTECTION),
    // No AWS page lists this form: the name without the suffix of RDS.
    ("FreeTierRestriction", ErrorClass::Invalid, FREE_PLAN),
    // RDS answers of free-plan accounts, as github.com/yc-software/qm/issues/352 quotes them.
    ("FreeTierRestrictionError", ErrorClass::Invalid, FREE_PLAN),
    // No AWS page lists this form: the suffix of services with JSON.
    ("FreeTierRestrictionException", ErrorClass::Invalid, FREE_PLAN),
    // RDS API Reference, "CreateDBInstance": RDS cannot use the KMS key.
    ("KMSKeyNotAccessibleFault", ErrorClass::Permission, KEY),
    // Secrets Manager API Reference, "CreateSecret": the KMS key is disabled, missing or not allowed.
    ("EncryptionFailure", ErrorClass::Permission, KEY),
    // Secrets Manager API Reference, "GetSecretValue": the KMS key is disabled, missing or not allowed.
    ("DecryptionFailure", ErrorClass::Permission, KEY),
    // SNS API Reference, "Publish": the KMS key's policy denies the call.
    ("KMSAccessDenied", ErrorClass::Permission, KEY),
    // Lambda API Reference, "Invoke": the KMS key's policy denies the call.
    ("KMSAccessDeniedException", ErrorClass::Permission, KEY),
    // SNS API Reference, "Publish": the KMS key is disabled.
    ("KMSDisabled", ErrorClass::Permission, KEY),
    // SNS API Reference, "Publish": the account has no subscription to KMS.
    ("KMSOptInRequired", ErrorClass::Invalid, SIGN_UP),
    // EC2 API Reference, "Error codes": the instance type is not offered here.
    ("Unsupported", ErrorClass::Invalid, ANOTHER_TYPE),
    // EC2 API Reference, "Error codes".
    ("UnsupportedOperation", ErrorClass::Invalid, AS_NAMED),
    // Amazon ECS API Reference, "RunTask": the task does not fit the region.
    ("UnsupportedFeatureException", ErrorClass::Invalid, ELSEWHERE),
    // Amazon ECS API Reference, "CreateService": the platform version does not exist.
    ("PlatformUnknownException", ErrorClass::Invalid, ELSEWHERE),
];

/// A quota of the account is reached (EC2 API Reference, "Error codes"; RDS, ECS, Elastic Load Balancing and ACM API
/// References, the errors of their create calls). Codes that begin with `TooMany` or end with `LimitExceeded` are quotas
/// too, such as `VcpuLimitExceeded`.
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

const ALREADY_EXISTS: &[&str] = &[
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

/// The codes of every class that a retry does not resolve, for the test of the table.
#[cfg(test)]
pub(super) fn permanent() -> Vec<(&'static str, ErrorClass)> {
    let refused = REFUSED_FOR_GOOD.iter().map(|(code, class, _)| (*code, *class));
    let listed =
        [(CREDENTIALS, ErrorClass::Credentials), (PERMISSION, ErrorClass::Permission), (QUOTA, ErrorClass::Quota)];
    let listed = listed.into_iter().flat_map(|(codes, class)| codes.iter().map(move |code| (*code, class)));
    refused.chain(listed).collect()
}

/// The class of a refusal that a retry does not resolve, and what helps; `None` for other errors.
pub(super) fn refusal(code: &str, message: &str) -> Option<(ErrorClass, Advice)> {
    let code = without_namespace(code);
    // EC2 has no code of its own for the free plan: RunInstances answers "InvalidParameterCombination: The specified
    // instance type is not eligible for Free Tier".
    if code == "InvalidParameterCombination" && message.contains("not eligible for Free Tier") {
        return Some((ErrorClass::Invalid, FREE_PLAN));
    }
    let (_, class, advice) = REFUSED_FOR_GOOD.iter().find(|(known, ..)| *known == code)?;
    Some((*class, *advice))
}

/// The kind of the policy that a refusal names, such as "service control policy": "… with an explicit deny in a service
/// control policy" or "… because no identity-based policy allows the … action" (IAM User Guide, "Troubleshoot access
/// denied error messages").
pub(super) fn denying_policy(message: &str) -> Option<&'static str> {
    const KINDS: [&str; 7] = [
        "service control policy",
        "resource control policy",
        "permissions boundary",
        "session policy",
        "VPC endpoint policy",
        "resource-based policy",
        "identity-based policy",
    ];
    let (_, after) = message.split_once("explicit deny in a").or_else(|| message.split_once("because no "))?;
    let after = after.strip_prefix('n').unwrap_or(after).trim_start();
    KINDS.into_iter().find(|kind| after.starts_with(*kind))
}

/// Whether a refusal names a deny statement, which no allow statement outweighs.
pub(super) fn is_explicit_deny(message: &str) -> bool {
    message.contains("explicit deny")
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
pub fn is_existing_code(code: &str) -> bool {
    code.contains("AlreadyExists") || code.ends_with(".Duplicate") || ALREADY_EXISTS.contains(&code)
}

/// Whether the code reports that the resource does not exist.
pub fn is_missing_code(code: &str) -> bool {
    // An unknown image is an invalid input, not a deleted resource.
    if code.starts_with("InvalidAMIID") {
        return false;
    }
    code.ends_with(".NotFound") || MISSING.contains(&code)
}

/// The code alone: some services add a prefix, some a suffix.
fn without_namespace(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split(':').next().unwrap_or(code)
}

pub(super) fn class_of_code(code: &str, message: &str, status: Option<u16>) -> ErrorClass {
    let code = without_namespace(code);
    let listed = |codes: &[&str]| codes.contains(&code);
    if waits_for_service_linked_role(message) {
        ErrorClass::NotConsistentYet
    } else if let Some((class, _)) = refusal(code, message) {
        class
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
    } else if is_existing_code(code) {
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
