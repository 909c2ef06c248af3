//! Collects what AWS reports about a service that does not become stable, which a person would otherwise look up.

use aws_sdk_ecs::types::{Container, DesiredStatus, Service, ServiceEvent, Task};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};
use engine::step::{ErrorClass, StepContext, StepError};

use super::service_wait::{WaitForService, health};
use crate::{
    Environment,
    failure::{failure, run_again},
    logs::last_lines,
};

const EVENTS_MAX: usize = 5;
const TASKS_MAX: i32 = 5;
const TARGETS_MAX: usize = 5;
const LINE_LENGTH_MAX: usize = 300;
const HINT: &str = "Repair the cause and run again with the same input: a new deployment of the service is started.";
/// The text in the log (from the kernel) and the reason of a stopped task (from ECS) if an image is built for another processor (Amazon ECS
/// Developer Guide, "CannotPullContainer task errors": "does not contain descriptor matching platform"). The registry has the image's
/// processor, but flow calls no registries.
const OTHER_PLATFORM: [&str; 3] =
    ["exec format error", "contain descriptor matching platform", "no matching manifest for linux/amd64"];
const OTHER_PLATFORM_HINT: &str = "The image is built for another processor: the tasks run on X86_64, so it must contain linux/amd64. Build \
                                   it with   --platform linux/amd64   and run again with its name as application.image.";

/// The failure of the wait, with everything that was found.
pub(super) async fn explain(
    environment: &Environment,
    context: &StepContext,
    input: &WaitForService,
    cause: String,
    service: &Service,
    targets: &[TargetHealthDescription],
) -> StepError {
    let sections = [
        ("last events of the service", Ok(events(service))),
        ("stopped tasks", stopped_tasks(environment, input).await),
        ("targets that are not healthy", Ok(targets.iter().filter_map(unhealthy).take(TARGETS_MAX).collect())),
        ("end of the log", last_lines(environment, &input.log_group).await),
    ];
    let cause = written(cause, sections);
    let hint = format!("{}   {}", hint(&cause), run_again(context, ""));
    StepError::new(ErrorClass::Failed, cause).hint_of_new_execution(hint)
}

/// The repair for a failure with this text.
fn hint(cause: &str) -> &'static str {
    let cause = cause.to_lowercase();
    if OTHER_PLATFORM.iter().any(|words| cause.contains(words)) { OTHER_PLATFORM_HINT } else { HINT }
}

type Section = (&'static str, Result<Vec<String>, StepError>);

fn written(cause: String, sections: impl IntoIterator<Item = Section>) -> String {
    let mut text = cause;
    for (title, lines) in sections {
        text.push_str(&format!("\n{title}:"));
        match lines {
            Ok(lines) if lines.is_empty() => text.push_str(" none"),
            Ok(lines) => lines.iter().for_each(|line| text.push_str(&format!("\n  {}", shortened(line)))),
            Err(error) => text.push_str(&format!(" not known ({})", shortened(&error.to_string()))),
        }
    }
    text
}

fn shortened(line: &str) -> String {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LINE_LENGTH_MAX {
        return line;
    }
    line.chars().take(LINE_LENGTH_MAX).chain(['…']).collect()
}

/// The messages of the last events, newest first, as ECS lists them.
fn events(service: &Service) -> Vec<String> {
    service.events().iter().filter_map(ServiceEvent::message).take(EVENTS_MAX).map(str::to_owned).collect()
}

async fn stopped_tasks(environment: &Environment, input: &WaitForService) -> Result<Vec<String>, StepError> {
    let ecs = environment.ecs_reads();
    let listed = ecs
        .list_tasks()
        .cluster(&input.cluster_arn)
        .service_name(&input.service_name)
        .desired_status(DesiredStatus::Stopped)
        .max_results(TASKS_MAX)
        .send()
        .await
        .map_err(|error| failure("ecs:ListTasks", error))?;
    let arns = listed.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let described = ecs.describe_tasks().cluster(&input.cluster_arn).set_tasks(Some(arns)).send().await;
    let described = described.map_err(|error| failure("ecs:DescribeTasks", error))?;
    Ok(described.tasks().iter().map(stopped_task).collect())
}

fn stopped_task(task: &Task) -> String {
    let id = task.task_arn().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    let reason = task.stopped_reason().unwrap_or("ECS gives no reason");
    let containers: Vec<String> = task.containers().iter().filter_map(stopped_container).collect();
    if containers.is_empty() {
        return format!("{id}: {reason}");
    }
    format!("{id}: {reason} ({})", containers.join("; "))
}

fn stopped_container(container: &Container) -> Option<String> {
    let name = container.name().unwrap_or("container");
    match (container.exit_code(), container.reason()) {
        (None, None) => None,
        (Some(code), None) => Some(format!("{name}: exit code {code}")),
        (None, Some(reason)) => Some(format!("{name}: {reason}")),
        (Some(code), Some(reason)) => Some(format!("{name}: exit code {code}, {reason}")),
    }
}

fn unhealthy(target: &TargetHealthDescription) -> Option<String> {
    let state = health(target).filter(|state| **state != TargetHealthStateEnum::Healthy)?;
    let id = target.target().and_then(|target| target.id()).unwrap_or("target");
    let health = target.target_health();
    let reason = health.and_then(|health| health.reason()).map_or("", |reason| reason.as_str());
    let description = health.and_then(|health| health.description()).unwrap_or_default();
    let words: Vec<&str> = [state.as_str(), reason, description].into_iter().filter(|word| !word.is_empty()).collect();
    Some(format!("{id}: {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealth, TargetHealthReasonEnum};

    use super::*;

    #[test]
    fn a_failure_says_what_a_person_would_go_and_look_for() {
        let container = Container::builder().name("endpoints").exit_code(1).reason("OutOfMemoryError").build();
        let task = Task::builder()
            .task_arn("arn:aws:ecs:eu-central-1:1:task/demo/abc")
            .stopped_reason("Essential container in task exited")
            .containers(container);
        let health = TargetHealth::builder()
            .state(TargetHealthStateEnum::Unhealthy)
            .reason(TargetHealthReasonEnum::ResponseCodeMismatch)
            .description("Health checks failed with these codes: [502]")
            .build();
        let target = TargetDescription::builder().id("10.100.10.7").build();
        let target = TargetHealthDescription::builder().set_target(target.into()).target_health(health).build();
        let text = written(
            "service demo failed: its deployment is FAILED".to_owned(),
            [
                ("last events of the service", Ok(Vec::new())),
                ("stopped tasks", Ok(vec![stopped_task(&task.build())])),
                ("targets that are not healthy", Ok(unhealthy(&target).into_iter().collect())),
                ("end of the log", Err(StepError::new(ErrorClass::Permission, "no").during("logs:GetLogEvents"))),
            ],
        );
        assert_eq!(
            text,
            "service demo failed: its deployment is FAILED\n\
             last events of the service: none\n\
             stopped tasks:\n  abc: Essential container in task exited (endpoints: exit code 1, OutOfMemoryError)\n\
             targets that are not healthy:\n  10.100.10.7: unhealthy, Target.ResponseCodeMismatch, \
             Health checks failed with these codes: [502]\n\
             end of the log: not known (logs:GetLogEvents: no)"
        );
    }

    #[test]
    fn an_image_for_another_processor_is_named_as_the_cause() {
        let reasons = [
            "end of the log:\n  exec /usr/local/bin/java: exec format error",
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
        ];
        for reason in reasons {
            assert!(hint(reason).contains("linux/amd64"), "{reason}");
        }
        assert_eq!(hint("Essential container in task exited"), HINT);
    }

    #[test]
    fn a_stack_trace_in_one_line_does_not_fill_the_terminal() {
        assert_eq!(shortened(&"x".repeat(1000)).chars().count(), LINE_LENGTH_MAX + 1);
        assert_eq!(shortened("a\n\tb"), "a b");
    }
}
