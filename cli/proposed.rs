//! The options that every proposed command repeats, so that the pasted command works: the home, and the engine with its endpoint, region
//! and profile, as given to this command.

use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result},
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

use serde_json::Value;

use crate::{
    global::Global,
    ids::REHEARSAL_PREFIX,
    shell::{option, quote_name, quote_word},
};

/// The options of this command, as text that follows a proposed command: `flow resume {id}{OPTIONS}`.
pub const OPTIONS: Options = Options;

static GIVEN: OnceLock<Given> = OnceLock::new();
static ENGINE: OnceLock<String> = OnceLock::new();
static WORKER: OnceLock<String> = OnceLock::new();
static WORKER_VARIABLES: OnceLock<String> = OnceLock::new();
/// The state machines of this command's executions at Step Functions, by the execution's name.
static MACHINES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Displays the options, with a space before each.
pub struct Options;

/// The options on the command line; those from environment variables need not be repeated.
struct Given {
    home: Option<PathBuf>,
    profile: Option<String>,
    region: Option<String>,
}

/// Remembers the options of the command line. Called before environment variables fill the others.
pub fn remember(global: &Global) {
    let Global { home, profile, region, .. } = global.clone();
    // Pasted into another folder, a relative path would name another home.
    let home = home.map(|home| std::path::absolute(&home).unwrap_or(home));
    let _ = GIVEN.set(Given { home, profile, region });
}

/// Remembers that the command is for the executions at Step Functions: at the endpoint that its options give, if they do, and at
/// `endpoint` in any case.
pub fn remember_step_functions(given_endpoint: Option<&str>, endpoint: &str) {
    let given = GIVEN.get();
    let located = [
        ("region", given.and_then(|given| given.region.as_deref())),
        ("profile", given.and_then(|given| given.profile.as_deref())),
    ];
    let of_all = |endpoint: Option<&str>| -> String {
        let named = [("endpoint", endpoint)].into_iter().chain(located);
        named.filter_map(|(name, value)| value.map(|value| option(name, value))).collect()
    };
    let _ = ENGINE.set(format!(" --engine sfn{}", of_all(given_endpoint)));
    let _ = WORKER.set(of_all(Some(endpoint)));
}

/// Stores the variables that a worker needs for the definition of this command, as they precede a command. Only the first call has an
/// effect. Does nothing for executions that are not at Step Functions: no other command proposes a worker.
pub fn remember_worker_variables(find: impl FnOnce() -> String) {
    if is_at_step_functions() {
        WORKER_VARIABLES.get_or_init(find);
    }
}

/// The command that starts a worker for the tasks of this command's executions; `None` if they are not at Step Functions. Unlike other
/// commands, a worker always names the endpoint.
pub fn worker_command() -> Option<String> {
    let variables = WORKER_VARIABLES.get().map_or("", String::as_str);
    WORKER.get().map(|options| format!("{variables}flow worker{}{options}", home_option()))
}

/// Commands that are run one after the other, as a message proposes them.
pub fn in_order(commands: &[String]) -> String {
    commands.join("   , then   ")
}

fn home_option() -> String {
    let home = GIVEN.get().and_then(|given| given.home.as_ref());
    home.map_or_else(String::new, |home| option("home", &home.to_string_lossy()))
}

/// Whether the command is for the executions at Step Functions.
pub fn is_at_step_functions() -> bool {
    ENGINE.get().is_some()
}

impl Display for Options {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&home_option())?;
        f.write_str(ENGINE.get().map_or("", String::as_str))
    }
}

/// The options of a proposed `flow run` that takes the input of the execution `id`, with a space before each: `--rehearse` for a
/// rehearsal, else the profile and the region of this command, because a new execution has its own location.
pub fn run_options(id: &str) -> String {
    if id.starts_with(REHEARSAL_PREFIX) { format!(" --rehearse{OPTIONS}") } else { format!("{}{OPTIONS}", location()) }
}

/// The command that runs the input of an execution again, with a file's definition if one is given, from a state. A rehearsal
/// starts at its beginning: `--from` is not for rehearsals.
pub fn again_from(file: Option<&str>, id: &str, state: &str) -> String {
    let file = file.map_or_else(String::new, |file| format!(" {}", quote_word(file)));
    let from = if id.starts_with(REHEARSAL_PREFIX) { String::new() } else { format!(" --from {}", quote_name(state)) };
    format!("flow run{file} --again {}{from}{}", quote_id(id), run_options(id))
}

/// The field of an execution's environment that names its state machine at Step Functions.
pub const STATE_MACHINE: &str = "stateMachine";

/// Remembers the state machine of an execution at Step Functions that this command is about.
pub fn remember_machine(id: &str, machine: &str) {
    MACHINES.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), machine.to_owned());
}

/// The id of an execution that this command is about, as a word of a proposed command. At Step Functions it is `MACHINE:NAME`: another
/// state machine may have an execution of this name.
pub fn quote_id(id: &str) -> String {
    let machines = MACHINES.lock().unwrap_or_else(PoisonError::into_inner);
    quote_name(&with_machine(id, machines.get(id).map(String::as_str)))
}

/// The same for one of several executions, from its environment.
pub fn quote_id_in(id: &str, environment: &Value) -> String {
    quote_name(&with_machine(id, environment[STATE_MACHINE].as_str()))
}

/// The name by which a command finds an execution of a state machine; without one, its id.
pub fn with_machine(id: &str, machine: Option<&str>) -> String {
    match machine.filter(|machine| !machine.is_empty()) {
        Some(machine) => format!("{machine}:{id}"),
        None => id.to_owned(),
    }
}

/// The command that runs the input of an execution again: with a file's definition, if `file` is given; at Step Functions with the
/// definition that is deployed now under the name of its state machine, as `flow run` takes it. `environment` is the execution's.
pub fn run_again(file: Option<&str>, id: &str, environment: &Value) -> String {
    // `flow run` takes a word with one of these as a path.
    let machine = environment[STATE_MACHINE].as_str().filter(|name| !name.is_empty() && !name.contains(['/', '.']));
    let what = file.or(machine).map_or_else(String::new, |what| format!(" {}", quote_word(what)));
    format!("flow run{what} --again {}{}", quote_id(id), run_options(id))
}

/// A message of a step with the options of this command after each of flow's commands. A command has three spaces or the
/// message's ends around it.
pub fn with_command_options(message: &str) -> String {
    with_options(message, &location(), &OPTIONS.to_string())
}

fn with_options(message: &str, location: &str, options: &str) -> String {
    let complete = |part: &str| {
        let words: Vec<&str> = command_of(part).map_or_else(Vec::new, |command| command.split(' ').collect());
        let is_sentence = part.contains(", ") || part.ends_with(['.', ':']);
        match words.as_slice() {
            _ if is_sentence => part.to_owned(),
            ["flow", "run", others @ ..] if !others.contains(&"--rehearse") => format!("{part}{location}{options}"),
            ["flow", _, ..] => format!("{part}{options}"),
            _ => part.to_owned(),
        }
    };
    message.split("   ").map(complete).collect::<Vec<_>>().join("   ")
}

/// Whether a message of a step has one of these commands of flow, which works when pasted. A command has three spaces or the message's ends
/// around it.
pub fn has_command(message: &str, verbs: &[&str]) -> bool {
    let verb = |part| command_of(part)?.split(' ').nth(1);
    message.split("   ").filter_map(verb).any(|verb| verbs.contains(&verb))
}

/// The command of flow that a part of a message is, without the environment variables before it; their values may be quoted.
fn command_of(part: &str) -> Option<&str> {
    if part.starts_with("flow ") {
        return Some(part);
    }
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let (_, values) = part.split_once('=').filter(|(name, _)| is_name(name))?;
    let at = part.len() - values.len() + values.find(" flow ")?;
    part.get(at + 1..)
}

/// The profile and the region on the command line. Those for Step Functions are among [`OPTIONS`].
fn location() -> String {
    let Some(given) = GIVEN.get().filter(|_| ENGINE.get().is_none()) else { return String::new() };
    let given = [("profile", &given.profile), ("region", &given.region)];
    given.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| option(name, value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        STATE_MACHINE, again_from, has_command, quote_id, quote_id_in, remember_machine, run_again, with_options,
    };

    #[test]
    fn an_execution_at_step_functions_is_run_again_with_what_is_deployed_under_its_name() {
        let deployed = json!({ "engine": "sfn", STATE_MACHINE: "wp" });
        assert_eq!(run_again(None, "p1", &deployed), "flow run wp --again p1");
        assert_eq!(
            run_again(None, "p1", &json!({ STATE_MACHINE: "a.b" })),
            "flow run --again p1",
            "it would be a path"
        );
        assert_eq!(run_again(Some("/f/my own.yaml"), "p1", &Value::Null), "flow run '/f/my own.yaml' --again p1");
        assert_eq!(run_again(None, "p1", &Value::Null), "flow run --again p1");
    }

    #[test]
    fn the_commands_for_an_execution_at_step_functions_name_its_state_machine() {
        remember_machine("of-two", "job");
        assert_eq!((quote_id("of-two"), quote_id("of-none")), ("job:of-two".to_owned(), "of-none".to_owned()));
        assert_eq!(run_again(None, "of-two", &Value::Null), "flow run --again job:of-two");
        assert_eq!(quote_id_in("two", &json!({ "engine": "sfn", STATE_MACHINE: "wp" })), "wp:two");
        assert_eq!(quote_id_in("two", &json!({ "kind": "aws" })), "two");
    }

    #[test]
    fn a_rehearsal_is_run_again_as_a_rehearsal_and_from_its_beginning() {
        assert_eq!(again_from(None, "b-1", "Verify it"), "flow run --again b-1 --from 'Verify it'");
        assert_eq!(again_from(Some("b.yaml"), "b-1", "A"), "flow run b.yaml --again b-1 --from A");
        assert_eq!(again_from(None, "rehearsal-b-1", "A"), "flow run --again rehearsal-b-1 --rehearse");
    }

    #[test]
    fn a_command_in_a_message_is_one_that_can_be_pasted() {
        let resumes = |message: &str| has_command(message, &["resume"]);
        assert!(resumes("To allow it:   FLOW_FILES=FOLDER flow resume x   with the folder"));
        assert!(resumes("To allow it:   FLOW_PROGRAMS='/bin/sh:/a b' flow resume x"), "a value may have spaces");
        assert!(!resumes("Repair it, then flow resume x.") && !resumes("More:   flow run --again x"));
    }

    #[test]
    fn the_commands_in_a_steps_message_get_the_options_of_this_command() {
        let complete = |message: &str| with_options(message, " --profile p", " --home /h");
        assert_eq!(
            complete("To delete it:   flow run t --set deployment=d   , or delete it by hand."),
            "To delete it:   flow run t --set deployment=d --profile p --home /h   , or delete it by hand."
        );
        assert_eq!(
            complete("More:   flow run --again r --rehearse --set a=1"),
            "More:   flow run --again r --rehearse --set a=1 --home /h"
        );
        assert_eq!(complete("then   FLOW_FILES=/f flow resume x"), "then   FLOW_FILES=/f flow resume x --home /h");
        for sentence in [
            "Repair it, then flow resume.",
            "a=b is why flow runs it",
            "flow resume, or a Retry rule, starts the program again",
        ] {
            assert_eq!(complete(sentence), sentence);
        }
    }
}
