//! Under the load of many clients, a server that is killed repeatedly loses nothing that it acknowledged, does nothing
//! twice, and its memory and files stay bounded. `FLOW_TEST_LEDGER_SECONDS=300` runs it for five minutes.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, until},
};

/// 64 clients in all.
const STARTERS: usize = 32;
const WORKERS: usize = 16;
const LISTERS: usize = 8;
const READERS: usize = 8;
/// One of this many starts of a client starts an execution with a task.
const STARTS_PER_TASK: u64 = 16;
/// The time for which a client repeats a request without an answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
/// The time for which a worker waits for a task before it polls again.
const POLL: Duration = Duration::from_secs(2);

/// The state that all clients share: the server's address, and what it acknowledged.
struct SharedState {
    address: RwLock<String>,
    /// The number of executions that each starter has started. It repeats each start until it is acknowledged.
    started: Vec<AtomicU64>,
    /// The acknowledged answer of each task, by the name of its execution.
    answers: Mutex<HashMap<String, u64>>,
    /// Executions whose task was acknowledged twice.
    answered_twice: Mutex<Vec<String>>,
    /// Acknowledged executions that were not found later.
    not_found: Mutex<Vec<String>>,
    next_answer: AtomicU64,
    requests: AtomicUsize,
    starting_ends: AtomicBool,
    all_end: AtomicBool,
    /// Whether the main thread has failed.
    has_failed: AtomicBool,
}

impl SharedState {
    fn new(address: String) -> Self {
        SharedState {
            address: RwLock::new(address),
            started: (0..STARTERS).map(|_| AtomicU64::new(0)).collect(),
            answers: Mutex::default(),
            answered_twice: Mutex::default(),
            not_found: Mutex::default(),
            next_answer: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            starting_ends: AtomicBool::new(false),
            all_end: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }
    }
}

/// The payload of a client's panic after the main thread has failed.
#[derive(Debug)]
struct MainFailed;

/// A connection that is opened again after the server was killed.
struct Client<'l> {
    shared: &'l SharedState,
    connection: Option<BufReader<TcpStream>>,
    read_timeout: Duration,
}

impl<'l> Client<'l> {
    fn new(shared: &'l SharedState, read_timeout: Duration) -> Self {
        Client { shared, connection: None, read_timeout }
    }

    /// Repeats a request until it is answered. Returns the status and the answer. Ends the thread without a message once the main
    /// thread has failed, whose message is the cause.
    fn ask(&mut self, operation: &str, request: &Value) -> (u16, Value) {
        let end = Instant::now() + ANSWERED_WITHIN;
        loop {
            match self.try_ask(operation, request) {
                Ok(answer) => return answer,
                Err(_) if self.shared.has_failed.load(Ordering::Relaxed) => resume_unwind(Box::new(MainFailed)),
                Err(error) => {
                    assert!(Instant::now() < end, "{operation} was not answered: {error}");
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn try_ask(&mut self, operation: &str, request: &Value) -> io::Result<(u16, Value)> {
        let answer = self.exchange(operation, request);
        if answer.is_err() {
            self.connection = None;
        }
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        answer
    }

    fn exchange(&mut self, operation: &str, request: &Value) -> io::Result<(u16, Value)> {
        let address = self.shared.address.read().unwrap().clone();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let stream = TcpStream::connect(&address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.read_timeout))?;
                none.insert(BufReader::new(stream))
            }
        };
        let body = request.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AWSStepFunctions.{operation}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.get_mut().write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())?;
        response(connection)
    }
}

fn response(connection: &mut BufReader<TcpStream>) -> io::Result<(u16, Value)> {
    let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(ended)?;
    let mut length = 0;
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(ended());
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status, serde_json::from_slice(&body).unwrap()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a starter's execution, and its state machine.
fn execution(starter: usize, number: u64) -> (&'static str, String) {
    let machine = if number.is_multiple_of(STARTS_PER_TASK) { "task" } else { "plain" };
    (machine, format!("s{starter}-{number}"))
}

fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:111111111111:stateMachine:{name}")
}

fn execution_arn(machine: &str, name: &str) -> String {
    format!("arn:aws:states:us-east-1:111111111111:execution:{machine}:{name}")
}

fn start(shared: &SharedState, starter: usize) {
    let mut client = Client::new(shared, ANSWERED_WITHIN);
    while !shared.starting_ends.load(Ordering::Relaxed) {
        let number = shared.started[starter].load(Ordering::Relaxed);
        let (machine, name) = execution(starter, number);
        let input = json!({ "name": name }).to_string();
        let request = json!({ "stateMachineArn": machine_arn(machine), "name": name, "input": input });
        let (status, answer) = client.ask("StartExecution", &request);
        // If a kill lost the first answer, the execution may have ended meanwhile.
        assert!(status == 200 || answer["__type"] == "ExecutionAlreadyExists", "{answer}");
        shared.started[starter].store(number + 1, Ordering::Release);
    }
}

fn work(shared: &SharedState, activity: &str) {
    let (mut poller, mut sender) = (Client::new(shared, POLL), Client::new(shared, ANSWERED_WITHIN));
    while !shared.all_end.load(Ordering::Relaxed) {
        // A poll that a kill ended is not repeated: its task is offered again after its missed heartbeat.
        let Ok((200, task)) = poller.try_ask("GetActivityTask", &json!({ "activityArn": activity })) else { continue };
        let Some(token) = task["taskToken"].as_str() else { continue };
        let input: Value = serde_json::from_str(task["input"].as_str().unwrap()).unwrap();
        let name = input["name"].as_str().unwrap().to_owned();
        sender.ask("SendTaskHeartbeat", &json!({ "taskToken": token }));
        let answer = shared.next_answer.fetch_add(1, Ordering::Relaxed);
        let output = json!({ "answer": answer }).to_string();
        let (status, _) = sender.ask("SendTaskSuccess", &json!({ "taskToken": token, "output": output }));
        if status == 200 && lock(&shared.answers).insert(name.clone(), answer).is_some() {
            lock(&shared.answered_twice).push(name);
        }
    }
}

fn list(shared: &SharedState) {
    let mut client = Client::new(shared, ANSWERED_WITHIN);
    while !shared.starting_ends.load(Ordering::Relaxed) {
        for (machine, filter) in [("plain", "SUCCEEDED"), ("task", "RUNNING"), ("task", "SUCCEEDED")] {
            let mut request = json!({ "stateMachineArn": machine_arn(machine), "statusFilter": filter });
            for _ in 0..5 {
                let (status, page) = client.ask("ListExecutions", &request);
                assert_eq!(status, 200, "{page}");
                let Some(token) = page.get("nextToken") else { break };
                request["nextToken"] = token.clone();
            }
        }
    }
}

/// Reads what was just acknowledged.
fn read(shared: &SharedState, reader: usize) {
    let mut client = Client::new(shared, ANSWERED_WITHIN);
    let mut starter = reader;
    while !shared.starting_ends.load(Ordering::Relaxed) {
        starter = (starter + 1) % STARTERS;
        let Some(last) = shared.started[starter].load(Ordering::Acquire).checked_sub(1) else { continue };
        let (machine, name) = execution(starter, last);
        let arn = execution_arn(machine, &name);
        let (status, answer) = client.ask("GetExecutionHistory", &json!({ "executionArn": arn }));
        if status != 200 || answer["events"][0]["type"] != "ExecutionStarted" {
            lock(&shared.not_found).push(format!("{name}: {answer}"));
        }
    }
}

/// Memory, file handles and disk usage of a server before it is killed.
struct Figures {
    executions: u64,
    rss_mb: u64,
    handles: usize,
    disk_mb: u64,
}

impl Figures {
    fn of(server: &Server, home: &Home, shared: &SharedState) -> Self {
        let proc = format!("/proc/{}", server.pid());
        let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let files = walkdir::WalkDir::new(home.path().join("store")).into_iter().filter_map(Result::ok);
        let bytes: u64 =
            files.filter_map(|entry| entry.metadata().ok()).filter(|data| data.is_file()).map(|data| data.len()).sum();
        Figures {
            executions: shared.started.iter().map(|started| started.load(Ordering::Relaxed)).sum(),
            rss_mb: rss.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024,
            handles: std::fs::read_dir(format!("{proc}/fd")).unwrap().count(),
            disk_mb: bytes / 1_000_000,
        }
    }
}

#[test]
fn kills_under_the_load_of_64_clients_lose_nothing_and_double_nothing() {
    let seconds = std::env::var("FLOW_TEST_LEDGER_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(9);
    let kill_every = Duration::from_secs(if seconds > 30 { 10 } else { 3 });
    let home = Home::plain();
    let mut server = Some(Server::start(&home));
    let shared = SharedState::new(server.as_ref().map(address).unwrap());
    let activity = prepare(&shared);
    let mut figures = Vec::new();
    thread::scope(|scope| {
        // Ends the clients, also if the test fails.
        let _end = End(&shared);
        (0..STARTERS).for_each(|starter| {
            drop(scope.spawn({
                let shared = &shared;
                move || start(shared, starter)
            }))
        });
        (0..WORKERS).for_each(|_| drop(scope.spawn(|| work(&shared, &activity))));
        (0..LISTERS).for_each(|_| drop(scope.spawn(|| list(&shared))));
        (0..READERS).for_each(|reader| {
            drop(scope.spawn({
                let shared = &shared;
                move || read(shared, reader)
            }))
        });
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            thread::sleep(kill_every);
            figures.push(Figures::of(server.as_ref().unwrap(), &home, &shared));
            // Dropping the server kills it.
            drop(server.take());
            let begun = Instant::now();
            let next = server.insert(Server::start(&home));
            println!("the next server listens after {:?}", begun.elapsed());
            *shared.address.write().unwrap() = address(next);
        }
        shared.starting_ends.store(true, Ordering::Relaxed);
        let mut client = Client::new(&shared, ANSWERED_WITHIN);
        until(120, "every task has ended", || {
            let running = json!({ "stateMachineArn": machine_arn("task"), "statusFilter": "RUNNING" });
            client.ask("ListExecutions", &running).1["executions"] == json!([])
        });
    });
    for Figures { executions, rss_mb, handles, disk_mb } in &figures {
        println!("{executions} executions: {rss_mb} MB of memory, {handles} file handles, {disk_mb} MB on disk");
    }
    println!("{} kills, {} requests", figures.len(), shared.requests.load(Ordering::Relaxed));
    verify(&shared);
    let most = figures.iter().map(|figures| figures.handles).max().unwrap_or_default();
    assert!(most < 64 + 64, "{most} file handles for 64 clients");
}

/// Ends all clients when it is dropped.
struct End<'l>(&'l SharedState);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.has_failed.store(thread::panicking(), Ordering::Relaxed);
        self.0.starting_ends.store(true, Ordering::Relaxed);
        self.0.all_end.store(true, Ordering::Relaxed);
    }
}

fn address(server: &Server) -> String {
    server.endpoint.strip_prefix("http://").unwrap().to_owned()
}

/// Creates the state machines and the activity. Returns the activity's ARN.
fn prepare(shared: &SharedState) -> String {
    let mut client = Client::new(shared, ANSWERED_WITHIN);
    let (_, activity) = client.ask("CreateActivity", &json!({ "name": "work" }));
    let activity = activity["activityArn"].as_str().unwrap().to_owned();
    let task = json!({ "Type": "Task", "Resource": activity, "HeartbeatSeconds": 5, "End": true,
        "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 1_000 }] });
    for (name, state) in [("plain", json!({ "Type": "Pass", "End": true })), ("task", task)] {
        let definition = json!({ "StartAt": "Only", "States": { "Only": state } }).to_string();
        let request =
            json!({ "name": name, "definition": definition, "roleArn": "arn:aws:iam::111111111111:role/flow" });
        let (status, answer) = client.ask("CreateStateMachine", &request);
        assert_eq!((status, &answer["stateMachineArn"]), (200, &json!(machine_arn(name))));
    }
    activity
}

/// Compares the server's executions with what it acknowledged.
fn verify(shared: &SharedState) {
    let mut client = Client::new(shared, ANSWERED_WITHIN);
    let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
    for machine in ["plain", "task"] {
        let mut request = json!({ "stateMachineArn": machine_arn(machine), "maxResults": 1_000 });
        loop {
            let (status, page) = client.ask("ListExecutions", &request);
            assert_eq!(status, 200, "{page}");
            for listed in page["executions"].as_array().unwrap() {
                assert_eq!(listed["status"], "SUCCEEDED", "{listed}");
                *found.entry((machine.to_owned(), listed["name"].as_str().unwrap().to_owned())).or_default() += 1;
            }
            let Some(token) = page.get("nextToken") else { break };
            request["nextToken"] = token.clone();
        }
    }
    let started = shared.started.iter().enumerate();
    let acknowledged: Vec<_> = started
        .flat_map(|(starter, count)| (0..count.load(Ordering::Relaxed)).map(move |number| execution(starter, number)))
        .collect();
    let count = acknowledged.len();
    let lost: Vec<_> = acknowledged
        .into_iter()
        .filter(|(machine, name)| found.remove(&((*machine).to_owned(), name.clone())) != Some(1))
        .collect();
    let answers = lock(&shared.answers);
    let wrong = answers.iter().filter(|(name, answer)| {
        let (_, described) = client.ask("DescribeExecution", &json!({ "executionArn": execution_arn("task", name) }));
        described["output"].as_str() != Some(json!({ "answer": answer }).to_string().as_str())
    });
    let wrong: Vec<_> = wrong.collect();
    println!(
        "{count} starts and {} answers acknowledged: lost {}, doubled {}",
        answers.len(),
        lost.len() + wrong.len(),
        found.len()
    );
    assert!(lost.is_empty() && wrong.is_empty(), "lost, or listed twice: {lost:?}, lost answers: {wrong:?}");
    assert!(found.is_empty(), "never started: {found:?}");
    let (twice, missing) = (lock(&shared.answered_twice), lock(&shared.not_found));
    assert!(
        twice.is_empty() && missing.is_empty(),
        "answered twice: {twice:?}, not found after its start: {missing:?}"
    );
}

#[test]
fn clients_end_without_a_message_once_the_main_thread_has_failed() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shared = SharedState::new(closed.to_string());
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let _end = End(&shared);
        resume_unwind(Box::new("the server did not begin"));
    }));
    assert!(failed.is_err());
    let ask = || Client::new(&shared, POLL).ask("ListExecutions", &json!({}));
    let ended = catch_unwind(AssertUnwindSafe(ask)).unwrap_err();
    assert!(ended.is::<MainFailed>(), "the client waits for an answer");
}
