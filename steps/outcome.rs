//! Answers that steps of several services share: deletions, settings, and ids that this execution created.

use std::{error::Error, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use engine::step::{Answer, ChangeAction, ErrorClass, ResourceChange, StepContext, StepError, StepResult};

use crate::{
    Nothing,
    failure::{failure, is_missing},
};

/// The time for which a created resource may be missing in lists.
const LISTED_WITHIN_MS: u64 = 20_000;
const CHECK_AGAIN: Duration = Duration::from_secs(5);

/// The answer of a deletion.
pub(crate) fn gone(resource_type: &str, id: &str) -> StepResult<Nothing> {
    Ok(Answer::with_change(Nothing {}, ResourceChange::new(ChangeAction::Deleted, resource_type, id)))
}

/// The answer if the resource to delete does not exist: an earlier call of this state deleted it and its answer was
/// lost, or it never existed.
pub(crate) fn gone_already(context: &StepContext, resource_type: &str, id: &str) -> StepResult<Nothing> {
    if may_have_deleted(context) { gone(resource_type, id) } else { nothing_to_do() }
}

/// The step's answer after `action`, the call that deletes a resource. A resource that does not exist counts as deleted.
pub(crate) fn deleted<T, E>(
    context: &StepContext,
    (resource_type, id): (&str, &str),
    action: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> StepResult<Nothing>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match answer {
        Ok(_) => gone(resource_type, id),
        Err(error) if is_missing(&error) => gone_already(context, resource_type, id),
        Err(error) => Err(failure(action, error)),
    }
}

/// Whether this state may have deleted the resource earlier: in this visit, or in one that a resume repeats. A deletion that is
/// reported twice counts once, because the id is the same.
pub(crate) fn may_have_deleted(context: &StepContext) -> bool {
    called_before(context) || context.visit > 1
}

/// The context of a step that waits for a deletion. The wait ends when the resource is missing, also one that this execution created: in
/// another context its NotFound would count as eventual consistency, and the wait would not end. A worker counts every id in the arguments
/// as created.
pub(crate) fn of_deletion(context: StepContext) -> StepContext {
    StepContext { created: Default::default(), ..context }
}

/// Whether this visit has called the service earlier: in an earlier attempt, or in a process that ended.
pub(crate) fn called_before(context: &StepContext) -> bool {
    context.attempt > 1 || context.poll > 1
}

/// The answer if there is nothing to delete or to set.
pub(crate) fn nothing_to_do() -> StepResult<Nothing> {
    Ok(Answer::done(Nothing {}))
}

/// The answer of a changed setting. It is part of the creation if this execution created the resource, else an update.
pub(crate) fn setting_changed(context: &StepContext, resource_type: &str, id: &str) -> StepResult<Nothing> {
    if context.created.contains_key(id) {
        return nothing_to_do();
    }
    Ok(Answer::with_change(Nothing {}, ResourceChange::new(ChangeAction::Updated, resource_type, id)))
}

/// The ARN that this execution created and that ends in `ending` (such as `:db:demo-db`), else `ending` itself: for
/// calls that do not name a resource by its ARN.
pub(crate) fn made_id<'a>(context: &'a StepContext, ending: &'a str) -> &'a str {
    context.created.keys().find(|id| id.ends_with(ending)).map_or(ending, String::as_str)
}

/// The change of a part without tags that exists as wanted. It is `Created` if this execution has not reported `part`, and has created
/// `parent` or called the service earlier in this visit: then the answer of that call was lost.
pub(crate) fn change_of_part(context: &StepContext, parent: &str, part: &str) -> ChangeAction {
    if context.created.contains_key(part) {
        return ChangeAction::Unchanged;
    }
    let made_here = context.created.contains_key(parent) || called_before(context);
    if made_here { ChangeAction::Created } else { ChangeAction::Unchanged }
}

/// The change of a resource that has neither tags nor a parent, such as a DNS record, and that exists as wanted: an
/// earlier call of this visit created it and its answer was lost, or it existed.
pub(crate) fn change_without_tags(context: &StepContext, id: &str) -> ChangeAction {
    change_of_part(context, "", id)
}

/// Whether the deadline may pass before the next poll. The engine's time-out has only the reason of the last poll, so the step reports its
/// finding one interval earlier, because a poll takes some time.
pub(crate) fn is_last_poll(context: &StepContext, interval: Duration) -> bool {
    let next_ms =
        context.now_ms.saturating_add(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).saturating_mul(2));
    context.deadline_ms.is_some_and(|deadline_ms| next_ms >= deadline_ms)
}

/// The error of a resource that differs from the input in a property that cannot be changed.
pub(crate) fn cannot_change(what: &str, of: &str, existing: &str, wanted: &str) -> StepError {
    StepError::new(ErrorClass::Invalid, format!("{what} of {of} is {existing}, but the input says {wanted}"))
        .hint("This cannot be changed while it exists: set the input back, or tear the deployment down first.")
}

/// The error of an answer without a field that it always has.
pub(crate) fn incomplete_answer(action: &str, what: &str) -> StepError {
    StepError::new(ErrorClass::Unknown, format!("the answer holds no {what}")).during(action)
}

/// For a creating call that found nothing: `Pending` while a resource that an earlier call of the same visit created
/// may not be listed yet. The earlier call's answer was lost, or its process ended. Lists and filters of AWS are
/// delayed by seconds (EC2 API Reference, "Eventual consistency"). Without this, a VPC, which has no idempotency token,
/// would be created twice.
pub(crate) fn earlier_call_may_be_listed<T>(context: &StepContext) -> Option<Answer<T>> {
    let polled_ms = context.now_ms.saturating_sub(context.first_poll_ms);
    (called_before(context) && polled_ms < LISTED_WITHIN_MS)
        .then(|| Answer::pending("an earlier call may have created it; checking again", CHECK_AGAIN))
}

/// The failure of a creating call whose name belongs to a resource that is not listed yet.
pub(crate) fn taken_but_not_listed(mut failure: StepError) -> StepError {
    failure.class = ErrorClass::NotConsistentYet;
    failure
}

/// Whether both contain the same texts, in any order.
pub(crate) fn same_set<'a, 'b>(
    existing: impl IntoIterator<Item = &'a str>,
    wanted: impl IntoIterator<Item = &'b String>,
) -> bool {
    let mut existing: Vec<&str> = existing.into_iter().collect();
    let mut wanted: Vec<&str> = wanted.into_iter().map(String::as_str).collect();
    existing.sort_unstable();
    wanted.sort_unstable();
    existing == wanted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
    fn a_list_that_lags_is_read_several_times_before_anything_is_created_again() {
        let mut context = StepContext::for_test("Create VPC");
        assert_eq!(earlier_call_may_be_listed::<()>(&context), None, "no call precedes the first one");
        context.attempt = 2;
        let mut polls = 1;
        while let Some(Answer::Pending(pending)) = earlier_call_may_be_listed::<()>(&context) {
            context.now_ms += pending.check_again_after.as_millis() as u64;
            polls += 1;
        }
        assert_eq!((polls, context.now_ms), (5, 20_000));
        (context.attempt, context.poll, context.now_ms) = (1, 2, 0);
        assert!(earlier_call_may_be_listed::<()>(&context).is_some(), "the process of the first call ended");
    }

    #[test]
    fn a_deletion_whose_answer_was_lost_is_counted() {
        let mut context = StepContext::for_test("Delete the VPC");
        assert_eq!(gone_already(&context, "AWS::EC2::VPC", "vpc-1").unwrap(), Answer::done(Nothing {}));
        context.attempt = 2;
        assert_eq!(gone_already(&context, "AWS::EC2::VPC", "vpc-1").unwrap(), gone("AWS::EC2::VPC", "vpc-1").unwrap());
        (context.attempt, context.visit) = (1, 2);
        assert!(may_have_deleted(&context), "the execution was resumed after the call");
    }

    #[test]
    fn a_part_or_a_record_whose_creating_answer_was_lost_counts_as_created() {
        let mut context = StepContext::for_test("Create the validation record");
        assert_eq!(change_without_tags(&context, "a CNAME"), ChangeAction::Unchanged);
        assert_eq!(change_of_part(&context, "sg-1", "sgr-1"), ChangeAction::Unchanged);
        context.attempt = 2;
        assert_eq!(change_without_tags(&context, "a CNAME"), ChangeAction::Created);
        assert_eq!(change_of_part(&context, "sg-1", "sgr-1"), ChangeAction::Created);
        context.created = std::sync::Arc::new([("sgr-1".to_owned(), 0)].into());
        assert_eq!(change_of_part(&context, "sg-1", "sgr-1"), ChangeAction::Unchanged);
    }

    #[test]
    fn a_wait_reports_what_it_knows_before_the_engine_gives_up() {
        let mut context = StepContext::for_test("Wait until SSH lets ubuntu in");
        context.now_ms = 120_000;
        assert!(!is_last_poll(&context, Duration::from_secs(30)), "without a deadline");
        context.deadline_ms = Some(130_000);
        assert!(is_last_poll(&context, Duration::from_secs(30)) && is_last_poll(&context, Duration::from_secs(5)));
        assert!(!is_last_poll(&context, Duration::from_secs(4)));
    }

    #[test]
    fn another_order_is_no_reason_to_change_anything() {
        assert!(same_set(["b", "a"], &["a".to_owned(), "b".to_owned()]));
        assert!(!same_set(["a"], &["a".to_owned(), "b".to_owned()]));
    }
}
