//! The figures of `docs/scale.md` are those of the code.

use super::root;

/// A file, the line with its constant, and what the document says of it.
const FIGURES: [(&str, &str, &str); 27] = [
    ("cli/worker/poller.rs", "const POLLS_MAX: usize = 8;", "up to 8 times at once while tasks do"),
    ("cli/worker.rs", "const TASKS_MAX: usize = 1_000;", "It holds up to 1,000 tasks"),
    ("cli/worker/task.rs", "const FIRST_SLOT_MAX: Duration = Duration::from_secs(10);", "After 10 s it is given back"),
    ("cli/worker/task.rs", "const FIRST_SLOT_RETRIES_MAX: u32 = 3;", "at most three times in a visit of its state"),
    (
        "cli/worker/given_back.rs",
        "const REFUSED_RETRIES_MAX: u32 = 5;",
        "Once a task has been retried five times in a visit of its state",
    ),
    ("cli/ui/display.rs", "const WORKER_LATE_MS: u64 = 60_000;", "at the end of the watch, or after another minute"),
    ("cli/wire/connections.rs", "const CONNECTIONS_MAX: usize = 4_096;", "files that it may open, at most 4,096"),
    (
        "cli/commands/deploy.rs",
        "const HEARTBEAT_SECONDS_DEFAULT: u64 = 60;",
        "after HeartbeatSeconds (60, `flow deploy --heartbeat`)",
    ),
    ("cli/commands/worker.rs", "const DRAIN_SECONDS_DEFAULT: u64 = 300;", "longer than `--drain` seconds (300)"),
    (
        "cli/worker/poller.rs",
        "const POLL_END_MAX: Duration = Duration::from_secs(65);",
        "up to 65 s for its open polls to end",
    ),
    (
        "cli/worker/answer.rs",
        "const LAST_ANSWERS_MAX: Duration = Duration::from_secs(10);",
        "the worker repeats them up to 10 s",
    ),
    (
        "cli/commands/outage.rs",
        "const OUTAGE_MAX: Duration = Duration::from_secs(300);",
        "wait up to 5 minutes for a service that cannot be reached",
    ),
    ("cli/ui/next.rs", "const WORKER_EXPECTED_MS: u64 = 3_000;", "say after 3 s that a task waits for a worker"),
    ("cli/commands/watch.rs", "const NO_WAIT_DEFAULT: &str = \"10s\";", "`--no-wait=DURATION` (10 s without a value)"),
    (
        "cli/commands/watch/follow.rs",
        "const QUIET_MIN: Duration = Duration::from_secs(1);",
        "or for 1 s if DURATION is shorter",
    ),
    ("engine/runner/offers.rs", "const AVOIDED_MAX: Duration = Duration::from_secs(2);", "keeps the task for 2 s"),
    (
        "engine/runner/offers.rs",
        "const POLLS_AGAIN_WITHIN: Duration = Duration::from_secs(60);",
        "polled the step within the last minute",
    ),
    ("deploy/wrap.rs", "const WORKER_ATTEMPTS: u32 = 6;", "is retried 6 times, or as often"),
    ("cli/step_functions/may_ask.rs", "const READ_MAX: usize = 1_000;", "reads up to 1,000 histories"),
    ("cli/step_functions/may_ask.rs", "all_max: 10_000 }", "it lists up to 10,000 running executions"),
    (
        "cli/step_functions/listing.rs",
        "const LISTED_MAX: usize = 100_000;",
        "list up to 100,000 of up to 1,000 state machines",
    ),
    ("cli/step_functions/map_runs.rs", "const CHILDREN_MAX: i32 = 20;", "the newest 20 child executions"),
    ("cli/step_functions.rs", "const HISTORY: (u32, u32) = (200, 10);", "use half of the first figures"),
    ("deploy/run_size.rs", "const EVENTS_MAX: u64 = 25_000;", "writes more than 25,000 events"),
    ("deploy/compile.rs", "const DEFINITION_BYTES_MAX: usize = 1 << 20;", "definition | 1 MB, hard"),
    (
        "cli/commands/deploy/size.rs",
        "const DOLLARS_PER_MILLION_TRANSITIONS: f64 = 25.0;",
        "$0.025 for 1,000 state transitions",
    ),
    ("deploy/plan.rs", "const ALIAS: &str = \"deployed\";", "the alias `deployed`"),
];

#[test]
fn the_figures_of_scale_are_those_of_the_code() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let document = read("docs/scale.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for (file, constant, words) in FIGURES {
        assert!(read(file).contains(constant), "{file} has no {constant}: change the figure here and in docs/scale.md");
        assert!(document.contains(words), "docs/scale.md has no '{words}', which is what {file} does");
    }
}
