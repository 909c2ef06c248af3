//! The commands that answer or continue an execution, as screens propose them.

use api::{
    flow::{Answerer, DueWork, Needs, NextDue},
    view::{StateStatus, StateView, View},
};
use engine::{
    machine::ExecutionHeader,
    step::{Approval, Instructions},
};
use serde_json::Value;

use super::text::moment;
use crate::{
    proposed::{OPTIONS, quote_id, quote_id_in, worker_command},
    shell::{option, quote_name, quote_word},
};

/// A value that the person fills in.
pub const FILL_IN: &str = "…";

/// The time that a task may wait for a worker before the command that starts one is proposed: an idle worker receives the task at once.
const WORKER_EXPECTED_MS: u64 = 3_000;

/// The same time at the end of a command, which sees no later state: long enough for an idle worker.
const WORKER_EXPECTED_AT_END_MS: u64 = 1_000;

/// The need of an execution, and the command that acts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// The party that must act, or the time at which something is due, for people; may be empty.
    pub advice: String,
    /// The command that acts, possibly with values that the person fills in; empty if there is none.
    pub command: String,
}

impl Next {
    fn command(command: String) -> Self {
        Next { advice: String::new(), command }
    }

    /// Both in one line, for a list's row.
    pub fn text(&self) -> String {
        match (self.advice.is_empty(), self.command.is_empty()) {
            (true, _) => self.command.clone(),
            (false, true) => self.advice.clone(),
            (false, false) => format!("{}: {}", self.advice, self.command),
        }
    }

    /// The command, if it works when pasted.
    pub fn pasteable(&self) -> Option<&str> {
        Some(self.command.as_str()).filter(|command| works_when_pasted(command))
    }
}

/// Whether a command has no value that the person fills in.
fn works_when_pasted(command: &str) -> bool {
    !command.is_empty() && !command.contains(FILL_IN)
}

/// The need of an execution, and the command that acts. `due`: the next due event.
pub fn next(
    header: &ExecutionHeader,
    display_status: &str,
    needs: Option<&Needs>,
    due: Option<NextDue>,
    now_ms: u64,
) -> Next {
    let id = quote_id_in(&header.id, &header.environment);
    let due = || match (due, header.next_wake_ms) {
        (Some(due), _) => due_words(due, now_ms),
        // Of a long list the frames of the first executions are read.
        (None, Some(next)) => format!("due {}", moment(next, now_ms)),
        (None, None) => String::new(),
    };
    match (display_status, needs) {
        ("WAITING", Some(needs)) if !needs.is_answerable() => needs_server(),
        ("WAITING" | "RUNNING", Some(needs)) => answer(needs),
        ("WAITING", None) => Next { advice: due(), command: format!("flow resume {id}{OPTIONS}") },
        // The process that drives it does what is due.
        ("RUNNING", None) if !header.awake => Next { advice: due(), command: String::new() },
        ("INTERRUPTED" | "PAUSED", _) => Next::command(format!("flow resume {id}{OPTIONS}")),
        ("FAILED" | "TIMED_OUT", _) => Next::command(format!("flow status {id}{OPTIONS}")),
        _ => Next::default(),
    }
}

/// The due event, and its time.
fn due_words(due: NextDue, now_ms: u64) -> String {
    let what = match due.what {
        DueWork::Check => "next check",
        DueWork::WaitEnd => "wait ends",
        DueWork::Attempt => "next attempt",
        DueWork::TimeOut => "times out",
    };
    format!("{what} {}", moment(due.due_ms, now_ms))
}

/// The same as the beginning of a sentence. `None` if no resume does it: a time-out does not continue an execution.
fn due_sentence(due: NextDue, now_ms: u64) -> Option<String> {
    let what = match due.what {
        DueWork::Check => "Next check",
        DueWork::WaitEnd => "The wait ends",
        DueWork::Attempt => "Next attempt",
        DueWork::TimeOut => return None,
    };
    Some(format!("{what} {}", moment(due.due_ms, now_ms)))
}

/// The answers from outside that an execution which no process drives waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing: what is due continues it.
    Nothing,
    /// An answer of a person or of the holder of a task token.
    Answer,
    /// A worker, to which a server offers the task.
    Worker,
}

/// The subjects of an execution's waits, from its view and its needs.
pub fn awaited(view: &View, needs: Option<&Needs>) -> Awaited {
    match needs {
        _ if view.needs_person() => Awaited::Answer,
        Some(needs) if needs.is_answerable() => Awaited::Answer,
        Some(_) => Awaited::Worker,
        None => Awaited::Nothing,
    }
}

/// The command that continues an execution that waits: after an answer, or when something is due. `variables`: the environment variables
/// that precede it, each with a space after it.
pub fn resume(id: &str, variables: &str, awaited: Awaited, due: Option<NextDue>, now_ms: u64) -> String {
    let when = match due.and_then(|due| due_sentence(due, now_ms)) {
        _ if awaited == Awaited::Answer => "After the answer:   ".to_owned(),
        _ if awaited == Awaited::Worker => return format!("To offer its task to workers:   flow serve{OPTIONS}"),
        Some(due) => format!("{due}: "),
        None => String::new(),
    };
    format!("{when}{variables}flow resume {}{OPTIONS}", quote_id(id))
}

/// The sentence about an execution that a command no longer watches: it continues in `owner`, the process that drives it, or with a resume.
pub fn continues_later(
    id: &str,
    owner: Option<&str>,
    awaits_answer: bool,
    due: Option<NextDue>,
    now_ms: u64,
) -> String {
    let due = due.filter(|_| !awaits_answer).and_then(|due| due_sentence(due, now_ms));
    let quoted_id = quote_id(id);
    match owner {
        Some(owner) => {
            let after = if awaits_answer { "After the answer, " } else { "" };
            let due = due.map_or_else(String::new, |due| format!(" {due}."));
            format!("{after}{id} continues in {owner}.{due} Watch it with   flow status {quoted_id} --watch{OPTIONS}")
        }
        None => {
            let when = match due {
                _ if awaits_answer => "After the answer:".to_owned(),
                Some(due) => format!("{due}. Continue with"),
                None => "Continue with".to_owned(),
            };
            format!("Nothing is lost. {when}   flow resume {quoted_id}{OPTIONS}")
        }
    }
}

/// The command that continues an execution in which a question has timed out: the question can no longer be answered.
pub fn after_timeout(id: &str) -> String {
    format!("It can no longer be answered. To continue:   flow resume {}{OPTIONS}", quote_id(id))
}

/// The party that must answer, and the command with the answer.
fn answer(needs: &Needs) -> Next {
    let Needs { execution: id, state, .. } = needs;
    let (advice, command) = match &needs.answerer {
        Answerer::Person(approval) if approval.problem.is_some() => ("malformed question", cancel(id)),
        Answerer::Person(approval) => ("needs you", shortest_answer(id, state, approval)),
        Answerer::TokenHolder => ("needs an answer", signal(id, state)),
        Answerer::Worker => ("waits for a worker", worker_command().unwrap_or_default()),
    };
    Next { advice: advice.to_owned(), command }
}

/// The command with which a worker can fetch a waiting task of an execution that no process drives.
fn needs_server() -> Next {
    Next { advice: "needs a server and a worker".to_owned(), command: format!("flow serve{OPTIONS}") }
}

/// The command that answers a Task which awaits its token.
pub fn signal(id: &str, state_path: &str) -> String {
    format!("flow signal {} {} --success '{{}}'{OPTIONS}", quote_id(id), quote_name(state_path))
}

/// The command that ends an execution.
fn cancel(id: &str) -> String {
    format!("flow cancel {}{OPTIONS}", quote_id(id))
}

/// The hint after the refusal of an answer to a malformed question.
pub fn instead_of_answer(id: &str) -> String {
    format!("{} ends the execution; the receiver of the task token can still answer", cancel(id))
}

/// Whether a person is asked a question that is malformed, so that no command answers it.
pub fn is_malformed(instructions: &Instructions) -> bool {
    instructions.approval.as_ref().is_some_and(|approval| approval.problem.is_some())
}

/// The first state whose task has waited for a worker for [`WORKER_EXPECTED_MS`].
pub fn without_worker(view: &View, now_ms: u64) -> Option<&StateView> {
    without_worker_for(view, WORKER_EXPECTED_MS, now_ms)
}

/// The first state whose task has waited for a worker for this time.
fn without_worker_for(view: &View, waited_ms: u64, now_ms: u64) -> Option<&StateView> {
    view.active().find(|state| match &state.status {
        StateStatus::Waiting(wait) => {
            wait.for_worker_since_ms().is_some_and(|since_ms| since_ms.saturating_add(waited_ms) <= now_ms)
        }
        _ => false,
    })
}

/// The line with `command`, which starts a worker, if a task needs one.
pub fn worker_line(view: &View, now_ms: u64, command: Option<String>) -> Option<String> {
    without_worker(view, now_ms)?;
    command.map(to_start_worker)
}

/// The line with `command`, which starts a worker, among the last lines of a command.
pub fn worker_line_at_end(view: &View, now_ms: u64, command: Option<String>) -> Option<String> {
    without_worker_for(view, WORKER_EXPECTED_AT_END_MS, now_ms)?;
    command.map(to_start_worker)
}

fn to_start_worker(command: String) -> String {
    format!("  To start a worker:   {command}")
}

/// The command that withdraws an answer that is kept for a state.
pub fn withdraw(id: &str, state: &str) -> String {
    format!("flow signal {} {} --withdraw{OPTIONS}", quote_id(id), quote_name(state))
}

/// The command that approves, with the option of a choice. It sets the required fields only.
fn approve(id: &str, state_path: &str, approval: &Approval, choice: Option<String>) -> String {
    format!("{}{OPTIONS}", approve_there(id, state_path, approval, choice))
}

/// The same without the options of this command.
fn approve_there(id: &str, state_path: &str, approval: &Approval, choice: Option<String>) -> String {
    let choice = choice.unwrap_or_default();
    let state = if state_path.is_empty() { String::new() } else { format!(" {}", quote_name(state_path)) };
    let token = token_option(approval);
    format!("flow approve {}{state}{choice}{}{token}", quote_id(id), assignments(&fields(approval).0))
}

/// The option for the token, where only holders of tokens may answer.
fn token_option(approval: &Approval) -> String {
    if approval.takes_only_tokens() { format!(" --token-file {FILL_IN}") } else { String::new() }
}

/// The names of an approval's fields: those that are required and have no default, and the others.
fn fields(approval: &Approval) -> (Vec<&str>, Vec<&str>) {
    let Some(schema) = &approval.fields else { return (Vec::new(), Vec::new()) };
    let has_default = |name: &&str| schema["properties"][*name].get("default").is_some();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let required: Vec<&str> = required.filter(|name| !has_default(name)).collect();
    let declared = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let optional = declared.filter(|name| !required.contains(name)).collect();
    (required, optional)
}

/// The options that set fields, with a space before each.
fn assignments(names: &[&str]) -> String {
    names.iter().map(|name| format!(" --set {}={FILL_IN}", quote_word(name))).collect()
}

/// The shortest command that answers an approval: `state_path` is empty if it is the only one that waits.
pub fn shortest_answer(id: &str, state_path: &str, approval: &Approval) -> String {
    approve(id, state_path, approval, choice_option(approval))
}

/// The command that answers an approval in another home, to which the options of this command do not lead.
pub fn approve_elsewhere(id: &str, state_path: &str, approval: &Approval) -> String {
    approve_there(id, state_path, approval, choice_option(approval))
}

/// The option that chooses; of several choices, the person fills in one.
fn choice_option(approval: &Approval) -> Option<String> {
    match approval.choices.as_slice() {
        [] => None,
        [only] => Some(option("choice", only)),
        _ => Some(format!(" --choice {FILL_IN}")),
    }
}

/// The commands that answer a task that waits for a person, each with what it does. For people, they show where a comment belongs.
fn answers(id: &str, state_path: &str, instructions: &Instructions, for_people: bool) -> Vec<(&'static str, String)> {
    let (path, quoted_id) = (quote_name(state_path), quote_id(id));
    let Some(approval) = &instructions.approval else {
        let signal = |answer: &serde_json::Value| {
            let answer = quote_word(&answer.to_string());
            let command = format!("flow signal {quoted_id} {path} --success {answer}{OPTIONS}");
            ("To continue without the check:   ", command)
        };
        return instructions.answer.iter().map(signal).collect();
    };
    let approve = |choice| ("To approve:   ", approve(id, state_path, approval, choice));
    let mut answers: Vec<_> = match approval.choices.as_slice() {
        [] => vec![approve(None)],
        choices => choices.iter().map(|choice| approve(Some(option("choice", choice)))).collect(),
    };
    let comment = if for_people { " --comment WHY" } else { "" };
    let token = token_option(approval);
    answers.push(("To reject:    ", format!("flow reject {quoted_id} {path}{comment}{token}{OPTIONS}")));
    answers
}

/// The commands that answer a task that waits for a person and that work when pasted: those without a value that the person fills in.
pub fn answer_commands(id: &str, state_path: &str, instructions: &Instructions) -> Vec<String> {
    if is_malformed(instructions) {
        return vec![cancel(id)];
    }
    let commands = answers(id, state_path, instructions, false).into_iter().map(|(_, command)| command);
    commands.filter(|command| works_when_pasted(command)).collect()
}

/// The commands that answer a task, for people, then the fields that may be set as well. A command with optional parts would not work
/// when pasted. A malformed question has the command that ends its execution.
pub fn answer_lines(id: &str, state_path: &str, instructions: &Instructions) -> Vec<String> {
    if is_malformed(instructions) {
        let who = "Only the receiver of its task token can answer.".to_owned();
        return vec![who, format!("To cancel:    {}", cancel(id))];
    }
    let answers = answers(id, state_path, instructions, true).into_iter();
    let mut lines: Vec<String> = answers.map(|(what, command)| format!("{what}{command}")).collect();
    let optional = instructions.approval.as_ref().map_or_else(String::new, |approval| assignments(&fields(approval).1));
    if !optional.is_empty() {
        lines.push(format!("Not required:{optional}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use api::view::Wait;
    use engine::journal::StateType;
    use serde_json::json;

    use super::*;
    use crate::ui::{
        lines,
        story::{Story, sections},
        summary,
    };

    #[test]
    fn a_proposed_command_works_when_pasted_and_names_optional_fields_below() {
        let fields =
            json!({ "required": ["ticket", "who else"], "properties": { "ticket": {}, "who else": {}, "note": {} } });
        let approval = Approval { fields: Some(fields), ..Approval::default() };
        let command = "flow approve r-1 'Ask ann' --set ticket=… --set 'who else'=…";
        let shortest = shortest_answer("r-1", "Ask ann", &approval);
        assert!(shortest.starts_with(command) && !shortest.contains(['[', ']']), "{shortest}");
        let (sentence, values, answer) = ("Now?".to_owned(), Vec::new(), None);
        let instructions = Instructions { sentence, values, answer, approval: Some(Box::new(approval)) };
        let lines = answer_lines("it's", "Ask ann", &instructions);
        assert_eq!(lines.last().map(String::as_str), Some("Not required: --set note=…"));
        assert!(lines[0].contains(r"flow approve 'it'\''s' 'Ask ann' --set ticket=…"), "{lines:?}");
        assert!(lines[1].contains(r"flow reject 'it'\''s' 'Ask ann' --comment WHY"), "{lines:?}");
        assert_eq!(
            answer_commands("r-1", "Ask ann", &instructions),
            ["flow reject r-1 'Ask ann'"],
            "only what can be pasted"
        );
        let fields = json!({ "required": ["count"], "properties": { "count": { "default": 1 } } });
        let with_default = Approval { fields: Some(fields), ..Approval::default() };
        assert!(shortest_answer("r-1", "", &with_default).starts_with("flow approve r-1"));
        assert!(!shortest_answer("r-1", "", &with_default).contains("--set"), "a default needs no value");
        let choices = Approval { choices: vec!["now".to_owned()], ..Approval::default() };
        assert!(shortest_answer("r-1", "", &choices).starts_with("flow approve r-1 --choice now"));
    }

    #[test]
    fn a_malformed_question_is_shown_with_what_works() {
        let problem = Some("Choices: invalid type".to_owned());
        let approval = Approval { problem, ..Approval::default() };
        let needs = |answerer: Answerer| {
            let (execution, state) = ("r-1".to_owned(), "Ask".to_owned());
            answer(&Needs { execution, state, answerer, next_due_ms: None }).text()
        };
        assert_eq!(needs(Answerer::Person(Box::new(approval.clone()))), "malformed question: flow cancel r-1");
        let (sentence, values, answer) = ("The question is malformed: …".to_owned(), Vec::new(), None);
        let instructions = Instructions { sentence, values, answer, approval: Some(Box::new(approval)) };
        let lines = answer_lines("r-1", "Ask", &instructions);
        assert_eq!(lines, ["Only the receiver of its task token can answer.", "To cancel:    flow cancel r-1"]);
        assert_eq!(answer_commands("r-1", "Ask", &instructions), ["flow cancel r-1"]);
    }

    #[test]
    fn where_only_tokens_may_answer_the_proposed_command_asks_for_one() {
        let tokens = vec![engine::step::ApprovalToken::default()];
        let approval = Approval { tokens: tokens.clone(), ..Approval::default() };
        assert_eq!(shortest_answer("r-1", "Ask", &approval), "flow approve r-1 Ask --token-file …");
        let approval = Approval { tokens, users: vec!["ann".to_owned()], ..Approval::default() };
        assert_eq!(shortest_answer("r-1", "Ask", &approval), "flow approve r-1 Ask");
    }

    #[test]
    fn a_command_that_ends_at_a_wait_says_what_is_due_next_and_which_process_continues_it() {
        let now_ms = crate::ui::story::BEGUN_MS;
        let due = |what| Some(NextDue { what, due_ms: now_ms + 30_000 });
        let owner = Some("process 7 on desk (user ann, flow serve)");
        let alone = |due| continues_later("r 1", None, false, due, now_ms);
        assert_eq!(
            alone(due(DueWork::Check)),
            "Nothing is lost. Next check 12:08:30. Continue with   flow resume 'r 1'"
        );
        assert!(alone(due(DueWork::WaitEnd)).contains(" The wait ends 12:08:30. "), "nothing checks a Wait");
        assert!(alone(due(DueWork::Attempt)).contains(" Next attempt 12:08:30. "));
        for nothing in [None, due(DueWork::TimeOut)] {
            assert_eq!(alone(nothing), "Nothing is lost. Continue with   flow resume 'r 1'");
        }
        let beside = |asks, due| continues_later("r 1", owner, asks, due, now_ms);
        assert_eq!(
            beside(false, due(DueWork::Check)),
            "r 1 continues in process 7 on desk (user ann, flow serve). Next check 12:08:30. Watch it with   flow status 'r 1' --watch"
        );
        let asks = beside(true, due(DueWork::Check));
        assert!(
            asks.starts_with("After the answer, r 1 continues in process 7 on") && !asks.contains("check"),
            "{asks}"
        );
        let asks = continues_later("r 1", None, true, due(DueWork::Check), now_ms);
        assert_eq!(asks, "Nothing is lost. After the answer:   flow resume 'r 1'");
        let resumed = |awaited, what| resume("r-1", "", awaited, due(what), now_ms);
        assert_eq!(resumed(Awaited::Nothing, DueWork::WaitEnd), "The wait ends 12:08:30: flow resume r-1");
        assert_eq!(resumed(Awaited::Nothing, DueWork::TimeOut), "flow resume r-1");
        assert_eq!(resumed(Awaited::Answer, DueWork::Check), "After the answer:   flow resume r-1");
        assert_eq!(resumed(Awaited::Worker, DueWork::Check), "To offer its task to workers:   flow serve");
    }

    #[test]
    fn a_task_that_no_worker_takes_is_shown_with_the_command_that_starts_one() {
        let mut story = Story::new("job-1", &sections(&["Act"]));
        story.enter(0.0, "", StateType::Task, "Act");
        let command = "flow worker --endpoint http://127.0.0.1:8083";
        let shown = |story: &Story, at: f64| worker_line(&story.view, Story::at(at), Some(command.to_owned()));
        assert_eq!(shown(&story, 9.0), None, "its call is not offered to workers");
        let offered = StateStatus::Waiting(Wait::for_worker(Story::at(1.0)));
        story.view.states.get_mut("Act").into_iter().for_each(|state| state.status = offered.clone());
        assert_eq!(shown(&story, 3.9), None, "an idle worker may take it");
        let at_end = |at: f64| worker_line_at_end(&story.view, Story::at(at), Some(command.to_owned()));
        assert_eq!((at_end(1.9), at_end(2.0).is_some()), (None, true), "a command that ends shows it earlier");
        assert_eq!(shown(&story, 4.0), Some(format!("  To start a worker:   {command}")));
        assert_eq!(worker_line(&story.view, Story::at(4.0), None), None, "not at Step Functions");
        let line = lines::without_worker(&story.view, Story::at(4.0), command).unwrap_or_default();
        assert!(line.ends_with(&format!("( 1/1) Act: waits for a worker. To start one:   {command}")), "{line}");
        let waits = summary::waits(&story.view, true, Story::at(4.0));
        assert_eq!(waits, ["● Act: waits for a worker"]);
    }

    #[test]
    fn the_task_of_an_activity_is_never_proposed_for_an_answer() {
        let (execution, state) = ("r-1".to_owned(), "Ask".to_owned());
        let needs = Needs { execution, state, answerer: Answerer::Worker, next_due_ms: None };
        let header = ExecutionHeader::new("r-1", "w", std::sync::Arc::default());
        let text = |display_status| next(&header, display_status, Some(&needs), None, 0).text();
        assert_eq!(text("RUNNING"), "waits for a worker");
        assert_eq!(text("WAITING"), "needs a server and a worker: flow serve");
        assert_eq!(awaited(&Story::new("r-1", &sections(&["Ask"])).view, Some(&needs)), Awaited::Worker);
    }

    #[test]
    fn a_command_and_the_advice_about_it_are_apart() {
        let approval = Approval { choices: vec!["now".to_owned(), "tonight".to_owned()], ..Approval::default() };
        let answerer = Answerer::Person(Box::new(approval.clone()));
        let (execution, state) = ("r-1".to_owned(), "Ask".to_owned());
        let asked = answer(&Needs { execution, state, answerer, next_due_ms: None });
        assert_eq!(asked.text(), "needs you: flow approve r-1 Ask --choice …");
        assert_eq!((asked.advice.as_str(), asked.pasteable()), ("needs you", None));
        let (sentence, values, answer) = ("Now?".to_owned(), Vec::new(), None);
        let instructions = Instructions { sentence, values, answer, approval: Some(Box::new(approval)) };
        let commands = answer_commands("r-1", "Ask", &instructions);
        let expected =
            ["flow approve r-1 Ask --choice now", "flow approve r-1 Ask --choice tonight", "flow reject r-1 Ask"];
        assert_eq!(commands, expected);
    }
}
