//! The documents show what the program does.
//!
//! Pages of `docs` contain blocks of commands with their output (`console`). Each page's commands run in a folder of its
//! own, and their output is compared. The README of endpoints-aws contains output in indented blocks, each after a comment
//! with its name. With `FLOW_TRANSCRIPTS=write` pages and README are rewritten.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use regex::Regex;
use serde_json::{Value, json};

use crate::support::{Home, text};

const BEGIN: &str = "```console";
const END: &str = "```";
const README: &str = "workflows/endpoints-aws/README.md";
/// The statements of the policy that the README shows.
const STATEMENTS_SHOWN: [&str; 2] = ["Databases", "CreateWithTheDeploymentsTag"];

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

/// A folder for the commands of a page, and a `PATH` with the program.
fn workplace(home: &Home) -> (PathBuf, String) {
    let folder = home.path().join("work");
    fs::create_dir_all(&folder).unwrap();
    let programs = home.path().join("bin");
    fs::create_dir_all(&programs).unwrap();
    symlink(env!("CARGO_BIN_EXE_flow"), programs.join("flow")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    (folder, path)
}

/// The document with the current output of its commands.
fn written(document: &str) -> String {
    let home = Home::plain();
    let (folder, path) = workplace(&home);
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
    compare_or_write(&file, &document, &written(&document));
}

fn compare_or_write(file: &Path, document: &str, now: &str) {
    if std::env::var("FLOW_TRANSCRIPTS").is_ok_and(|wanted| wanted == "write") {
        return fs::write(file, now).unwrap();
    }
    let name = file.display();
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

/// Compares the block of this name in the README of endpoints-aws with what the program printed.
pub fn check_part(name: &str, printed: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(README);
    // Locked until the part is written: tests in other processes write other parts of the same file.
    let locked = fs::File::open(&file).unwrap();
    locked.lock().unwrap();
    let document = fs::read_to_string(&file).unwrap();
    compare_or_write(&file, &document, &with_part(&document, name, printed));
}

/// The document with these lines in the indented block after the comment with this name.
fn with_part(document: &str, name: &str, printed: &str) -> String {
    let marker = format!("<!-- transcript: {name} -->");
    let lines: Vec<&str> = document.lines().collect();
    let begin = 1 + lines.iter().position(|line| *line == marker).unwrap_or_else(|| panic!("{README}: no {marker}"));
    let mut end = begin;
    for (at, line) in lines.iter().enumerate().skip(begin) {
        if line.starts_with("    ") {
            end = at + 1;
        } else if !line.is_empty() {
            break;
        }
    }
    let indented = printed.trim_end().lines().map(|line| format!("    {line}").trim_end().to_owned());
    let before = lines[..begin].iter().map(|line| (*line).to_owned());
    let after = lines[end..].iter().map(|line| (*line).to_owned());
    before.chain(indented).chain(after).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_part_of_a_document_is_replaced_and_the_rest_stays() {
    let document = "# A\n<!-- transcript: one -->\n    old\n\n    old\n\nText.\n<!-- transcript: two -->\n    b\n";
    let now = with_part(document, "one", "new\n\n  more\n");
    assert_eq!(now, "# A\n<!-- transcript: one -->\n    new\n\n      more\n\nText.\n<!-- transcript: two -->\n    b\n");
    assert_eq!(with_part(&now, "two", "b"), now);
}

/// The plan in the README is checked in `planned.rs`, where its world exists.
#[test]
fn the_drill_in_the_readme_of_endpoints_aws() {
    let home = Home::for_rehearsal();
    let (folder, path) = workplace(&home);
    let command = "flow run endpoints-aws --rehearse --fault ec2:vpcs=at-quota";
    let printed = run(&home, &folder, &path, command);
    // Printed by the first rehearsal of a machine only.
    let printed: Vec<&str> = printed.lines().filter(|line| !line.starts_with("Preparing the rehearsal's")).collect();
    let printed = printed.join("\n");
    let id = Regex::new(r"rehearsal-endpoints-aws-[a-z0-9]{4}\b").unwrap();
    let printed = id.replace_all(&printed, "rehearsal-endpoints-aws-abcd");
    // How long the rehearsal took depends on the machine.
    let took = Regex::new(r"after [0-9.hms]+ ").unwrap();
    check_part("drill", &format!("$ {command}\n{}", took.replace_all(&printed, "after 1m00s ")));
}

#[test]
fn the_policy_in_the_readme_of_endpoints_aws() {
    let home = Home::plain();
    let printed = home.succeed(&["policy", "endpoints-aws", "--deployment", "rehearsal", "--account", "123456789012"]);
    let policy: Value = serde_json::from_str(&printed).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let shown: Vec<&Value> = statements.filter(|one| STATEMENTS_SHOWN.iter().any(|sid| one["Sid"] == *sid)).collect();
    assert_eq!(shown.len(), STATEMENTS_SHOWN.len(), "{printed}");
    check_part("policy", &serde_json::to_string_pretty(&json!(shown)).unwrap());
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

/// Every block of output in the README of a workflow is checked by a test.
#[test]
fn every_block_of_output_in_a_readme_is_checked() {
    let sources = [include_str!("transcripts.rs"), include_str!("planned.rs")].concat();
    let workflows = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    for entry in walkdir::WalkDir::new(&workflows).into_iter().map(Result::unwrap) {
        if entry.file_name() != "README.md" {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("<!-- transcript: ")?.strip_suffix(" -->"));
        for name in names {
            assert!(sources.contains(&format!("check_part(\"{name}\"")), "{}: {name}", entry.path().display());
        }
    }
}
