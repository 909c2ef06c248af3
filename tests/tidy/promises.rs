//! Every promise of the README has a test, or a workload that measures it.

use std::path::PathBuf;

/// The beginning of a sentence of the README, and the tests that hold it. A path is a workload of `flow bench`, whose figure is in
/// docs/benchmarks.md.
static PROMISES: [(&str, &[&str]); 19] = [
    (
        "flow runs runbooks as durable workflows",
        &["the_runbook_creates_everything_once_with_every_attribute_then_changes_nothing_then_everything_is_removed"],
    ),
    (
        "A workflow is a file in the Amazon States Language",
        &[
            "the_sections_are_the_documents_in_the_documents_order",
            "no_wait_is_without_a_deadline_and_no_task_without_retries",
        ],
    ),
    ("The result of a step is on disk", &["a_kill_at_any_commit_then_a_resume_leaves_one_of_everything"]),
    (
        "After a crash, a reboot or an expired login",
        &[
            "a_kill_at_any_commit_then_a_resume_leaves_one_of_everything",
            "expired_credentials_pause_and_a_resume_continues",
        ],
    ),
    (
        "The first workflow, `endpoints-aws`, deploys a web application",
        &["the_runbook_creates_everything_once_with_every_attribute_then_changes_nothing_then_everything_is_removed"],
    ),
    (
        "The AWS deployment is rehearsed, killed and resumed",
        &[
            "a_kill_at_any_commit_then_a_resume_leaves_one_of_everything",
            "with_real_looking_credentials_and_endpoints_around_nothing_leaves_the_rehearsal",
        ],
    ),
    (
        "You choose what goes wrong",
        &[
            "the_first_half_of_the_table_of_faults_ends_as_promised",
            "a_fault_that_cannot_occur_is_refused_and_one_that_did_not_is_named",
        ],
    ),
    ("A lost answer makes no second resource", &["a_lost_answer_on_every_changing_call_leaves_one_of_everything"]),
    (
        "Each step makes one change under a token",
        &["every_step_of_the_runbook_is_called_twice_with_one_token_and_there_is_one_of_everything"],
    ),
    (
        "A step whose outcome is unknown searches for its effect",
        &["a_server_error_after_the_effect_on_every_changing_call_leaves_one_of_everything"],
    ),
    ("A plan is the run itself", &["a_plan_changes_nothing_and_agrees_with_the_run_resource_by_resource"]),
    ("It shows resources, waits, costs and permissions", &["a_plan_as_people_see_it"]),
    (
        "A document becomes a workflow",
        &["a_written_document_becomes_a_runbook_that_is_run_by_hand", "documents_of_three_styles_become_runbooks"],
    ),
    (
        "A state that an execution has entered can be entered again",
        &["a_failed_execution_is_resumed_from_a_state_with_what_it_had_then"],
    ),
    (
        "The Amazon States Language is durable on your own disk",
        &["two_hundred_executions_outlive_kill_after_kill_and_each_effect_occurs_once"],
    ),
    (
        "Step Functions clients use `flow serve` as their API",
        &["boto3_starts_lists_stops_and_redrives_as_with_aws", "after_a_kill_tokens_offers_and_waits_continue"],
    ),
    (
        "The same file runs on AWS Step Functions",
        &["every_workflow_does_the_same_on_the_local_engine_and_with_three_workers"],
    ),
    ("A durable step costs one fdatasync", &["a_durable_step_costs_one_fdatasync_and_concurrent_executions_share_it"]),
    ("100,000 waiting executions take", &["bench/sleepers.rs"]),
];

/// The sentences of the introduction, up to the picture, and of the table of what others don't do.
fn sentences(readme: &str) -> Vec<String> {
    let introduction = readme.lines().skip(1).take_while(|line| !line.starts_with("![")).collect::<Vec<_>>().join(" ");
    let table = readme.split("## What it does that others don't").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| **"));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap().to_owned());
    std::iter::once(introduction)
        .chain(cells)
        .flat_map(|text| text.replace("**", "").split(". ").map(str::to_owned).collect::<Vec<_>>())
        .map(|sentence| sentence.trim().trim_end_matches('.').to_owned())
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

#[test]
fn every_promise_of_the_readme_has_a_test() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (sentences, sources) = (sentences(&readme), super::sources());
    let without_test = sentences
        .iter()
        .filter(|sentence| !PROMISES.iter().any(|(promise, _)| sentence.starts_with(promise)))
        .map(|sentence| format!("README.md: no test is named for \"{sentence}\": name one in tests/tidy/promises.rs"));
    let without_sentence = PROMISES
        .iter()
        .filter(|(promise, _)| !sentences.iter().any(|sentence| sentence.starts_with(promise)))
        .map(|(promise, _)| format!("tests/tidy/promises.rs: README.md does not say \"{promise}\""));
    let exists = |name: &str| match name.contains('/') {
        true => root.join(name).is_file(),
        false => sources.iter().any(|(_, text)| text.contains(&format!("fn {name}("))),
    };
    let missing = PROMISES
        .iter()
        .flat_map(|(_, tests)| tests.iter())
        .filter(|name| !exists(name))
        .map(|name| format!("tests/tidy/promises.rs names {name}: no such test"));
    super::report(&without_test.chain(without_sentence).chain(missing).collect::<Vec<_>>());
}
