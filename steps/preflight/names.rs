//! Checks whether the names that a deployment needs are free or already its own.

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Environment, SERVICES,
    service::{CheckNames, Holders, NameHolder, actions_of},
    tags::FoundTags,
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkNames",
        "Checks that every name that the deployment needs is free or already its own.",
        actions_of(|service| service.name_actions()),
        check_names
    );
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedNames {
    /// Such as `load balancer demo`.
    free: Vec<String>,
    /// The names that this deployment has created already.
    ours: Vec<String>,
}

async fn check_names(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CheckNames,
) -> StepResult<CheckedNames> {
    let mut holders = Holders::default();
    for service in SERVICES {
        service.check_names(&environment, &input, &mut holders).await?;
    }
    sorted_out(&input.deployment, holders.checked).map(Answer::done)
}

/// Sorts names into free names and names of the deployment, or reports all taken names in one error.
fn sorted_out(deployment: &str, checked: Vec<(String, NameHolder)>) -> Result<CheckedNames, StepError> {
    let mut names = CheckedNames::default();
    let mut taken = Vec::new();
    for (what, holder) in checked {
        match holder {
            NameHolder::Nobody => names.free.push(what),
            NameHolder::Tagged(tags) if tags.is_ours(deployment) => names.ours.push(what),
            NameHolder::Tagged(FoundTags { deployment: Some(other), .. }) => {
                taken.push(format!("{what} belongs to deployment {other}"));
            }
            NameHolder::Tagged(_) => taken.push(format!("{what} exists and carries no tags of a deployment")),
            NameHolder::Kept(why) => taken.push(format!("{what} {why}")),
        }
    }
    if taken.is_empty() {
        return Ok(names);
    }
    Err(StepError::new(ErrorClass::NameTaken, format!("names are taken: {}", taken.join("; ")))
        .hint(format!("Choose another name for the deployment than {deployment}, or remove what has the names.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn all_taken_names_are_reported_at_once() {
        let tags = |deployment: Option<&str>| {
            NameHolder::Tagged(FoundTags { deployment: deployment.map(Into::into), ..FoundTags::default() })
        };
        let checked = vec![
            ("load balancer demo".to_owned(), NameHolder::Nobody),
            ("cluster demo".to_owned(), tags(Some("demo"))),
            ("role demo".to_owned(), tags(Some("other"))),
            ("topic demo".to_owned(), tags(None)),
            ("secret demo".to_owned(), NameHolder::Kept("is scheduled for deletion".to_owned())),
        ];
        let error = sorted_out("demo", checked).unwrap_err();
        assert_eq!(error.class, ErrorClass::NameTaken);
        assert_eq!(
            error.cause,
            "names are taken: role demo belongs to deployment other; topic demo exists and carries no tags of a \
             deployment; secret demo is scheduled for deletion"
        );
        let names = sorted_out("demo", vec![("cluster demo".to_owned(), tags(Some("demo")))]).unwrap();
        assert_eq!(names.ours, ["cluster demo"]);
    }
}
