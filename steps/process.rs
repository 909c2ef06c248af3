//! Programs of this machine that its operator allows in `FLOW_PROGRAMS`: workflows in any language, JSON in and out.

use std::{process::Stdio, sync::Arc, time::Duration};

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::local::{LocalSettings, PROGRAMS};

/// How much of a failed program's last words goes into the cause, in characters.
const LAST_WORDS_CHARACTERS: usize = 2_000;
/// The largest output, in bytes: more is refused anyway.
const OUTPUT_BYTES_MAX: usize = 262_144;
/// How long a program may run where the state has no TimeoutSeconds.
const RUN_TIME_MAX: Duration = Duration::from_secs(3_600);

pub(crate) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(
        registry,
        settings,
        "process:run",
        "Runs a program that FLOW_PROGRAMS allows: Input as JSON on its standard input, its standard output as the result.",
        [],
        run
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Run {
    /// One of the paths in FLOW_PROGRAMS.
    program: String,
    /// Its arguments.
    #[serde(default)]
    arguments: Vec<String>,
    /// What it reads.
    #[serde(default)]
    input: Value,
}

/// The program sees PATH, HOME and LANG, the idempotency token of the visit and the task token; nothing else of ours.
async fn run(settings: Arc<LocalSettings>, context: StepContext, input: Run) -> StepResult<Value> {
    allowed(&settings, &input.program)?;
    let mut command = Command::new(&input.program);
    command.args(&input.arguments).env_clear().kill_on_drop(true);
    for name in ["PATH", "HOME", "LANG"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("FLOW_IDEMPOTENCY_TOKEN", &context.token).env("FLOW_TASK_TOKEN", context.task_token());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begin = |error: std::io::Error| StepError::named("Process.CannotStart", format!("{}: {error}", input.program));
    let mut process = command.spawn().map_err(begin)?;
    if let Some(mut stdin) = process.stdin.take() {
        let text = input.input.to_string();
        // A program need not read what it is given.
        tokio::spawn(async move { drop(stdin.write_all(text.as_bytes()).await) });
    }
    let left =
        context.deadline_ms.map_or(RUN_TIME_MAX, |due| Duration::from_millis(due.saturating_sub(context.now_ms)));
    let ended = tokio::time::timeout(left, process.wait_with_output()).await;
    let output = ended.map_err(|_| StepError::named("States.Timeout", ""))?.map_err(begin)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let skipped = words.chars().count().saturating_sub(LAST_WORDS_CHARACTERS);
        let words: String = words.chars().skip(skipped).collect();
        return Err(StepError::named(
            "Process.Failed",
            format!("{}: {}: {}", input.program, output.status, words.trim()),
        ));
    }
    if output.stdout.len() > OUTPUT_BYTES_MAX {
        let cause = format!("{} printed more than {OUTPUT_BYTES_MAX} bytes", input.program);
        return Err(StepError::named("States.DataLimitExceeded", cause));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let text = text.trim();
    // A program that prints no JSON has printed a text.
    Ok(Answer::done(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))))
}

fn allowed(settings: &LocalSettings, program: &str) -> Result<(), StepError> {
    // By the spelling: `/bin/../bin/sh` is not `/bin/sh`, although it is the same file.
    if settings.programs.iter().any(|path| path.as_os_str() == program && path.is_absolute()) {
        return Ok(());
    }
    let cause = format!("'{program}' is not among the programs that {PROGRAMS} allows");
    Err(StepError::new(ErrorClass::Permission, cause))
}
