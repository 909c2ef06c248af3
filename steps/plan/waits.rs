//! The usual duration of each step's wait. The steps poll towards the shortest (`TYPICAL_…` in each step's file).

use crate::{SERVICES, service::UsualWait};

/// The waits of the modules without a [`Service`](crate::service::Service).
static OTHERS: [UsualWait; 4] = [
    UsualWait {
        step: "dns:waitForRecord",
        usual_seconds: (30, 300),
        takes: Some("until a person has made the record"),
    },
    UsualWait { step: "https:waitForAnswer", usual_seconds: (1, 60), takes: Some("about 1 min") },
    UsualWait { step: "ssh:waitForLogin", usual_seconds: (60, 300), takes: Some("about 1 min after the machine runs") },
    UsualWait { step: "teardown:waitForNothingLeft", usual_seconds: (1, 180), takes: None },
];

fn of(step: &str) -> Option<&'static UsualWait> {
    let mut waits = SERVICES.iter().flat_map(|service| service.waits()).chain(&OTHERS);
    waits.find(|wait| wait.step == step)
}

/// The shortest and the longest duration in seconds; `None` if the step does not wait, or waits for a person.
pub(super) fn usual_seconds(step: &str) -> Option<(u32, u32)> {
    of(step).map(|wait| wait.usual_seconds)
}

/// The usual time of a step's wait, in words; `None` if the step does not wait, or not for long.
pub fn usual_wait(step: &str) -> Option<&'static str> {
    of(step).and_then(|wait| wait.takes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> engine::step::Registry {
        let server = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        let addresses = crate::test_server::addresses(format!("http://{server}"));
        let environment = crate::Environment::for_rehearsal(addresses).map(std::sync::Arc::new);
        let Ok(environment) = environment else { panic!("no environment") };
        crate::registry(environment)
    }

    /// Every step that waits has a usual duration, so that a plan can show it.
    #[test]
    fn every_wait_of_the_aws_steps_has_a_usual_time() {
        let without: Vec<_> = registry()
            .descriptions()
            .filter(|step| step.name.contains(":waitFor") && usual_seconds(&step.name).is_none())
            .map(|step| step.name)
            .collect();
        assert_eq!(without, Vec::<String>::new());
    }

    #[test]
    fn every_wait_belongs_to_a_step() {
        let registry = registry();
        let waits = SERVICES.iter().flat_map(|service| service.waits()).chain(&OTHERS);
        let unknown = waits.filter(|wait| registry.find(&format!("flow:{}", wait.step)).is_none());
        let unknown: Vec<&str> = unknown.map(|wait| wait.step).collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
