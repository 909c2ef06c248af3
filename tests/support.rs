//! The real program in a home of its own, with the world of its rehearsals.

mod http;
mod json_lines;
mod permit;
mod python;

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

use permit::Permit;

pub use http::post;
pub use json_lines::{rules, valid};
pub use python::{python, run as run_python};

/// The words of a command with its environment, for a script that runs it. Options of `env` may be inserted after the first word.
pub fn words_of(command: &Command) -> Vec<String> {
    let word = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
    let (mut removed, mut set) = (Vec::new(), Vec::new());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => set.push(format!("{}={}", word(name), word(value))),
            None => removed.extend(["-u".to_owned(), word(name)]),
        }
    }
    let program = std::iter::once(command.get_program()).chain(command.get_args()).map(word);
    std::iter::once("env".to_owned()).chain(removed).chain(set).chain(program).collect()
}

/// As fast as the slowest call allows: 12 minutes of waits take seconds.
pub const SPEED: &str = "400";

/// A folder that only this user can read, whatever the umask of this process is.
fn folder() -> tempfile::TempDir {
    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().unwrap()
}

/// A home folder for the program. The processes that it started end when this is dropped.
pub struct Home {
    folder: tempfile::TempDir,
    _permit: Option<Permit>,
}

impl Home {
    /// A home without a rehearsal.
    pub fn plain() -> Self {
        Home { folder: folder(), _permit: None }
    }

    /// A home for a rehearsal.
    pub fn for_rehearsal() -> Self {
        Home { folder: folder(), _permit: Some(Permit::take()) }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A `flow` command with these arguments, without a terminal and without AWS settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(arguments).env("FLOW_HOME", self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            if name.starts_with("AWS_") || name.starts_with("FLOW_CRASH") {
                command.env_remove(name);
            }
        }
        // Without this, the AWS client would call the machine's metadata service, which is not on loopback.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        // The displays depend on these.
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8");
        // The tests do not depend on the user's configuration file.
        command.env("XDG_CONFIG_HOME", self.path().join("configuration"));
        command
            .env("AWS_CONFIG_FILE", self.path().join("none"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path().join("none"));
        command
    }

    /// Runs a command. What it prints as JSON lines must be valid.
    pub fn flow(&self, arguments: &[&str]) -> Output {
        json_lines::checked(arguments, self.command(arguments).output().unwrap())
    }

    /// Runs a command that must succeed. Returns its standard output.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.flow(arguments);
        let reported = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "flow {arguments:?}: {}\n{reported}", output.status);
        text(&output.stdout)
    }

    /// Runs a rehearsal of `endpoints-aws`.
    pub fn rehearse(&self, more: &[&str]) -> String {
        self.succeed(&[&["run", "endpoints-aws", "--rehearse", "--speed", SPEED], more].concat())
    }

    /// The world. Starts it if it does not run.
    pub fn world(&self) -> World {
        if World::read(self.path()).is_none() {
            let file = self.path().join("nothing.asl.json");
            let nothing =
                json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": { "Type": "Succeed" } } });
            std::fs::write(&file, nothing.to_string()).unwrap();
            self.succeed(&["run", file.to_str().unwrap(), "--rehearse", "--speed", SPEED]);
        }
        World::read(self.path()).unwrap()
    }

    /// Starts a command without waiting for it.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Home {
    /// Writes a definition and returns its path.
    pub fn definition(&self, name: &str, definition: &Value) -> String {
        let file = self.path().join(format!("{name}.asl.json"));
        std::fs::write(&file, definition.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Writes a definition with one state.
    pub fn one(&self, name: &str, state: &Value) -> String {
        self.definition(name, &json!({ "QueryLanguage": "JSONata", "StartAt": "Only", "States": { "Only": state } }))
    }

    /// Writes a definition that waits this long.
    pub fn waits(&self, name: &str, seconds: u64) -> String {
        self.definition(
            name,
            &json!({ "StartAt": "Rest", "States": { "Rest": { "Type": "Wait", "Seconds": seconds, "End": true } } }),
        )
    }

    /// Writes a program from a shell script.
    pub fn program(&self, name: &str, script: &str) -> String {
        let file = self.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs a command that must end with an exit code. Returns its complete output.
    pub fn exits(&self, arguments: &[&str], expected: i32) -> String {
        self.exits_with(arguments, &[], expected)
    }

    /// Like [`Home::exits`], with environment variables.
    pub fn exits_with(&self, arguments: &[&str], variables: &[(&str, &str)], expected: i32) -> String {
        let output = self.command(arguments).envs(variables.iter().copied()).output().unwrap();
        let output = json_lines::checked(arguments, output);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(expected), "flow {arguments:?}: {said}");
        said
    }

    /// Step Functions' status of an execution.
    pub fn status_of(&self, id: &str) -> String {
        let said = self.succeed(&["status", id, "-o", "json"]);
        let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        line["header"]["status"].as_str().unwrap().to_owned()
    }
}

/// Polls until the condition holds, for at most this many seconds.
pub fn until(seconds: u64, what: &str, mut question: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !question() {
        assert!(std::time::Instant::now() < end, "{what}: not within {seconds} s");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Sends a signal to a process that the test started.
pub fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(world) = World::read(self.path()) {
            let _ = Command::new("kill").arg(world.pid.to_string()).status();
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The description of a running world.
pub struct World {
    pub pid: u64,
    pub moto_pid: u64,
    pub gateway: String,
    pub moto: String,
    pub region: String,
}

impl World {
    pub fn read(home: &Path) -> Option<World> {
        let text = std::fs::read(home.join("rehearsal/world.json")).ok()?;
        let world: Value = serde_json::from_slice(&text).ok()?;
        let field = |name: &str| world[name].as_str().unwrap().to_owned();
        Some(World {
            pid: world["pid"].as_u64().unwrap(),
            moto_pid: world["moto_pid"].as_u64().unwrap(),
            gateway: field("aws_endpoint"),
            moto: field("moto_endpoint"),
            region: field("region"),
        })
    }

    /// Orders faults from the gateway.
    pub fn faults(&self, orders: &Value) {
        http::put_orders(&format!("{}/world/faults", self.gateway), &orders.to_string());
    }

    /// Clears all ordered faults.
    pub fn clear_faults(&self) {
        http::get(&format!("{}/world/faults", self.gateway));
    }

    /// The names of the calls that changed something.
    pub fn changing_calls(&self) -> Vec<String> {
        let calls = self.calls();
        let names = calls.iter().map(|call| call["call"].as_str().unwrap().to_owned());
        let reads = ["Describe", "List", "Get"];
        names.filter(|name| !reads.iter().any(|read| name.contains(&format!(":{read}")))).collect()
    }

    /// All calls.
    pub fn calls(&self) -> Vec<Value> {
        serde_json::from_str(&http::get(&format!("{}/world/calls", self.gateway))).unwrap()
    }

    /// The resources that another client (boto3, from the rehearsal's Python environment) finds in moto directly.
    pub fn inspect(&self) -> Value {
        serde_json::from_str(&self.python(include_str!("account.py"))).unwrap()
    }

    /// Runs a script with boto3 against moto directly.
    pub fn python(&self, script: &str) -> String {
        python::run(script, &[&self.moto, &self.region])
    }
}

/// The expected number of each resource after the runbook: one of everything.
pub fn one_of_everything() -> Value {
    json!({
        "vpcs": 1, "subnets": 2, "internet_gateways": 1, "route_tables": 1, "security_groups": 4, "key_pairs": 1, "instances": 1,
        "database_subnet_groups": 1, "databases": 1, "secrets": 2, "roles": 1, "log_groups": 1, "task_definitions": 1,
        "clusters": 1, "services": 1, "load_balancers": 1, "target_groups": 1, "listeners": 1, "topics": 1, "subscriptions": 1,
        "alarms": 4, "certificates": 1, "records": 2
    })
}
