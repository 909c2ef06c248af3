//! Checks the activities that Tasks name: an execution fails at once at one that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    asl::{Diagnostic, each_state},
    step::{Resource, error_names::ACTIVITY_MUST_EXIST},
    store::is_name,
};
use serde_json::Value;

/// The digits of an account's id.
const ACCOUNT_DIGITS: usize = 12;

/// The activities of which the problems warn.
pub fn warned_of(found: &[Diagnostic], definition: &Value) -> Vec<String> {
    let named = named(definition);
    let warnings = found.iter().filter(|problem| problem.code == ACTIVITY_MUST_EXIST);
    warnings.filter_map(|problem| named.get(&problem.location).cloned()).collect()
}

/// The activities of a definition, by the location of the Resource that names them. The values of placeholders are not known.
fn named(definition: &Value) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    each_state(definition, &mut |raw| {
        let resource = raw.json["Resource"].as_str().filter(|_| raw.json["Type"] == "Task").unwrap_or_default();
        if Resource::parse(resource) == Resource::Activity && !resource.contains("${") {
            named.insert(format!("{}/Resource", raw.pointer), resource.to_owned());
        }
    });
    named
}

/// Keeps the warnings of activities that do not exist. Without a store that lists the existing ones, one warning names all of them.
pub fn compare_with_store(found: &mut Vec<Diagnostic>, definition: &Value, missing: Option<&[String]>) {
    if let Some(missing) = missing {
        let (named, missing) = (named(definition), missing.iter().collect::<BTreeSet<_>>());
        let exists = |problem: &Diagnostic| named.get(&problem.location).is_some_and(|arn| !missing.contains(arn));
        return found.retain(|problem| problem.code != ACTIVITY_MUST_EXIST || !exists(problem));
    }
    let named = warned_of(found, definition);
    let mut is_first = true;
    found.retain_mut(|problem| {
        if problem.code != ACTIVITY_MUST_EXIST {
            return true;
        }
        if is_first && named.len() > 1 {
            problem.message = format!(
                "{} activities must exist when their states are entered, or the execution fails with States.Runtime: {}.",
                named.len(),
                named.join(", ")
            );
        }
        std::mem::take(&mut is_first)
    });
}

/// Warns once of each activity that does not exist at the service to which a definition is deployed.
pub fn missing_at_service(definition: &Value, exists: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut warned = BTreeSet::new();
    let named = named(definition).into_iter();
    let missing = named.filter(|(_, arn)| problem_of(arn).is_none() && !exists(arn) && warned.insert(arn.clone()));
    let warning = |(at, arn): (String, String)| {
        let message = format!(
            "The service has no activity {arn} in the account and the region of the deployment: until it exists there, an execution \
             that enters this state fails with States.Runtime."
        );
        Diagnostic::warning(ACTIVITY_MUST_EXIST, &at, message)
    };
    missing.map(warning).collect()
}

/// Reports ARNs that no activity can have, and warns once of each activity, which must be created before its Task.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let (mut found, mut warned) = (Vec::new(), BTreeSet::new());
    for (at, resource) in named(definition) {
        if let Some(problem) = problem_of(&resource) {
            let message = format!("No activity can have the ARN {resource}: {problem}.");
            found.push(Diagnostic::error("ACTIVITY_ARN_INVALID", &at, message));
        } else if warned.insert(resource.clone()) {
            let message = format!(
                "The activity {resource} must exist when this state is entered, or the execution fails with States.Runtime."
            );
            found.push(Diagnostic::warning(ACTIVITY_MUST_EXIST, &at, message));
        }
    }
    found
}

/// Why no activity can have an ARN; `None` if one can.
fn problem_of(arn: &str) -> Option<String> {
    // Its form is `arn:PARTITION:states:REGION:ACCOUNT:activity:NAME`.
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let (region, account, name) = (part(3), part(4), part(6));
    let is_account = account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
    match (region.is_empty(), is_account, is_name(name)) {
        (true, ..) => Some("it has no region".to_owned()),
        (_, false, _) => Some(format!("'{account}' is no account id of {ACCOUNT_DIGITS} digits")),
        (.., false) => Some(format!("'{name}' is no name of an activity")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(resources: &[&str]) -> Vec<(String, String)> {
        let states: serde_json::Map<String, Value> = resources
            .iter()
            .enumerate()
            .map(|(number, resource)| {
                (format!("S{number}"), json!({ "Type": "Task", "Resource": resource, "End": true }))
            })
            .collect();
        let found = problems(&json!({ "StartAt": "S0", "States": states }));
        found.into_iter().map(|problem| (problem.code.to_owned(), problem.message)).collect()
    }

    #[test]
    fn an_arn_that_no_activity_can_have_is_an_error() {
        for (arn, problem) in [
            ("arn:aws:states::111111111111:activity:work", "it has no region"),
            ("arn:aws:states:us-east-1:1111:activity:work", "'1111' is no account id"),
            ("arn:aws:states:us-east-1:111111111111:activity:a b", "'a b' is no name"),
            ("arn:aws:states:us-east-1:111111111111:activity:", "'' is no name"),
        ] {
            let found = codes(&[arn]);
            assert!(found.len() == 1 && found[0].0 == "ACTIVITY_ARN_INVALID", "{arn}: {found:?}");
            assert!(found[0].1.contains(problem), "{found:?}");
        }
    }

    #[test]
    fn an_activity_of_another_account_does_not_exist_where_a_definition_is_deployed() {
        let arn = |account: &str| format!("arn:aws:states:us-east-1:{account}:activity:work");
        let (here, elsewhere) = (arn("111111111111"), arn("222222222222"));
        let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
        let states =
            json!({ "A": task(&here), "B": task(&elsewhere), "C": task(&elsewhere), "D": task("flow:test:make") });
        let found = missing_at_service(&json!({ "StartAt": "A", "States": states }), |arn| arn == here);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].location == "/States/B/Resource" && found[0].message.contains(&elsewhere), "{found:?}");
    }

    #[test]
    fn an_activity_that_must_be_created_is_a_warning_given_once() {
        let arn = "arn:aws:states:us-east-1:111111111111:activity:work";
        let found = codes(&[arn, arn]);
        assert!(found.len() == 1 && found[0].0 == "ACTIVITY_MUST_EXIST", "{found:?}");
        let other = "arn:aws:states:us-east-1:111111111111:activity:other";
        let definition = json!({ "StartAt": "A", "States": {
            "A": { "Type": "Task", "Resource": arn, "Next": "B" }, "B": { "Type": "Task", "Resource": other, "End": true } } });
        let warned = |missing: Option<&[String]>| {
            let mut found = problems(&definition);
            compare_with_store(&mut found, &definition, missing);
            found.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        assert_eq!(warned_of(&problems(&definition), &definition), [arn, other]);
        assert!(warned(Some(&[])).is_empty(), "both exist");
        let missing = warned(Some(&[other.to_owned()]));
        assert!(missing.len() == 1 && missing[0].contains(other), "{missing:?}");
        let unknown = warned(None);
        assert!(unknown.len() == 1 && unknown[0].contains(arn) && unknown[0].contains(other), "{unknown:?}");
        let placeholder = "arn:aws:states:us-east-1:${Account}:activity:work";
        assert!(codes(&[placeholder, "flow:process:run"]).is_empty());
    }
}
