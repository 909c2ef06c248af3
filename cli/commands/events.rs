//! `flow events`.

use api::flow::{EntriesRequest, ExecutionIdRequest, FollowExecution, FollowProgramLines, GetEntries, ProgramLine};
use clap::Args;
use engine::{
    journal::{Content, Entry, HistoryEventDetails, Note},
    machine::ExecutionHeader,
    runner::RunnerEvent,
};
use serde_json::{Value, json};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    locate::{Located, locate_at},
    out,
    owner::{Handle, Stream, StreamError},
    target::Target,
    ui::text,
};

/// Arguments of `flow events`.
#[derive(Debug, Args)]
pub struct EventsArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// Continue to show new entries while a process drives the execution.
    #[arg(long)]
    follow: bool,
    /// Start at this sequence.
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
    let Located { header: ExecutionHeader { id, .. }, store } =
        locate_at(global, &arguments.target, &arguments.id).await?;
    let mut next = arguments.since.max(1);
    loop {
        let request = EntriesRequest { id: id.clone(), from_sequence: next };
        let entries = store.call::<GetEntries>(request).await?.entries;
        let Some(last) = entries.last() else { break };
        next = last.sequence + 1;
        entries.iter().for_each(|entry| show(global, &arguments, &id, entry));
        if out::is_closed() {
            return Ok(Exit::Success);
        }
    }
    if arguments.follow && store.is_remote().await {
        follow(global, &arguments, &store, &id, next).await?;
    }
    store.leave();
    Ok(Exit::Success)
}

/// Shows entries from a sequence on, until the execution ends or pauses, or no process drives it. If its owner ends,
/// the next owner is called.
async fn follow(
    global: &Global,
    arguments: &EventsArguments,
    store: &Handle,
    id: &str,
    mut from_sequence: u64,
) -> Result<(), CliError> {
    loop {
        let mut events = store.stream::<FollowExecution>(EntriesRequest { id: id.to_owned(), from_sequence }).await?;
        let mut lines = store.stream::<FollowProgramLines>(ExecutionIdRequest { id: id.to_owned() }).await.ok();
        while !out::is_closed() {
            let event = tokio::select! {
                biased;
                Some(line) = next_line(&mut lines) => {
                    if !arguments.failed {
                        show_line(global, &line);
                    }
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                Ok(Some(RunnerEvent::Entry { entry, .. })) => {
                    from_sequence = entry.sequence + 1;
                    show(global, arguments, id, &entry);
                }
                Ok(Some(RunnerEvent::Rested { .. })) => return Ok(()),
                Ok(Some(_)) => {}
                Err(StreamError::Failed(error)) => return Err(error),
                Ok(None) | Err(StreamError::Gone(_)) => break,
            }
        }
        if out::is_closed() || !store.is_remote().await {
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
        Output::Json => say!(
            "{}",
            json!({ "type": "programLine", "execution": execution, "state": state_path, "attempt": attempt, "isError": is_error,
                    "message": text })
        ),
        Output::Human => say!("     ·            {state_path} prints: {text}"),
    }
}

fn show(global: &Global, arguments: &EventsArguments, id: &str, entry: &Entry) {
    let value = serde_json::to_value(&entry.content).unwrap_or_default();
    if arguments.failed && !is_failure(&entry.content) {
        return;
    }
    if global.output == Output::Json {
        let mut line = json!({ "type": "entry", "execution": id });
        if let (Value::Object(line), Ok(Value::Object(more))) = (&mut line, serde_json::to_value(entry)) {
            line.extend(more);
        }
        return say!("{line}");
    }
    let (what, details) = match &value {
        Value::Object(content) => content.iter().next().map(|(_, inner)| words(inner)).unwrap_or_default(),
        _ => Default::default(),
    };
    say!("{:>6}  {}  {what:<24} {details}", entry.sequence, text::clock(entry.timestamp_ms));
}

fn words(content: &Value) -> (String, String) {
    let text = |name: &str| content[name].as_str().map(str::to_owned);
    let what = text("type").or_else(|| text("note")).unwrap_or_default();
    let place = match (text("frame"), text("name")) {
        (Some(frame), Some(name)) => format!("{frame}/{name}"),
        (None, Some(name)) => name,
        _ => text("statePath").unwrap_or_default(),
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
            let comment = by["comment"].as_str().map_or_else(String::new, |comment| format!(", {comment}"));
            format!(": by {user} on {host}{comment}")
        }
        _ => String::new(),
    };
    (what, format!("{place}{cause}{reason}{effect}{by}"))
}

fn is_failure(content: &Content) -> bool {
    match content {
        Content::Note(note) => matches!(
            **note,
            Note::Failure { .. } | Note::RetryScheduled { .. } | Note::Paused { .. } | Note::Caught { .. }
        ),
        Content::Event(event) => matches!(
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
