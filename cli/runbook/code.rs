//! Decides whether a code block is typed or printed.

use std::sync::LazyLock;

use regex::Regex;

use super::step::add_line;

/// The kind of a code block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// Commands of a shell.
    Commands,
    /// Text in another language that a person types, such as SQL: no shell can run it.
    OtherLanguage,
    /// The content of a file.
    File,
    /// The output of a command.
    Output,
}

const SHELLS: [&str; 11] = [
    "sh",
    "bash",
    "shell",
    "zsh",
    "ksh",
    "console",
    "terminal",
    "shell-session",
    "shellsession",
    "sh-session",
    "bash-session",
];
const TEXT: [&str; 9] = ["text", "txt", "plain", "plaintext", "output", "out", "stdout", "log", "none"];
const FILES: [&str; 17] = [
    "json",
    "yaml",
    "yml",
    "toml",
    "ini",
    "xml",
    "html",
    "diff",
    "csv",
    "conf",
    "cfg",
    "properties",
    "env",
    "hcl",
    "nginx",
    "dockerfile",
    "markdown",
];

/// The kind of a code block, from its language (empty if the document names none) and from the paragraph that precedes it.
pub(super) fn kind(code: &str, language: &str, announced: bool) -> Code {
    let language = language.split([' ', ',', '{']).next().unwrap_or_default().to_lowercase();
    let has_prompt = code.lines().any(|line| line.starts_with("$ "));
    match language.as_str() {
        "" if has_prompt => Code::Commands,
        "" if announced || !looks_like_commands(code) => Code::Output,
        "" => Code::Commands,
        text if TEXT.contains(&text) => {
            if has_prompt {
                Code::Commands
            } else {
                Code::Output
            }
        }
        shell if SHELLS.contains(&shell) => match announced && !has_prompt && !looks_like_commands(code) {
            true => Code::Output,
            false => Code::Commands,
        },
        _ if announced => Code::Output,
        file if FILES.contains(&file) => Code::File,
        _ => Code::OtherLanguage,
    }
}

/// Whether a paragraph says that the following block is printed, not typed: `Example output:`, `You should see one leader:`.
pub(super) fn announces_output(text: &str) -> bool {
    static ANNOUNCES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"\b(?:output|responses?|results?|prints|printed|shows|shown|displays|displayed|returns|returned|reports|looks? like|looks similar|similar to|expect(?:ed)?|you(?: will|'ll)? see|should (?:see|print|show|say|return|report|read|look|display))\b",
        )
        .ok()
    });
    // A sentence that starts so asks to type what follows.
    const REQUESTS: [&str; 16] = [
        "run", "execute", "type", "enter", "use", "issue", "start", "try", "show", "list", "print", "display",
        "return", "report", "call", "paste",
    ];
    const CHARACTERS_MAX: usize = 120;
    let text = text.trim_start_matches("- ").to_lowercase();
    let sentence = text.trim_end().rsplit([';', '\n']).next().unwrap_or_default();
    let sentence = sentence.rsplit(". ").next().unwrap_or_default().trim();
    let first = sentence.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let is_request =
        REQUESTS.contains(&first) || sentence.contains("command:") || sentence.contains("following command");
    !is_request
        && sentence.ends_with(':')
        && sentence.chars().count() <= CHARACTERS_MAX
        && !sentence.ends_with("output of:")
        && ANNOUNCES.as_ref().is_some_and(|announces| announces.is_match(sentence))
}

/// Whether a block reads as commands: decided by its first line that is no comment.
fn looks_like_commands(code: &str) -> bool {
    let first = code.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(line) = first else { return true };
    let mut words = line.split_whitespace();
    let (word, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| line.starts_with(prefix));
    if starts(&["> ", "[ ", "[[ ", "{ ", "@", "$", "(", "/", "./", "~", "_", "\\", ": ", "! ", ". "]) {
        return true;
    }
    let Some(letter) = word.chars().next().filter(char::is_ascii_alphabetic) else { return false };
    let is_assignment = word.contains('=');
    // Verb-Noun, as in PowerShell.
    let is_cmdlet = word
        .split_once('-')
        .is_some_and(|(verb, noun)| [verb, noun].iter().all(|part| part.starts_with(|c: char| c.is_ascii_uppercase())));
    if letter.is_ascii_uppercase() {
        return is_assignment || is_cmdlet;
    }
    let is_sentence = line.ends_with('.') && line.split_whitespace().count() > 3 && !line.ends_with(" .");
    let is_label = word.ends_with([':', ',', '.']);
    !(is_sentence || is_label || second.starts_with('(') || second.starts_with('|') && line.ends_with('|'))
}

/// Whether a text that is not marked as code is a command and nothing else: it reads as one, and has no word of a sentence.
pub(super) fn is_complete_command(text: &str) -> bool {
    const OF_SENTENCES: [&str; 19] = [
        "the", "a", "an", "as", "above", "below", "same", "see", "with", "and", "then", "or", "is", "of", "to", "on",
        "if", "from", "ask",
    ];
    let has_sentence = text.split_whitespace().any(|word| OF_SENTENCES.contains(&word.to_lowercase().as_str()));
    looks_like_commands(text) && !has_sentence
}

/// The lines of a text, indented, so that they differ from the sentences around them.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The output of a command, as text.
pub(super) fn printed(text: &str) -> String {
    match text.contains('\n') {
        true => format!("It prints:\n{}", indented(text)),
        false => format!("It prints: {text}"),
    }
}

/// Splits the lines of a console into commands and their output.
pub(super) fn without_prompts(code: &str) -> (String, String) {
    let prompt = |line: &str| ["$ ", "# ", "> "].iter().find_map(|prompt| line.strip_prefix(prompt)).map(str::to_owned);
    // Without a `$ ` prompt in any line, a line that starts with `#` is a comment of a script.
    if !code.lines().any(|line| line.starts_with("$ ")) {
        return (code.to_owned(), String::new());
    }
    let (mut commands, mut printed) = (String::new(), String::new());
    let mut continues = false;
    for line in code.lines() {
        match prompt(line) {
            Some(command) => add_line(&mut commands, &command),
            None if continues => add_line(&mut commands, line),
            None if line.trim().is_empty() => continue,
            None => add_line(&mut printed, line.trim_end()),
        }
        continues = commands.ends_with('\\') && (continues || prompt(line).is_some());
    }
    // The only line of an output needs no indentation of its own.
    let printed = if printed.contains('\n') { printed } else { printed.trim().to_owned() };
    (commands, printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_its_commands_and_what_they_print() {
        let (commands, printed) = without_prompts("$ df -h \\\n  /var\nFilesystem 90%\n$ uptime");
        assert_eq!((commands.as_str(), printed.as_str()), ("df -h \\\n  /var\nuptime", "Filesystem 90%"));
        let script = "# twice\nstop";
        assert_eq!(without_prompts(script), (script.to_owned(), String::new()));
        assert_eq!(super::printed("a\nb"), "It prints:\n  a\n  b");
    }

    #[test]
    fn a_paragraph_announces_output() {
        for text in [
            "Example output:",
            "The output is similar to this:",
            "You should see one leader:",
            "Check the cluster. It prints:",
            "Expected:",
            "The page looks like this:",
            "This returns the version:",
        ] {
            assert!(announces_output(text), "{text}");
        }
        for text in [
            "Keep the output.",
            "Run the following:",
            "Run this, which prints the version:",
            "Show the queue:",
            "Make a new key:",
            "Look at the output of:",
        ] {
            assert!(!announces_output(text), "{text}");
        }
    }

    #[test]
    fn a_block_without_a_language_is_typed_if_it_looks_like_commands() {
        for typed in [
            "systemctl stop w",
            "# twice\n./stop.sh",
            "KEY=1 make",
            "[ -f x ] && rm x",
            "Get-Service | Stop-Service",
            "sudo -u postgres psql",
            "cat > f <<EOF\n{}\nEOF",
        ] {
            assert_eq!(kind(typed, "", false), Code::Commands, "{typed}");
        }
        for printed in [
            "+----+----+\n| a  | b  |",
            "NAME   READY\nweb-1  1/1",
            "{\"status\": \"ok\"}",
            "status: ok",
            "10.0.0.1 up",
            "active (running)",
            "The certificate is valid.",
        ] {
            assert_eq!(kind(printed, "", false), Code::Output, "{printed}");
        }
        assert_eq!(kind("stopped", "", true), Code::Output);
        assert_eq!(kind("systemctl status", "sh", true), Code::Commands);
        assert_eq!(kind("a: 1", "yaml", false), Code::File);
        assert_eq!(kind("select 1;", "sql", false), Code::OtherLanguage);
        assert_eq!(kind("$ date\nnow", "text", false), Code::Commands);
    }
}
