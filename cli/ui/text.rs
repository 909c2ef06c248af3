//! Formats times, durations and ids for people.

use std::sync::OnceLock;

use engine::journal::StepFailure;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::characters::acts_on_terminal;

/// A duration: `0.8s`, `42s`, `2m04s`, `1h03m`, `2d05h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 => format!("{}.{}s", seconds, ms % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A duration that is an estimate between two bounds: `20–40s`, `8–12m`, `1h05m–1h30m`.
pub fn duration_range(low_ms: u64, high_ms: u64) -> String {
    let rounded = |ms: u64| match high_ms {
        0..10_000 => (ms.div_ceil(1_000), "s"),
        10_000..60_000 => (ms.div_ceil(5_000) * 5, "s"),
        _ => (ms.div_ceil(60_000), "m"),
    };
    let ((low, unit), (high, _)) = (rounded(low_ms), rounded(high_ms));
    match high_ms {
        3_540_001.. if low != high => format!("{}–{}", duration(low * 60_000), duration(high * 60_000)),
        3_540_001.. => duration(high * 60_000),
        _ if low == high => format!("{high}{unit}"),
        _ => format!("{low}–{high}{unit}"),
    }
}

/// The time zone of this machine. Tests use UTC.
fn zone() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    if cfg!(test) { TimeZone::UTC } else { ZONE.get_or_init(machine_zone).clone() }
}

/// The zone that `/etc/localtime` describes, unless the variable TZ names another. `TimeZone::system` also finds the zone's name,
/// for which it lists every folder of the zone database: a millisecond of each command, and nothing here shows the name.
fn machine_zone() -> TimeZone {
    let local = || TimeZone::tzif("local", &std::fs::read("/etc/localtime").ok()?).ok();
    let named = std::env::var_os("TZ").is_some();
    (!named).then(local).flatten().unwrap_or_else(TimeZone::system)
}

fn timestamp(epoch_ms: u64) -> Timestamp {
    i64::try_from(epoch_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}

fn zoned(epoch_ms: u64) -> Zoned {
    timestamp(epoch_ms).to_zoned(zone())
}

/// A time for programs: RFC 3339 in UTC, with milliseconds.
pub fn rfc3339(epoch_ms: u64) -> String {
    format!("{:.3}", timestamp(epoch_ms))
}

/// The calendar date: `2026-11-26`.
pub fn date(epoch_ms: u64) -> String {
    zoned(epoch_ms).strftime("%Y-%m-%d").to_string()
}

/// Date and time to the second: `2026-11-26 12:08:03`.
pub fn date_and_clock(epoch_ms: u64) -> String {
    zoned(epoch_ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time of day: `12:08:03`.
pub fn clock(epoch_ms: u64) -> String {
    zoned(epoch_ms).strftime("%H:%M:%S").to_string()
}

/// The time of day if it is on the current date, else date and time.
pub fn moment(epoch_ms: u64, now_ms: u64) -> String {
    let (at, now) = (zoned(epoch_ms), zoned(now_ms));
    if at.date() == now.date() {
        return clock(epoch_ms);
    }
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A text without characters that act on a terminal: control characters, except line feed and tab, and characters that change the order
/// of a line's text are written as `\u{1b}`. Every value of an input, a definition or a service that people read passes through here.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if acts_on_terminal(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// A text from outside within a line, such as a comment: a line feed in it is written as `\n`, so that it cannot begin a line.
pub fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n")
}

/// A text from outside that may have several lines, such as a cause: all but the first are indented, so that none looks like a line of the
/// display.
pub fn indented(text: &str, cells: usize) -> String {
    visible(text).trim_end().replace('\n', &format!("\n{:cells$}", ""))
}

/// The lines of a value: an object's fields are below its name, and null has no line.
pub fn field_lines(name: &str, value: &Value, indent: usize) -> Vec<String> {
    let name = one_line(name);
    match value {
        Value::Null => Vec::new(),
        Value::Object(fields) if !fields.is_empty() => {
            let mut lines = vec![format!("{:indent$}{name}:", "")];
            lines.extend(fields.iter().flat_map(|(name, value)| field_lines(name, value, indent + 2)));
            lines
        }
        Value::String(text) => vec![format!("{:indent$}{name}: {}", "", indented(text, indent + 2))],
        other => vec![format!("{:indent$}{name}: {}", "", json_text(other))],
    }
}

/// A value as JSON whose strings have no characters that act on a terminal: it is still the same JSON.
pub fn json_text(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match acts_on_terminal(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
            false => text.push(c),
        }
    }
    text
}

/// The number of terminal cells that a text takes: CJK characters take two.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The distinguishing end of an ARN; other ids unchanged.
pub fn short_id(id: &str) -> String {
    if !id.starts_with("arn:") {
        return id.to_owned();
    }
    let resource = id.splitn(6, ':').nth(5).unwrap_or(id);
    format!("…{resource}")
}

/// Shortens a text to a number of characters.
pub fn shortened(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A number of things: `1 execution`, `2 executions`. The plural of the words ends in `s`.
pub fn counted(number: usize, words: &str) -> String {
    format!("{number} {words}{}", one_or(number, "", "s"))
}

/// The word for one thing, or that for another number: `has` or `have`, `branch` or `branches`.
pub fn one_or<'w>(number: usize, one: &'w str, several: &'w str) -> &'w str {
    if number == 1 { one } else { several }
}

/// An attempt, and the last one that is allowed, where that is known: `attempt 2 of 4`.
pub fn attempt_of(attempt: u32, attempts_max: Option<u32>) -> String {
    attempts_max.map_or_else(|| format!("attempt {attempt}"), |most| format!("attempt {attempt} of {most}"))
}

/// An error with its cause. Either may be empty, as in Step Functions' StopExecution.
pub fn error_and_cause(error: &str, cause: &str) -> String {
    match (error.is_empty(), cause.trim().is_empty()) {
        (_, true) => error.to_owned(),
        (true, false) => cause.to_owned(),
        (false, false) => format!("{error}: {cause}"),
    }
}

/// The cause of a failure; its error if the cause is empty, as AWS's cause of a time-out is.
pub fn cause_or_error(failure: &StepFailure) -> &str {
    if failure.cause.trim().is_empty() { &failure.error } else { &failure.cause }
}

/// A text with a full stop at its end, unless it ends a sentence already, as a cause may.
pub fn with_full_stop(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        let read: Vec<_> = [820, 42_000, 124_000, 3_780_000, 190_800_000].into_iter().map(duration).collect();
        assert_eq!(read, ["0.8s", "42s", "2m04s", "1h03m", "2d05h"]);
        let ranges = [(2_100, 4_000), (22_000, 38_000), (470_000, 700_000), (3_900_000, 5_400_000), (60_000, 60_000)];
        let read: Vec<_> = ranges.into_iter().map(|(low, high)| duration_range(low, high)).collect();
        assert_eq!(read, ["3–4s", "25–40s", "8–12m", "1h05m–1h30m", "1m"]);
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let midnight = 1_764_288_000_000;
        assert_eq!(moment(midnight - 1_000, midnight), "2025-11-27 23:59");
        assert_eq!(moment(midnight + 86_399_000, midnight), "23:59:59");
        assert_eq!(rfc3339(midnight + 5), "2025-11-28T00:00:00.005Z");
    }

    #[test]
    fn characters_that_act_on_a_terminal_are_written_out() {
        assert_eq!(visible("a\u{1b}[2Jb\u{0}\u{9b}c"), "a\\u{1b}[2Jb\\u{0}\\u{9b}c");
        assert_eq!(visible("exe\u{202e}fdp\u{2066}"), "exe\\u{202e}fdp\\u{2066}");
        assert_eq!(visible("one\r\n\ttwo データ"), "one\\u{d}\n\ttwo データ");
    }

    #[test]
    fn a_line_feed_from_outside_does_not_begin_a_line_of_the_display() {
        assert_eq!(one_line("yes\n\u{1b}[2J12:00:00 Completed"), "yes\\n\\u{1b}[2J12:00:00 Completed");
        assert_eq!(indented("first\nsecond\n", 4), "first\n    second");
        assert_eq!(field_lines("a\nb", &serde_json::json!("c\nd"), 2), ["  a\\nb: c\n    d"]);
    }

    #[test]
    fn only_one_thing_is_in_the_singular() {
        assert_eq!(
            [0, 1, 2].map(|number| counted(number, "execution")),
            ["0 executions", "1 execution", "2 executions"]
        );
        assert_eq!([0, 1, 2].map(|number| one_or(number, "has", "have")), ["have", "has", "have"]);
    }

    #[test]
    fn a_sentence_ends_with_one_full_stop() {
        for (text, shown) in
            [("It broke", "It broke."), ("It broke.", "It broke."), ("It broke.\n", "It broke."), ("Why?", "Why?")]
        {
            assert_eq!(with_full_stop(text), shown);
        }
    }

    #[test]
    fn an_arn_is_shown_by_its_end() {
        assert_eq!(short_id("arn:aws:acm:eu-central-1:1:certificate/9d1f"), "…certificate/9d1f");
        assert_eq!(short_id("vpc-1"), "vpc-1");
    }
}
