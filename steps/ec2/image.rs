//! Machine images.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_ec2::types::Image;
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter;
use crate::{Environment, failure::failure};

/// Canonical's account, which publishes the Ubuntu images.
const CANONICAL: &str = "099720109477";

const IMAGES_PER_PAGE: i32 = 200;
/// The most pages: a release has some hundred images.
const IMAGE_PAGES_MAX: usize = 10;

impl Environment {
    /// Systems Manager's client for reads.
    fn ssm_reads(&self) -> aws_sdk_ssm::Client {
        self.client_for_reads(aws_sdk_ssm::Client::new)
    }
}

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:findUbuntuImage",
        "Finds the newest image of an Ubuntu release.",
        ["ssm:GetParameters", "ec2:DescribeImages"],
        find_ubuntu_image
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FindUbuntuImage {
    /// Such as `24.04`.
    release: String,
    /// `amd64` or `arm64`.
    architecture: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundImage {
    image_id: String,
    name: String,
    /// The device of the root volume, such as `/dev/sda1`, if the image names it.
    root_device_name: Option<String>,
    /// The size of the root volume, if the image names it.
    root_volume_gib: Option<i32>,
}

async fn find_ubuntu_image(
    environment: Arc<Environment>,
    _context: StepContext,
    input: FindUbuntuImage,
) -> StepResult<FoundImage> {
    if let Some((image_id, parameter)) = image_by_parameter(&environment, &input).await? {
        tracing::info!(%image_id, %parameter, "image found by Canonical's Systems Manager parameter");
        let found = environment.ec2_reads().describe_images().image_ids(&image_id).send().await;
        let found = found.map_err(|error| failure("ec2:DescribeImages", error))?;
        let image = found.images().first().cloned().unwrap_or_else(|| Image::builder().name(parameter).build());
        return Ok(Answer::done(described(image_id, &image)));
    }
    let images = list_images(&environment, &input).await?;
    let newest = newest(&images, |image| is_server_image(image, &input));
    let Some(image) = newest else {
        return Err(StepError::new(
            ErrorClass::Invalid,
            format!(
                "region {} has no image of Ubuntu {} for {}",
                environment.region(),
                input.release,
                input.architecture
            ),
        )
        .hint("Name a long-term support release such as 24.04 and the architecture amd64 or arm64."));
    };
    let image_id = image.image_id().unwrap_or_default().to_owned();
    tracing::info!(%image_id, owner = CANONICAL, "image found by its owner and name");
    Ok(Answer::done(described(image_id, image)))
}

/// Lists Canonical's images of `input`. Canonical publishes tens of thousands, so EC2 filters the list and returns it in
/// pages.
async fn list_images(environment: &Environment, input: &FindUbuntuImage) -> Result<Vec<Image>, StepError> {
    let name = format!("ubuntu/images/hvm-ssd*-{}-{}-server-*", input.release, input.architecture);
    let call = environment.ec2_reads().describe_images().owners(CANONICAL).filters(filter("state", "available"));
    let call = call.filters(filter("name", &name)).filters(filter("virtualization-type", "hvm"));
    let mut pages = call.max_results(IMAGES_PER_PAGE).into_paginator().send();
    let mut images = Vec::new();
    for _ in 0..IMAGE_PAGES_MAX {
        let Some(page) = pages.next().await else { break };
        let page = page.map_err(|error| failure("ec2:DescribeImages", error))?;
        images.extend(page.images.unwrap_or_default());
    }
    Ok(images)
}

fn described(image_id: String, image: &Image) -> FoundImage {
    let root = image.root_device_name();
    let mapping = image.block_device_mappings().iter().find(|mapping| root.is_some() && mapping.device_name() == root);
    FoundImage {
        name: image.name().unwrap_or(&image_id).to_owned(),
        image_id,
        root_device_name: root.map(str::to_owned),
        root_volume_gib: mapping.and_then(|mapping| mapping.ebs()).and_then(|volume| volume.volume_size()),
    }
}

/// The image that Canonical names in a public parameter. One call covers both types of volume of releases.
async fn image_by_parameter(
    environment: &Environment,
    input: &FindUbuntuImage,
) -> Result<Option<(String, String)>, StepError> {
    let names = parameter_names(&input.release, &input.architecture);
    let answer = environment.ssm_reads().get_parameters().set_names(Some(names.to_vec())).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let error = failure("ssm:GetParameters", error);
            if matches!(error.class, ErrorClass::Credentials | ErrorClass::Throttled) {
                return Err(error);
            }
            tracing::info!(%error, "no image by Systems Manager parameter; asking for images instead");
            return Ok(None);
        }
    };
    let mut found: HashMap<String, String> = answer
        .parameters
        .unwrap_or_default()
        .into_iter()
        .filter_map(|parameter| Some((parameter.name?, parameter.value?)))
        .collect();
    Ok(names.into_iter().find_map(|name| Some((found.remove(&name)?, name))))
}

fn parameter_names(release: &str, architecture: &str) -> [String; 2] {
    ["ebs-gp3", "ebs-gp2"].map(|volume| {
        format!("/aws/service/canonical/ubuntu/server/{release}/stable/current/{architecture}/hvm/{volume}/ami-id")
    })
}

fn is_server_image(image: &Image, input: &FindUbuntuImage) -> bool {
    let name = image.name().unwrap_or_default();
    name.starts_with("ubuntu/images/hvm-ssd")
        && name.contains(&format!("-{}-{}-server-", input.release, input.architecture))
}

fn newest(images: &[Image], wanted: impl Fn(&Image) -> bool) -> Option<&Image> {
    let wanted = images.iter().filter(|image| wanted(image));
    wanted.max_by(|one, other| (one.creation_date(), one.image_id()).cmp(&(other.creation_date(), other.image_id())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{TestServer, environment};

    #[tokio::test]
    async fn without_a_parameter_the_images_are_filtered_by_ec2_and_read_in_pages() {
        let server = TestServer::start((200, "content-type: text/xml\r\n", "<DescribeImagesResponse/>")).await;
        let input = FindUbuntuImage { release: "24.04".into(), architecture: "arm64".into() };
        let images = list_images(&environment(&server), &input).await;
        assert!(images.is_ok_and(|images| images.is_empty()));
        let asked = server.requests().concat().replace("%2F", "/").replace("%2A", "*");
        assert!(asked.contains("ubuntu/images/hvm-ssd*-24.04-arm64-server-*"), "{asked}");
        assert!(asked.contains("MaxResults=200"), "{asked}");
    }

    #[test]
    fn a_minimal_or_older_image_is_not_the_newest_server() {
        let image =
            |id: &str, name: &str, date: &str| Image::builder().image_id(id).name(name).creation_date(date).build();
        let server = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-";
        let images = [
            image("ami-1", &format!("{server}20240701"), "2024-07-01T00:00:00.000Z"),
            image("ami-2", &format!("{server}20240801"), "2024-08-01T00:00:00.000Z"),
            image("ami-3", "ubuntu-minimal/images/hvm-ssd/x-24.04-amd64-server-1", "2024-09-01T00:00:00.000Z"),
            image("ami-4", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-1", "2024-09-01T00:00:00.000Z"),
        ];
        let input = FindUbuntuImage { release: "24.04".into(), architecture: "amd64".into() };
        let found = newest(&images, |image| is_server_image(image, &input));
        assert_eq!(found.and_then(Image::image_id), Some("ami-2"));
    }
}
