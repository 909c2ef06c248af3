//! Decides where a changed definition runs again: at the first state of the last run that changed.

use std::collections::BTreeMap;

use engine::{
    asl::machines_inside,
    journal::{EntryContent, HistoryEventDetails, JournalEntry, Note, Recorded, state_path},
    machine::{ExecutionHeader, ExecutionStatus, Reentry, reentry_path},
};
use serde_json::{Value, json};

use super::{drawing::StateOutcome, states::state_at};
use crate::{
    trial::mocks::Mocks,
    ui::text::{error_and_cause, shortened},
};

/// The longest output in a line, in characters.
const OUTPUT_CHARACTERS_MAX: usize = 60;

/// A definition with its input and mocks.
pub struct Prepared {
    /// The definition as written.
    pub definition: Value,
    /// The input.
    pub input: Value,
    /// The mocked answers.
    pub mocks: Mocks,
}

/// A visit of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EnteredState {
    frame: String,
    name: String,
}

impl EnteredState {
    fn path(&self) -> String {
        state_path(&self.frame, &self.name)
    }
}

/// The last run.
pub struct Run {
    prepared: Prepared,
    recorded: Recorded,
    visits: Vec<EnteredState>,
    outcomes: BTreeMap<String, StateOutcome>,
    /// The header of its execution.
    pub header: ExecutionHeader,
}

/// The position at which the next run starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Begin {
    /// At the definition's `StartAt`.
    Start,
    /// At this state, with the input and variables that the last run recorded.
    At {
        /// The state's path.
        state_path: String,
        /// The states that contain the state, and then the state.
        path: Vec<Reentry>,
    },
    /// Nothing that ran has changed.
    Nowhere,
}

impl Run {
    /// Reads the journal of a run. A run that started inside the definition continues the one given in `before`.
    pub fn new(
        prepared: Prepared,
        header: ExecutionHeader,
        entries: &[JournalEntry],
        before: Option<(Run, &str)>,
    ) -> Self {
        let (mut recorded, mut visits, mut outcomes) = (Recorded::default(), Vec::new(), BTreeMap::new());
        if let Some((before, from)) = before {
            let at = before.visits.iter().position(|visit| visit.path() == from).unwrap_or(0);
            visits = before.visits;
            visits.truncate(at);
            let is_kept =
                |path: &str| visits.iter().any(|visit| before.prepared.normal(&visit.path()).as_deref() == Some(path));
            outcomes = before.outcomes.into_iter().filter(|(path, _)| is_kept(path)).collect();
            recorded = before.recorded;
        }
        let mut run = Run { prepared, recorded, visits, outcomes, header };
        entries.iter().for_each(|entry| run.fold(entry));
        run
    }

    fn fold(&mut self, entry: &JournalEntry) {
        self.recorded.fold(entry);
        let (path, outcome) = match &entry.content {
            EntryContent::Event(event) => match &event.details {
                HistoryEventDetails::StateEntered { name, .. } => {
                    let visit = EnteredState { frame: event.frame.to_string(), name: name.to_string() };
                    let path = visit.path();
                    self.visits.push(visit);
                    (path, StateOutcome::Entered)
                }
                HistoryEventDetails::StateExited { name, output, .. } => {
                    let visit = EnteredState { frame: event.frame.to_string(), name: name.to_string() };
                    (visit.path(), StateOutcome::Exited(shortened(&output.to_string(), OUTPUT_CHARACTERS_MAX)))
                }
                _ => return,
            },
            EntryContent::Note(note) => match &**note {
                Note::Failure { state_path, failure, .. } => (
                    state_path.clone(),
                    StateOutcome::Failed(shortened(
                        &error_and_cause(&failure.error, &failure.cause),
                        OUTPUT_CHARACTERS_MAX,
                    )),
                ),
                _ => return,
            },
        };
        if let Some(path) = self.prepared.normal(&path) {
            self.outcomes.insert(path, outcome);
        }
    }

    /// The outcome of each state, by its path in the definition.
    pub fn outcomes(&self) -> &BTreeMap<String, StateOutcome> {
        &self.outcomes
    }

    /// The definition that ran.
    pub fn definition(&self) -> &Value {
        &self.prepared.definition
    }

    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        self.header.status == ExecutionStatus::Succeeded
    }

    /// The position at which the next run must start, given its definition, input and mocks.
    pub fn begin(&self, now: &Prepared) -> Begin {
        let before = &self.prepared;
        if before.input != now.input || head(&before.definition) != head(&now.definition) {
            return Begin::Start;
        }
        let changed = self.visits.iter().find(|visit| {
            let path = visit.path();
            let own = |prepared: &Prepared| state_at(&prepared.definition, &path).map(|(_, state)| own(state));
            own(before) != own(now) || !before.mocks.answers_alike(&now.mocks, &path)
        });
        let Some(changed) = changed else { return Begin::Nowhere };
        // The state was visited several times, so later visits depend on the change as well.
        if self.visits.iter().filter(|visit| *visit == changed).count() > 1 {
            return Begin::Start;
        }
        let top = self.visits.iter().find(|visit| {
            let path = changed.path();
            let rest = visit.frame.is_empty().then(|| path.strip_prefix(&visit.name)).flatten();
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
        });
        let found = self.reentry(now, changed).or_else(|| self.reentry(now, top?));
        found.map_or(Begin::Start, |(state_path, path)| Begin::At { state_path, path })
    }

    fn reentry(&self, now: &Prepared, visit: &EnteredState) -> Option<(String, Vec<Reentry>)> {
        let machine = engine::asl::parse(&now.definition).ok()?;
        let steps = reentry_path(&machine, &visit.frame, &visit.name).ok()?;
        let level = |(frame, state): (String, std::sync::Arc<str>)| {
            let entered = self.recorded.entered(&state_path(&frame, &state))?;
            Some(Reentry { state, input: entered.input.clone(), variables: entered.variables.clone() })
        };
        Some((visit.path(), steps.into_iter().map(level).collect::<Option<_>>()?))
    }
}

impl Prepared {
    fn normal(&self, path: &str) -> Option<String> {
        state_at(&self.definition, path).map(|(path, _)| path)
    }
}

/// The fields of a machine other than its states and its comment.
fn head(machine: &Value) -> Value {
    let mut head = machine.clone();
    if let Some(fields) = head.as_object_mut() {
        fields.retain(|name, _| name != "States" && name != "Comment");
    }
    head
}

/// The fields of a state without its inner states.
fn own(state: &Value) -> Value {
    let mut own = state.clone();
    for inner in machines_inside(state) {
        if let Some(machine) = inner.kind.find_mut(&mut own) {
            *machine = head(inner.json);
        }
    }
    if let Some(fields) = own.as_object_mut() {
        fields.remove("Comment");
    }
    json!(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::trial;

    fn definition() -> Value {
        let inside = json!({ "StartAt": "Two", "States": {
            "Two": { "Type": "Pass", "Next": "Three" }, "Three": { "Type": "Pass", "End": true } } });
        json!({ "QueryLanguage": "JSONata", "StartAt": "One", "States": {
            "One": { "Type": "Pass", "Assign": { "seen": 1 }, "Next": "Section" },
            "Section": { "Type": "Parallel", "Branches": [inside], "Next": "End" },
            "End": { "Type": "Succeed", "Output": "{% $seen %}" },
            "Never": { "Type": "Succeed" } } })
    }

    fn prepared(definition: Value) -> Prepared {
        Prepared { definition, input: json!({}), mocks: Mocks::default() }
    }

    async fn ran(definition: Value) -> Run {
        let prepared = prepared(definition);
        let trial = trial::run(Mocks::default(), &prepared.definition, json!({}), Vec::new()).await.unwrap();
        Run::new(prepared, trial.header, &trial.entries, None)
    }

    fn begins(run: &Run, change: impl FnOnce(&mut Value)) -> String {
        let mut changed = definition();
        change(&mut changed);
        match run.begin(&prepared(changed)) {
            Begin::Start => "start".to_owned(),
            Begin::Nowhere => "nowhere".to_owned(),
            Begin::At { state_path, .. } => state_path,
        }
    }

    #[tokio::test]
    async fn the_first_changed_state_of_the_last_run_is_where_the_next_one_begins() {
        let run = ran(definition()).await;
        assert!(run.succeeded());
        let inside = |definition: &mut Value, state: &str| {
            definition["States"]["Section"]["Branches"][0]["States"][state]["Output"] = json!(2);
        };
        assert_eq!(begins(&run, |_| {}), "nowhere");
        assert_eq!(begins(&run, |definition| definition["States"]["Never"]["Output"] = json!(1)), "nowhere");
        assert_eq!(begins(&run, |definition| definition["States"]["One"]["Comment"] = json!("why")), "nowhere");
        assert_eq!(begins(&run, |definition| inside(definition, "Three")), "Section/Three");
        assert_eq!(begins(&run, |definition| definition["States"]["End"]["Output"] = json!(1)), "End");
        assert_eq!(begins(&run, |definition| definition["States"]["Section"]["Output"] = json!(1)), "Section");
        assert_eq!(begins(&run, |definition| definition["TimeoutSeconds"] = json!(5)), "start");
        let removed = |definition: &mut Value| {
            definition["States"]["Section"]["Branches"][0]["States"] =
                json!({ "Two": { "Type": "Pass", "End": true } });
        };
        assert_eq!(begins(&run, removed), "Section/Two", "the Next of the state changed");
    }

    #[tokio::test]
    async fn what_ran_before_the_changed_state_is_known_after_the_next_run() {
        let run = ran(definition()).await;
        let mut changed = definition();
        changed["States"]["Section"]["Branches"][0]["States"]["Three"]["Output"] = json!(2);
        let Begin::At { state_path, path } = run.begin(&prepared(changed.clone())) else { unreachable!("it changed") };
        let trial = trial::run(Mocks::default(), &changed, json!({}), path).await.unwrap();
        let run = Run::new(prepared(changed), trial.header, &trial.entries, Some((run, &state_path)));
        assert_eq!(run.header.output.as_deref(), Some(&json!(1)), "the variable of One is still known");
        assert_eq!(run.outcomes().len(), 5, "{:?}", run.outcomes());
        assert_eq!(begins(&run, |_| {}), "Section/Three");
    }
}
