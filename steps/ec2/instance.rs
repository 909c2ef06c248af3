//! Starts and terminates instances.

use std::sync::Arc;

use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, Instance, InstanceMetadataOptionsRequest,
    InstanceNetworkInterfaceSpecification, InstanceStateName, InstanceType, ResourceType, VolumeType,
};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{deleted, filter, gone_already, instance_wait::find_instance, of_deployment};
use crate::{
    Environment, Nothing,
    failure::{failure, failure_for},
    found_tags,
    outcome::earlier_call_may_be_listed,
    planned::{Bill, Prices},
    tags::{RELEASE, Tags, only_one, sanitised},
};

pub(super) const RESOURCE_TYPE: &str = "AWS::EC2::Instance";
/// The root device of Ubuntu's images, if the image itself does not name it.
const UBUNTU_ROOT_DEVICE: &str = "/dev/sda1";
/// The root volume size of Ubuntu's images, if the image itself does not have it.
const UBUNTU_ROOT_VOLUME_GIB: i32 = 8;

/// The monthly price of an instance: its hours, its volume and its public address.
pub(super) fn monthly_usd(settings: &Value, prices: &Prices) -> Bill {
    let hours = Some(prices.hours_per_month());
    let kind = settings["instanceType"].as_str().unwrap_or("the bastion");
    let gib = settings["rootVolumeGib"].as_f64().unwrap_or(f64::from(UBUNTU_ROOT_VOLUME_GIB));
    Bill::default()
        .with(format!("hours of {kind}"), hours, prices.regional("instanceHour")[kind].as_f64())
        .with("volume of the bastion", Some(gib), prices.regional("volumeGibMonth").as_f64())
        .with("public addresses", hours, prices.public_address_hour())
}

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:runInstance",
        "Starts an instance with a public address, or the deployment's own one that was stopped.",
        ["ec2:DescribeInstances", "ec2:RunInstances", "ec2:StartInstances", "ec2:CreateTags"],
        run_instance
    );
    step!(
        registry,
        environment,
        "ec2:terminateInstance",
        "Terminates an instance.",
        ["ec2:DescribeInstances", "ec2:TerminateInstances"],
        terminate_instance
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunInstance {
    deployment: String,
    /// The name, unique within the deployment.
    name: String,
    image_id: String,
    /// The device of the image's root volume, such as `/dev/sda1`; by default, that of Ubuntu's images.
    #[serde(default)]
    root_device_name: Option<String>,
    /// The size of the image's root volume; by default, that of Ubuntu's images.
    #[serde(default)]
    root_volume_gib: Option<i32>,
    /// Such as `t3.micro`.
    instance_type: String,
    subnet_id: String,
    group_ids: Vec<String>,
    key_name: String,
    /// The Ubuntu release, for its tags.
    #[serde(default)]
    release: Option<String>,
}

/// An instance by its id.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InstanceId {
    pub(super) instance_id: String,
}

async fn run_instance(
    environment: Arc<Environment>,
    context: StepContext,
    input: RunInstance,
) -> StepResult<InstanceId> {
    if let Some(instance) = find_by_name(&environment, &input.deployment, &input.name).await? {
        let instance_id = instance.instance_id().unwrap_or_default().to_owned();
        let state = instance.state().and_then(|state| state.name());
        let is_stopped =
            |state: &&InstanceStateName| matches!(state, InstanceStateName::Stopped | InstanceStateName::Stopping);
        if let Some(state) = state.filter(is_stopped) {
            return start_again(&environment, &context, &input, (instance_id, state)).await;
        }
        let change = found_tags!(instance.tags()).change(&context, &instance_id);
        return Ok(answer(instance_id, change, &input.name));
    }
    if let Some(answer) = earlier_call_may_be_listed(&context) {
        return Ok(answer);
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.name).with(RELEASE, input.release.as_deref());
    let interface = InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .associate_public_ip_address(true)
        .delete_on_termination(true)
        .subnet_id(&input.subnet_id)
        .set_groups(Some(input.group_ids.clone()));
    let started = environment
        .ec2()
        .run_instances()
        .image_id(&input.image_id)
        .instance_type(InstanceType::from(input.instance_type.as_str()))
        .key_name(&input.key_name)
        .min_count(1)
        .max_count(1)
        .client_token(&context.token)
        .network_interfaces(interface.build())
        .block_device_mappings(root_volume(&input))
        .metadata_options(InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Required).build())
        .tag_specifications(tags.ec2_specification(ResourceType::Instance))
        .tag_specifications(tags.ec2_specification(ResourceType::Volume))
        .tag_specifications(tags.ec2_specification(ResourceType::NetworkInterface))
        .send()
        .await
        .map_err(|error| failure_for(&context, &input.subnet_id, "ec2:RunInstances", error))?;
    let instance_id = started.instances().first().and_then(Instance::instance_id).unwrap_or_default().to_owned();
    Ok(answer(instance_id, ChangeAction::Created, &input.name))
}

/// Starts an instance that a person has stopped.
async fn start_again(
    environment: &Environment,
    context: &StepContext,
    input: &RunInstance,
    (instance_id, state): (String, &InstanceStateName),
) -> StepResult<InstanceId> {
    // EC2 starts it only after it has stopped.
    if *state == InstanceStateName::Stopping && !environment.is_planning() {
        let error = StepError::new(ErrorClass::Busy, format!("{instance_id} is stopping"));
        return Err(error.during("ec2:StartInstances"));
    }
    environment.differs("state", state.as_str(), InstanceStateName::Running.as_str());
    match environment.ec2().start_instances().instance_ids(&instance_id).send().await {
        Ok(_) => Ok(answer(instance_id, ChangeAction::Updated, &input.name)),
        Err(error) => Err(failure_for(context, &instance_id, "ec2:StartInstances", error)),
    }
}

fn answer(instance_id: String, change: ChangeAction, name: &str) -> Answer<InstanceId> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &instance_id).named(name).billed();
    Answer::with_change(InstanceId { instance_id }, resource_change)
}

async fn find_by_name(environment: &Environment, deployment: &str, name: &str) -> Result<Option<Instance>, StepError> {
    // Terminated instances keep their tags for an hour and do not match.
    let mut alive = filter("instance-state-name", "pending");
    if let Some(states) = alive.values.as_mut() {
        states.extend(["running", "stopping", "stopped"].map(str::to_owned));
    }
    let found = environment
        .ec2_reads()
        .describe_instances()
        .filters(of_deployment(deployment))
        .filters(filter("tag:Name", &sanitised(name)))
        .filters(alive)
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeInstances", error))?;
    let found = found.reservations.unwrap_or_default();
    let instances = found.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).collect();
    only_one("instance", deployment, instances, Instance::instance_id)
}

/// The image's root volume, encrypted and of the current type.
fn root_volume(input: &RunInstance) -> BlockDeviceMapping {
    let volume = EbsBlockDevice::builder()
        .encrypted(true)
        .volume_type(VolumeType::Gp3)
        .volume_size(input.root_volume_gib.unwrap_or(UBUNTU_ROOT_VOLUME_GIB))
        .delete_on_termination(true)
        .build();
    let device = input.root_device_name.as_deref().unwrap_or(UBUNTU_ROOT_DEVICE);
    BlockDeviceMapping::builder().device_name(device).ebs(volume).build()
}

async fn terminate_instance(
    environment: Arc<Environment>,
    context: StepContext,
    input: InstanceId,
) -> StepResult<Nothing> {
    let found = match find_instance(&environment, &context, &input.instance_id).await {
        Ok(found) => found,
        Err(error) if error.class == ErrorClass::NotFound => {
            return gone_already(&context, RESOURCE_TYPE, &input.instance_id);
        }
        Err(error) => return Err(error),
    };
    let state = found.as_ref().and_then(Instance::state).and_then(|state| state.name());
    match state {
        None | Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown) => {
            return gone_already(&context, RESOURCE_TYPE, &input.instance_id);
        }
        Some(_) => {}
    }
    let answer = environment.ec2().terminate_instances().instance_ids(&input.instance_id).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.instance_id), "ec2:TerminateInstances", answer)
}
