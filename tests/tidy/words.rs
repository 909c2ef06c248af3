//! Words that are not used as technical terms, in names, comments, messages and documents.

use std::path::{Path, PathBuf};

/// A sequence of words, and what is written instead.
static BANNED: [(&str, &str); 38] = [
    ("tell", "return, report or show"),
    ("telling", "returning, reporting or showing"),
    ("tells", "returns, reports or shows"),
    ("told", "returned, reported or shown"),
    ("hear", "receive"),
    ("hears", "receives"),
    ("hearing", "receiving"),
    ("heard", "received"),
    ("lie", "be, be stored"),
    ("lies", "is, is stored"),
    ("lying", "being, stored"),
    ("stand", "be"),
    ("stands", "is"),
    ("stood", "was"),
    ("standing", "status, being"),
    ("mend", "repair"),
    ("mends", "repairs"),
    ("mended", "repaired"),
    ("mending", "repairing"),
    ("take up", "load, resume"),
    ("takes up", "loads, resumes"),
    ("taken up", "loaded, resumed"),
    ("took up", "loaded, resumed"),
    ("taking up", "loading, resuming"),
    ("go on", "continue"),
    ("goes on", "continues"),
    ("gone on", "continued"),
    ("went on", "continued"),
    ("going on", "continuing, in progress"),
    ("for itself", "of its own, separately"),
    ("for themselves", "of their own, separately"),
    ("is there twice", "occurs twice"),
    ("already there", "exists already"),
    ("whoever", "the name of the caller"),
    ("who shows", "the display"),
    ("who transports", "the transport"),
    ("that which", "the name of the thing"),
    ("that is none", "that is not one"),
];

/// A list of words that are banned in these rooms, with what is written instead.
type BannedIn = (&'static [&'static str], &'static [(&'static str, &'static str)]);

/// Banned where it always means "after", a call, or all of the data.
static BANNED_IN: [BannedIn; 3] = [
    (&["engine", "api", "deploy", "bench"], &[("behind", "after")]),
    (
        &["engine", "api", "deploy", "bench"],
        &[
            ("look", "poll, call"),
            ("looks", "polls, calls"),
            ("looked", "polled, called"),
            ("looking", "polling, calling"),
        ],
    ),
    (&["engine/store", "engine/journal", "engine/machine", "api"], &[("whole", "complete, all")]),
];

/// Phrases that are allowed: texts of the tests' runbooks, English that is no technical term, and fields that earlier versions wrote.
const ALLOWED: [&str; 17] = [
    "tell the team",
    "tell the users",
    "tell everyone",
    "take up to",
    "takes up to",
    "it was standing",
    "selection whole",
    "whole seconds",
    "whole number",
    "whole numbers",
    "rename look",
    "rename looked",
    "first look ms",
    "next look ms",
    "looked ms",
    "look 0 look started ms",
    "look 1 look started ms",
];

/// The extensions of texts with comments, messages or sentences. A script without an extension begins with `#!`.
const EXTENSIONS: [&str; 12] =
    ["html", "json", "md", "py", "rs", "service", "sh", "snap", "timer", "toml", "txt", "yaml"];

/// The lower-case words of a text with a space before, between and after them. An identifier's words are split.
fn words(text: &str) -> String {
    let mut words = String::from(" ");
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()) {
        let mut is_lower = false;
        for c in word.chars() {
            if is_lower && c.is_uppercase() {
                words.push(' ');
            }
            is_lower = c.is_lowercase();
            words.extend(c.to_lowercase());
        }
        words.push(' ');
    }
    words
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// The mark of a line whose sentence may continue in the next line with the same mark: a comment's, or none in a document.
fn mark(path: &Path, line: &str) -> Option<&'static str> {
    let line = line.trim();
    match extension(path) {
        "rs" => ["///", "//!", "//"].into_iter().find(|mark| line.starts_with(mark)),
        "html" | "md" | "snap" | "txt" => {
            let begins_anew = line.is_empty() || ["|", "#", "- ", "---"].iter().any(|start| line.starts_with(start));
            (!begins_anew).then_some("")
        }
        _ => line.starts_with('#').then_some("#"),
    }
}

/// The lines of a text, each with the number of its first line. The lines of one comment, paragraph or literal are joined: a phrase may
/// continue in the next line.
fn paragraphs(path: &Path, text: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let (mut previous, mut is_literal) = (None, false);
    for (line, number) in text.lines().zip(1..) {
        let mark = mark(path, line);
        match paragraphs.last_mut() {
            Some((_, paragraph)) if is_literal || mark.is_some() && mark == previous => {
                paragraph.push(' ');
                paragraph.push_str(line);
            }
            _ => paragraphs.push((number, line.to_owned())),
        }
        (previous, is_literal) = (mark, line.ends_with('\\'));
    }
    paragraphs
}

/// The banned words of a line.
fn banned(path: &Path, line: &str) -> Vec<(&'static str, &'static str)> {
    let mut words = words(line);
    for allowed in ALLOWED {
        words = words.replace(&format!(" {allowed} "), " ");
    }
    let in_rooms = BANNED_IN.iter().filter(|(rooms, _)| rooms.iter().any(|room| path.starts_with(room)));
    let all = BANNED.iter().chain(in_rooms.flat_map(|(_, banned)| *banned));
    all.filter(|(word, _)| is_used(word, &words)).copied().collect()
}

/// Whether words contain a banned one. What takes up 3 MiB loads nothing.
fn is_used(banned: &str, words: &str) -> bool {
    let (phrase, is_size) = (format!(" {banned} "), matches!(banned, "take up" | "takes up" | "taking up"));
    let mut following = words.split(phrase.as_str()).skip(1);
    following.any(|next| !(is_size && next.starts_with(|first: char| first.is_ascii_digit())))
}

/// The texts of a repository beside the sources of its crates. Transcripts show what people type.
fn other_texts(root: &Path) -> Vec<(PathBuf, String)> {
    let folders = ["docs", "packaging", "fuzz", "tests", ".cargo", ".ci", ".config"];
    let is_text = |path: &Path| match extension(path) {
        "rs" => path.starts_with("fuzz"),
        "" => true,
        extension => EXTENSIONS.contains(&extension),
    };
    super::CRATES
        .iter()
        .chain(&folders)
        .flat_map(|folder| {
            let built = |name: &std::ffi::OsStr| ["target", "corpus", "artifacts"].iter().any(|built| name == *built);
            walkdir::WalkDir::new(root.join(folder)).into_iter().filter_entry(move |entry| !built(entry.file_name()))
        })
        .chain(walkdir::WalkDir::new(root).max_depth(1))
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_owned())
        .filter(|path| is_text(path) && !path.starts_with("docs/transcripts"))
        .filter_map(|path| {
            let text = String::from_utf8(std::fs::read(root.join(&path)).unwrap()).ok()?;
            let is_read = !extension(&path).is_empty() || text.starts_with("#!") || path.ends_with("Containerfile");
            is_read.then_some((path, text))
        })
        .collect()
}

/// The banned words of a text, each with the line at which its paragraph begins.
fn problems(path: &Path, text: &str) -> Vec<String> {
    let of_paragraph = |(number, paragraph): (usize, String)| {
        let at = |(word, instead)| format!("{}:{number}: \"{word}\": write {instead}", path.display());
        banned(path, &paragraph).into_iter().map(at).collect::<Vec<_>>()
    };
    paragraphs(path, text).into_iter().flat_map(of_paragraph).collect()
}

#[test]
fn no_text_uses_a_word_for_which_there_is_a_plain_one() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let mut texts = super::sources();
    texts.extend(other_texts(&root));
    let kinds = ["Cargo.toml", ".ci/run", "packaging/build-deb", "packaging/systemd/flow.service", "tests/account.py"];
    for path in kinds {
        assert!(texts.iter().any(|(read, _)| read == Path::new(path)), "{path} is not read");
    }
    let texts = texts.iter().filter(|(path, _)| !path.ends_with("tests/tidy/words.rs"));
    super::report(&texts.flat_map(|(path, text)| problems(path, text)).collect::<Vec<_>>());
}

/// The beginnings of doc comments that describe around a thing, and the help texts that may have them.
const AROUND: [&str; 4] = ["What ", "Who ", "Whose ", "Whoever "];
const HELP_TEXTS: [&str; 2] = ["What to measure.", "What Step Functions logs;"];

/// Whether a line is the first one of a doc comment that describes around the thing. `previous` is the line above it.
fn describes_around(previous: &str, line: &str) -> bool {
    let text = |line: &str| {
        let line = line.trim();
        line.strip_prefix("///").or(line.strip_prefix("//!")).map(|text| text.trim_start().to_owned())
    };
    let begins = |text: &str, beginnings: &[&str]| beginnings.iter().any(|beginning| text.starts_with(beginning));
    let continues = text(previous).is_some_and(|previous| !previous.is_empty());
    !continues && text(line).is_some_and(|text| begins(&text, &AROUND) && !begins(&text, &HELP_TEXTS))
}

#[test]
fn a_doc_comment_names_the_thing_and_does_not_describe_around_it() {
    let mut problems = Vec::new();
    for (path, text) in super::sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if describes_around(number.checked_sub(1).map_or("", |above| lines[above]), line) {
                let (path, line) = (path.display(), line.trim());
                problems.push(format!("{path}:{}: {line}: begin with the thing: \"The changes of …\"", number + 1));
            }
        }
    }
    super::report(&problems);
    assert!(describes_around("", "    /// What it changes."));
    assert!(!describes_around("/// A list of", "/// What it changes."));
    assert!(!describes_around("", "/// What to measure. More text."));
}

#[test]
fn banned_words_are_found_in_names_and_sentences_and_allowed_ones_are_not() {
    let found =
        |path: &str, line: &str| banned(Path::new(path), line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(found("cli/a.rs", "fn a_failure_is_told() {"), ["told"]);
    assert_eq!(found("cli/a.rs", "// The record lies here. It goes on."), ["lies", "goes on"]);
    assert_eq!(found("engine/a.rs", "let commits_behind = 1;"), ["behind"]);
    assert_eq!(found("engine/store/a.rs", "the whole record; a first_look"), ["look", "whole"]);
    assert_eq!(found("cli/a.rs", "it takes up 3 MiB and takes up an execution"), ["takes up"]);
    assert_eq!(found("engine/store/a.rs", "it takes up 3 MiB for whole seconds, a whole number of them"), [""; 0]);
    assert_eq!(found("engine/machine/a.rs", "#[serde(rename = \"look\")]"), [""; 0]);
    assert_eq!(found("cli/a.rs", "looks like a whole number"), [""; 0]);
    assert_eq!(found("cli/a.rs", "behind a load balancer; understood; it takes up to a day; Tell the team."), [""; 0]);
}

#[test]
fn banned_words_are_found_inside_names_of_types_and_over_the_breaks_of_lines() {
    let found = |path: &str, text: &str| {
        let paragraphs = paragraphs(Path::new(path), text);
        let found = paragraphs.iter().flat_map(|(_, text)| banned(Path::new(path), text));
        found.map(|(word, _)| word).collect::<Vec<_>>()
    };
    assert_eq!(found("engine/store/a.rs", "struct WholeRecord; enum LookState {}"), ["look", "whole"]);
    assert_eq!(found("engine/machine/a.rs", "#[serde(rename = \"firstLookMs\")]"), [""; 0]);
    assert_eq!(found("cli/a.rs", "/// Executions that it may take\n/// up again."), ["take up"]);
    assert_eq!(found("cli/a.rs", "\"the commands go \\\n     on\""), ["go on"]);
    assert_eq!(found("docs/a.md", "The commands go\non."), ["go on"]);
    assert_eq!(found(".ci/run", "# The commands go\n# on."), ["go on"]);
    assert_eq!(found("cli/a.rs", "    // The commands go\n    on();"), [""; 0]);
}
