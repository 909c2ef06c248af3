//! Reads HTML as wikis and editors write it: headings, paragraphs, lists, preformatted text. Malformed HTML is read
//! without a browser's repairs.

use super::blocks::{Block, Reader};

/// Elements whose text is not part of the document.
const SKIPPED: [&str; 8] = ["head", "script", "style", "nav", "footer", "aside", "form", "svg"];
/// Elements that end a paragraph at their start and at their end.
const PARAGRAPHS: [&str; 9] = ["p", "div", "section", "article", "br", "dt", "dd", "header", "main"];
/// The longest table that is read as one, in bytes.
const TABLE_BYTES_MAX: usize = 16 << 10;
/// Elements that a table of text does not contain: a table with one of them only arranges the page.
const NOT_IN_TABLES: [&str; 7] = ["<table", "<ol", "<ul", "<pre", "<h1", "<h2", "<h3"];

/// Whether a text is an HTML document or a fragment of one.
pub(super) fn is_html(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start().to_lowercase();
    ["<!doctype", "<html", "<body", "<div", "<h1", "<h2", "<p>", "<article", "<section"]
        .iter()
        .any(|tag| start.starts_with(tag))
}

/// The blocks of a document.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut document = Document::default();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        document.text(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        document.tag(&rest[1..end], &rest[end + 1..]);
        rest = &rest[end + 1..];
        // The content of these elements is not HTML.
        if let Some(raw @ ("script" | "style")) = document.skipped.last().copied() {
            let end = rest.to_ascii_lowercase().find(&format!("</{raw}"));
            rest = end.map_or("", |end| &rest[end..]);
        }
    }
    document.text(rest);
    document.reader.blocks()
}

#[derive(Default)]
struct Document {
    reader: Reader,
    skipped: Vec<&'static str>,
    /// The preformatted text that is being read.
    code: Option<String>,
}

impl Document {
    fn text(&mut self, raw: &str) {
        if !self.skipped.is_empty() {
            return;
        }
        let text = decoded(raw);
        match &mut self.code {
            Some(code) => code.push_str(&text),
            None => {
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let starts = if text.starts_with(char::is_whitespace) { " " } else { "" };
                let ends = if !words.is_empty() && text.ends_with(char::is_whitespace) { " " } else { "" };
                self.reader.text(&format!("{starts}{words}{ends}"));
            }
        }
    }

    /// Reads a tag. `rest` is the document after it.
    fn tag(&mut self, tag: &str, rest: &str) {
        let (is_end, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(skipped) = SKIPPED.into_iter().find(|skipped| *skipped == name) {
            match is_end {
                true => drop(self.skipped.pop()),
                false if !tag.ends_with('/') => self.skipped.push(skipped),
                false => {}
            }
            return;
        }
        if !self.skipped.is_empty() {
            return;
        }
        match (name.as_str(), is_end) {
            ("pre", false) => self.code = Some(String::new()),
            ("pre", true) => {
                let code = self.code.take().unwrap_or_default();
                self.reader.code(code.trim_start_matches('\n'), "");
            }
            ("br", _) if self.code.is_some() => self.text("\n"),
            _ if self.code.is_some() => {}
            ("code" | "tt" | "kbd", _) => self.reader.text("`"),
            ("ol", false) => self.reader.begin_list(true),
            ("ul", false) => self.reader.begin_list(false),
            ("ol" | "ul", true) => self.reader.end_list(),
            ("li", false) => {
                // The end tag of an item is optional.
                self.reader.end_item();
                self.reader.begin_item();
            }
            ("li", true) => self.reader.end_item(),
            ("blockquote", false) => self.reader.begin_quote(),
            ("blockquote", true) => self.reader.end_quote(),
            ("table", false) if has_only_text(rest) => self.reader.begin_table(),
            ("table", _) => self.reader.end_table(),
            ("tr", false) => self.reader.begin_row(),
            ("td" | "th", true) => self.reader.end_cell(),
            (heading, _) if level(heading).is_some() => match (level(heading), is_end) {
                (Some(level), true) => self.reader.end_heading(level),
                _ => self.reader.begin_heading(),
            },
            (name, _) if PARAGRAPHS.contains(&name) => self.reader.end_paragraph(),
            _ => {}
        }
    }
}

/// Whether a table has only rows of text. `rest` is the document after its start tag.
fn has_only_text(rest: &str) -> bool {
    let start = &rest.as_bytes()[..rest.len().min(TABLE_BYTES_MAX)];
    let table = String::from_utf8_lossy(start).to_ascii_lowercase();
    let table = table.split("</table").next().unwrap_or_default();
    NOT_IN_TABLES.iter().all(|element| !table.contains(element))
}

fn level(name: &str) -> Option<u8> {
    let level = name.strip_prefix('h')?.parse().ok()?;
    (1..=6).contains(&level).then_some(level)
}

/// Replaces the character references that runbooks contain.
fn decoded(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = rest.find(';').filter(|end| *end <= 10).and_then(|end| Some((character(&rest[1..end])?, end)));
        match found {
            Some((character, end)) => {
                text.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "ldquo" | "rdquo" => '"',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "rarr" => '→',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::step::RunbookStep;

    #[test]
    fn headings_lists_and_preformatted_text_are_read() {
        let read = blocks(
            "<!DOCTYPE html><html><head><title>T</title><style>p { a > b }</style></head><body><nav><p>menu</p></nav>\n\
             <h1>Fail&nbsp;over</h1><p>Only at <b>night</b>,\n not by day.</p><!-- <p>no</p> -->\n<h2 id=\"x\">Drain</h2><ol>\n\
             <li><p>Stop <code>w</code>:</p><pre class=\"sh\"><code>$ stop &amp;&amp; wait\ndone</code></pre></li>\n\
             <li>Look<ul><li>here<li>there</ul></li></ol><script>if (a < b) { x(\"<p>no</p>\") }</script></body></html>",
        );
        let step = |text: &str, commands: &[&str]| {
            let commands = commands.iter().map(|command| (*command).to_owned()).collect();
            Block::Item(RunbookStep { text: text.to_owned(), commands, ..RunbookStep::default() })
        };
        let expected = [
            Block::Heading(1, "Fail over".to_owned()),
            Block::Paragraph("Only at night, not by day.".to_owned()),
            Block::Heading(2, "Drain".to_owned()),
            step("Stop `w`:\nIt prints: done", &["stop && wait"]),
            step("Look\n- here\n- there", &[]),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn tables_and_quotes_are_read_and_a_table_that_arranges_the_page_is_not() {
        let read = blocks(
            "<div><blockquote><p>Careful.</p></blockquote><table><tr><th>Service<th></th></tr><tr><td>Stop</td><td>now</td></tr></table>\
             <table><tr><td><h2>S</h2><ol><li>a</ol></td></tr></table></div>",
        );
        let step = |text: &str| Block::Item(RunbookStep { text: text.to_owned(), ..RunbookStep::default() });
        let expected = [
            Block::Quote("Careful.".to_owned()),
            Block::Paragraph("Service\nStop  now".to_owned()),
            Block::Heading(2, "S".to_owned()),
            step("a"),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_broken_is_read_as_far_as_it_goes() {
        for text in ["<p>a", "<", "<p>a &", "<pre>x", "</li></ol>", "<h2>t", "<!-- a", "<ol><li>a"] {
            blocks(text);
        }
        assert!(is_html("\u{feff}\n<!DOCTYPE HTML>") && !is_html("# <h1>") && !is_html("a < b"));
    }
}
