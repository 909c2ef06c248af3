//! The faults of a rehearsal: the values of `flow run --rehearse --fault`.

use std::str::FromStr;

use serde_json::{Value, json};

/// Every fault, as listed by `flow run --help`.
pub const FAULTS: &str = "\
Faults of a rehearsal (--fault, several may be given; * matches any text, *N repeats a fault N times for each operation):
  SERVICE:OPERATION=error        an internal error before the effect
  SERVICE:OPERATION=error-after  an internal error after the effect
  SERVICE:OPERATION=lost         the answer is lost after the effect
  SERVICE:OPERATION=dropped      the connection is lost before the effect
  SERVICE:OPERATION=unavailable  HTTP 503
  SERVICE:OPERATION=throttle     refused because there are too many calls
  SERVICE:OPERATION=delay        an answer after a tenth of a second
  SERVICE:OPERATION=expired      the credentials have expired
  SERVICE:OPERATION=denied       the identity may not make the call
  SERVICE:OPERATION=denied-scp   a service control policy of the organization denies the call
  SERVICE:OPERATION=CODE         any error code of AWS, such as VpcLimitExceeded
  acm:certificate=failed         certificates end as FAILED
  acm:certificate=issued         repairs them
  rds:database=STATUS            the database has this status once it is created, such as failed or storage-optimization
  rds:database=available         repairs it
  rds:offers=none                RDS offers the instance class nowhere
  ecs:service=never-healthy      the tasks run and never become healthy
  ecs:service=tasks-die          the tasks stop and ECS gives up
  ecs:service=rollback           ECS goes back to the earlier revision after each update
  ecs:service=healthy            repairs the revision that the service runs
  SERVICE:role=first-use         the service-linked role of rds, ecs, elbv2 or * is not usable at once
  SERVICE:lists=stale            lists by tag of ec2, secretsmanager, tagging or * lag by some seconds
  ssm:parameters=missing         Canonical's parameters, which name the Ubuntu images, do not exist
  ec2:vpcs=at-quota              the account has reached its quota of VPCs
  ec2:deletions=in-use           network interfaces hold what is deleted for a minute
  ec2:ssh=unreachable            nothing on port 22 of the bastion answers
  route53:zone=not-delegated     public DNS asks other name servers
  kill@STATE                     this process ends when the state is entered, as with kill -9
A fault ends with its command. What it broke stays broken until it is repaired.";

/// The statuses of a database that `rds:database=STATUS` can order (RDS User Guide, "Viewing Amazon RDS DB instance
/// status").
pub const DATABASE_STATUSES: [&str; 33] = [
    "available",
    "backing-up",
    "configuring-associated-roles",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "creating",
    "delete-precheck",
    "deleting",
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "maintenance",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "restore-error",
    "starting",
    "stopped",
    "stopping",
    "storage-config-upgrade",
    "storage-full",
    "storage-initialization",
    "storage-optimization",
    "upgrading",
];

/// The most repetitions of a fault.
const TIMES_MAX: u32 = 1_000;

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub enum InjectedFault {
    /// An order to the gateway.
    Order(Value),
    /// The process that drives the execution is killed when a state of this name is entered.
    KillAt(String),
}

impl FromStr for InjectedFault {
    /// The problem of the text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(state) = text.strip_prefix("kill@") {
            return match state.trim() {
                "" => Err("kill@ names a state, such as 'kill@Create the database'".to_owned()),
                state => Ok(InjectedFault::KillAt(state.to_owned())),
            };
        }
        let (what, kind) = text.split_once('=').ok_or("a fault is SERVICE:OPERATION=KIND or kill@STATE")?;
        let (service, operation) = what.split_once(':').unwrap_or((what, "*"));
        if service.is_empty() || operation.is_empty() {
            return Err("a fault names a service and an operation, such as ec2:CreateVpc".to_owned());
        }
        // The gateway uses the SDK's names.
        let service = match service {
            "elasticloadbalancing" => "elbv2",
            "monitoring" => "cloudwatch",
            service => service,
        };
        let (kind, times) = times(kind)?;
        let condition =
            |value: &str| json!({ "operation": format!("{service}:{operation}"), "kind": "condition", "value": value });
        let order = match (operation, kind) {
            (
                "certificate" | "database" | "service" | "role" | "lists" | "vpcs" | "deletions" | "zone" | "offers"
                | "parameters" | "ssh",
                value,
            ) => {
                known_condition(service, operation, value)?;
                condition(value)
            }
            ("PassRole", kind) if !matches!(kind, "denied" | "denied-scp") => {
                return Err("iam:PassRole is a permission and no call: it can only be denied".to_owned());
            }
            (_, kind) => call(&format!("{service}:{operation}"), kind, times)?,
        };
        let mut order = order;
        // The gateway names a fault that never occurs by its text.
        order["fault"] = text.into();
        Ok(InjectedFault::Order(order))
    }
}

fn times(kind: &str) -> Result<(&str, u32), String> {
    let Some((kind, times)) = kind.split_once('*') else { return Ok((kind, 1)) };
    let times: u32 = times.parse().map_err(|_| format!("'{times}' is no number of times"))?;
    if times == 0 || times > TIMES_MAX {
        return Err(format!("a fault is repeated 1 to {TIMES_MAX} times"));
    }
    Ok((kind, times))
}

fn known_condition(service: &str, operation: &str, value: &str) -> Result<(), String> {
    let values: &[&str] = match (service, operation) {
        ("acm", "certificate") => &["failed", "issued"],
        ("rds", "database") if !value.is_empty() => return Ok(()),
        ("rds", "offers") => &["none"],
        ("ecs", "service") => &["never-healthy", "tasks-die", "rollback", "healthy"],
        ("rds" | "ecs" | "elbv2" | "*", "role") => &["first-use"],
        ("ec2" | "secretsmanager" | "tagging" | "*", "lists") => &["stale"],
        ("ec2", "vpcs") => &["at-quota"],
        ("ec2", "ssh") => &["unreachable"],
        ("ssm", "parameters") => &["missing"],
        ("ec2" | "*", "deletions") => &["in-use"],
        ("route53", "zone") => &["not-delegated"],
        _ => return Err(format!("there is no fault {service}:{operation}")),
    };
    if values.contains(&value) {
        return Ok(());
    }
    Err(format!("{service}:{operation} can be {}, not '{value}'", values.join(", ")))
}

fn call(operation: &str, kind: &str, times: u32) -> Result<Value, String> {
    let each = operation.contains('*');
    // A lost answer, or an error after the call took effect, matters only for calls that change something.
    let (kind, mutations, more) = match kind {
        "error" => ("error", false, json!({})),
        "error-after" => ("error_after", each, json!({})),
        "lost" => ("drop_after", each, json!({})),
        "dropped" => ("drop", false, json!({})),
        "unavailable" => ("error", false, json!({ "code": "ServiceUnavailable", "status": 503 })),
        "throttle" | "delay" | "expired" | "denied" | "denied-scp" => (kind, false, json!({})),
        code if code.starts_with(|c: char| c.is_ascii_uppercase()) => {
            ("error", false, json!({ "code": code, "status": 400 }))
        }
        other => return Err(format!("there is no kind of fault '{other}'")),
    };
    let mut order =
        json!({ "operation": operation, "kind": kind, "times": times, "each": each, "mutations": mutations });
    if let (Some(order), Value::Object(more)) = (order.as_object_mut(), more) {
        order.extend(more);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn order(text: &str) -> Value {
        match text.parse().unwrap() {
            InjectedFault::Order(order) => order,
            InjectedFault::KillAt(state) => panic!("kill at {state}"),
        }
    }

    #[test]
    fn calls_conditions_and_kills_are_distinguished() {
        let lost = order("ec2:CreateVpc=lost");
        assert_eq!(
            (&lost["operation"], &lost["kind"], &lost["times"]),
            (&json!("ec2:CreateVpc"), &json!("drop_after"), &json!(1))
        );
        let throttled = order("rds:*=throttle*3");
        assert_eq!((&throttled["times"], &throttled["each"]), (&json!(3), &json!(true)));
        assert_eq!(order("elasticloadbalancing:CreateListener=denied")["operation"], "elbv2:CreateListener");
        assert_eq!(order("ec2:CreateVpc=VpcLimitExceeded")["code"], "VpcLimitExceeded");
        assert_eq!(order("rds:database=storage-optimization")["value"], "storage-optimization");
        assert_eq!("kill@Create the database".parse(), Ok(InjectedFault::KillAt("Create the database".to_owned())));
    }

    #[test]
    fn a_fault_that_does_not_exist_is_refused_and_says_what_does() {
        for (text, said) in [
            ("ec2:CreateVpc", "KIND"),
            ("ec2:CreateVpc=lots", "no kind of fault 'lots'"),
            ("ec2:CreateVpc=lost*0", "1 to 1000"),
            ("ecs:service=ill", "never-healthy, tasks-die, rollback"),
            ("s3:service=rollback", "no fault s3:service"),
            ("kill@", "names a state"),
            ("iam:PassRole=lost", "is a permission"),
            (":x=lost", "names a service"),
        ] {
            let error = text.parse::<InjectedFault>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn every_fault_in_the_help_can_be_ordered() {
        let lines = FAULTS.lines().skip(1).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let lines = lines.filter_map(|line| line.split_whitespace().next());
        for example in lines {
            let text = example
                .replace("SERVICE:OPERATION", "ec2:CreateVpc")
                .replace("SERVICE:lists", "ec2:lists")
                .replace("SERVICE", "rds")
                .replace("CODE", "VpcLimitExceeded")
                .replace("STATUS", "failed");
            assert!(text.parse::<InjectedFault>().is_ok(), "{text}");
        }
    }
}
