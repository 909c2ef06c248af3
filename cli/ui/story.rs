//! Executions for tests of displays, folded from journal entries that are written down here.
#![allow(clippy::unwrap_used)]

use api::view::View;
use engine::{
    asl,
    journal::{
        EntryContent, ErrorAndCause, HistoryEvent, HistoryEventDetails, JournalEntry, Note, StateType, StepFailure,
    },
    machine::{Execution, ExecutionHeader},
    runner::RunnerEvent,
    step::{Approval, ChangeAction, ErrorClass, Instructions, ResourceChange, StepError},
};
use serde_json::{Map, Value, json};

/// 2026-11-26 12:08:00 UTC.
pub const BEGUN_MS: u64 = 1_795_694_880_000;

/// An execution whose entries are added one by one. Times are seconds since its start.
pub struct Story {
    pub header: ExecutionHeader,
    pub view: View,
    pub entries: Vec<JournalEntry>,
}

/// A definition whose sections, with one state each, follow each other.
pub fn sections(names: &[&str]) -> Value {
    let inner = json!({ "StartAt": "x", "States": { "x": { "Type": "Pass", "End": true } } });
    let states: Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let mut state = json!({ "Type": "Parallel", "Branches": [inner] });
            match names.get(number + 1) {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
            ((*name).to_owned(), state)
        })
        .collect();
    json!({ "StartAt": names[0], "States": states })
}

impl Story {
    pub fn new(id: &str, definition: &Value) -> Self {
        let machine = asl::parse(definition).unwrap();
        let mut header = Execution::new(id, "endpoints-aws", machine, json!({})).header.clone();
        header.started_ms = BEGUN_MS;
        let view = View::new(&header, definition);
        Story { header, view, entries: Vec::new() }
    }

    fn add(&mut self, at: f64, content: EntryContent) -> &mut Self {
        let timestamp_ms = BEGUN_MS + (at * 1_000.0) as u64;
        let entry = JournalEntry { sequence: self.entries.len() as u64 + 1, timestamp_ms, content };
        self.view.apply_event(&RunnerEvent::Entry { execution: self.view.id.clone(), entry: entry.clone() });
        self.entries.push(entry);
        self
    }

    pub fn event(&mut self, at: f64, frame: &str, details: HistoryEventDetails) -> &mut Self {
        let id = self.entries.len() as u64 + 1;
        self.add(at, EntryContent::Event(HistoryEvent { id, previous_event_id: id - 1, frame: frame.into(), details }))
    }

    pub fn note(&mut self, at: f64, note: Note) -> &mut Self {
        self.add(at, EntryContent::Note(Box::new(note)))
    }

    pub fn enter(&mut self, at: f64, frame: &str, state_type: StateType, name: &str) -> &mut Self {
        let input = Default::default();
        self.event(at, frame, HistoryEventDetails::StateEntered { state_type, name: name.into(), input })
    }

    pub fn exit(&mut self, at: f64, frame: &str, state_type: StateType, name: &str) -> &mut Self {
        let (output, assigned_variables) = (Default::default(), None);
        self.event(
            at,
            frame,
            HistoryEventDetails::StateExited { state_type, name: name.into(), output, assigned_variables },
        )
    }

    pub fn section(&mut self, from: f64, to: f64, name: &str) -> &mut Self {
        self.enter(from, "", StateType::Parallel, name).exit(to, "", StateType::Parallel, name)
    }

    pub fn made(&mut self, at: f64, state_path: &str, kind: &str, id: &str, billed: bool) -> &mut Self {
        let change = ResourceChange::new(ChangeAction::Created, kind, id);
        let change = if billed { change.billed() } else { change };
        self.note(at, Note::ResourceChanged { state_path: state_path.to_owned(), change })
    }

    pub fn waiting(
        &mut self,
        at: f64,
        state_path: &str,
        reason: &str,
        instructions: Option<Instructions>,
    ) -> &mut Self {
        let at_ms = BEGUN_MS + (at * 1_000.0) as u64;
        self.note(
            at,
            Note::Waiting {
                state_path: state_path.to_owned(),
                reason: reason.to_owned(),
                poll: 1,
                next_poll_ms: at_ms + 30_000,
                deadline_ms: Some(BEGUN_MS + 86_400_000),
                instructions,
            },
        )
    }

    pub fn retry(&mut self, at: f64, state_path: &str, attempt: u32, cause: &str) -> &mut Self {
        let next_attempt_ms = BEGUN_MS + (at * 1_000.0) as u64 + 4_000;
        let failure = StepFailure { error: "Flow.Throttled".to_owned(), cause: cause.to_owned(), details: None };
        let (state_path, attempts_max) = (state_path.to_owned(), Some(4));
        self.note(at, Note::RetryScheduled { state_path, attempt, attempts_max, next_attempt_ms, failure })
    }

    pub fn fail(&mut self, at: f64, state_path: &str, attempt: u32, error: StepError) -> &mut Self {
        let (name, cause) = (error.error_name().to_owned(), error.cause.clone());
        let failure = StepFailure { error: name.clone(), cause: cause.clone(), details: Some(error) };
        self.note(at, Note::Failure { state_path: state_path.to_owned(), attempt, failure });
        self.event(at, "", HistoryEventDetails::ExecutionFailed(ErrorAndCause { error: name, cause }))
    }

    /// Milliseconds since the Unix epoch at a time of the story.
    pub fn at(seconds: f64) -> u64 {
        BEGUN_MS + (seconds * 1_000.0) as u64
    }
}

pub const NAMES: [&str; 8] = [
    "Request the certificate",
    "VPC and subnets",
    "Create the load balancer",
    "Prove that you own the domain",
    "Create the database",
    "Add services to the cluster",
    "Check the endpoints",
    "Use the application",
];

/// Two sections have finished, one waits, one needs a person.
pub fn running() -> Story {
    let mut story = Story::new("endpoints-aws-7k3f", &sections(&NAMES));
    story
        .enter(0.0, "", StateType::Parallel, NAMES[0])
        .made(
            0.5,
            "Request the certificate/Request",
            "AWS::CertificateManager::Certificate",
            "arn:aws:acm:eu-central-1:111122223333:certificate/9d1f4695-2b6c",
            false,
        )
        .exit(0.8, "", StateType::Parallel, NAMES[0])
        .enter(0.8, "", StateType::Parallel, NAMES[1])
        .made(2.0, "VPC and subnets/Create VPC", "AWS::EC2::VPC", "vpc-0a1b2c3d", false)
        .made(3.0, "VPC and subnets/Create NAT gateway", "AWS::EC2::NatGateway", "nat-0d4e5f", true)
        .exit(6.2, "", StateType::Parallel, NAMES[1])
        .enter(6.2, "", StateType::Parallel, NAMES[2])
        .enter(6.2, NAMES[2], StateType::Task, "Create the load balancer")
        .enter(6.2, "", StateType::Parallel, NAMES[3])
        .enter(6.3, NAMES[3], StateType::Task, "Wait for the record")
        .exit(18.0, NAMES[2], StateType::Task, "Create the load balancer")
        .enter(18.0, NAMES[2], StateType::Task, "Wait until the load balancer is active")
        .waiting(120.0, "Create the load balancer/Wait until the load balancer is active", "provisioning", None)
        .waiting(120.0, "Prove that you own the domain/Wait for the record", "no such name", Some(record()));
    story
}

/// The instructions of a DNS record.
pub fn record() -> Instructions {
    let values = [("type", "CNAME"), ("name", "_3f9c81.api.example.com"), ("value", "_a79865.acm-validations.aws")];
    Instructions {
        sentence: "Add this record at the DNS host of example.com:".to_owned(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        answer: Some(json!({ "status": "ISSUED" })),
        approval: None,
    }
}

/// The instructions of an approval.
pub fn approval() -> Instructions {
    let approval = Approval { choices: vec!["blue".to_owned(), "green".to_owned()], ..Approval::default() };
    Instructions {
        sentence: "Which stack becomes the productive one?".to_owned(),
        values: Vec::new(),
        answer: None,
        approval: Some(Box::new(approval)),
    }
}

/// The third section failed.
pub fn failed() -> Story {
    let mut story = Story::new("endpoints-aws-7k3f", &sections(&NAMES));
    let mut error = StepError::new(ErrorClass::Invalid, "the certificate must have a fully-qualified domain name");
    error.action = Some("elasticloadbalancing:CreateListener".to_owned());
    error.code = Some("UnsupportedCertificate".to_owned());
    error.request_id = Some("5d0e8a1c-31f4".to_owned());
    story
        .section(0.0, 0.8, NAMES[0])
        .enter(0.8, "", StateType::Parallel, NAMES[1])
        .made(2.0, "VPC and subnets/Create VPC", "AWS::EC2::VPC", "vpc-0a1b2c3d", false)
        .made(3.0, "VPC and subnets/Create NAT gateway", "AWS::EC2::NatGateway", "nat-0d4e5f", true)
        .exit(6.2, "", StateType::Parallel, NAMES[1])
        .enter(6.2, "", StateType::Parallel, NAMES[2])
        .enter(6.2, NAMES[2], StateType::Task, "Create listener")
        .retry(400.0, "Create the load balancer/Create listener", 2, "ThrottlingException: Rate exceeded")
        .fail(1_000.0, "Create the load balancer/Create listener", 3, error);
    story
}

/// A Map of 200 items: 120 succeeded, 3 failed, 40 run, of which some are repeated.
pub fn map() -> Story {
    let mut definition = sections(&["Read the list", "Process the items", "Report"]);
    definition["States"]["Process the items"] = json!({
        "Type": "Map", "Next": "Report", "ToleratedFailureCount": 5,
        "ItemProcessor": { "StartAt": "x", "States": { "x": { "Type": "Pass", "End": true } } } });
    let machine = json!({ "StartAt": "Read the list", "States": {
        "Read the list": { "Type": "Pass", "Next": "Process the items" },
        "Process the items": definition["States"]["Process the items"], "Report": { "Type": "Pass", "End": true } } });
    let mut story = Story::new("import-9c2e", &machine);
    let map = "Process the items";
    story.enter(0.0, "", StateType::Pass, "Read the list").exit(0.1, "", StateType::Pass, "Read the list");
    story.enter(0.1, "", StateType::Map, map);
    story.event(0.1, "", HistoryEventDetails::MapStateStarted { name: map.into(), length: 200 });
    for index in 0..163_u64 {
        let (frame, at) = (format!("{map}[{index}]"), 1.0 + index as f64);
        story.enter(at, &frame, StateType::Task, "Call the service");
        match index {
            120..123 => {
                let failure =
                    StepFailure { error: "E".to_owned(), cause: format!("item {index} has no owner"), details: None };
                story.note(
                    at + 1.0,
                    Note::Failure { state_path: format!("{frame}/Call the service"), attempt: 1, failure },
                );
                let failure = ErrorAndCause { error: "E".to_owned(), cause: String::new() };
                story.event(
                    at + 1.0,
                    &frame,
                    HistoryEventDetails::MapIterationFailed { name: map.into(), index, failure },
                );
            }
            123..127 => {
                story.retry(180.0 + index as f64 / 10.0, &format!("{frame}/Call the service"), 2, "Rate exceeded");
            }
            127.. => {}
            _ => {
                story.exit(at + 0.5, &frame, StateType::Task, "Call the service");
                story.event(at + 0.5, &frame, HistoryEventDetails::MapIterationSucceeded { name: map.into(), index });
            }
        }
    }
    story
}

/// Forty states, of which the thirty-sixth waits.
pub fn forty() -> Story {
    let states: Map<String, Value> = (1..=41)
        .map(|n| {
            let state = match n {
                36 => json!({ "Type": "Wait", "Seconds": 30, "Next": "Step 37" }),
                41 => json!({ "Type": "Succeed" }),
                n => json!({ "Type": "Pass", "Next": format!("Step {}", n + 1) }),
            };
            (format!("Step {n}"), state)
        })
        .collect();
    let mut story = Story::new("steps-4d1a", &json!({ "StartAt": "Step 1", "States": states }));
    for n in 1..36 {
        let name = format!("Step {n}");
        story.enter(0.0, "", StateType::Pass, &name).exit(0.0, "", StateType::Pass, &name);
    }
    story.enter(0.1, "", StateType::Wait, "Step 36");
    story.view.states.get_mut("Step 36").unwrap().status = api::view::StateStatus::Sleeping { due_ms: Story::at(30.1) };
    story
}

/// Names in Chinese, Japanese and Korean, and one with an escape sequence.
pub fn cjk() -> Story {
    let long = "数据库和负载均衡器以及所有相关的安全组规则";
    let names = ["証明書を申請する", long, "엔드포인트 확인", "line\nfeed \u{1b}[2J"];
    let mut story = Story::new("公開-7k3f", &sections(&names));
    story
        .section(0.0, 0.8, names[0])
        .enter(0.8, "", StateType::Parallel, names[1])
        .enter(0.8, names[1], StateType::Task, "データベースが使えるまで待つ")
        .waiting(100.0, &format!("{}/データベースが使えるまで待つ", names[1]), "作成中", None)
        .enter(1.0, "", StateType::Parallel, names[3]);
    story
}
