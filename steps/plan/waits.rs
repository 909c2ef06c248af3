//! The usual duration of each step's wait: the shortest and the longest that AWS's documentation and users report. The
//! steps poll towards the shortest (`TYPICAL_…` in each step's file).

/// The shortest and the longest duration in seconds; `None` if the step does not wait, or waits for a person.
pub(super) fn usual_seconds(step: &str) -> Option<(u32, u32)> {
    Some(match step {
        "acm:describeValidation" => (5, 30),
        "acm:waitForCertificate" => (120, 1_800),
        "dns:waitForRecord" => (30, 300),
        "ec2:waitForVpc" | "ec2:waitForSubnet" => (1, 5),
        "ec2:waitForInstanceRunning" | "ec2:waitForInstanceTerminated" => (20, 60),
        "ec2:waitForInstanceStatus" => (120, 300),
        "ecs:waitForService" => (120, 600),
        "ecs:waitForServiceInactive" => (30, 300),
        "elbv2:waitForLoadBalancer" => (120, 300),
        "elbv2:waitForLoadBalancerDeleted" => (30, 600),
        "https:waitForAnswer" => (1, 60),
        "rds:waitForDatabase" => (300, 1_200),
        "rds:waitForDatabaseDeleted" => (180, 900),
        "route53:waitForChange" => (30, 60),
        "ssh:waitForLogin" => (60, 300),
        "teardown:waitForNothingLeft" => (1, 180),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every step that waits has a usual duration, so that a plan can show it.
    #[test]
    fn every_wait_of_the_aws_steps_has_a_usual_time() {
        let server = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        let addresses = crate::test_server::addresses(format!("http://{server}"));
        let environment = crate::Environment::for_rehearsal(addresses).map(std::sync::Arc::new);
        let Ok(environment) = environment else { panic!("no environment") };
        let registry = crate::registry(environment);
        let without: Vec<_> = registry
            .descriptions()
            .filter(|step| step.name.contains(":waitFor") && usual_seconds(&step.name).is_none())
            .map(|step| step.name)
            .collect();
        assert_eq!(without, Vec::<String>::new());
    }
}
