//! JSON lines for programs; `docs/json-lines.md` describes them, and `docs/json-lines.schema.json` has a rule for each type. A reader
//! ignores what it does not know if the minor version is newer, and must reject another major version.

use std::sync::{Mutex, MutexGuard, PoisonError};

use api::view::View;
use engine::runner::RunnerEvent;
use serde_json::{Map, Value, json};

use super::{changes::changes, lines, record, summary::end, text::rfc3339};
use crate::characters::acts_on_terminal;

/// The fields that every line begins with, in this order.
const COMMON: [&str; 5] = ["type", "time", "execution", "state", "message"];
/// The fields whose values are of workflows and steps: their keys are not ours.
const FOREIGN: [&str; 18] = [
    "answer",
    "arguments",
    "assignedVariables",
    "assigned_variables",
    "definition",
    "example",
    "fields",
    "input",
    "inputSchema",
    "input_schema",
    "item",
    "items",
    "output",
    "outputSchema",
    "output_schema",
    "parameters",
    "values",
    "variables",
];
/// The fields whose values have names, paths or ids as keys.
const NAMED: [&str; 4] = ["changes", "created", "maps", "states"];

/// The first line of every command that prints JSON lines.
pub fn version() -> Value {
    json!({ "type": "version", "ui": "1.2", "message": "JSON lines of flow, version 1.2" })
}

/// The state of standard output with JSON lines.
struct Printed {
    /// Whether the first line is printed above the next line.
    is_first_due: bool,
    /// Whether the last line that was printed is of a type that ends a command.
    is_at_end: bool,
    /// Whether a signal ends the process: no line follows.
    is_closed: bool,
}

static PRINTED: Mutex<Printed> = Mutex::new(Printed { is_first_due: false, is_at_end: false, is_closed: false });

fn printed() -> MutexGuard<'static, Printed> {
    PRINTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints the first line; with `is_deferred` above the next line, so that a command without other lines prints nothing.
pub fn begin(is_deferred: bool) {
    let mut printed = printed();
    printed.is_first_due = true;
    if !is_deferred {
        printed.first();
    }
}

/// Notes that standard output receives a file without such a first line.
pub fn leave_to_file() {
    printed().is_first_due = false;
}

/// Prints a line, and records it if events are recorded.
pub fn print(line: Value) {
    printed().add(line);
}

/// Prints the last line of a command that a signal ends, unless the last line that was printed ends the command. No line follows.
pub fn print_last(line: Value) {
    let mut printed = printed();
    if !printed.is_at_end {
        printed.add(line);
    }
    printed.is_closed = true;
}

impl Printed {
    fn first(&mut self) {
        if self.is_first_due && !self.is_closed {
            self.is_first_due = false;
            say_raw!("{}", text(&complete(version())));
        }
    }

    fn add(&mut self, line: Value) {
        if self.is_closed {
            return;
        }
        self.first();
        let line = complete(line);
        self.is_at_end = ends_command(&line);
        record::event(&line);
        say_raw!("{}", text(&line));
    }
}

/// Whether a line is of a type that ends a command.
pub fn ends_command(line: &Value) -> bool {
    matches!(line["type"].as_str(), Some("end" | "error"))
}

/// The text of a line, escaped like [`escaped`].
pub fn text(line: &Value) -> String {
    escaped(line.to_string())
}

/// The text of a JSON value in which characters that act on a terminal are escaped: the same JSON.
pub fn escaped(json: String) -> String {
    // A line feed separates the lines of an indented text; strings have none.
    let acts = |c: char| c != '\n' && acts_on_terminal(c);
    if !json.contains(acts) {
        return json;
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // Such characters are in strings only, and each is one unit of UTF-16.
            c if acts(c) => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

/// A line with the fields that every line has, and all keys in one casing. Execution and state are null for a line that is about none. The
/// time is the current one unless the line has a time.
pub fn complete(line: Value) -> Value {
    let Value::Object(mut fields) = line else { return line };
    let kind = fields.shift_remove("type").unwrap_or_else(|| json!("line"));
    let message =
        fields.shift_remove("message").filter(|message| message.as_str().is_some_and(|text| !text.is_empty()));
    let now = || {
        let now = jiff::Timestamp::now().as_millisecond();
        rfc3339(u64::try_from(now).unwrap_or_default()).into()
    };
    let time = fields.shift_remove("time").unwrap_or_else(now);
    let execution = fields.shift_remove("execution").unwrap_or_default();
    let state = fields.shift_remove("state").unwrap_or_default();
    let common = [kind.clone(), time, execution, state, message.unwrap_or(kind)];
    let mut line: Map<String, Value> = COMMON.into_iter().map(str::to_owned).zip(common).collect();
    line.extend(fields.into_iter().map(|(key, value)| cased(&key, value)));
    Value::Object(line)
}

/// A field with its key, and the keys inside it, in camel case.
fn cased(key: &str, value: Value) -> (String, Value) {
    let value = if FOREIGN.contains(&key) { value } else { with_cased_keys(value, NAMED.contains(&key)) };
    (camel_case(key), value)
}

fn with_cased_keys(value: Value, named: bool) -> Value {
    match value {
        Value::Object(fields) if named => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, with_cased_keys(value, false))).collect())
        }
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(key, value)| cased(&key, value)).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| with_cased_keys(item, false)).collect()),
        other => other,
    }
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut key, word| {
        let mut characters = word.chars();
        key.extend(characters.next().map(|c| c.to_ascii_uppercase()));
        key.push_str(characters.as_str());
        key
    })
}

/// The line of an event. The view has the event folded in.
pub fn event(view: &View, event: &RunnerEvent) -> Option<Value> {
    let RunnerEvent::Entry { execution, entry } = event else { return None };
    let message = match lines::lines(view, entry) {
        none if none.is_empty() => lines::sentence(view, entry),
        lines => lines.join("\n"),
    };
    let line = json!({
        "type": "entry", "time": rfc3339(entry.timestamp_ms), "execution": execution, "state": lines::path_of(entry), "message": message,
    });
    Some(with(line, serde_json::to_value(entry).unwrap_or_default()))
}

/// A line with more fields.
pub fn with(mut line: Value, more: Value) -> Value {
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    line
}

/// The last line of a watch. `driven`: a process drives the execution on.
pub fn watch_end(view: &View, driven: bool, now_ms: u64) -> Value {
    json!({
        "type": "end",
        "time": rfc3339(view.stopped_ms.unwrap_or(now_ms)),
        "execution": view.id,
        "status": view.status,
        "paused": view.paused,
        "changes": view.change_counts(),
        "summary": changes(view),
        "output": view.output,
        "error": view.failure.as_ref().map(|failure| &failure.error),
        "cause": view.failure.as_ref().map(|failure| &failure.cause),
        "message": end(view, driven, now_ms).join("\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_act_on_a_terminal_are_escaped_and_the_json_is_the_same() {
        let line =
            json!({ "message": "a\u{9b}31m\u{7f} \u{202e}b\u{2066} \u{2028}\n\u{1b} ü 漢 🎉", "\u{85}": "\"\\u" });
        let text = text(&line);
        assert!(!text.contains(acts_on_terminal), "{text}");
        assert!(text.contains(r"a\u009b31m\u007f \u202eb\u2066 \u2028\n\u001b ü 漢 🎉"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap_or_default(), line);
        assert_eq!(escaped("{\n  \"a\u{9b}\": 1\n}".to_owned()), "{\n  \"a\\u009b\": 1\n}");
    }

    #[test]
    fn no_line_follows_the_last_one() {
        let mut printed = Printed { is_first_due: true, is_at_end: false, is_closed: true };
        printed.add(json!({ "type": "end" }));
        assert!(printed.is_first_due && !printed.is_at_end, "nothing was printed");
    }

    #[test]
    fn every_line_begins_with_the_same_fields_and_has_one_casing() {
        let line = complete(json!({
            "started_ms": 1, "type": "x", "input": { "snake_case": 1 }, "time": "t",
            "view": { "states": { "a_b": { "entered_ms": 2 } }, "made": [{ "resource_type": "V" }] },
        }));
        let expected = concat!(
            r#"{"type":"x","time":"t","execution":null,"state":null,"message":"x","startedMs":1,"#,
            r#""input":{"snake_case":1},"#,
            r#""view":{"states":{"a_b":{"enteredMs":2}},"made":[{"resourceType":"V"}]}}"#,
        );
        assert_eq!(line.to_string(), expected);
    }
}
