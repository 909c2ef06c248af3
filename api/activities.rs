//! Activities: CreateActivity, DeleteActivity, DescribeActivity, ListActivities. Their tasks are fetched by workers.

use engine::store::{DocumentChanges, Store};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn, paging,
    records::{ActivityRecord, activity_key, seconds, tags_key},
    request::{Page, checked_name},
    tags::{self, Tag},
};

/// A request of CreateActivity.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateActivityRequest {
    name: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    encryption_configuration: Option<Value>,
}

/// A request that names an activity.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActivityRequest {
    activity_arn: String,
}

/// Whether the activity exists. A store that cannot be read answers true: the task then waits instead of failing.
pub(crate) fn exists(store: &Store, arn: &str) -> bool {
    let found = |name: String| !matches!(store.document::<IgnoredAny>(&activity_key(&name)), Ok(None));
    arn::activity(arn).is_ok_and(found)
}

impl Api {
    pub(crate) async fn create_activity(&self, request: CreateActivityRequest) -> Answer {
        checked_name(&request.name)?;
        let _changing = self.changing.lock().await;
        let arn = self.activity_arn(&request.name);
        let key = activity_key(&request.name);
        let created_ms = match self.runner.store().document::<ActivityRecord>(&key)? {
            Some(found) if found.encryption_configuration == request.encryption_configuration => found.created_ms,
            Some(_) => {
                let message = format!("Activity Already Exists: '{arn}'");
                return Err(Fault::new("ActivityAlreadyExists", message));
            }
            None => {
                let created_ms = self.now_ms();
                let encryption_configuration = request.encryption_configuration;
                let mut changes = DocumentChanges::default();
                changes.put(&key, &ActivityRecord { name: request.name, created_ms, encryption_configuration })?;
                changes.put(&tags_key(&arn), &tags::collected(request.tags)?)?;
                self.runner.store().change_documents(changes)?;
                created_ms
            }
        };
        Ok(json!({ "activityArn": arn, "creationDate": seconds(created_ms) }))
    }

    pub(crate) fn activity(&self, arn: &str) -> Result<ActivityRecord, Fault> {
        let found = self.runner.store().document(&activity_key(&arn::activity(arn)?))?;
        found.ok_or_else(|| Fault::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'")))
    }

    pub(crate) fn describe_activity(&self, request: &ActivityRequest) -> Answer {
        let activity = self.activity(&request.activity_arn)?;
        let mut answer = json!({
            "activityArn": request.activity_arn, "name": activity.name, "creationDate": seconds(activity.created_ms),
        });
        let encryption = activity.encryption_configuration.unwrap_or_else(|| json!({ "type": "AWS_OWNED_KEY" }));
        answer["encryptionConfiguration"] = encryption;
        Ok(answer)
    }

    /// Lists activities by name, in the order of AWS.
    pub(crate) fn list_activities(&self, page: &Page) -> Answer {
        paging::documents(self.runner.store(), ("activities", "activity/"), page, |activity: ActivityRecord| {
            let arn = self.activity_arn(&activity.name);
            Ok(Some(json!({
                "activityArn": arn, "name": activity.name, "creationDate": seconds(activity.created_ms),
            })))
        })
    }

    pub(crate) async fn delete_activity(&self, request: ActivityRequest) -> Answer {
        let name = arn::activity(&request.activity_arn)?;
        let _changing = self.changing.lock().await;
        self.delete(&[activity_key(&name), tags_key(&self.activity_arn(&name))])?;
        // Tasks that a worker has fetched can still be answered.
        self.runner.withdraw_offers(&request.activity_arn).await?;
        Ok(json!({}))
    }
}
