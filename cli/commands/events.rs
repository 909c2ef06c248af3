//! `flow events`.

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
    session::{Reader, locate},
    socket::client::Client,
    ui::{json as lines, text},
};

/// Arguments of `flow events`.
#[derive(Debug, Args)]
pub struct EventsArguments {
    /// The execution: its id, a unique prefix, or @latest.
    id: String,
    /// Go on showing what happens, while a process drives it.
    #[arg(long)]
    follow: bool,
    /// Begin at this sequence.
    #[arg(long, value_name = "N", default_value_t = 1)]
    since: u64,
    /// Only what failed.
    #[arg(long)]
    failed: bool,
}

/// Shows the journal, oldest first.
pub async fn run(global: &Global, arguments: EventsArguments) -> Result<Exit, CliError> {
    if global.output == Output::Json {
        say!("{}", lines::version());
    }
    let (place, ExecutionHeader { id, .. }) = locate(global, &arguments.id).await?;
    let reader = Reader::open(&place).await?;
    let entries = reader.entries(&id, arguments.since).await?.entries;
    drop(reader);
    let mut next = arguments.since;
    for entry in &entries {
        next = entry.sequence + 1;
        show(global, &arguments, &id, entry);
    }
    if arguments.follow
        && let Ok(mut events) = Client::new(&place.socket()).follow(&id, next).await
    {
        while let Some(event) = events.next().await {
            match event {
                RunnerEvent::Entry { entry, .. } => show(global, &arguments, &id, &entry),
                RunnerEvent::Rested { .. } => break,
                _ => {}
            }
        }
    }
    Ok(Exit::Success)
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
    let cause = failure["cause"].as_str().map_or_else(String::new, |cause| format!(": {cause}"));
    let reason = text("reason").map_or_else(String::new, |reason| format!(": {reason}"));
    let effect = content["effect"]["id"].as_str();
    let effect =
        effect.map_or_else(String::new, |id| format!(": {} {id}", content["effect"]["change"].as_str().unwrap_or("")));
    (what, format!("{place}{cause}{reason}{effect}"))
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
