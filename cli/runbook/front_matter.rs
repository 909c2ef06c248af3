//! The front matter of a document: lines of YAML or TOML above the text, as the tools for pages of Markdown have them.

use serde_json::Value;
use workflows::InputFormat;

/// The lines that begin front matter, each with those that end it and with its format.
const KINDS: [(&str, [&str; 2], InputFormat); 2] =
    [("---", ["---", "..."], InputFormat::Yaml), ("+++", ["+++", "+++"], InputFormat::Toml)];

/// The title in the front matter, empty without one, and the text below it.
pub(super) fn split(document: &str) -> (String, &str) {
    let parts = KINDS.iter().find_map(|(begin, ends, format)| {
        let (inside, rest) = between(document, begin, ends)?;
        Some((title(inside, *format)?, rest))
    });
    parts.unwrap_or((String::new(), document))
}

/// The lines between the first line and the line that ends them, and the text after these.
fn between<'t>(document: &'t str, begin: &str, ends: &[&str]) -> Option<(&'t str, &'t str)> {
    let mut lines = document.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == begin)?;
    let mut at = first.len();
    for line in lines {
        if ends.contains(&line.trim_end()) {
            return Some((&document[first.len()..at], &document[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// The title among the fields of front matter; `None` if the lines are no fields, such as those between two rules of a page.
fn title(inside: &str, format: InputFormat) -> Option<String> {
    if let Ok(Value::Object(fields)) = workflows::parse_input(inside, Some(format)) {
        let title = fields.get("title").and_then(Value::as_str).unwrap_or_default();
        return Some(title.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    // A template among the fields, such as `date: {{ now }}`, is no YAML: every line that is not indented is still a field.
    let separator = if matches!(format, InputFormat::Toml) { '=' } else { ':' };
    let is_field = |line: &str| {
        let starts = line.starts_with(|c: char| c.is_whitespace() || "#-[]".contains(c));
        starts || line.split_once(separator).is_some_and(|(name, _)| !name.trim().contains(' '))
    };
    let mut lines = inside.lines().filter(|line| !line.trim().is_empty());
    if !lines.clone().all(is_field) {
        return None;
    }
    let value = lines.find_map(|line| Some(line.split_once(separator).filter(|(name, _)| name.trim() == "title")?.1));
    Some(value.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::split;
    use crate::runbook::Document;

    #[test]
    fn front_matter_is_no_text_and_has_the_title() {
        for (document, title) in [
            ("---\ntitle: \"Fail over: db\"\ntags: [a, b]\n---\ntext", "Fail over: db"),
            ("---\r\ntitle: >-\r\n  Fail\r\n  over\r\n---\r\ntext", "Fail over"),
            ("---\nid: x\n...\ntext", ""),
            ("---\n---\ntext", ""),
            ("+++\ntitle = 'Fail over'\n[params]\na = 1\n+++\ntext", "Fail over"),
            ("---\ntitle: Fail over\ndate: {{ now }} }\n---\ntext", "Fail over"),
        ] {
            assert_eq!(split(document), (title.to_owned(), "text"), "{document}");
        }
        for document in ["---\nOnly a rule.\n\n---\n", "text\n---\na: b\n---\n", "---\ntitle: x\n", "--- a\n"] {
            assert_eq!(split(document), (String::new(), document));
        }
    }

    #[test]
    fn the_sections_and_the_title_of_a_document_with_front_matter_stay() {
        let sections = "## Check\n\n1. Look\n\n## Fail over\n\n1. Stop it\n2. Start it\n";
        let titles = |document: &str| {
            let document = Document::read(document);
            let sections = document.sections.iter().map(|section| (section.title.clone(), section.steps.len()));
            (document.title.clone(), sections.collect::<Vec<_>>())
        };
        let expected = vec![("Check".to_owned(), 1), ("Fail over".to_owned(), 2)];
        assert_eq!(titles(&format!("---\ntitle: DB\n---\n\n{sections}")), ("DB".to_owned(), expected.clone()));
        assert_eq!(titles(&format!("\u{feff}---\ntitle: x\n---\n# DB\n\n{sections}")), ("DB".to_owned(), expected));
        let one = titles("+++\ntitle = \"DB\"\n+++\n\n## Check\n\n1. Look\n");
        assert_eq!(one, ("DB".to_owned(), vec![("Check".to_owned(), 1)]));
        assert_eq!(titles("\u{feff}# DB\r\n1. a\r\n2. b\r\n"), ("DB".to_owned(), vec![("DB".to_owned(), 2)]));
    }
}
