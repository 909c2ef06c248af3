//! Tasks that are given back for another worker: this machine's settings do not allow them, or it lacks a program or a folder.

use std::path::{Path, PathBuf};

use engine::step::{ErrorClass, StepContext, StepError, StepRemedy};
use steps::local_error_names::PROCESS_CANNOT_START;

use super::answer::Outcome;
use crate::{checks::USE_FILES, ui::text::one_line};

/// The number of retries in a visit after which a task is no longer given back. The compiler adds at least one retry more: it
/// stays free for a worker that ends.
const REFUSED_RETRIES_MAX: u32 = 5;

/// Why the folder in FLOW_FILES cannot be used now; `None` if it can.
pub fn folder_problem(folder: &Path) -> Option<String> {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(format!("FLOW_FILES: {shown} is not a folder")),
        Err(error) => Some(format!("FLOW_FILES: {shown} cannot be used: {error}")),
    }
}

/// The error of a step that uses files while the folder of this machine cannot be used, such as one of a share that is not mounted. The
/// step is not called: it would fail for good, or wait for a file that another machine has.
pub(super) async fn without_folder(files: Option<&Path>, resource: &str) -> Option<StepError> {
    let folder: PathBuf = files.filter(|_| USE_FILES.iter().any(|step| resource.starts_with(*step)))?.to_owned();
    // On a separate thread, because disks block.
    let problem = tokio::task::spawn_blocking(move || folder_problem(&folder)).await.ok()??;
    Some(StepError::new(ErrorClass::Permission, problem))
}

/// Whether another worker may succeed: this machine's settings refused the step, or it lacks a program or a folder.
pub(super) fn may_succeed_at_another_worker(error: &StepError) -> bool {
    let is_refused = error.is_refused_here() && error.remedy != Some(StepRemedy::NewExecution);
    is_refused || error.name.as_deref() == Some(PROCESS_CANNOT_START)
}

/// The answer for a task that the worker `name` cannot do: it is given back; after [`REFUSED_RETRIES_MAX`] retries it fails.
pub(super) fn refused_answer(error: &StepError, name: &str, retry_count: u32) -> Outcome {
    let cause = format!("{error} (worker {name})");
    match retry_count < REFUSED_RETRIES_MAX {
        true => Outcome::given_back(cause),
        false => Outcome::failure(error.error_name(), cause),
    }
}

/// The log message about such a task: its cause, and the command of a worker that allows it.
pub(super) fn log_message(error: &StepError, context: &StepContext, command: &str) -> String {
    let StepContext { execution, state_path, .. } = context;
    let mut words = format!("{execution} needs another worker in {state_path}: {error}");
    if let Some(hint) = &error.hint {
        words.push_str(&format!(". {}", hint.replace(&format!("flow resume {execution}"), command)));
    }
    one_line(&words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_task_that_this_machine_does_not_allow_is_given_back_and_fails_if_no_worker_allows_it() {
        let settings = steps::LocalSettings { programs: vec!["/bin/a".into()], ..steps::LocalSettings::default() };
        let hint = format!("To allow it:   {} flow resume test-0000", settings.programs_assignment(["/bin/b"]));
        let error = StepError::new(ErrorClass::Permission, "'/bin/b' is not allowed").hint(hint);
        assert!(may_succeed_at_another_worker(&error));
        let cause = "'/bin/b' is not allowed (worker w-1)";
        for retry_count in 0..REFUSED_RETRIES_MAX {
            assert_eq!(refused_answer(&error, "w-1", retry_count), Outcome::GivenBack(cause.to_owned()));
        }
        let failure = Outcome::Failure { error: "Flow.Permission".to_owned(), cause: cause.to_owned() };
        assert_eq!(refused_answer(&error, "w-1", REFUSED_RETRIES_MAX), failure);
        let words = log_message(&error, &StepContext::for_test("Run"), "flow worker --endpoint http://h");
        let expected = "test-0000 needs another worker in Run: '/bin/b' is not allowed. To allow it:   FLOW_PROGRAMS=/bin/a:/bin/b flow \
                        worker --endpoint http://h";
        assert_eq!(words, expected);
    }

    #[test]
    fn what_no_worker_allows_or_a_service_refuses_fails_at_once() {
        let error = || StepError::new(ErrorClass::Permission, "no");
        assert!(!may_succeed_at_another_worker(&error().during("ec2:CreateVpc")), "a service refused a call");
        let relative =
            error().hint_of_new_execution("Write the program's absolute path in the definition, then run again.");
        assert!(!may_succeed_at_another_worker(&relative), "the definition is wrong");
        assert!(!may_succeed_at_another_worker(&StepError::named("Process.Failed", "exit code 1")));
    }

    #[tokio::test]
    async fn a_task_for_which_this_machine_lacks_a_program_or_a_folder_is_given_back() {
        let error = StepError::named(PROCESS_CANNOT_START, "/bin/b: No such file or directory");
        assert!(may_succeed_at_another_worker(&error));
        let Outcome::Failure { error, .. } = refused_answer(&error, "w-1", REFUSED_RETRIES_MAX) else { panic!() };
        assert_eq!(error, PROCESS_CANNOT_START, "no worker has it");
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("share");
        let problem = async |resource: &str| without_folder(Some(folder.as_path()), resource).await;
        for step in ["flow:file:read", "flow:file:write", "flow:wait:file"] {
            let error = problem(step).await.unwrap();
            assert!(may_succeed_at_another_worker(&error), "{error}");
            let named = format!("FLOW_FILES: {} cannot be used: No such file or directory", folder.display());
            assert!(error.cause.starts_with(&named), "{error}");
        }
        assert_eq!(problem("flow:process:run").await, None, "it uses no file");
        std::fs::write(&folder, "").unwrap();
        assert!(problem("flow:file:read").await.unwrap().cause.ends_with("is not a folder"));
        std::fs::remove_file(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(problem("flow:file:read").await, None);
    }
}
