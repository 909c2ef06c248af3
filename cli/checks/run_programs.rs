//! The steps that run a program of this machine.

/// Their `Resource`s. Their arguments `Program`, `Arguments`, `Input`, `Environment` and `Folder` are the same.
pub const RUN_PROGRAMS: [&str; 2] = ["flow:process:run", "flow:wait:program"];

/// Whether a `Resource` is one of them, or its activity in a definition that `flow deploy` compiled.
pub(super) fn runs_program(resource: &str) -> bool {
    let activity = resource.rsplit_once(":activity:").map(|(_, activity)| activity);
    RUN_PROGRAMS.iter().any(|step| {
        let is_activity = |activity: &str| activity.starts_with(&format!("{}-", step.replace(':', "-")));
        resource == *step || activity.is_some_and(is_activity)
    })
}
