//! The tags with the deployment of each resource. Each service converts them to its own type in its own module.

use std::collections::BTreeMap;

use engine::step::{ChangeAction, StepContext, StepError};

use crate::failure::more_than_one;

/// The tag with the deployment's name. A resource belongs to the deployment if it has this tag.
pub const DEPLOYMENT: &str = "flow:deployment";
/// The tag with the execution that created the resource.
pub const EXECUTION: &str = "flow:execution";
/// The tag with the state that created the resource.
pub const STATE: &str = "flow:state";
/// The tag of a load balancer with the domain whose record this deployment points at it. Further domains have the keys
/// `flow:domain-2`, `flow:domain-3` and so on.
pub const DOMAIN: &str = "flow:domain";
/// The tag of an instance with its Ubuntu release.
pub const RELEASE: &str = "flow:ubuntu-release";
/// The tag that AWS's console shows as the name.
pub const NAME: &str = "Name";

/// AWS's limit on the length of a tag's value.
const VALUE_LENGTH_MAX: usize = 256;

/// The tags of a resource that is about to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    pairs: Vec<(&'static str, String)>,
}

impl Tags {
    /// The three tags of a resource that `context`'s state creates for `deployment`.
    pub fn new(context: &StepContext, deployment: &str) -> Self {
        Tags {
            pairs: vec![
                (DEPLOYMENT, sanitised(deployment)),
                (EXECUTION, sanitised(&context.execution)),
                (STATE, sanitised(&context.state_path)),
            ],
        }
    }

    /// Adds a `Name`.
    pub fn named(mut self, name: &str) -> Self {
        self.pairs.push((NAME, sanitised(name)));
        self
    }

    /// Adds a tag, if it has a value.
    pub fn with(mut self, key: &'static str, value: Option<&str>) -> Self {
        self.pairs.extend(value.map(|value| (key, sanitised(value))));
        self
    }

    /// Keys and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (*key, value.as_str()))
    }
}

/// The tags of an existing resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundTags {
    /// The deployment to which it belongs, if it has the tag.
    pub deployment: Option<String>,
    /// The execution that created it, if it has the tag.
    pub execution: Option<String>,
    /// Its `Name`, if it has the tag.
    pub name: Option<String>,
    /// The domains that point at it, by the keys of their tags: that of the creation, and those of later inputs.
    pub domains: BTreeMap<String, String>,
    /// Its Ubuntu release, if it has the tag.
    pub release: Option<String>,
}

impl FoundTags {
    /// Selects flow's tags from all tags of a resource, given as keys and values. See
    /// [`found_tags!`](crate::found_tags) for the services' own types.
    pub fn of<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found = FoundTags::default();
        for (key, value) in tags {
            match key {
                DEPLOYMENT => found.deployment = Some(value.to_owned()),
                EXECUTION => found.execution = Some(value.to_owned()),
                NAME => found.name = Some(value.to_owned()),
                RELEASE => found.release = Some(value.to_owned()),
                _ if is_domain_key(key) => {
                    found.domains.insert(key.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        found
    }

    /// Whether the resource belongs to `deployment`.
    pub fn is_ours(&self, deployment: &str) -> bool {
        self.deployment.as_deref() == Some(sanitised(deployment).as_str())
    }

    /// The tag that adds `domain` to the domains of the resource; `None` if it has the domain.
    pub fn new_domain(&self, domain: &str) -> Option<(String, String)> {
        let wanted = sanitised(domain);
        if self.domains.values().any(|known| known.eq_ignore_ascii_case(&wanted)) {
            return None;
        }
        let further = (2_u32..).map(|number| format!("{DOMAIN}-{number}"));
        let key = std::iter::once(DOMAIN.to_owned()).chain(further).find(|key| !self.domains.contains_key(key));
        key.map(|key| (key, wanted))
    }

    /// The change to report for a resource of the deployment that does not differ: `Created` if this execution created it and has not
    /// reported it (the answer of that call was lost), else `Unchanged`.
    pub fn change(&self, context: &StepContext, id: &str) -> ChangeAction {
        let made_here = self.execution.as_deref() == Some(sanitised(&context.execution).as_str());
        if made_here && !context.created.contains_key(id) { ChangeAction::Created } else { ChangeAction::Unchanged }
    }
}

/// Whether the tag has a domain: `flow:domain`, `flow:domain-2` and so on.
fn is_domain_key(key: &str) -> bool {
    let further = |number: &str| number.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok());
    key.strip_prefix(DOMAIN).is_some_and(|number| number.is_empty() || further(number))
}

/// [`FoundTags`] of a slice of any service's `Tag` type, whether its fields are optional or not.
#[macro_export]
macro_rules! found_tags {
    ($tags:expr) => {
        $crate::tags::FoundTags::of($tags.iter().map(|tag| {
            (
                $crate::tags::AsOptionalText::as_optional_text(&tag.key).unwrap_or_default(),
                $crate::tags::AsOptionalText::as_optional_text(&tag.value).unwrap_or_default(),
            )
        }))
    };
}

/// A tag's key or value, which some services make optional.
pub trait AsOptionalText {
    /// The text, if there is one.
    fn as_optional_text(&self) -> Option<&str>;
}

impl AsOptionalText for String {
    fn as_optional_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl AsOptionalText for Option<String> {
    fn as_optional_text(&self) -> Option<&str> {
        self.as_deref()
    }
}

/// A value in the form that AWS allows: characters other than letters, digits, spaces and `+-=._:/@` become `-`.
pub fn sanitised(value: &str) -> String {
    value
        .chars()
        .take(VALUE_LENGTH_MAX)
        .map(|c| if c.is_alphanumeric() || " +-=._:/@".contains(c) { c } else { '-' })
        .collect()
}

/// The only match that was found by tag, or `None`.
///
/// # Errors
/// `Invalid` if there are several, with all their ids: a step never chooses silently.
pub fn only_one<T>(
    kind: &str,
    deployment: &str,
    mut found: Vec<T>,
    id: impl Fn(&T) -> Option<&str>,
) -> Result<Option<T>, StepError> {
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|one| id(one).unwrap_or_default().to_owned()).collect();
        return Err(more_than_one(kind, deployment, &ids));
    }
    Ok(found.pop())
}

/// An idempotency token for services that allow only `length` characters.
pub fn short_token(context: &StepContext, length: usize) -> String {
    context.token.chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_state_path_with_commas_is_not_refused_by_aws() {
        let context = StepContext::for_test("Domain, and (certificate)/Request*");
        let tags = Tags::new(&context, "demo");
        let state = tags.pairs().find(|(key, _)| *key == STATE).map(|(_, value)| value.to_owned());
        assert_eq!(state.as_deref(), Some("Domain- and -certificate-/Request-"));
        assert_eq!(sanitised(&"x".repeat(300)).len(), 256);
    }

    #[test]
    fn what_was_made_by_a_lost_call_is_counted_once() {
        let mut context = StepContext::for_test("Create VPC");
        let tags = FoundTags { execution: Some("test-0000".into()), ..FoundTags::default() };
        assert_eq!(tags.change(&context, "vpc-1"), ChangeAction::Created);
        context.created = std::sync::Arc::new([("vpc-1".to_owned(), 0)].into());
        assert_eq!(tags.change(&context, "vpc-1"), ChangeAction::Unchanged);
        let other = FoundTags { execution: Some("test-0001".into()), ..FoundTags::default() };
        assert_eq!(other.change(&context, "vpc-2"), ChangeAction::Unchanged);
    }

    #[test]
    fn each_domain_that_a_load_balancer_has_served_has_a_tag_of_its_own() {
        let tags =
            FoundTags::of([(DOMAIN, "a.example.com"), ("flow:domain-3", "c.example.com"), ("flow:domains", "x")]);
        assert_eq!(tags.domains.len(), 2, "{tags:?}");
        assert_eq!(tags.new_domain("C.example.com"), None);
        let expected = Some(("flow:domain-2".to_owned(), "b.example.com".to_owned()));
        assert_eq!(tags.new_domain("b.example.com"), expected, "no tag of another domain is replaced");
        let first = FoundTags::default().new_domain("a.example.com");
        assert_eq!(first, Some((DOMAIN.to_owned(), "a.example.com".to_owned())), "made by an earlier version");
    }

    #[test]
    fn two_matches_are_never_chosen_between() {
        let error = only_one("VPC", "demo", vec!["vpc-1", "vpc-2"], |id| Some(*id)).unwrap_err();
        assert!(error.cause.contains("vpc-1, vpc-2"), "{error}");
        assert_eq!(only_one("VPC", "demo", vec!["vpc-1"], |id| Some(*id)).unwrap(), Some("vpc-1"));
    }
}
