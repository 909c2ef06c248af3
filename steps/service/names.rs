//! The holders of the names that a deployment needs.

use crate::tags::FoundTags;

/// The holder of a name.
pub(crate) enum NameHolder {
    Nobody,
    /// A resource with these tags, which may be empty.
    Tagged(FoundTags),
    /// A resource that holds the name for a reason of its own.
    Kept(String),
}

impl NameHolder {
    /// The holder with the tags of the resource with a name; `None` if no resource has it.
    pub(crate) fn of(tags: Option<FoundTags>) -> Self {
        tags.map_or(NameHolder::Nobody, NameHolder::Tagged)
    }
}

/// The holders of the names that are checked so far, in the order of the checks.
#[derive(Default)]
pub(crate) struct Holders {
    /// Kind and name, such as `load balancer demo`, and the holder.
    pub(crate) checked: Vec<(String, NameHolder)>,
}

impl Holders {
    /// Adds the holder of the name of a `kind` of resource, such as `load balancer`.
    pub(crate) fn add(&mut self, kind: &str, name: &str, holder: NameHolder) {
        self.checked.push((format!("{kind} {name}"), holder));
    }
}
