//! Approvals: the execution waits until a person approves or rejects (`flow approve`, `flow reject`).

use std::{sync::Arc, time::Duration};

use engine::step::{
    Answer, Approval, ApprovalToken, ErrorClass, Instructions, Pending, Registry, StepContext, StepError, StepResult,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{local_limits::waited_too_long, local_settings::LocalSettings};

/// The longest wait of a state without `TimeoutSeconds`.
const WAIT_TIME_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);
/// The interval between two polls without a reminder: nothing changes between them.
const INTERVAL: Duration = Duration::from_secs(24 * 3_600);
/// The shortest interval between two reminders, in seconds.
const REMINDER_SECONDS_MIN: u64 = 60;

pub(crate) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(
        registry,
        settings,
        "approval:request",
        "Asks a person, and waits for the answer with flow approve or flow reject.",
        [],
        request
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    /// The question, in one sentence.
    prompt: String,
    /// The text to read before the answer; lines of a runbook.
    #[serde(default)]
    text: Option<String>,
    /// Commands to paste, in their order.
    #[serde(default)]
    commands: Vec<String>,
    /// The answers to choose from; without any, a plain approval.
    #[serde(default)]
    choices: Vec<String>,
    /// JSON Schema of the fields to fill in. A `default` is used where a field is not set.
    #[serde(default)]
    fields: Option<Map<String, Value>>,
    /// The users who may answer; without users, groups and tokens, anyone.
    #[serde(default)]
    users: Vec<String>,
    /// The groups of the machine whose members may answer.
    #[serde(default)]
    groups: Vec<String>,
    /// The tokens whose holders may answer, with flow approve --token-file; flow approvals --new-token makes one.
    #[serde(default)]
    tokens: Vec<Token>,
    /// After how many seconds the question is shown again, and again: 60 at least.
    #[serde(default)]
    reminder_seconds: Option<u64>,
}

/// A token whose holder may answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Token {
    /// The holder's name; the history names the author of the answer so.
    #[schemars(length(min = 1, max = 80))]
    label: String,
    /// The token's SHA-256 in lower-case hexadecimal digits, never the token.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    sha256: String,
}

impl Token {
    /// Whether it names a holder and a fingerprint that a token can have.
    fn is_valid(&self) -> bool {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let label_is_valid = !self.label.trim().is_empty() && !self.label.contains(char::is_control);
        label_is_valid && self.sha256.len() == 64 && self.sha256.bytes().all(is_digit)
    }
}

/// The answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Approved {
    /// One of the choices; `approve` if there are none.
    choice: String,
    /// The fields that were filled in.
    fields: Map<String, Value>,
    /// The person who answered.
    user: String,
    /// The machine on which they answered.
    host: String,
    /// The comment of the answer, or null.
    comment: Option<String>,
    /// When they answered (RFC 3339).
    time: String,
}

impl Request {
    /// The problem of its values; their types are right.
    fn problem(&self) -> Option<String> {
        if self.prompt.trim().is_empty() {
            return Some("Prompt is empty".to_owned());
        }
        if self.choices.iter().any(|choice| choice.trim().is_empty()) {
            return Some("Choices: one is empty".to_owned());
        }
        let repeats = |at: &usize| self.choices[..*at].contains(&self.choices[*at]);
        if let Some(at) = (0..self.choices.len()).find(repeats) {
            return Some(format!("Choices: {:?} is repeated", self.choices[at]));
        }
        let wrong = self.tokens.iter().find(|token| !token.is_valid())?;
        Some(format!("Tokens: {:?} needs a Label in one line and a Sha256 of 64 digits from 0 to f", wrong.label))
    }
}

async fn request(_: Arc<LocalSettings>, context: StepContext, input: Request) -> StepResult<Approved> {
    let waited = Duration::from_millis(context.now_ms.saturating_sub(context.first_poll_ms));
    if context.deadline_ms.is_none() && waited >= WAIT_TIME_MAX {
        return Err(waited_too_long("no answer within a year"));
    }
    if let Some(problem) = input.problem() {
        return Err(StepError::new(ErrorClass::Invalid, problem));
    }
    let interval =
        input.reminder_seconds.map_or(INTERVAL, |seconds| Duration::from_secs(seconds.max(REMINDER_SECONDS_MIN)));
    let reason = match (context.poll, input.reminder_seconds) {
        (2.., Some(_)) => format!("waits for an answer, reminder {}", context.poll - 1),
        _ => "waits for an answer".to_owned(),
    };
    Ok(Answer::Pending(Pending { instructions: Some(instructions(input)), ..Pending::new(reason, interval) }))
}

/// The fields of a request.
const FIELDS: [&str; 9] =
    ["Prompt", "Text", "Commands", "Choices", "Fields", "Users", "Groups", "Tokens", "ReminderSeconds"];

/// The question of an object that has the fields of an approval's request among others, such as the payload with a task token;
/// `None` if it has no `Prompt` that is text. If a field is malformed, it is a question that nobody can answer: without its choices and
/// fields, every answer would be accepted.
pub fn question_in(object: &Value) -> Option<Instructions> {
    let prompt = object.get("Prompt")?.as_str()?;
    Some(match request_in(object)? {
        Ok(request) => instructions(request),
        Err(problem) => malformed(prompt, problem),
    })
}

/// A question with a malformed field.
fn malformed(prompt: &str, problem: String) -> Instructions {
    let values = vec![("Prompt".to_owned(), prompt.to_owned())];
    let sentence = format!("The question is malformed: {problem}.");
    let approval = Approval { problem: Some(problem), ..Approval::default() };
    Instructions { sentence, values, answer: None, approval: Some(Box::new(approval)) }
}

/// The question beside a task token: that of the object, anywhere in a call's arguments, with the token as the value of a field; `None` if
/// it asks none.
pub(crate) fn question_beside(arguments: &Value, token: &str) -> Option<Instructions> {
    match arguments {
        Value::Object(fields) if fields.values().any(|value| value == token) => question_in(arguments),
        Value::Object(fields) => fields.values().find_map(|value| question_beside(value, token)),
        Value::Array(items) => items.iter().find_map(|item| question_beside(item, token)),
        _ => None,
    }
}

/// The request in an object with other fields, or what is malformed in it.
fn request_in(object: &Value) -> Option<Result<Request, String>> {
    let named = object.as_object()?.iter().filter(|(name, _)| FIELDS.contains(&name.as_str()));
    let fields: Map<String, Value> = named.map(|(name, value)| (name.clone(), value.clone())).collect();
    let read = serde_json::from_value::<Request>(Value::Object(fields.clone()));
    Some(match read {
        Ok(request) => request.problem().map_or(Ok(request), Err),
        Err(error) => Err(malformed_field(&fields).unwrap_or_else(|| error.to_string())),
    })
}

/// The first field that cannot be read, and why.
fn malformed_field(fields: &Map<String, Value>) -> Option<String> {
    fields.iter().find_map(|(name, value)| {
        let mut alone = json!({ "Prompt": "" });
        alone[name] = value.clone();
        let error = serde_json::from_value::<Request>(alone).err()?;
        Some(format!("{name}: {error}"))
    })
}

fn instructions(input: Request) -> Instructions {
    let Request { prompt, text, commands, choices, fields, users, groups, tokens, .. } = input;
    let mut values = Vec::new();
    let lines = text.iter().flat_map(|text| text.lines()).map(str::to_owned);
    values.extend(lines.map(|line| (String::new(), line)));
    values.extend(commands.into_iter().map(|command| ("run".to_owned(), command)));
    if !choices.is_empty() {
        values.push(("choices".to_owned(), choices.join(", ")));
    }
    for (name, schema) in fields.iter().filter_map(|fields| fields.get("properties")?.as_object()).flatten() {
        values.push((format!("--set {name}="), about(schema)));
    }
    let tokens = tokens.into_iter().map(|Token { label, sha256 }| ApprovalToken { label, sha256 }).collect();
    let approval = Approval { choices, fields: fields.map(Value::Object), users, groups, tokens, problem: None };
    let who = approval.answerers();
    if !who.is_empty() {
        values.push(("who".to_owned(), who.join(", ")));
    }
    Instructions { sentence: prompt, values, answer: None, approval: Some(Box::new(approval)) }
}

/// The meaning of a field, the allowed values, and its default.
fn about(schema: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let what = schema["description"].as_str().or(schema["type"].as_str());
    let options = schema["enum"].as_array().map(|options| options.iter().map(text).collect::<Vec<_>>().join(", "));
    let range = match (schema.get("minimum"), schema.get("maximum")) {
        (Some(minimum), Some(maximum)) => Some(format!("from {minimum} to {maximum}")),
        (Some(minimum), None) => Some(format!("{minimum} or more")),
        (None, Some(maximum)) => Some(format!("at most {maximum}")),
        (None, None) => None,
    };
    let pieces = [
        what.map(str::to_owned),
        options.map(|options| format!("one of {options}")),
        range,
        schema["pattern"].as_str().map(|pattern| format!("must match {pattern}")),
        schema.get("default").map(|default| format!("default {}", text(default))),
    ];
    let pieces: Vec<String> = pieces.into_iter().flatten().collect();
    if pieces.is_empty() { "any value".to_owned() } else { pieces.join("; ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_question_is_beside_the_token() {
        let asks = json!({ "token": "T", "Prompt": "Go?" });
        let sentence = |arguments: Value| question_beside(&arguments, "T").map(|asked| asked.sentence);
        assert_eq!(sentence(json!({ "FunctionName": "f", "Payload": asks })).as_deref(), Some("Go?"));
        assert_eq!(sentence(json!({ "Payload": { "list": [1, asks] } })).as_deref(), Some("Go?"));
        for other in [json!({ "Prompt": "Go?", "Payload": { "token": "T" } }), json!({ "token": "U", "Prompt": "Go?" })]
        {
            assert_eq!(sentence(other), None);
        }
    }

    #[test]
    fn every_field_of_a_request_is_read_from_an_object_with_other_fields() {
        let schema = serde_json::to_value(schemars::schema_for!(Request)).unwrap();
        let mut declared: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut read = FIELDS.to_vec();
        declared.sort_unstable();
        read.sort_unstable();
        assert_eq!(read, declared);
    }

    #[test]
    fn a_question_is_read_from_an_object_with_other_fields() {
        let payload = json!({ "token": "T", "Prompt": "Go?", "Choices": ["now", "later"], "Other": 1 });
        let question = question_in(&payload).unwrap();
        assert_eq!((question.sentence.as_str(), question.approval.unwrap().choices.len()), ("Go?", 2));
        for other in [json!({ "token": "T" }), json!({ "Prompt": 1 }), json!(["Prompt"]), json!("Prompt")] {
            assert!(question_in(&other).is_none(), "{other} asks nothing");
        }
    }

    #[test]
    fn a_malformed_question_is_one_that_nobody_can_answer() {
        let tokens = json!([{ "Label": "on-call", "Sha256": "0f" }]);
        for (field, value, problem) in [
            ("Choices", json!("now"), "Choices: invalid type: string \"now\", expected a sequence"),
            ("Choices", json!(["now", ""]), "Choices: one is empty"),
            ("Choices", json!(["now", "later", "now"]), "Choices: \"now\" is repeated"),
            ("Users", json!([1]), "Users: invalid type: "),
            ("Tokens", tokens, "Tokens: \"on-call\" needs a Label in one line"),
            ("Prompt", json!(" "), "Prompt is empty"),
        ] {
            let mut payload = json!({ "token": "T", "Prompt": "Go?", "Other": 1 });
            payload[field] = value;
            let question = question_in(&payload).unwrap();
            assert!(question.sentence.starts_with(&format!("The question is malformed: {problem}")), "{question:?}");
            let found = question.approval.unwrap().problem.unwrap();
            assert!(found.starts_with(problem), "{found}");
            assert_eq!(question_beside(&payload, "T").map(|asked| asked.sentence), Some(question.sentence));
        }
    }

    async fn asked(poll: u32, input: Value) -> Pending {
        let context = StepContext { poll, ..StepContext::for_test("Ask") };
        let input: Request = serde_json::from_value(input).unwrap();
        match request(Arc::default(), context, input).await.unwrap() {
            Answer::Pending(pending) => pending,
            Answer::Done(_) => unreachable!("there is no answer"),
        }
    }

    #[tokio::test]
    async fn the_question_shows_what_a_person_needs_to_answer_it() {
        let fields = json!({ "properties": { "ticket": { "type": "string", "description": "the change's number" } } });
        let pending = asked(
            1,
            json!({ "Prompt": "Deploy?", "Text": "Read\nfirst", "Commands": ["make"], "Choices": ["now", "later"],
                    "Fields": fields, "Users": ["ann"], "Groups": ["ops"],
                    "Tokens": [{ "Label": "on-call", "Sha256": "0f".repeat(32) }] }),
        )
        .await;
        let instructions = pending.instructions.unwrap();
        let values: Vec<_> = instructions.values.iter().map(|(name, value)| format!("{name}|{value}")).collect();
        let expected = [
            "|Read",
            "|first",
            "run|make",
            "choices|now, later",
            "--set ticket=|the change's number",
            "who|ann, group ops, token on-call",
        ];
        assert_eq!(values, expected);
        assert_eq!(instructions.approval.unwrap().fields, Some(fields));
        assert_eq!((pending.reason.as_str(), pending.check_again_after), ("waits for an answer", INTERVAL));
    }

    #[tokio::test]
    async fn a_token_without_a_fingerprint_is_refused() {
        for (label, sha256) in
            [("", "0f".repeat(32)), ("a\nb", "0f".repeat(32)), ("a", "0F".repeat(32)), ("a", "0f".repeat(31))]
        {
            let tokens = json!([{ "Label": label, "Sha256": sha256 }]);
            let input = serde_json::from_value(json!({ "Prompt": "Go?", "Tokens": tokens })).unwrap();
            let error = request(Arc::default(), StepContext::for_test("Ask"), input).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid, "{label:?} {sha256}");
        }
    }

    #[test]
    fn a_field_is_shown_with_what_is_allowed_and_its_default() {
        for (schema, shown) in [
            (json!({ "type": "string", "enum": ["prod", "stage"] }), "string; one of prod, stage"),
            (json!({ "description": "how many", "minimum": 1, "maximum": 5 }), "how many; from 1 to 5"),
            (json!({ "pattern": "^a$", "default": "a" }), "must match ^a$; default a"),
            (json!({ "maximum": 3, "default": 2 }), "at most 3; default 2"),
            (json!({}), "any value"),
        ] {
            assert_eq!(about(&schema), shown);
        }
    }

    #[tokio::test]
    async fn a_reminder_changes_the_reason_so_that_it_is_shown() {
        let pending = asked(3, json!({ "Prompt": "Deploy?", "ReminderSeconds": 3_600 })).await;
        assert_eq!(pending.reason, "waits for an answer, reminder 2");
        assert_eq!(pending.check_again_after, Duration::from_secs(3_600));
    }
}
