//! The reports of the services to the steps over all services: the holders of names, and the obstacles to changes and deletions.

use crate::tags::FoundTags;

/// The holder of a name.
pub(crate) enum NameHolder {
    Nobody,
    /// A resource with these tags, which may be empty.
    Tagged(FoundTags),
    /// A resource that holds the name for another reason.
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

/// The findings of the services about the input.
#[derive(Debug, Default)]
pub(crate) struct Objections {
    /// Changes that are not supported, each in a sentence.
    pub(crate) problems: Vec<String>,
    /// The parts of the input that have no effect, each in a sentence.
    pub(crate) notes: Vec<String>,
}

/// The findings of the services about the deletions.
#[derive(Debug, Default)]
pub(crate) struct DeletionFindings {
    /// The obstacles to the deletions, each in a sentence.
    pub(crate) problems: Vec<String>,
    /// The data that is lost, each in a sentence.
    pub(crate) notes: Vec<String>,
    /// The resources that the deletions leave, as far as a plan can find it.
    pub(crate) stays: Vec<String>,
}
