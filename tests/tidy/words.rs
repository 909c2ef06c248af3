//! Words that are not used as technical terms, in names, comments, messages and documents.

use std::path::{Path, PathBuf};

/// A sequence of words, and what is written instead.
static BANNED: [(&str, &str); 34] = [
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

/// What people write in the runbooks of the tests, English that is no technical term, and fields that earlier versions wrote.
const ALLOWED: [&str; 11] = [
    "tell the team",
    "tell the users",
    "tell everyone",
    "take up to",
    "takes up to",
    "it was standing",
    "selection whole",
    "rename look",
    "rename looked",
    "look 0 lookstartedms",
    "look 1 lookstartedms",
];

/// The lower-case words of a line with a space before, between and after them. An identifier's words are split.
fn words(line: &str) -> String {
    let mut words = String::from(" ");
    for word in line.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()) {
        words.push_str(&word.to_lowercase());
        words.push(' ');
    }
    words
}

/// The banned words of a line.
fn banned(path: &Path, line: &str) -> Vec<(&'static str, &'static str)> {
    let mut words = words(line);
    for allowed in ALLOWED {
        words = words.replace(&format!(" {allowed} "), " ");
    }
    let in_rooms = BANNED_IN.iter().filter(|(rooms, _)| rooms.iter().any(|room| path.starts_with(room)));
    let all = BANNED.iter().chain(in_rooms.flat_map(|(_, banned)| *banned));
    all.filter(|(word, _)| words.contains(&format!(" {word} "))).copied().collect()
}

/// The documents of a repository. Transcripts show what people type.
fn documents(root: &Path) -> Vec<(PathBuf, String)> {
    ["docs", "workflows", "packaging", "fuzz"]
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(root.join(folder)))
        .chain(walkdir::WalkDir::new(root).max_depth(1))
        .filter_map(Result::ok)
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_owned())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md" || extension == "yaml"))
        .filter(|path| !path.starts_with("docs/transcripts"))
        .map(|path| (path.clone(), std::fs::read_to_string(root.join(path)).unwrap()))
        .collect()
}

#[test]
fn no_text_uses_a_word_for_which_there_is_a_plain_one() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let texts = super::sources().into_iter().chain(documents(&root));
    let mut problems = Vec::new();
    for (path, text) in texts.filter(|(path, _)| !path.ends_with("tests/tidy/words.rs")) {
        for (number, line) in text.lines().enumerate() {
            problems.extend(
                banned(&path, line)
                    .into_iter()
                    .map(|(word, instead)| format!("{}:{}: \"{word}\": write {instead}", path.display(), number + 1)),
            );
        }
    }
    super::report(&problems);
}

#[test]
fn banned_words_are_found_in_names_and_sentences_and_allowed_ones_are_not() {
    let found =
        |path: &str, line: &str| banned(Path::new(path), line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(found("cli/a.rs", "fn a_failure_is_told() {"), ["told"]);
    assert_eq!(found("cli/a.rs", "// The record lies here. It goes on."), ["lies", "goes on"]);
    assert_eq!(found("engine/a.rs", "let commits_behind = 1;"), ["behind"]);
    assert_eq!(found("engine/store/a.rs", "the whole record; a first_look"), ["look", "whole"]);
    assert_eq!(found("engine/machine/a.rs", "#[serde(rename = \"look\")]"), [""; 0]);
    assert_eq!(found("cli/a.rs", "looks like a whole number"), [""; 0]);
    assert_eq!(found("cli/a.rs", "behind a load balancer; understood; it takes up to a day; Tell the team."), [""; 0]);
}
