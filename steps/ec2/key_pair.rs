//! Key pairs: EC2 stores the public key under a name.

use std::sync::Arc;

use aws_sdk_ec2::{
    primitives::Blob,
    types::{KeyPairInfo, ResourceType},
};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{deleted, filter, gone_already};
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, name_taken},
    found_tags,
    tags::Tags,
};

const RESOURCE_TYPE: &str = "AWS::EC2::KeyPair";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:useKeyPair",
        "Finds a key pair that exists already.",
        ["ec2:DescribeKeyPairs"],
        use_key_pair
    );
    step!(
        registry,
        environment,
        "ec2:findKeyPair",
        "Finds the deployment's key pair, if it was made already.",
        ["ec2:DescribeKeyPairs"],
        find_key_pair
    );
    step!(
        registry,
        environment,
        "ec2:importKeyPair",
        "Gives EC2 a public key.",
        ["ec2:DescribeKeyPairs", "ec2:ImportKeyPair", "ec2:CreateTags"],
        import_key_pair
    );
    step!(
        registry,
        environment,
        "ec2:deleteKeyPair",
        "Removes the public key from EC2.",
        ["ec2:DescribeKeyPairs", "ec2:DeleteKeyPair"],
        delete_key_pair
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UseKeyPair {
    key_name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FindKeyPair {
    deployment: String,
    key_name: String,
    /// The public key that the input names. If the deployment's key pair has another one, this is an error.
    #[serde(default)]
    public_key: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundKeyPair {
    /// In OpenSSH's format; null if the deployment has no key pair yet.
    public_key: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportKeyPair {
    deployment: String,
    key_name: String,
    /// In OpenSSH's format, such as `ssh-ed25519 AAAA…`.
    public_key: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeyPair {
    key_name: String,
    key_pair_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyPairId {
    key_pair_id: String,
}

async fn use_key_pair(environment: Arc<Environment>, _context: StepContext, input: UseKeyPair) -> StepResult<KeyPair> {
    match find(&environment, &input.key_name).await? {
        Some(found) => {
            let key_pair_id = found.key_pair_id.unwrap_or_default();
            Ok(Answer::done(KeyPair { key_name: input.key_name, key_pair_id }))
        }
        None => Err(StepError::new(
            ErrorClass::Invalid,
            format!("region {} has no key pair {}", environment.region(), input.key_name),
        )
        .hint("Name one that exists, give a public key file, or let a key be generated.")),
    }
}

async fn find_key_pair(
    environment: Arc<Environment>,
    _context: StepContext,
    input: FindKeyPair,
) -> StepResult<FoundKeyPair> {
    let found = find(&environment, &input.key_name).await?;
    let ours = found.filter(|found| found_tags!(found.tags()).is_ours(&input.deployment));
    let existing = ours.as_ref().and_then(KeyPairInfo::public_key);
    if let (Some(existing), Some(wanted)) = (existing, &input.public_key)
        && !is_same_key(existing, wanted)
    {
        return Err(another_key(&input.key_name));
    }
    Ok(Answer::done(FoundKeyPair { public_key: ours.and_then(|found| found.public_key) }))
}

async fn import_key_pair(
    environment: Arc<Environment>,
    context: StepContext,
    input: ImportKeyPair,
) -> StepResult<KeyPair> {
    if let Some(found) = find(&environment, &input.key_name).await? {
        return found_key_pair(&context, input, &found);
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.key_name);
    let answer = environment
        .ec2()
        .import_key_pair()
        .key_name(&input.key_name)
        .public_key_material(Blob::new(input.public_key.as_bytes()))
        .tag_specifications(tags.ec2_specification(ResourceType::KeyPair))
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let key_pair_id = answer.key_pair_id.unwrap_or_default();
            let resource_change =
                ResourceChange::new(ChangeAction::Created, RESOURCE_TYPE, &key_pair_id).named(&input.key_name);
            Ok(Answer::with_change(KeyPair { key_name: input.key_name, key_pair_id }, resource_change))
        }
        Err(error) if already_exists(&error) => match find(&environment, &input.key_name).await? {
            Some(found) => found_key_pair(&context, input, &found),
            None => Err(failure("ec2:ImportKeyPair", error)),
        },
        Err(error) => Err(failure("ec2:ImportKeyPair", error)),
    }
}

/// The key pair with this name.
pub(super) async fn find(environment: &Environment, key_name: &str) -> Result<Option<KeyPairInfo>, StepError> {
    let found = environment
        .ec2_reads()
        .describe_key_pairs()
        .filters(filter("key-name", key_name))
        .include_public_key(true)
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeKeyPairs", error))?;
    Ok(found.key_pairs.unwrap_or_default().into_iter().find(|found| found.key_name() == Some(key_name)))
}

fn found_key_pair(context: &StepContext, input: ImportKeyPair, found: &KeyPairInfo) -> StepResult<KeyPair> {
    let key_pair_id = found.key_pair_id().unwrap_or_default().to_owned();
    let tags = found_tags!(found.tags());
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("key pair", &input.key_name, &input.deployment, tags.deployment.as_deref()));
    }
    if found.public_key().is_some_and(|public_key| !is_same_key(public_key, &input.public_key)) {
        return Err(another_key(&input.key_name));
    }
    let resource_change =
        ResourceChange::new(tags.change(context, &key_pair_id), RESOURCE_TYPE, &key_pair_id).named(&input.key_name);
    Ok(Answer::with_change(KeyPair { key_name: input.key_name, key_pair_id }, resource_change))
}

fn another_key(key_name: &str) -> StepError {
    let cause = format!(
        "bastion.keyPair names another public key than the key pair {key_name} of this deployment has, and EC2 cannot exchange it"
    );
    StepError::new(ErrorClass::Invalid, cause).hint(
        "Give the key that the deployment was made with. To change keys, put the new public key on the instance by hand, or run \
         with bastion.enabled: false and then with true.",
    )
}

/// Whether algorithm and key are the same. The comment after them does not matter.
fn is_same_key(one: &str, other: &str) -> bool {
    let without_comment = |key: &str| key.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    without_comment(one) == without_comment(other)
}

async fn delete_key_pair(environment: Arc<Environment>, context: StepContext, input: KeyPairId) -> StepResult<Nothing> {
    let found = environment.ec2_reads().describe_key_pairs().send().await;
    let found = found.map_err(|error| failure("ec2:DescribeKeyPairs", error))?.key_pairs.unwrap_or_default();
    let found = found.into_iter().find(|found| found.key_pair_id() == Some(&input.key_pair_id));
    let Some(key_name) = found.and_then(|found| found.key_name) else {
        return gone_already(&context, RESOURCE_TYPE, &input.key_pair_id);
    };
    let answer = environment.ec2().delete_key_pair().key_name(key_name).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.key_pair_id), "ec2:DeleteKeyPair", answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_comment_does_not_make_another_key() {
        assert!(is_same_key("ssh-ed25519 AAAA me@here", "ssh-ed25519 AAAA\n"));
        assert!(!is_same_key("ssh-ed25519 AAAA", "ssh-ed25519 AAAB"));
    }
}
