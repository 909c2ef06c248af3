//! The rules of `endpoints-aws` for its input beyond the schema.

pub(crate) mod uses;

use serde_json::{Value, json};

use crate::{
    catalogue::Behaviour,
    network::{Cidr, domain_problem},
    pointer::below,
    problem::InputProblem,
};

pub(crate) const BEHAVIOUR: Behaviour = Behaviour { check, subject, warnings, plan_lines, rehearsal_input };

const CERTIFICATE_DOMAIN_OCTETS_MAX: usize = 64;
const DOMAIN_ALLOWED: &str =
    "a domain in lower case without https:// and without a path, such as endpoints.example.com";
/// The longest name of an environment variable that is accepted. A task definition has at most 64 KiB (Amazon ECS service quotas).
const VARIABLE_NAME_CHARACTERS_MAX: usize = 255;

fn subject(input: &Value) -> String {
    format!("endpoints-aws/{}", text(input, "/deployment"))
}

fn rehearsal_input() -> Value {
    json!({
        "deployment": "rehearsal",
        "domain": "endpoints.example.com",
        "bastion": { "keyPair": { "generate": true } },
        "alarms": { "email": "person@example.com" },
    })
}

fn schema() -> Value {
    serde_json::from_str(include_str!("input.schema.json")).unwrap_or(Value::Null)
}

fn check(input: &Value) -> Vec<InputProblem> {
    let mut problems = uses::problems(&schema(), input);
    check_deployment(input, &mut problems);
    if let Some(problem) = input["domain"].as_str().and_then(domain_problem) {
        problems.push(InputProblem::at(input, "/domain", problem, DOMAIN_ALLOWED));
    }
    check_domain_length(input, &mut problems);
    check_certificate_region(input, &mut problems);
    if input["vpc"]["mode"] == "new" {
        check_vpc(input, &mut problems);
    }
    if let Some(Err(problem)) = cidr(input, "/sshSourceCidr") {
        let allowed = "an IPv4 range, such as 203.0.113.7/32 for one address";
        problems.push(InputProblem::at(input, "/sshSourceCidr", problem, allowed));
    }
    check_key_pair(input, &mut problems);
    check_username(input, &mut problems);
    check_size(input, &mut problems);
    check_environment(input, &mut problems);
    problems
}

fn check_deployment(input: &Value, problems: &mut Vec<InputProblem>) {
    let deployment = text(input, "/deployment");
    if deployment.contains("--") {
        let allowed = "a name with single hyphens only, because the database is named after it";
        problems.push(InputProblem::at(input, "/deployment", "has two hyphens in a row", allowed));
    }
    if deployment.starts_with("internal-") {
        let allowed = "another beginning, because AWS keeps internal- for load balancers inside a network";
        problems.push(InputProblem::at(input, "/deployment", "begins with internal-", allowed));
    }
}

/// Checks the length of a domain for which a certificate is requested: the first name has at most 64 octets (AWS
/// Certificate Manager API Reference, RequestCertificate, DomainName). An existing certificate may contain the domain
/// as an additional, longer name.
fn check_domain_length(input: &Value, problems: &mut Vec<InputProblem>) {
    let domain = text(input, "/domain");
    if domain.len() > CERTIFICATE_DOMAIN_OCTETS_MAX && text(input, "/certificate/validation") != "EXISTING" {
        let problem = format!("has {} characters, and a certificate is requested for at most 64", domain.len());
        let allowed =
            "a domain of at most 64 characters, or a certificate of your own (certificate.validation: EXISTING)";
        problems.push(InputProblem::at(input, "/domain", problem, allowed));
    }
}

fn check_certificate_region(input: &Value, problems: &mut Vec<InputProblem>) {
    let (arn, Some(region)) = (text(input, "/certificate/arn"), input["region"].as_str()) else { return };
    let certificate_region = arn.split(':').nth(3).unwrap_or_default();
    if !arn.is_empty() && certificate_region != region {
        let allowed = format!("a certificate of the region {region}, where the load balancer is");
        problems.push(InputProblem::at(input, "/certificate/arn", "is in another region", allowed));
    }
}

fn check_vpc(input: &Value, problems: &mut Vec<InputProblem>) {
    let vpc = match cidr(input, "/vpc/cidr") {
        Some(Ok(vpc)) if (16..=28).contains(&vpc.prefix_length) => Some(vpc),
        Some(Ok(_)) => {
            problems.push(InputProblem::at(input, "/vpc/cidr", "is of a size that no VPC can have", "/16 to /28"));
            None
        }
        Some(Err(problem)) => {
            let allowed = "an IPv4 range of /16 to /28, such as 10.100.0.0/16";
            problems.push(InputProblem::at(input, "/vpc/cidr", problem, allowed));
            None
        }
        None => None,
    };
    let mut earlier: Vec<Cidr> = Vec::new();
    for index in 0..2 {
        let pointer = format!("/vpc/subnetCidrs/{index}");
        let mut report = |problem: String, allowed: String| {
            problems.push(InputProblem::at(input, &pointer, problem, allowed));
        };
        match cidr(input, &pointer) {
            None => {}
            Some(Err(problem)) => report(problem, "an IPv4 range of /16 to /27, such as 10.100.10.0/26".to_owned()),
            Some(Ok(subnet)) => {
                if !(16..=27).contains(&subnet.prefix_length) {
                    report(
                        "is of a size that a load balancer's subnet cannot have".to_owned(),
                        "/16 to /27".to_owned(),
                    );
                } else if let Some(vpc) = vpc.filter(|vpc| !vpc.contains(subnet)) {
                    // After a change of vpc.cidr this is the first problem, and the cure for it would not help.
                    let allowed = format!("a part of {vpc}; the network of a deployment that exists cannot move");
                    report("is not inside the VPC".to_owned(), allowed);
                } else if let Some(other) = earlier.iter().find(|other| other.overlaps(subnet)) {
                    report(format!("overlaps {other}"), "a range of its own".to_owned());
                }
                earlier.push(subnet);
            }
        }
    }
}

fn check_key_pair(input: &Value, problems: &mut Vec<InputProblem>) {
    let Some(key_pair) = input.pointer("/bastion/keyPair").filter(|key_pair| key_pair.is_object()) else { return };
    let given = [!key_pair["existing"].is_null(), !key_pair["publicKeyFile"].is_null(), key_pair["generate"] == true];
    let pointer = "/bastion/keyPair";
    match given.iter().filter(|given| **given).count() {
        1 => {}
        0 => problems.push(InputProblem::at(
            input,
            pointer,
            "says no key",
            "exactly one of existing, publicKeyFile and generate: true",
        )),
        _ => problems.push(InputProblem::at(
            input,
            pointer,
            "says more than one key",
            "exactly one of existing, publicKeyFile and generate: true",
        )),
    }
    if key_pair["generate"] == true && !key_pair["privateKeyFile"].is_null() {
        let allowed = "existing or publicKeyFile beside it: a generated key has a file of its own";
        problems.push(InputProblem::at(input, "/bastion/keyPair/privateKeyFile", "has no key to belong to", allowed));
    }
}

fn check_username(input: &Value, problems: &mut Vec<InputProblem>) {
    let pointer = "/database/username";
    if matches!(text(input, pointer), "admin" | "rdsadmin" | "user" | "all" | "public")
        || text(input, pointer).starts_with("pg_")
    {
        problems.push(InputProblem::at(input, pointer, "is reserved", "another name, such as postgres"));
    }
}

fn check_size(input: &Value, problems: &mut Vec<InputProblem>) {
    let number = |pointer: &str| input.pointer(pointer).and_then(Value::as_u64);
    let (cpu, memory) = (number("/application/cpu"), number("/application/memoryMib"));
    if let (Some(cpu), Some(memory)) = (cpu, memory)
        && let Some(allowed) = fargate_memory_mib(cpu)
        && !allowed.contains(&memory)
    {
        let words = in_words(&allowed);
        let problem = format!("does not go with cpu {cpu} on Fargate");
        problems.push(InputProblem::at(input, "/application/memoryMib", problem, words));
    }
    if let (Some(container), Some(memory)) = (number("/application/containerMemoryMib"), memory)
        && container > memory
    {
        let problem = format!("is more than the task's memoryMib, {memory}");
        let allowed = format!("a whole number up to {memory}");
        problems.push(InputProblem::at(input, "/application/containerMemoryMib", problem, allowed));
    }
}

fn check_environment(input: &Value, problems: &mut Vec<InputProblem>) {
    let Some(environment) = input["application"]["environment"].as_object() else { return };
    for (name, value) in environment {
        let pointer = below("/application/environment", name);
        if name == "ENDPOINTS_JDBC_URL" {
            let allowed = "nothing: the workflow sets it, as a secret, because the password is in it";
            problems.push(InputProblem::new(&pointer, None, "must not be set here", allowed));
        } else if name.is_empty() || name.contains('=') || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let allowed = "a name without spaces, control characters and equals signs";
            problems.push(InputProblem::at(input, &pointer, "has no proper name", allowed));
        } else if name.chars().count() > VARIABLE_NAME_CHARACTERS_MAX {
            let allowed = format!("a name of at most {VARIABLE_NAME_CHARACTERS_MAX} characters");
            problems.push(InputProblem::at(input, &pointer, "has too long a name", allowed));
        } else if value.as_str().is_some_and(|value| value.contains('\0')) {
            let allowed = "a text without the character NUL, which ends a variable";
            problems.push(InputProblem::at(input, &pointer, "contains NUL", allowed));
        }
    }
}

/// The memory sizes that Fargate allows for `cpu`; `None` for an unknown value.
fn fargate_memory_mib(cpu: u64) -> Option<Vec<u64>> {
    let gib = |first: u64, last: u64, step: usize| (first..=last).step_by(step).map(|gib| gib * 1024).collect();
    Some(match cpu {
        256 => vec![512, 1024, 2048],
        512 => gib(1, 4, 1),
        1024 => gib(2, 8, 1),
        2048 => gib(4, 16, 1),
        4096 => gib(8, 30, 1),
        8192 => gib(16, 60, 4),
        16384 => gib(32, 120, 8),
        _ => return None,
    })
}

fn in_words(sizes: &[u64]) -> String {
    match sizes {
        [first, second, .., last] if sizes.len() > 8 => format!("{first} to {last} in steps of {}", second - first),
        _ => sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn warnings(input: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let bastion = input["bastion"]["enabled"] != false;
    if bastion && input["sshSourceCidr"] == "0.0.0.0/0" {
        warnings.push(
            "SSH to the bastion is open to the whole Internet (sshSourceCidr 0.0.0.0/0); give your own network".into(),
        );
    }
    let version = text(input, "/database/version");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major <= 14) {
        warnings.push(format!(
            "PostgreSQL {version} is at the end of its community support; RDS bills extended support after its own end date"
        ));
    }
    if input["database"]["deletionProtection"] == false {
        warnings.push("the database can be deleted by a single call (database.deletionProtection is off)".into());
    }
    if input["database"]["multiAz"] == false {
        warnings.push(
            "the database has no standby: it is away while its Availability Zone is (database.multiAz is off)".into(),
        );
    }
    if input["application"]["mode"] == "multi" {
        warnings.push(
            "the service portal will be on the Internet with the first login admin/admin: change it at once".into(),
        );
    }
    if input["overwriteDnsRecord"] == true {
        warnings.push("a record that the domain has already will be replaced (overwriteDnsRecord is on)".into());
    }
    if input["alarms"]["enabled"] == true && input["alarms"]["email"].is_null() {
        warnings.push("alarms.email is empty: this run subscribes nobody to the alarms".into());
    }
    warnings.extend(uses::warnings(&schema(), input));
    warnings
}

fn plan_lines(input: &Value) -> Vec<String> {
    let at = |pointer: &str| text(input, pointer);
    let domain = at("/domain");
    let certificate = match at("/certificate/validation") {
        "EXISTING" => format!("certificate: {} is used", at("/certificate/arn")),
        method => {
            format!("certificate for {domain}, proven by {}; free", if method == "EMAIL" { "e-mail" } else { "DNS" })
        }
    };
    let network = match at("/vpc/mode") {
        "default" => "network: the default VPC is used".to_owned(),
        "existing" => format!("network: {} is used", at("/vpc/id")),
        _ => format!("VPC {} with two public subnets and an internet gateway; free", at("/vpc/cidr")),
    };
    let mut lines = vec![certificate, network, "security groups; free".to_owned()];
    if input["bastion"]["enabled"] != false {
        let kind = at("/bastion/instanceType");
        lines.push(format!("bastion {kind} with a public address"));
    }
    let standby = if input["database"]["multiAz"] == true { " with a standby (double)" } else { "" };
    lines.push(format!(
        "PostgreSQL {} on {} with {} GiB{standby}",
        at("/database/version"),
        at("/database/instanceClass"),
        input["database"]["allocatedStorageGib"],
    ));
    lines.push(format!(
        "{} Fargate task(s), cpu {}, {} MiB, with a public address each",
        input["application"]["desiredCount"], input["application"]["cpu"], input["application"]["memoryMib"],
    ));
    lines.push("load balancer with two public addresses".to_owned());
    lines.push(format!("{domain} points at the load balancer; Route 53 alias, or shown when the zone is elsewhere"));
    lines.push(format!("two secrets; container log, kept {} days", input["logRetentionDays"]));
    if input["alarms"]["enabled"] != false {
        let email = input["alarms"]["email"].as_str().map(|email| format!(" to {email}")).unwrap_or_default();
        lines.push(format!("four alarms{email}"));
    }
    lines
}

fn text<'a>(input: &'a Value, pointer: &str) -> &'a str {
    input.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn cidr(input: &Value, pointer: &str) -> Option<Result<Cidr, String>> {
    Some(input.pointer(pointer)?.as_str()?.parse())
}
