//! The documents show what the program does.
//!
//! Pages of `docs` contain blocks of commands with their output (`console`). Each page's commands run in a folder of its
//! own, and their output is compared. With `FLOW_TRANSCRIPTS=write` the pages are rewritten.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use regex::Regex;

use crate::support::{Home, text};

const BEGIN: &str = "```console";
const END: &str = "```";

/// The parts that differ from run to run, and their replacements.
static VARIABLE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let pattern = |(pattern, replacement): (&str, &'static str)| (Regex::new(pattern).unwrap(), replacement);
    [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "2026-01-01T12:00:00+00:00"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "2026-01-01 12:00"),
        (r"\b\d\d:\d\d:\d\d\b", "12:00:00"),
        (r"\b\d+h\d\dm\b|\b\d+d\d\dh\b", "1h00m"),
        (r"\b\d+m\d\ds\b", "1m00s"),
        (r"\b\d+\.\d+s\b|\b\d+s\b", "1s"),
        (r"\b[0-9a-f]{64}\b", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (r"\(token [0-9a-f]{8}\)", "(token ba7816bf)"),
        (r"by ([a-z]+) on [\w.-]+", "by $1 on HOST"),
        (r"answered by [\w.-]+", "answered by USER"),
        (r"sudo -u \S+", "sudo -u ann"),
        (r#""Host":"[^"]*""#, r#""Host":"HOST""#),
        (r#""Time":"[^"]*""#, r#""Time":"2026-01-01T12:00:00Z""#),
        (r"[ \t]+\n", "\n"),
    ]
    .map(pattern)
    .into()
});

fn normal(printed: &str, folder: &Path) -> String {
    let mut printed = printed.replace(&folder.display().to_string(), "/home/you");
    if let Some(home) = folder.parent() {
        printed = printed.replace(&home.display().to_string(), "/var/lib/flow");
    }
    for (pattern, replacement) in VARIABLE.iter() {
        printed = pattern.replace_all(&printed, *replacement).into_owned();
    }
    printed.trim_end().to_owned()
}

/// The commands of a block: a line after `$ `, with the lines of a here-document up to `EOF`.
fn commands(block: &[&str]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut in_text = false;
    for line in block {
        match (in_text, line.strip_prefix("$ ")) {
            (false, Some(command)) => commands.push(command.to_owned()),
            (true, _) => commands.last_mut().unwrap().push_str(&format!("\n{line}")),
            (false, None) => continue,
        }
        in_text = if in_text { *line != "EOF" } else { line.contains("<<'EOF'") };
    }
    commands
}

/// Runs a command in a shell. Returns its output, and its exit code if it is not 0.
fn run(home: &Home, folder: &Path, path: &str, command: &str) -> String {
    // The environment is that of `Home`, with the program on the path.
    let of_program = home.command(&[]);
    let mut shell = Command::new("/bin/sh");
    for (name, value) in of_program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(folder).stdin(Stdio::null());
    shell.env("PATH", path).env("USER", "ann").env("LOGNAME", "ann").env("SUDO_USER", "ann").env("TZ", "UTC");
    shell.env_remove("SSH_CONNECTION").env("NO_COLOR", "1").env("FLOW_PROGRAMS", "/bin/date:/bin/sh");
    let output = shell.output().unwrap();
    let mut printed = normal(&text(&output.stdout), folder);
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        printed.push_str(&format!("\n[exit code {code}]"));
    }
    printed.trim_start_matches('\n').to_owned()
}

/// The document with the current output of its commands.
fn written(document: &str) -> String {
    let home = Home::plain();
    let folder = home.path().join("work");
    fs::create_dir_all(&folder).unwrap();
    let programs = home.path().join("bin");
    fs::create_dir_all(&programs).unwrap();
    symlink(env!("CARGO_BIN_EXE_flow"), programs.join("flow")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let (mut lines, mut block): (Vec<String>, Option<Vec<&str>>) = (Vec::new(), None);
    for line in document.lines() {
        match &mut block {
            Some(open) if line == END => {
                for command in commands(open) {
                    let printed = run(&home, &folder, &path, &command);
                    lines.push(format!("$ {command}"));
                    lines.extend(printed.lines().map(str::to_owned));
                }
                lines.push(line.to_owned());
                block = None;
            }
            Some(open) => open.push(line),
            None => {
                lines.push(line.to_owned());
                block = (line == BEGIN).then(Vec::new);
            }
        }
    }
    assert!(block.is_none(), "a block is not closed");
    lines.join("\n") + "\n"
}

fn check(name: &str) {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let document = fs::read_to_string(&file).unwrap();
    let now = written(&document);
    if std::env::var("FLOW_TRANSCRIPTS").is_ok_and(|wanted| wanted == "write") {
        return fs::write(&file, now).unwrap();
    }
    for (number, (kept, now)) in document.lines().zip(now.lines()).enumerate() {
        assert_eq!(
            kept,
            now,
            "{name}, line {}: run the test with FLOW_TRANSCRIPTS=write and review the difference",
            number + 1
        );
    }
    assert_eq!(document.lines().count(), now.lines().count(), "{name}");
}

#[test]
fn a_first_runbook() {
    check("transcripts/first-runbook.md");
}

#[test]
fn from_a_document() {
    check("transcripts/from-a-document.md");
}

#[test]
fn an_approval_by_a_second_user() {
    check("transcripts/approval.md");
}

#[test]
fn failure_repair_and_resume_from_a_state() {
    check("transcripts/resume-from.md");
}

#[test]
fn writing_with_flow_dev() {
    check("transcripts/dev.md");
}

#[test]
fn the_tutorial() {
    check("tutorial.md");
}

#[test]
fn what_writing_workflows_shows() {
    check("writing-workflows.md");
}

/// Every page with such a block is checked above.
#[test]
fn every_page_with_a_session_is_run() {
    let source = include_str!("transcripts.rs");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for entry in walkdir::WalkDir::new(&docs).into_iter().map(Result::unwrap) {
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        if text.lines().any(|line| line == BEGIN) {
            let name = entry.path().strip_prefix(&docs).unwrap().display();
            assert!(source.contains(&format!("check(\"{name}\")")), "no test runs the commands of docs/{name}");
        }
    }
}
