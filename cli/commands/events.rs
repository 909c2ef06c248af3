//! `flow events`.

use api::{
    ProgramLine,
    flow::{EntriesRequest, ExecutionIdRequest, FollowExecution, FollowProgramLines, GetEntries},
    view::View,
};
use clap::Args;
use engine::{
    journal::{EntryContent, HistoryEventDetails, JournalEntry, Note, state_path},
    machine::ExecutionHeader,
    runner::RunnerEvent,
};
use serde_json::Value;

use crate::{
    execution::locate::{Located, locate_at},
    exit::{CliError, Exit},
    global::{Global, Output},
    ids::REHEARSAL_PREFIX,
    out,
    owner::{Handle, Stream, StreamError},
    target::Target,
    ui::{json, text},
};

/// The indentation of a cause that has several lines.
const DETAILS_INDENT: usize = 8;

/// Arguments of `flow events`.
#[derive(Debug, Args)]
pub struct EventsArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// Continue to show new entries while a process drives the execution.
    #[arg(long)]
    follow: bool,
    /// Start at the entry with this sequence number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    since: u64,
    /// Only failures.
    #[arg(long)]
    failed: bool,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Shows the journal, oldest first.
pub async fn run(global: &Global, arguments: EventsArguments) -> Result<Exit, CliError> {
    let Located { header: ExecutionHeader { id, .. }, handle } =
        locate_at(global, &arguments.target, &arguments.id).await?;
    if id.starts_with(REHEARSAL_PREFIX) && global.output == Output::Human && !global.quiet {
        report!("flow: the times are of the rehearsal's own clock");
    }
    let mut entries = Entries { global, arguments: &arguments, view: None };
    let mut next = arguments.since.max(1);
    if global.output == Output::Json {
        entries.view = Some(handle.describe(&id, true).await?.view.without_entries());
        next = 1;
    }
    loop {
        let request = EntriesRequest { id: id.clone(), from_sequence: next };
        let page = handle.call::<GetEntries>(request).await?.entries;
        let Some(last) = page.last() else { break };
        next = last.sequence + 1;
        page.iter().for_each(|entry| entries.show(entry));
        if out::is_closed() {
            return Ok(Exit::Success);
        }
    }
    if arguments.follow && handle.is_remote().await {
        follow(&mut entries, &handle, &id, next).await?;
    }
    handle.leave();
    Ok(Exit::Success)
}

/// Shows entries from a sequence on, until the execution ends or pauses, or no process drives it. If its owner ends,
/// the next owner is called.
async fn follow(entries: &mut Entries<'_>, handle: &Handle, id: &str, mut from_sequence: u64) -> Result<(), CliError> {
    loop {
        let mut events = handle.stream::<FollowExecution>(EntriesRequest { id: id.to_owned(), from_sequence }).await?;
        let mut lines = handle.stream::<FollowProgramLines>(ExecutionIdRequest { id: id.to_owned() }).await.ok();
        while !out::is_closed() {
            let event = tokio::select! {
                biased;
                Some(line) = next_line(&mut lines) => {
                    if !entries.arguments.failed {
                        show_line(entries.global, &line);
                    }
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                Ok(Some(RunnerEvent::Entry { entry, .. })) => {
                    from_sequence = entry.sequence + 1;
                    entries.show(&entry);
                }
                Ok(Some(RunnerEvent::Settled { .. })) => return Ok(()),
                Ok(Some(_)) => {}
                Err(StreamError::Failed(error)) => return Err(error),
                Ok(None) | Err(StreamError::Gone(_)) => break,
            }
        }
        if out::is_closed() || !handle.is_remote().await {
            return Ok(());
        }
    }
}

/// The next line of a program. After the end of the stream this waits forever; an older owner ends the stream at once.
async fn next_line(lines: &mut Option<Stream<ProgramLine>>) -> Option<ProgramLine> {
    let Some(stream) = lines else { return std::future::pending().await };
    match stream.next().await {
        Ok(Some(line)) => Some(line),
        Ok(None) | Err(_) => {
            *lines = None;
            None
        }
    }
}

fn show_line(global: &Global, line: &ProgramLine) {
    let ProgramLine { execution, state_path, attempt, is_error, text } = line;
    match global.output {
        Output::Json => json::print(
            serde_json::json!({ "type": "programLine", "execution": execution, "state": state_path, "attempt": attempt, "isError": is_error,
                    "message": text }),
        ),
        Output::Human => say!("     ·            {} prints: {}", text::one_line(state_path), text::one_line(text)),
    }
}

/// Shows those entries of a journal that the arguments ask for.
struct Entries<'a> {
    global: &'a Global,
    arguments: &'a EventsArguments,
    /// For JSON: the view that has every entry folded in. The message of an entry depends on earlier ones.
    view: Option<View>,
}

impl Entries<'_> {
    fn show(&mut self, entry: &JournalEntry) {
        let EventsArguments { since, failed, .. } = self.arguments;
        let is_wanted = entry.sequence >= *since && (!failed || is_failure(&entry.content));
        if let Some(view) = &mut self.view {
            let event = RunnerEvent::Entry { execution: view.id.clone(), entry: entry.clone() };
            view.apply_event(&event);
            if let Some(line) = json::event(view, &event).filter(|_| is_wanted) {
                json::print(line);
            }
        } else if is_wanted {
            say!("{}", line(entry));
        }
    }
}

/// The text of an entry for people. A cause may take several lines.
fn line(entry: &JournalEntry) -> String {
    let value = serde_json::to_value(&entry.content).unwrap_or_default();
    let inner = value.as_object().and_then(|content| content.values().next());
    let (what, details) = inner.map(words).unwrap_or_default();
    let details = text::indented(&details, DETAILS_INDENT);
    format!("{:>6}  {}  {what:<24} {details}", entry.sequence, text::date_and_clock(entry.timestamp_ms))
}

fn words(content: &Value) -> (String, String) {
    let text = |name: &str| content[name].as_str().map(str::to_owned);
    let what = text("type").or_else(|| text("note")).unwrap_or_default();
    let path = match (text("frame"), text("name")) {
        (frame, Some(name)) => state_path(&frame.unwrap_or_default(), &name),
        (_, None) => text("statePath").or_else(|| text("state")).unwrap_or_default(),
    };
    let failure = content.get("failure").unwrap_or(content);
    let named = |name: &str| failure[name].as_str().filter(|text| !text.is_empty());
    let cause: String =
        [named("error"), named("cause")].into_iter().flatten().map(|text| format!(": {text}")).collect();
    let reason = text("reason").map_or_else(String::new, |reason| format!(": {reason}"));
    let effect = content["effect"]["id"].as_str();
    let effect =
        effect.map_or_else(String::new, |id| format!(": {} {id}", content["effect"]["change"].as_str().unwrap_or("")));
    let by = &content["by"];
    let by = match (by["user"].as_str(), by["host"].as_str()) {
        (Some(user), Some(host)) => {
            let comment = by["comment"].as_str();
            let comment = comment.map_or_else(String::new, |comment| format!(", {}", text::one_line(comment)));
            format!(": by {user} on {host}{comment}")
        }
        _ => String::new(),
    };
    let details = format!("{path}{cause}{reason}{effect}{by}");
    (what, details.trim_start_matches(": ").to_owned())
}

fn is_failure(content: &EntryContent) -> bool {
    match content {
        EntryContent::Note(note) => matches!(
            **note,
            Note::Failure { .. } | Note::RetryScheduled { .. } | Note::Paused { .. } | Note::Caught { .. }
        ),
        EntryContent::Event(event) => matches!(
            event.details,
            HistoryEventDetails::TaskFailed { .. }
                | HistoryEventDetails::TaskScheduleFailed { .. }
                | HistoryEventDetails::TaskTimedOut { .. }
                | HistoryEventDetails::ExecutionFailed(_)
                | HistoryEventDetails::ExecutionTimedOut(_)
                | HistoryEventDetails::ExecutionAborted(_)
                | HistoryEventDetails::EvaluationFailed(_)
        ),
    }
}

#[cfg(test)]
mod tests {
    use engine::journal::Signaller;

    use super::*;
    use crate::ui::story::{self, Story};

    fn lines(story: &Story, is_wanted: impl Fn(&EntryContent) -> bool) -> String {
        let wanted = story.entries.iter().filter(|entry| is_wanted(&entry.content));
        wanted.map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_entries_of_an_execution() {
        let all = |_: &EntryContent| true;
        let mut answered = story::running();
        let (state_path, succeeded) = ("Prove that you own the domain/Wait for the record".to_owned(), true);
        let [user, host] = ["ann", "build.example.com"].map(str::to_owned);
        let by = Signaller { user, host, comment: Some("CHG-17".to_owned()) };
        answered.note(130.0, Note::Signalled { state_path, by, succeeded });
        snapshot!("events", lines(&answered, all));
        snapshot!("events_failed", lines(&story::failed(), all));
        snapshot!("events_only_failed", lines(&story::failed(), is_failure));
    }
}
