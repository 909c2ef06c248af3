//! The terminal: its size, whether it shows colours and Unicode, and styled lines.

use std::io::IsTerminal;

use super::{
    cells,
    text::{visible, width},
};
use crate::global::Color;

/// The usual width of a column of ids.
pub const ID_CELLS_USUAL: usize = 34;

/// The meaning of a span of text, which decides its colour. Colour is never the only sign: icons and words have the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// No colour.
    #[default]
    Plain,
    /// Succeeded.
    Good,
    /// Failed.
    Bad,
    /// Needs a person, or is about to be repeated.
    Attention,
    /// Runs.
    Active,
    /// Of less interest: finished, or not yet entered.
    Faint,
}

impl Tone {
    /// The parameters of the SGR escape sequence (ECMA-48, 8.3.117).
    fn sgr(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Good => Some("32"),
            Tone::Bad => Some("31"),
            Tone::Attention => Some("33"),
            Tone::Active => Some("36"),
            Tone::Faint => Some("2"),
        }
    }
}

/// A line of styled spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(pub Vec<(Tone, String)>);

impl Line {
    /// A line of one span.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Line(vec![(tone, text.into())])
    }

    /// Adds a span.
    pub fn push(&mut self, tone: Tone, text: impl Into<String>) {
        self.0.push((tone, text.into()));
    }
}

/// The abilities of a display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// The width in cells; unlimited in a file or a pipe.
    pub columns: usize,
    /// The height in lines; unlimited in a file or a pipe.
    pub rows: usize,
    /// Whether colours are shown.
    pub color: bool,
    /// Whether the parts that flow draws are only ASCII. Names are shown as they are.
    pub ascii: bool,
}

impl Screen {
    /// The screen of standard output.
    pub fn of_stdout(color: Color) -> Self {
        let terminal = std::io::stdout().is_terminal();
        // Without a terminal crossterm would start other programs to find one.
        let (columns, rows) = match terminal.then(crossterm::terminal::size) {
            Some(Ok((columns, rows))) if columns > 0 && rows > 0 => (usize::from(columns), usize::from(rows)),
            Some(_) => (100, 40),
            None => (usize::MAX, usize::MAX),
        };
        Screen { columns, rows, color: shows_color(color, terminal, variable), ascii: is_ascii(variable) }
    }

    /// The line as text: cut to the width, with escape sequences where colours are shown.
    pub fn paint(&self, line: &Line) -> String {
        let last = line.0.iter().rposition(|(_, span)| !span.trim_end().is_empty());
        let spans = line.0.iter().enumerate().map(|(number, (tone, span))| {
            let span = if Some(number) >= last { span.trim_end() } else { span };
            (tone.sgr().filter(|_| self.color), self.fit(span, usize::MAX))
        });
        let spans: Vec<(Option<&str>, String)> = spans.collect();
        let is_cut = spans.iter().map(|(_, span)| width(span)).sum::<usize>() > self.columns;
        let mark = if is_cut { cells::first(self.mark(), self.columns) } else { "" };
        let mut left = self.columns - width(mark);
        let mut text = String::new();
        for (sgr, span) in spans {
            let kept = cells::first(&span, left);
            let ends_here = kept.len() < span.len();
            let kept = if ends_here { format!("{kept}{mark}") } else { kept.to_owned() };
            left -= width(&kept).min(left);
            match sgr.filter(|_| !kept.is_empty()) {
                Some(sgr) => text.push_str(&format!("\u{1b}[{sgr}m{kept}\u{1b}[0m")),
                None => text.push_str(&kept),
            }
            if ends_here {
                break;
            }
        }
        text
    }

    /// The mark of a cut.
    pub fn mark(&self) -> &'static str {
        cells::mark(self.ascii)
    }

    /// A text as this screen shows it, cut at its end to `cells` cells.
    pub fn fit(&self, text: &str, cells: usize) -> String {
        if self.ascii { cells::fit(&in_ascii(text), cells, self.mark()) } else { cells::fit(text, cells, self.mark()) }
    }

    /// A text as this screen shows it in exactly `cells` cells, filled with spaces on the right.
    pub fn pad(&self, text: &str, cells: usize) -> String {
        cells::filled(self.fit(text, cells), cells)
    }

    /// A line of a file in at most `cells` cells around one of its characters, and the number of cells in front of that character.
    pub fn around(&self, line: &str, at: usize, cells: usize) -> (String, usize) {
        cells::around(line, at, cells, self.mark())
    }

    /// An id, cut in its middle to `cells` cells.
    pub fn fit_id(&self, id: &str, cells: usize) -> String {
        cells::fit_id(id, cells, self.mark())
    }

    /// An id at the beginning of a line: it leaves most of the line to what follows.
    pub fn leading_id(&self, id: &str) -> String {
        self.fit_id(id, self.id_cells_max())
    }

    /// The most cells of an id at the beginning of a line.
    pub fn id_cells_max(&self) -> usize {
        ID_CELLS_USUAL.max(self.columns / 5 * 2)
    }

    /// A line of text, cut to the width: a line that is drawn again must not wrap.
    pub fn cut(&self, line: &str) -> String {
        cells::fit(&self.plain(line), self.columns, self.mark())
    }

    /// The lines that a line of text takes, wrapped at words. Commands stay on one line.
    pub fn wrapped(&self, line: &str) -> Vec<String> {
        cells::wrapped(&self.plain(line), self.columns).split('\n').map(str::to_owned).collect()
    }

    /// A line of text without colours and without characters that act on the terminal, in ASCII where the screen shows no more. It is not
    /// cut: it may hold a command to copy.
    pub fn plain(&self, line: &str) -> String {
        let line = visible(line);
        if self.ascii { in_ascii(&line) } else { line }
    }
}

/// A text for people that is printed outside of a drawing: text from outside cannot act on the terminal, a locale without UTF-8 gets ASCII,
/// and on a terminal lines are wrapped at words.
pub fn printed(text: &str, terminal: bool) -> String {
    let text = visible(text);
    let text = if is_ascii(variable) { in_ascii(&text) } else { text };
    match terminal.then(crossterm::terminal::size) {
        Some(Ok((columns, _))) if columns > 0 => cells::wrapped(&text, usize::from(columns)),
        _ => text,
    }
}

/// A variable of the process that is not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the terminal may not support escape sequences: its type is `dumb` or unknown.
pub fn is_dumb(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("TERM").is_none_or(|term| term == "dumb")
}

/// Whether to show colours: the option decides. Without it, not with NO_COLOR (<https://no-color.org>), always with CLICOLOR_FORCE, else on
/// a terminal that is not dumb.
fn shows_color(color: Color, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if variable("NO_COLOR").is_some() => false,
        Color::Auto if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto => terminal && !is_dumb(variable),
    }
}

/// Whether the locale's character set is not UTF-8 (POSIX: LC_ALL, LC_CTYPE, LANG, the first that is set; without one, the locale is C).
fn is_ascii(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}

/// The characters that flow draws, in ASCII.
fn in_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '✔' => ascii.push('+'),
            '✖' => ascii.push('x'),
            '●' => ascii.push('*'),
            '⏸' => ascii.push('!'),
            '◌' => ascii.push('.'),
            '■' => ascii.push('#'),
            '└' => ascii.push('`'),
            '─' | '·' | '–' => ascii.push('-'),
            '×' => ascii.push('x'),
            '›' => ascii.push('>'),
            '←' => ascii.push_str("<-"),
            '…' => ascii.push_str("..."),
            c => ascii.push(c),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_option_then_the_environment() {
        let none = |_: &str| None;
        let only =
            |wanted: &'static str, value: &'static str| move |name: &str| (name == wanted).then(|| value.to_owned());
        let xterm = only("TERM", "xterm");
        assert!(shows_color(Color::Auto, true, xterm) && !shows_color(Color::Auto, false, xterm));
        assert!(!shows_color(Color::Auto, true, none), "nothing says what the terminal understands");
        let no_color = |name: &str| (name == "NO_COLOR" || name == "TERM").then(|| "xterm".to_owned());
        assert!(!shows_color(Color::Auto, true, no_color));
        assert!(!shows_color(Color::Auto, true, only("TERM", "dumb")));
        assert!(shows_color(Color::Auto, false, only("CLICOLOR_FORCE", "1")));
        assert!(shows_color(Color::Always, false, only("NO_COLOR", "1")));
        assert!(!shows_color(Color::Never, true, xterm));
    }

    #[test]
    fn a_locale_without_utf_8_gets_ascii() {
        let locale =
            |wanted: &'static str, value: &'static str| move |name: &str| (name == wanted).then(|| value.to_owned());
        assert!(is_ascii(locale("LC_ALL", "C")) && is_ascii(locale("LANG", "de_DE.ISO-8859-1")));
        assert!(!is_ascii(locale("LANG", "de_DE.UTF-8")) && !is_ascii(locale("LC_CTYPE", "C.utf8")));
        assert!(is_ascii(|_| None), "cron sets no locale");
    }

    #[test]
    fn a_line_is_cut_by_cells_and_coloured_by_span() {
        let mut line = Line::new(Tone::Good, "✔ ");
        line.push(Tone::Plain, "データベースを作る   ");
        line.push(Tone::Faint, "  ");
        let screen = Screen { columns: 10, rows: 9, color: true, ascii: false };
        assert_eq!(screen.paint(&line), "\u{1b}[32m✔ \u{1b}[0mデータ…");
        let narrow = Screen { columns: 8, color: false, ascii: true, ..screen };
        assert_eq!(narrow.cut("… to approve it"), "... t...");
        assert_eq!(narrow.cut("to approve"), "to ap...");
        let mut spans = Line::new(Tone::Plain, "1234567");
        spans.push(Tone::Plain, "890");
        assert_eq!(narrow.paint(&spans), "12345...", "a mark is never cut by the span in front of it");
        let one = Screen { columns: 1, ..narrow };
        assert_eq!(one.paint(&spans), ".");
        assert_eq!(narrow.pad("データベース", 8), "デー... ");
        assert_eq!(narrow.leading_id("short-7k3f"), "short-7k3f");
        let wide = Screen { columns: 80, color: false, ascii: true, ..screen };
        assert_eq!(wide.paint(&line), "+ データベースを作る");
    }
}
