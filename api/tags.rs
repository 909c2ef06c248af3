//! Tags of state machines and activities.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    records::{self, ResourceTags, tags_key},
};

/// The number of tags that a resource may have (API Reference, TagResource).
const TAGS_MAX: usize = 50;

/// A tag.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// A request of TagResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagRequest {
    resource_arn: String,
    tags: Vec<Tag>,
}

/// A request of UntagResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UntagRequest {
    resource_arn: String,
    tag_keys: Vec<String>,
}

/// A request of ListTagsForResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTagsRequest {
    resource_arn: String,
}

/// Collects the tags of a new resource.
pub(crate) fn collected(tags: Vec<Tag>) -> Result<ResourceTags, Fault> {
    added(ResourceTags::new(), tags)
}

fn added(mut all: ResourceTags, tags: Vec<Tag>) -> Result<ResourceTags, Fault> {
    all.extend(tags.into_iter().map(|tag| (tag.key, tag.value)));
    if all.len() > TAGS_MAX {
        return Err(Fault::new("TooManyTags", format!("A resource has at most {TAGS_MAX} tags")));
    }
    Ok(all)
}

impl Api {
    /// The document key of an existing resource's tags.
    fn tagged(&self, arn: &str) -> Result<String, Fault> {
        let missing = || Fault::no_resource_with(arn);
        let (key, canonical) = match arn::parse(arn)? {
            arn::Resource::StateMachine { name, qualifier: None } => {
                (records::machine_key(&name), self.state_machine_arn(&name))
            }
            arn::Resource::Activity { name } => (records::activity_key(&name), self.activity_arn(&name)),
            // Versions and aliases have no tags.
            arn::Resource::StateMachine { .. } => return Err(missing()),
            arn::Resource::Execution { .. } | arn::Resource::MapRun(_) | arn::Resource::Child(_) => {
                return Err(arn::wrong_kind(arn));
            }
        };
        let found: Option<Value> = self.runner.store().document(&key)?;
        found.map(|_| tags_key(&canonical)).ok_or_else(missing)
    }

    fn tags(&self, key: &str) -> Result<ResourceTags, Fault> {
        Ok(self.runner.store().document(key)?.unwrap_or_default())
    }

    pub(crate) async fn tag(&self, request: TagRequest) -> Answer {
        let _changing = self.changing.lock().await;
        let key = self.tagged(&request.resource_arn)?;
        self.put(&key, &added(self.tags(&key)?, request.tags)?)?;
        Ok(json!({}))
    }

    pub(crate) async fn untag(&self, request: UntagRequest) -> Answer {
        let _changing = self.changing.lock().await;
        let key = self.tagged(&request.resource_arn)?;
        let mut tags = self.tags(&key)?;
        tags.retain(|key, _| !request.tag_keys.contains(key));
        self.put(&key, &tags)?;
        Ok(json!({}))
    }

    pub(crate) fn list_tags(&self, request: &ListTagsRequest) -> Answer {
        let tags = self.tags(&self.tagged(&request.resource_arn)?)?;
        let tags: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
        Ok(json!({ "tags": tags }))
    }
}
