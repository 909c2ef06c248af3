//! What steps of several services say alike: a deletion, a setting, an id that this execution made.

use engine::step::{Answer, Change, Effect, ErrorClass, StepContext, StepError, StepResult};

use crate::Nothing;

/// Something was deleted.
pub(crate) fn gone(resource_type: &str, id: &str) -> StepResult<Nothing> {
    Ok(Answer::with_effect(Nothing {}, Effect::new(Change::Deleted, resource_type, id)))
}

/// There was nothing to delete or to set.
pub(crate) fn nothing_to_do() -> StepResult<Nothing> {
    Ok(Answer::done(Nothing {}))
}

/// A setting of a resource was changed: a part of making it when this execution made it, else a mending.
pub(crate) fn setting_changed(context: &StepContext, resource_type: &str, id: &str) -> StepResult<Nothing> {
    if context.created.contains_key(id) {
        return nothing_to_do();
    }
    Ok(Answer::with_effect(Nothing {}, Effect::new(Change::Updated, resource_type, id)))
}

/// The ARN that this execution made and that ends in `ending` (such as `:db:demo-db`), else `ending` itself: for calls
/// that name a resource otherwise than by its ARN.
pub(crate) fn made_id<'a>(context: &'a StepContext, ending: &'a str) -> &'a str {
    context.created.keys().find(|id| id.ends_with(ending)).map_or(ending, String::as_str)
}

/// The change of something without tags of its own: if this execution made `parent` and has not reported `part`, it
/// made the part too and the answer was lost.
pub(crate) fn change_of_part(context: &StepContext, parent: &str, part: &str) -> Change {
    let made_here = context.created.contains_key(parent) && !context.created.contains_key(part);
    if made_here { Change::Created } else { Change::Unchanged }
}

/// A resource differs from the input in something that cannot be changed.
pub(crate) fn cannot_change(what: &str, of: &str, there: &str, wanted: &str) -> StepError {
    StepError::new(ErrorClass::Invalid, format!("{what} of {of} is {there}, but the input says {wanted}"))
        .hint("This cannot be changed while it exists: set the input back, or tear the deployment down first.")
}

/// An answer that lacks what it always holds.
pub(crate) fn incomplete_answer(action: &str, what: &str) -> StepError {
    StepError::new(ErrorClass::Unknown, format!("the answer holds no {what}")).during(action)
}

/// Whether both hold the same, in whatever order.
pub(crate) fn same_set<'a, 'b>(
    there: impl IntoIterator<Item = &'a str>,
    wanted: impl IntoIterator<Item = &'b String>,
) -> bool {
    let mut there: Vec<&str> = there.into_iter().collect();
    let mut wanted: Vec<&str> = wanted.into_iter().map(String::as_str).collect();
    there.sort_unstable();
    wanted.sort_unstable();
    there == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_and_a_subnet_group_of_one_name_are_not_taken_for_each_other() {
        let mut context = StepContext::for_test("Create the database");
        let subnet_group = "arn:aws:rds:eu-central-1:123456789012:subgrp:demo-db".to_owned();
        context.created = std::sync::Arc::new([(subnet_group.clone(), 0)].into());
        assert_eq!(made_id(&context, ":db:demo-db"), ":db:demo-db");
        assert_eq!(made_id(&context, ":subgrp:demo-db"), subnet_group);
    }

    #[test]
    fn another_order_is_no_reason_to_change_anything() {
        assert!(same_set(["b", "a"], &["a".to_owned(), "b".to_owned()]));
        assert!(!same_set(["a"], &["a".to_owned(), "b".to_owned()]));
    }
}
