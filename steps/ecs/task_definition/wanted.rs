//! The wanted container, and its comparison with a revision.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, KeyValuePair, LogConfiguration, LogDriver, NetworkMode, PortMapping, Secret,
    TaskDefinition, TransportProtocol,
};
use engine::step::{ErrorClass, StepError};

use super::RegisterTaskDefinition;

pub(super) fn container(input: &RegisterTaskDefinition, region: &str) -> Result<ContainerDefinition, StepError> {
    let port = PortMapping::builder().container_port(input.port).protocol(TransportProtocol::Tcp).build();
    let environment =
        input.environment.iter().map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
    let secrets: Result<Vec<Secret>, _> =
        input.secrets.iter().map(|(name, arn)| Secret::builder().name(name).value_from(arn).build()).collect();
    let options = [
        ("awslogs-group", input.log_group.as_str()),
        ("awslogs-region", region),
        ("awslogs-stream-prefix", input.container_name.as_str()),
    ];
    let options: HashMap<String, String> =
        options.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs).set_options(Some(options)).build();
    let incomplete = |error: &dyn std::error::Error| {
        StepError::new(ErrorClass::Invalid, format!("the task definition is incomplete: {error}"))
    };
    Ok(ContainerDefinition::builder()
        .name(&input.container_name)
        .image(&input.image)
        .essential(true)
        .memory(input.container_memory_mib)
        .port_mappings(port)
        .set_environment(Some(environment.collect()))
        .set_secrets(Some(secrets.map_err(|error| incomplete(&error))?))
        .log_configuration(logs.map_err(|error| incomplete(&error))?)
        .build())
}

/// Whether a revision is as wanted. Compares only what the steps set, because ECS adds defaults.
pub(super) fn is_as_wanted(
    existing: &TaskDefinition,
    input: &RegisterTaskDefinition,
    wanted: &ContainerDefinition,
) -> bool {
    let [container] = existing.container_definitions() else { return false };
    existing.cpu() == Some(input.cpu.to_string().as_str())
        && existing.memory() == Some(input.memory_mib.to_string().as_str())
        && existing.network_mode() == Some(&NetworkMode::Awsvpc)
        && existing.requires_compatibilities().contains(&Compatibility::Fargate)
        && existing.execution_role_arn() == Some(input.execution_role_arn.as_str())
        && is_same_container(container, wanted)
}

fn is_same_container(existing: &ContainerDefinition, wanted: &ContainerDefinition) -> bool {
    existing.name() == wanted.name()
        && existing.image() == wanted.image()
        && existing.memory() == wanted.memory()
        && existing.essential() != Some(false)
        && ports(existing) == ports(wanted)
        && environment(existing) == environment(wanted)
        && secrets(existing) == secrets(wanted)
        && logs(existing) == logs(wanted)
}

/// The differences of the newest revision: the field of the input, its current value and the wanted one. At least one.
pub(super) fn differences(
    existing: &TaskDefinition,
    input: &RegisterTaskDefinition,
    wanted: &ContainerDefinition,
) -> Vec<(String, String, String)> {
    let container = existing.container_definitions().first();
    let text = |value: Option<&str>| value.unwrap_or("none").to_owned();
    let of_container = |value: &dyn Fn(&ContainerDefinition) -> String| container.map_or_else(|| text(None), value);
    let memory = |container: &ContainerDefinition| container.memory().map_or_else(|| text(None), |n| n.to_string());
    let fields = [
        ("image", of_container(&|container| text(container.image())), input.image.clone()),
        ("cpu", text(existing.cpu()), input.cpu.to_string()),
        ("memoryMib", text(existing.memory()), input.memory_mib.to_string()),
        ("containerMemoryMib", of_container(&memory), input.container_memory_mib.to_string()),
        ("executionRoleArn", text(existing.execution_role_arn()), input.execution_role_arn.clone()),
    ];
    let fields = fields.into_iter().filter(|(_, from, to)| from != to);
    let mut differ: Vec<_> = fields.map(|(field, from, to)| (field.to_owned(), from, to)).collect();
    let variables_of = |container: &ContainerDefinition| -> BTreeMap<String, String> {
        environment(container).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    };
    let secrets_of = |container: &ContainerDefinition| -> BTreeMap<String, String> {
        secrets(container).into_iter().map(|(name, arn)| (name.to_owned(), arn.to_owned())).collect()
    };
    differ.extend(entries("environment", &container.map(variables_of).unwrap_or_default(), &variables_of(wanted)));
    differ.extend(entries("secrets", &container.map(secrets_of).unwrap_or_default(), &secrets_of(wanted)));
    if differ.is_empty() {
        differ.push(("settings".to_owned(), "others".to_owned(), "as a new revision has them".to_owned()));
    }
    differ
}

/// The entries of a field that differ, each by its own name.
fn entries(
    field: &str,
    existing: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Vec<(String, String, String)> {
    let names: BTreeSet<&String> = existing.keys().chain(wanted.keys()).collect();
    let value =
        |map: &BTreeMap<String, String>, name: &String| map.get(name).cloned().unwrap_or_else(|| "none".to_owned());
    let values = names.into_iter().map(|name| (format!("{field}.{name}"), value(existing, name), value(wanted, name)));
    values.filter(|(_, from, to)| from != to).collect()
}

fn ports(container: &ContainerDefinition) -> Vec<Option<i32>> {
    container.port_mappings().iter().map(PortMapping::container_port).collect()
}

fn environment(container: &ContainerDefinition) -> BTreeMap<Option<&str>, Option<&str>> {
    container.environment().iter().map(|pair| (pair.name(), pair.value())).collect()
}

fn secrets(container: &ContainerDefinition) -> BTreeMap<&str, &str> {
    container.secrets().iter().map(|secret| (secret.name(), secret.value_from())).collect()
}

fn logs(container: &ContainerDefinition) -> Option<(&LogDriver, Option<&HashMap<String, String>>)> {
    container.log_configuration().map(|logs| (logs.log_driver(), logs.options()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn input() -> RegisterTaskDefinition {
        RegisterTaskDefinition {
            deployment: "demo".into(),
            family: "demo".into(),
            cpu: 256,
            memory_mib: 512,
            container_name: "endpoints".into(),
            container_memory_mib: 450,
            image: "example/image".into(),
            port: 8080,
            environment: [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())].into(),
            secrets: [("ENDPOINTS_JDBC_URL".to_owned(), "arn:secret".to_owned())].into(),
            execution_role_arn: "arn:role".into(),
            log_group: "/ecs/demo".into(),
        }
    }

    fn registered(container: ContainerDefinition) -> TaskDefinition {
        TaskDefinition::builder()
            .cpu("256")
            .memory("512")
            .network_mode(NetworkMode::Awsvpc)
            .requires_compatibilities(Compatibility::Fargate)
            .execution_role_arn("arn:role")
            .container_definitions(container)
            .build()
    }

    #[test]
    fn defaults_that_ecs_adds_and_another_order_make_no_new_revision() {
        let wanted = container(&input(), "eu-central-1").unwrap();
        let mut existing = wanted.clone();
        existing.cpu = 0;
        existing.mount_points = Some(Vec::new());
        existing.environment.as_mut().unwrap().reverse();
        existing.port_mappings.as_mut().unwrap()[0].host_port = Some(8080);
        assert!(is_as_wanted(&registered(existing), &input(), &wanted));
    }

    #[test]
    fn another_image_or_setting_or_a_variable_too_many_makes_a_new_revision() {
        let existing = registered(container(&input(), "eu-central-1").unwrap());
        let differs = |wanted: &RegisterTaskDefinition| {
            !is_as_wanted(&existing, wanted, &container(wanted, "eu-central-1").unwrap())
        };
        assert!(!differs(&input()));
        assert!(differs(&RegisterTaskDefinition { image: "example/image:2".into(), ..input() }));
        assert!(differs(&RegisterTaskDefinition { memory_mib: 1024, ..input() }));
        assert!(differs(&RegisterTaskDefinition { environment: BTreeMap::new(), ..input() }));
        assert!(differs(&RegisterTaskDefinition { secrets: BTreeMap::new(), ..input() }));
        assert!(differs(&RegisterTaskDefinition { log_group: "/ecs/other".into(), ..input() }));
    }

    #[test]
    fn only_the_variables_that_changed_are_named() {
        let existing = registered(container(&input(), "eu-central-1").unwrap());
        let environment = [("A".to_owned(), "3".to_owned()), ("C".to_owned(), "4".to_owned())].into();
        let changed = RegisterTaskDefinition { environment, ..input() };
        let found = differences(&existing, &changed, &container(&changed, "eu-central-1").unwrap());
        let found: Vec<_> = found.iter().map(|(field, from, to)| format!("{field}: {from} -> {to}")).collect();
        assert_eq!(found, ["environment.A: 1 -> 3", "environment.B: 2 -> none", "environment.C: none -> 4"]);
    }

    #[test]
    fn the_jdbc_url_is_never_plain_environment() {
        let container = container(&input(), "eu-central-1").unwrap();
        assert!(container.environment().iter().all(|pair| pair.name() != Some("ENDPOINTS_JDBC_URL")));
        assert_eq!(secrets(&container), BTreeMap::from([("ENDPOINTS_JDBC_URL", "arn:secret")]));
    }
}
