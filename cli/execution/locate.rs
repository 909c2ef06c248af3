//! Finds the execution that the user names, and its home.

use std::collections::BTreeSet;

use api::flow::{
    Answerer, FindExecutions, FindRequest, FindResponse, LATEST, ListExecutions, ListRequest, ListResponse, Needs,
};
use engine::machine::ExecutionHeader;
use rehearsal::World;

use crate::{
    environments::Environments,
    exit::CliError,
    global::Global,
    home::Home,
    owner::Handle,
    proposed::{OPTIONS, STATE_MACHINE, remember_machine},
    shell::{quote_name, unescape_name},
    target::{Engine, Target},
    this_process,
};

/// The most executions of a home that are read for `@latest`, or for a name that no id begins with.
const SEARCHED_MAX: usize = 1_000;
/// The most executions of a name that are shown.
const NAMED_SHOWN_MAX: usize = 5;

/// An execution, with a handle to read it.
pub struct Located {
    /// Its header, without its input.
    pub header: ExecutionHeader,
    /// The handle to the store or the engine in which it was found.
    pub handle: Handle,
}

impl Located {
    /// An execution that a command is about.
    fn new(header: ExecutionHeader, handle: Handle) -> Self {
        this_process::is_about(&header.id);
        Located { header, handle }
    }

    /// The execution's id, and a handle to record an answer in its store.
    ///
    /// # Errors
    /// As [`Handle::record_answer`].
    pub async fn answer(self) -> Result<(String, Handle), CliError> {
        let Located { header, handle } = self;
        if handle.at_step_functions().await.is_some() {
            return Ok((header.id, handle));
        }
        let home = handle.home().clone();
        // Closed first: a process can open a store only once.
        drop(handle);
        Ok((header.id, Handle::record_answer(Environments::new(home)).await?))
    }
}

/// Finds the execution that the user names, at the engine of the command.
///
/// # Errors
/// As [`locate`].
pub async fn locate_at(global: &Global, target: &Target, wanted: &str) -> Result<Located, CliError> {
    let Some(handle) = target.handle(global).await? else { return locate(global, wanted).await };
    let wanted = named(wanted)?;
    let mut found = handle.call::<FindExecutions>(FindRequest { wanted: wanted.to_owned() }).await?;
    match found.matches.len() {
        1 => {
            let header = found.matches.remove(0);
            if let Some(machine) = header.environment[STATE_MACHINE].as_str() {
                remember_machine(&header.id, machine);
            }
            Ok(Located::new(header, handle))
        }
        _ => Err(no_single(wanted, found.matches.iter())),
    }
}

/// Finds the execution with an id, a unique prefix, an ARN, or `@latest`. Both homes are searched concurrently.
///
/// # Errors
/// No execution matches, or several do, or a store cannot be read.
pub async fn locate(global: &Global, wanted: &str) -> Result<Located, CliError> {
    if wanted == LATEST {
        let latest = latest(global, Latest::Begun).await?;
        return latest
            .ok_or_else(|| CliError::not_found("there is no execution yet").hint("flow run <workflow> starts one"));
    }
    let wanted = named(wanted)?;
    let (real, rehearsals) = (Home::real(global)?, Home::rehearsals(global)?);
    let ((real, found), (rehearsals, rehearsed)) = tokio::try_join!(find(&real, wanted), find(&rehearsals, wanted))?;
    let (mut in_real, mut in_rehearsals) = (found.matches, rehearsed.matches);
    match (found.exact, rehearsed.exact) {
        (true, _) => in_rehearsals.clear(),
        (_, true) => in_real.clear(),
        _ => {}
    }
    match (in_real.len(), in_rehearsals.len()) {
        (1, 0) => Ok(Located::new(in_real.remove(0), real)),
        (0, 1) => Ok(Located::new(in_rehearsals.remove(0), rehearsals)),
        (0, 0) => {
            let error = no_single(wanted, [].into_iter());
            Err(match hint_of(&named_by_client(&real, wanted).await?) {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
        _ => Err(no_single(wanted, in_real.iter().chain(&in_rehearsals))),
    }
}

/// The executions that a client of the API started under a name, latest first. Their ids in this home begin
/// with the name of their state machine.
async fn named_by_client(home: &Handle, name: &str) -> Result<Vec<ExecutionHeader>, CliError> {
    let request = ListRequest { limit: Some(SEARCHED_MAX), ..ListRequest::default() };
    let mut executions = home.call::<ListExecutions>(request).await?.executions;
    executions.retain(|header| is_named(&header.id, name));
    executions.truncate(NAMED_SHOWN_MAX);
    Ok(executions)
}

/// The hint with the ids of executions that have the name at Step Functions; `None` without any.
fn hint_of(named: &[ExecutionHeader]) -> Option<String> {
    let ids: Vec<String> = named.iter().map(|header| quote_name(&header.id)).collect();
    let ids = Some(ids.join(", ")).filter(|ids| !ids.is_empty())?;
    Some(format!("the id of an execution that a client of the API started begins with its state machine's name: {ids}"))
}

/// Whether an id of this home consists of the name of a state machine and this name of an execution.
fn is_named(id: &str, name: &str) -> bool {
    id.strip_suffix(name).is_some_and(|machine| machine.len() > 1 && machine.ends_with(':'))
}

/// Finds the execution of an answer: as [`locate`], and `@latest` is the latest execution with an approval that waits, if one exists.
///
/// # Errors
/// As [`locate`].
pub async fn locate_asking(global: &Global, wanted: &str) -> Result<Located, CliError> {
    if wanted == LATEST
        && let Some(asking) = latest(global, Latest::Asks).await?
    {
        return Ok(asking);
    }
    locate(global, wanted).await
}

/// Finds the execution of a signal: as [`locate_at`], and `@latest` is the latest execution of this machine that waits in the state for an
/// answer with its task token, if there is one.
///
/// # Errors
/// As [`locate_at`].
pub async fn locate_signalled(
    global: &Global,
    target: &Target,
    wanted: &str,
    state: &str,
) -> Result<Located, CliError> {
    if wanted == LATEST
        && target.engine == Engine::Local
        && let Some(waiting) = latest(global, Latest::Waits(state)).await?
    {
        return Ok(waiting);
    }
    locate_at(global, target, wanted).await
}

/// The executions that `@latest` selects from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latest<'s> {
    /// All.
    Begun,
    /// Executions with an approval that waits.
    Asks,
    /// Executions that wait in the state with this name or path for an answer with its task token.
    Waits(&'s str),
}

impl Latest<'_> {
    /// Whether it selects an execution with these needs.
    fn selects(self, needs: &Needs) -> bool {
        match (self, &needs.answerer) {
            (Latest::Begun, _) | (Latest::Asks, Answerer::Person(_)) => true,
            (Latest::Asks, _) | (Latest::Waits(_), Answerer::Person(_) | Answerer::Worker) => false,
            (Latest::Waits(state), _) => {
                let rest = needs.state.strip_suffix(state);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            }
        }
    }
}

/// The latest execution of both homes.
async fn latest(global: &Global, of: Latest<'_>) -> Result<Option<Located>, CliError> {
    let (real, rehearsals) = (Home::real(global)?, Home::rehearsals(global)?);
    let ((real, in_real), (rehearsals, in_rehearsals)) =
        tokio::try_join!(latest_in(&real, of), latest_in(&rehearsals, of))?;
    Ok(match (in_real, in_rehearsals) {
        (Some((begun, _)), Some((rehearsed, header))) if rehearsed > begun => Some(Located::new(header, rehearsals)),
        (Some((_, header)), _) => Some(Located::new(header, real)),
        (None, Some((_, header))) => Some(Located::new(header, rehearsals)),
        (None, None) => None,
    })
}

/// The latest execution of a home, with its real start.
async fn latest_in(home: &Home, of: Latest<'_>) -> Result<(Handle, Option<(RealStart, ExecutionHeader)>), CliError> {
    let handle = Handle::read(home).await?;
    let asks = of != Latest::Begun;
    // A real home lists the latest first. The clocks of rehearsals differ, so all their starts are compared.
    let limit = if asks || home.rehearsal { SEARCHED_MAX } else { 1 };
    let request = ListRequest { limit: Some(limit), until_ms: None, unfinished: asks, with_needs: asks };
    let ListResponse { executions, needs, .. } = handle.call::<ListExecutions>(request).await?;
    let is_asking =
        |header: &ExecutionHeader| needs.iter().any(|needs| needs.execution == header.id && of.selects(needs));
    let world = home.rehearsal.then(|| World::read(home.folder()).ok().flatten()).flatten();
    let selected = executions.into_iter().filter(|header| !asks || is_asking(header));
    let started = selected.map(|header| (RealStart::of(&header, home.rehearsal, world.as_ref()), header));
    let latest = started.max_by(|(a, first), (b, second)| (a, &first.id).cmp(&(b, &second.id)));
    Ok((handle, latest))
}

/// The time at which an execution began in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RealStart {
    /// A rehearsal of a world that has ended, on that world's clock. Its real start is not known, and it cannot
    /// continue: every other execution is later.
    OfEndedWorld(u64),
    /// In milliseconds since the Unix epoch.
    At(u64),
}

impl RealStart {
    /// The clock of a rehearsal runs faster than real time, so its executions seem to begin in the future.
    fn of(header: &ExecutionHeader, is_rehearsal: bool, world: Option<&World>) -> Self {
        let started_ms = header.started_ms;
        match world.filter(|world| header.environment["world"] == world.id.as_str()) {
            _ if !is_rehearsal => RealStart::At(started_ms),
            None => RealStart::OfEndedWorld(started_ms),
            Some(world) => {
                let since_ms = started_ms.saturating_sub(world.started_at_ms) as f64 / world.speed.max(0.001);
                RealStart::At(world.started_at_ms + since_ms as u64)
            }
        }
    }
}

/// The error of a command on an execution that was found, and pruned before the command reached it. Any other error is returned unchanged.
pub fn if_pruned(id: &str, error: CliError) -> CliError {
    match error.fault.as_deref() {
        Some("ExecutionDoesNotExist") => {
            CliError { message: format!("{id} was pruned meanwhile: nothing was changed"), ..error }
        }
        _ => error,
    }
}

/// The error for a text that matches no execution, or several. Executions of several state machines of AWS Step Functions can have
/// one name.
pub fn no_single<'h>(wanted: &str, matches: impl Iterator<Item = &'h ExecutionHeader>) -> CliError {
    let found: Vec<_> = matches.collect();
    let names: BTreeSet<_> = found.iter().map(|header| &header.id).collect();
    let share_a_name = names.len() < found.len();
    let name = |header: &&ExecutionHeader| match share_a_name {
        true => format!("{}:{}", header.workflow, header.id),
        false => header.id.clone(),
    };
    let names: Vec<_> = found.iter().map(name).collect();
    match names.as_slice() {
        [] => CliError::not_found(format!("there is no execution named '{wanted}'"))
            .hint(format!("flow status{OPTIONS} lists all")),
        [first, ..] => CliError::not_found(format!("'{wanted}' matches several executions: {}", names.join(", ")))
            .hint(match share_a_name {
                true => format!("name the state machine too, as in {first}"),
                false => "give more characters of the id".to_owned(),
            }),
    }
}

/// The id, or the beginning of one, that a word of the command line means. The operations read `@latest` as the latest execution, so an
/// escaped `@latest` would act on another execution than the named one.
///
/// # Errors
/// It is an escaped `@latest`.
pub fn named(word: &str) -> Result<&str, CliError> {
    let name = unescape_name(word);
    match name == LATEST && word != LATEST {
        true => Err(CliError::not_found(format!("no execution is found by '{word}' alone"))
            .hint(format!("give more characters of the id, or {LATEST} without the backslash"))),
        false => Ok(name),
    }
}

async fn find(home: &Home, wanted: &str) -> Result<(Handle, FindResponse), CliError> {
    let handle = Handle::read(home).await?;
    let found = handle.call::<FindExecutions>(FindRequest { wanted: wanted.to_owned() }).await?;
    Ok((handle, found))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use engine::{asl, machine::Execution};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_escaped_latest_never_names_the_latest_execution() {
        assert_eq!(named("@latest").unwrap(), "@latest");
        assert_eq!(named(r"\@latest:one").unwrap(), "@latest:one");
        assert_eq!(named(r"\@latest").unwrap_err().exit, crate::exit::Exit::NotFound);
    }

    #[test]
    fn an_execution_of_a_client_is_found_by_its_name() {
        for (id, expected) in [("waiter:c-1", true), ("waiter:xc-1", false), ("c-1", false), (":c-1", false)] {
            assert_eq!(is_named(id, "c-1"), expected, "{id}");
        }
        let named = [ExecutionHeader::new("waiter:c-1", "waiter", Arc::default())];
        assert!(hint_of(&named).is_some_and(|hint| hint.ends_with(": waiter:c-1")));
        assert_eq!(hint_of(&[]), None);
    }

    fn header(started_ms: u64, world: &str) -> ExecutionHeader {
        let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } });
        let machine = asl::parse(&definition).unwrap();
        let mut header = Execution::new("r-1", "own", machine, json!({})).header.clone();
        header.started_ms = started_ms;
        header.environment = Arc::new(json!({ "kind": "rehearsal", "world": world }));
        header
    }

    #[test]
    fn the_latest_execution_of_a_signal_waits_in_the_state_for_its_token() {
        let needs = |state: &str, answerer| Needs {
            execution: "r-1".to_owned(),
            state: state.to_owned(),
            answerer,
            next_due_ms: None,
        };
        let token = |state: &str| needs(state, Answerer::TokenHolder);
        for (state, expected) in [("Deploy/Ask", true), ("Ask", true), ("Deploy", false), ("sk", false)] {
            assert_eq!(Latest::Waits(state).selects(&token("Deploy/Ask")), expected, "{state}");
        }
        let asks = needs("Ask", Answerer::Person(Box::default()));
        assert!(Latest::Asks.selects(&asks) && !Latest::Waits("Ask").selects(&asks));
        assert!(!Latest::Waits("Ask").selects(&needs("Ask", Answerer::Worker)), "only its worker answers it");
        assert!(!Latest::Asks.selects(&token("Ask")), "flow approve does not answer it");
    }

    #[test]
    fn a_rehearsal_began_when_it_began_in_real_time_and_not_on_its_fast_clock() {
        let world: World = serde_json::from_value(json!({
            "id": "w-2", "pid": 1, "moto_pid": 2, "aws_endpoint": "", "moto_endpoint": "",
            "ssh_server": "127.0.0.1:1", "dns_server": "127.0.0.1:2", "https_server": "127.0.0.1:3",
            "https_root_certificate_pem": "", "region": "", "domain": "", "started_at_ms": 1_000_000, "speed": 60.0,
        }))
        .unwrap();
        let of = |header: &ExecutionHeader| RealStart::of(header, true, Some(&world));
        let rehearsed = header(1_600_000, "w-2");
        assert_eq!(of(&rehearsed), RealStart::At(1_010_000));
        let real = RealStart::of(&header(1_020_000, ""), false, None);
        assert!(real > of(&rehearsed), "it began later, although its clock shows less");
        let ended = of(&header(9_000_000, "w-1"));
        assert!(ended < of(&rehearsed) && ended < real, "the world has ended: {ended:?}");
    }

    #[test]
    fn executions_of_one_name_are_shown_with_their_state_machines() {
        let header = |workflow: &str, id: &str| ExecutionHeader::new(id, workflow, Arc::default());
        let (one, two, other) = (header("sig", "two"), header("wp", "two"), header("wp", "twofold"));
        let error = no_single("two", [&one, &two].into_iter());
        assert!(error.message.ends_with("sig:two, wp:two"), "{}", error.message);
        assert_eq!(error.hint.as_deref(), Some("name the state machine too, as in sig:two"));
        let error = no_single("two", [&one, &other].into_iter());
        assert!(error.message.ends_with(": two, twofold"), "{}", error.message);
    }
}
