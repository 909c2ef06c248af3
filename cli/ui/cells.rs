//! Fits texts into a number of terminal cells: cut at the end, cut in the middle, filled, or wrapped at words.

use unicode_width::UnicodeWidthChar;

use super::text::width;
use crate::characters::acts_on_terminal;

/// The mark of a cut.
const MARK: &str = "…";
/// The mark of a cut where only ASCII is shown.
const MARK_ASCII: &str = "...";
/// The number of cells by which a line that continues a wrapped line is indented.
const HANG_CELLS: usize = 2;
/// On narrower screens nothing is wrapped.
const WRAPPED_CELLS_MIN: usize = 20;
/// A line with one of these is code to copy, or a line of a source file.
const CODE_SIGNS: [&str; 4] = ["<<", "&&", " | ", "$("];

/// The mark of a cut.
pub fn mark(ascii: bool) -> &'static str {
    if ascii { MARK_ASCII } else { MARK }
}

/// A text in at most `cells` cells, with the mark where its end is cut. Characters that act on a terminal become spaces: a name with a
/// line feed or an escape sequence would break the display.
pub fn fit(text: &str, cells: usize, mark: &str) -> String {
    let text = printable(text);
    if width(&text) <= cells {
        return text;
    }
    let mark = first(mark, cells);
    format!("{}{mark}", first(&text, cells - width(mark)))
}

/// An id in at most `cells` cells, with the mark where its middle is cut: the end of an id is what distinguishes it.
pub fn fit_id(id: &str, cells: usize, mark: &str) -> String {
    let id = printable(id);
    if width(&id) <= cells {
        return id;
    }
    let mark = first(mark, cells);
    let left = cells - width(mark);
    let end = last(&id, left / 2);
    format!("{}{mark}{end}", first(&id, left - width(end)))
}

/// A text in at most `cells` cells, cut at its beginning and its end so that the character `at` is shown, with the mark at each cut.
/// Also returns the number of cells in front of that character.
pub fn around(text: &str, at: usize, cells: usize, mark: &str) -> (String, usize) {
    let text = printable(text);
    let split = text.char_indices().nth(at).map_or(text.len(), |(index, _)| index);
    let (before, after) = text.split_at(split);
    // A short end leaves room for more of what precedes it.
    let room = (cells / 2).max(cells.saturating_sub(width(after)));
    let before = if width(before) <= room {
        before.to_owned()
    } else {
        let mark = first(mark, room);
        format!("{mark}{}", last(before, room - width(mark)))
    };
    let column = width(&before);
    (format!("{before}{}", fit(after, cells - column, mark)), column)
}

/// A text with spaces on the right, in at least `cells` cells.
pub fn filled(mut text: String, cells: usize) -> String {
    let missing = cells.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if acts_on_terminal(c) { ' ' } else { c }).collect()
}

/// The longest beginning of a text in at most `cells` cells.
pub fn first(text: &str, cells: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > cells
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// The longest end of a text in at most `cells` cells.
fn last(text: &str, cells: usize) -> &str {
    let mut taken = 0;
    let begin = text.char_indices().rev().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > cells
    });
    &text[begin.map_or(0, |(at, c)| at + c.len_utf8())..]
}

/// A text of one or more lines, each wrapped at words where it is longer than `cells` cells. A command, a text between backticks and a
/// line of code stay on one line, so that they can be copied: the terminal shows the rest of them in its next row.
pub fn wrapped(text: &str, cells: usize) -> String {
    text.split('\n').map(|line| wrapped_line(line, cells)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, cells: usize) -> String {
    let is_code = CODE_SIGNS.iter().any(|sign| line.contains(sign));
    if width(line) <= cells || cells < WRAPPED_CELLS_MIN || is_code {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    let hang = (indent + HANG_CELLS).min(cells / 2);
    let (mut shown, mut used) = (String::with_capacity(line.len() + hang), 0);
    for (number, Piece { gap, text }) in pieces(line).into_iter().enumerate() {
        let gap = if number > 0 && used + gap + width(text) > cells {
            shown.push('\n');
            used = 0;
            hang
        } else {
            gap
        };
        shown.extend(std::iter::repeat_n(' ', gap));
        shown.push_str(text);
        used += gap + width(text);
    }
    shown
}

/// A piece that is never broken, and the number of spaces that precede it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece<'t> {
    gap: usize,
    text: &'t str,
}

/// The words of a line. A command is one piece: it begins after a colon or several spaces, and several spaces, a semicolon or the
/// line's end follow it, as in every message of flow.
fn pieces(line: &str) -> Vec<Piece<'_>> {
    let words = words(line);
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(&(gap, begin, _)) = words.get(at) {
        let word = |index: usize| words.get(index).map_or("", |(_, begin, end)| &line[*begin..*end]);
        let previous = at.checked_sub(1).map_or("", word);
        let ends: fn(&str) -> bool = match begins_command(gap, previous, word(at), word(at + 1)) {
            true => |text: &str| text.ends_with(';') && text.matches('\'').count().is_multiple_of(2),
            false => |text: &str| text.matches('`').count().is_multiple_of(2),
        };
        let mut last = at;
        while let Some((next_gap, ..)) = words.get(last + 1)
            && !ends(&line[begin..words[last].2])
            && *next_gap < 2
        {
            last += 1;
        }
        pieces.push(Piece { gap, text: &line[begin..words[last].2] });
        at = last + 1;
    }
    pieces
}

/// Whether a word begins a command: a command of flow after a colon or at the beginning, any other command after several spaces.
fn begins_command(gap: usize, previous: &str, word: &str, next: &str) -> bool {
    let is_lower = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
    let is_apart = previous.is_empty() || previous.ends_with(':') || gap > 1;
    let is_own = word == "flow" && is_lower(next);
    is_apart && is_own || gap > 1 && !previous.is_empty() && (is_lower(word) || word.contains('='))
}

/// Whether a line has a command of flow, which must not be cut: a person pastes it.
pub fn has_own_command(line: &str) -> bool {
    let words = words(line);
    let word = |index: usize| words.get(index).map_or("", |(_, begin, end)| &line[*begin..*end]);
    words.iter().enumerate().any(|(at, (gap, ..))| {
        let previous = at.checked_sub(1).map_or("", word);
        word(at) == "flow" && begins_command(*gap, previous, word(at), word(at + 1))
    })
}

/// The words of a line: the number of spaces before each, its begin and its end.
fn words(line: &str) -> Vec<(usize, usize, usize)> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let gap = line[at..].len() - line[at..].trim_start_matches(' ').len();
        let begin = at + gap;
        let end = line[begin..].find(' ').map_or(line.len(), |length| begin + length);
        if begin < end {
            words.push((gap, begin, end));
        }
        at = end;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_character_takes_two_cells() {
        assert_eq!(fit("データベース", 12, MARK), "データベース");
        assert_eq!(fit("データベース", 8, MARK), "データ…");
        assert_eq!(fit("データベース", 8, MARK_ASCII), "デー...");
        assert_eq!(width(&filled(fit("データベース", 9, MARK), 9)), 9);
        assert_eq!(fit("a\u{1b}[2Jb", 20, MARK), "a [2Jb");
        assert_eq!(fit("a\u{202e}b", 20, MARK), "a b");
        for cells in 0..14 {
            for mark in [MARK, MARK_ASCII] {
                assert!(width(&fit("データベース1", cells, mark)) <= cells);
                assert!(width(&fit_id("データベース1", cells, mark)) <= cells);
            }
        }
        assert_eq!(fit("abc", 0, MARK), "");
    }

    #[test]
    fn a_long_text_is_cut_around_a_character() {
        let text = "0123456789abcdefghij";
        assert_eq!(around(text, 3, 20, MARK), (text.to_owned(), 3));
        assert_eq!(around(text, 3, 10, MARK), ("012345678…".to_owned(), 3));
        assert_eq!(around(text, 10, 10, MARK), ("…6789abcd…".to_owned(), 5));
        assert_eq!(around(text, 10, 10, MARK_ASCII), ("...89ab...".to_owned(), 5));
        assert_eq!(around(text, 18, 10, MARK), ("…bcdefghij".to_owned(), 8));
        assert_eq!(around(text, 99, 10, MARK), ("…bcdefghij".to_owned(), 10), "the position after the end");
        assert_eq!(around("データベース=1", 6, 20, MARK), ("データベース=1".to_owned(), 12), "cells, not characters");
        assert_eq!(around("\tx: \u{1b}[2J", 1, 20, MARK), (" x:  [2J".to_owned(), 1));
        for cells in 0..16 {
            for at in 0..12 {
                let (shown, column) = around("データベース1 = 2", at, cells, MARK_ASCII);
                assert!(width(&shown) <= cells && column <= cells, "{shown}");
            }
        }
    }

    #[test]
    fn an_id_keeps_the_end_that_distinguishes_it() {
        let id = "rehearsal-endpoints-aws-teardown-7k3f";
        assert_eq!(fit_id(id, 37, MARK), id);
        assert_eq!(fit_id(id, 21, MARK), "rehearsal-…rdown-7k3f");
        assert_eq!(fit_id(id, 21, MARK_ASCII), "rehearsal...down-7k3f");
        assert_eq!(fit_id("公開公開公開-7k3f", 10, MARK), "公開…7k3f");
        assert_eq!(fit_id("abc", 1, MARK), "…");
    }

    #[test]
    fn a_sentence_is_wrapped_at_words() {
        let line = "  The mistake is in the definition, which this execution has pinned.";
        assert_eq!(wrapped(line, 30), "  The mistake is in the\n    definition, which this\n    execution has pinned.");
        assert_eq!(wrapped(line, 80), line);
        assert_eq!(wrapped("one\n\ntwo  three", 40), "one\n\ntwo  three");
        let lines = wrapped("データ ベース データ ベース データ ベース", 20);
        assert!(lines.lines().all(|line| width(line) <= 20), "{lines}");
        let token = "x".repeat(50);
        assert_eq!(wrapped(&format!("See {token} now."), 30), format!("See\n  {token}\n  now."));
    }

    #[test]
    fn a_command_is_never_broken() {
        let approve = "flow approve release-7k3f 'Ask the team; then wait' --choice blue";
        for (line, command) in [
            (format!("  To approve:   {approve}"), approve),
            (format!("No process drives it. Every answer is recorded. Nothing is lost: {approve}"), approve),
            (format!("{approve}; flow run with another --id starts a new one; nothing was run"), approve),
            (format!("See   flow doctor   , make room or repair the disk, then   {approve}"), approve),
            (format!("then   FLOW_FILES=/folder {approve}"), "FLOW_FILES=/folder flow approve release-7k3f"),
            ("Get new credentials (such as `aws sso login`, or others)".to_owned(), "`aws sso login`,"),
            ("    cat <<EOF > /tmp/a file with a long name and more".to_owned(), "a file with a long name and more"),
        ] {
            for cells in 20..60 {
                let shown = wrapped(&line, cells);
                assert!(shown.contains(command), "{cells} cells: {shown}");
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                assert_eq!(words(&shown), words(&line), "{cells} cells");
            }
        }
        assert_eq!(wrapped("flow: waiting for an execution", 20), "flow: waiting for an\n  execution");
    }
}
