//! JSON lines for programs. A reader ignores what it does not know if the minor version is newer, and must reject
//! another major version.

use api::view::View;
use engine::runner::RunnerEvent;
use serde_json::{Value, json};

use super::{
    lines,
    summary::{changes, end},
};

/// The first line of every command that prints JSON lines.
pub fn version() -> Value {
    json!({ "type": "version", "ui": "1.0" })
}

/// The line of an event. The view has the event folded in.
pub fn event(view: &View, event: &RunnerEvent) -> Option<Value> {
    let RunnerEvent::Entry { execution, entry } = event else { return None };
    let message = match lines::lines(view, entry) {
        none if none.is_empty() => lines::sentence(view, entry),
        lines => lines.join("\n"),
    };
    let mut line = json!({ "type": "entry", "execution": execution, "message": message });
    merge(&mut line, serde_json::to_value(entry).unwrap_or_default());
    Some(line)
}

fn merge(line: &mut Value, more: Value) {
    if let (Value::Object(line), Value::Object(more)) = (line, more) {
        line.extend(more);
    }
}

/// The last line of a watch.
pub fn ended(view: &View, now_ms: u64) -> Value {
    json!({
        "type": "end",
        "execution": view.id,
        "status": view.status,
        "paused": view.paused,
        "changes": view.changes(),
        "summary": changes(view),
        "output": view.output,
        "error": view.failure.as_ref().map(|(error, _)| error),
        "cause": view.failure.as_ref().map(|(_, cause)| cause),
        "message": end(view, now_ms).join("\n"),
    })
}
