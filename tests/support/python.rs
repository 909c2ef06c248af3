//! Python with boto3, in processes that run many scripts: the imports take longer than most scripts.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::Home;

/// The processes that run no script. Each one ends with this process, which holds the other end of its standard input.
static IDLE: Mutex<Vec<Runner>> = Mutex::new(Vec::new());

struct Runner {
    _process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Runner {
    fn start() -> Self {
        let mut command = Command::new(python());
        command.args(["-c", include_str!("runner.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Runner { _process: process, requests, answers }
    }

    /// Runs a script. Returns what it printed, and the error with which it ended.
    fn run(&mut self, script: &str, arguments: &[&str]) -> (String, Option<String>) {
        writeln!(self.requests, "{}", json!({ "script": script, "arguments": arguments })).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        (answer["printed"].as_str().unwrap().to_owned(), answer["error"].as_str().map(str::to_owned))
    }
}

/// Runs a script with boto3, which must succeed. Returns what it printed.
pub fn run(script: &str, arguments: &[&str]) -> String {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut runner = idle.unwrap_or_else(Runner::start);
    let (printed, error) = runner.run(script, arguments);
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(runner);
    assert_eq!(error, None, "{arguments:?}: {}", error.as_deref().unwrap_or_default());
    printed
}

/// The Python interpreter of the environment of rehearsals. The first rehearsal creates it.
pub fn python() -> PathBuf {
    created().unwrap_or_else(|| {
        Home::plain().world();
        created().unwrap()
    })
}

fn created() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"));
    let folders = std::fs::read_dir(cache.join("flow")).ok()?;
    let ready = |folder: &PathBuf| folder.join(".complete").exists();
    folders.map(|entry| entry.unwrap().path()).find(ready).map(|folder| folder.join("bin/python"))
}
