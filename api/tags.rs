//! Tags of state machines and activities.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    records::{self, Tags, tags_key},
};

/// How many tags a resource may have (API Reference, TagResource).
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
pub(crate) struct ListRequest {
    resource_arn: String,
}

impl Api {
    fn tagged_exists(&self, arn: &str) -> Result<(), Fault> {
        let key = match arn::parse(arn)? {
            arn::Resource::StateMachine { name, qualifier: None } => records::machine_key(&name),
            arn::Resource::Activity { name } => records::activity_key(&name),
            _ => return Err(Fault::new("InvalidArn", format!("Invalid Arn: '{arn}' cannot have tags"))),
        };
        let found: Option<Value> = self.runner.store().document(&key)?;
        found.map(drop).ok_or_else(|| Fault::new("ResourceNotFound", format!("Resource not found: '{arn}'")))
    }

    pub(crate) fn tags_of(&self, arn: &str) -> Result<Tags, Fault> {
        Ok(self.runner.store().document(&tags_key(arn))?.unwrap_or_default())
    }

    pub(crate) fn add_tags(&self, arn: &str, tags: Vec<Tag>) -> Result<(), Fault> {
        if tags.is_empty() {
            return Ok(());
        }
        let mut all = self.tags_of(arn)?;
        all.extend(tags.into_iter().map(|tag| (tag.key, tag.value)));
        if all.len() > TAGS_MAX {
            return Err(Fault::new("TooManyTags", format!("A resource has at most {TAGS_MAX} tags")));
        }
        self.put(&tags_key(arn), &all)
    }

    pub(crate) async fn tag(&self, request: TagRequest) -> Answer {
        let _changing = self.changing.lock().await;
        self.tagged_exists(&request.resource_arn)?;
        self.add_tags(&request.resource_arn, request.tags)?;
        Ok(json!({}))
    }

    pub(crate) async fn untag(&self, request: UntagRequest) -> Answer {
        let _changing = self.changing.lock().await;
        self.tagged_exists(&request.resource_arn)?;
        let mut tags = self.tags_of(&request.resource_arn)?;
        tags.retain(|key, _| !request.tag_keys.contains(key));
        self.put(&tags_key(&request.resource_arn), &tags)?;
        Ok(json!({}))
    }

    pub(crate) fn list_tags(&self, request: &ListRequest) -> Answer {
        self.tagged_exists(&request.resource_arn)?;
        let tags = self.tags_of(&request.resource_arn)?;
        let tags: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
        Ok(json!({ "tags": tags }))
    }
}
