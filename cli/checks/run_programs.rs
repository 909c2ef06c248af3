//! The steps that need a setting of the machine on which they act.

/// The `Resource`s of the steps that run a program. Their arguments `Program`, `Arguments`, `Input`, `Environment` and `Folder` are the
/// same.
pub const RUN_PROGRAMS: [&str; 2] = ["flow:process:run", "flow:wait:program"];
/// The beginnings of the `Resource`s of the steps that use files of this machine.
pub const USE_FILES: [&str; 2] = ["flow:file:", "flow:wait:file"];
/// The steps among them that log in to a server that this machine's operator declares.
pub const LOG_IN: [&str; 1] = ["flow:ssh:run"];

/// Whether a `Resource` begins like one of these steps, or is the activity of one in a definition that `flow deploy` compiled.
pub(super) fn is_of(resource: &str, steps: &[&str]) -> bool {
    let activity = resource.rsplit_once(":activity:").map(|(_, activity)| activity);
    steps.iter().any(|step| {
        let is_activity = |activity: &str| activity.starts_with(&step.replace(':', "-"));
        resource.starts_with(step) || activity.is_some_and(is_activity)
    })
}
