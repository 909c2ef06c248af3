//! The colours of lines that are printed once: of the display without a terminal, and of the screens at the end. Only the beginning of a
//! line is coloured, in one piece: a text search finds the same lines with and without colours.

use super::{
    display_status::DISPLAY_STATUSES,
    screen::{Line, Screen, Tone},
};

/// The words of the first line of an end, each after a space.
const ENDS: [&str; 4] = [" SUCCEEDED", " FAILED", " TIMED_OUT", " ABORTED"];

/// The rows of a line, wrapped at words. Where colours are shown, its beginning has the colour of what it reports.
pub fn rows(line: &str, screen: &Screen) -> Vec<String> {
    let mut rows = screen.wrapped(line);
    if let Some(first) = rows.first_mut().filter(|_| screen.color)
        && let Some((end, tone)) = beginning(line, first)
    {
        *first = painted(first, (0, end), tone, screen);
    }
    rows
}

/// The rows of an execution's line among several: its id, then what is reported, which begins with its status in one word.
pub fn listed_rows(id: &str, message: &str, screen: &Screen) -> Vec<String> {
    let mut rows = screen.wrapped(&format!("{id}   {message}"));
    let word = message.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap_or_default();
    if let Some(first) = rows.first_mut().filter(|_| screen.color && DISPLAY_STATUSES.contains(&word))
        && let Some(at) = first.find(&format!("   {word}"))
    {
        let begin = at + 3;
        *first = painted(first, (begin, begin + word.len()), tone(word), screen);
    }
    rows
}

/// The colour of a status.
pub fn tone(display_status: &str) -> Tone {
    match display_status {
        "SUCCEEDED" => Tone::Good,
        "RUNNING" => Tone::Active,
        "FAILED" | "TIMED_OUT" | "ABORTED" => Tone::Bad,
        _ => Tone::Attention,
    }
}

/// A row with a coloured part, from one byte to another.
fn painted(row: &str, (begin, end): (usize, usize), tone: Tone, screen: &Screen) -> String {
    let (Some(before), Some(part), Some(after)) = (row.get(..begin), row.get(begin..end), row.get(end..)) else {
        return row.to_owned();
    };
    // The terminal wraps a command that is wider than it is.
    let screen = Screen { columns: usize::MAX, ..*screen };
    format!("{before}{}{after}", screen.paint(&Line::new(tone, part)))
}

/// The end of the coloured beginning of a row, and its colour. `line`: the line before its signs are written in ASCII.
fn beginning(line: &str, row: &str) -> Option<(usize, Tone)> {
    if let Some(tone) = line.chars().next().and_then(of_sign) {
        let sign = row.chars().next().map_or(0, char::len_utf8);
        let has_ended = matches!(tone, Tone::Good | Tone::Bad);
        let end = ENDS.iter().filter(|_| has_ended).find_map(|word| Some(row.find(word)? + word.len()));
        return Some((end.unwrap_or(sign), tone));
    }
    if line.ends_with(" needs you:") {
        return Some((row.len(), Tone::Attention));
    }
    let word = row.get(TIME_BYTES..).filter(|_| begins_with_time(row))?.split(' ').next()?;
    Some((TIME_BYTES + word.len(), of_word(word, line)?))
}

/// The bytes of `12:08:03 `.
const TIME_BYTES: usize = 9;

/// Whether a row is one of the display without a terminal: it begins with a time.
fn begins_with_time(row: &str) -> bool {
    let pattern = b"00:00:00 ";
    let fits = |(byte, wanted): (&u8, &u8)| byte == wanted || (*wanted == b'0' && byte.is_ascii_digit());
    row.len() > pattern.len() && row.as_bytes().iter().zip(pattern).all(fits)
}

/// The colour of a line that begins with a sign.
fn of_sign(sign: char) -> Option<Tone> {
    match sign {
        '✔' => Some(Tone::Good),
        '✖' => Some(Tone::Bad),
        '●' => Some(Tone::Active),
        '⏸' => Some(Tone::Attention),
        _ => None,
    }
}

/// The colour of a line of the display without a terminal, by the word that follows its time: see [`super::lines`].
fn of_word(word: &str, line: &str) -> Option<Tone> {
    match word {
        "Completed" | "Ready" => Some(Tone::Good),
        "Failed" => Some(Tone::Bad),
        "Caught" | "Retry" | "Paused" | "Repeated" | "Dropped" => Some(Tone::Attention),
        // With what a person must do in the lines below.
        "Waiting" if line.contains('\n') => Some(Tone::Attention),
        "Started" | "Waiting" | "Continued" | "Resumed" | "Re-entered" => Some(Tone::Active),
        "Still" => Some(Tone::Faint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{
        lines,
        story::{Story, failed, running},
        summary,
    };

    const PIPE: Screen = Screen { columns: usize::MAX, rows: usize::MAX, color: true, ascii: false };

    fn shown(line: &str) -> String {
        rows(line, &PIPE).join("\n")
    }

    #[test]
    fn the_beginning_of_a_line_has_the_colour_of_what_it_reports() {
        for (line, expected) in [
            ("✔ k2 SUCCEEDED after 1s: 2 created", "\u{1b}[32m✔ k2 SUCCEEDED\u{1b}[0m after 1s: 2 created"),
            ("✖ k1 FAILED at \"A\"   [E]", "\u{1b}[31m✖ k1 FAILED\u{1b}[0m at \"A\"   [E]"),
            ("✖ k1 was ABORTED after 1s", "\u{1b}[31m✖ k1 was ABORTED\u{1b}[0m after 1s"),
            ("● Poll: no such file", "\u{1b}[36m●\u{1b}[0m Poll: no such file"),
            ("Ask needs you:", "\u{1b}[33mAsk needs you:\u{1b}[0m"),
            ("12:08:03 Failed    ( 1/2) A: no", "\u{1b}[31m12:08:03 Failed\u{1b}[0m    ( 1/2) A: no"),
            ("  12:08:03 Failed", "  12:08:03 Failed"),
            ("Failed", "Failed"),
            ("", ""),
        ] {
            assert_eq!(shown(line), expected);
            assert_eq!(rows(line, &Screen { color: false, ..PIPE }), [line], "no colours");
        }
        let ascii = Screen { ascii: true, ..PIPE };
        assert_eq!(rows("✖ k1 FAILED after 1s", &ascii), ["\u{1b}[31mx k1 FAILED\u{1b}[0m after 1s"]);
        let narrow = Screen { columns: 24, ..PIPE };
        let all = rows("✖ k1 FAILED after 1s and a long time more", &narrow);
        assert!(all.len() == 2 && all[0].starts_with("\u{1b}[31m✖ k1 FAILED\u{1b}[0m after"), "{all:?}");
    }

    #[test]
    fn every_line_of_the_display_and_of_the_end_is_the_same_without_its_colours() {
        let without = |text: &str| {
            ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m", "\u{1b}[2m", "\u{1b}[0m"]
                .iter()
                .fold(text.to_owned(), |text, code| text.replace(code, ""))
        };
        for story in [running(), failed()] {
            let mut all: Vec<String> =
                story.entries.iter().flat_map(|entry| lines::lines(&story.view, entry)).collect();
            all.extend(summary::end(&story.view, true, Story::at(1_000.0)));
            let coloured: Vec<String> = all.iter().map(|line| shown(line)).collect();
            assert!(coloured.iter().any(|line| line.contains('\u{1b}')), "{coloured:#?}");
            let plain: Vec<String> = all.iter().map(|line| PIPE.plain(line)).collect();
            assert_eq!(coloured.iter().map(|line| without(line)).collect::<Vec<_>>(), plain);
        }
    }

    #[test]
    fn the_line_of_an_execution_among_several_has_the_colour_of_its_status() {
        let line = |message: &str| listed_rows("RUNNING-1", message, &PIPE).join("\n");
        assert_eq!(line("SUCCEEDED after 1s"), "RUNNING-1   \u{1b}[32mSUCCEEDED\u{1b}[0m after 1s");
        assert_eq!(
            line("RUNNING, needs you: flow status x"),
            "RUNNING-1   \u{1b}[36mRUNNING\u{1b}[0m, needs you: flow status x"
        );
        for other in ["not resumed: no", "AWS does not answer"] {
            assert_eq!(line(other), format!("RUNNING-1   {other}"));
        }
    }
}
