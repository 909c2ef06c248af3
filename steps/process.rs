//! Runs programs of this machine that its operator allows in `FLOW_PROGRAMS`, with JSON input and output.
//!
//! A program runs below a supervisor: this same executable, started with [`SUPERVISOR_ARGUMENT`]. The supervisor ends
//! the program and its descendants when the attempt is abandoned or this process dies, even by SIGKILL.

mod lines;
mod output;
mod processes;
mod program;
mod protocol;
mod supervisor;
mod surroundings;
mod turn;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use engine::step::{Answer, ErrorClass, PAYLOAD_BYTES_MAX, Registry, StepContext, StepError, StepResult, error_names};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use lines::{ProgramOutput, ProgramStream, follow_programs};
pub use supervisor::{SUPERVISOR_ARGUMENT, supervise};
pub use surroundings::{TWO_INPUTS, refused_variable};
pub use turn::programs_ended;

use self::{
    lines::Origin,
    program::{Ended, Program, ProgramFailure},
    protocol::Request,
    turn::ProgramTurn,
};
use crate::{
    local_error_names::{PROCESS_CANNOT_START, PROCESS_FAILED},
    local_limits::{OUTPUT_BYTES_MAX, RUN_TIME_MAX, run_time_left},
    local_settings::{LocalSettings, PROGRAMS},
};

/// How much of a failed program's output the cause quotes, in characters.
const TAIL_CHARACTERS: usize = 2_000;
/// The number of characters of a line that a wait shows.
const LINE_CHARACTERS: usize = 200;
/// The longest standard input that is given as a text, in bytes. All arguments of a Task together have the same limit (Step Functions
/// quotas: the input of a Task), so the text is shorter.
const INPUT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;
/// The environment variables that a program inherits.
const INHERITED_VARIABLES: [&str; 3] = ["PATH", "HOME", "LANG"];

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

/// A program and what it gets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Run {
    /// One of the paths in FLOW_PROGRAMS.
    pub(crate) program: String,
    /// Its arguments.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// The standard input of the program, as JSON.
    #[serde(default)]
    pub(crate) input: Value,
    /// The standard input of the program in place of Input: a text. All arguments together have at most 256 KiB as JSON.
    #[serde(default)]
    #[schemars(length(max = INPUT_BYTES_MAX))]
    pub(crate) stdin: Option<String>,
    /// More variables, of those that FLOW_PROGRAM_VARIABLES allows. Their values are stored in the history: no secrets.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Its working folder: an absolute path, below the folder in FLOW_FILES if that is set; else where `flow run` was started.
    #[serde(default)]
    pub(crate) folder: Option<String>,
}

/// Runs the program. It receives PATH, HOME and LANG, the idempotency token of the visit, the task token and the variables
/// of the definition, and no other variable of this process.
async fn run(settings: Arc<LocalSettings>, context: StepContext, input: Run) -> StepResult<Value> {
    allowed(&settings, &context.execution, &input.program)?;
    let time_left = run_time_left(&context);
    let name = input.program.clone();
    let request = surroundings::request(&settings, &context.execution, input).await?;
    // Dropping the program's future ends the program.
    tokio::select! {
        ended = run_in_turn(&context, request) => result(&name, ended),
        () = tokio::time::sleep(time_left) => Err(timed_out(&context, &name)),
        () = context.abandonment.abandoned() => {
            Err(StepError::new(ErrorClass::Failed, format!("{name} was ended: its attempt is over")))
        }
    }
}

/// Runs the program after the previous one of the same state has ended, which may still be ending.
async fn run_in_turn(context: &StepContext, request: Request) -> Result<Ended, ProgramFailure> {
    let turn = ProgramTurn::wait(&context.execution, &context.state_path).await;
    let mut variables = vec![
        ("FLOW_IDEMPOTENCY_TOKEN".into(), context.token.clone().into()),
        ("FLOW_TASK_TOKEN".into(), context.task_token().into()),
    ];
    let inherited = INHERITED_VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
    variables.extend(inherited);
    Program::start(&request, variables, Origin::of(context), turn)?.ended().await
}

/// The end of a program, for a wait that evaluates its exit code.
pub(crate) struct ProgramExit {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The status in words.
    pub status: String,
    /// The output of the program: JSON, else a text.
    pub output: Value,
    /// The last line of its standard error, else of its standard output.
    pub last_line: String,
}

/// Runs a program to its end, whatever its exit code.
///
/// # Errors
/// The program, a variable or the folder is not allowed; it does not start, prints too much, or runs longer than the state allows.
pub(crate) async fn exit_of(
    settings: &LocalSettings,
    context: &StepContext,
    run: Run,
) -> Result<ProgramExit, StepError> {
    allowed(settings, &context.execution, &run.program)?;
    let name = run.program.clone();
    let request = surroundings::request(settings, &context.execution, run).await?;
    let ended = tokio::time::timeout(run_time_left(context), run_in_turn(context, request)).await;
    let ended = ended.map_err(|_| timed_out(context, &name))?.map_err(|failure| failed(&name, failure))?;
    let text = String::from_utf8_lossy(&ended.output).trim().to_owned();
    let said = if ended.error_tail.trim().is_empty() { &text } else { ended.error_tail.trim() };
    let last_line = output::last_characters(said.lines().last().unwrap_or_default(), LINE_CHARACTERS).to_owned();
    Ok(ProgramExit {
        code: ended.status.code(),
        status: ended.status.to_string(),
        output: json_or_text(&text),
        last_line,
    })
}

/// The error of a program that ran too long. With TimeoutSeconds, it has no cause, as at Step Functions.
fn timed_out(context: &StepContext, name: &str) -> StepError {
    if context.deadline_ms.is_some() {
        return StepError::named(error_names::TIMEOUT, "");
    }
    let cause = format!("{name} ran longer than {} s and was ended", RUN_TIME_MAX.as_secs());
    StepError::named(error_names::TIMEOUT, cause)
        .hint_of_new_execution("Set TimeoutSeconds in the state to allow more, then start a new execution.")
}

/// Parses JSON; other output becomes a text.
fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn failed(name: &str, failure: ProgramFailure) -> StepError {
    match failure {
        ProgramFailure::CannotStart(cause) => StepError::named(PROCESS_CANNOT_START, format!("{name}: {cause}")),
        ProgramFailure::TooMuchOutput => StepError::named(
            error_names::DATA_LIMIT_EXCEEDED,
            format!("{name} printed more than {OUTPUT_BYTES_MAX} bytes and was ended"),
        ),
        ProgramFailure::Lost(cause) => StepError::named(PROCESS_FAILED, format!("{name}: {cause}")),
    }
}

fn result(name: &str, ended: Result<Ended, ProgramFailure>) -> StepResult<Value> {
    let ended = ended.map_err(|failure| failed(name, failure))?;
    let text = String::from_utf8_lossy(&ended.output);
    let text = text.trim();
    if !ended.status.success() {
        let tail = if ended.error_tail.trim().is_empty() { text } else { ended.error_tail.trim() };
        let tail = match tail {
            "" => String::new(),
            tail => format!(": {}", output::last_characters(tail, TAIL_CHARACTERS)),
        };
        let cause = format!("{name}: {}{tail}", ended.status);
        return Err(StepError::named(PROCESS_FAILED, cause));
    }
    Ok(Answer::done(json_or_text(text)))
}

fn allowed(settings: &LocalSettings, execution: &str, program: &str) -> Result<(), StepError> {
    if settings.allows_program(program) {
        return Ok(());
    }
    let cause = format!("'{program}' is not among the programs that {PROGRAMS} allows");
    let error = StepError::new(ErrorClass::Permission, cause);
    if !Path::new(program).is_absolute() {
        return Err(error.hint_of_new_execution("Write the program's absolute path in the definition, then run again."));
    }
    Err(error.hint(format!("To allow it:   {} flow resume {execution}", settings.programs_assignment([program]))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::process::ExitStatusExt;

    use engine::step::StepRemedy;

    use super::*;

    fn ended(raw_status: i32, output: &str, error_tail: &str) -> StepResult<Value> {
        let status = std::process::ExitStatus::from_raw(raw_status);
        result("/p", Ok(Ended { status, output: output.into(), error_tail: error_tail.into() }))
    }

    #[test]
    fn output_is_json_or_text() {
        let output = |text| match ended(0, text, "ignored").unwrap() {
            Answer::Done(done) => done.output,
            Answer::Pending(_) => panic!("it is pending"),
        };
        assert_eq!(output(" {\"a\": 1}\n"), serde_json::json!({ "a": 1 }));
        assert_eq!(output(" two words \n"), "two words");
        assert_eq!(output(""), "");
    }

    #[test]
    fn a_failure_quotes_standard_error_or_else_standard_output() {
        let cause = |raw, output, error| ended(raw, output, error).unwrap_err().cause;
        assert_eq!(cause(3 << 8, "out", "no disk\n"), "/p: exit status: 3: no disk");
        assert_eq!(cause(9, "out\n", " \n"), "/p: signal: 9 (SIGKILL): out");
        assert_eq!(cause(1 << 8, "", " \n"), "/p: exit status: 1");
        assert_eq!(cause(1 << 8, "", &"x".repeat(5_000)).len(), "/p: exit status: 1: ".len() + TAIL_CHARACTERS);
    }

    #[test]
    fn only_the_spelling_in_the_list_is_allowed() {
        let settings =
            LocalSettings { programs: vec!["/bin/sh".into(), "relative".into()], ..LocalSettings::default() };
        assert!(allowed(&settings, "e-1", "/bin/sh").is_ok());
        for program in ["/bin/../bin/sh", "/bin//sh", "/bin/sh/", "/bin/sh\0x", "relative", "sh", ""] {
            let error = allowed(&settings, "e-1", program).unwrap_err();
            assert!(error.cause.contains("is not among the programs that FLOW_PROGRAMS allows"), "{program}");
        }
        let hint =
            |settings: &LocalSettings, program: &str| allowed(settings, "e-1", program).unwrap_err().hint.unwrap();
        let none = LocalSettings::default();
        assert_eq!(hint(&none, "/bin/date"), "To allow it:   FLOW_PROGRAMS=/bin/date flow resume e-1");
        assert!(hint(&settings, "/a b").contains("FLOW_PROGRAMS='/bin/sh:relative:/a b' flow resume e-1"));
        assert!(hint(&none, "date").contains("absolute path"));
        let remedy = |program: &str| allowed(&none, "e-1", program).unwrap_err().remedy;
        assert_eq!(remedy("date"), Some(StepRemedy::NewExecution), "the definition is pinned");
        assert_eq!(remedy("/bin/date"), Some(StepRemedy::Resume));
    }
}
