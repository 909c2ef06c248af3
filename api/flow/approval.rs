//! Answers an approval, which a `flow:approval:request` state requests.

use engine::{
    journal::{ErrorAndCause, Signaller, StepFailure},
    machine::FrameRow,
    step::Approval,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::unanswerable::is_named;
use crate::{
    Api, Fault, MALFORMED_QUESTION, Operation, REJECTED, executions::input::BYTES_MAX as OUTPUT_BYTES_MAX,
    rejection::rejection_cause,
};

/// The kind of the fault of an answer by a user who may not give it.
pub const NOT_ALLOWED: &str = "ApprovalNotAllowed";

/// The kind of the fault of an answer without one of the approval's tokens: the answer has another token, or none where only holders of
/// tokens may answer.
pub const NEEDS_TOKEN: &str = "ApprovalNeedsToken";

/// The kind of the fault of an answer with a choice or a field that the approval does not have.
const INVALID: &str = "InvalidApproval";

const CAUSE_CHARACTERS_MAX: usize = StepFailure::CAUSE_CHARACTERS_MAX;

/// The author of a refused answer with a token.
const UNKNOWN_TOKEN: &str = "the holder of this token";

/// Approves or rejects an approval for a user of this machine.
pub struct AnswerApproval;

/// A request of [`AnswerApproval`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerApprovalRequest {
    /// The execution's id.
    pub id: String,
    /// The state's name or path. `None` if only one approval waits.
    pub state: Option<String>,
    /// The answer.
    pub decision: Decision,
    /// The person who answers; recorded in the history.
    pub by: Signaller,
    /// The groups of this machine that the user belongs to.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Approves or rejects an approval with one of its tokens. The token identifies the person, so a client of the network may call this
/// operation.
pub struct AnswerWithToken;

/// A request of [`AnswerWithToken`]. It has no `Debug`, so that no log has the token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerWithTokenRequest {
    /// The execution's id.
    pub id: String,
    /// The state's name or path. `None` if only one approval waits.
    #[serde(default)]
    pub state: Option<String>,
    /// The answer.
    pub decision: Decision,
    /// The token; neither stored nor shown.
    pub token: String,
    /// The machine of the client, as the client names it.
    pub host: String,
    /// Why; recorded in the history.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// The approval is granted.
    Approve {
        /// One of the approval's choices, if it has any.
        #[serde(default)]
        choice: Option<String>,
        /// The values of the approval's fields.
        #[serde(default)]
        fields: Map<String, Value>,
    },
    /// The approval is rejected: the task fails with [`REJECTED`]. The cause names the state, the user and the comment.
    Reject,
}

/// The response of [`AnswerApproval`] and [`AnswerWithToken`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerApprovalResponse {
    /// The path of the state that was answered.
    pub state: String,
    /// The author of the answer, as the history has it.
    #[serde(default)]
    pub user: String,
}

impl Operation for AnswerApproval {
    const NAME: &'static str = "Flow.AnswerApproval";
    type Request = AnswerApprovalRequest;
    type Response = AnswerApprovalResponse;

    async fn answer(api: &Api, request: AnswerApprovalRequest) -> Result<AnswerApprovalResponse, Fault> {
        let AnswerApprovalRequest { id, state, decision, by, groups } = request;
        api.answer_approval(&id, state.as_deref(), decision, Author::User { by, groups }).await
    }
}

impl Operation for AnswerWithToken {
    const NAME: &'static str = "Flow.AnswerWithToken";
    type Request = AnswerWithTokenRequest;
    type Response = AnswerApprovalResponse;

    async fn answer(api: &Api, request: AnswerWithTokenRequest) -> Result<AnswerApprovalResponse, Fault> {
        let AnswerWithTokenRequest { id, state, decision, token, host, comment } = request;
        api.answer_approval(&id, state.as_deref(), decision, Author::Holder { token, host, comment }).await
    }
}

impl Api {
    /// Answers an approval.
    async fn answer_approval(
        &self,
        id: &str,
        state: Option<&str>,
        decision: Decision,
        author: Author,
    ) -> Result<AnswerApprovalResponse, Fault> {
        let header = self.header_of(id)?;
        if let Some(ended) = self.ended(&header, state)? {
            return Err(ended);
        }
        let row = self.approval_row(id, state).await?;
        if let Some(timed_out) = self.timed_out(&header, &row) {
            return Err(timed_out);
        }
        let approval = approval_of(&row).cloned().unwrap_or_default();
        let problems_of = |schema: &Value, value: &Value| self.options.host.problems_of_value(schema, value);
        let by = author.signaller(&approval);
        let answer = ApprovalAnswer { decision, by: &by, proof: author.proof(), now_ms: self.now_ms() };
        let outcome = outcome_of(&approval, &row.state_path(), answer, problems_of)?;
        let (path, user) = (row.state_path(), by.user.clone());
        match self.answer_row(id, &row, outcome, by).await? {
            true => Ok(AnswerApprovalResponse { state: path, user }),
            false => {
                let otherwise = format!("\"{path}\" of {id} does not wait any more");
                Err(self.unanswerable(id, Some(&path), otherwise).await?)
            }
        }
    }

    /// Finds the frame of the approval to answer.
    async fn approval_row(&self, id: &str, state: Option<&str>) -> Result<FrameRow, Fault> {
        let mut rows = self.runner.store().frames(id)?;
        rows.retain(|row| approval_of(row).is_some());
        let all: Vec<String> = rows.iter().map(|row| format!("\"{}\"", row.state_path())).collect();
        rows.retain(|row| state.is_none_or(|state| is_named(row, state)));
        if rows.len() == 1 {
            return Ok(rows.remove(0));
        }
        let otherwise = match all.is_empty() {
            true => format!("no approval waits in {id}"),
            false => format!("name one of the approvals that wait in {id}: {}", all.join(", ")),
        };
        // Without a name, an answer is ambiguous only among approvals that wait.
        Err(match rows.is_empty() && (state.is_some() || all.is_empty()) {
            true => self.unanswerable(id, state, otherwise).await?,
            false => Fault::new("TaskDoesNotExist", otherwise),
        })
    }
}

/// The person who answers, as a request names them.
enum Author {
    /// A user of this machine.
    User { by: Signaller, groups: Vec<String> },
    /// The holder of a token.
    Holder { token: String, host: String, comment: Option<String> },
}

impl Author {
    /// The author, as the history names it.
    fn signaller(&self, approval: &Approval) -> Signaller {
        match self {
            Author::User { by, .. } => by.clone(),
            Author::Holder { token, host, comment } => {
                let user = approval.holder(token).unwrap_or_else(|| UNKNOWN_TOKEN.to_owned());
                Signaller { user, host: host.clone(), comment: comment.clone() }
            }
        }
    }

    fn proof(&self) -> Proof<'_> {
        match self {
            Author::User { groups, .. } => Proof::Groups(groups),
            Author::Holder { token, .. } => Proof::Token(token),
        }
    }
}

/// The permission with which a person answers.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// The user of the machine, and the groups that the user belongs to.
    Groups(&'a [String]),
    /// A token.
    Token(&'a str),
}

/// A person's answer to an approval.
#[derive(Clone)]
pub struct ApprovalAnswer<'a> {
    /// The decision.
    pub decision: Decision,
    /// The person who answers.
    pub by: &'a Signaller,
    /// The permission for the answer.
    pub proof: Proof<'a>,
    /// The time of the answer, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// The outcome that an answer gives to the task of an approval, on every engine. `problems_of` validates a value against a schema.
///
/// # Errors
/// The user may not answer, or the approval does not have the choice or the fields.
pub fn outcome_of(
    approval: &Approval,
    state_path: &str,
    answer: ApprovalAnswer<'_>,
    problems_of: impl Fn(&Value, &Value) -> Vec<String>,
) -> Result<Result<Value, ErrorAndCause>, Fault> {
    let ApprovalAnswer { decision, by, proof, now_ms } = answer;
    refuse_malformed(approval, state_path)?;
    refuse_others(approval, state_path, &by.user, proof)?;
    let (choice, fields) = match decision {
        Decision::Approve { choice, fields } => (choice, fields),
        Decision::Reject => return rejection(state_path, by).map(Err),
    };
    let choice = valid_choice(approval, choice)?;
    let fields = Value::Object(fields);
    let problems = match &approval.fields {
        Some(schema) => {
            let mut problems = problems_of(schema, &fields);
            problems.extend(undeclared(schema, &fields));
            problems
        }
        None if fields.as_object().is_some_and(|fields| !fields.is_empty()) => {
            vec!["the approval has no fields to fill in".to_owned()]
        }
        None => Vec::new(),
    };
    if !problems.is_empty() {
        return Err(invalid(problems.join("; ")));
    }
    let time = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let output = json!({
        "Choice": choice, "Fields": fields, "User": by.user, "Host": by.host, "Comment": by.comment,
        "Time": time.map(|time| time.to_string()).unwrap_or_default(),
    });
    // A larger output would fail the execution with States.DataLimitExceeded after the answer was accepted.
    let bytes = output.to_string().len();
    if bytes > OUTPUT_BYTES_MAX {
        return Err(invalid(format!("the answer has {bytes} bytes, and a task's output at most {OUTPUT_BYTES_MAX}")));
    }
    Ok(Ok(output))
}

/// The error with which a rejected approval fails.
fn rejection(state_path: &str, by: &Signaller) -> Result<ErrorAndCause, Fault> {
    let comment = by.comment.as_ref().map_or_else(String::new, |comment| format!(": {comment}"));
    let cause = format!("{} on {}{comment}", rejection_cause(state_path, &by.user), by.host);
    // The history has the beginning of a longer cause only.
    let characters = cause.chars().count();
    if characters > CAUSE_CHARACTERS_MAX {
        return Err(invalid(format!(
            "the cause of the rejection has {characters} characters, and a task's cause at most {CAUSE_CHARACTERS_MAX}: \
             shorten the comment"
        )));
    }
    Ok(ErrorAndCause { error: REJECTED.to_owned(), cause })
}

/// The choice of an answer, or `approve` where the approval has none.
fn valid_choice(approval: &Approval, choice: Option<String>) -> Result<String, Fault> {
    match (choice, approval.choices.as_slice()) {
        (None, []) => Ok("approve".to_owned()),
        (Some(choice), choices) if choices.contains(&choice) => Ok(choice),
        (Some(choice), []) => Err(invalid(format!(
            "the approval has no choices, so '{choice}' cannot be chosen: approve it without --choice"
        ))),
        (_, choices) => Err(invalid(format!("choose one of {}", choices.join(", ")))),
    }
}

/// Refuses an answer to a malformed question, by `flow approve` or by a signal: without its choices and fields, every answer would be
/// accepted.
///
/// # Errors
/// A field of the question is malformed.
pub fn refuse_malformed(approval: &Approval, state_path: &str) -> Result<(), Fault> {
    match &approval.problem {
        None => Ok(()),
        Some(problem) => {
            let message = format!("the question of \"{state_path}\" is malformed: {problem}; nothing was answered");
            Err(Fault::new(MALFORMED_QUESTION, message))
        }
    }
}

fn invalid(message: String) -> Fault {
    Fault::new(INVALID, format!("{message}; nothing was answered"))
}

/// Refuses an answer by a user or with a token that the approval does not name.
fn refuse_others(approval: &Approval, state_path: &str, user: &str, proof: Proof<'_>) -> Result<(), Fault> {
    let (kind, is_permitted) = match proof {
        Proof::Groups(groups) if approval.takes_only_tokens() => (NEEDS_TOKEN, approval.may_answer(user, groups)),
        Proof::Groups(groups) => (NOT_ALLOWED, approval.may_answer(user, groups)),
        Proof::Token(_) if approval.tokens.is_empty() => (INVALID, false),
        Proof::Token(token) => (NEEDS_TOKEN, approval.holder(token).is_some()),
    };
    if is_permitted {
        return Ok(());
    }
    let who = match approval.answerers() {
        who if who.is_empty() => "every user may, without a token".to_owned(),
        who => format!("{} may", who.join(", ")),
    };
    Err(Fault::new(kind, format!("{user} may not answer \"{state_path}\": {who}")))
}

/// Reports a field that the schema does not declare, most likely a misspelling. `additionalProperties` permits such
/// fields.
fn undeclared(schema: &Value, fields: &Value) -> Option<String> {
    let declared = schema["properties"].as_object()?;
    if schema.get("additionalProperties").is_some() || schema.get("patternProperties").is_some() {
        return None;
    }
    let unknown = fields.as_object()?.keys().find(|name| !declared.contains_key(*name))?;
    let names: Vec<&str> = declared.keys().map(String::as_str).collect();
    Some(format!("there is no field '{unknown}': the fields are {}", names.join(", ")))
}

/// The resource of a Task that a person answers.
pub const APPROVAL: &str = "flow:approval:request";

/// The approval that a frame waits for.
pub fn approval_of(row: &FrameRow) -> Option<&Approval> {
    row.instructions()?.approval.as_deref()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use engine::step::ApprovalToken;

    use super::*;

    /// The kind of the refusal of an answer; `None` if it is accepted.
    fn refusal(approval: &Approval, user: &str, proof: Proof<'_>) -> Option<&'static str> {
        let by = Signaller { user: user.to_owned(), host: "desk".to_owned(), comment: None };
        let answer = ApprovalAnswer { decision: Decision::Reject, by: &by, proof, now_ms: 0 };
        outcome_of(approval, "Ask", answer, |_, _| Vec::new()).err().map(|fault| fault.kind)
    }

    #[test]
    fn an_answer_that_is_larger_than_an_output_may_be_is_refused_before_it_is_recorded() {
        let by = Signaller { user: "ann".to_owned(), host: "desk".to_owned(), comment: None };
        let approval = Approval {
            fields: Some(json!({ "type": "object", "properties": { "text": { "type": "string" } } })),
            ..Approval::default()
        };
        let outcome = |length: usize| {
            let fields = Map::from_iter([("text".to_owned(), Value::from("x".repeat(length)))]);
            let decision = Decision::Approve { choice: None, fields };
            let answer = ApprovalAnswer { decision, by: &by, proof: Proof::Groups(&[]), now_ms: 0 };
            outcome_of(&approval, "Ask", answer, |_, _| Vec::new())
        };
        assert!(outcome(200_000).is_ok());
        assert!(outcome(OUTPUT_BYTES_MAX).unwrap_err().message.contains("nothing was answered"));
    }

    #[test]
    fn a_rejection_whose_comment_does_not_fit_into_a_cause_is_refused_before_it_is_recorded() {
        let reject = |length: usize| {
            let by = Signaller { user: "ann".to_owned(), host: "desk".to_owned(), comment: Some("x".repeat(length)) };
            let answer = ApprovalAnswer { decision: Decision::Reject, by: &by, proof: Proof::Groups(&[]), now_ms: 0 };
            outcome_of(&Approval::default(), "Ask", answer, |_, _| Vec::new())
        };
        let cause = reject(32_000).unwrap().unwrap_err().cause;
        assert!(cause.starts_with(&format!("{} ", rejection_cause("Ask", "ann"))) && cause.ends_with('x'));
        assert!(reject(CAUSE_CHARACTERS_MAX).unwrap_err().message.contains("nothing was answered"));
    }

    #[test]
    fn a_user_or_a_token_of_the_approval_suffices_and_an_unknown_token_does_not_become_a_user() {
        let token = "0123456789abcdef0123456789abcdef";
        let sha256 = ApprovalToken::fingerprint(token);
        let tokens = vec![ApprovalToken { label: "on-call".to_owned(), sha256 }];
        let only_tokens = Approval { tokens: tokens.clone(), ..Approval::default() };
        let both = Approval { tokens, users: vec!["ann".to_owned()], ..Approval::default() };
        let malformed = Approval { problem: Some("Choices: not a list".to_owned()), ..Approval::default() };
        assert_eq!(refusal(&malformed, "ann", Proof::Groups(&[])), Some(MALFORMED_QUESTION));
        let unknown = Proof::Token("another token, which has at least 32 characters");
        for approval in [&only_tokens, &both] {
            assert_eq!(refusal(approval, "on-call", Proof::Token(token)), None);
            assert_eq!(refusal(approval, "ann", unknown), Some(NEEDS_TOKEN));
        }
        assert_eq!(refusal(&both, "ann", Proof::Groups(&[])), None);
        assert_eq!(refusal(&both, "bob", Proof::Groups(&[])), Some(NOT_ALLOWED));
        assert_eq!(refusal(&only_tokens, "ann", Proof::Groups(&[])), Some(NEEDS_TOKEN));
        assert_eq!(refusal(&Approval::default(), "ann", unknown), Some(INVALID));
    }
}
